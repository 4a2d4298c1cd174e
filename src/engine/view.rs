//! The picture of the present in the making: what the store says, kept up to date with as few questions as possible.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::model::time::MINUTE;
use crate::model::{Cost, Millis, SessionState, Window, Zone};
use crate::pricing::Pricer;
use crate::query::{self, Asking, Living, SessionDetail, SessionView};
use crate::sources;
use crate::store::{Store, StoreError, Sums};
use crate::tail::Catalog;

use super::caps::Keeper;
use super::hand::Hand;
use super::hour::{self, LastHour};
use super::ingest::{Ingest, Progress};
use super::live::{Command, Setup, Wake};
use super::loops::LoopsKeeper;
use super::outlook::Outlook;
use super::snapshot::{Snapshot, Span};
use super::team::TeamKeeper;

/// More changed sessions than this are read anew all together.
const MANY: usize = 300;
/// The last hour is not looked at more often than this, whatever the news.
const LOOK_BACK_PACE: Millis = 1000;
/// Calls older than this before the newest are not looked at again with every news.
const UNSETTLED: Millis = 2 * MINUTE;
/// The last hour is looked at without any news not more often than this: it only moves on.
const LOOK_BACK_REST: Millis = 10_000;

/// The picture in the making.
pub(super) struct View {
    pub(super) zone: Zone,
    pub(super) clock: fn() -> Millis,
    pub(super) span: Span,
    pub(super) window: Window,
    pub(super) wanted: Option<i64>,
    pub(super) living: Living,
    /// What each session cost in the last hour, as it was last looked at: it changes slowly, and asking costs most of all.
    pub(super) hour: HashMap<i64, Cost>,
    /// The same, second by second.
    recent: LastHour,
    /// Sessions with news since the last hour was looked at.
    news: BTreeSet<i64>,
    pub(super) sessions: HashMap<i64, Arc<SessionView>>,
    pub(super) detail: Option<Arc<SessionDetail>>,
    pub(super) draft: Snapshot,
    pub(super) notices: Vec<String>,
    pub(super) caps: Keeper,
    pub(super) loops: LoopsKeeper,
    outlook: Outlook,
    team: TeamKeeper,
    pub(super) hand: Hand,
    /// What reading from the store has failed with.
    pub(super) trouble: Option<StoreError>,
    /// Lines met by this process that could not be read.
    pub(super) unreadable: u64,
    /// Why changes cannot be heard.
    pub(super) deaf: Option<String>,
    /// When the last hour was last looked at.
    looked_back_at: Millis,
    /// When all of it was.
    settled_at: Millis,
    /// The store's version then; nothing, where there was news since: what has not changed is not read again.
    settled_of: Option<i64>,
    /// Whether caps are left out: the first picture does not wait for them.
    pub(super) hurries: bool,
    /// Whether there was news since the last hour was looked at.
    hour_is_old: bool,
}

impl View {
    /// A picture of nothing yet, and what it will be made from.
    pub(super) fn new(setup: Setup, wakes: SyncSender<Wake>) -> (Ingest, View) {
        let Setup { ingest, zone, clock, span, notices, caps, real, .. } = setup;
        let view = View {
            zone,
            clock,
            span,
            window: span.window(clock(), zone),
            wanted: None,
            living: Living::new(),
            hour: HashMap::new(),
            recent: LastHour::default(),
            news: BTreeSet::new(),
            sessions: HashMap::new(),
            detail: None,
            draft: Snapshot { progress: Some(Progress::default()), ..Snapshot::default() },
            notices,
            team: TeamKeeper::new(caps.dir.clone()),
            caps: Keeper::new(caps),
            loops: LoopsKeeper::new(),
            outlook: Outlook::new(),
            hand: Hand::new(real, wakes),
            trouble: None,
            unreadable: 0,
            deaf: None,
            looked_back_at: 0,
            settled_at: 0,
            settled_of: None,
            hurries: true,
            hour_is_old: false,
        };
        (ingest, view)
    }

    pub(super) fn obey(&mut self, command: &Command, ingest: &mut Ingest) -> ControlFlow<()> {
        self.obey_with(command, &ingest.store, &mut ingest.prices)
    }

    pub(super) fn obey_with(&mut self, command: &Command, store: &Store, prices: &mut Pricer) -> ControlFlow<()> {
        match command {
            Command::Quit => return ControlFlow::Break(()),
            Command::Show(span) => {
                self.span = *span;
                self.loops.now_old();
                self.reload(store, prices);
            }
            Command::Detail(id) => {
                self.wanted = *id;
                self.load_detail(store, prices);
            }
            Command::Trends(wanted) => {
                self.outlook.want(*wanted);
                self.look_at_trends(store, prices);
            }
            Command::Team(ask) => {
                self.team.want(ask.clone());
                self.look_at_team(store);
            }
            Command::Rules(rules) => {
                self.caps.obey(rules.clone());
                self.look_at_caps(store);
            }
            Command::Decided => {
                self.caps.decided();
                self.look_at_caps(store);
            }
            Command::Loops(is_wanted) => {
                self.loops.want(*is_wanted);
                self.look_at_loops(store);
            }
            Command::Find(session, wish) => {
                let found = self.hand.find(*session, *wish, store, &self.living);
                self.unless_failed(found);
                self.update_states();
                self.load_detail(store, prices);
            }
            Command::Stop(session, process) => {
                let now = (self.clock)();
                let stopped = self.hand.stop(*session, process, store, &mut self.caps, now);
                self.unless_failed(stopped);
                self.look_at_caps(store);
            }
        }
        ControlFlow::Continue(())
    }

    /// An answer of the store. What cannot be read keeps its last state, and the reason is looked at by the worker.
    fn unless_failed<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.trouble.get_or_insert(error);
                None
            }
        }
    }

    fn asking(&self) -> Asking<'_> {
        Asking { window: self.window, now: (self.clock)(), zone: self.zone, living: &self.living, hour: Some(&self.hour) }
    }

    /// Reads everything that is shown from the store. What cannot be read keeps its last state.
    pub(super) fn reload(&mut self, store: &Store, prices: &mut Pricer) {
        self.window = self.span.window((self.clock)(), self.zone);
        self.caps.touch();
        self.loops.touch();
        self.outlook.touch();
        self.look_back(store);
        let rows = query::sessions(store, prices, &self.asking()).and_then(|rows| self.labelled(store, rows));
        if let Some(rows) = self.unless_failed(rows) {
            self.sessions = rows.into_iter().map(|s| (s.id, Arc::new(s))).collect();
            self.update_states();
        }
        self.load_detail(store, prices);
        self.sums(store);
        self.look_at_trends(store, prices);
    }

    pub(super) fn refresh(&mut self, ingest: &mut Ingest, touched: &BTreeSet<i64>) {
        self.refresh_with(&ingest.store, &mut ingest.prices, touched);
    }

    /// After a look at all logs. How caps stood before it is not what anybody wants to see for the length of their rest.
    pub(super) fn refresh_after(&mut self, ingest: &mut Ingest, touched: &BTreeSet<i64>, files_read: usize) {
        if files_read > 0 {
            self.caps.now_old();
        }
        self.refresh(ingest, touched);
    }

    pub(super) fn refresh_with(&mut self, store: &Store, prices: &mut Pricer, touched: &BTreeSet<i64>) {
        if touched.is_empty() {
            return;
        }
        if touched.len() > MANY {
            self.reload(store, prices);
            return;
        }
        self.caps.touch();
        self.loops.touch();
        self.outlook.touch();
        let ids: Vec<i64> = touched.iter().copied().collect();
        let rows = query::sessions_by_id(store, prices, &self.asking(), &ids).and_then(|rows| self.labelled(store, rows));
        if let Some(rows) = self.unless_failed(rows) {
            for mut row in rows {
                if self.hand.is_held(row.id) {
                    row.state = SessionState::Paused;
                }
                // A touched session without anything in the window is not part of the picture; another one's log may own by now what
                // it was shown with.
                if self.window == Window::ALL || !row.sums.is_zero() {
                    self.sessions.insert(row.id, Arc::new(row));
                } else {
                    self.sessions.remove(&row.id);
                }
            }
        }
        self.news.extend(touched);
        self.settled_of = None;
        self.look_back_soon(store);
        let family =
            self.detail.as_ref().is_some_and(|d| touched.contains(&d.session.id) || d.children.iter().any(|c| touched.contains(&c.id)));
        if family {
            self.load_detail(store, prices);
        }
        self.sums(store);
        self.look_at_trends(store, prices);
    }

    fn load_detail(&mut self, store: &Store, prices: &mut Pricer) {
        let Some(id) = self.wanted else {
            self.detail = None;
            return;
        };
        let found = query::detail::session_after(store, prices, &self.asking(), id, self.detail.as_deref()).and_then(|mut found| {
            if let Some(detail) = &mut found {
                self.caps.labeler().fill(store, std::iter::once(&mut detail.session).chain(&mut detail.children))?;
            }
            Ok(found)
        });
        if let Some(mut found) = self.unless_failed(found) {
            if let Some(detail) = found.as_mut().filter(|detail| self.hand.is_held(detail.session.id)) {
                detail.session.state = SessionState::Paused;
            }
            self.detail = found.map(Arc::new);
        }
    }

    pub(super) fn sums(&mut self, store: &Store) {
        let now = (self.clock)();
        let today = Window::today(now, self.zone);
        let total = store.total(today);
        self.draft.today = self.unless_failed(total).unwrap_or(self.draft.today);
        if !self.hurries {
            let midnight = self.outlook.midnight(store, now, self.zone, self.draft.today.cost());
            self.draft.projection = self.unless_failed(midnight).unwrap_or(self.draft.projection);
        }
        self.look_at_caps(store);
        self.look_at_loops(store);
    }

    fn look_at_loops(&mut self, store: &Store) {
        let looked = self.loops.look(store, self.window, &self.living, (self.clock)(), self.zone);
        self.unless_failed(looked);
    }

    fn look_at_trends(&mut self, store: &Store, prices: &mut Pricer) {
        let looked = self.outlook.look(store, prices, (self.clock)(), self.zone);
        self.unless_failed(looked);
    }

    fn look_at_team(&mut self, store: &Store) {
        self.team.look(store, (self.clock)(), self.zone);
    }

    pub(super) fn look_at_caps(&mut self, store: &Store) {
        if self.hurries {
            return;
        }
        let looked = self.caps.look(store, (self.clock)());
        self.unless_failed(looked);
        if self.caps.look_at_labels() {
            let mut rows: Vec<SessionView> = self.sessions.values().map(|session| SessionView::clone(session)).collect();
            let filled = self.caps.labeler().fill(store, &mut rows);
            if self.unless_failed(filled).is_some() {
                self.sessions = rows.into_iter().map(|session| (session.id, Arc::new(session))).collect();
            }
        }
    }

    /// Sessions with what they were for.
    fn labelled(&self, store: &Store, mut rows: Vec<SessionView>) -> Result<Vec<SessionView>, StoreError> {
        self.caps.labeler().fill(store, &mut rows)?;
        Ok(rows)
    }

    /// Forgets the picture: the store it was of is gone.
    pub(super) fn forget(&mut self) {
        self.sessions.clear();
        self.hour.clear();
        (self.recent, self.settled_of) = (LastHour::default(), None);
        (self.detail, self.trouble) = (None, None);
        self.draft.progress = Some(Progress::default());
    }

    /// What the last hour cost, after news: soon enough for an eye, and not so often that it costs much.
    fn look_back_soon(&mut self, store: &Store) {
        if self.since_look_back() >= LOOK_BACK_PACE {
            self.look_at_news(store);
            self.take_hours();
        } else {
            self.hour_is_old = true; // the next tick looks
        }
    }

    /// How long ago the last hour was looked at; long ago, where the clock was set back.
    fn since_look_back(&self) -> Millis {
        let since = (self.clock)() - self.looked_back_at;
        if since < 0 { Millis::MAX } else { since }
    }

    /// What the last hour cost, all together and session by session.
    fn look_back(&mut self, store: &Store) {
        let now = (self.clock)();
        let version = store.data_version();
        let mut recent = LastHour::default();
        let looked = store.each_recent(hour::since(now), |at, session, cost| recent.add(at, session, cost));
        if self.unless_failed(looked).is_some() {
            (self.recent, self.settled_at, self.settled_of) = (recent, now, Some(version));
        }
        self.looked_back(now);
    }

    /// As [`View::look_back`], where only these sessions have news: of them only what is new is read.
    fn look_at_news(&mut self, store: &Store) {
        let now = (self.clock)();
        for session in std::mem::take(&mut self.news) {
            let from = self.recent.reopen(session, UNSETTLED, hour::since(now));
            let looked = store.each_recent_of(&[session], from, |at, session, cost| self.recent.add(at, session, cost));
            self.unless_failed(looked);
        }
        self.looked_back(now);
    }

    fn looked_back(&mut self, now: Millis) {
        self.news.clear();
        (self.looked_back_at, self.hour_is_old) = (now, false);
        let since = hour::since(now);
        self.recent.forget_before(since);
        self.hour = self.recent.costs();
        self.draft.burn = self.recent.burn(since);
    }

    /// Whether all of the last hour is to be read: some of it may have changed since that was done last, and not only moved on.
    fn is_unsettled(&self, store: &Store, now: Millis) -> bool {
        let is_due = now - self.settled_at >= LOOK_BACK_REST && self.settled_of != Some(store.data_version());
        is_due || now < self.settled_at
    }

    /// Whether an agent has told its status line something new about the limits of the session that is shown: no log says it.
    fn has_new_limits(&self, store: &Store) -> bool {
        self.detail.as_ref().is_some_and(|detail| store.limits(detail.session.id).is_ok_and(|limits| limits != detail.limits))
    }

    /// The clock alone changes states, the last hour and, at midnight, the window.
    pub(super) fn tick(&mut self, ingest: &mut Ingest) {
        let now = (self.clock)();
        if self.span.window(now, self.zone) != self.window {
            self.reload(&ingest.store, &mut ingest.prices);
        }
        self.living = living(ingest);
        self.caps.tick();
        if self.hand.tick() || self.has_new_limits(&ingest.store) {
            self.load_detail(&ingest.store, &mut ingest.prices);
        }
        if self.is_unsettled(&ingest.store, now) {
            self.look_back(&ingest.store);
            self.take_hours();
        } else if self.hour_is_old || self.since_look_back() >= LOOK_BACK_REST {
            self.look_at_news(&ingest.store);
            self.take_hours();
        }
        self.update_states();
        self.sums(&ingest.store);
        self.look_at_team(&ingest.store);
        self.look_at_trends(&ingest.store, &mut ingest.prices);
    }

    /// What each session does now.
    fn update_states(&mut self) {
        let now = (self.clock)();
        for session in self.sessions.values_mut() {
            let live = self.living.get(&(session.agent.clone(), session.uid.clone()));
            let state = if self.hand.is_held(session.id) {
                SessionState::Paused
            } else {
                query::state(session.turn, session.kind, session.last_at, live, now)
            };
            if state != session.state {
                Arc::make_mut(session).state = state;
            }
        }
    }

    /// Gives each session its last hour.
    fn take_hours(&mut self) {
        for session in self.sessions.values_mut() {
            let last_hour = self.hour.get(&session.id).copied().unwrap_or_default();
            if last_hour != session.last_hour {
                Arc::make_mut(session).last_hour = last_hour;
            }
        }
    }

    pub(super) fn picture(&self, store: &Store, failing: &[String]) -> Snapshot {
        let mut sessions: Vec<Arc<SessionView>> = self.sessions.values().cloned().collect();
        sessions.sort_unstable_by_key(|s| s.id);
        let mut total = Sums::default();
        for session in &sessions {
            total.add(&session.sums, 1);
        }
        let mut notices: Vec<String> = failing.to_vec();
        notices.extend(self.notices.iter().cloned());
        notices.extend(self.caps.notices.iter().chain(&self.caps.picture.problem).cloned());
        notices.extend(self.deaf.clone());
        notices.extend(match self.unreadable {
            0 => None,
            1 => Some("one line of the logs could not be read: aifinops doctor".to_owned()),
            lines => Some(format!("{lines} lines of the logs could not be read: aifinops doctor")),
        });
        if !store.is_writer() {
            notices.push("another aifinops reads the logs; this one follows it".to_owned());
        }
        Snapshot {
            failing: failing.len(),
            at: (self.clock)(),
            span: self.span,
            live: sessions.iter().filter(|s| s.state.is_live()).count(),
            sessions,
            total,
            detail: self.detail.clone(),
            caps: self.caps.picture.clone(),
            loops: self.loops.picture.clone(),
            trends: self.outlook.trends.clone(),
            gateways: self.team.gateways.clone(),
            team: self.team.picture.clone(),
            held: self.hand.held.clone(),
            word: self.hand.word.clone(),
            notices,
            ..self.draft.clone()
        }
    }
}

/// What all agents' own registries say.
pub fn living(ingest: &Ingest) -> Living {
    living_of(&ingest.catalog)
}

/// What the registries of the agents at these roots say.
pub fn living_of(catalog: &Catalog) -> Living {
    let mut living = Living::new();
    for source in sources::ALL {
        for live in source.alive(&catalog.roots_of(source.agent())) {
            living.insert((Arc::from(source.agent()), Arc::from(live.uid.as_str())), live);
        }
    }
    living
}
