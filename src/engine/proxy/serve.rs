//! What becomes of a request: turned away, passed on, or made as a model call.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use reqwest::Url;
use tokio::sync::mpsc;

use crate::model::address::{host, is_loopback};
use crate::model::text::chain;
use crate::wires::{self, Answer};

use super::call::{self, Call};
use super::flow::{Broken, Flow, own};
use super::{Counts, LARGEST_CALL, Shared, flow, upstream};

/// Answers one request. The error is that of a client that went away.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>, under_way: mpsc::Sender<()>) -> Result<Response<Flow>, Broken> {
    let (mut parts, body) = request.into_parts();
    let Some((url, path)) = target(&shared, &parts) else {
        return Ok(plain(404, "aifinops: there is nothing here"));
    };
    if is_of_a_page(&parts) {
        return Ok(plain(403, "aifinops: this is for programs on this machine, not for pages in a browser"));
    }
    if parts.headers.contains_key(header::UPGRADE) {
        // What goes through a socket could not be metered; agents fall back to plain requests.
        return Ok(plain(426, "aifinops: this proxy speaks plain HTTP only"));
    }
    let wire = if parts.method == Method::POST { wires::of_path(&path) } else { None };
    upstream::strip_request(&mut parts.headers);
    let Some(wire) = wire else {
        return Ok(pass(&shared, parts, url, body).await);
    };
    let body = match flow::collect(body, LARGEST_CALL).await {
        flow::Collected::Whole(body) => body,
        flow::Collected::TooLarge => {
            let text = format!("aifinops: the request is larger than {} MiB and was not sent", LARGEST_CALL / 1024 / 1024);
            return Ok(own(wire.failure(413, &text)));
        }
        flow::Collected::BrokenOff => return Err(Broken),
    };
    let call = Call { wire, path, url, parts, body };
    call::make(shared, call, under_way).await
}

/// Whether a page in a browser asks, though it should not know the secret: browsers alone say whose page it is, and a name that
/// somebody has led to this machine stays that name in `Host` (DNS rebinding).
fn is_of_a_page(parts: &Parts) -> bool {
    let is_ours = |asked: &HeaderValue| asked.to_str().is_ok_and(|asked| is_loopback(host(asked)));
    parts.headers.contains_key(header::ORIGIN) || !parts.headers.get_all(header::HOST).iter().all(is_ours)
}

/// Where a request goes and its path there; `None` for who does not know the secret.
fn target(shared: &Shared, parts: &Parts) -> Option<(Url, String)> {
    let asked = parts.uri.path_and_query()?.as_str();
    let (secret, rest) = asked.strip_prefix("/s/")?.split_at_checked(shared.secret.len())?;
    // In the same time wherever they differ.
    let differ = secret.bytes().zip(shared.secret.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    if differ != 0 {
        return None;
    }
    let rest = rest.strip_prefix('/')?;
    let (name, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = shared.targets.iter().find(|target| target.name == name)?;
    let url = target.url(path, &parts.headers)?;
    Some((url, path.split('?').next().unwrap_or_default().to_owned()))
}

/// Passes on what is no model call: lists of models, token counts, telemetry.
async fn pass(shared: &Arc<Shared>, parts: Parts, url: Url, body: Incoming) -> Response<Flow> {
    let origin = upstream::origin(&url);
    let request = shared.client.request(parts.method, url).headers(parts.headers).body(reqwest::Body::wrap(body));
    let sent = tokio::time::timeout(shared.silence, request.send()).await;
    let mut response = match sent {
        Ok(Ok(response)) => response,
        failed => {
            let (status, text) = trouble(&origin, failed.map(|sent| sent.map(drop)));
            return plain(status, &text);
        }
    };
    let (sender, flow) = Flow::pieces();
    let answer = head(&mut response, flow);
    let silence = shared.silence;
    tokio::spawn(async move {
        loop {
            let piece = tokio::select! {
                piece = tokio::time::timeout(silence, response.chunk()) => piece,
                () = sender.closed() => return,
            };
            let piece = match piece {
                Ok(Ok(None)) => return,
                Ok(Ok(Some(bytes))) => Ok(bytes),
                Ok(Err(_)) | Err(_) => Err(Broken),
            };
            let broken = piece.is_err();
            if sender.send(piece).await.is_err() || broken {
                return;
            }
        }
    });
    answer
}

/// The head of the service's answer, before its body.
pub(super) fn head(response: &mut reqwest::Response, flow: Flow) -> Response<Flow> {
    let mut answer = Response::new(flow);
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    upstream::strip(answer.headers_mut());
    answer
}

/// The status and the words for a service that has not answered.
pub(super) fn trouble(origin: &str, sent: Result<reqwest::Result<()>, tokio::time::error::Elapsed>) -> (u16, String) {
    match sent {
        Err(_) => (504, format!("aifinops: {origin} has not answered in time")),
        Ok(Err(error)) if error.is_connect() => {
            // Its address may hold a key.
            let status = if error.is_timeout() { 504 } else { 502 };
            (status, format!("aifinops: {origin} cannot be reached: {}", chain(&error.without_url())))
        }
        Ok(Err(error)) => (502, format!("aifinops: {origin} has not answered properly: {}", chain(&error.without_url()))),
        Ok(Ok(())) => (502, format!("aifinops: {origin} has not answered")),
    }
}

fn plain(status: u16, text: &str) -> Response<Flow> {
    let mut response = own(Answer { status, content_type: "text/plain; charset=utf-8", body: format!("{text}\n") });
    if status == 426 {
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    }
    response
}

/// Notes that a call has failed.
pub(super) fn failed(shared: &Shared) {
    Counts::count(&shared.counts.failed);
}
