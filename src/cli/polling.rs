//! Asking gateways while a screen or a watch is open.

use std::path::Path;
use std::time::SystemTime;

use super::context::Context;
use crate::engine::gateways::Poller;

/// Starts to ask the gateways of the settings, those that are added later as well. Where that cannot be, it is said.
#[must_use]
pub fn start(context: &Context) -> Option<Poller> {
    let (again, file) = (context.again(), context.config_file());
    let mut known = (written(&file), context.settings.gateways.value.clone());
    let setups = move || {
        let now = written(&file);
        if now != known.0 {
            known = (now, again().settings.gateways.value.clone());
        }
        known.1.clone()
    };
    match Poller::start(context.settings.data_dir.value.clone(), setups) {
        Ok(poller) => Some(poller),
        Err(error) => {
            context.note(&format!("gateways are not asked: {error}"));
            None
        }
    }
}

/// When a file was last written.
fn written(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|meta| meta.modified()).ok()
}
