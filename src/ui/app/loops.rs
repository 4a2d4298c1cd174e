//! The view of loops: which list is shown, which of its rows is selected, and what keys do there.

use std::sync::Arc;

use crate::engine::Snapshot;
use crate::engine::loops::LoopsPicture;
use crate::model::Key;
use crate::query::loops::Loop;

use super::{Action, App, Effect, Full, Message, View};

/// The lists of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoopList {
    /// Running tasks, each placed among those that are over.
    #[default]
    Running,
    /// The tasks with the most steps.
    Longest,
    /// The tasks that cost most.
    Dearest,
    /// What is told now.
    Alerts,
}

impl LoopList {
    /// All of them, in the order of the key.
    pub const ALL: [LoopList; 4] = [LoopList::Running, LoopList::Longest, LoopList::Dearest, LoopList::Alerts];

    /// The name on the screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LoopList::Running => "running",
            LoopList::Longest => "longest",
            LoopList::Dearest => "dearest",
            LoopList::Alerts => "alerts",
        }
    }

    fn next(self) -> LoopList {
        let at = LoopList::ALL.iter().position(|list| *list == self).map_or(0, |at| at + 1);
        LoopList::ALL.get(at).copied().unwrap_or_default()
    }
}

/// By what groups are told apart.
pub const GROUPS: [&str; 4] = ["agent", "model", "project", "week"];

/// The state of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopsView {
    /// The list that was chosen; until then the running tasks, or the longest where none runs.
    pub list: Option<LoopList>,
    /// The selected task, once somebody has chosen one: kept by its key while rows move.
    pub selected: Option<Key>,
    /// The selected row's place, for when its task is gone.
    pub row: usize,
    /// The first row in view.
    pub first: usize,
    /// Which of [`GROUPS`] are shown.
    pub group: usize,
}

impl LoopsView {
    /// The list in front.
    #[must_use]
    pub fn list(self, picture: &LoopsPicture) -> LoopList {
        self.list.unwrap_or(if picture.running.is_empty() { LoopList::Longest } else { LoopList::Running })
    }

    /// The task of a row; alerts are of no task.
    #[must_use]
    pub fn task(self, picture: &LoopsPicture, row: usize) -> Option<&Loop> {
        match self.list(picture) {
            LoopList::Running => picture.running.get(row).map(|(task, ..)| task),
            LoopList::Longest => picture.longest.get(row),
            LoopList::Dearest => picture.dearest.get(row),
            LoopList::Alerts => None,
        }
    }

    /// The row of a task, if it is in the list in front.
    fn find(self, picture: &LoopsPicture, key: Key) -> Option<usize> {
        (0..).map_while(|row| self.task(picture, row)).position(|task| task.key == key)
    }
}

impl App {
    /// The loops as they are shown: those of a frozen picture stay.
    #[must_use]
    pub fn loops_of<'a>(&'a self, snapshot: &'a Snapshot) -> Option<&'a LoopsPicture> {
        self.frozen.as_deref().unwrap_or(snapshot).loops.as_deref()
    }

    /// The rows of the list in front.
    #[must_use]
    pub fn loop_rows(&self, snapshot: &Snapshot) -> usize {
        let Some(picture) = self.loops_of(snapshot) else { return 0 };
        match self.loops.list(picture) {
            LoopList::Running => picture.running.len(),
            LoopList::Longest => picture.longest.len(),
            LoopList::Dearest => picture.dearest.len(),
            LoopList::Alerts => self.alerts.len(),
        }
    }

    /// The place of the selected row: that of the selected task, else the nearest to where it was.
    #[must_use]
    pub fn loop_at(&self, snapshot: &Snapshot) -> usize {
        let last = self.loop_rows(snapshot).saturating_sub(1);
        let found = self.loops_of(snapshot).zip(self.loops.selected).and_then(|(picture, key)| self.loops.find(picture, key));
        found.unwrap_or(self.loops.row).min(last)
    }

    /// The session of the selected task.
    fn session_of_loop(&self, snapshot: &Snapshot) -> Option<i64> {
        let task = self.loops.task(self.loops_of(snapshot)?, self.loop_at(snapshot))?;
        Some(task.session)
    }

    /// Puts the bar on a row, and keeps which task that is.
    pub(super) fn select_loop(&mut self, row: usize, snapshot: &Snapshot) {
        let key = self.loops_of(snapshot).and_then(|picture| self.loops.task(picture, row)).map(|task| task.key);
        (self.loops.selected, self.loops.row) = (key, row);
    }

    /// Finds the selected task again among the rows; where it is gone, the one in its place is selected.
    pub(super) fn settle_loops(&mut self, snapshot: &Snapshot) {
        if self.loops.selected.is_some() && self.loops_of(snapshot).is_some() {
            let at = self.loop_at(snapshot);
            self.select_loop(at, snapshot);
        }
    }

    /// What a key does here; `None` is for what means the same everywhere.
    pub(super) fn act_in_loops(&mut self, action: Action, page: isize, snapshot: &Arc<Snapshot>) -> Option<Vec<Effect>> {
        match action {
            Action::Up => self.move_in_loops(-1, snapshot),
            Action::Down => self.move_in_loops(1, snapshot),
            Action::PageUp => self.move_in_loops(-page, snapshot),
            Action::PageDown => self.move_in_loops(page, snapshot),
            Action::Top => self.move_in_loops(isize::MIN / 2, snapshot),
            Action::Bottom => self.move_in_loops(isize::MAX / 2, snapshot),
            Action::Section => {
                let list = self.loops_of(snapshot).map(|picture| self.loops.list(picture).next());
                self.loops = LoopsView { list, group: self.loops.group, ..LoopsView::default() };
            }
            Action::Group => self.loops.group = (self.loops.group + 1) % GROUPS.len(),
            Action::Open => return Some(self.open_loop(snapshot)),
            Action::Back => return Some(self.show(View::Sessions)),
            Action::Stop | Action::Hold | Action::CopyId | Action::OpenLog => {
                // What is done with a session is done with that of the selected task.
                let Some(session) = self.session_of_loop(snapshot) else {
                    self.message = Some(Message::failed("no task is selected"));
                    return Some(Vec::new());
                };
                (self.selected, self.chosen) = (Some(session), true);
                return None;
            }
            Action::Fold
            | Action::FoldAll
            | Action::Filter
            | Action::ClearFilter
            | Action::SortNext
            | Action::SortPrevious
            | Action::Reverse => {}
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Opens the session of the selected task.
    fn open_loop(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if let Some(session) = self.session_of_loop(snapshot) {
            self.selected = Some(session);
            self.chosen = true;
            self.view = View::Session;
            self.full = Full::default();
            self.trail.clear();
        }
        Vec::new()
    }

    /// Moves the bar.
    pub(super) fn move_in_loops(&mut self, step: isize, snapshot: &Snapshot) {
        let last = self.loop_rows(snapshot).saturating_sub(1);
        let at = self.loop_at(snapshot).saturating_add_signed(step).min(last);
        self.select_loop(at, snapshot);
    }
}
