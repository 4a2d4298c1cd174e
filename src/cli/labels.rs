//! Where commands get to know what sessions were for.

use std::time::Duration;

use crate::query::Labeler;

use super::context::Context;
use super::rules;

/// How long the ledger is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Context {
    /// Who says what sessions were for. Where tags cannot be read, that is said, and rules alone decide.
    #[must_use]
    pub fn labeler(&self) -> Labeler {
        let attribution = rules::attribution(&self.settings);
        match Labeler::open(attribution.clone(), &self.settings.data_dir, PATIENCE) {
            Ok((labeler, notice)) => {
                if let Some(notice) = notice {
                    self.note_mended(notice);
                }
                labeler
            }
            Err(error) => {
                self.note(&format!("tags cannot be read: {error}"));
                Labeler::new(attribution, None).unwrap_or_default()
            }
        }
    }
}
