//! `all-smi api`, an exporter for the cards of many makers. Names and labels as its API.md and the exporters in
//! src/api/metrics say them.
//!
//! * Releases differ in their labels: `uuid` and `index` became `gpu_uuid` and `gpu_index`.
//! * Its label `instance` is its machine, which a Prometheus server calls `exported_instance`.
//! * Older releases say 0 where they do not know a clock, a temperature or the size of a memory: no card has one of 0.
//! * The graphics of all Macs have one UUID, `AppleSiliconGPU`.
//! * Energy is counted for the processor and for the whole machine, too: those lines name no card.

use std::collections::HashMap;

use super::cards::{Card, Cards, Who, megahertz};
use super::exposition::{Exposition, Sample};
use super::prometheus::own;
use super::{Exporter, number};
use crate::model::gpu::{GpuProcess, GpuReading, UseKind, Vendor, plain_uuid};

/// The exporter.
#[derive(Debug, Clone, Copy)]
pub struct AllSmi;

/// Processes of a page that are kept.
const MOST_PROCESSES: usize = 65_536;

/// What is read.
mod names {
    pub(super) const USED: &str = "all_smi_gpu_utilization";
    pub(super) const MEMORY_USED: &str = "all_smi_gpu_memory_used_bytes";
    pub(super) const MEMORY: &str = "all_smi_gpu_memory_total_bytes";
    pub(super) const POWER: &str = "all_smi_gpu_power_consumption_watts";
    pub(super) const POWER_CAP: &str = "all_smi_gpu_power_limit_current_watts";
    pub(super) const TEMPERATURE: &str = "all_smi_gpu_temperature_celsius";
    pub(super) const CLOCK: &str = "all_smi_gpu_frequency_mhz";
    pub(super) const PART_USED: &str = "all_smi_mig_instance_utilization_gpu";
    pub(super) const PART_MEMORY_USED: &str = "all_smi_mig_instance_memory_used_bytes";
    pub(super) const PART_MEMORY: &str = "all_smi_mig_instance_memory_total_bytes";
    pub(super) const ENERGY: &str = "all_smi_energy_consumed_joules_total";
    /// Energy comes last: its lines name the machine in another way, and the card by its UUID alone.
    pub(super) const ALL: [&str; 11] =
        [USED, MEMORY_USED, MEMORY, POWER, POWER_CAP, TEMPERATURE, CLOCK, PART_USED, PART_MEMORY_USED, PART_MEMORY, ENERGY];
    pub(super) const PROCESS: &str = "all_smi_process_memory_used_bytes";
    pub(super) const UP: &str = "all_smi_up";
}

impl Exporter for AllSmi {
    fn name(&self) -> &'static str {
        "all-smi"
    }

    fn is_it(&self, said: &Exposition) -> bool {
        said.has(names::UP) || names::ALL.iter().any(|name| said.has(name))
    }

    fn read(&self, said: &Exposition) -> Vec<GpuReading> {
        let mut readings = Cards::of(said, names::ALL, |sample| Some(who(sample))).readings(reading);
        if said.has(names::PROCESS) {
            give(&mut readings, processes(said));
        }
        readings
    }
}

fn who(sample: &Sample) -> Who<'_> {
    let is_energy = sample.name == names::ENERGY;
    Who {
        uuid: sample.label("gpu_uuid").or_else(|| sample.label("uuid")),
        pci: None,
        host: if is_energy { own(sample, "host") } else { own(sample, "instance") },
        index: sample.label("gpu_index").or_else(|| sample.label("index")),
        name: sample.label("gpu"),
        instance: sample.label("gpu_instance_id").or_else(|| sample.label("mig_instance")),
        profile: sample.label("mig_profile"),
    }
}

fn reading(card: &Card<'_>) -> GpuReading {
    let of = |name| card.figure(name);
    let some = |name| of(name).filter(|value| *value > 0.0);
    let vendor = vendor(card.name());
    let [used, memory_used, memory] = if card.is_instance() {
        [names::PART_USED, names::PART_MEMORY_USED, names::PART_MEMORY]
    } else {
        [names::USED, names::MEMORY_USED, names::MEMORY]
    };
    let memory_total = some(memory).and_then(number::whole);
    GpuReading {
        vendor,
        used: of(used).and_then(number::percent),
        used_kind: if card.is_instance() { UseKind::Engine } else { use_kind(vendor) },
        memory_used: of(memory_used).and_then(number::whole).filter(|used| *used > 0 || memory_total.is_some()),
        memory_total,
        is_unified: vendor == Vendor::Apple,
        power: some(names::POWER).and_then(|watts| number::scaled(watts, 1000.0)),
        power_cap: some(names::POWER_CAP).and_then(|watts| number::scaled(watts, 1000.0)),
        energy: of(names::ENERGY).and_then(|joules| number::scaled(joules, 1000.0)),
        temperature: some(names::TEMPERATURE).and_then(number::celsius),
        clock: some(names::CLOCK).and_then(|clock| megahertz(clock, 1.0)),
        ..GpuReading::default()
    }
}

/// The processes of a page, by the UUID of the card that they use.
fn processes(said: &Exposition) -> HashMap<String, Vec<GpuProcess>> {
    let mut found: HashMap<String, Vec<GpuProcess>> = HashMap::new();
    for sample in said.all(names::PROCESS).iter().take(MOST_PROCESSES) {
        let pid = sample.label("pid").and_then(|pid| pid.parse().ok());
        if let (Some(pid), Some(card)) = (pid, sample.label("device_uuid")) {
            let name = own(sample, "name").map(str::to_owned);
            let process = GpuProcess { pid, memory: number::whole(sample.value), name, ..GpuProcess::default() };
            found.entry(plain_uuid(card)).or_default().push(process);
        }
    }
    found
}

/// Gives each card its processes: where there are some on one of them, those without are not used by anybody.
fn give(readings: &mut [GpuReading], mut processes: HashMap<String, Vec<GpuProcess>>) {
    for reading in readings.iter_mut().filter(|reading| reading.slice.is_none()) {
        let uuid = reading.id.rsplit('/').next().unwrap_or_default();
        reading.processes = Some(processes.remove(uuid).unwrap_or_default());
    }
}

/// Whose card it is, by its name.
fn vendor(name: &str) -> Vendor {
    const NAMES: [(&str, Vendor); 9] = [
        ("nvidia", Vendor::Nvidia),
        ("geforce", Vendor::Nvidia),
        ("tesla", Vendor::Nvidia),
        ("quadro", Vendor::Nvidia),
        ("amd", Vendor::Amd),
        ("radeon", Vendor::Amd),
        ("instinct", Vendor::Amd),
        ("intel", Vendor::Intel),
        ("apple", Vendor::Apple),
    ];
    let name = name.to_ascii_lowercase();
    NAMES.iter().find(|(word, _)| name.contains(word)).map_or(Vendor::Other, |(_, vendor)| *vendor)
}

/// What a figure of use means, where an exporter does not say it: NVIDIA's driver counts any kernel, the others an engine.
fn use_kind(vendor: Vendor) -> UseKind {
    if vendor == Vendor::Nvidia { UseKind::Kernel } else { UseKind::Engine }
}
