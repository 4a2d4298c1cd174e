//! Where NVIDIA has no library: on Macs, and on systems that its library is not made for.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Instant;

use crate::gpus::{Ask, Places, ProbeError};
use crate::model::gpu::GpuReading;

/// What would be seen.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) readings: Vec<GpuReading>,
    pub(super) lacking: BTreeSet<&'static str>,
}

/// An open library: there is none.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) driver: String,
    never: Infallible,
}

impl Session {
    /// Fails.
    pub(super) fn begin(_: &Places) -> Result<Self, ProbeError> {
        Err(ProbeError::Absent("NVIDIA has no driver for this system".to_owned()))
    }

    /// Never happens.
    pub(super) fn look(&mut self, _: Ask, _: Instant, _: PathBuf) -> Result<Said, ProbeError> {
        match self.never {}
    }
}
