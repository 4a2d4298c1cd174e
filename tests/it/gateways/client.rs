//! The way to a gateway: whatever answers there, an answer has its bounds in time and size, and the key goes nowhere else.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use aifinops::engine::gateways::{Client, Limits, Reply, Secret, Trouble};
use aifinops::gateways::{Auth, Request};
use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

use super::SECRET;
use crate::proxy::service::{Service, begin, chunk, whole};

/// Nobody in these tests answers later than this, except who never does.
const PATIENT: Limits = Limits { connect: Duration::from_secs(20), whole: Duration::from_mins(1), largest: 1 };
/// For who never ends.
const SHORT: Limits = Limits { whole: Duration::from_millis(600), ..PATIENT };

/// What comes of one question, asked with the key.
fn ask(url: &str, path: &str, limits: Limits) -> Result<Reply, Trouble> {
    let secret = Secret::new(SECRET).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = Client::within(url, Auth::Bearer, Some(&secret), limits).map(|client| runtime.block_on(client.send(&Request::get(path))));
    let reply = reply.and_then(|reply| reply);
    if let Err(trouble) = &reply {
        let words = trouble.to_string();
        assert!(words.starts_with("127.0.0.1 ") && !words.contains(SECRET) && words.len() < 400, "{words}");
    }
    reply
}

/// A service that writes until nobody reads any more, or until it is past `most` bytes, and tells whether somebody read it all.
fn writing(most: usize, head: &'static str, piece: Vec<u8>) -> (Service, mpsc::Receiver<bool>) {
    let (told, all) = mpsc::channel();
    let told = Mutex::new(told);
    let service = Service::new(move |_, stream| {
        let mut is_there = stream.write_all(head.as_bytes()).is_ok();
        let mut written = 0;
        while is_there && written < most {
            is_there = stream.write_all(&piece).is_ok();
            written += piece.len();
        }
        let _ = told.lock().unwrap().send(is_there);
    });
    (service, all)
}

#[test]
fn a_head_that_is_too_large_is_no_answer() {
    let long = |begin: &'static str, piece: &[u8]| writing(64 << 20, begin, piece.to_vec());
    for (service, read_all) in [
        long("HTTP/1.1 200 OK\r\nx-long: ", &[b'a'; 1 << 14]),
        long("HTTP/1.1 200 OK\r\n", &b"x-one-more: of very many\r\n".repeat(2000)),
        long("HTTP/1.1 200 ", &[b'O'; 1 << 14]),
        long("HTTP/1.1 200 OK\r\nretry-after: ", &[b'1'; 1 << 14]),
    ] {
        let trouble = ask(&service.url(), "/", PATIENT).unwrap_err();
        assert!(matches!(trouble, Trouble::Network { .. }), "{trouble}");
        assert!(!read_all.recv().unwrap(), "nobody reads 64 MB of that");
    }
}

/// A compressed answer of this many MB of zeros: the same MB again and again, so that it costs nothing to make.
pub(crate) fn bomb(megabytes: usize) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut one = Vec::with_capacity(1 << 16);
    let mut packer = Compress::new(Compression::best(), false);
    packer.compress_vec(&zeros, &mut one, FlushCompress::Full).unwrap();
    assert!(packer.total_in() == 1 << 20 && one.len() < 4096, "{} bytes", one.len());
    // RFC 1952: its mark, deflate, no name, no time, any system.
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..], &one.repeat(megabytes)].concat()
}

fn compressed(stream: &mut TcpStream, body: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn a_compressed_answer_is_read_and_measured_by_what_is_in_it() {
    let fits = vec![b'7'; 1 << 20];
    let answers = [packed(b"{\"a\":1}"), packed(&fits), packed(&[&fits[..], b"7"].concat()), bomb(8192)];
    let sizes = answers.each_ref().map(Vec::len);
    assert!(sizes.iter().all(|size| *size < 16 << 20), "{sizes:?}");
    let answers = Arc::new(answers);
    let own = Arc::clone(&answers);
    let service = Service::new(move |request, stream| {
        let n: usize = request.line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        compressed(stream, &own[n]);
    });
    let body = |n: usize| ask(&service.url(), &format!("/{n}"), PATIENT).map(|reply| reply.body);
    assert_eq!(body(0).unwrap(), b"{\"a\":1}");
    assert!(body(1).unwrap() == fits);
    for n in [2, 3] {
        let trouble = body(n).unwrap_err();
        assert!(matches!(trouble, Trouble::Large(_, 1)), "{n}: {trouble}");
    }
    assert_eq!(service.asked()[0].header("accept-encoding"), Some("gzip"), "and nothing else is asked for");
}

#[test]
fn what_is_compressed_badly_or_twice_is_no_answer() {
    let whole_one = packed(b"{\"a\":1}");
    let cut = whole_one[..whole_one.len() - 9].to_vec();
    let mut wrong = whole_one.clone();
    wrong[12] ^= 0xff;
    for body in [cut, wrong, b"{\"a\":1}".to_vec(), Vec::from([0x1f, 0x8b])] {
        let service = Service::new(move |_, stream| compressed(stream, &body));
        let trouble = ask(&service.url(), "/", PATIENT).unwrap_err();
        assert!(matches!(trouble, Trouble::Network { .. }), "{trouble}");
    }
    // Unpacked once; what is in it is for who reads it to refuse.
    let twice = packed(&bomb(64));
    let service = Service::new(move |_, stream| compressed(stream, &twice));
    assert!(ask(&service.url(), "/", PATIENT).unwrap().body == bomb(64));
}

#[test]
fn an_answer_without_an_end_is_no_answer() {
    let (told, is_told) = mpsc::channel();
    let told = Mutex::new(told);
    let service = Service::new(move |_, stream| {
        begin(stream);
        while chunk(stream, &[b'1'; 1 << 14]) {}
        told.lock().unwrap().send(()).unwrap();
    });
    let trouble = ask(&service.url(), "/", PATIENT).unwrap_err();
    assert!(matches!(trouble, Trouble::Large(_, 1)), "{trouble}");
    is_told.recv_timeout(Duration::from_secs(20)).expect("the connection is closed");
    // Nor is one that says beforehand how much it will be, and does send it.
    let (service, read_all) = writing(256 << 20, "HTTP/1.1 200 OK\r\ncontent-length: 268435456\r\n\r\n", vec![b'1'; 1 << 16]);
    assert!(matches!(ask(&service.url(), "/", PATIENT), Err(Trouble::Large(_, 1))));
    assert!(!read_all.recv().unwrap());
}

#[test]
fn who_is_slow_is_waited_for_as_a_whole_and_not_from_byte_to_byte() {
    for begins in ["", "HTTP/1.1 200 OK\r\nx-slow: ", "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "HTTP/1.1 "] {
        let service = Service::new(move |_, stream| {
            let mut is_there = stream.write_all(begins.as_bytes()).is_ok();
            while is_there {
                std::thread::sleep(Duration::from_millis(20));
                // Who says nothing at all waits until nobody listens any more.
                is_there =
                    if begins.is_empty() { !matches!(stream.peek(&mut [0]), Ok(0) | Err(_)) } else { stream.write_all(b"2").is_ok() };
            }
        });
        let begun = Instant::now();
        let trouble = ask(&service.url(), "/", SHORT).unwrap_err();
        assert!(matches!(trouble, Trouble::Late(_)), "{begins:?}: {trouble}");
        assert!(begun.elapsed() >= SHORT.whole, "{begins:?}: {:?}", begun.elapsed());
    }
}

#[test]
fn no_path_leads_the_key_to_another_place() {
    let (own, other) = (Service::saying(200, "application/json", "{}"), Service::saying(200, "application/json", "{}"));
    let port = other.at.port();
    for (base, path) in [
        // The port is a part of the address, and so is the end of a name or a number.
        ("http://127.0.0.1", format!(":{port}/x")),
        ("http://127.0.0.1", format!(":{port}")),
        ("http://127.0.0", format!(".1:{port}/x")),
        ("http://127.0.0.1:1", format!("@127.0.0.1:{port}/x")),
        (own.url().as_str(), format!("@127.0.0.1:{port}/x")),
        (own.url().as_str(), format!(":x@127.0.0.1:{port}/x")),
        (own.url().as_str(), "0/x".to_owned()),
        (own.url().as_str(), ".evil.example/x".to_owned()),
        (&format!("http://127.0.0.1:{}", port / 10), format!("{}/x", port % 10)),
    ] {
        let secret = Secret::new(SECRET).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::within(base, Auth::Bearer, Some(&secret), PATIENT).unwrap();
        let trouble = runtime.block_on(client.send(&Request::get(path.as_str()))).unwrap_err().to_string();
        let is_told = trouble.contains("another address") || trouble.contains("invalid port");
        assert!(is_told && !trouble.contains(SECRET), "{base} {path}: {trouble}");
    }
    assert_eq!((own.asked().len(), other.asked().len()), (0, 0));
    // What only looks like it stays a path there.
    for path in [
        "/x",
        "//evil.example/x",
        "/../..//evil.example",
        "/http://evil.example/",
        "/\\evil.example",
        "/@evil.example",
        "?a=//evil.example",
    ] {
        assert_eq!(ask(&own.url(), path, PATIENT).unwrap().status, 200, "{path}");
    }
    assert_eq!((own.asked().len(), other.asked().len()), (7, 0));
}

#[test]
fn an_address_may_be_written_in_capitals() {
    let service = Service::new(|_, stream| whole(stream, 200, "application/json", b"{}"));
    for base in [format!("HTTP://LocalHost:{}", service.at.port()), format!("http://127.0.0.1:{}/Base/", service.at.port())] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::within(&base, Auth::Bearer, None, PATIENT).unwrap();
        assert_eq!(runtime.block_on(client.send(&Request::get("/x"))).unwrap().status, 200, "{base}");
    }
    let lines: Vec<String> = service.asked().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /x HTTP/1.1", "GET /Base/x HTTP/1.1"]);
}
