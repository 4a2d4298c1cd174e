//! Pages in a browser: they are not heard, even if one should know the secret.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use aifinops::engine::proxy::Proxy;

use super::service::Service;
use super::{ASKED, Ledger, MESSAGES, STREAM, proxy, streaming};

/// The status of the answer to a request with just these headers, and the whole answer.
fn ask(proxy: &Proxy, method: &str, path: &str, headers: &str) -> (u16, String) {
    let base = proxy.base("a");
    let (place, secret) = base.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(place).unwrap();
    let head = format!("{method} /{secret}{path} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n", ASKED.len());
    // Who is refused may not be listened to any more.
    let _ = stream.write_all(&[head.as_bytes(), ASKED.as_bytes()].concat());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn heard() -> (Service, Arc<Ledger>, Proxy) {
    let (service, gate) = (streaming(&STREAM), Arc::new(Ledger::default()));
    let proxy = proxy(&service, &gate);
    (service, gate, proxy)
}

#[test]
fn what_says_whose_page_it_is_is_refused() {
    let (service, gate, proxy) = heard();
    let port = proxy.base("a").split([':', '/']).nth(4).unwrap().to_owned();
    for origin in ["https://evil.example", "null", "http://localhost:3000", "file://", &format!("http://127.0.0.1:{port}"), ""] {
        // With the question whether it may ask, too, as browsers send it first.
        for (method, path) in [("POST", MESSAGES), ("OPTIONS", MESSAGES), ("GET", "/v1/models")] {
            let (status, answer) = ask(&proxy, method, path, &format!("host: 127.0.0.1:{port}\r\norigin: {origin}\r\n"));
            assert_eq!(status, 403, "{method} {origin}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
        }
    }
    assert_eq!((service.asked().len(), gate.asked.lock().unwrap().len()), (0, 0));
}

#[test]
fn a_name_that_is_led_to_this_machine_is_not_this_machine() {
    let (service, gate, proxy) = heard();
    let names = [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "[::ffff:10.0.0.1]",
        "localhost@evil.example",
        "evil",
        "",
    ];
    for name in names {
        let (status, answer) = ask(&proxy, "POST", MESSAGES, &format!("host: {name}\r\n"));
        assert_eq!(status, 403, "{name}: {answer}");
    }
    let twice = ask(&proxy, "POST", MESSAGES, "host: 127.0.0.1\r\nhost: evil.example\r\n").0;
    assert!(matches!(twice, 400 | 403), "{twice}");
    assert_eq!((service.asked().len(), gate.asked.lock().unwrap().len()), (0, 0));
}

#[test]
fn agents_are_heard_by_whatever_name_this_machine_has() {
    let (service, gate, proxy) = heard();
    let names = ["127.0.0.1", "127.0.0.1:4000", "localhost", "LocalHost:4000", "[::1]", "[::1]:4000"];
    for name in names {
        // As the clients of agents send it: undici, Bun and reqwest.
        let headers = format!("host: {name}\r\nsec-fetch-mode: cors\r\naccept-language: *\r\nuser-agent: node\r\n");
        assert_eq!(ask(&proxy, "POST", MESSAGES, &headers).0, 200, "{name}");
    }
    assert_eq!((service.asked().len(), gate.told(names.len()).len()), (names.len(), names.len()));
}

#[test]
fn who_does_not_know_the_secret_is_told_nothing_more() {
    let (_service, _gate, proxy) = heard();
    let place = proxy.base("a");
    let place = place.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(place).unwrap();
    stream
        .write_all(b"GET /s/0/a/v1/models HTTP/1.1\r\nhost: evil.example\r\norigin: https://evil.example\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}
