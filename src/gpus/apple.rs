//! The graphics of Apple's own chips, by way of macmon: it reads what macOS counts of power and of time at each clock, and
//! needs no rights for that.
//!
//! Its sampler may not leave the thread that it was made on, so it lives on one of its own. It averages over the time since it
//! was asked last; what the whole machine uses of its memory it knows, but not what of that is graphics.

#[cfg(target_os = "macos")]
mod chip;

use super::{Known, Places, Probe, ProbeError};

/// The probe.
pub const KNOWN: Known = Known { name: "apple", about: "the graphics of Apple's chips, by what macOS counts", instead_of: None, open };

#[cfg(target_os = "macos")]
fn open(_: &Places) -> Result<Box<dyn Probe>, ProbeError> {
    Ok(Box::new(chip::Apple::open()?))
}

#[cfg(not(target_os = "macos"))]
fn open(_: &Places) -> Result<Box<dyn Probe>, ProbeError> {
    Err(ProbeError::Absent("no Apple GPU: this is not macOS".to_owned()))
}
