//! Who uses a card, and how much of it.

use std::collections::BTreeMap;
use std::time::Instant;

use nvml_wrapper::Device;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::{ProcessInfo, ProcessUtilizationSample};

use super::lacks::{Field, Lacks};
use crate::gpus::number::percent;
use crate::model::gpu::{GpuProcess, Permille};

/// So often a list is asked for anew that has grown between its count and itself.
const TRIES: usize = 3;
/// More processes of one card are not looked at.
const MOST: usize = 4096;
/// Samples of use that are so much older than the newest are of a time that is over, in microseconds.
const FRESH: u64 = 5_000_000;

/// The processes of one card or instance, and how far their samples of use have been read.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// What was last told.
    pub(super) list: Option<Vec<GpuProcess>>,
    /// The instance that processes say they are on: the wrapper tells it no other way.
    pub(super) instance: Option<u32>,
    /// Each card has a clock of its own for samples.
    sampled: u64,
}

impl Users {
    /// Looks who is there. Use by process is not told of instances.
    pub(super) fn look(&mut self, device: &Device<'_>, lacks: &mut Lacks, now: Instant, with_use: bool) {
        let compute = lacks
            .ask(Field::Compute, now, || patiently(|| device.running_compute_processes()))
            .or_else(|| lacks.ask(Field::ComputeOld, now, || patiently(|| device.running_compute_processes_v2())));
        let graphics = lacks
            .ask(Field::Graphics, now, || patiently(|| device.running_graphics_processes()))
            .or_else(|| lacks.ask(Field::GraphicsOld, now, || patiently(|| device.running_graphics_processes_v2())));
        if compute.is_none() && graphics.is_none() {
            self.list = None;
            return;
        }
        let (compute, graphics) = (compute.unwrap_or_default(), graphics.unwrap_or_default());
        self.instance = compute.iter().chain(&graphics).find_map(|process| process.gpu_instance_id).or(self.instance);
        let mut list = merge(&compute, &graphics);
        if with_use && !list.is_empty() {
            self.sample(device, lacks, now, &mut list);
        }
        self.list = Some(list);
    }

    fn sample(&mut self, device: &Device<'_>, lacks: &mut Lacks, now: Instant, list: &mut [GpuProcess]) {
        let since = self.sampled;
        let Some(samples) = lacks.ask(Field::ProcessUse, now, || samples(device, since)) else { return };
        let newest = samples.iter().map(|sample| sample.timestamp).max().unwrap_or(since);
        let after = since.max(newest.saturating_sub(FRESH));
        let used = average(&samples, after);
        self.sampled = newest.max(since);
        // Only who is in the list: inside a container the numbers of samples may be the machine's, and others' with it.
        for process in list {
            process.used = used.get(&process.pid).copied();
        }
    }
}

/// Nobody has done anything: that is no error.
fn samples(device: &Device<'_>, since: u64) -> Result<Vec<ProcessUtilizationSample>, NvmlError> {
    match patiently(|| device.process_utilization_stats(since)) {
        Err(NvmlError::NotFound) => Ok(Vec::new()),
        told => told,
    }
}

fn average(samples: &[ProcessUtilizationSample], after: u64) -> BTreeMap<u32, Permille> {
    let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.timestamp > after && sample.sm_util <= 100) {
        let (sum, count) = sums.entry(sample.pid).or_default();
        (*sum, *count) = (*sum + u64::from(sample.sm_util), *count + 1);
    }
    let share = |(sum, count): (u64, u64)| Permille::try_from(sum * 10 / count.max(1)).ok();
    sums.into_iter().filter_map(|(pid, sums)| Some((pid, share(sums)?))).collect()
}

fn patiently<T>(mut call: impl FnMut() -> Result<T, NvmlError>) -> Result<T, NvmlError> {
    for _ in 1..TRIES {
        match call() {
            Err(NvmlError::InsufficientSize(_)) => {}
            told => return told,
        }
    }
    call()
}

/// One row for each process. One that computes and draws is in both lists, with the same memory in each; one that is on two
/// instances is twice in one list, and holds what both say.
fn merge(compute: &[ProcessInfo], graphics: &[ProcessInfo]) -> Vec<GpuProcess> {
    let mut merged = by_pid(graphics, true);
    for (pid, process) in by_pid(compute, false) {
        let memory = merged.get(&pid).and_then(|drawn| drawn.memory).max(process.memory);
        merged.insert(pid, GpuProcess { memory, ..process });
    }
    merged.into_values().collect()
}

fn by_pid(list: &[ProcessInfo], is_graphics: bool) -> BTreeMap<u32, GpuProcess> {
    let mut found: BTreeMap<u32, GpuProcess> = BTreeMap::new();
    for process in list.iter().take(MOST) {
        let entry = found.entry(process.pid).or_insert_with(|| GpuProcess { pid: process.pid, is_graphics, ..GpuProcess::default() });
        if let UsedGpuMemory::Used(bytes) = process.used_gpu_memory {
            entry.memory = Some(entry.memory.unwrap_or(0).saturating_add(bytes));
        }
    }
    found
}

/// Whole percent, as the driver tells them.
pub(super) fn share(value: u32) -> Option<Permille> {
    percent(f64::from(value))
}
