//! Being told to end: Ctrl-C, or a service manager.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody has asked for the end.
#[derive(Debug, Clone, Default)]
pub struct Ended(Arc<AtomicBool>);

impl Ended {
    /// Whether somebody has.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Listens from now on.
pub fn ended() -> io::Result<Ended> {
    let ended = Ended::default();
    let of_thread = ended.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            asked().await;
            of_thread.0.store(true, Ordering::Relaxed);
        });
    })?;
    Ok(ended)
}

#[cfg(unix)]
async fn asked() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
}

#[cfg(not(unix))]
async fn asked() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Keeps the system from writing this process' memory into a file should it be ended by a fault: a gateway's key may be in it.
#[cfg(unix)]
pub fn leave_no_core() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    // Where that cannot be, nothing else is lost.
    let _ = getrlimit(Resource::RLIMIT_CORE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_CORE, 0, most));
}

/// Where there are no such files, there is nothing to keep.
#[cfg(not(unix))]
pub fn leave_no_core() {}
