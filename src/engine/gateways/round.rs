//! A round of questions to one gateway, from who asks to the last page of calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::client::{Client, Trouble};
use super::secret::look_up;
use crate::gateways::{DAY, Gateway, Plan, by_kind};
use crate::model::{GatewayFact, GatewaySetup, Me, Millis};
use crate::store::Books;

/// Days of which sums are wanted: today and thirty more, so that thirty whole ones are there in every zone.
const DAYS: i64 = 31;
/// Sums of days that are over may still move for so long: spend is written late.
const LATE_DAYS: i64 = 1;
/// A call stands in the gateway's list when it has ended, at the place of when it began: so much is read once more.
const LATE_CALLS: Millis = 30 * 60_000;
/// More questions than this in one round are no list any more.
const MOST: u32 = 20_000;
/// Between two tries of a question that the gateway was too busy for.
const AGAIN: Duration = Duration::from_millis(500);
/// How often one question is tried.
const TRIES: u32 = 3;
/// Longer than this nobody waits within a round; the next one may.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What a round is to find out besides what is always asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Now.
    pub now: Millis,
    /// Read the calls since then once more, whole, so that rows that are gone are missed.
    pub again_from: Option<Millis>,
    /// Whether calls are wanted one by one.
    pub calls: bool,
}

/// How a round went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests that were sent.
    pub requests: u32,
    /// Bytes that came.
    pub bytes: u64,
    /// Calls that were told, again or anew.
    pub calls: u64,
    /// What the key does not see.
    pub cannot: Vec<&'static str>,
    /// When the gateway wants to be asked again, where it was too busy.
    pub retry_after: Option<Duration>,
}

/// Asks one gateway everything. `tell` is called with how far it is.
pub async fn round(books: &mut Books, setup: &GatewaySetup, ask: Ask, tell: &mut dyn FnMut(&Report)) -> Result<Report, Trouble> {
    let mut report = Report::default();
    let number = books.begin_round(&setup.name, &setup.url, &setup.kind, setup.user.as_deref(), ask.now)?;
    let outcome = rounds(books, setup, ask, number, &mut report, tell).await;
    match outcome {
        Ok(()) => {
            books.end_round(&setup.name, number, ask.now, &report.cannot)?;
            Ok(report)
        }
        Err(error) => {
            let account = books.account(&setup.name)?.unwrap_or_default();
            let wait = report.retry_after.map_or_else(|| back_off(usual(setup), account.failures), millis);
            books.fail_round(&setup.name, &error.to_string(), ask.now + wait)?;
            Err(error)
        }
    }
}

async fn rounds(
    books: &mut Books,
    setup: &GatewaySetup,
    ask: Ask,
    number: i64,
    report: &mut Report,
    tell: &mut dyn FnMut(&Report),
) -> Result<(), Trouble> {
    let Some(gateway) = by_kind(&setup.kind) else { return Ok(()) };
    let secret = look_up(&setup.name, &setup.key)?;
    let client = Client::new(&setup.url, gateway.auth(), Some(&secret))?;
    drop(secret);
    let mut plan = plan(books, setup, ask)?;
    let between = Duration::from_millis(u64::try_from(gateway.pace().between).unwrap_or(0));
    let mut asks: VecDeque<_> = gateway.begin(&plan).into();
    let (mut begun_anew, mut told_days) = (false, false);
    while let Some(next) = asks.pop_front() {
        if report.requests >= MOST {
            // What was not reached must not look as if it were gone.
            return Err(Trouble::Endless(crate::model::address::host(&setup.url).to_owned()));
        }
        if report.requests > 0 && !between.is_zero() {
            tokio::time::sleep(between).await;
        }
        let reply = patiently(&client, gateway, &next, report).await?;
        let news = match reply.date.filter(|date| is_other_day(*date, plan.now)) {
            // Around midnight what was spent "today" is of the gateway's day.
            Some(now) => gateway.read(&next, &reply.answer(), &Plan { now, ..plan.clone() })?,
            None => gateway.read(&next, &reply.answer(), &plan)?,
        };
        let is_another = |fact: &GatewayFact| matches!((fact, &plan.me), (GatewayFact::Me(me), Some(before)) if is_another(before, me));
        if !begun_anew && news.facts.iter().any(is_another) {
            books.forget_figures(&setup.name)?;
            books.take(&setup.name, number, &news.facts, false)?;
            plan = self::plan(books, setup, ask)?;
            asks = gateway.begin(&plan).into();
            begun_anew = true;
            continue;
        }
        for fact in &news.facts {
            match fact {
                GatewayFact::Cannot(what) if !report.cannot.contains(what) => report.cannot.push(what),
                GatewayFact::Calls(calls) => report.calls += u64::try_from(calls.len()).unwrap_or(0),
                GatewayFact::Me(me) => plan.me = Some(me.clone()),
                GatewayFact::Days { .. } => told_days = true,
                _ => {}
            }
        }
        books.take(&setup.name, number, &news.facts, plan.whole)?;
        // Pages in their order, before what else there is to ask: so it is known up to when calls are complete.
        for more in news.asks.into_iter().rev() {
            asks.push_front(more);
        }
        tell(report);
    }
    // What may not be seen yet is asked for whole, once it may.
    let days = told_days.then_some(("days", plan.today()));
    let memory = days.into_iter().chain([("every", usual(setup))]).map(|(name, value)| GatewayFact::Remember(name, value.to_string()));
    books.take(&setup.name, number, &memory.collect::<Vec<_>>(), false)?;
    Ok(())
}

/// Whether a gateway's clock says another day than ours, as it may around midnight. One that is far off says nothing.
fn is_other_day(date: Millis, now: Millis) -> bool {
    date.div_euclid(DAY) != now.div_euclid(DAY) && (date - now).abs() < DAY
}

/// Whether it is another key than before, or one with other rights: it sees other figures.
fn is_another(before: &Me, now: &Me) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a != b);
    differ(&before.key, &now.key) || differ(&before.user, &now.user) || before.sees_all != now.sees_all
}

/// Asks one question, again where the gateway is too busy for a moment.
async fn patiently(
    client: &Client,
    gateway: &dyn Gateway,
    ask: &crate::gateways::Ask,
    report: &mut Report,
) -> Result<super::client::Reply, Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        let begun = Instant::now();
        let reply = client.send(&ask.request).await;
        report.requests += 1;
        let (status, wait) = match &reply {
            Ok(reply) => {
                report.bytes += u64::try_from(reply.body.len()).unwrap_or(0);
                (reply.status, reply.retry_after)
            }
            // A connection that was closed between two questions.
            Err(Trouble::Network { .. }) if begun.elapsed() < AGAIN => (503, None),
            Err(_) => return reply,
        };
        let is_busy = matches!(status, 429 | 502..=504);
        report.retry_after = wait.filter(|_| is_busy);
        let wait = wait.unwrap_or(AGAIN * tries);
        // A question changes nothing, whatever method it goes by.
        if !is_busy || tries >= TRIES || wait > LONGEST_WAIT {
            return reply;
        }
        // A gateway that counts its own spend must not count our patience as haste.
        tokio::time::sleep(wait.max(Duration::from_millis(u64::try_from(gateway.pace().between).unwrap_or(0)))).await;
    }
}

/// What there is to find out, from what is known already.
fn plan(books: &Books, setup: &GatewaySetup, ask: Ask) -> Result<Plan, Trouble> {
    let memory = books.memory(&setup.name)?;
    let number = |name: &str| memory.get(name).and_then(|text| text.parse::<i64>().ok());
    let today = ask.now.div_euclid(DAY);
    let first = today - (DAYS - 1);
    let from_day = number("days").map_or(first, |day| (day - LATE_DAYS).max(first));
    let oldest = first * DAY;
    let calls_from = number("calls").map_or(oldest, |at| (at - LATE_CALLS).max(oldest));
    let calls_from = ask.again_from.map_or(calls_from, |from| from.min(calls_from));
    let me = books.account(&setup.name)?.and_then(|account| account.me);
    Ok(Plan {
        now: ask.now,
        from_day: from_day.min(today),
        calls_from: ask.calls.then_some(calls_from),
        whole: ask.again_from.is_some(),
        memory,
        me,
    })
}

/// The usual time between two rounds.
#[must_use]
pub(super) fn usual(setup: &GatewaySetup) -> Millis {
    setup.every.unwrap_or_else(|| by_kind(&setup.kind).map_or(60_000, |gateway| gateway.pace().every))
}

/// How long a gateway that cannot be asked is left alone: twice as long each time, up to a quarter of an hour.
pub(super) fn back_off(every: Millis, failures: u32) -> Millis {
    const LONGEST: Millis = 15 * 60_000;
    every.saturating_mul(1 << failures.min(10)).min(LONGEST.max(every))
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 4)
}
