//! The rules in force, and how caps stand by them: for hooks, the proxy, the screen and every command alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::Weekday;

use super::gateways::{self, Drift};
use crate::attribution::Attribution;
use crate::budgets::{self, Assumed, Raise, Standing};
use crate::model::cap::{Cap, Unit};
use crate::model::{Millis, Money, SessionKind, Window, Zone};
use crate::query::caps::{self, Asking, Beyond, Focus};
use crate::query::{Labeler, experiments};
use crate::store::ledger::{Decision, Kind};
use crate::store::{Books, GpuBook, Kin, Ledger, Store, StoreError};

/// The rules in force: settings and policy together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The caps.
    pub caps: Vec<Cap>,
    /// The price of calls without one.
    pub assumed: Assumed,
    /// The day that weeks begin on.
    pub week_start: Weekday,
    /// The zone whose midnight starts a day.
    pub zone: Zone,
    /// What sessions are for, and experiments with budgets.
    pub attribution: Arc<Attribution>,
    /// What counts as well.
    pub elsewhere: Elsewhere,
}

/// What is spent where no log tells: by gateways' own word, and on GPUs. Where the books of it lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elsewhere {
    /// The data directory.
    pub dir: PathBuf,
    /// The gateways whose budgets and calls count under caps.
    pub gateways: Vec<String>,
}

impl Elsewhere {
    /// What is known beyond the logs, of calls since an instant. Books that cannot be read just now are no reason to stop, or to let go of, anybody.
    #[must_use]
    fn beyond(&self, since: Millis, now: Millis) -> Beyond {
        if self.gateways.is_empty() {
            return Beyond::default();
        }
        let books = Books::open_existing(&self.dir, BOOKS_PATIENCE).ok().flatten();
        books.and_then(|books| Beyond::read(&books, &self.gateways, since, now).ok()).unwrap_or_default()
    }

    /// What GPUs' time has cost in windows. What cannot be read just now has cost nothing.
    fn gpu(&self, windows: impl Iterator<Item = Window>) -> Vec<(Window, Money)> {
        let mut windows = windows.peekable();
        if windows.peek().is_none() {
            return Vec::new();
        }
        let Some(book) = GpuBook::open_existing(&self.dir, BOOKS_PATIENCE).ok().flatten() else { return Vec::new() };
        windows.filter_map(|window| Some((window, book.spent(window).ok()??.0))).collect()
    }

    /// By how much each of them differs from the logs today, as of the last comparison.
    #[must_use]
    pub fn drifts(&self, now: Millis) -> Vec<Drift> {
        if self.gateways.is_empty() {
            return Vec::new();
        }
        let books = Books::open_existing(&self.dir, BOOKS_PATIENCE).ok().flatten();
        let of = |books: &Books| self.gateways.iter().filter_map(|name| gateways::drift_of(books, name, now)).collect();
        books.as_ref().map(of).unwrap_or_default()
    }
}

/// How long a judgement waits for who writes the books.
const BOOKS_PATIENCE: Duration = Duration::from_millis(20);

impl Default for Rules {
    /// No caps, in UTC.
    fn default() -> Rules {
        Rules {
            caps: Vec::new(),
            assumed: Assumed::default(),
            week_start: Weekday::Mon,
            zone: Zone::UTC,
            attribution: Arc::default(),
            elsewhere: Elsewhere::default(),
        }
    }
}

impl Rules {
    /// Whether nothing can ever be reached.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.caps.is_empty() && self.attribution.experiments.is_empty() && self.elsewhere.gateways.is_empty()
    }

    /// What is known beyond the logs, as far back as the caps look: by gateways, and of GPUs.
    #[must_use]
    pub fn beyond(&self, now: Millis) -> Beyond {
        let window = |cap: &Cap| budgets::window(cap.span, now, self.zone, self.week_start);
        let (of_gpus, others): (Vec<&Cap>, Vec<&Cap>) = self.caps.iter().partition(|cap| cap.limit.unit == Unit::Gpu);
        let since = others.into_iter().filter_map(window).map(|window| window.from).min().unwrap_or(now);
        let gpu = self.elsewhere.gpu(of_gpus.into_iter().filter_map(window));
        Beyond { gpu, ..self.elsewhere.beyond(since, now) }
    }

    /// A question about caps.
    #[must_use]
    pub fn asking<'a>(&'a self, raises: &'a [Raise], beyond: &'a Beyond, now: Millis) -> Asking<'a> {
        let Rules { caps, assumed, week_start, zone, .. } = self;
        Asking { caps, raises, beyond, assumed: *assumed, week_start: *week_start, now, zone: *zone }
    }

    /// A question about experiments, by who says which session belongs to one.
    #[must_use]
    pub fn about<'a>(&self, labeler: &'a Labeler, now: Millis) -> experiments::Asking<'a> {
        experiments::Asking { labeler, assumed: self.assumed, now, zone: self.zone }
    }

    /// How the caps stand that cover somebody, or all of them.
    pub fn standings(&self, store: &Store, raises: &[Raise], focus: Option<&Focus>, now: Millis) -> Result<Vec<Standing>, StoreError> {
        let beyond = self.beyond(now);
        caps::standings(store, &self.asking(raises, &beyond, now), focus)
    }

    /// How all caps stand, those per session or task for each session of the last hour.
    pub fn standings_of_each(&self, store: &Store, raises: &[Raise], now: Millis) -> Result<Vec<Standing>, StoreError> {
        let beyond = self.beyond(now);
        caps::standings_of_each(store, &self.asking(raises, &beyond, now))
    }

    /// How the experiment stands that somebody's session belongs to, if to any.
    pub fn experiment(
        &self,
        store: &Store,
        labeler: &Labeler,
        ledger: &Ledger,
        focus: &Focus,
        now: Millis,
    ) -> Result<Option<Standing>, StoreError> {
        experiments::of(store, &self.about(labeler, now), ledger, &kin(store, focus)?)
    }
}

/// What is written down of how a cap stands; whose agent it met is for the caller to add.
pub(super) fn decision(standing: &Standing, kind: Kind, at: Millis, who: &str) -> Decision {
    Decision {
        at,
        kind,
        cap: standing.cap.name.clone(),
        agent: None,
        session: None,
        unit: standing.cap.limit.unit.word().to_owned(),
        spent: standing.spent().count,
        amount: standing.allowed().count,
        until: None,
        who: who.to_owned(),
        why: None,
    }
}

/// A session as attribution sees it; by its id and its directory alone where no log shows it yet.
fn kin(store: &Store, focus: &Focus) -> Result<Kin, StoreError> {
    let known = focus.session.map_or(Ok(None), |id| store.kin_of(id))?;
    let stranger = || Kin {
        id: -1,
        agent: focus.agent.as_str().into(),
        uid: focus.uid.as_deref().unwrap_or_default().into(),
        parent: None,
        kind: SessionKind::Main,
        cwd: focus.cwd.as_deref().map(Into::into),
        branch: None,
        remote: None,
    };
    Ok(known.unwrap_or_else(stranger))
}
