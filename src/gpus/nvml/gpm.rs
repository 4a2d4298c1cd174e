//! GPM: how much of the chip is at work, of Hopper and what came after it. "A kernel runs" says 100 % where one of 132
//! multiprocessors spins; this does not. As `nvml.h` describes it: two samples, and the shares are of the time between them.

use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use nvml_wrapper::enums::gpm::GpmMetricId;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::gpm::{GpmSample, gpm_metrics_get};

use super::lacks::{Field, Lacks};
use crate::gpus::number::percent;
use crate::model::gpu::Permille;

/// Closer together two samples say nothing.
const CLOSEST: Duration = Duration::from_millis(100);
/// Further apart they speak of a time that is over.
const FURTHEST: Duration = Duration::from_mins(1);

const METRICS: [GpmMetricId; 4] = [GpmMetricId::GraphicsUtil, GpmMetricId::SmUtil, GpmMetricId::AnyTensorUtil, GpmMetricId::DramBwUtil];

/// Shares of the time between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shares {
    /// In which anything ran.
    pub(super) used: Option<Permille>,
    pub(super) sm: Option<Permille>,
    pub(super) tensor: Option<Permille>,
    pub(super) bandwidth: Option<Permille>,
}

/// The sample of the last look, and what it said.
#[derive(Debug, Default)]
pub(super) struct Gpm<'n> {
    before: Option<(Instant, GpmSample<'n>)>,
    said: Shares,
}

impl<'n> Gpm<'n> {
    /// Takes a sample and compares it with the last one. `take` fails where the card has no GPM.
    pub(super) fn look(
        &mut self,
        nvml: &'n Nvml,
        lacks: &mut Lacks,
        now: Instant,
        take: impl FnOnce() -> Result<GpmSample<'n>, NvmlError>,
    ) -> Shares {
        let age = self.before.as_ref().map(|(at, _)| now.saturating_duration_since(*at));
        if age.is_some_and(|age| age < CLOSEST) {
            return self.said;
        }
        let before = self.before.take().filter(|_| age.is_some_and(|age| age <= FURTHEST));
        self.said = Shares::default();
        let Some(after) = lacks.ask(Field::Gpm, now, take) else { return self.said };
        if let Some((_, before)) = before {
            self.said = difference(nvml, &before, &after);
        }
        self.before = Some((now, after));
        self.said
    }

    /// Whether there is a sample to compare with: then the card is known to have GPM.
    pub(super) fn is_known(&self) -> bool {
        self.before.is_some()
    }
}

fn difference<'n>(nvml: &'n Nvml, before: &GpmSample<'n>, after: &GpmSample<'n>) -> Shares {
    let mut shares = Shares::default();
    let Ok(results) = gpm_metrics_get(nvml, before, after, &METRICS) else { return shares };
    for result in results.into_iter().flatten() {
        let share = percent(result.value);
        match result.metric_id {
            GpmMetricId::GraphicsUtil => shares.used = share,
            GpmMetricId::SmUtil => shares.sm = share,
            GpmMetricId::AnyTensorUtil => shares.tensor = share,
            GpmMetricId::DramBwUtil => shares.bandwidth = share,
            _ => {}
        }
    }
    shares
}
