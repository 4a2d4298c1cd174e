//! Text Generation Inference, as Hugging Face's page on its metrics names them (3.x).
//!
//! It counts tokens as histograms, and a request only when it has ended: nothing on the page moves before. The page names
//! no model, which `/info` does.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::serving;
use super::{Exposition, Server};
use crate::model::gpu::ServerReading;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct Tgi;

/// Its name, for people and for programs.
const NAME: &str = "tgi";
/// Where it tells the model.
const INFO: &str = "/info";

/// What is read of [`INFO`].
#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    model_id: Option<&'a RawValue>,
}

impl Server for Tgi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, said: &Exposition) -> bool {
        serving::speaks(said, "tgi_")
    }

    fn more(&self) -> &'static [&'static str] {
        &[INFO]
    }

    fn read(&self, said: &Exposition, more: &[(&str, &[u8])]) -> Vec<ServerReading> {
        let count = |name| serving::count(said.all(name));
        let reading = ServerReading {
            kind: NAME,
            model: serving::answer(more, INFO).and_then(model),
            prompt: count("tgi_request_input_length_sum"),
            generated: count("tgi_request_generated_tokens_sum"),
            running: count("tgi_batch_current_size"),
            waiting: count("tgi_queue_size"),
            next_token: serving::timing(
                said.all("tgi_request_mean_time_per_token_duration_sum"),
                said.all("tgi_request_mean_time_per_token_duration_count"),
            ),
            ..ServerReading::default()
        };
        vec![reading]
    }
}

fn model(body: &[u8]) -> Option<String> {
    let info: Info<'_> = serde_json::from_slice(body).ok()?;
    serving::told(info.model_id).and_then(serving::name)
}
