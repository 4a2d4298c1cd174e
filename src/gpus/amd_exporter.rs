//! AMD's Device Metrics Exporter. Names, units and labels as its docs/configuration say them.
//!
//! * Every name may have a prefix that its administrator has chosen: `amd_gpu_gfx_activity`. Names are told by how they end.
//! * A card that is divided into partitions has its figures in the first one; the others say 0, or nothing.
//! * Which figure of power there is depends on the card. Energy is microjoules.
//! * Older releases say the largest number of 16, 32 or 64 bits for what they do not know.

use super::cards::{Card, Cards, Who, megahertz};
use super::exposition::{Exposition, Sample};
use super::prometheus::own;
use super::{Exporter, number};
use crate::model::gpu::{GpuReading, UseKind, Vendor};

/// The exporter.
#[derive(Debug, Clone, Copy)]
pub struct AmdExporter;

/// What is read, without a prefix.
mod names {
    pub(super) const USED: &str = "gpu_gfx_activity";
    pub(super) const MEMORY_USED: &str = "gpu_used_vram";
    pub(super) const MEMORY_FREE: &str = "gpu_free_vram";
    pub(super) const MEMORY: &str = "gpu_total_vram";
    pub(super) const POWER: &str = "gpu_package_power";
    pub(super) const AVERAGE_POWER: &str = "gpu_average_package_power";
    pub(super) const POWER_USAGE: &str = "gpu_power_usage";
    pub(super) const ENERGY: &str = "gpu_energy_consumed";
    pub(super) const TEMPERATURE: &str = "gpu_junction_temperature";
    pub(super) const EDGE_TEMPERATURE: &str = "gpu_edge_temperature";
    pub(super) const CLOCK: &str = "gpu_clock";
    pub(super) const ECC: &str = "gpu_ecc_uncorrect_total";
    pub(super) const ALL: [&str; 12] =
        [USED, MEMORY_USED, MEMORY_FREE, MEMORY, POWER, AVERAGE_POWER, POWER_USAGE, ENERGY, TEMPERATURE, EDGE_TEMPERATURE, CLOCK, ECC];
    /// Those that nobody else has: what they begin with is the prefix.
    pub(super) const TELLING: [&str; 4] = [USED, MEMORY, MEMORY_USED, ENERGY];
}

/// What the exporter calls MB is 1024 times 1024 bytes, as in AMD's tools: they divide the driver's bytes so.
const MEGABYTE: f64 = 1_048_576.0;

impl Exporter for AmdExporter {
    fn name(&self) -> &'static str {
        "amd-device-metrics-exporter"
    }

    fn is_it(&self, said: &Exposition) -> bool {
        prefix(said).is_some()
    }

    fn read(&self, said: &Exposition) -> Vec<GpuReading> {
        let Some(prefix) = prefix(said) else { return Vec::new() };
        let names = names::ALL.map(|name| format!("{prefix}{name}"));
        Cards::of(said, names.iter().map(String::as_str), who).readings(|card| reading(card, prefix))
    }
}

/// What its names begin with.
fn prefix(said: &Exposition) -> Option<&str> {
    said.iter().find_map(|sample| {
        let prefix = names::TELLING.iter().find_map(|name| sample.name.strip_suffix(name))?;
        (prefix.is_empty() || prefix.ends_with('_')).then_some(prefix)
    })
}

fn who(sample: &Sample) -> Option<Who<'_>> {
    // A card that cannot be divided says "NA".
    if sample.label("gpu_partition_id").and_then(|partition| partition.parse::<u32>().ok()).is_some_and(|partition| partition > 0) {
        return None;
    }
    Some(Who {
        uuid: sample.label("gpu_uuid"),
        pci: sample.label("pcie_bus_id"),
        host: own(sample, "hostname"),
        index: sample.label("gpu_id"),
        name: name(sample),
        instance: None,
        profile: None,
    })
}

/// What the card is called: some say the number of the board, `102-G30211-0C`, where others have a name.
fn name(sample: &Sample) -> Option<&str> {
    let is_name = |text: &&str| !text.starts_with(|first: char| first.is_ascii_digit());
    let labels = || ["card_model", "card_series"].into_iter().filter_map(|label| sample.label(label));
    labels().find(is_name).or_else(|| labels().next())
}

fn reading(card: &Card<'_>, prefix: &str) -> GpuReading {
    let of = |name: &str| known(card, &format!("{prefix}{name}"), |_| true);
    let memory_used = of(names::MEMORY_USED);
    let memory = of(names::MEMORY).or_else(|| Some(memory_used? + of(names::MEMORY_FREE)?));
    let power = of(names::POWER).or_else(|| of(names::AVERAGE_POWER)).or_else(|| of(names::POWER_USAGE));
    GpuReading {
        vendor: Vendor::Amd,
        used: of(names::USED).and_then(number::percent),
        used_kind: UseKind::Engine,
        memory_used: memory_used.and_then(|mb| number::scaled(mb, MEGABYTE)),
        memory_total: memory.and_then(|mb| number::scaled(mb, MEGABYTE)),
        power: power.and_then(|watts| number::scaled(watts, 1000.0)),
        energy: of(names::ENERGY).and_then(|microjoules| number::scaled(microjoules, 0.001)),
        temperature: of(names::TEMPERATURE).or_else(|| of(names::EDGE_TEMPERATURE)).and_then(number::celsius),
        clock: known(card, &format!("{prefix}{}", names::CLOCK), is_system).and_then(|clock| megahertz(clock, 1.0)),
        ecc: of(names::ECC).and_then(number::whole),
        labels: card.owners(|_| true),
        ..GpuReading::default()
    }
}

/// Whether a clock is the one of the compute units: there is a line for each clock that a card has.
fn is_system(sample: &Sample) -> bool {
    sample.label("clock_type").is_none_or(|kind| kind.to_ascii_lowercase().ends_with("system"))
}

/// The first figure that is one.
fn known(card: &Card<'_>, name: &str, is_meant: impl Fn(&Sample) -> bool) -> Option<f64> {
    card.all(name).filter(|sample| is_meant(sample)).map(|sample| sample.value).find(|value| !is_blank(*value))
}

/// Whether a number stands for nothing.
fn is_blank(value: f64) -> bool {
    const BLANKS: [f64; 3] = [65_535.0, 4_294_967_295.0, 18_446_744_073_709_551_615.0];
    !value.is_finite() || BLANKS.iter().any(|blank| (value - blank).abs() < 0.5)
}
