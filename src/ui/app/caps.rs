//! The view of the caps: which of them is selected, and what keys do there.

use std::sync::Arc;

use crate::budgets;
use crate::engine::Snapshot;
use crate::engine::caps::Caps;
use crate::query::caps::Decision;

use super::{Action, App, Effect, Message, View};

/// The state of the view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CapsView {
    /// The selected cap's name; until somebody has chosen it is the one that binds.
    pub selected: Option<String>,
    /// The first cap in view.
    pub first: usize,
    /// Whether keys move through the decisions instead of the caps.
    pub in_log: bool,
    /// The first decision in view.
    pub log: usize,
}

/// The decisions about a cap; those about none are about each.
pub fn decisions<'a>(caps: &'a Caps, cap: &'a str) -> impl Iterator<Item = &'a Decision> {
    caps.decisions.iter().filter(move |decision| decision.cap == cap || decision.cap.is_empty())
}

impl App {
    /// The caps as they are shown: those of a frozen picture stay.
    #[must_use]
    pub fn caps_of<'a>(&'a self, snapshot: &'a Snapshot) -> &'a Caps {
        &self.frozen.as_deref().unwrap_or(snapshot).caps
    }

    /// The place of the selected cap.
    #[must_use]
    pub fn cap_at(&self, caps: &Caps) -> usize {
        let named = self.caps.selected.as_ref().and_then(|name| caps.standings.iter().position(|s| s.cap.name == *name));
        let foremost =
            || budgets::foremost(&caps.standings).and_then(|most| caps.standings.iter().position(|s| s.cap.name == most.cap.name));
        named.or_else(foremost).unwrap_or(0)
    }

    /// What a key does here; `None` is for what means the same everywhere.
    pub(super) fn act_in_caps(&mut self, action: Action, page: isize, snapshot: &Arc<Snapshot>) -> Option<Vec<Effect>> {
        match action {
            Action::Up => self.move_in_caps(-1, snapshot),
            Action::Down => self.move_in_caps(1, snapshot),
            Action::PageUp => self.move_in_caps(-page, snapshot),
            Action::PageDown => self.move_in_caps(page, snapshot),
            Action::Top => self.move_in_caps(isize::MIN / 2, snapshot),
            Action::Bottom => self.move_in_caps(isize::MAX / 2, snapshot),
            Action::Section => self.caps.in_log = !self.caps.in_log,
            Action::Open => return Some(self.ask_for_cap(snapshot)),
            Action::Back => return Some(self.show(View::Sessions)),
            Action::Stop | Action::Hold => {
                let message = format!("this is done with a session: {} shows them", self.keys.first(Action::Sessions));
                self.message = Some(Message::failed(message));
            }
            Action::Fold
            | Action::FoldAll
            | Action::Filter
            | Action::ClearFilter
            | Action::SortNext
            | Action::SortPrevious
            | Action::Reverse
            | Action::Range
            | Action::Group
            | Action::CopyId
            | Action::OpenLog => {}
            Action::Help
            | Action::Quit
            | Action::Sessions
            | Action::Loops
            | Action::Trends
            | Action::Caps
            | Action::Team
            | Action::Gpus
            | Action::Cap
            | Action::Theme
            | Action::Freeze
            | Action::Redraw
            | Action::Suspend => return None,
        }
        Some(Vec::new())
    }

    /// Moves the bar, or through the decisions.
    pub(super) fn move_in_caps(&mut self, step: isize, snapshot: &Snapshot) {
        if self.caps.in_log {
            self.scroll_log(step, snapshot);
            return;
        }
        let caps = self.caps_of(snapshot);
        let at = self.cap_at(caps).saturating_add_signed(step).min(caps.standings.len().saturating_sub(1));
        let name = caps.standings.get(at).map(|s| s.cap.name.clone());
        self.select_cap(name);
    }

    pub(super) fn select_cap(&mut self, name: Option<String>) {
        if name != self.caps.selected {
            self.caps.log = 0;
        }
        self.caps.selected = name;
    }

    pub(super) fn scroll_log(&mut self, step: isize, snapshot: &Snapshot) {
        let caps = self.caps_of(snapshot);
        let cap = caps.standings.get(self.cap_at(caps)).map_or("", |s| &s.cap.name);
        let most = decisions(caps, cap).count().saturating_sub(usize::from(self.hits.log.0.height));
        self.caps.log = self.caps.log.saturating_add_signed(step).min(most);
    }
}
