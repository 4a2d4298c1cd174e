//! A team's spend, as its gateway has counted it: who, how much, of which budget, and who is about to run out.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::budgets::NEAR;
use crate::model::time::DAY;
use crate::model::{GatewayBudget, Me, Millis, Money, Whose, Window};
use crate::store::books::{Account, Known, SpendSum};
use crate::store::{Books, StoreError};

/// A period's pace is worth something when so much of it is over, in per mille.
const EARLY: Millis = 50;

/// What rows can be made of.
pub const BY: [Whose; 5] = [Whose::User, Whose::Team, Whose::Key, Whose::Model, Whose::Tag];

/// How a row stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing to say.
    Fine,
    /// Little is left, or at this pace the budget ends before its period.
    Near,
    /// Nothing is left.
    Over,
    /// Blocked altogether.
    Blocked,
}

impl State {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Near => "near",
            State::Over => "over",
            State::Blocked => "blocked",
        }
    }
}

/// A budget, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// The budget; one without a limit is none.
    pub budget: GatewayBudget,
    /// The limit.
    pub limit: Money,
    /// What was spent in the running period.
    pub spent: Money,
    /// When nothing will be left, at the pace of the running period; nothing where that is after its end, or unknown.
    pub runs_out_at: Option<Millis>,
}

impl BudgetView {
    fn of(budget: &GatewayBudget, now: Millis) -> Option<BudgetView> {
        let limit = budget.limit?;
        // A period that is over may not have been set back yet: that takes a gateway ten minutes.
        let is_over = budget.resets_at.is_some_and(|at| at <= now);
        let spent = if is_over { Money::ZERO } else { budget.spent.unwrap_or_default() };
        let mut view = BudgetView { budget: budget.clone(), limit, spent, runs_out_at: None };
        view.runs_out_at = view.end(now);
        Some(view)
    }

    fn end(&self, now: Millis) -> Option<Millis> {
        let (since, to) = self.budget.since.zip(self.budget.resets_at)?;
        let gone = now.saturating_sub(since);
        if gone <= 0 || now >= to || gone.saturating_mul(1000) < to.saturating_sub(since).saturating_mul(EARLY) || self.spent <= Money::ZERO
        {
            return None;
        }
        let needed = i128::from(self.left().nanos()) * i128::from(gone) / i128::from(self.spent.nanos());
        let at = now.saturating_add(Millis::try_from(needed).ok()?);
        (at < to && self.left() > Money::ZERO).then_some(at)
    }

    /// What is left; nothing where more was spent.
    #[must_use]
    pub fn left(&self) -> Money {
        (self.limit - self.spent).max(Money::ZERO)
    }

    /// How much of it is used, in tenths of a percent.
    #[must_use]
    pub fn permille(&self) -> u64 {
        let (spent, limit) = (i128::from(self.spent.nanos().max(0)), i128::from(self.limit.nanos().max(1)));
        u64::try_from(spent * 1000 / limit).unwrap_or(u64::MAX)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        if self.budget.blocked {
            State::Blocked
        } else if self.spent >= self.limit {
            State::Over
        } else if self.permille() >= NEAR || self.runs_out_at.is_some() {
            State::Near
        } else {
            State::Fine
        }
    }
}

/// Somebody or something of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRow {
    /// Of what kind.
    pub whose: Whose,
    /// The gateway's id; empty for what nobody is named for.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The team's name, of users and keys.
    pub team: Option<String>,
    /// Whether it is one's own.
    pub own: bool,
    /// Today, the last 7 and the last 30 days, today included.
    pub sums: [SpendSum; 3],
    /// Calls of 30 days that were refused for want of a budget; nothing where single calls are not to be seen.
    pub over_budget: Option<u64>,
    /// The budget that binds first.
    pub budget: Option<BudgetView>,
}

/// A gateway's team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// How the gateway stands.
    pub account: Account,
    /// Its rows, by what was asked for; the dearest of the last 30 days first.
    pub rows: Vec<TeamRow>,
    /// All of it, over the same three spans; nothing for tags, which overlap.
    pub total: Option<[SpendSum; 3]>,
}

/// A session as the gateway has counted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamSession {
    /// The agent's own id of it.
    pub id: String,
    /// The program that asked, as it calls itself.
    pub client: Option<String>,
    /// Calls.
    pub calls: u64,
    /// What they cost.
    pub spend: Money,
    /// When the last one began.
    pub last_at: Millis,
}

/// What is below a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inside {
    /// By model, or by user below a model: the three spans, the dearest first.
    pub parts: Vec<(String, [SpendSum; 3])>,
    /// The sessions of 30 days, the dearest first.
    pub sessions: Vec<TeamSession>,
}

/// The three spans of days that end with today. A gateway's days are UTC's.
#[must_use]
pub fn spans(now: Millis) -> [(i64, i64); 3] {
    let today = now.div_euclid(DAY);
    // Spend of a gateway whose clock is ahead is of today.
    [(today, today + 1), (today - 6, today + 1), (today - 29, today + 1)]
}

/// The last 30 days.
fn month(now: Millis) -> Window {
    Window { from: (now.div_euclid(DAY) - 29) * DAY, to: Millis::MAX }
}

/// The team behind a gateway; nothing where it has never been asked.
pub fn team(books: &Books, gateway: &str, by: Whose, now: Millis) -> Result<Option<Team>, StoreError> {
    let Some(account) = books.account(gateway)? else { return Ok(None) };
    let mut known = books.known(gateway)?;
    if by == Whose::Tag {
        count_tags(books, gateway, &mut known, now)?;
    }
    let sees_calls = by != Whose::Tag && books.tells_calls(&account)?;
    let mut rows: BTreeMap<String, [SpendSum; 3]> = BTreeMap::new();
    for (at, days) in spans(now).into_iter().enumerate() {
        for (id, sum) in books.sums(gateway, by, days)? {
            if let Some(place) = rows.entry(id).or_insert_with(nothing).get_mut(at) {
                *place = sum;
            }
        }
    }
    // Who has a budget and has spent nothing is there as well.
    for budget in known.budgets.iter().filter(|budget| budget.whose == by && budget.limit.is_some()) {
        rows.entry(budget.id.clone()).or_insert_with(nothing);
    }
    let over = books.over_budget(gateway, by, month(now))?;
    let total = (by != Whose::Tag).then(|| total(rows.values()));
    let me = account.me.clone().unwrap_or_default();
    let user = account.own_user();
    let mut rows: Vec<TeamRow> = rows
        .into_iter()
        .map(|(id, sums)| TeamRow {
            whose: by,
            name: name(&known, by, &id),
            team: team_of(&known, by, &id),
            own: is_own(&me, user.as_deref(), by, &id),
            over_budget: sees_calls.then(|| over.get(&id).copied().unwrap_or(0)),
            budget: budget(&known, by, &id, now),
            sums,
            id,
        })
        .collect();
    rows.sort_by(|a, b| spend(b, 2).cmp(&spend(a, 2)).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id)));
    Ok(Some(Team { account, rows, total }))
}

/// What was spent of tags' budgets, where the gateway does not say: its own figures of the period's days.
fn count_tags(books: &Books, gateway: &str, known: &mut Known, now: Millis) -> Result<(), StoreError> {
    for budget in known.budgets.iter_mut().filter(|budget| budget.whose == Whose::Tag && budget.spent.is_none()) {
        let Some(since) = budget.since.filter(|_| budget.limit.is_some()) else { continue };
        let sums = books.sums(gateway, Whose::Tag, (since.div_euclid(DAY), now.div_euclid(DAY) + 1))?;
        budget.spent = Some(sums.get(&budget.id).and_then(|sum| sum.spend).unwrap_or(Money::ZERO));
    }
    Ok(())
}

/// What a row has spent in one of its three spans; nothing where the gateway tells no money.
#[must_use]
pub fn spend(row: &TeamRow, span: usize) -> Option<Money> {
    row.sums.get(span).and_then(|sum| sum.spend)
}

/// Days without a row are days on which nothing was spent.
fn nothing() -> [SpendSum; 3] {
    std::array::from_fn(|_| SpendSum { spend: Some(Money::ZERO), ..SpendSum::default() })
}

fn total<'a>(rows: impl Iterator<Item = &'a [SpendSum; 3]> + Clone) -> [SpendSum; 3] {
    let mut out = nothing();
    for (at, total) in out.iter_mut().enumerate() {
        let mut spends = rows.clone().filter_map(|sums| sums.get(at)).peekable();
        let knows_money = spends.peek().is_none() || spends.any(|sum| sum.spend.is_some());
        total.spend = knows_money.then_some(Money::ZERO);
    }
    for sums in rows {
        for (total, sum) in out.iter_mut().zip(sums) {
            if let Some(spend) = sum.spend {
                total.spend = Some(total.spend.unwrap_or_default() + spend);
            }
            total.requests = total.requests.saturating_add(sum.requests);
            total.failed = total.failed.saturating_add(sum.failed);
            total.tokens = total.tokens.saturating_add(sum.tokens);
        }
    }
    out
}

/// What an id is called by people: its name, or the beginning of a hash.
#[must_use]
pub fn name(known: &Known, whose: Whose, id: &str) -> String {
    const HASH: usize = 64;
    if id.is_empty() {
        return "(nobody)".to_owned();
    }
    let named = known.names.iter().find(|named| named.whose == whose && named.id == id).and_then(|named| named.name.clone());
    named.unwrap_or_else(|| if id.len() == HASH { id.chars().take(12).chain(['…']).collect() } else { id.to_owned() })
}

fn team_of(known: &Known, by: Whose, id: &str) -> Option<String> {
    let team = match by {
        Whose::Key => known.names.iter().find(|named| named.whose == Whose::Key && named.id == id)?.team.clone()?,
        // A user's teams are those of the keys.
        Whose::User if !id.is_empty() => {
            let of = known.names.iter().filter(|named| named.whose == Whose::Key && named.user.as_deref() == Some(id));
            of.filter_map(|named| named.team.clone()).min()?
        }
        _ => return None,
    };
    Some(name(known, Whose::Team, &team))
}

fn is_own(me: &Me, user: Option<&str>, by: Whose, id: &str) -> bool {
    let is = |mine: Option<&str>| mine == Some(id) && !id.is_empty();
    match by {
        Whose::User => is(user),
        Whose::Key => is(me.key.as_deref()),
        Whose::Team => me.teams.iter().any(|team| team == id),
        _ => false,
    }
}

/// The budget of a row that is used up most; of a user, those within teams count as well.
fn budget(known: &Known, by: Whose, id: &str, now: Millis) -> Option<BudgetView> {
    let is_of = |budget: &&GatewayBudget| budget.id == id && (budget.whose == by || (by == Whose::User && budget.whose == Whose::Member));
    let views = known.budgets.iter().filter(is_of).filter_map(|budget| BudgetView::of(budget, now));
    views.max_by_key(|view| (view.budget.blocked, view.permille(), view.budget.whose == by))
}

/// What is below a row.
pub fn inside(books: &Books, gateway: &str, row: (Whose, &str), now: Millis) -> Result<Inside, StoreError> {
    let mut parts: BTreeMap<String, [SpendSum; 3]> = BTreeMap::new();
    for (at, days) in spans(now).into_iter().enumerate() {
        for (id, sum) in books.sums_within(gateway, row.0, row.1, days)? {
            if let Some(place) = parts.entry(id).or_insert_with(nothing).get_mut(at) {
                *place = sum;
            }
        }
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by(|(a, x), (b, y)| month_spend(y).cmp(&month_spend(x)).then_with(|| a.cmp(b)));
    Ok(Inside { parts, sessions: sessions(books, gateway, row, now)? })
}

fn month_spend(sums: &[SpendSum; 3]) -> Option<Money> {
    sums.get(2).and_then(|sum| sum.spend)
}

fn sessions(books: &Books, gateway: &str, (whose, id): (Whose, &str), now: Millis) -> Result<Vec<TeamSession>, StoreError> {
    let user = (whose == Whose::User).then_some(id);
    let mut sessions: BTreeMap<String, TeamSession> = BTreeMap::new();
    for call in books.calls(gateway, month(now), user)? {
        let is_of = match whose {
            Whose::User => true,
            Whose::Team => call.team.as_deref() == Some(id),
            Whose::Key => call.key.as_deref() == Some(id),
            Whose::Model => call.model.as_deref() == Some(id),
            _ => false,
        };
        let Some(session) = call.session.filter(|_| is_of && !call.failed) else { continue };
        let at = sessions.entry(session.clone()).or_insert_with(|| TeamSession {
            id: session,
            client: call.client.clone(),
            calls: 0,
            spend: Money::ZERO,
            last_at: call.at,
        });
        at.calls += 1;
        at.spend += call.spend;
        at.last_at = at.last_at.max(call.at);
    }
    let mut sessions: Vec<TeamSession> = sessions.into_values().collect();
    sessions.sort_by(|a, b| b.spend.cmp(&a.spend).then_with(|| b.last_at.cmp(&a.last_at)).then_with(|| a.id.cmp(&b.id)));
    Ok(sessions)
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// What was spent in 30 days.
    #[default]
    Month,
    /// What was spent in 7 days.
    Week,
    /// What was spent today.
    Today,
    /// The share of the budget that is used.
    Budget,
    /// Calls that failed.
    Failed,
    /// The name.
    Name,
}

impl Order {
    /// All of them, in the order of the key.
    pub const ALL: [Order; 6] = [Order::Month, Order::Week, Order::Today, Order::Budget, Order::Failed, Order::Name];

    /// The name on the screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Order::Month => "30 days",
            Order::Week => "7 days",
            Order::Today => "today",
            Order::Budget => "budget",
            Order::Failed => "failed",
            Order::Name => "name",
        }
    }
}

/// Puts rows, which come in the order of [`Order::Month`], in another one.
pub fn sort<R: Borrow<TeamRow>>(rows: &mut [R], by: Order) {
    match by {
        Order::Month => {}
        Order::Week => rows.sort_by_key(|row| Reverse(spend(row.borrow(), 1))),
        Order::Today => rows.sort_by_key(|row| Reverse(spend(row.borrow(), 0))),
        Order::Budget => rows.sort_by_key(|row| Reverse(row.borrow().budget.as_ref().map(BudgetView::permille))),
        Order::Failed => rows.sort_by_key(|row| Reverse(row.borrow().sums.last().map(|sum| sum.failed))),
        Order::Name => rows.sort_by(|a, b| a.borrow().name.cmp(&b.borrow().name)),
    }
}
