//! Asking gateways while a screen or a watch is open.

use super::context::Context;
use crate::engine::gateways::Poller;

/// Starts to ask the gateways of the settings, those that are added later as well. Where that cannot be, it is said.
#[must_use]
pub fn start(context: &Context) -> Option<Poller> {
    let mut again = context.again();
    let files = vec![context.config_file()];
    match Poller::start(context.settings.data_dir.value.clone(), files, move || again().gateways.value) {
        Ok(poller) => Some(poller),
        Err(error) => {
            context.note(&format!("gateways are not asked: {error}"));
            None
        }
    }
}
