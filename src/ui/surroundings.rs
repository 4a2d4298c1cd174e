//! What the screen asks of its surroundings: the settings, and what writes them.

use std::sync::Arc;

use crate::budgets::Standing;
use crate::config::Currency;
use crate::engine::rules::Rules;
use crate::model::Amount;
use crate::model::cap::Span;

use super::columns::Column;
use super::keymap::Keymap;

/// Whoever opens the screen. Each answer is a line for the person: what was done, or why not.
pub trait Surroundings {
    /// Sets a cap over everything.
    fn set_cap(&mut self, limit: Amount, span: Span) -> Result<String, String>;

    /// Raises a cap. No text for `until`: as long as its span lasts.
    fn raise_cap(&mut self, standing: &Standing, by: Amount, until: &str) -> Result<String, String>;

    /// Reads the settings anew. Nothing where they say the same as before.
    fn settings(&mut self) -> Option<Change>;
}

/// What other settings say. What is not there stays as it is: it is the same, or cannot be used.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The rules.
    pub rules: Option<Arc<Rules>>,
    /// The theme's name.
    pub theme: Option<String>,
    /// The keys.
    pub keys: Option<Keymap>,
    /// How money is shown.
    pub currency: Option<Currency>,
    /// The columns wanted.
    pub columns: Option<Vec<Column>>,
    /// The program that shows a log file.
    pub open_with: Option<String>,
    /// What is wrong with them now.
    pub problems: Vec<String>,
    /// What is different, for the person.
    pub says: Vec<&'static str>,
}
