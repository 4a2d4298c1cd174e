//! The selection in the table of sessions: it moves by keys, and stays on its session while rows move.

use super::{App, Effect, Row, View};

impl App {
    pub(super) fn move_by(&mut self, step: isize) -> Vec<Effect> {
        let last = self.rows.len().saturating_sub(1);
        let mut at = self.cursor.saturating_add_signed(step).min(last);
        // Group heads cannot be selected: go on in the same direction, else back.
        let is_head = |i: usize| matches!(self.rows.get(i), Some(Row::Group { .. }));
        while is_head(at) && step > 0 && at < last || is_head(at) && step < 0 && at > 0 {
            at = if step > 0 { at + 1 } else { at - 1 };
        }
        if is_head(at) && at < last {
            at += 1;
        }
        self.select(at)
    }

    pub(super) fn select(&mut self, at: usize) -> Vec<Effect> {
        self.chosen = true;
        self.cursor = at;
        self.selected = self.rows.get(at).and_then(Row::id).or(self.selected);
        self.settle()
    }

    /// Finds the selected session again among the rows, or one near where it was.
    pub(super) fn settle(&mut self) -> Vec<Effect> {
        if !self.chosen {
            self.selected = self.rows.iter().find_map(Row::id);
            self.scroll = 0;
        }
        if let Some(at) = self.selected.and_then(|id| self.rows.iter().position(|r| r.id() == Some(id))) {
            self.cursor = at;
        } else if self.view == View::Sessions {
            self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
            let near = self.rows.iter().enumerate().skip(self.cursor).find_map(|(i, r)| r.id().map(|id| (i, id)));
            let near = near.or_else(|| self.rows.iter().enumerate().rev().find_map(|(i, r)| r.id().map(|id| (i, id))));
            self.selected = near.map(|(_, id)| id);
            self.cursor = near.map_or(0, |(i, _)| i);
        }
        Vec::new()
    }
}
