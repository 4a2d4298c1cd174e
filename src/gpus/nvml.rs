//! NVIDIA's cards, by the driver's own library: NVML, as `nvml.h` describes it.
//!
//! * No driver is no failure, and a figure that a driver does not tell is missing and not zero.
//! * A card that sleeps is not woken to be looked at, and none is kept awake by being looked at: see `nvml/sleep.rs`. The library
//!   is opened only while no card sleeps, for it wakes all of them.
//! * A card that falls off the bus is said to be lost, and the others go on.
//! * All calls happen on the thread that looks. They take a lock in the driver that programs on the card take too, so that
//!   the costly ones, lists of processes above all, are made only when they are asked for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Ask, Known, Places, Probe, ProbeError};
use crate::model::gpu::GpuReading;

#[cfg(any(target_os = "linux", windows))]
mod card;
#[cfg(any(target_os = "linux", windows))]
mod gpm;
#[cfg(any(target_os = "linux", windows))]
mod instance;
#[cfg(any(target_os = "linux", windows))]
mod lacks;
pub(crate) mod reasons;
#[cfg(any(target_os = "linux", windows))]
mod session;
pub(crate) mod sleep;
pub(crate) mod unified;
#[cfg(any(target_os = "linux", windows))]
mod users;
#[cfg(not(any(target_os = "linux", windows)))]
mod without;

#[cfg(any(target_os = "linux", windows))]
use session::Session;
#[cfg(not(any(target_os = "linux", windows)))]
use without::Session;

/// The probe.
pub const KNOWN: Known = Known { name: "nvml", about: "NVIDIA cards, by their driver's library", instead_of: None, open };

/// A library that failed is not opened again before.
const RETRY: Duration = Duration::from_secs(10);
/// Whether a card that may sleep is in use has to be known, also while nobody asks for processes.
const USE_CHECK: Duration = Duration::from_secs(10);

fn open(places: &Places) -> Result<Box<dyn Probe>, ProbeError> {
    Ok(Box::new(NvmlProbe::new(places)?))
}

/// NVIDIA's cards.
pub struct NvmlProbe {
    places: Places,
    session: Option<Session>,
    failed: Option<(Instant, ProbeError)>,
    rule: sleep::Rule,
    known: sleep::Known,
    processes_at: Option<Instant>,
    driver: Option<String>,
    lacking: BTreeSet<&'static str>,
}

impl NvmlProbe {
    /// Opens the library, unless a card sleeps: then that is done once it is awake.
    pub fn new(places: &Places) -> Result<Self, ProbeError> {
        let mut probe = Self {
            places: places.clone(),
            session: None,
            failed: None,
            rule: sleep::Rule::default(),
            known: sleep::Known::default(),
            processes_at: None,
            driver: None,
            lacking: BTreeSet::new(),
        };
        let cards = sleep::cards(&places.sys);
        if !cards.iter().any(|card| card.sleeps) {
            probe.begin()?;
        }
        Ok(probe)
    }

    /// Looks, at this time.
    pub fn poll_at(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        let cards = sleep::cards(&self.places.sys);
        if !self.rule.may_look(&cards, now) {
            self.session = None;
            return Ok(self.known.unlooked(&cards));
        }
        let is_due = self.processes_at.is_none_or(|at| now.saturating_duration_since(at) >= USE_CHECK);
        let processes = ask.processes || is_due && cards.iter().any(|card| card.may_sleep);
        if processes {
            self.processes_at = Some(now);
        }
        let readings = self.look(Ask { processes, ..ask }, now)?;
        self.known.learn(&readings);
        if self.rule.lets_go(&cards, &readings, now) {
            self.session = None;
        }
        Ok(readings)
    }

    fn look(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        if let Some((at, error)) = &self.failed
            && now.saturating_duration_since(*at) < RETRY
        {
            return Err(error.clone());
        }
        let proc = self.places.proc.clone();
        let said = self.begin().and_then(|session| session.look(ask, now, proc));
        match said {
            Ok(said) => {
                self.failed = None;
                self.lacking = said.lacking;
                Ok(said.readings)
            }
            Err(error) => {
                self.session = None;
                self.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    /// The open library; opened, where it is not.
    fn begin(&mut self) -> Result<&mut Session, ProbeError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::begin(&self.places)?,
        };
        self.driver = Some(session.driver.clone());
        Ok(self.session.insert(session))
    }
}

impl Probe for NvmlProbe {
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        self.poll_at(ask, Instant::now())
    }

    fn about(&self) -> String {
        let driver = match &self.driver {
            Some(driver) => format!("driver {driver}, NVML"),
            None => "NVML, not asked: a card sleeps, and is not woken to be looked at".to_owned(),
        };
        if self.lacking.is_empty() {
            return driver;
        }
        let lacking: Vec<&str> = self.lacking.iter().copied().collect();
        format!("{driver}; not told by this driver: {}", lacking.join(", "))
    }
}
