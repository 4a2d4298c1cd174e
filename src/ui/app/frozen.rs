//! The frozen picture: it stays what it is, and takes in what it lacks and was asked for since.

use std::sync::Arc;

use crate::engine::Snapshot;

use super::App;

impl App {
    /// Takes from a new picture what the frozen one lacks: the session, the loops, the trends or the team that was asked for since.
    /// Says whether it did.
    pub fn complete(&mut self, snapshot: &Snapshot) -> bool {
        let Some(frozen) = self.frozen.as_deref() else { return false };
        let selected = self.selected;
        let knows = |s: &Snapshot| s.detail.as_ref().is_some_and(|d| Some(d.session.id) == selected);
        let detail = snapshot.detail.clone().filter(|_| !knows(frozen) && knows(snapshot));
        let loops = snapshot.loops.clone().filter(|_| frozen.loops.is_none());
        let trends = snapshot.trends.clone().filter(|_| frozen.trends.is_none());
        let team = self.team_beyond(frozen.team.as_deref(), snapshot.team.as_ref());
        let has_news = detail.is_some() || loops.is_some() || trends.is_some() || team.is_some();
        let Some(frozen) = self.frozen.as_mut().filter(|_| has_news) else { return false };
        let frozen = Arc::make_mut(frozen);
        frozen.detail = detail.or(frozen.detail.take());
        frozen.loops = loops.or(frozen.loops.take());
        frozen.trends = trends.or(frozen.trends.take());
        frozen.team = team.or(frozen.team.take());
        self.settle_loops(snapshot);
        self.settle_child(snapshot);
        true
    }
}
