//! Which sessions have a living process.

use std::sync::Arc;

use crate::query::Living;
use crate::sources;

use super::ingest::Ingest;

/// What all agents' own registries say.
#[must_use]
pub fn living(ingest: &Ingest) -> Living {
    let mut living = Living::new();
    for source in sources::ALL {
        for live in source.alive(&ingest.catalog.roots_of(source.agent())) {
            living.insert((Arc::from(source.agent()), Arc::from(live.uid.as_str())), live);
        }
    }
    living
}
