//! Gateways behind TLS: only who can show a certificate that is trusted, valid and the host's own gets the key.

#![cfg(target_os = "linux")] // elsewhere the system's own store says whom to trust, and none is added to it for a test

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificate::{Identity, NOW, Whose, Years};
use super::ledger::VIEWER;
use super::{Machine, Run};
use crate::proxy::service::Service;

/// A service behind TLS that gives everybody the same answer, and the heads of what it was asked.
struct Behind {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Behind {
    fn new(identity: &Identity, answer: String) -> Behind {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let (chain, key) = identity.parts();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream.unwrap());
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                if !head.is_empty() {
                    log.lock().unwrap().push(String::from_utf8(head).unwrap());
                    let _ = stream.write_all(answer.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Behind { at, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn refusing() -> String {
    let body = r#"{"error":{"message":"Not today."}}"#;
    format!("HTTP/1.1 401 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Adds a gateway that is there, where this issuer is trusted and no other.
fn add(machine: &Machine, trusted: &Identity, host: &str, at: SocketAddr) -> Run {
    let trust = machine.keys.path().join("trusted.pem");
    std::fs::write(&trust, trusted.pem()).unwrap();
    let url = format!("https://{host}:{}", at.port());
    let mut command = machine.command(&["gateway", "add", "team", &url, "--token-env", "VIEWER", "--kind", "litellm"]);
    let run = Run::of(command.env("SSL_CERT_FILE", trust).output().unwrap());
    assert_eq!((run.code, run.out.as_str(), machine.config()), (1, "", None), "{}", run.err);
    assert!(!run.err.contains(VIEWER.rsplit('-').next().unwrap()), "{}", run.err);
    run
}

#[test]
fn only_a_certificate_that_is_good_opens_the_way_for_the_key() {
    let (trusted, stranger) = (Identity::new(Whose::Issuer, NOW, None), Identity::new(Whose::Issuer, NOW, None));
    let (name, address) = (Whose::Name("localhost"), Whose::Address([127, 0, 0, 1]));
    let cases: [(&str, &str, Whose, Years, Option<&Identity>); 13] = [
        ("", "localhost", name, NOW, Some(&trusted)),
        ("", "127.0.0.1", address, NOW, Some(&trusted)),
        ("not valid for name", "localhost", Whose::Name("gateway.example"), NOW, Some(&trusted)),
        ("not valid for name", "localhost", Whose::Name("localhost.gateway.example"), NOW, Some(&trusted)),
        ("not valid for name", "localhost", address, NOW, Some(&trusted)),
        ("not valid for name", "127.0.0.1", Whose::Address([127, 0, 0, 2]), NOW, Some(&trusted)),
        ("not valid for name", "127.0.0.1", name, NOW, Some(&trusted)),
        ("not valid for name", "localhost", Whose::Called("localhost"), NOW, Some(&trusted)),
        ("expired", "localhost", name, (2010, 2020), Some(&trusted)),
        ("not valid yet", "localhost", name, (2110, 2120), Some(&trusted)),
        // It is called as the one that is trusted.
        ("BadSignature", "localhost", name, NOW, Some(&stranger)),
        ("UnknownIssuer", "localhost", name, NOW, None),
        ("UnknownIssuer", "127.0.0.1", address, NOW, None),
    ];
    // At once: a way that fails is tried again, after a while.
    std::thread::scope(|scope| {
        for (why, host, whose, years, issuer) in cases {
            let trusted = &trusted;
            scope.spawn(move || {
                let machine = Machine::new();
                let service = Behind::new(&Identity::new(whose, years, issuer), refusing());
                let run = add(&machine, trusted, host, service.at);
                if why.is_empty() {
                    assert!(run.err.contains("does not accept the key (401)"), "{host} {whose:?}: {}", run.err);
                    assert!(service.asked().iter().any(|head| head.contains(VIEWER)), "the key was there to be told");
                } else {
                    let is_told = run.err.contains("cannot be reached: ") && run.err.contains(why);
                    assert!(is_told, "{why} {host} {whose:?} {years:?}: {}", run.err);
                    assert_eq!(service.asked(), Vec::<String>::new(), "{why}");
                }
            });
        }
    });
}

#[test]
fn the_key_does_not_follow_a_redirect_out_of_tls() {
    let open = Service::saying(200, "application/json", "{}");
    let trusted = Identity::new(Whose::Issuer, NOW, None);
    let host = Identity::new(Whose::Name("localhost"), NOW, Some(&trusted));
    for to in [format!("{}/key/info", open.url()), format!("http://localhost:{}/key/info", open.at.port()), format!("//{}/", open.at)] {
        let answer = format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let (machine, service) = (Machine::new(), Behind::new(&host, answer));
        let run = add(&machine, &trusted, "localhost", service.at);
        assert!(run.err.contains("redirects to another address"), "{to}: {}", run.err);
        assert_eq!((service.asked().len(), open.asked().len()), (1, 0), "{to}");
    }
}

/// No key goes there; but what comes from somewhere else than was asked for is no list of prices either.
#[test]
fn a_list_of_prices_comes_from_the_host_that_was_asked_for_and_is_no_flood() {
    let trusted = Identity::new(Whose::Issuer, NOW, None);
    let host = Identity::new(Whose::Name("localhost"), NOW, Some(&trusted));
    let said = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let list = r#"{"nobody-knows-this":{"mode":"chat","litellm_provider":"x","input_cost_per_token":1e-06,"output_cost_per_token":2e-06}}"#;
    let (open, good) = (Service::saying(200, "application/json", list), Behind::new(&host, said("200 OK", "", list)));
    let to = |place: &str| said("302 Found", &format!("location: {place}\r\n"), "");
    let cases = [
        ("", said("200 OK", "", list)),
        ("", to(&format!("https://localhost:{}/list.json", good.at.port()))),
        ("redirects to another host", to(&format!("https://{}/list.json", good.at))),
        ("too many redirects", to("/list.json")),
        ("redirects to another host", to(&open.url())),
        ("error", to(&format!("http://localhost:{}/list.json", open.at.port()))),
        ("larger than 32 MiB", said("200 OK", "", &"[".repeat(33 << 20))),
        ("404", said("404 Not Found", "", list)),
    ];
    for (why, answer) in cases {
        let (machine, service) = (Machine::new(), Behind::new(&host, answer));
        let trust = machine.keys.path().join("trusted.pem");
        std::fs::write(&trust, trusted.pem()).unwrap();
        let url = format!("https://localhost:{}/list.json", service.at.port());
        let run = Run::of(machine.command(&["prices", "update", "--url", &url]).env("SSL_CERT_FILE", trust).output().unwrap());
        assert_eq!(run.code == 0, why.is_empty(), "{why}: {}{}", run.out, run.err);
        assert!(run.err.contains(why), "{why}: {}", run.err);
    }
    assert_eq!(open.asked().len(), 0, "nothing is asked for in clear");
}

#[test]
fn who_offers_less_than_tls_1_2_is_refused() {
    // A server's first words: handshake, ServerHello, this version, 32 random bytes, no session, a suite of old, no compression.
    for version in [[3, 0], [3, 1], [3, 2]] {
        let hello = [&version[..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
        let length = u8::try_from(hello.len()).unwrap();
        let record = [&[22, version[0], version[1], 0, length + 4, 2, 0, 0, length][..], &hello].concat();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let answers = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))]).unwrap();
            stream.write_all(&record).unwrap();
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said);
            said
        });
        let run = add(&Machine::new(), &Identity::new(Whose::Issuer, NOW, None), "localhost", at);
        assert!(run.err.contains("cannot be reached: "), "{}", run.err);
        // An alert and no more: fatal, protocol version or illegal parameter (RFC 8446, 6.2).
        let said = answers.join().unwrap();
        assert!(matches!(said[..], [21, 3, _, 0, 2, 2, 70 | 47]), "{version:?}: {said:?}");
    }
}
