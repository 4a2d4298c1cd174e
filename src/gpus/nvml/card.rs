//! One card: each figure by a call of its own, for each may be missing where the others are told. Units are those of
//! `nvml.h`: milliwatts, millijoules, MHz, degrees, bytes, whole percent.

use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::gpm::Gpm;
use super::instance::{Instance, Whole};
use super::lacks::{Field, Lacks};
use super::session::Order;
use super::users::{Users, share};
use super::{reasons, unified};
use crate::model::gpu::{GpuReading, Health, Vendor, plain_pci, plain_uuid};

/// No card is hotter.
const HOTTEST: u32 = 250;

/// A card, with what is remembered of it between two looks.
pub(super) struct Card<'n> {
    nvml: &'n Nvml,
    device: Device<'n>,
    /// What does not change: id, name, place.
    bare: GpuReading,
    lacks: Lacks,
    gpm: Gpm<'n>,
    users: Users,
    power_cap: Option<u64>,
    ecc: Option<u64>,
    is_divided: bool,
    instances: Vec<Instance<'n>>,
    /// Whether what changes seldom is to be looked at whether asked for or not.
    is_due: bool,
}

impl<'n> Card<'n> {
    /// Makes its acquaintance.
    pub(super) fn new(nvml: &'n Nvml, device: Device<'n>, index: u32) -> Self {
        let pci = device.pci_info().ok().map(|info| plain_pci(&info.bus_id));
        let uuid = device.uuid().ok().filter(|uuid| !uuid.is_empty()).map(|uuid| plain_uuid(&uuid));
        let name = device.name().unwrap_or_else(|_| "NVIDIA GPU".to_owned());
        let mut bare = nameless(index);
        bare.id = uuid.or_else(|| pci.clone()).unwrap_or(bare.id);
        bare.is_unified = unified::is_integrated(&name);
        (bare.name, bare.pci) = (name, pci);
        Self {
            nvml,
            device,
            bare,
            lacks: Lacks::default(),
            gpm: Gpm::default(),
            users: Users::default(),
            power_cap: None,
            ecc: None,
            is_divided: false,
            instances: Vec::new(),
            is_due: true,
        }
    }

    /// Its number in the driver's list.
    pub(super) fn index(&self) -> Option<u32> {
        self.bare.index
    }

    /// What it does not tell, in words.
    pub(super) fn lacking(&self) -> impl Iterator<Item = &'static str> {
        self.lacks.words()
    }

    /// It cannot be reached at all.
    pub(super) fn lost(&self, said: &mut Vec<GpuReading>) {
        said.push(GpuReading { health: Health::Lost, ..self.bare.clone() });
        said.extend(self.instances.iter().map(|instance| GpuReading { health: Health::Lost, ..instance.bare().clone() }));
    }

    /// Looks at it and its instances.
    pub(super) fn look(&mut self, order: &Order, said: &mut Vec<GpuReading>) {
        self.lacks.begin();
        if order.ask.slow || self.is_due {
            self.look_slowly(order);
        }
        if order.ask.processes {
            self.users.look(&self.device, &mut self.lacks, order.now, !self.is_divided);
        }
        let mut reading = self.figures(order);
        if self.lacks.is_lost() {
            self.lost(said);
            return;
        }
        let parts = self.parts(order);
        without_those_of(&parts, &mut reading);
        said.push(reading);
        said.extend(parts);
    }

    fn look_slowly(&mut self, order: &Order) {
        let Self { device, lacks, .. } = self;
        let now = order.now;
        self.power_cap = lacks.ask(Field::PowerCap, now, || device.enforced_power_limit()).map(u64::from);
        self.ecc = lacks.ask(Field::Ecc, now, || device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile));
        match lacks.ask(Field::Mig, now, || device.mig_mode()) {
            Some(mode) => self.is_divided = mode.current == 1,
            None if lacks.has_none(Field::Mig) => self.is_divided = false,
            None => {}
        }
        self.is_due = lacks.is_lost();
        if self.is_due {
            return;
        }
        let instances = if self.is_divided { Instance::all(device, &self.bare) } else { Vec::new() };
        self.instances = instances.into_iter().map(|new| new.instead_of(&mut self.instances)).collect();
    }

    fn figures(&mut self, order: &Order) -> GpuReading {
        let mut reading = self.bare.clone();
        let Self { nvml, device, lacks, .. } = self;
        let now = order.now;
        if !self.is_divided {
            // A card that is divided does not know it, and what some drivers answer then is no answer.
            reading.used = lacks.ask(Field::Used, now, || device.utilization_rates()).and_then(|told| share(told.gpu));
        }
        reading.power = lacks.ask(Field::Power, now, || device.power_usage()).map(u64::from);
        reading.energy = lacks.ask(Field::Energy, now, || device.total_energy_consumption());
        let degrees = lacks.ask(Field::Temperature, now, || device.temperature(TemperatureSensor::Gpu));
        reading.temperature = degrees.filter(|degrees| *degrees <= HOTTEST).and_then(|degrees| i32::try_from(degrees).ok());
        reading.clock = lacks.ask(Field::Clock, now, || device.clock_info(Clock::SM));
        if let Some(bits) = lacks.ask(Field::Reasons, now, || device.current_throttle_reasons()) {
            let (throttle, is_idle) = reasons::read(bits.bits());
            (reading.throttle, reading.driver_idle) = (Some(throttle), Some(is_idle));
        }
        let is_known = self.gpm.is_known();
        let shares = self.gpm.look(nvml, lacks, now, || supported(device, is_known).and_then(|()| device.gpm_sample()));
        (reading.sm, reading.tensor, reading.bandwidth) = (shares.sm, shares.tensor, shares.bandwidth);
        (reading.power_cap, reading.ecc) = (self.power_cap, self.ecc);
        reading.processes.clone_from(&self.users.list);
        self.memory(order, &mut reading);
        reading
    }

    fn memory(&mut self, order: &Order, reading: &mut GpuReading) {
        let Self { device, lacks, .. } = self;
        let told = lacks.ask(Field::Memory, order.now, || match device.memory_info() {
            Ok(info) if info.total == 0 => Err(NvmlError::NotSupported),
            told => told,
        });
        if let Some(told) = told {
            (reading.memory_used, reading.memory_total) = (Some(told.used), Some(told.total));
        } else if reading.is_unified && lacks.has_none(Field::Memory) {
            reading.memory_used = self.users.list.as_deref().and_then(unified::held);
            reading.memory_total = unified::machine_total(&order.proc);
        }
    }

    fn parts(&mut self, order: &Order) -> Vec<GpuReading> {
        let whole = Whole { nvml: self.nvml, device: &self.device };
        let (parts, has_gone) = Instance::look_at(&mut self.instances, &whole, order);
        self.is_due |= has_gone;
        parts
    }
}

/// A card of which nothing is known but its number.
pub(super) fn nameless(index: u32) -> GpuReading {
    GpuReading {
        id: format!("nvidia-{index}"),
        index: Some(index),
        vendor: Vendor::Nvidia,
        name: "NVIDIA GPU".to_owned(),
        ..GpuReading::default()
    }
}

/// Whether the card has GPM: asked once, for a card does not learn it.
pub(super) fn supported(device: &Device<'_>, is_known: bool) -> Result<(), NvmlError> {
    if is_known || device.gpm_support()? { Ok(()) } else { Err(NvmlError::NotSupported) }
}

/// A process of an instance is told there, and not of the whole card again.
fn without_those_of(parts: &[GpuReading], whole: &mut GpuReading) {
    if let Some(processes) = &mut whole.processes {
        processes.retain(|process| !parts.iter().any(|part| part.processes.iter().flatten().any(|its| its.pid == process.pid)));
    }
}
