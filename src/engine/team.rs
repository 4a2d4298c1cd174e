//! What gateways have counted, for a screen: read from the books, never from a gateway.
//!
//! The books are looked at when somebody has written them and while somebody looks at the team; who only sees the screen's
//! first line costs one small question every few seconds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gateways::ledgers;
use crate::insight::reconcile::{Class, Total};
use crate::model::{Millis, Money, Whose, Window, Zone};
use crate::query::team::{self, Inside, Team};
use crate::store::books::Account;
use crate::store::{Books, Store, StoreError};

/// How long the books wait for another process that writes.
const PATIENCE: Duration = Duration::from_millis(200);
/// Two ledgers are not compared more often than this, nor for more than a small part of the time.
const LEDGER_PACE: Duration = Duration::from_secs(10);
/// After a comparison there is none for so many times as long as it took.
const REST: u32 = 100;

/// What somebody looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamAsk {
    /// Which of the gateways, by its place.
    pub gateway: usize,
    /// What rows are made of.
    pub by: Whose,
    /// The selected row.
    pub row: Option<String>,
}

/// Today's calls in both ledgers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Whose calls at the gateway; nothing is everybody.
    pub user: Option<String>,
    /// What the logs say.
    pub local: Money,
    /// What the gateway says.
    pub gateway: Money,
    /// What the difference is made of.
    pub totals: Vec<(Class, Total)>,
}

/// A team, and what is below one of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamPicture {
    /// What was asked for.
    pub ask: TeamAsk,
    /// The team; nothing where its gateway was never asked with success.
    pub team: Option<Team>,
    /// What is below the selected row.
    pub inside: Option<(String, Inside)>,
    /// Today in both ledgers.
    pub ledger: Option<Ledger>,
}

/// Keeps the picture up to date.
pub(super) struct TeamKeeper {
    dir: PathBuf,
    books: Option<Books>,
    /// The books' version when they were last read.
    version: Option<i64>,
    asked: Option<TeamAsk>,
    is_old: bool,
    /// How gateways stand.
    pub(super) gateways: Arc<Vec<Account>>,
    pub(super) picture: Option<Arc<TeamPicture>>,
    ledger: Option<(String, Ledger)>,
    ledger_not_before: Instant,
}

impl TeamKeeper {
    pub(super) fn new(dir: PathBuf) -> TeamKeeper {
        TeamKeeper {
            dir,
            books: None,
            version: None,
            asked: None,
            is_old: true,
            gateways: Arc::default(),
            picture: None,
            ledger: None,
            ledger_not_before: Instant::now(),
        }
    }

    /// Somebody looks at a team, or nobody any more.
    pub(super) fn want(&mut self, ask: Option<TeamAsk>) {
        (self.asked, self.is_old) = (ask, true);
    }

    /// Looks, if anything can have changed. Trouble with the books is trouble with what gateways say, and with nothing else.
    pub(super) fn look(&mut self, store: &Store, now: Millis, zone: Zone) {
        if self.books.is_none() {
            self.books = Books::open_existing(&self.dir, PATIENCE).ok().flatten();
        }
        let Some(books) = &self.books else { return };
        let version = books.data_version();
        if self.version == Some(version) && !self.is_old {
            return;
        }
        if self.read(store, now, zone).is_err() {
            // Opened anew with the next look.
            (self.books, self.version) = (None, None);
            return;
        }
        (self.version, self.is_old) = (Some(version), false);
    }

    fn read(&mut self, store: &Store, now: Millis, zone: Zone) -> Result<(), StoreError> {
        let Some(books) = &self.books else { return Ok(()) };
        let gateways = books.accounts()?;
        if *self.gateways != gateways {
            self.gateways = Arc::new(gateways);
        }
        let Some(ask) = &self.asked else {
            self.picture = None;
            return Ok(());
        };
        let Some(account) = self.gateways.get(ask.gateway).or(self.gateways.first()) else { return Ok(()) };
        let team = team::team(books, &account.name, ask.by, now)?;
        // Until somebody moves, the first row is the selected one.
        let row = ask.row.clone().or_else(|| Some(team.as_ref()?.rows.first()?.id.clone()));
        let inside = match row.filter(|_| ask.by != Whose::Tag) {
            Some(row) => Some((row.clone(), team::inside(books, &account.name, (ask.by, &row), now)?)),
            None => None,
        };
        if Instant::now() >= self.ledger_not_before || self.ledger.as_ref().is_none_or(|(name, _)| *name != account.name) {
            let begun = Instant::now();
            let ledger = ledger(store, books, account, Window::today(now, zone))?;
            self.ledger = Some((account.name.clone(), ledger));
            self.ledger_not_before = Instant::now() + (begun.elapsed() * REST).max(LEDGER_PACE);
        }
        let ledger = self.ledger.as_ref().map(|(_, ledger)| ledger.clone());
        let picture = TeamPicture { ask: ask.clone(), team, inside, ledger };
        if self.picture.as_deref() != Some(&picture) {
            self.picture = Some(Arc::new(picture));
        }
        Ok(())
    }
}

fn ledger(store: &Store, books: &Books, account: &Account, window: Window) -> Result<Ledger, StoreError> {
    let user = account.own_user();
    let (_, _, joined) = ledgers(store, books, &account.name, window, user.as_deref(), None)?;
    Ok(Ledger { user, local: joined.local, gateway: joined.gateway, totals: joined.totals().into_iter().collect() })
}
