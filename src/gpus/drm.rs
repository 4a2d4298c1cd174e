//! Cards of any driver of the kernel's graphics, by what it says of the files that processes have open: nouveau, msm,
//! panfrost, v3d and others. Probes that know more of a card use the same machinery for who uses it.
//!
//! Nothing is asked of the card itself, so there is no figure beside those of processes. Where the files of other people's
//! processes may not be read, what was seen is the least that the card was used: nothing seen then means nothing known.

use std::time::Instant;

use super::sysfs::Card;
use super::{Ask, Known, Places, Probe, ProbeError};
use crate::model::gpu::{GpuReading, UseKind};

mod clients;
mod fdinfo;
mod meter;
mod watch;

pub use clients::{Clients, Process, Use};
pub use fdinfo::{Engine, Fdinfo, parse};
pub use watch::{Turn, Watch, held, processes};

/// The probe.
pub const KNOWN: Known = Known {
    name: "drm",
    about: "cards of any other driver of Linux, by what processes use of them",
    instead_of: None,
    open: |places| Ok(Box::new(Drm::open(places)?)),
};

/// Drivers that other probes know better. NVIDIA's own says nothing of open files.
const OF_OTHERS: &[&str] = &["amdgpu", "i915", "xe", "nvidia"];

/// Cards of other drivers.
pub struct Drm {
    watch: Watch<()>,
}

impl Drm {
    /// The cards of these places.
    pub fn open(places: &Places) -> Result<Self, ProbeError> {
        let absent =
            "no other card: /sys/class/drm has none that programs could compute with, besides those of amdgpu, i915, xe and nvidia";
        Ok(Self { watch: Watch::open(places, |card| card.renders() && !OF_OTHERS.contains(&card.driver.as_str()), absent)? })
    }

    /// Looks, as if it were now.
    pub fn poll_at(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        self.watch.poll(ask, now, |card, (), reading, turn| {
            reading.name = name(card);
            reading.used_kind = UseKind::Engine;
            let Some(users) = turn.users else { return };
            let memory = |user: &Process| user.vram.filter(|bytes| *bytes > 0).or(user.system);
            reading.used = users.used.filter(|used| reading.hidden == 0 || *used > 0);
            let processes = processes(users, memory);
            reading.memory_used = held(&processes);
            reading.processes = Some(processes);
        })
    }
}

impl Probe for Drm {
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        self.poll_at(ask, Instant::now())
    }

    fn about(&self) -> String {
        self.watch.about()
    }
}

fn name(card: &Card) -> String {
    match card.ids {
        Some((vendor, device)) => format!("{} {vendor:04x}:{device:04x}", card.driver),
        None => card.driver.clone(),
    }
}
