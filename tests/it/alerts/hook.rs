//! The webhook, against a server of our own on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use aifinops::alerts::{Setup, ways};
use aifinops::model::Webhook;
use serde_json::{Value, json};

use super::setting::program;
use super::{NOON, alert};

/// A request: its first line, its headers, its body.
struct Request {
    line: String,
    headers: String,
    body: Value,
}

/// A server that gives every request the same answer.
fn server(answer: &'static str, pause: Duration) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/T0/secret?k=1", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&mut stream);
            std::thread::sleep(pause);
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (url, told)
}

fn read(stream: &mut TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && reader.read_line(&mut headers).unwrap() > 2 {}
    let headers = headers.to_ascii_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { line: line.trim_end().to_owned(), headers, body: serde_json::from_slice(&body).unwrap() }
}

/// Tells one alert; gives the error in words.
fn tell(url: &str, title: &str, body: &str) -> Result<(), String> {
    let webhook = Some(Webhook::parse(url).unwrap());
    let way = ways(&["webhook".to_owned()], &mut Setup { env: &|_| None, webhook, screen: None }).remove(0);
    let mut alert = alert("cap:daily:2026-11-25:80", NOON);
    (alert.title, alert.body) = (title.to_owned(), body.to_owned());
    way.tell(&alert).map_err(|error| error.to_string())
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[test]
fn json_arrives_that_slack_understands() {
    let (url, told) = server(OK, Duration::ZERO);
    assert_eq!(tell(&url, "80% of the cap <!channel>", "R&D has\nspent $16.00"), Ok(()));
    let request = told.recv().unwrap();
    assert_eq!(request.line, "POST /services/T0/secret?k=1 HTTP/1.1");
    assert!(request.headers.contains("content-type: application/json"), "{}", request.headers);
    let expected = json!({
        "text": "*80% of the cap &lt;!channel&gt;*\nR&amp;D has\nspent $16.00", "kind": "cap_level",
        "title": "80% of the cap <!channel>", "body": "R&D has\nspent $16.00",
        "at": "2026-11-25T12:00:00.000Z", "key": "cap:daily:2026-11-25:80",
    });
    assert_eq!(request.body, expected);
}

#[test]
fn failures_are_told_by_the_host_only() {
    let (url, _told) = server("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", Duration::ZERO);
    assert_eq!(tell(&url, "a", "b"), Err("127.0.0.1 answered 500".to_owned()));
    let closed = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let error = tell(&format!("http://{closed}/secret"), "a", "b").unwrap_err();
    assert!(error.starts_with("127.0.0.1: ") && !error.contains("secret"), "{error}");
}

#[test]
fn nobody_is_followed_elsewhere() {
    let (elsewhere, visited) = server(OK, Duration::ZERO);
    let answer = format!("HTTP/1.1 307 No\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let (url, _told) = server(answer.leak(), Duration::ZERO);
    assert_eq!(tell(&url, "a", "b"), Err("127.0.0.1 answered 307".to_owned()));
    assert!(visited.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn who_is_slow_is_given_up() {
    let (url, _told) = server(OK, Duration::from_mins(1));
    let begin = Instant::now();
    assert_eq!(tell(&url, "a", "b"), Err("127.0.0.1 did not answer within 5 s".to_owned()));
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
}

#[test]
fn inside_a_runtime_it_works_as_well() {
    let (url, told) = server(OK, Duration::ZERO);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(async { tell(&url, "a", "") }), Ok(()));
    assert_eq!(told.recv().unwrap().body["text"], "a");
}

#[test]
fn the_command_tries_it_and_never_prints_the_address() {
    let home = tempfile::tempdir().unwrap();
    let (url, told) = server(OK, Duration::ZERO);
    let out = program(home.path(), &["alerts", "test", "--way", "webhook", "--json"]).env("AIFINOPS_WEBHOOK", &url).output().unwrap();
    assert_eq!(out.stdout, b"{\"ways\":[{\"way\":\"webhook\",\"ok\":true,\"error\":null}]}\n");
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(told.recv().unwrap().body["kind"], "test");

    let (url, _told) = server("HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", Duration::ZERO);
    let out = program(home.path(), &["alerts", "test", "--way", "webhook"]).env("AIFINOPS_WEBHOOK", &url).output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8(out.stdout).unwrap().as_str()), (Some(1), "✗ webhook   127.0.0.1 answered 404\n"));
    let out = program(home.path(), &["alerts", "test", "--way", "webhook"]).output().unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().contains("set `alerts.webhook`, or the variable AIFINOPS_WEBHOOK"));
    for args in [&["config", "show"][..], &["doctor"], &["doctor", "--json"]] {
        let out = program(home.path(), args).env("AIFINOPS_WEBHOOK", &url).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(text.contains("http://127.0.0.1/…") && !text.contains("secret"), "{text}");
    }
}
