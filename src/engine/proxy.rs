//! The local metering proxy: between an agent and the service that its model calls go to.
//!
//! **Why so.** It hears every call before it is made and sees what it used when it has ended, so a cap can refuse the
//! next call and no other. It is no more than that: bodies pass through byte for byte as they come, the caller's own
//! credentials go to the service that the caller would have asked, and nothing of either is kept, logged or shown.
//!
//! It listens on loopback only, under a path that begins with a secret of this run: other people on the machine, and
//! pages in a browser, cannot spend the agent's money through it. What a browser sends is refused even where the secret is
//! known. One thread carries all of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{mpsc, oneshot};

use crate::model::Tokens;
use crate::wires::Usage;

use super::gate::Gate;

mod call;
mod flow;
mod serve;
mod upstream;

/// The largest body of a model call: it is held until its size is known to the gate. Others are not held at all.
pub const LARGEST_CALL: usize = 64 * 1024 * 1024;
/// How long calls under way may take to be settled when the agent has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where a part of the agent's requests goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name in the proxy's addresses: letters, digits and dashes.
    pub name: String,
    /// The address that the requests would go to without the proxy.
    pub upstream: String,
    /// A header by which requests are known that would go to another address, and that address.
    pub unless: Option<(&'static str, String)>,
}

/// How long to wait for the service.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer, and for each next piece of it. Models think for minutes.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(20), silence: Duration::from_mins(15) }
    }
}

/// What a proxy is made of.
#[derive(Debug)]
pub struct Setup {
    /// The agent's name, for the gate.
    pub agent: String,
    /// Where requests go.
    pub routes: Vec<Route>,
    /// Who decides.
    pub gate: Arc<dyn Gate>,
    /// Whether calls that are not admitted wait until they are, instead of being refused.
    pub holds: bool,
    /// How long to wait.
    pub patience: Patience,
}

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// An address is none.
    #[error("`{0}` is no address that begins with http:// or https://")]
    Address(String),
    /// The system gives no port.
    #[error("the proxy cannot listen on this machine: {0}")]
    Listen(#[from] std::io::Error),
    /// The client could not be made.
    #[error("the proxy cannot be set up: {0}")]
    Client(String),
}

/// What has gone through so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Model calls that were admitted.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Admitted ones that the service did not answer, or not to the end.
    pub failed: u64,
    /// Ended ones whose usage is an estimate.
    pub estimated: u64,
    /// The tokens of all that have ended.
    pub tokens: Tokens,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    estimated: AtomicU64,
    tokens: Mutex<Tokens>,
}

impl Counts {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn settled(&self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) += usage.tokens;
        if !usage.told {
            Counts::count(&self.estimated);
        }
    }
}

/// What every request needs.
#[derive(Debug)]
struct Shared {
    secret: String,
    agent: String,
    targets: Vec<upstream::Target>,
    client: reqwest::Client,
    gate: Arc<dyn Gate>,
    holds: bool,
    silence: Duration,
    counts: Arc<Counts>,
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    at: SocketAddr,
    secret: String,
    counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts to listen on a free port of 127.0.0.1.
    pub fn start(setup: Setup) -> Result<Proxy, ProxyError> {
        let targets = setup.routes.into_iter().map(upstream::Target::new).collect::<Result<Vec<_>, _>>()?;
        let client = upstream::client(setup.patience.connect)?;
        let secret = upstream::secret()?;
        let counts = Arc::new(Counts::default());
        let shared = Shared {
            secret: secret.clone(),
            agent: setup.agent,
            targets,
            client,
            gate: setup.gate,
            holds: setup.holds,
            silence: setup.patience.silence,
            counts: Arc::clone(&counts),
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(listen(listener, Arc::new(shared), stopped));
        })?;
        Ok(Proxy { at, secret, counts, stop: Some(stop), thread: Some(thread) })
    }

    /// The address that stands for a route's own.
    #[must_use]
    pub fn base(&self, route: &str) -> String {
        format!("http://{}/s/{}/{route}", self.at, self.secret)
    }

    /// What has gone through so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let counts = &self.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            calls: read(&counts.calls),
            refused: read(&counts.refused),
            failed: read(&counts.failed),
            estimated: read(&counts.estimated),
            tokens: *counts.tokens.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Ends, once the calls under way are settled.
    #[must_use]
    pub fn finish(mut self) -> Tally {
        self.end();
        self.tally()
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end();
    }
}

async fn listen(listener: std::net::TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    // Everyone who has a call under way holds a sender: when the last one is gone, so are the calls.
    let (under_way, mut calls) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: some will be free in a moment.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (shared, under_way) = (Arc::clone(&shared), under_way.clone());
        let service = service_fn(move |request| serve::answer(Arc::clone(&shared), request, under_way.clone()));
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // A client that goes away is no matter: what it has used is settled.
            let _ = connection.await;
        });
    }
    drop(listener);
    drop(under_way);
    let _ = tokio::time::timeout(LAST_WORDS, calls.recv()).await;
}
