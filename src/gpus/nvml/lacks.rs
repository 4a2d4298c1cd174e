//! What a card does not tell. A driver that does not know a figure does not know it two seconds later either, and some find
//! that out slowly: it is asked again after a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nvml_wrapper::error::NvmlError;

/// So long it is not asked again.
const PAUSE: Duration = Duration::from_mins(1);
/// `NVML_ERROR_ARGUMENT_VERSION_MISMATCH` and `NVML_ERROR_DEPRECATED`, which the wrapper has no names for.
const NOT_SUPPORTED_EITHER: [u32; 2] = [25, 26];
/// `NVML_ERROR_GPU_NOT_FOUND`, likewise.
const GPU_NOT_FOUND: u32 = 28;

/// One figure that a driver may not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Used,
    Memory,
    Power,
    PowerCap,
    Energy,
    Temperature,
    Clock,
    Reasons,
    Ecc,
    Mig,
    Compute,
    ComputeOld,
    Graphics,
    GraphicsOld,
    ProcessUse,
    Gpm,
}

impl Field {
    /// What it is called in a list of what is missing; nothing where it is only one of two ways, or an instance's.
    fn word(self) -> Option<&'static str> {
        Some(match self {
            Field::Used => "use",
            Field::Memory => "memory",
            Field::Power => "power",
            Field::PowerCap => "power cap",
            Field::Energy => "energy",
            Field::Temperature => "temperature",
            Field::Clock => "clock",
            Field::Reasons => "throttle reasons",
            Field::Ecc => "ECC errors",
            Field::ComputeOld => "processes",
            Field::GraphicsOld => "graphics processes",
            Field::ProcessUse => "use by process",
            Field::Gpm => "GPM",
            Field::Mig | Field::Compute | Field::Graphics => return None,
        })
    }
}

/// What one device does not tell, and how it is.
#[derive(Debug, Default)]
pub(super) struct Lacks {
    until: BTreeMap<Field, (Instant, bool)>,
    is_lost: bool,
}

impl Lacks {
    /// Begins a look: a card that was lost may be back.
    pub(super) fn begin(&mut self) {
        self.is_lost = false;
    }

    /// Whether the card has turned out to be lost in this look.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether the driver has said that the card has no such figure: neither refused it nor failed at it.
    pub(super) fn has_none(&self, field: Field) -> bool {
        self.until.get(&field).is_some_and(|(_, is_refused)| !is_refused)
    }

    /// The figures that are missing, in words.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.until.keys().filter_map(|field| field.word())
    }

    /// Asks for a figure, unless it is known not to be told.
    pub(super) fn ask<T>(&mut self, field: Field, now: Instant, call: impl FnOnce() -> Result<T, NvmlError>) -> Option<T> {
        if self.is_lost || self.until.get(&field).is_some_and(|(until, _)| now < *until) {
            return None;
        }
        match call() {
            Ok(value) => {
                self.until.remove(&field);
                Some(value)
            }
            Err(error) if is_lost(&error) => {
                self.is_lost = true;
                None
            }
            Err(error) => {
                if let Some(is_refused) = lasts(&error) {
                    self.until.insert(field, (now + PAUSE, is_refused));
                }
                None
            }
        }
    }
}

/// Whether the card has fallen off the bus, or has to be reset.
pub(super) fn is_lost(error: &NvmlError) -> bool {
    matches!(error, NvmlError::GpuLost | NvmlError::ResetRequired | NvmlError::UnexpectedVariant(GPU_NOT_FOUND))
}

/// Whether an error is one that stays, and then whether it is about who asks and not about the card.
fn lasts(error: &NvmlError) -> Option<bool> {
    match error {
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) | NvmlError::FunctionNotFound => Some(false),
        NvmlError::UnexpectedVariant(code) if NOT_SUPPORTED_EITHER.contains(code) => Some(false),
        NvmlError::NoPermission => Some(true),
        _ => None,
    }
}
