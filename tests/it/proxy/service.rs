//! A service on loopback that answers as it is told to, and a client that sees every byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
}

/// A listening service, and all that it was asked.
pub(crate) struct Service {
    pub(crate) at: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// Answers each request by writing to its connection, which is closed afterwards.
    pub(crate) fn new(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, asked, answer) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), log, answer) = (stream, Arc::clone(&log), Arc::clone(&answer)) else { return };
                std::thread::spawn(move || {
                    let Some((head, body)) = read(&mut stream) else { return };
                    let request = Request { line: head.lines().next().unwrap_or_default().to_owned(), head, body };
                    log.lock().unwrap().push(request.clone());
                    answer(&request, &mut stream);
                });
            }
        });
        Service { at, asked }
    }

    /// Answers everything with this.
    pub(crate) fn saying(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Service {
        let body = body.into();
        Service::new(move |_, stream| whole(stream, status, content_type, &body))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer with its length.
pub(crate) fn whole(stream: &mut TcpStream, status: u16, content_type: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\nx-own: kept\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The head of an answer in chunks.
pub(crate) fn begin(stream: &mut TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
}

/// A chunk; an empty one is the end. Gives whether anybody is there to get it.
pub(crate) fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let framed = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    stream.write_all(&framed).is_ok()
}

/// Head and body of a message.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut body = Vec::new();
    if let Some(length) = header(&head, "content-length") {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).ok()?;
    } else if header(&head, "transfer-encoding") == Some("chunked") {
        while let Some(piece) = read_chunk(stream) {
            if piece.is_empty() {
                return Some((head, body));
            }
            body.extend(piece);
        }
        return None;
    }
    Some((head, body))
}

fn read_chunk(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut size = Vec::new();
    let mut byte = [0];
    while !size.ends_with(b"\r\n") {
        stream.read_exact(&mut byte).ok()?;
        size.push(byte[0]);
    }
    let length = usize::from_str_radix(String::from_utf8(size).unwrap().trim(), 16).unwrap();
    let mut piece = vec![0; length + 2];
    stream.read_exact(&mut piece).ok()?;
    piece.truncate(length);
    Some(piece)
}

/// An answer as it arrives.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    stream: TcpStream,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The next chunk; `None` when the connection breaks.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        read_chunk(&mut self.stream)
    }

    /// The body, and whether it came to its end.
    pub(crate) fn body(mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        if let Some(length) = self.header("content-length") {
            let length: u64 = length.parse().unwrap();
            let read = (&mut self.stream).take(length).read_to_end(&mut body);
            return (body, read.is_ok_and(|read| read as u64 == length));
        }
        if self.header("transfer-encoding").is_none() {
            return (body, true);
        }
        while let Some(piece) = self.chunk() {
            if piece.is_empty() {
                return (body, true);
            }
            body.extend(piece);
        }
        (body, false)
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.body().0).unwrap()
    }
}

/// Sends a request to an address and gives the head of the answer.
pub(crate) fn send(method: &str, url: &str, headers: &str, body: &[u8]) -> Answer {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body); // who is refused need not be listened to
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, stream }
}
