//! What the screen is made of at its start.

use crate::config::{Currency, Group};
use crate::engine::Span;
use crate::model::Zone;
use crate::ui::columns::Column;
use crate::ui::keymap::Keymap;
use crate::ui::theme::Theme;

/// What an app is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// The columns wanted.
    pub columns: Vec<Column>,
    /// The column to sort by, and whether the other way round.
    pub sort: (Column, bool),
    /// By what to group.
    pub group: Group,
    /// A filter to start with.
    pub filter: String,
    /// What is shown first.
    pub span: Span,
    /// The theme.
    pub theme: Theme,
    /// All themes' names.
    pub themes: Vec<String>,
    /// The keys.
    pub keys: Keymap,
    /// How money is shown.
    pub currency: Currency,
    /// The viewer's zone.
    pub zone: Zone,
    /// What is wrong with the settings.
    pub problems: Vec<String>,
}
