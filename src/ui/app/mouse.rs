//! What the mouse does: it selects, opens with a second click, sorts and scrolls.

use std::sync::Arc;

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::engine::Snapshot;

use super::{Action, App, Effect, Row, Section, View};

/// The rows that one turn of the wheel moves.
const WHEEL: isize = 3;

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        let at = Position::new(mouse.column, mouse.row);
        // A question is answered with keys.
        if self.dialog.is_some() {
            return Vec::new();
        }
        match mouse.kind {
            MouseEventKind::ScrollDown => self.wheel(WHEEL, at, snapshot),
            MouseEventKind::ScrollUp => self.wheel(-WHEEL, at, snapshot),
            MouseEventKind::Down(MouseButton::Left) => self.click(at, snapshot),
            _ => Vec::new(),
        }
    }

    fn wheel(&mut self, step: isize, at: Position, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if self.help {
            return self.help_key(if step > 0 { Action::Down } else { Action::Up });
        }
        match self.view {
            View::Sessions => return self.move_by(step),
            View::Loops => {
                self.move_in_loops(step.signum(), snapshot);
                return Vec::new();
            }
            View::Caps if self.hits.log.0.contains(at) => {
                self.scroll_log(step, snapshot);
                return Vec::new();
            }
            View::Caps => {
                let in_log = std::mem::replace(&mut self.caps.in_log, false);
                self.move_in_caps(step.signum(), snapshot);
                self.caps.in_log = in_log;
                return Vec::new();
            }
            View::Team => return self.move_in_team(step.signum(), snapshot),
            View::Gpus => {
                self.move_in_gpus(step.signum());
                return Vec::new();
            }
            View::Trends => return Vec::new(),
            View::Session => {}
        }
        // The wheel turns what is under it.
        let under = self.hits.parts.iter().find(|part| part.body.contains(at)).map_or(self.full.section, |part| part.section);
        self.move_in_full(under, step, snapshot);
        Vec::new()
    }

    fn click(&mut self, at: Position, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if self.help {
            self.help = false;
            return Vec::new();
        }
        if let Some((_, view)) = self.hits.tabs.iter().find(|(area, _)| area.contains(at)) {
            let view = *view;
            return self.show(view);
        }
        match self.view {
            View::Session => {
                self.click_in_full(at, snapshot);
                return Vec::new();
            }
            View::Loops => return self.click_in_loops(at, snapshot),
            View::Caps => return self.click_in_caps(at, snapshot),
            View::Team => return self.click_in_team(at, snapshot),
            View::Gpus => return self.click_in_gpus(at),
            View::Trends => return Vec::new(),
            View::Sessions => {}
        }
        if let Some((_, column)) = self.hits.heads.iter().find(|(area, _)| area.contains(at)) {
            if self.order.sort == *column {
                self.order.reversed = !self.order.reversed;
            } else {
                self.order.sort = *column;
                self.order.reversed = false;
            }
            return self.take(snapshot);
        }
        if !self.hits.body.contains(at) {
            return Vec::new();
        }
        let row = self.hits.first + usize::from(at.y - self.hits.body.y);
        if self.rows.get(row).and_then(Row::id).is_none() {
            return Vec::new();
        }
        if self.cursor == row { self.act(Action::Open, snapshot) } else { self.select(row) }
    }

    /// Selects a cap; with the second click it is raised.
    fn click_in_caps(&mut self, at: Position, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        self.caps.in_log = self.hits.log.0.contains(at);
        if !self.hits.body.contains(at) {
            return Vec::new();
        }
        let caps = self.caps_of(snapshot);
        let row = self.hits.first + usize::from(at.y - self.hits.body.y);
        let Some(name) = caps.standings.get(row).map(|s| s.cap.name.clone()) else { return Vec::new() };
        let again = self.caps.selected.as_ref() == Some(&name);
        self.select_cap(Some(name));
        if again { self.act(Action::Cap, snapshot) } else { Vec::new() }
    }

    /// Selects a task; with the second click its session is opened.
    fn click_in_loops(&mut self, at: Position, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if !self.hits.body.contains(at) {
            return Vec::new();
        }
        let row = self.hits.first + usize::from(at.y - self.hits.body.y);
        if row >= self.loop_rows(snapshot) {
            return Vec::new();
        }
        let again = self.loop_at(snapshot) == row;
        self.select_loop(row, snapshot);
        if again { self.act(Action::Open, snapshot) } else { Vec::new() }
    }

    /// Selects a row of the team; with the second click it is opened.
    fn click_in_team(&mut self, at: Position, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        if !self.hits.body.contains(at) {
            return Vec::new();
        }
        let rows = self.team_rows(snapshot);
        let (row, now) = (self.hits.first + usize::from(at.y - self.hits.body.y), self.team_at(&rows));
        if row >= rows.len() {
            return Vec::new();
        }
        if row == now {
            return self.act(Action::Open, snapshot);
        }
        self.move_in_team(row.cast_signed() - now.cast_signed(), snapshot)
    }

    fn click_in_full(&mut self, at: Position, snapshot: &Snapshot) {
        let Some(part) = self.hits.parts.iter().find(|part| part.body.contains(at)).copied() else { return };
        let lines = self.detail(snapshot).map_or(0, |detail| part.section.lines(detail));
        let line = part.first + usize::from(at.y - part.body.y);
        let again = self.full.section == part.section && self.full.selected(part.section, lines) == line;
        self.full.section = part.section;
        if line < lines {
            self.full.select(part.section, line, lines);
            self.keep_child(snapshot);
            if again && part.section == Section::Subagents {
                self.open_child(snapshot);
            }
        }
    }
}
