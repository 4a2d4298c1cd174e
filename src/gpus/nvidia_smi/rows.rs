//! What `nvidia-smi` prints, as `--help-query-gpu` describes it: rows without quotes, in MiB, watts, MHz and percent. What a
//! card does not know stands in brackets (`[N/A]`, `[Not Supported]`, `[Insufficient Permissions]`, `[Unknown Error]`) or as
//! `N/A`: no number, and so nothing.

use crate::gpus::number::{celsius, percent, scaled, whole};
use crate::gpus::nvml::{reasons, unified};
use crate::model::gpu::{GpuProcess, GpuReading, Health, Vendor, plain_pci, plain_uuid};

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;
/// More names are not read out of the help.
const MOST_NAMES: usize = 4096;
/// What is said of processes. Their name may contain commas and comes last.
pub const OF_PROCESSES: &str = "gpu_uuid,pid,used_gpu_memory,process_name";

/// What is said of cards, by its names, the newer one first. A name with commas would end the row too early: it comes last.
/// One field that is not known to a driver fails the whole query.
const FIELDS: [&[&str]; 15] = [
    &["index"],
    &["uuid", "gpu_uuid"],
    &["pci.bus_id", "gpu_bus_id"],
    &["driver_version"],
    &["utilization.gpu"],
    &["memory.used"],
    &["memory.total"],
    &["power.draw"],
    &["enforced.power.limit"],
    &["temperature.gpu"],
    &["clocks.current.sm", "clocks.sm"],
    &["clocks_event_reasons.active", "clocks_throttle_reasons.active"],
    &["mig.mode.current"],
    &["ecc.errors.uncorrected.volatile.total"],
    &["name", "gpu_name"],
];

/// Those of them that every driver knows, for where the help says nothing.
const ALWAYS: [&str; 7] = ["index", "uuid", "pci.bus_id", "driver_version", "utilization.gpu", "temperature.gpu", "name"];

/// The fields that this driver knows, in the order in which they are asked for.
#[must_use]
pub fn fields(help: &str) -> Vec<&'static str> {
    let lines = help.lines().filter(|line| line.starts_with('"'));
    // Between quotes: every second piece of a line. A line names all names of one field.
    let known: Vec<&str> = lines.flat_map(|line| line.split('"').skip(1).step_by(2)).take(MOST_NAMES).collect();
    let found: Vec<&'static str> = FIELDS.iter().filter_map(|names| names.iter().copied().find(|name| known.contains(name))).collect();
    if found.contains(&"index") { found } else { ALWAYS.to_vec() }
}

/// A row about one card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The card.
    pub card: GpuReading,
    /// Its driver's version.
    pub driver: Option<String>,
}

impl Row {
    /// Reads a line; nothing where it is none, but a sentence, say.
    #[must_use]
    pub fn read(line: &str, fields: &[&str]) -> Option<Self> {
        let mut row = Self { card: GpuReading { vendor: Vendor::Nvidia, ..GpuReading::default() }, driver: None };
        let mut is_divided = false;
        let values: Vec<&str> = line.splitn(fields.len(), ',').map(str::trim).collect();
        if values.len() != fields.len() {
            return None;
        }
        for (field, value) in fields.iter().zip(values) {
            is_divided |= *field == "mig.mode.current" && value == "Enabled";
            row.take(field, value);
        }
        let index = row.card.index?;
        if is_divided {
            // The whole card does not know how busy its parts are.
            row.card.used = None;
        }
        row.card.is_unified = unified::is_integrated(&row.card.name);
        if row.card.id.is_empty() {
            row.card.id = row.card.pci.clone().unwrap_or_else(|| format!("nvidia-{index}"));
        }
        Some(row)
    }

    fn take(&mut self, field: &str, value: &str) {
        let card = &mut self.card;
        match field {
            "index" => card.index = value.parse().ok(),
            "uuid" | "gpu_uuid" => card.id = word(value).map(plain_uuid).unwrap_or_default(),
            "pci.bus_id" | "gpu_bus_id" => card.pci = word(value).map(plain_pci),
            "name" | "gpu_name" => word(value).unwrap_or("NVIDIA GPU").clone_into(&mut card.name),
            "driver_version" => self.driver = word(value).map(str::to_owned),
            "utilization.gpu" => card.used = number(value).and_then(percent),
            "memory.used" => card.memory_used = number(value).and_then(|mib| scaled(mib, MIB)),
            "memory.total" => card.memory_total = number(value).and_then(|mib| scaled(mib, MIB)),
            "power.draw" => card.power = number(value).and_then(|watts| scaled(watts, 1000.0)),
            "enforced.power.limit" => card.power_cap = number(value).and_then(|watts| scaled(watts, 1000.0)),
            "temperature.gpu" => card.temperature = number(value).and_then(celsius),
            "clocks.current.sm" | "clocks.sm" => card.clock = number(value).and_then(whole).and_then(|mhz| u32::try_from(mhz).ok()),
            "clocks_event_reasons.active" | "clocks_throttle_reasons.active" => {
                let bits = value.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
                (card.throttle, card.driver_idle) = bits.map(reasons::read).unzip();
            }
            "ecc.errors.uncorrected.volatile.total" => card.ecc = value.parse().ok(),
            _ => {}
        }
        if matches!(value, "[GPU is lost]" | "[GPU requires reset]") {
            card.health = Health::Lost;
        }
    }
}

/// A line about a process: the UUID of its card, and the process.
#[must_use]
pub fn process(line: &str) -> Option<(String, GpuProcess)> {
    let mut values = line.splitn(4, ',').map(str::trim);
    let (uuid, pid, memory, name) = (values.next()?, values.next()?, values.next()?, values.next()?);
    let process = GpuProcess {
        pid: pid.parse().ok()?,
        memory: number(memory).and_then(|mib| scaled(mib, MIB)),
        name: word(name).map(str::to_owned),
        ..GpuProcess::default()
    };
    Some((plain_uuid(word(uuid)?), process))
}

/// A number, without the unit that some drivers print in spite of `nounits`.
fn number(value: &str) -> Option<f64> {
    value.split_whitespace().next()?.parse().ok()
}

/// A text that says something.
fn word(value: &str) -> Option<&str> {
    let is_missing =
        value.is_empty() || value == "-" || value.eq_ignore_ascii_case("n/a") || value.starts_with('[') && value.ends_with(']');
    (!is_missing).then_some(value)
}
