//! Telling a person: once, never in quiet hours, never in anybody's way.

#[cfg(all(unix, not(target_os = "macos")))]
mod bus;
#[cfg(all(unix, not(target_os = "macos")))]
mod desktop;
mod hook;
mod once;
mod quiet;
mod setting;

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use aifinops::alerts::{Alert, AlertKind, Hours, InMemory, Memory, Teller, Urgency, Way, WayError};
use aifinops::model::{Millis, Quiet, Zone};

/// 25 November 2026, noon, UTC.
const NOON: Millis = 1_795_608_000_000;

/// An alert that holds until midnight.
fn alert(key: &str, at: Millis) -> Alert {
    Alert {
        kind: AlertKind::CapLevel,
        key: key.to_owned(),
        at,
        until: at + 12 * 3_600_000,
        title: format!("title of {key}"),
        body: "80% of $20.00".to_owned(),
        urgency: Urgency::Normal,
    }
}

/// A way that keeps what it is told, and can be broken.
#[derive(Clone, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<Alert>>>,
    broken: Arc<AtomicBool>,
}

impl Way for Ear {
    fn name(&self) -> &'static str {
        "ear"
    }

    fn tell(&self, alert: &Alert) -> Result<(), WayError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(WayError::Full);
        }
        self.heard.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

impl Ear {
    fn titles(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|alert| alert.title.clone()).collect()
    }
}

/// A clock that is set by hand.
#[derive(Clone)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn at(now: Millis) -> Clock {
        Clock(Arc::new(AtomicI64::new(now)))
    }

    fn set(&self, now: Millis) {
        self.0.store(now, Ordering::SeqCst);
    }
}

/// A memory that all processes share: a file for each key.
struct Files(PathBuf);

impl Memory for Files {
    fn first(&self, key: &str, _: Millis, _: Millis) -> bool {
        OpenOptions::new().write(true).create_new(true).open(self.0.join(key)).is_ok()
    }

    fn forget(&self, key: &str) {
        let _ = std::fs::remove_file(self.0.join(key));
    }
}

fn teller(ways: Vec<Box<dyn Way>>, memory: Box<dyn Memory>, quiet: Option<&str>, clock: &Clock) -> Teller {
    let hours = Hours { quiet: quiet.map(|text| Quiet::parse(text).unwrap()), zone: Zone::UTC };
    let now = clock.0.clone();
    Teller::start(ways, memory, hours, move || now.load(Ordering::SeqCst)).unwrap()
}

/// A teller with one ear and a memory of its own.
fn heard_by(ear: &Ear, quiet: Option<&str>, clock: &Clock) -> Teller {
    teller(vec![Box::new(ear.clone())], Box::new(InMemory::default()), quiet, clock)
}
