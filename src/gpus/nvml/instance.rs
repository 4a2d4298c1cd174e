//! Instances: the parts that a card is divided into (MIG), each with memory, processes and a price share of its own. Their
//! handles have memory, processes and attributes; how busy they are only GPM tells, by the card's handle and the number of
//! the instance, which nothing but a process on it tells.

use std::time::Instant;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::DeviceAttributes;
use nvml_wrapper::{Device, Nvml};

use super::card::supported;
use super::gpm::Gpm;
use super::lacks::{Field, Lacks};
use super::session::Order;
use super::users::Users;
use crate::model::gpu::{GpuReading, Slice, plain_uuid};

/// More parts no card has.
const MOST: u32 = 64;
/// The compute slices of most cards that can be divided, where the driver does not say how many parts they can have.
const USUAL: u16 = 7;

/// The card that it is a part of.
pub(super) struct Whole<'a, 'n> {
    pub(super) nvml: &'n Nvml,
    pub(super) device: &'a Device<'n>,
}

/// One part, with what is remembered of it between two looks.
pub(super) struct Instance<'n> {
    device: Device<'n>,
    bare: GpuReading,
    lacks: Lacks,
    gpm: Gpm<'n>,
    users: Users,
}

impl<'n> Instance<'n> {
    /// The parts that a card has now. Their numbers have holes.
    pub(super) fn all(card: &Device<'n>, whole: &GpuReading) -> Vec<Self> {
        let most = card.mig_device_count().unwrap_or(u32::from(USUAL));
        let slices = u16::try_from(most).ok().filter(|most| (1..=16).contains(most)).unwrap_or(USUAL);
        let handles = (0..most.min(MOST)).filter_map(|index| card.mig_device_by_index(index).ok());
        handles.filter_map(|device| Self::new(device, whole, slices)).collect()
    }

    fn new(device: Device<'n>, whole: &GpuReading, slices: u16) -> Option<Self> {
        let id = plain_uuid(&device.uuid().ok()?);
        let attributes = device.attributes().ok();
        let told = device.name().ok().and_then(|name| name.split_once("MIG ").map(|(_, profile)| profile.trim().to_owned()));
        let profile = told.or_else(|| attributes.as_ref().map(profile)).unwrap_or_default();
        let has = attributes.and_then(|told| u16::try_from(told.compute_instance_slice_count).ok()).filter(|has| *has > 0);
        let of = has.or_else(|| compute_slices(&profile)).map(|has| (has, slices));
        let bare = GpuReading {
            id,
            pci: whole.pci.clone(),
            index: whole.index,
            vendor: whole.vendor,
            name: whole.name.clone(),
            slice: Some(Slice { parent: whole.id.clone(), profile, of }),
            ..GpuReading::default()
        };
        Some(Self { device, bare, lacks: Lacks::default(), gpm: Gpm::default(), users: Users::default() })
    }

    /// The same part, found again: what was remembered of it goes over. Its handle may be another.
    pub(super) fn instead_of(self, olds: &mut Vec<Self>) -> Self {
        match olds.iter().position(|old| old.bare.id == self.bare.id) {
            Some(at) => Self { device: self.device, bare: self.bare, ..olds.swap_remove(at) },
            None => self,
        }
    }

    /// What does not change of it.
    pub(super) fn bare(&self) -> &GpuReading {
        &self.bare
    }

    /// Looks at all of a card, and says whether one of them is gone.
    pub(super) fn look_at(instances: &mut Vec<Self>, whole: &Whole<'_, 'n>, order: &Order) -> (Vec<GpuReading>, bool) {
        let before = instances.len();
        let mut said = Vec::new();
        instances.retain_mut(|instance| match instance.look(whole, order) {
            Some(reading) => {
                said.push(reading);
                true
            }
            None => false,
        });
        let has_gone = instances.len() != before;
        (said, has_gone)
    }

    /// Looks at one: nothing where it is no longer there.
    fn look(&mut self, whole: &Whole<'_, 'n>, order: &Order) -> Option<GpuReading> {
        let Self { device, lacks, .. } = self;
        lacks.begin();
        let mut reading = self.bare.clone();
        let mut is_gone = false;
        let memory = lacks.ask(Field::Memory, order.now, || {
            let told = device.memory_info();
            is_gone = matches!(told, Err(NvmlError::NotFound | NvmlError::InvalidArg));
            told
        });
        if is_gone {
            return None;
        }
        if let Some(memory) = memory {
            (reading.memory_used, reading.memory_total) = (Some(memory.used), Some(memory.total));
        }
        if order.ask.processes {
            self.users.look(device, lacks, order.now, false);
        }
        reading.processes.clone_from(&self.users.list);
        self.shares(whole, order.now, &mut reading);
        Some(reading)
    }

    fn shares(&mut self, whole: &Whole<'_, 'n>, now: Instant, reading: &mut GpuReading) {
        let Some(number) = self.users.instance else { return };
        let (card, is_known) = (whole.device, self.gpm.is_known());
        let take = || supported(card, is_known).and_then(|()| card.gpm_mig_sample(number));
        let shares = self.gpm.look(whole.nvml, &mut self.lacks, now, take);
        reading.used = shares.used;
        (reading.sm, reading.tensor, reading.bandwidth) = (shares.sm, shares.tensor, shares.bandwidth);
    }
}

/// A profile's name by NVIDIA's rule: `3g.71gb`, and `1c.3g.71gb` for a part of a part.
fn profile(told: &DeviceAttributes) -> String {
    let gigabytes = (told.memory_size_mb + 512) / 1024;
    let (has, of) = (told.compute_instance_slice_count, told.gpu_instance_slice_count);
    let part = if has < of { format!("{has}c.") } else { String::new() };
    format!("{part}{of}g.{gigabytes}gb")
}

/// The slices that such a name says: `3g.71gb` has three, `1c.3g.71gb` one.
fn compute_slices(profile: &str) -> Option<u16> {
    let first = profile.split('.').next()?;
    first.strip_suffix(['c', 'g'])?.parse().ok().filter(|slices| (1..=16).contains(slices))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_s_name_says_its_slices() {
        for (name, slices) in
            [("3g.71gb", Some(3)), ("1c.3g.71gb", Some(1)), ("1g.18gb+me", Some(1)), ("", None), ("99g.1gb", None), ("g", None)]
        {
            assert_eq!(compute_slices(name), slices, "{name}");
        }
    }
}
