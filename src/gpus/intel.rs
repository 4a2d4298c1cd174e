//! Intel's graphics, by the files of the drivers i915 and xe.
//!
//! * Neither driver says how busy a card is. Where every process may be looked at, the busiest engine of all clients says
//!   it. Else there is the time that the card has spent in its idle state (`rc6_residency_ms` of i915, `idle_residency_ms` of
//!   xe): what is left of the time it was awake, which is more than it was busy.
//! * Power is the difference of a counter of energy in microjoules: the whole card's, or where there is none the chip's
//!   (kernel documentation, ABI/testing/sysfs-driver-intel-i915-hwmon and -xe-hwmon).
//! * A processor's own graphics is always device 2 of bus 0, and uses the machine's memory. How much memory other cards have is
//!   told to programs that open them, and in no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::drm::{Process, Turn, Watch, held, processes};
use super::sysfs::{self, Card};
use super::{Ask, Known, Places, Probe, ProbeError};
use crate::model::gpu::{GpuReading, Permille, UseKind};

/// The probe.
pub const KNOWN: Known = Known {
    name: "intel",
    about: "Intel's graphics, by the files of Linux' drivers i915 and xe",
    instead_of: None,
    open: |places| Ok(Box::new(Intel::open(places)?)),
};

/// Two looks that are closer together are one: counters move in steps.
const SHORTEST: Duration = Duration::from_millis(50);

/// Intel's graphics.
pub struct Intel {
    watch: Watch<State>,
    proc: PathBuf,
}

impl Intel {
    /// The cards of these places.
    pub fn open(places: &Places) -> Result<Self, ProbeError> {
        let absent = "no Intel graphics: /sys/class/drm has no card with the driver i915 or xe";
        let watch = Watch::open(places, |card| matches!(card.driver.as_str(), "i915" | "xe"), absent)?;
        Ok(Self { watch, proc: places.proc.clone() })
    }

    /// Looks, as if it were now.
    pub fn poll_at(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        let proc = &self.proc;
        self.watch.poll(ask, now, |card, state, reading, turn| look(card, state, reading, turn, proc))
    }
}

impl Probe for Intel {
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        self.poll_at(ask, Instant::now())
    }

    fn about(&self) -> String {
        self.watch.about()
    }
}

/// What the counters of a card were.
#[derive(Default)]
struct State {
    energy: Option<(u64, Instant)>,
    power: Option<u64>,
    idle: Option<(BTreeMap<PathBuf, u64>, Instant)>,
    awake: Option<Permille>,
}

impl State {
    /// Milliwatts since the last look, by a counter of microjoules.
    fn power(&mut self, micro: u64, now: Instant) -> Option<u64> {
        let Some((before, then)) = self.energy else {
            self.energy = Some((micro, now));
            return None;
        };
        let passed = now.saturating_duration_since(then);
        if passed >= SHORTEST {
            self.energy = Some((micro, now));
            // A counter that is smaller than it was has begun anew.
            let spent = micro.checked_sub(before).map(|spent| u128::from(spent) * 1_000_000);
            self.power = spent.and_then(|spent| u64::try_from(spent.checked_div(passed.as_nanos())?).ok());
        }
        self.power
    }

    /// The share of the time since the last look that the card was awake, by counters of idle milliseconds, one for each part
    /// of it: the one that was awake most.
    fn awake(&mut self, idle: BTreeMap<PathBuf, u64>, now: Instant) -> Option<Permille> {
        let Some((before, then)) = &self.idle else {
            self.idle = Some((idle, now));
            return None;
        };
        let passed = now.saturating_duration_since(*then);
        if passed >= SHORTEST {
            let slept = |(path, idle): (&PathBuf, &u64)| idle.checked_sub(*before.get(path)?);
            self.awake = idle.iter().filter_map(slept).min().and_then(|slept| {
                let share = (u128::from(slept) * 1_000_000_000).checked_div(passed.as_nanos())?;
                Permille::try_from(1000 - share.min(1000)).ok()
            });
            self.idle = Some((idle, now));
        }
        self.awake
    }
}

fn look(card: &Card, state: &mut State, reading: &mut GpuReading, turn: &Turn<'_>, proc: &Path) {
    let sensors = sysfs::hwmon(&card.device(), |name| matches!(name, "i915" | "xe"));
    let sensor = |name: &str| sensors.as_ref().map(|dir| dir.join(name));
    if turn.slow {
        reading.name = card.ids.map_or_else(|| "Intel".to_owned(), |(_, device)| format!("Intel {device:04x}"));
        // Zero is a limit that is switched off.
        let caps = ["power1_max", "power2_max", "power1_rated_max", "power2_rated_max", "power1_crit"];
        reading.power_cap = caps.into_iter().filter_map(sensor).find_map(|path| sysfs::power(&path).filter(|cap| *cap > 0));
    }
    let files = Files::of(card);
    reading.clock = files.clocks.iter().find_map(|path| sysfs::number(path)).and_then(|clock| u32::try_from(clock).ok());
    reading.temperature = ["temp1_input", "temp2_input"].into_iter().filter_map(sensor).find_map(|path| sysfs::celsius(&path));
    let energy = ["energy1_input", "energy2_input"].into_iter().filter_map(sensor).find_map(|path| sysfs::number(&path));
    reading.energy = energy.map(|micro| micro / 1000);
    reading.power = energy.and_then(|micro| state.power(micro, turn.now));
    let idle = files.idle.into_iter().filter_map(|path| sysfs::number(&path).map(|idle| (path, idle))).collect();
    let awake = state.awake(idle, turn.now);
    who(card, reading, turn);
    let by_engine = turn.users.filter(|users| users.clients > 0 && reading.hidden == 0).and_then(|users| users.used);
    (reading.used, reading.used_kind) = by_engine.map_or((awake, UseKind::Awake), |used| (Some(used), UseKind::Engine));
    reading.memory_total = if reading.is_unified { sysfs::machine_memory(proc) } else { None };
}

/// Who uses the card, and how much of which memory that takes.
fn who(card: &Card, reading: &mut GpuReading, turn: &Turn<'_>) {
    reading.is_unified = card.pci.as_deref().is_some_and(|pci| pci.starts_with("0000:00:02."));
    let memory: fn(&Process) -> Option<u64> = if reading.is_unified { |user| user.system } else { |user| user.vram };
    if let Some(users) = turn.users {
        let processes = processes(users, memory);
        reading.memory_used = held(&processes);
        reading.processes = Some(processes);
    }
}

/// Where the two drivers have their figures.
struct Files {
    /// What the clock really is, in megahertz: the first that there is.
    clocks: Vec<PathBuf>,
    /// Milliseconds that a part of the card was idle.
    idle: Vec<PathBuf>,
}

impl Files {
    fn of(card: &Card) -> Self {
        if card.driver == "xe" {
            let tiles = sysfs::numbered(&card.device(), "tile");
            let parts: Vec<PathBuf> = tiles.into_iter().flat_map(|(_, tile)| sysfs::numbered(&tile, "gt")).map(|(_, part)| part).collect();
            let (clock, idle) = ("freq0/act_freq", "gtidle/idle_residency_ms");
            return Self {
                clocks: parts.iter().map(|part| part.join(clock)).collect(),
                idle: parts.iter().map(|part| part.join(idle)).collect(),
            };
        }
        let parts = sysfs::numbered(&card.dir.join("gt"), "gt");
        let mut idle: Vec<PathBuf> = parts.into_iter().map(|(_, part)| part.join("rc6_residency_ms")).collect();
        if idle.is_empty() {
            // Before Linux 5.18 there was one for all of it.
            idle.push(card.dir.join("power/rc6_residency_ms"));
        }
        Self { clocks: vec![card.dir.join("gt_act_freq_mhz"), card.dir.join("gt/gt0/rps_act_freq_mhz")], idle }
    }
}
