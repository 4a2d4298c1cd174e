//! The metering proxy between a client and a service, both on loopback.

mod pages;
pub(crate) mod service;
mod trouble;

use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use aifinops::engine::gate::{All, Ask, Gate, Open, RunLimit, Ticket};
use aifinops::engine::proxy::{Patience, Proxy, Route, Setup};
use aifinops::model::{Money, Tokens};
use aifinops::pricing::{Book, Pricer};
use aifinops::wires::Usage;
use service::{Answer, Service, begin, chunk, send};

const MESSAGES: &str = "/v1/messages?beta=true";
const ASKED: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":100,"stream":true,"messages":[]}"#;

/// A small stream of Anthropic's: 1000 tokens in, 100 out.
pub(crate) const STREAM: [&str; 3] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"twelve bytes\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":100}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];

/// Writes down what it is asked and told.
#[derive(Debug, Default)]
struct Ledger {
    asked: Mutex<Vec<Ask>>,
    told: Mutex<Vec<Option<Usage>>>,
    refuses: Option<&'static str>,
}

impl Gate for Ledger {
    fn admit(&self, ask: &Ask) -> Result<Ticket, String> {
        self.asked.lock().unwrap().push(ask.clone());
        self.refuses.map_or(Ok(Ticket(7)), |why| Err(why.to_owned()))
    }

    fn settle(&self, ticket: Ticket, usage: Option<&Usage>) {
        assert_eq!(ticket, Ticket(7));
        self.told.lock().unwrap().push(usage.cloned());
    }
}

impl Ledger {
    /// What it has been told, once that is so much.
    fn told(&self, calls: usize) -> Vec<Option<Usage>> {
        for _ in 0..500 {
            let told = self.told.lock().unwrap();
            if told.len() >= calls {
                return told.clone();
            }
            drop(told);
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not told: {:?}", self.told)
    }
}

fn setup(upstream: &str, gate: Arc<dyn Gate>) -> Setup {
    let route = Route { name: "a".to_owned(), upstream: upstream.to_owned(), unless: None };
    let patience = Patience { connect: Duration::from_secs(5), silence: Duration::from_secs(20) };
    Setup { agent: "claude-code".to_owned(), routes: vec![route], gate, holds: false, patience }
}

fn proxy(service: &Service, gate: &Arc<impl Gate + 'static>) -> Proxy {
    Proxy::start(setup(&service.url(), Arc::clone(gate) as Arc<dyn Gate>)).unwrap()
}

fn post(proxy: &Proxy, path: &str, body: &str) -> Answer {
    send("POST", &format!("{}{path}", proxy.base("a")), "content-type: application/json\r\n", body.as_bytes())
}

/// A service that streams an answer.
pub(crate) fn streaming(pieces: &'static [&'static str]) -> Service {
    Service::new(move |_, stream| {
        begin(stream);
        for piece in pieces {
            assert!(chunk(stream, piece.as_bytes()));
        }
        chunk(stream, b"");
    })
}

#[test]
fn a_stream_passes_byte_for_byte_and_is_metered() {
    let (service, gate) = (streaming(&STREAM), Arc::new(Ledger::default()));
    let proxy = proxy(&service, &gate);
    let url = format!("{}{MESSAGES}", proxy.base("a"));
    let headers = "X-Claude-Code-Session-Id: 3f2a91c0\r\nauthorization: Bearer secret-1\r\nx-api-key: secret-2\r\ncookie: a=b\r\naccept-encoding: gzip, br\r\nanthropic-beta: one,two\r\n";
    let answer = send("POST", &url, headers, ASKED.as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.body(), (STREAM.concat().into_bytes(), true));
    let usage = gate.told(1)[0].clone().unwrap();
    assert_eq!((usage.tokens, usage.told), (Tokens { input: 1000, output: 100, ..Tokens::default() }, true));
    assert_eq!((usage.id.as_deref(), usage.model.as_deref()), (Some("msg_1"), Some("claude-sonnet-4-5")));
    let ask = gate.asked.lock().unwrap()[0].clone();
    assert_eq!((ask.wire, ask.agent.as_str(), ask.session.as_deref()), ("anthropic", "claude-code", Some("3f2a91c0")));
    assert_eq!((ask.estimate.model.as_deref(), ask.estimate.most_output), (Some("claude-sonnet-4-5"), Some(100)));
    // The service has got what the client sent.
    let request = &service.asked()[0];
    assert_eq!((request.line.as_str(), request.body.as_slice()), ("POST /v1/messages?beta=true HTTP/1.1", ASKED.as_bytes()));
    let sent = ["authorization", "x-api-key", "cookie", "anthropic-beta", "accept-encoding", "host"].map(|name| request.header(name));
    let host = service.at.to_string();
    assert_eq!(sent, [Some("Bearer secret-1"), Some("secret-2"), Some("a=b"), Some("one,two"), None, Some(host.as_str())]);
    let tally = proxy.finish();
    assert_eq!((tally.calls, tally.refused, tally.failed, tally.estimated, tally.tokens.total()), (1, 0, 0, 0, 1100));
}

#[test]
fn pieces_are_handed_on_as_they_come() {
    let (seen, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let service = Service::new(move |_, stream| {
        begin(stream);
        chunk(stream, STREAM[0].as_bytes());
        // The rest is not even written before the client has the first piece.
        wait.lock().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        chunk(stream, STREAM[1].as_bytes());
        chunk(stream, STREAM[2].as_bytes());
        chunk(stream, b"");
    });
    let gate = Arc::new(Open);
    let proxy = proxy(&service, &gate);
    let mut answer = post(&proxy, MESSAGES, ASKED);
    assert_eq!(answer.chunk().unwrap(), STREAM[0].as_bytes());
    seen.send(()).unwrap();
    assert_eq!(answer.body(), (STREAM[1..].concat().into_bytes(), true));
}

#[test]
fn a_refused_call_is_never_made() {
    let gate = Arc::new(Ledger { refuses: Some("aifinops: used up"), ..Ledger::default() });
    let service = streaming(&STREAM);
    let proxy = proxy(&service, &gate);
    let refused = [MESSAGES, "/v1/responses", "/v1/chat/completions", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"];
    let answers = refused.map(|path| post(&proxy, path, ASKED));
    assert_eq!(answers.each_ref().map(|answer| answer.status), [402, 400, 402, 403]);
    for answer in answers {
        assert_eq!(answer.header("retry-after"), None);
        assert!(answer.text().contains("aifinops: used up"));
    }
    // What is no model call is none of the gate's business.
    assert_eq!(post(&proxy, "/v1/messages/count_tokens", ASKED).status, 200);
    assert_eq!(send("GET", &format!("{}/v1/models", proxy.base("a")), "", b"").status, 200);
    assert_eq!(service.asked().len(), 2);
    assert_eq!((gate.asked.lock().unwrap().len(), gate.told.lock().unwrap().len(), proxy.tally().refused), (4, 0, 4));
}

#[test]
fn what_is_no_model_call_passes_untouched() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let service = Service::new(|request, stream| service::whole(stream, 418, "application/x", &request.body));
    let proxy = proxy(&service, &Arc::new(Open));
    let answer = send("PUT", &format!("{}/v1/files?x=%2F&y", proxy.base("a")), "authorization: k\r\n", &bytes);
    assert_eq!((answer.status, answer.header("x-own"), answer.header("content-type")), (418, Some("kept"), Some("application/x")));
    assert!(answer.body() == (bytes, true));
    assert_eq!(service.asked()[0].line, "PUT /v1/files?x=%2F&y HTTP/1.1");
    assert_eq!(service.asked()[0].header("authorization"), Some("k"));
    assert_eq!(proxy.tally().calls, 0);
}

#[test]
fn a_request_of_twenty_megabytes_arrives_whole() {
    let gate = Arc::new(Ledger::default());
    let service = streaming(&STREAM);
    let proxy = proxy(&service, &gate);
    let body = format!(r#"{{"messages":"{}","model":"claude-opus-4-6"}}"#, "m".repeat(20 * 1024 * 1024));
    let answer = post(&proxy, MESSAGES, &body);
    assert_eq!((answer.status, answer.body().1), (200, true));
    assert!(service.asked()[0].body == body.as_bytes());
    let ask = gate.asked.lock().unwrap()[0].clone();
    assert_eq!((ask.estimate.input, ask.estimate.model.as_deref()), (body.len().div_ceil(4) as u64, Some("claude-opus-4-6")));
    // There is a bound, and it is said.
    let url = format!("{}{MESSAGES}", proxy.base("a"));
    let head = "content-length: 67108865\r\n";
    let mut stream = TcpStream::connect(url[7..].split('/').next().unwrap()).unwrap();
    std::io::Write::write_all(
        &mut stream,
        format!("POST {} HTTP/1.1\r\nhost: 127.0.0.1\r\n{head}\r\n", &url[url[7..].find('/').unwrap() + 7..]).as_bytes(),
    )
    .unwrap();
    let mut text = String::new();
    let _ = std::io::Read::read_to_string(&mut stream, &mut text);
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("larger than 64 MiB"), "{text}");
}

#[test]
fn only_who_knows_the_secret_is_heard() {
    let service = streaming(&STREAM);
    let proxy = proxy(&service, &Arc::new(Open));
    let base = proxy.base("a");
    assert!(base.starts_with("http://127.0.0.1:"), "{base}");
    let secret = base.rsplit('/').nth(1).unwrap();
    assert_eq!(secret.len(), 32);
    let host = base.split("/s/").next().unwrap();
    let wrong = format!("{}0", &secret[..31]);
    let wrong = if wrong == secret { format!("{}1", &secret[..31]) } else { wrong };
    for path in
        ["/v1/messages", "/", "/s/", &format!("/s/{wrong}/a/v1/messages"), &format!("/s/{secret}/b/v1/messages"), &format!("/s/{secret}")]
    {
        let answer = send("POST", &format!("{host}{path}"), "", ASKED.as_bytes());
        assert_eq!(answer.status, 404, "{path}");
    }
    // A path cannot make another host of the address.
    assert_eq!(post(&proxy, "@127.0.0.1:1/v1/messages", ASKED).status, 404);
    let other = Proxy::start(setup(&service.url(), Arc::new(Open))).unwrap();
    assert_ne!(other.base("a").rsplit('/').nth(1), Some(secret));
    assert_eq!(service.asked().len(), 0);
}

#[test]
fn a_limit_holds_for_a_hundred_streams_at_once() {
    // Each call costs 1000 × $3 + 100 × $15 per million tokens, which is $0.0045; for each $0.001557 is reserved.
    let service = streaming(&STREAM);
    let limit = Money::parse_usd("0.02").unwrap();
    let gate = Arc::new(RunLimit::new(limit, Pricer::new(Book::embedded())));
    let proxy = Arc::new(Proxy::start(setup(&service.url(), Arc::clone(&gate) as Arc<dyn Gate>)).unwrap());
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let proxy = Arc::clone(&proxy);
            std::thread::spawn(move || {
                let answer = post(&proxy, MESSAGES, ASKED);
                let status = answer.status;
                let (body, whole) = answer.body();
                assert!(whole && (status == 402 || body == STREAM.concat().as_bytes()));
                status
            })
        })
        .collect();
    let statuses: Vec<u16> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(statuses.iter().filter(|status| **status == 402).count(), 100 - admitted);
    assert_eq!(service.asked().len(), admitted);
    let (spent, call) = (gate.spent(), Money::parse_usd("0.0045").unwrap());
    assert_eq!(spent, call.scale(i64::try_from(admitted).unwrap(), 1));
    // By reservations alone 13 calls fit; each may cost more than was reserved, by less than itself.
    assert!((5..=13).contains(&admitted) && spent >= limit - call, "{admitted} calls, {spent}");
    assert!(gate.over().is_some() == (spent >= limit));
}

#[test]
fn a_cost_is_settled_before_the_answer_ends() {
    let service = streaming(&STREAM);
    let gate = Arc::new(RunLimit::new(Money::parse_usd("0.01").unwrap(), Pricer::new(Book::embedded())));
    let proxy = proxy(&service, &gate);
    let statuses: Vec<u16> = (0..5)
        .map(|n| {
            let answer = post(&proxy, MESSAGES, ASKED);
            let status = answer.status;
            drop(answer.body());
            if status == 200 {
                assert_eq!(gate.spent(), Money::parse_usd("0.0045").unwrap().scale(n + 1, 1));
            }
            status
        })
        .collect();
    assert_eq!(statuses, [200, 200, 200, 402, 402]);
    assert_eq!(service.asked().len(), 3);
}

#[test]
fn a_price_that_nobody_knows_is_no_way_around_a_limit() {
    let service = streaming(&STREAM);
    let gate = Arc::new(RunLimit::new(Money::parse_usd("1").unwrap(), Pricer::new(Book::embedded())));
    let proxy = proxy(&service, &gate);
    let answer = post(&proxy, MESSAGES, r#"{"model":"nobody-knows-this"}"#);
    assert_eq!(answer.status, 402);
    assert!(answer.text().contains("the price of `nobody-knows-this` is unknown"));
    assert_eq!(service.asked().len(), 0);
}

#[test]
fn all_gates_must_agree_and_none_keeps_a_reservation() {
    let (first, second) = (Arc::new(Ledger::default()), Arc::new(Ledger { refuses: Some("no"), ..Ledger::default() }));
    let service = streaming(&STREAM);
    let both = Arc::new(All::new(vec![Arc::clone(&first) as Arc<dyn Gate>, Arc::clone(&second) as Arc<dyn Gate>]));
    let proxy = proxy(&service, &both);
    assert_eq!(post(&proxy, MESSAGES, ASKED).status, 402);
    assert_eq!((first.told(1), second.told.lock().unwrap().len()), (vec![None], 0));
}

/// Refuses twice.
#[derive(Debug, Default)]
struct Later(std::sync::atomic::AtomicU32);

impl Gate for Later {
    fn admit(&self, _ask: &Ask) -> Result<Ticket, String> {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if n < 2 { Err("not yet".to_owned()) } else { Ok(Ticket(0)) }
    }

    fn settle(&self, _ticket: Ticket, _usage: Option<&Usage>) {}
}

#[test]
fn a_call_can_be_held_until_there_is_room() {
    let service = streaming(&STREAM);
    let mut setup = setup(&service.url(), Arc::new(Later::default()));
    setup.holds = true;
    let proxy = Proxy::start(setup).unwrap();
    let answer = post(&proxy, MESSAGES, ASKED);
    assert_eq!((answer.status, answer.body().1), (200, true));
    let tally = proxy.finish();
    assert_eq!((tally.calls, tally.refused), (1, 1));
}

#[test]
fn a_chat_stream_is_asked_for_its_usage() {
    let service =
        streaming(&["data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"]);
    let proxy = proxy(&service, &Arc::new(Open));
    drop(post(&proxy, "/v1/chat/completions", r#"{"model":"m","stream":true}"#).body());
    drop(post(&proxy, "/v1/chat/completions", r#"{"model":"m"}"#).body());
    let bodies: Vec<String> = service.asked().iter().map(|request| String::from_utf8(request.body.clone()).unwrap()).collect();
    assert_eq!(bodies, [r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#, r#"{"model":"m"}"#]);
}

#[test]
fn a_compressed_request_is_looked_into_and_passed_as_it_is() {
    let gate = Arc::new(Ledger::default());
    let service = streaming(&STREAM);
    let proxy = proxy(&service, &gate);
    let body = ruzstd::encoding::compress_to_vec(ASKED.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let url = format!("{}/v1/responses", proxy.base("a"));
    drop(send("POST", &url, "content-encoding: zstd\r\n", &body).body());
    assert_eq!(gate.asked.lock().unwrap()[0].estimate.model.as_deref(), Some("claude-sonnet-4-5"));
    assert!(service.asked()[0].body == body && service.asked()[0].header("content-encoding") == Some("zstd"));
}

#[test]
fn a_header_can_lead_to_another_address() {
    let (plain, chatgpt) = (streaming(&STREAM), streaming(&STREAM));
    let mut setup = setup(&format!("{}/v1/", plain.url()), Arc::new(Open));
    setup.routes[0].unless = Some(("chatgpt-account-id", format!("{}/backend-api/codex", chatgpt.url())));
    let proxy = Proxy::start(setup).unwrap();
    let url = format!("{}/responses", proxy.base("a"));
    drop(send("POST", &url, "", b"{}").body());
    drop(send("POST", &url, "ChatGPT-Account-Id: x\r\n", b"{}").body());
    assert_eq!(plain.asked()[0].line, "POST /v1/responses HTTP/1.1");
    assert_eq!(chatgpt.asked()[0].line, "POST /backend-api/codex/responses HTTP/1.1");
}

#[test]
fn a_socket_is_not_opened() {
    let service = streaming(&STREAM);
    let proxy = proxy(&service, &Arc::new(Open));
    let headers = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAA\r\n";
    let answer = send("GET", &format!("{}/v1/responses", proxy.base("a")), headers, b"");
    assert_eq!((answer.status, service.asked().len()), (426, 0));
}
