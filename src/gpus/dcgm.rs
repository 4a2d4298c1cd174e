//! `dcgm-exporter`, NVIDIA's exporter for whole machines and clusters. The names of its fields and their units, as its
//! default-counters.csv and `dcgm_fields.h` say them.
//!
//! * Memory is mebibytes, energy millijoules, use per cent, and the profiler's figures shares of one.
//! * Where a card has no such figure, today's exporter says nothing and older ones say a number that stands for nothing.
//! * A card that is divided into instances has its lines once more for each of them: with figures of the instance where
//!   there are some, and with the card's own, such as its power, where there are none.

use super::cards::{Card, Cards, Who, megahertz, reasons};
use super::exposition::{Exposition, Sample};
use super::prometheus::own;
use super::{Exporter, number};
use crate::model::gpu::{GpuReading, UseKind, Vendor};

/// The exporter.
#[derive(Debug, Clone, Copy)]
pub struct Dcgm;

/// Figures that an instance has of its own.
mod part {
    pub(super) const USED: &str = "DCGM_FI_DEV_GPU_UTIL";
    pub(super) const ENGINE: &str = "DCGM_FI_PROF_GR_ENGINE_ACTIVE";
    pub(super) const SM: &str = "DCGM_FI_PROF_SM_ACTIVE";
    pub(super) const TENSOR: &str = "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE";
    pub(super) const DRAM: &str = "DCGM_FI_PROF_DRAM_ACTIVE";
    pub(super) const MEMORY_USED: &str = "DCGM_FI_DEV_FB_USED";
    pub(super) const MEMORY_FREE: &str = "DCGM_FI_DEV_FB_FREE";
    pub(super) const MEMORY_RESERVED: &str = "DCGM_FI_DEV_FB_RESERVED";
    pub(super) const MEMORY: &str = "DCGM_FI_DEV_FB_TOTAL";
    pub(super) const ALL: [&str; 9] = [USED, ENGINE, SM, TENSOR, DRAM, MEMORY_USED, MEMORY_FREE, MEMORY_RESERVED, MEMORY];
}

/// Figures of the whole card, whatever the line says that they are of.
mod whole {
    pub(super) const POWER: &str = "DCGM_FI_DEV_POWER_USAGE";
    pub(super) const POWER_CAP: &str = "DCGM_FI_DEV_ENFORCED_POWER_LIMIT";
    pub(super) const POWER_LIMIT: &str = "DCGM_FI_DEV_POWER_MGMT_LIMIT";
    pub(super) const ENERGY: &str = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION";
    pub(super) const TEMPERATURE: &str = "DCGM_FI_DEV_GPU_TEMP";
    pub(super) const CLOCK: &str = "DCGM_FI_DEV_SM_CLOCK";
    pub(super) const ECC: &str = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL";
    pub(super) const XID: &str = "DCGM_FI_DEV_XID_ERRORS";
    pub(super) const REASONS: &str = "DCGM_FI_DEV_CLOCKS_EVENT_REASONS";
    /// As releases before the fourth call them.
    pub(super) const OLD_REASONS: &str = "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS";
    pub(super) const ALL: [&str; 10] = [POWER, POWER_CAP, POWER_LIMIT, ENERGY, TEMPERATURE, CLOCK, ECC, XID, REASONS, OLD_REASONS];
}

const INSTANCE: &str = "GPU_I_ID";
const MEBIBYTE: f64 = 1_048_576.0;

impl Exporter for Dcgm {
    fn name(&self) -> &'static str {
        "dcgm-exporter"
    }

    fn is_it(&self, said: &Exposition) -> bool {
        part::ALL.iter().chain(&whole::ALL).any(|name| said.has(name))
    }

    fn read(&self, said: &Exposition) -> Vec<GpuReading> {
        Cards::of(said, part::ALL.into_iter().chain(whole::ALL), |sample| Some(who(sample))).readings(reading)
    }
}

fn who(sample: &Sample) -> Who<'_> {
    let is_part = part::ALL.contains(&sample.name.as_str());
    Who {
        uuid: sample.label("UUID").or_else(|| sample.label("uuid")),
        pci: sample.label("pci_bus_id"),
        host: own(sample, "Hostname").or_else(|| own(sample, "hostname")),
        index: sample.label("gpu"),
        name: sample.label("modelName"),
        instance: sample.label(INSTANCE).filter(|_| is_part),
        profile: sample.label("GPU_I_PROFILE"),
    }
}

fn reading(card: &Card<'_>) -> GpuReading {
    let of = |name: &str| card.all(name).map(|sample| sample.value).find(|value| !is_blank(*value));
    let used = of(part::USED).and_then(number::percent);
    let reasons = of(whole::REASONS).or_else(|| of(whole::OLD_REASONS)).and_then(reasons);
    GpuReading {
        vendor: Vendor::Nvidia,
        used: used.or_else(|| of(part::ENGINE).and_then(number::ratio)),
        used_kind: if used.is_some() { UseKind::Kernel } else { UseKind::Engine },
        sm: of(part::SM).and_then(number::ratio),
        tensor: of(part::TENSOR).and_then(number::ratio),
        bandwidth: of(part::DRAM).and_then(number::ratio),
        memory_used: of(part::MEMORY_USED).and_then(|mib| number::scaled(mib, MEBIBYTE)),
        memory_total: of(part::MEMORY).or_else(|| total(of)).and_then(|mib| number::scaled(mib, MEBIBYTE)),
        power: of(whole::POWER).and_then(|watts| number::scaled(watts, 1000.0)),
        power_cap: of(whole::POWER_CAP).or_else(|| of(whole::POWER_LIMIT)).and_then(|watts| number::scaled(watts, 1000.0)),
        energy: of(whole::ENERGY).and_then(number::whole),
        temperature: of(whole::TEMPERATURE).and_then(number::celsius),
        clock: of(whole::CLOCK).and_then(|clock| megahertz(clock, 1.0)),
        throttle: reasons.map(|(throttle, _)| throttle),
        driver_idle: reasons.map(|(_, idle)| idle),
        ecc: of(whole::ECC).and_then(number::whole),
        xid: of(whole::XID).and_then(number::whole).filter(|code| *code != 0),
        // A line of the whole card's that was said for an instance names who has the instance.
        labels: card.owners(|sample| sample.label(INSTANCE).is_some() == card.is_instance()),
        ..GpuReading::default()
    }
}

/// All memory in mebibytes, of its parts: what the driver keeps for itself has a line of its own in newer releases.
fn total(of: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    Some(of(part::MEMORY_USED)? + of(part::MEMORY_FREE)? + of(part::MEMORY_RESERVED).unwrap_or(0.0))
}

/// Whether a number stands for nothing: the `BLANK` values of `dcgm_structs.h`, the largest whole numbers of 32 and of 64 bits
/// but a few, and 2^47. They are compared as what is left of them in a floating-point number.
fn is_blank(value: f64) -> bool {
    const BLANKS: [std::ops::RangeInclusive<f64>; 3] =
        [2_147_483_632.0..=2_147_483_635.0, 140_737_488_355_328.0..=140_737_488_355_331.0, 9_223_372_036_854_774_784.0..=f64::INFINITY];
    !value.is_finite() || BLANKS.iter().any(|blank| blank.contains(&value))
}
