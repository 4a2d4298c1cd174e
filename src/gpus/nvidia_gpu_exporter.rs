//! `nvidia_gpu_exporter`, an exporter for single machines: what `nvidia-smi` or NVIDIA's library says, in base units. Names
//! and units as its METRICS.md says them.
//!
//! * A line knows its card's UUID and nothing else: the name, the number and the address are labels of `nvidia_smi_gpu_info`.
//! * The machine is not named anywhere.
//! * Who uses a card is said on request only: that there is no such line means that nobody asked, and not that nobody is there.

use std::collections::BTreeMap;

use super::cards::{Card, Cards, Who, megahertz, reasons};
use super::exposition::{Exposition, Sample};
use super::{Exporter, number};
use crate::model::gpu::{GpuProcess, GpuReading, UseKind, Vendor};

/// The exporter.
#[derive(Debug, Clone, Copy)]
pub struct NvidiaGpuExporter;

/// Processes of a card that are kept.
const MOST_PROCESSES: usize = 4096;

/// What is read.
mod names {
    pub(super) const INFO: &str = "nvidia_smi_gpu_info";
    pub(super) const USED: &str = "nvidia_smi_utilization_gpu_ratio";
    pub(super) const MEMORY_USED: &str = "nvidia_smi_memory_used_bytes";
    pub(super) const MEMORY: &str = "nvidia_smi_memory_total_bytes";
    pub(super) const POWER: &str = "nvidia_smi_power_draw_watts";
    pub(super) const POWER_CAP: &str = "nvidia_smi_enforced_power_limit_watts";
    pub(super) const POWER_LIMIT: &str = "nvidia_smi_power_limit_watts";
    pub(super) const ENERGY: &str = "nvidia_smi_energy_joules_total";
    pub(super) const TEMPERATURE: &str = "nvidia_smi_temperature_gpu";
    pub(super) const CLOCK: &str = "nvidia_smi_clocks_current_sm_clock_hz";
    pub(super) const REASONS: &str = "nvidia_smi_clocks_event_reasons_active";
    /// As older drivers call them.
    pub(super) const OLD_REASONS: &str = "nvidia_smi_clocks_throttle_reasons_active";
    pub(super) const ECC: &str = "nvidia_smi_ecc_errors_uncorrected_volatile_total";
    pub(super) const XID: &str = "nvidia_smi_xid_last_timestamp_seconds";
    pub(super) const APPS: &str = "nvidia_smi_compute_apps";
    pub(super) const APP: &str = "nvidia_smi_compute_app_info";
    pub(super) const APP_MEMORY: &str = "nvidia_smi_compute_app_used_memory_bytes";
    pub(super) const PART: &str = "nvidia_smi_mig_info";
    pub(super) const PART_USED: &str = "nvidia_smi_mig_graphics_activity_ratio";
    pub(super) const PART_SM: &str = "nvidia_smi_mig_sm_activity_ratio";
    pub(super) const PART_TENSOR: &str = "nvidia_smi_mig_tensor_activity_ratio";
    pub(super) const PART_MEMORY_USED: &str = "nvidia_smi_mig_memory_used_bytes";
    pub(super) const PART_MEMORY: &str = "nvidia_smi_mig_memory_total_bytes";
    pub(super) const ALL: [&str; 23] = [
        INFO,
        USED,
        MEMORY_USED,
        MEMORY,
        POWER,
        POWER_CAP,
        POWER_LIMIT,
        ENERGY,
        TEMPERATURE,
        CLOCK,
        REASONS,
        OLD_REASONS,
        ECC,
        XID,
        APPS,
        APP,
        APP_MEMORY,
        PART,
        PART_USED,
        PART_SM,
        PART_TENSOR,
        PART_MEMORY_USED,
        PART_MEMORY,
    ];
}

impl Exporter for NvidiaGpuExporter {
    fn name(&self) -> &'static str {
        "nvidia_gpu_exporter"
    }

    fn is_it(&self, said: &Exposition) -> bool {
        names::ALL.iter().any(|name| said.has(name))
    }

    fn read(&self, said: &Exposition) -> Vec<GpuReading> {
        Cards::of(said, names::ALL, who).readings(reading)
    }
}

fn who(sample: &Sample) -> Option<Who<'_>> {
    let is_info = sample.name == names::INFO;
    let info = |label| sample.label(label).filter(|_| is_info);
    Some(Who {
        uuid: Some(sample.label("uuid")?),
        pci: info("pci_bus_id"),
        host: None,
        index: info("index"),
        name: info("name"),
        instance: sample.label("gpu_instance_id"),
        profile: sample.label("profile"),
    })
}

fn reading(card: &Card<'_>) -> GpuReading {
    let figures = if card.is_instance() { part(card) } else { whole(card) };
    GpuReading { vendor: Vendor::Nvidia, processes: processes(card), ..figures }
}

fn whole(card: &Card<'_>) -> GpuReading {
    let of = |name| card.figure(name);
    let reasons = of(names::REASONS).or_else(|| of(names::OLD_REASONS)).and_then(reasons);
    GpuReading {
        used: of(names::USED).and_then(number::ratio),
        memory_used: of(names::MEMORY_USED).and_then(number::whole),
        memory_total: of(names::MEMORY).and_then(number::whole),
        power: of(names::POWER).and_then(|watts| number::scaled(watts, 1000.0)),
        power_cap: of(names::POWER_CAP).or_else(|| of(names::POWER_LIMIT)).and_then(|watts| number::scaled(watts, 1000.0)),
        energy: of(names::ENERGY).and_then(|joules| number::scaled(joules, 1000.0)),
        temperature: of(names::TEMPERATURE).and_then(number::celsius),
        clock: of(names::CLOCK).and_then(|hertz| megahertz(hertz, 1e-6)),
        throttle: reasons.map(|(throttle, _)| throttle),
        driver_idle: reasons.map(|(_, idle)| idle),
        ecc: of(names::ECC).and_then(number::whole),
        xid: last_error(card),
        ..GpuReading::default()
    }
}

fn part(card: &Card<'_>) -> GpuReading {
    let of = |name| card.figure(name);
    GpuReading {
        used: of(names::PART_USED).and_then(number::ratio),
        used_kind: UseKind::Engine,
        sm: of(names::PART_SM).and_then(number::ratio),
        tensor: of(names::PART_TENSOR).and_then(number::ratio),
        memory_used: of(names::PART_MEMORY_USED).and_then(number::whole),
        memory_total: of(names::PART_MEMORY).and_then(number::whole),
        ..GpuReading::default()
    }
}

/// The code of the last error: there is a line for each code, with the time at which it came last.
fn last_error(card: &Card<'_>) -> Option<u64> {
    let finite = card.all(names::XID).filter(|sample| sample.value.is_finite());
    finite.max_by(|one, other| one.value.total_cmp(&other.value)).and_then(|last| last.label("xid")?.parse().ok())
}

fn processes(card: &Card<'_>) -> Option<Vec<GpuProcess>> {
    let mut found: BTreeMap<u32, GpuProcess> = BTreeMap::new();
    for sample in card.all(names::APP).chain(card.all(names::APP_MEMORY)) {
        let Some(pid) = sample.label("pid").and_then(|pid| pid.parse().ok()) else { continue };
        if found.len() == MOST_PROCESSES && !found.contains_key(&pid) {
            continue;
        }
        let process = found.entry(pid).or_insert_with(|| GpuProcess { pid, ..GpuProcess::default() });
        process.name = process.name.take().or_else(|| sample.label("process_name").map(str::to_owned));
        if sample.name == names::APP_MEMORY {
            process.memory = process.memory.or(number::whole(sample.value));
        }
    }
    let nobody = card.figure(names::APPS).and_then(number::whole) == Some(0);
    (nobody || !found.is_empty()).then(|| found.into_values().collect())
}
