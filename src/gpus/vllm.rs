//! vLLM, as its `vllm/v1/metrics/loggers.py` names its series (0.32), and those of its older engine.
//!
//! * Each engine of a server has series of its own, told apart by `engine`: counts are added up, and of shares the largest
//!   is told, because the fullest cache is the one that makes requests wait.
//! * Prompt tokens are those of whole prompts: what came from a cache is among them.
//! * Tokens are counted at each step of an engine, so their counts move while a request is answered.
//! * Triton serves vLLM's series as well, with a label `model` in place of `model_name`: those are Triton's.

use std::collections::BTreeMap;

use super::serving::{self, Model};
use super::{Exposition, Server, number, triton};
use crate::model::gpu::ServerReading;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct Vllm;

/// Its name, for people and for programs.
const NAME: &str = "vllm";
/// How all of its series begin.
pub(super) const PREFIX: &str = "vllm:";
/// The label that names the model.
const LABEL: &str = "model_name";

impl Server for Vllm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, said: &Exposition) -> bool {
        serving::labels(said, PREFIX, LABEL) || (serving::speaks(said, PREFIX) && !serving::labels(said, PREFIX, triton::LABEL))
    }

    fn read(&self, said: &Exposition, _: &[(&str, &[u8])]) -> Vec<ServerReading> {
        serving::models(said, LABEL, &[PREFIX]).iter().map(reading).collect()
    }
}

/// What vLLM's series say of a model, whoever serves them.
pub(super) fn reading(model: &Model<'_>) -> ServerReading {
    let (prompt, generated) = (model.count("vllm:prompt_tokens_total"), model.count("vllm:generation_tokens_total"));
    ServerReading {
        kind: NAME,
        model: model.name(),
        prompt,
        // Older releases count only what the search for cached tokens has found, which is the same but for other machines' caches.
        cached: model.count("vllm:prompt_tokens_cached_total").or_else(|| model.count("vllm:prefix_cache_hits_total")),
        generated,
        progress: serving::together([prompt, generated]),
        running: model.count("vllm:num_requests_running"),
        waiting: model.count("vllm:num_requests_waiting"),
        kv: model.most("vllm:kv_cache_usage_perc").or_else(|| model.most("vllm:gpu_cache_usage_perc")),
        first_token: model.timing("vllm:time_to_first_token_seconds"),
        next_token: model.timing("vllm:inter_token_latency_seconds").or_else(|| model.timing("vllm:time_per_output_token_seconds")),
        is_asleep: is_asleep(model),
        ..ServerReading::default()
    }
}

/// Whether every engine says that it sleeps: one series for each state that it could be in, with 1 at the one that it is in.
fn is_asleep(model: &Model<'_>) -> bool {
    let mut engines = BTreeMap::new();
    for sample in model.all("vllm:engine_sleep_state") {
        let sleeps: &mut Option<bool> = engines.entry(sample.label("engine")).or_default();
        if number::whole(sample.value) == Some(1) {
            let is_sleep = matches!(sample.label("sleep_state"), Some("weights_offloaded" | "discard_all"));
            *sleeps = Some(sleeps.unwrap_or(true) && is_sleep);
        }
    }
    !engines.is_empty() && engines.into_values().all(|sleeps| sleeps == Some(true))
}
