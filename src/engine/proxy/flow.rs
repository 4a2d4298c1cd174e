//! Bodies that go to the agent: one piece, or pieces as they come.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;

use crate::wires::Answer;

/// Pieces that may wait for a slow reader.
const WAITING: usize = 4;

/// The service has broken off: the agent is to see the same.
#[derive(Debug, thiserror::Error)]
#[error("the service has broken off its answer")]
pub(super) struct Broken;

/// A body.
#[derive(Debug)]
pub(super) enum Flow {
    /// All of it.
    Whole(Option<Bytes>),
    /// What is sent into the other end.
    Pieces(mpsc::Receiver<Result<Bytes, Broken>>),
}

impl Flow {
    /// A body in pieces, and where to put them.
    pub(super) fn pieces() -> (mpsc::Sender<Result<Bytes, Broken>>, Flow) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (sender, Flow::Pieces(receiver))
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Flow::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Flow::Pieces(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Flow::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Flow::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Flow::Pieces(_) => SizeHint::default(),
        }
    }
}

/// An answer of the proxy's own.
pub(super) fn own(answer: Answer) -> Response<Flow> {
    let mut response = Response::new(Flow::Whole(Some(Bytes::from(answer.body))));
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status).unwrap_or(hyper::StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}

/// What became of a body.
pub(super) enum Collected {
    /// All of it.
    Whole(Bytes),
    /// It is larger than allowed.
    TooLarge,
    /// The sender has gone away.
    BrokenOff,
}

/// Collects a request's body.
pub(super) async fn collect(mut body: Incoming, most: usize) -> Collected {
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > most {
        return Collected::TooLarge;
    }
    // What a header promises is believed up to a point: memory is taken as bytes come.
    let mut whole = Vec::with_capacity(told.min(1024 * 1024));
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return Collected::Whole(Bytes::from(whole)),
            Some(Err(_)) => return Collected::BrokenOff,
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if whole.len() + data.len() > most {
                    return Collected::TooLarge;
                }
                whole.extend_from_slice(&data);
            }
        }
    }
}
