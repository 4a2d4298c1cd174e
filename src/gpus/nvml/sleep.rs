//! Cards that sleep: which do, which may, and when they are let go.
//!
//! An open handle of NVIDIA's library keeps a card out of its sleep, and opening one wakes it, every card of the machine at
//! once. A laptop that is watched would so lose hours of battery. What sysfs says costs nothing: `power/runtime_status` and
//! `power/control`, as the kernel's documentation of runtime power management (`runtime_pm.rst`, ABI `sysfs-devices-power`)
//! and the chapter on `RTD3` of NVIDIA's driver tell them. Cards of a data centre have `control` at `on`: they never sleep,
//! and nothing here concerns them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::gpu::{GpuReading, Health, Vendor, plain_pci};

/// A card is let go after so long without use; and so long it gets to fall asleep.
const QUIET: Duration = Duration::from_secs(30);
/// Where it does not fall asleep, the next try comes later each time, up to this: somebody else keeps it awake.
const MOST_PATIENCE: Duration = Duration::from_mins(4);
/// No machine has more devices than these.
const MOST_DEVICES: usize = 4096;

/// A card of NVIDIA's, as sysfs knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    /// Its PCI address.
    pub(crate) pci: String,
    /// Whether the system may let it sleep.
    pub(crate) may_sleep: bool,
    /// Whether it sleeps, or is about to.
    pub(crate) sleeps: bool,
}

/// Those of this machine; none where there is no such folder, as in some containers.
pub(crate) fn cards(sys: &Path) -> Vec<Card> {
    let Ok(devices) = fs::read_dir(sys.join("bus/pci/devices")) else { return Vec::new() };
    let mut found: Vec<Card> = devices.take(MOST_DEVICES).flatten().filter_map(|entry| card(&entry.path())).collect();
    found.sort_by(|a, b| a.pci.cmp(&b.pci));
    found
}

fn card(dir: &Path) -> Option<Card> {
    let is_nvidia = word(&dir.join("vendor"))?.eq_ignore_ascii_case("0x10de");
    let is_display = word(&dir.join("class"))?.starts_with("0x03");
    if !is_nvidia || !is_display || is_of_another_driver(dir) {
        return None;
    }
    Some(Card {
        pci: plain_pci(&dir.file_name()?.to_string_lossy()),
        may_sleep: word(&dir.join("power/control")).is_some_and(|word| word == "auto"),
        sleeps: word(&dir.join("power/runtime_status")).is_some_and(|word| matches!(word.as_str(), "suspended" | "suspending")),
    })
}

/// NVIDIA's library does not touch a card that was given to a virtual machine, or that nouveau drives.
fn is_of_another_driver(dir: &Path) -> bool {
    let driver = fs::read_link(dir.join("driver")).ok();
    driver.and_then(|path| path.file_name().map(|name| name != "nvidia")).unwrap_or(false)
}

fn word(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(64).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// When to look, and when to let go.
#[derive(Debug)]
pub(crate) struct Rule {
    quiet_since: Option<Instant>,
    let_go: Option<Instant>,
    patience: Duration,
}

impl Default for Rule {
    fn default() -> Self {
        Self { quiet_since: None, let_go: None, patience: QUIET }
    }
}

impl Rule {
    /// Whether the driver may be asked. No card sleeps then, and none is about to be given its chance to.
    pub(crate) fn may_look(&mut self, cards: &[Card], now: Instant) -> bool {
        if cards.iter().any(|card| card.sleeps) {
            *self = Self::default();
            return false;
        }
        let Some(at) = self.let_go else { return true };
        if cards.iter().any(|card| card.may_sleep) && now.saturating_duration_since(at) < QUIET {
            return false;
        }
        self.let_go = None;
        self.patience = (self.patience * 2).min(MOST_PATIENCE);
        true
    }

    /// Whether to let go now, after a look: a card may sleep, and nothing has been in use for long enough.
    pub(crate) fn lets_go(&mut self, cards: &[Card], seen: &[GpuReading], now: Instant) -> bool {
        if !cards.iter().any(|card| card.may_sleep) || seen.iter().any(is_in_use) {
            self.quiet_since = None;
            return false;
        }
        let since = *self.quiet_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.patience {
            return false;
        }
        (self.quiet_since, self.let_go) = (None, Some(now));
        true
    }
}

/// A display server holds some megabytes on a laptop's second card and lets it sleep all the same: drawing alone, without
/// any use, does not count.
fn is_in_use(reading: &GpuReading) -> bool {
    let computes = reading.processes.iter().flatten().any(|process| !process.is_graphics);
    reading.used.is_some_and(|used| used > 0) || computes
}

/// What is remembered of cards, by their PCI addresses, for the time in which they are not looked at.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, GpuReading>);

impl Known {
    /// Remembers what does not change.
    pub(crate) fn learn(&mut self, seen: &[GpuReading]) {
        for reading in seen.iter().filter(|reading| reading.slice.is_none()) {
            let Some(pci) = &reading.pci else { continue };
            let lasting = GpuReading {
                id: reading.id.clone(),
                index: reading.index,
                vendor: reading.vendor,
                name: reading.name.clone(),
                pci: reading.pci.clone(),
                memory_total: reading.memory_total,
                is_unified: reading.is_unified,
                power_cap: reading.power_cap,
                ..GpuReading::default()
            };
            self.0.insert(pci.clone(), lasting);
        }
    }

    /// The cards, without a look at them.
    pub(crate) fn unlooked(&self, cards: &[Card]) -> Vec<GpuReading> {
        cards.iter().map(|card| self.one(card)).collect()
    }

    fn one(&self, card: &Card) -> GpuReading {
        let health = if card.sleeps { Health::Asleep } else { Health::Well };
        if let Some(known) = self.0.get(&card.pci) {
            return GpuReading { health, ..known.clone() };
        }
        let name = if card.sleeps { "NVIDIA GPU (asleep)" } else { "NVIDIA GPU" };
        GpuReading {
            id: card.pci.clone(),
            vendor: Vendor::Nvidia,
            name: name.to_owned(),
            pci: Some(card.pci.clone()),
            health,
            ..GpuReading::default()
        }
    }
}
