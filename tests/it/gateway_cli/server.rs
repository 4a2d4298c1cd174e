//! A small `LiteLLM` on loopback: it answers from a ledger in memory, can be in any mood, and remembers what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::ledger::{Ledger, Told, VERSION, WORDS, refusal};
use crate::proxy::service::{Request, Service, begin, chunk};

/// How the gateway is.
#[derive(Debug, Clone)]
pub(super) enum Mood {
    /// It answers from its ledger.
    Usual,
    /// It says this status to everything, and these words, in which `KEY` is the key that it was asked with.
    Says(u16, &'static str),
    /// It has too much to do, so often, and says when to come again.
    Busy { times: u32, again: &'static str },
    /// A web page stands before it.
    Page,
    /// Its JSON ends too early.
    Cut,
    /// It promises more than it sends.
    BreaksOff,
    /// It never ends.
    Endless,
    /// It never begins.
    Silent,
    /// It sends everybody to this address.
    Elsewhere(String),
    /// It closes the connection.
    HangsUp,
    /// It closes the connection when it is asked for a second page.
    DiesLater,
}

/// A question or an order as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// All headers.
    pub(super) head: String,
    /// The key that it came with.
    pub(super) key: Option<String>,
    pub(super) body: String,
}

impl Asked {
    fn of(request: &Request) -> Asked {
        let mut words = request.line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        Asked { method, path, head: request.head.clone(), key, body: String::from_utf8(request.body.clone()).unwrap() }
    }

    /// The path without the query.
    pub(super) fn place(&self) -> &str {
        self.path.split('?').next().unwrap()
    }

    /// A part of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').filter_map(|part| part.split_once('=')).find(|(n, _)| *n == name).map(|(_, value)| plain(value))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A part of a query as it was meant.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

struct State {
    mood: Mood,
    ledger: Ledger,
}

impl State {
    /// The mood for one answer.
    fn mood(&mut self) -> Mood {
        let now = self.mood.clone();
        if let Mood::Busy { times, again } = now {
            self.mood = if times > 1 { Mood::Busy { times: times - 1, again } } else { Mood::Usual };
        }
        now
    }
}

/// The gateway.
pub(super) struct Server {
    service: Service,
    state: Arc<Mutex<State>>,
    seen: Mutex<usize>,
}

impl Server {
    pub(super) fn new(ledger: Ledger) -> Server {
        let state = Arc::new(Mutex::new(State { mood: Mood::Usual, ledger }));
        let own = Arc::clone(&state);
        let service = Service::new(move |request, stream| respond(&own, &Asked::of(request), stream));
        Server { service, state, seen: Mutex::new(0) }
    }

    pub(super) fn url(&self) -> String {
        self.service.url()
    }

    /// The same place by its other name.
    pub(super) fn url_by_name(&self) -> String {
        format!("http://localhost:{}", self.service.at.port())
    }

    pub(super) fn be(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.state.lock().unwrap().ledger.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.state.lock().unwrap().ledger);
    }

    /// What it was asked since this was looked at last.
    pub(super) fn news(&self) -> Vec<Asked> {
        let all = self.service.asked();
        let mut seen = self.seen.lock().unwrap();
        let new = all.iter().skip(*seen).map(Asked::of).collect();
        *seen = all.len();
        new
    }

    /// Waits until somebody asks.
    pub(super) fn wait(&self) {
        for _ in 0..4000 {
            if self.service.asked().len() > *self.seen.lock().unwrap() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("nobody has asked");
    }
}

/// Answers as the mood is.
fn respond(state: &Mutex<State>, asked: &Asked, stream: &mut TcpStream) {
    let key = asked.key.as_deref().unwrap_or_default();
    let mood = state.lock().unwrap().mood();
    match mood {
        Mood::HangsUp => {}
        Mood::DiesLater if asked.query("page").is_some_and(|page| page != "1") => {}
        Mood::Usual | Mood::DiesLater => {
            let told = state.lock().unwrap().ledger.answer(asked);
            tell(stream, &told);
        }
        Mood::Says(status, words) => tell(stream, &refusal(status, words, key)),
        Mood::Busy { again, .. } => {
            let (status, body) = refusal(429, WORDS, key);
            send(stream, status, "application/json", &format!("retry-after: {again}\r\n"), body.to_string().as_bytes());
        }
        Mood::Page => send(stream, 200, "text/html", "", b"<!doctype html><title>Sign in</title>"),
        Mood::Cut => send(stream, 200, "application/json", "", br#"{"key":"0001","info":{"key_alias":"al"#),
        Mood::BreaksOff => {
            let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{\"key\":\"00");
        }
        Mood::Endless => {
            begin(stream);
            let piece = vec![b'0'; 1 << 20];
            let mut is_there = chunk(stream, b"{\"key\":\"");
            while is_there {
                is_there = chunk(stream, &piece);
            }
        }
        Mood::Silent => {
            // Until whoever asked goes away.
            let _ = stream.peek(&mut [0]);
        }
        Mood::Elsewhere(to) => send(stream, 307, "text/plain", &format!("location: {to}\r\n"), b""),
    }
}

fn tell(stream: &mut TcpStream, (status, body): &Told) {
    send(stream, *status, "application/json", &format!("x-litellm-version: {VERSION}\r\n"), body.to_string().as_bytes());
}

fn send(stream: &mut TcpStream, status: u16, kind: &str, headers: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// The port of somebody who speaks plain HTTP, and says so to whoever begins with TLS.
pub(super) fn plain_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), mut head) = (stream, [0; 5]) else { return };
            // A record of TLS says how long it is.
            if stream.read_exact(&mut head).is_ok() {
                let _ = stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))]);
            }
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    port
}
