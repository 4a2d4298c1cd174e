//! Services that are down, slow, broken or sly, and clients that go away.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aifinops::engine::gate::{Gate, Open};
use aifinops::engine::proxy::{Proxy, ProxyError};
use aifinops::model::Tokens;

use super::service::{Service, begin, chunk, send};
use super::{ASKED, Ledger, MESSAGES, STREAM, post, proxy, setup, streaming};

/// What a stream has used that broke off after twelve bytes of text.
const CUT: Tokens = Tokens { input: 1000, output: 3, cache_read: 0, cache_write_5m: 0, cache_write_1h: 0, reasoning: 0 };

#[test]
fn a_truncated_stream_ends_truncated_and_counts_what_was_streamed() {
    let service = Service::new(|_, stream| {
        begin(stream);
        chunk(stream, STREAM[0].as_bytes());
        chunk(stream, STREAM[1].as_bytes());
        // No last chunk.
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let (body, whole) = post(&proxy, MESSAGES, ASKED).body();
    assert_eq!((body, whole), (STREAM[..2].concat().into_bytes(), false));
    let usage = gate.told(1)[0].clone().unwrap();
    assert_eq!((usage.tokens, usage.told), (CUT, false));
    let tally = proxy.finish();
    assert_eq!((tally.failed, tally.estimated), (1, 1));
}

#[test]
fn a_client_that_hangs_up_is_counted_and_the_service_is_told() {
    let (gone, is_gone) = mpsc::channel();
    let service = Service::new(move |_, stream| {
        begin(stream);
        chunk(stream, STREAM[0].as_bytes());
        chunk(stream, STREAM[1].as_bytes());
        while chunk(stream, b": ping\n\n") {
            std::thread::sleep(Duration::from_millis(5));
        }
        gone.send(()).unwrap();
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let mut answer = post(&proxy, MESSAGES, ASKED);
    let mut read = Vec::new();
    while !read.ends_with(STREAM[1].as_bytes()) {
        read.extend(answer.chunk().unwrap());
        assert!(read.len() < 10_000);
    }
    drop(answer);
    let usage = gate.told(1)[0].clone().unwrap();
    assert_eq!((usage.tokens, usage.told), (CUT, false));
    is_gone.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn a_client_that_hangs_up_before_the_answer_owes_nothing() {
    let (asked, is_asked) = mpsc::channel();
    let service = Service::new(move |_, _| {
        asked.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(30));
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let url = format!("{}{MESSAGES}", proxy.base("a"));
    let (host, path) = url[7..].split_at(url[7..].find('/').unwrap());
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\r\n{ASKED}", ASKED.len()).unwrap();
    is_asked.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(stream);
    assert_eq!(gate.told(1), [None]);
}

#[test]
fn a_service_that_is_down_is_named_without_what_is_secret() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gate = Arc::new(Ledger::default());
    let upstream = format!("http://user:hidden@{nobody}/base");
    let proxy = Proxy::start(setup(&upstream, Arc::clone(&gate) as Arc<dyn Gate>)).unwrap();
    for path in [MESSAGES, "/v1/responses", "/v1/chat/completions", "/v1beta/models/g:generateContent?key=hidden", "/v1/models?key=hidden"]
    {
        let answer = post(&proxy, path, ASKED);
        assert_eq!(answer.status, 502);
        let text = answer.text();
        assert!(text.contains(&format!("http://{nobody} cannot be reached")) && !text.contains("hidden"), "{text}");
    }
    assert_eq!(gate.told(4), [None, None, None, None]);
    assert_eq!(proxy.finish().failed, 4);
}

#[test]
fn a_slow_service_is_waited_for_but_not_for_ever() {
    let service = Service::new(|request, stream| {
        if request.line.contains("begins") {
            begin(stream);
            chunk(stream, STREAM[0].as_bytes());
        }
        std::thread::sleep(Duration::from_secs(30));
    });
    let gate = Arc::new(Ledger::default());
    let mut setup = setup(&service.url(), Arc::clone(&gate) as Arc<dyn Gate>);
    setup.patience.silence = Duration::from_millis(200);
    let proxy = Proxy::start(setup).unwrap();
    let silent = post(&proxy, MESSAGES, ASKED);
    assert_eq!(silent.status, 504);
    assert!(silent.text().contains("has not answered in time"));
    let (body, whole) = post(&proxy, "/begins/messages", ASKED).body();
    assert_eq!((body.as_slice(), whole), (STREAM[0].as_bytes(), false));
    let told = gate.told(2);
    assert_eq!((&told[0], told[1].as_ref().unwrap().tokens.input), (&None, 1000));
}

#[test]
fn garbage_is_no_answer_and_costs_nothing() {
    let service = Service::new(|_, stream| stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").unwrap());
    let gate = Arc::new(Ledger::default());
    let broken = proxy(&service, &gate);
    let answer = post(&broken, MESSAGES, ASKED);
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("has not answered properly"));
    let html = Service::saying(200, "text/html", "<html>sign in to this network</html>");
    let portal = proxy(&html, &gate);
    let answer = post(&portal, MESSAGES, ASKED);
    assert_eq!((answer.status, answer.text().as_str()), (200, "<html>sign in to this network</html>"));
    let overloaded = Service::saying(529, "application/json", r#"{"type":"error","usage":{"input_tokens":5,"output_tokens":5}}"#);
    let failing = proxy(&overloaded, &gate);
    let answer = post(&failing, MESSAGES, ASKED);
    assert_eq!((answer.status, answer.header("x-own")), (529, Some("kept")));
    drop(answer.body());
    assert_eq!(gate.told(3), [None, None, None]);
}

#[test]
fn an_answer_that_is_compressed_against_our_wish_is_counted_by_its_size() {
    let service = Service::new(|_, stream| {
        let body = [0x1f, 0x8b, 0x08, 0x00].repeat(25);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let answer = post(&proxy, MESSAGES, ASKED);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.body().0, [0x1f, 0x8b, 0x08, 0x00].repeat(25));
    let usage = gate.told(1)[0].clone().unwrap();
    assert_eq!((usage.tokens.input, usage.tokens.output, usage.told), (ASKED.len().div_ceil(4) as u64, 25, false));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = streaming(&STREAM);
    let target = elsewhere.url();
    let service = Service::new(move |_, stream| {
        write!(stream, "HTTP/1.1 307 X\r\nlocation: {target}/v1/messages\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let answer = post(&proxy, MESSAGES, ASKED);
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("redirects elsewhere"));
    // What is no model call is the agent's own affair: it sees the redirect.
    assert_eq!(send("GET", &format!("{}/v1/models", proxy.base("a")), "", b"").status, 307);
    assert_eq!((elsewhere.asked().len(), gate.told(1)), (0, vec![None]));
}

#[test]
fn an_address_must_be_one() {
    for text in ["", "localhost:4000", "ftp://x", "file:///etc/passwd", "http://"] {
        assert!(matches!(Proxy::start(setup(text, Arc::new(Open))), Err(ProxyError::Address(_))), "{text}");
    }
    let error = Proxy::start(setup("htp://user:hidden@host", Arc::new(Open))).unwrap_err();
    assert!(!error.to_string().contains("hidden"), "{error}");
}

#[test]
fn an_end_settles_what_is_under_way() {
    let service = Service::new(|_, stream| {
        begin(stream);
        chunk(stream, STREAM[0].as_bytes());
        std::thread::sleep(Duration::from_secs(30));
    });
    let gate = Arc::new(Ledger::default());
    let proxy = proxy(&service, &gate);
    let mut answer = post(&proxy, MESSAGES, ASKED);
    answer.chunk().unwrap();
    let tally = proxy.finish();
    assert_eq!((gate.told(1)[0].as_ref().unwrap().tokens.input, tally.estimated), (1000, 1));
}
