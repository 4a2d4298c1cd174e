//! The session in full: its sections, what is selected in each, and the way back from a subagent.

use crate::engine::Snapshot;
use crate::insight::waste::{self, Category};
use crate::query::{SessionDetail, SessionView};

use super::{Action, App, Effect, View};

/// A part of the view that keys move through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Section {
    /// Its tasks.
    #[default]
    Tasks,
    /// Its tools.
    Tools,
    /// What its plan has left, and its subagents and forks.
    Subagents,
    /// Where its money went.
    Waste,
}

impl Section {
    /// All of them, in the order of the key that goes round.
    pub const ALL: [Section; 4] = [Section::Tasks, Section::Tools, Section::Subagents, Section::Waste];

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Section {
        match self {
            Section::Tasks => Section::Tools,
            Section::Tools => Section::Subagents,
            Section::Subagents => Section::Waste,
            Section::Waste => Section::Tasks,
        }
    }

    /// The lines that it has.
    #[must_use]
    pub fn lines(self, detail: &SessionDetail) -> usize {
        match self {
            Section::Tasks => detail.tasks.len(),
            Section::Tools => detail.tools.len(),
            Section::Subagents => detail.limits.len() + detail.children.len(),
            Section::Waste => Category::ALL.len() + usize::from(!detail.children.is_empty()) + places(detail).count(),
        }
    }
}

/// What is selected in a section, and the first line of it in view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    /// `usize::MAX` is the last line, also while lines are added.
    at: usize,
    first: usize,
}

/// The state of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// The section that keys move through.
    pub section: Section,
    places: [Place; Section::ALL.len()],
    /// The selected subagent: kept by id while costs, and with them places, change.
    child: Option<i64>,
}

impl Default for Full {
    /// The newest task is selected.
    fn default() -> Full {
        let last = Place { at: usize::MAX, first: usize::MAX };
        Full { section: Section::Tasks, places: [last, Place::default(), Place::default(), Place::default()], child: None }
    }
}

impl Full {
    fn place(&self, section: Section) -> Place {
        self.places.get(section as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, section: Section, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.places.get_mut(section as usize) {
            change(place);
        }
    }

    /// The selected line of so many.
    #[must_use]
    pub fn selected(&self, section: Section, lines: usize) -> usize {
        self.place(section).at.min(lines.saturating_sub(1))
    }

    /// The first line in view: the one of before, unless the selected line would be outside.
    #[must_use]
    pub fn first(&self, section: Section, lines: usize, height: usize) -> usize {
        let at = self.selected(section, lines);
        let first = self.place(section).first.min(at).max((at + 1).saturating_sub(height));
        first.min(lines.saturating_sub(height))
    }

    /// Remembers which line was drawn first.
    pub fn drawn(&mut self, section: Section, first: usize) {
        self.set(section, |place| place.first = first);
    }

    /// Selects a line of so many.
    pub fn select(&mut self, section: Section, at: usize, lines: usize) {
        self.section = section;
        let is_last = section == Section::Tasks && at + 1 >= lines;
        self.set(section, |place| place.at = if is_last { usize::MAX } else { at.min(lines.saturating_sub(1)) });
    }
}

/// The groups of places in a task that have any steps, by their first and last step.
pub fn places(detail: &SessionDetail) -> impl Iterator<Item = ((u64, Option<u64>), &waste::Place)> {
    waste::places().zip(&detail.waste.places).filter(|(_, place)| place.steps > 0)
}

/// A session's subagents and forks, the dearest first.
#[must_use]
pub fn children(detail: &SessionDetail) -> Vec<&SessionView> {
    let mut children: Vec<&SessionView> = detail.children.iter().collect();
    children.sort_by(|a, b| {
        let (x, y) = (&a.lifetime, &b.lifetime);
        y.known.cmp(&x.known).then_with(|| y.unpriced_calls.cmp(&x.unpriced_calls)).then_with(|| a.uid.cmp(&b.uid))
    });
    children
}

impl App {
    /// The session that is shown in full, once it is read.
    #[must_use]
    pub fn detail<'a>(&'a self, snapshot: &'a Snapshot) -> Option<&'a SessionDetail> {
        self.frozen.as_deref().unwrap_or(snapshot).detail.as_deref().filter(|d| Some(d.session.id) == self.selected)
    }

    /// What a key does here. What changes the table behind does nothing; `None` is for what means the same everywhere.
    pub(super) fn act_in_full(&mut self, action: Action, page: isize, snapshot: &Snapshot) -> Option<Vec<Effect>> {
        match action {
            Action::Up => self.move_in_full(self.full.section, -1, snapshot),
            Action::Down => self.move_in_full(self.full.section, 1, snapshot),
            Action::PageUp => self.move_in_full(self.full.section, -page, snapshot),
            Action::PageDown => self.move_in_full(self.full.section, page, snapshot),
            Action::Top => self.move_in_full(self.full.section, isize::MIN / 2, snapshot),
            Action::Bottom => self.move_in_full(self.full.section, isize::MAX / 2, snapshot),
            Action::Section => self.full.section = self.full.section.next(),
            Action::Open => self.open_child(snapshot),
            Action::Back => {
                if let Some((parent, full)) = self.trail.pop() {
                    self.selected = Some(parent);
                    self.full = full;
                } else {
                    self.view = View::Sessions;
                }
                self.settle();
            }
            Action::Fold
            | Action::FoldAll
            | Action::Filter
            | Action::ClearFilter
            | Action::SortNext
            | Action::SortPrevious
            | Action::Reverse
            | Action::Range
            | Action::Group => {}
            Action::Help
            | Action::Quit
            | Action::Sessions
            | Action::Loops
            | Action::Trends
            | Action::Caps
            | Action::Team
            | Action::Gpus
            | Action::Cap
            | Action::Stop
            | Action::Hold
            | Action::Theme
            | Action::Freeze
            | Action::CopyId
            | Action::OpenLog
            | Action::Redraw
            | Action::Suspend => return None,
        }
        Some(Vec::new())
    }

    /// Moves the bar of a section, and the keys to it.
    pub(super) fn move_in_full(&mut self, section: Section, step: isize, snapshot: &Snapshot) {
        let lines = self.detail(snapshot).map_or(0, |detail| section.lines(detail));
        let at = self.full.selected(section, lines).saturating_add_signed(step);
        self.full.select(section, at, lines);
        self.keep_child(snapshot);
    }

    /// The subagent on whose line the bar is.
    fn child_at_bar(&self, snapshot: &Snapshot) -> Option<i64> {
        let detail = self.detail(snapshot)?;
        let at = self.full.selected(Section::Subagents, Section::Subagents.lines(detail));
        children(detail).get(at.checked_sub(detail.limits.len())?).map(|child| child.id)
    }

    /// Keeps which subagent was chosen.
    pub(super) fn keep_child(&mut self, snapshot: &Snapshot) {
        if self.full.section == Section::Subagents {
            self.full.child = self.child_at_bar(snapshot);
        }
    }

    /// Finds the selected subagent again among the lines; where it is gone, the one in its place is selected.
    pub(super) fn settle_child(&mut self, snapshot: &Snapshot) {
        let (Some(id), Some(detail)) = (self.full.child, self.detail(snapshot)) else { return };
        let place = children(detail).iter().position(|child| child.id == id);
        let line = place.map(|at| detail.limits.len() + at);
        if let Some(line) = line {
            self.full.set(Section::Subagents, |place| place.at = line);
        } else {
            self.full.child = self.child_at_bar(snapshot);
        }
    }

    /// Opens the selected subagent; the way back leads here again.
    pub(super) fn open_child(&mut self, snapshot: &Snapshot) {
        if self.full.section != Section::Subagents {
            return;
        }
        if let (Some(child), Some(parent)) = (self.child_at_bar(snapshot), self.selected) {
            self.trail.push((parent, std::mem::take(&mut self.full)));
            self.selected = Some(child);
        }
    }
}
