//! One model call: admitted or refused, made, metered while it flows by, settled once.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Response;
use hyper::body::Bytes;
use hyper::header;
use hyper::http::request::Parts;
use reqwest::Url;
use tokio::sync::{mpsc, oneshot};

use crate::engine::gate::{Ask, Gate, Ticket};
use crate::gateways::is_release;
use crate::model::text::clean;
use crate::model::{Millis, Money};
use crate::store::books::Word;
use crate::wires::{self, Estimate, Meter, Usage, Wire};

use super::flow::{Broken, Flow, own};
use super::serve::{failed, head, trouble};
use super::{Counts, LARGEST_CALL, Shared, upstream};

/// How often a call that is held asks again.
const AGAIN: Duration = Duration::from_secs(1);

/// A request that is a model call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) wire: &'static dyn Wire,
    pub(super) path: String,
    pub(super) url: Url,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// An admitted call, which is settled whatever happens: also when its task is dropped.
#[derive(Debug)]
struct Admitted {
    gate: Arc<dyn Gate>,
    counts: Arc<Counts>,
    ticket: Option<Ticket>,
    meter: Meter,
    /// Whether the service has begun to answer with success.
    answered: bool,
    /// Whether the answer is compressed against our wish.
    encoded: bool,
    bytes: u64,
}

impl Admitted {
    fn usage(&self) -> Option<Usage> {
        match (self.answered, self.encoded) {
            (false, _) => None,
            (true, true) => Some(self.meter.unread(self.bytes)),
            (true, false) => self.meter.usage(),
        }
    }

    /// Tells the gate, away from the streams.
    async fn settle(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let usage = self.usage();
        self.counts.settled(usage.as_ref());
        let gate = Arc::clone(&self.gate);
        // A gate that panics has been told.
        let _ = tokio::task::spawn_blocking(move || gate.settle(ticket, usage.as_ref())).await;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let usage = self.usage();
            self.counts.settled(usage.as_ref());
            self.gate.settle(ticket, usage.as_ref());
        }
    }
}

/// Asks the gate and makes the call; gives the head of the answer, whose body follows from a task of its own.
pub(super) async fn make(shared: Arc<Shared>, call: Call, under_way: mpsc::Sender<()>) -> Result<Response<Flow>, Broken> {
    let header = |name: &str| call.parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let session = wires::session(call.wire, &header);
    let estimate = estimate(&call, header("content-encoding").as_deref());
    let ask = Arc::new(Ask { wire: call.wire.name(), agent: shared.agent.clone(), session, estimate: estimate.clone() });
    let (answer, answered) = oneshot::channel();
    // In a task, because this future is dropped when the agent hangs up, and then there is something left to do.
    tokio::spawn(async move {
        let ticket = match admit(&shared, &ask, &answer).await {
            Ok(ticket) => ticket,
            Err(why) => {
                let _ = answer.send(own(call.wire.refusal(&why)));
                return;
            }
        };
        Counts::count(&shared.counts.calls);
        let admitted = Admitted {
            gate: Arc::clone(&shared.gate),
            counts: Arc::clone(&shared.counts),
            ticket: Some(ticket),
            meter: Meter::new(call.wire, estimate),
            answered: false,
            encoded: false,
            bytes: 0,
        };
        send(&shared, call, admitted, answer, ask.session.clone()).await;
        drop(under_way);
    });
    answered.await.map_err(|_| Broken)
}

/// What the call may use, by its body.
fn estimate(call: &Call, encoding: Option<&str>) -> Estimate {
    // Codex compresses its requests for some services.
    if encoding == Some("zstd")
        && let Ok(decoder) = ruzstd::decoding::StreamingDecoder::new(&*call.body)
    {
        let mut body = Vec::new();
        let _ = decoder.take(LARGEST_CALL as u64).read_to_end(&mut body); // what could be read is worth something
        return Estimate::of(call.wire, &call.path, &body);
    }
    Estimate::of(call.wire, &call.path, &call.body)
}

/// Asks the gate; with [`Shared::holds`] again and again, until it admits the call or nobody waits for it any more.
async fn admit(shared: &Arc<Shared>, ask: &Arc<Ask>, answer: &oneshot::Sender<Response<Flow>>) -> Result<Ticket, String> {
    let mut refused = false;
    loop {
        let (gate, asked) = (Arc::clone(&shared.gate), Arc::clone(ask));
        let decided = tokio::task::spawn_blocking(move || gate.admit(&asked)).await;
        // A gate that fails is shut.
        let decided = decided.unwrap_or_else(|_| Err("aifinops: the spending limits could not be checked; nothing was sent".to_owned()));
        if decided.is_err() && !std::mem::replace(&mut refused, true) {
            Counts::count(&shared.counts.refused);
        }
        if decided.is_ok() || !shared.holds || answer.is_closed() {
            return decided;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn send(
    shared: &Arc<Shared>,
    call: Call,
    mut admitted: Admitted,
    mut answer: oneshot::Sender<Response<Flow>>,
    session: Option<String>,
) {
    let Call { wire, path, url, parts, body } = call;
    let origin = upstream::origin(&url);
    let mut headers = parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    let encoded = headers.contains_key(header::CONTENT_ENCODING);
    let amended = if encoded { None } else { wire.amend(&Estimate::of(wire, &path, &body), &body) };
    let body = amended.map_or(body, Bytes::from);
    let request = shared.client.request(parts.method, url).headers(headers).body(body);
    let sent = tokio::select! {
        sent = tokio::time::timeout(shared.silence, request.send()) => sent,
        // The agent has hung up before anything was answered.
        () = answer.closed() => return admitted.settle().await,
    };
    let mut response = match sent {
        Ok(Ok(response)) => response,
        unanswered => {
            failed(shared);
            admitted.settle().await;
            let (status, text) = trouble(&origin, unanswered.map(|sent| sent.map(drop)));
            let _ = answer.send(own(wire.failure(status, &text)));
            return;
        }
    };
    if response.status().is_redirection() && response.headers().contains_key(header::LOCATION) {
        failed(shared);
        admitted.settle().await;
        let text =
            format!("aifinops: {origin} redirects elsewhere, which is not followed; set the address with `aifinops run --upstream URL`");
        let _ = answer.send(own(wire.failure(502, &text)));
        return;
    }
    admitted.answered = response.status().is_success();
    if let Some(word) = word(&response, &shared.agent, session) {
        let gate = Arc::clone(&shared.gate);
        // Nobody waits for it to be written down.
        drop(tokio::task::spawn_blocking(move || gate.heard(&word)));
    }
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    admitted.encoded = encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let (sender, flow) = Flow::pieces();
    let whole = answer.send(head(&mut response, flow)).is_ok() && stream(shared, response, &mut admitted, &sender).await;
    if !whole && !admitted.meter.is_done() {
        failed(shared);
    }
    admitted.settle().await;
    // Settled first: when the agent sees the end, its next call may come.
    if !whole {
        let _ = sender.send(Err(Broken)).await;
    }
}

/// What `LiteLLM` says of a call in the head of its answer; nothing where something else answers. While the answer streams
/// it does not know the cost yet and leaves it out.
fn word(response: &reqwest::Response, agent: &str, session: Option<String>) -> Option<Word> {
    let said = |name: &str| response.headers().get(name)?.to_str().ok().map(clean).filter(|text| !text.is_empty());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Word {
        call: said("x-litellm-call-id").filter(|id| is_id(id))?,
        at: Millis::try_from(now.as_millis()).ok()?,
        agent: agent.to_owned(),
        session,
        model: said("x-litellm-model-group").or_else(|| said("x-litellm-model-name")),
        version: said("x-litellm-version").filter(|text| is_release(text)),
        spend: said("x-litellm-response-cost").and_then(|text| Money::near_usd(&text)),
        retries: said("x-litellm-attempted-retries").and_then(|text| text.parse().ok()),
        status: response.status().as_u16(),
    })
}

/// Whether a text is an id as `LiteLLM` makes them, a UUID: what else a header says is kept nowhere.
fn is_id(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Hands the answer on, piece by piece as it comes. Gives whether it came to its end; if the agent has hung up, it did
/// not.
async fn stream(
    shared: &Shared,
    mut response: reqwest::Response,
    admitted: &mut Admitted,
    sender: &mpsc::Sender<Result<Bytes, Broken>>,
) -> bool {
    loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(shared.silence, response.chunk()) => piece,
            () = sender.closed() => return false,
        };
        match piece {
            Ok(Ok(Some(bytes))) => {
                admitted.bytes = admitted.bytes.saturating_add(bytes.len() as u64);
                if admitted.answered && !admitted.encoded {
                    admitted.meter.feed(&bytes);
                }
                if admitted.meter.is_done() {
                    admitted.settle().await;
                }
                if sender.send(Ok(bytes)).await.is_err() {
                    return false;
                }
            }
            Ok(Ok(None)) => return true,
            Ok(Err(_)) | Err(_) => return false,
        }
    }
}
