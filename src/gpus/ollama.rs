//! Ollama, as its `docs/api.md` specifies the list of running models, `/api/ps`.
//!
//! It has no page of metrics, and counts no tokens: it tells which models are loaded, how much of a card each takes, and
//! when it lets go of them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::number;
use super::serving::{self, Items, MOST_MODELS};
use super::{Exposition, Server};
use crate::model::Millis;
use crate::model::gpu::ServerReading;
use crate::model::time::parse_stamp;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct Ollama;

/// Its name, for people and for programs.
const NAME: &str = "ollama";
/// Where it tells the loaded models.
const RUNNING: &str = "/api/ps";
/// The beginning of the year 2200. A model that is to stay for good unloads in 292 years, the longest time that Go knows.
const NEVER: Millis = 7_258_118_400_000;

/// What is read of [`RUNNING`].
#[derive(Deserialize)]
struct Running<'a> {
    #[serde(borrow)]
    models: Items<'a, MOST_MODELS>,
}

/// A loaded model.
#[derive(Deserialize)]
struct Loaded<'a> {
    name: String,
    #[serde(borrow)]
    size_vram: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_at: Option<&'a RawValue>,
}

impl Server for Ollama {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, _: &Exposition) -> bool {
        false
    }

    fn knock(&self) -> Option<&'static str> {
        Some(RUNNING)
    }

    fn answers(&self, body: &[u8]) -> bool {
        let running: Option<Running<'_>> = serde_json::from_slice(body).ok();
        running.is_some_and(|running| running.models.0.into_iter().all(|model| loaded(model).is_some()))
    }

    fn more(&self) -> &'static [&'static str] {
        &[RUNNING]
    }

    fn read(&self, _: &Exposition, more: &[(&str, &[u8])]) -> Vec<ServerReading> {
        let running = serving::answer(more, RUNNING).and_then(|body| serde_json::from_slice::<Running<'_>>(body).ok());
        running.into_iter().flat_map(|running| running.models.0).filter_map(loaded).filter_map(reading).collect()
    }
}

fn loaded(model: &RawValue) -> Option<Loaded<'_>> {
    serde_json::from_str(model.get()).ok()
}

fn reading(model: Loaded<'_>) -> Option<ServerReading> {
    Some(ServerReading {
        kind: NAME,
        model: Some(serving::name(model.name)?),
        memory: serving::told(model.size_vram).and_then(number::whole),
        unloads_at: serving::told::<String>(model.expires_at).and_then(|text| unloads_at(&text)),
        ..ServerReading::default()
    })
}

/// An instant in any zone. The year 1, which is Go's for none, is none.
fn unloads_at(text: &str) -> Option<Millis> {
    parse_stamp(text.as_bytes()).filter(|at| (1..NEVER).contains(at))
}
