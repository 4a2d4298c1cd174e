//! How caps stand, for a screen: looked at after news, and never for more than a small part of the time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budgets::{Raise, Standing};
use crate::model::time::{DAY, MINUTE};
use crate::model::{Millis, Window};
use crate::query::Labeler;
use crate::query::caps::{self, DAYS, Days, Decision};
use crate::store::ledger::FILE;
use crate::store::{Ledger, Store, StoreError};

use super::rules::Rules;

/// The decisions that are kept for the screen, the newest.
const DECISIONS: usize = 100;
/// How long the ledger waits for another process that writes.
const PATIENCE: Duration = Duration::from_millis(200);
/// After a look there is none for so many times as long as it took.
const REST: u32 = 150;
/// The days before today are looked up at most this often where the day of UTC that they end in has news: most of it is today's.
const DAYS_REST: Duration = Duration::from_secs(30);
/// The ledger is copied at most this often.
const COPY: Duration = Duration::from_mins(1);
/// Sessions and tasks that were over a moment ago count for their caps no more: looked at this often without news.
const NARROW: Millis = MINUTE;
/// The version of a ledger that nobody has begun.
const NO_LEDGER: i64 = -1;

/// What is known from the start.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The rules in force.
    pub rules: Arc<Rules>,
    /// Where the ledger lies.
    pub dir: PathBuf,
    /// Whose name stands beside what is decided on this screen.
    pub who: String,
}

/// How caps stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caps {
    /// Each cap and what was spent under it.
    pub standings: Vec<Standing>,
    /// The raises in force.
    pub raises: Vec<Raise>,
    /// What was decided last, the newest first.
    pub decisions: Vec<Decision>,
    /// The last days of each cap of the calendar; empty until they have been looked up.
    pub days: Vec<Days>,
    /// Why the record of decisions could not be read.
    pub problem: Option<String>,
}

/// Keeps [`Caps`] up to date.
pub(super) struct Keeper {
    setup: Setup,
    pub(super) picture: Arc<Caps>,
    /// What was done to a ledger that was damaged.
    pub(super) notices: Vec<String>,
    ledger: Option<Ledger>,
    /// The ledger's version when it was last read.
    version: Option<i64>,
    /// Whether there was news since the last look.
    is_old: bool,
    /// When the clock alone makes the next look due.
    until: Millis,
    /// No look before this, so that many news do not cost much.
    not_before: Instant,
    /// What the days were made of: today's beginning, and how often the days before it had changed, and the one that it lies in.
    days_of: Option<(Millis, i64, i64)>,
    /// When the days are made again for what may be news of today alone.
    days_not_before: Instant,
    /// Who says what sessions were for.
    labeler: Labeler,
    /// The ledger's version that the labeler was made of; nothing, where it has to be made anew.
    labels_of: Option<i64>,
    /// The ledger's version that was copied last, and when the next copy may be made.
    copied: (Option<i64>, Instant),
}

impl Keeper {
    pub(super) fn new(setup: Setup) -> Keeper {
        Keeper {
            setup,
            picture: Arc::default(),
            notices: Vec::new(),
            ledger: None,
            version: None,
            is_old: true,
            until: Millis::MIN,
            not_before: Instant::now(),
            days_of: None,
            days_not_before: Instant::now(),
            labeler: Labeler::default(),
            labels_of: None,
            copied: (None, Instant::now() + COPY),
        }
    }

    /// Who says what sessions were for, as of the last look.
    pub(super) const fn labeler(&self) -> &Labeler {
        &self.labeler
    }

    /// Reads rules and tags anew, if either can have changed; gives whether sessions may have other labels now.
    pub(super) fn look_at_labels(&mut self) -> bool {
        let version = self.ledger.as_ref().map_or(NO_LEDGER, Ledger::data_version);
        if self.labels_of == Some(version) {
            return false;
        }
        // What cannot be read keeps its last state; caps tell of the ledger's trouble.
        let Ok(labeler) = Labeler::new(self.setup.rules.attribution.clone(), self.ledger.as_ref()) else { return false };
        self.labels_of = Some(version);
        let is_new = labeler != self.labeler;
        self.labeler = labeler;
        is_new
    }

    /// Other rules are in force.
    pub(super) fn obey(&mut self, rules: Arc<Rules>) {
        self.setup.rules = rules;
        (self.days_of, self.labels_of) = (None, None);
        self.now_old();
    }

    /// There is news: of spend, or of what was decided.
    pub(super) fn touch(&mut self) {
        self.is_old = true;
    }

    /// Something has been written to the ledger, for which a person waits.
    pub(super) fn decided(&mut self) {
        self.tick();
        self.now_old();
    }

    /// There is news for which a person waits.
    pub(super) fn now_old(&mut self) {
        (self.is_old, self.not_before, self.days_not_before) = (true, Instant::now(), Instant::now());
    }

    /// Writes down what was decided on this screen.
    pub(super) fn record(&mut self, decision: Decision) -> Result<(), StoreError> {
        if self.ledger.is_none() {
            let (ledger, notice) = Ledger::open(&self.setup.dir, PATIENCE)?;
            self.ledger = Some(ledger);
            self.notices.extend(notice);
        }
        if let Some(ledger) = &self.ledger {
            ledger.record(&Decision { who: self.setup.who.clone(), ..decision })?;
        }
        self.version = None;
        self.now_old();
        Ok(())
    }

    /// Looks whether another process has written to the ledger. A ledger that nobody has begun is not begun here.
    pub(super) fn tick(&mut self) {
        if self.ledger.take_if(|ledger| ledger.is_displaced()).is_some() {
            self.version = None;
        }
        if self.ledger.is_none() && self.setup.dir.join(FILE).exists() {
            match Ledger::open(&self.setup.dir, PATIENCE) {
                Ok((ledger, notice)) => {
                    self.notices.extend(notice.into_iter().chain(ledger.regain()));
                    self.ledger = Some(ledger);
                }
                Err(error) => self.tell(Some(error.to_string())),
            }
        }
        let Some(ledger) = &self.ledger else { return };
        let version = ledger.data_version();
        if self.copied.0 != Some(version) && Instant::now() >= self.copied.1 {
            self.copied = (Some(version), Instant::now() + COPY);
            // Without a copy everything goes on; it is tried again with the next change.
            if let Ok(Some(notice)) = ledger.keep_copy() {
                self.notices.push(notice);
                self.now_old();
            }
        }
        if self.version != Some(version) {
            self.now_old();
        }
    }

    /// Looks how caps stand, if anything can have changed.
    pub(super) fn look(&mut self, store: &Store, now: Millis) -> Result<(), StoreError> {
        let begin = Instant::now();
        if !(self.is_old || now >= self.until) || begin < self.not_before {
            return Ok(());
        }
        self.is_old = false;
        let looked = self.look_now(store, now);
        self.is_old |= looked.is_err(); // once more, as soon as it may be
        self.not_before = Instant::now() + begin.elapsed() * REST;
        looked
    }

    fn look_now(&mut self, store: &Store, now: Millis) -> Result<(), StoreError> {
        let mut caps = (*self.picture).clone();
        if let Some(ledger) = &self.ledger {
            // Before the rows, so that what is written meanwhile is seen the next time.
            let version = ledger.data_version();
            match caps::raises(ledger, now).and_then(|raises| Ok((raises, ledger.decisions(Millis::MIN, DECISIONS)?))) {
                Ok((raises, decisions)) => {
                    (caps.raises, caps.decisions, caps.problem) = (raises, decisions, None);
                    self.version = Some(version);
                }
                Err(error) => {
                    caps.problem = Some(error.to_string());
                    (self.ledger, self.version) = (None, None); // begun anew with the next tick
                }
            }
        }
        let rules = self.setup.rules.clone();
        let beyond = rules.beyond(now);
        let asking = rules.asking(&caps.raises, &beyond, now);
        let standings =
            if rules.caps.is_empty() && beyond.budgets.is_empty() { Vec::new() } else { caps::standings(store, &asking, None)? };
        let today = Window::today(now, rules.zone).from;
        // Of UTC's days, the last that has something of yesterday has something of today as well, but where both begin together.
        let (whole, last) = (today.div_euclid(DAY), (today + DAY - 1).div_euclid(DAY));
        // A month that the oldest of the days lies in may have begun as long before.
        let first = whole - 2 * i64::try_from(DAYS).unwrap_or(30) - 2;
        let changes = |days| if rules.caps.is_empty() { Ok(0) } else { store.changes_of_days(days) };
        let days_of = (today, changes((first, whole))?, changes((whole, last))?);
        let is_due =
            |of: (Millis, i64, i64)| (of.0, of.1) != (days_of.0, days_of.1) || of != days_of && Instant::now() >= self.days_not_before;
        if self.days_of.is_none_or(is_due) {
            caps.days = caps::days(store, &asking)?;
            (self.days_of, self.days_not_before) = (Some(days_of), Instant::now() + DAYS_REST);
        }
        let narrow = rules.caps.iter().any(|cap| !cap.span.is_calendar()).then_some(now + NARROW);
        let ends = standings.iter().filter_map(Standing::ends);
        self.until = ends.chain(caps.raises.iter().map(|raise| raise.until)).chain(narrow).min().unwrap_or(Millis::MAX);
        caps.standings = standings;
        if caps != *self.picture {
            self.picture = Arc::new(caps);
        }
        Ok(())
    }

    fn tell(&mut self, problem: Option<String>) {
        if self.picture.problem != problem {
            Arc::make_mut(&mut self.picture).problem = problem;
        }
    }
}
