//! NVIDIA's cards by the program `nvidia-smi`, where the driver's library cannot be loaded: in static builds, and in some
//! containers. It tells less: no energy, no parts of cards, no use by process.
//!
//! One child goes on printing, for to start it costs what many looks cost. Like the library it keeps cards out of their
//! sleep, and the same rule holds for it: see `nvml/sleep.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::nvml::{sleep, unified};
use super::{Ask, Known, Places, Probe, ProbeError};
use crate::model::gpu::{GpuProcess, GpuReading, Health};

mod child;
pub mod rows;

use child::{Stream, output};
use rows::Row;

/// The probe.
pub const KNOWN: Known = Known { name: "nvidia-smi", about: "NVIDIA cards, by nvidia-smi", instead_of: Some("nvml"), open };

/// Who uses the cards is not asked more often.
const PROCESSES_EVERY: Duration = Duration::from_secs(5);
/// A child that has ended is not started anew before.
const RESTART: Duration = Duration::from_secs(10);
/// More processes are not kept.
const MOST_PROCESSES: usize = 16_384;
/// Its words for a machine without a driver, and for one without a card.
const NO_CARD: [&str; 2] = ["couldn't communicate with the NVIDIA driver", "No devices were found"];

fn open(places: &Places) -> Result<Box<dyn Probe>, ProbeError> {
    Ok(Box::new(SmiProbe::new(places)?))
}

/// NVIDIA's cards, as the program tells them.
pub struct SmiProbe {
    places: Places,
    program: PathBuf,
    /// What this driver knows; asked once.
    fields: Option<Vec<&'static str>>,
    stream: Option<Stream>,
    started: Option<Instant>,
    failed: Option<String>,
    processes: Option<BTreeMap<String, Vec<GpuProcess>>>,
    processes_at: Option<Instant>,
    rule: sleep::Rule,
    known: sleep::Known,
    driver: Option<String>,
}

impl SmiProbe {
    /// Starts the program, unless a card sleeps: then that is done once it is awake.
    pub fn new(places: &Places) -> Result<Self, ProbeError> {
        let Some(program) = places.nvidia_smi.clone() else {
            return Err(ProbeError::Absent("there is no nvidia-smi".to_owned()));
        };
        let mut probe = Self {
            places: places.clone(),
            program,
            fields: None,
            stream: None,
            started: None,
            failed: None,
            processes: None,
            processes_at: None,
            rule: sleep::Rule::default(),
            known: sleep::Known::default(),
            driver: None,
        };
        let cards = sleep::cards(&places.sys);
        if !cards.iter().any(|card| card.sleeps) {
            probe.rows(Instant::now())?;
        }
        Ok(probe)
    }

    /// Looks, at this time.
    pub fn poll_at(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        let cards = sleep::cards(&self.places.sys);
        if !self.rule.may_look(&cards, now) {
            self.stream = None;
            // That it is no longer there is no failure.
            self.started = None;
            return Ok(self.known.unlooked(&cards));
        }
        let rows = self.rows(now)?;
        if ask.processes || cards.iter().any(|card| card.may_sleep) {
            self.look_at_processes(now);
        }
        self.driver = rows.iter().find_map(|row| row.driver.clone()).or(self.driver.take());
        let is_alone = rows.len() == 1;
        let readings: Vec<GpuReading> = rows.into_iter().map(|row| self.reading(row, is_alone)).collect();
        self.known.learn(&readings);
        if self.rule.lets_go(&cards, &readings, now) {
            (self.stream, self.started) = (None, None);
        }
        Ok(readings)
    }

    /// The rows of a child that prints; it is started where it does not run.
    fn rows(&mut self, now: Instant) -> Result<Vec<Row>, ProbeError> {
        if let Some(stream) = &self.stream {
            match stream.rows() {
                Ok(rows) => return Ok(rows),
                Err(why) => self.failed = Some(why),
            }
            self.stream = None;
        }
        if self.started.is_some_and(|at| now.saturating_duration_since(at) < RESTART) {
            return Err(self.failure());
        }
        self.started = Some(now);
        match self.start() {
            Ok(rows) => Ok(rows),
            Err(why) => {
                self.failed = Some(why);
                Err(self.failure())
            }
        }
    }

    fn start(&mut self) -> Result<Vec<Row>, String> {
        if self.fields.is_none() {
            self.fields = output(&self.program, &["--help-query-gpu"]).ok().map(|help| rows::fields(&help));
        }
        let fields = self.fields.clone().unwrap_or_else(|| rows::fields(""));
        let stream = Stream::start(&self.program, fields)?;
        let rows = stream.rows()?;
        self.stream = Some(stream);
        Ok(rows)
    }

    fn failure(&self) -> ProbeError {
        let why = self.failed.as_deref().unwrap_or("it has ended");
        let said = format!("nvidia-smi: {why}");
        if NO_CARD.iter().any(|words| why.contains(words)) { ProbeError::Absent(said) } else { ProbeError::Broken(said) }
    }

    fn look_at_processes(&mut self, now: Instant) {
        if self.processes_at.is_some_and(|at| now.saturating_duration_since(at) < PROCESSES_EVERY) {
            return;
        }
        self.processes_at = Some(now);
        let query = format!("--query-compute-apps={}", rows::OF_PROCESSES);
        let text = output(&self.program, &[&query, "--format=csv,noheader,nounits"]);
        self.processes = text.ok().map(|text| {
            let mut found: BTreeMap<String, Vec<GpuProcess>> = BTreeMap::new();
            for (card, process) in text.lines().filter_map(rows::process).take(MOST_PROCESSES) {
                found.entry(card).or_default().push(process);
            }
            found
        });
    }

    fn reading(&self, row: Row, is_alone: bool) -> GpuReading {
        let mut card = row.card;
        if card.health == Health::Lost {
            return card;
        }
        card.processes = self.processes.as_ref().map(|all| {
            // A divided card's processes bear the names of its parts, which are told nowhere here.
            let its = all.iter().filter(|(uuid, _)| **uuid == card.id || is_alone);
            its.flat_map(|(_, processes)| processes.iter().cloned()).collect()
        });
        if card.is_unified && card.memory_total.is_none() {
            card.memory_used = card.processes.as_deref().and_then(unified::held);
            card.memory_total = unified::machine_total(&self.places.proc);
        }
        card
    }
}

impl Probe for SmiProbe {
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        self.poll_at(ask, Instant::now())
    }

    fn about(&self) -> String {
        match &self.driver {
            Some(driver) => format!("driver {driver}, nvidia-smi"),
            None => "nvidia-smi".to_owned(),
        }
    }
}
