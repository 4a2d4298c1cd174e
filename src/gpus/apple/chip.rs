//! The sampler's thread, and what its figures mean.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use macmon::{Metrics, Sampler, SocInfo};

use crate::gpus::number;
use crate::gpus::{Ask, Probe, ProbeError};
use crate::model::gpu::{GpuReading, UseKind, Vendor};

/// Milliseconds that a look takes at least.
const SAMPLE: u32 = 200;
/// How long an answer may take: many times as long as it ever should.
const PATIENCE: Duration = Duration::from_secs(10);

/// The graphics of this machine's chip.
pub(super) struct Apple {
    chip: String,
    asked: SyncSender<()>,
    said: Receiver<Result<GpuReading, String>>,
}

impl Apple {
    /// Starts the thread. It ends when this is dropped.
    pub(super) fn open() -> Result<Self, ProbeError> {
        let (asked, asks) = sync_channel(1);
        let (says, said) = sync_channel(1);
        let (greets, greeting) = sync_channel(1);
        let thread = std::thread::Builder::new().name("gpu-apple".to_owned());
        let work = move || match Sampler::new() {
            Ok(sampler) => {
                if greets.send(Ok(sampler.get_soc_info().chip_name.clone())).is_ok() {
                    serve(sampler, &asks, &says);
                }
            }
            Err(error) => drop(greets.send(Err(error.to_string()))),
        };
        thread.spawn(work).map_err(|error| broken(&error.to_string()))?;
        let chip: Result<String, String> = greeting.recv_timeout(PATIENCE).map_err(|error| broken(&error.to_string()))?;
        let chip = chip.map_err(|error| broken(&error))?;
        if !chip.starts_with("Apple") {
            return Err(ProbeError::Absent(format!("no Apple GPU: this Mac has {chip}")));
        }
        Ok(Self { chip, asked, said })
    }
}

impl Probe for Apple {
    fn poll(&mut self, _: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        // An answer that came too late for the last question is none to this one.
        while self.said.try_recv().is_ok() {}
        self.asked.try_send(()).map_err(|error| broken(&error.to_string()))?;
        let answer = self.said.recv_timeout(PATIENCE).map_err(|error| broken(&error.to_string()))?;
        answer.map(|reading| vec![reading]).map_err(|error| broken(&error))
    }

    fn about(&self) -> String {
        format!("{}, by macmon", self.chip)
    }
}

fn broken(why: &str) -> ProbeError {
    ProbeError::Broken(format!("macOS does not tell how the GPU is: {why}"))
}

fn serve(mut sampler: Sampler, asks: &Receiver<()>, says: &SyncSender<Result<GpuReading, String>>) {
    while asks.recv().is_ok() {
        let metrics = sampler.get_metrics(SAMPLE).map_err(|error| error.to_string());
        let reading = metrics.map(|metrics| read(&metrics, sampler.get_soc_info()));
        if says.send(reading).is_err() {
            return;
        }
    }
}

fn read(metrics: &Metrics, chip: &SocInfo) -> GpuReading {
    // A virtual machine has no counters, and zeros where they would be.
    let has_counters = !chip.vm;
    GpuReading {
        id: "apple-0".to_owned(),
        index: Some(0),
        vendor: Vendor::Apple,
        name: chip.chip_name.clone(),
        used: number::ratio(f64::from(metrics.gpu_active_ratio)).filter(|_| has_counters),
        used_kind: UseKind::Kernel,
        memory_total: Some(metrics.memory.ram_total),
        is_unified: true,
        power: number::scaled(f64::from(metrics.gpu_power), 1000.0).filter(|_| has_counters),
        temperature: metrics.temp.gpu_temp_avg.and_then(|degrees| number::celsius(f64::from(degrees))),
        clock: Some(metrics.gpu_freq_mhz).filter(|_| has_counters),
        ..GpuReading::default()
    }
}
