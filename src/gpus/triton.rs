//! Triton Inference Server, as NVIDIA's page on its metrics names them, and those of its vLLM backend's
//! `src/utils/metrics.py`.
//!
//! * It knows requests and no tokens. A model that vLLM serves for it has vLLM's series, with a label `model`.
//! * A request waits in Triton's queue first and in vLLM's afterwards, never in both.
//! * Its figures of GPUs are not read: whoever looks at the cards themselves knows more.

use super::serving;
use super::vllm::{self, PREFIX as VLLM};
use super::{Exposition, Server};
use crate::model::gpu::ServerReading;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct Triton;

/// Its name, for people and for programs.
const NAME: &str = "triton";
/// How its series of requests begin.
const PREFIX: &str = "nv_inference_";
/// The label that names the model.
pub(super) const LABEL: &str = "model";

impl Server for Triton {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, said: &Exposition) -> bool {
        serving::speaks(said, PREFIX) || serving::labels(said, VLLM, LABEL)
    }

    fn read(&self, said: &Exposition, _: &[(&str, &[u8])]) -> Vec<ServerReading> {
        let models = serving::models(said, LABEL, &[PREFIX, VLLM]);
        let reading = |model| {
            let vllm = vllm::reading(model);
            let waiting = serving::together([model.count("nv_inference_pending_request_count"), vllm.waiting]);
            ServerReading { kind: NAME, waiting, ..vllm }
        };
        models.iter().map(reading).collect()
    }
}
