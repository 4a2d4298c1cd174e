//! `SGLang`, as its `srt/observability/metrics_collector.py` names its series (0.5). It has them with `--enable-metrics`.
//!
//! * A scheduler runs on each card, and those that share a model's layers or its tensors do the same requests: of each data
//!   parallel rank one is heard, the first. With attention in data parallel that is not the one with tensor rank 0.
//! * Where requests have priorities, a gauge has a series without one for all of them, and one for each of them.
//! * Token counts are for streamed and other requests, for priorities and for the kinds of cache, and are added up. They
//!   move at the end of a request only. What moves before are the scheduler's own counts, which older releases do not have,
//!   and the times from token to token.
//! * Prompt tokens are those of whole prompts: what came from a cache is among them.

use std::collections::BTreeMap;

use super::exposition::Sample;
use super::serving::{self, Model};
use super::{Exposition, Server};
use crate::model::gpu::ServerReading;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct Sglang;

/// Its name, for people and for programs.
const NAME: &str = "sglang";
/// How all of its series begin.
const PREFIX: &str = "sglang:";
/// The label that names the model.
const LABEL: &str = "model_name";

impl Server for Sglang {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, said: &Exposition) -> bool {
        serving::speaks(said, PREFIX)
    }

    fn read(&self, said: &Exposition, _: &[(&str, &[u8])]) -> Vec<ServerReading> {
        serving::models(said, LABEL, &[PREFIX]).iter().map(reading).collect()
    }
}

fn reading(model: &Model<'_>) -> ServerReading {
    let (first_token, next_token) =
        (model.timing("sglang:time_to_first_token_seconds"), model.timing("sglang:inter_token_latency_seconds"));
    let told = serving::together([first_token.map(|timing| timing.count), next_token.map(|timing| timing.count)]);
    ServerReading {
        kind: NAME,
        model: model.name(),
        prompt: count(model, "sglang:prompt_tokens_total"),
        cached: count(model, "sglang:cached_tokens_total"),
        generated: count(model, "sglang:generation_tokens_total"),
        progress: count(model, "sglang:realtime_tokens_total").or(told),
        running: gauge(model, "sglang:num_running_reqs"),
        waiting: gauge(model, "sglang:num_queue_reqs"),
        kv: model.most("sglang:token_usage"),
        first_token,
        next_token,
        ..ServerReading::default()
    }
}

fn count(model: &Model<'_>, name: &str) -> Option<u64> {
    serving::count(heard(model.all(name).collect()))
}

fn gauge(model: &Model<'_>, name: &str) -> Option<u64> {
    serving::count(heard(model.all(name).filter(|sample| sample.label("priority").is_none()).collect()))
}

/// Those of the first scheduler of each data parallel rank.
fn heard(samples: Vec<&Sample>) -> impl Iterator<Item = &Sample> {
    let mut first = BTreeMap::new();
    for sample in &samples {
        let least = first.entry(sample.label("dp_rank")).or_insert((u32::MAX, u32::MAX));
        *least = (*least).min(place(sample));
    }
    samples.into_iter().filter(move |sample| first.get(&sample.label("dp_rank")) == Some(&place(sample)))
}

/// The stage and the part of it that a scheduler runs; the first where there is only one.
fn place(sample: &Sample) -> (u32, u32) {
    let rank = |label| sample.label(label).map_or(0, |rank| rank.parse().unwrap_or(u32::MAX));
    (rank("pp_rank"), rank("tp_rank"))
}
