//! AMD's cards, by the files of the driver amdgpu: kernel documentation, gpu/amdgpu (thermal.rst, driver-misc.rst).
//!
//! * How busy a card is the driver says itself, also of work that `ROCm` gave it.
//! * A processor's own graphics has next to no memory of its own: a part of the machine's is set aside for it (VRAM), and it
//!   takes more where it needs more (GTT). Both together are what it has. It is told by its sensors: only such a one has
//!   a northbridge voltage, `in1_input`. Where that is missing, less than a gigabyte is a part that was set aside.
//! * There is no counter of energy; power is averaged or momentary, as the chip has it.

use std::path::Path;
use std::time::Instant;

use super::drm::{Process, Turn, Use, Watch, processes};
use super::sysfs::{self, Card};
use super::{Ask, Known, Places, Probe, ProbeError};
use crate::model::gpu::{GpuProcess, GpuReading, UseKind};

mod kfd;

use kfd::Kfd;

/// The probe.
pub const KNOWN: Known = Known {
    name: "amdgpu",
    about: "AMD's cards, by the files of Linux' driver",
    instead_of: None,
    open: |places| Ok(Box::new(Amdgpu::open(places)?)),
};

/// A card that has less memory of its own has none.
const LEAST_VRAM: u64 = 1 << 30;

/// AMD's cards.
pub struct Amdgpu {
    watch: Watch<()>,
    kfd: Kfd,
}

impl Amdgpu {
    /// The cards of these places.
    pub fn open(places: &Places) -> Result<Self, ProbeError> {
        let absent = "no AMD card: /sys/class/drm has none with the driver amdgpu";
        Ok(Self { watch: Watch::open(places, |card| card.driver == "amdgpu", absent)?, kfd: Kfd::new(&places.sys) })
    }

    /// Looks, as if it were now.
    pub fn poll_at(&mut self, ask: Ask, now: Instant) -> Result<Vec<GpuReading>, ProbeError> {
        if ask.slow {
            self.kfd.find();
        }
        let kfd = &self.kfd;
        self.watch.poll(ask, now, |card, (), reading, turn| look(card, reading, turn, kfd))
    }
}

impl Probe for Amdgpu {
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError> {
        self.poll_at(ask, Instant::now())
    }

    fn about(&self) -> String {
        self.watch.about()
    }
}

fn look(card: &Card, reading: &mut GpuReading, turn: &Turn<'_>, kfd: &Kfd) {
    let device = card.device();
    let sensors = sysfs::hwmon(&device, |name| name == "amdgpu");
    let sensor = |name: &str| sensors.as_ref().map(|dir| dir.join(name));
    if turn.slow {
        reading.id = unique_id(&device).unwrap_or_else(|| card.key());
        reading.name = sysfs::word(&device.join("product_name")).unwrap_or_else(|| plain_name(card));
        reading.power_cap = sensor("power1_cap").and_then(|path| sysfs::power(&path));
        reading.ecc = uncorrected(&device);
    }
    reading.used = sysfs::percent(&device.join("gpu_busy_percent"));
    reading.used_kind = UseKind::Kernel;
    memory(&device, sensor("in1_input").is_some_and(|path| path.exists()), reading);
    let powers = ["power1_average", "power1_input"].into_iter().filter_map(sensor);
    reading.power = powers.into_iter().find_map(|path| sysfs::power(&path));
    reading.temperature = sensors.as_deref().and_then(temperature);
    reading.clock = sysfs::text(&device.join("pp_dpm_sclk")).and_then(|text| clock(&text));
    if turn.ask.processes {
        reading.processes = turn.users.map(|users| with_kfd(users, kfd, reading));
    }
}

fn plain_name(card: &Card) -> String {
    card.ids.map_or_else(|| "AMD".to_owned(), |(_, device)| format!("AMD {device:04x}"))
}

/// The number that was burnt into the card: 16 digits.
fn unique_id(device: &Path) -> Option<String> {
    let id = sysfs::word(&device.join("unique_id"))?.to_ascii_lowercase();
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id.bytes().any(|byte| byte != b'0');
    is_id.then_some(id)
}

fn memory(device: &Path, is_processors: bool, reading: &mut GpuReading) {
    let bytes = |name: &str| sysfs::number(&device.join(name));
    let (total, used) = (bytes("mem_info_vram_total"), bytes("mem_info_vram_used"));
    reading.is_unified = is_processors || total.is_some_and(|total| total < LEAST_VRAM);
    let with = |own: Option<u64>, name: &str| own?.checked_add(bytes(name)?);
    (reading.memory_total, reading.memory_used) =
        if reading.is_unified { (with(total, "mem_info_gtt_total"), with(used, "mem_info_gtt_used")) } else { (total, used) };
}

/// The edge of the chip, else the hottest place on it: the large ones say only that.
fn temperature(sensors: &Path) -> Option<i32> {
    let labelled = |label: &str| {
        let is_it = |n: &u32| sysfs::text(&sensors.join(format!("temp{n}_label"))).is_some_and(|text| text == label);
        (1..=3).find(is_it).and_then(|n| sysfs::celsius(&sensors.join(format!("temp{n}_input"))))
    };
    let unlabelled = || sysfs::celsius(&sensors.join("temp1_input"));
    labelled("edge").or_else(|| labelled("junction")).or_else(unlabelled)
}

/// The step that the clock is at: `1: 2124Mhz *`.
fn clock(steps: &str) -> Option<u32> {
    let step = steps.lines().find_map(|line| line.trim_end().strip_suffix('*'))?;
    let megahertz = step.split_whitespace().last()?.to_ascii_lowercase();
    megahertz.strip_suffix("mhz")?.parse().ok()
}

/// Errors of memory that could not be corrected: the line `ue: 0`.
fn uncorrected(device: &Path) -> Option<u64> {
    let text = sysfs::text(&device.join("ras/umc_err_count"))?;
    text.lines().find_map(|line| line.trim().strip_prefix("ue:"))?.trim().parse().ok()
}

/// The processes of a card, those that compute by way of `ROCm` among them.
fn with_kfd(users: &Use, kfd: &Kfd, reading: &GpuReading) -> Vec<GpuProcess> {
    let own = |user: &Process| user.vram;
    let all = |user: &Process| user.vram.map(|vram| vram.saturating_add(user.system.unwrap_or(0))).or(user.system);
    let mut found = processes(users, if reading.is_unified { all } else { own });
    for (pid, bytes) in kfd.processes(reading.pci.as_deref()) {
        match found.iter_mut().find(|process| process.pid == pid) {
            Some(process) => {
                process.memory = process.memory.max(Some(bytes));
                // Work of `ROCm`'s queues does not count there: no use seen is no use known.
                process.used = process.used.filter(|used| *used > 0);
                process.is_graphics = false;
            }
            None if bytes > 0 => found.push(GpuProcess { pid, memory: Some(bytes), ..GpuProcess::default() }),
            None => {}
        }
    }
    found.sort_by_key(|process| process.pid);
    found
}
