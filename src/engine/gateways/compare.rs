//! This machine's calls beside a gateway's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::gateways::DAY;
use crate::insight::reconcile::{self, Class, Local, Reconciliation, Remote};
use crate::model::session::MOST_ANCESTORS;
use crate::model::{GatewayCall, GatewayFact, GatewayRates, IdMap, Millis, Money, SessionKind, Window};
use crate::pricing::Pricer;
use crate::sources;
use crate::store::books::Extra;
use crate::store::read::SessionRow;
use crate::store::{Books, Store, StoreError};

/// A log may come so much later than the gateway's row: until then a call that only the gateway has is not counted.
const LATE: Millis = 60_000;
/// Calls at the edge of a window are looked at together with what is so near to it.
pub const EDGE: Millis = 60 * 60_000;
/// The calls of a window as the logs have them, with the prices that they were counted at where a pricer is given.
pub fn local_calls(store: &Store, window: Window, mut pricer: Option<&mut Pricer>) -> Result<Vec<Local>, StoreError> {
    let calls = store.calls_between(window)?;
    let heads: IdMap<i64, SessionRow> = store.heads_since(window.from)?.into_iter().map(|row| (row.id, row)).collect();
    let parents: HashMap<(&str, &str), &SessionRow> = heads.values().map(|row| ((&*row.agent, &*row.uid), row)).collect();
    let names = store.names()?;
    let mut roots: IdMap<i64, Arc<str>> = IdMap::default();
    let mut out = Vec::with_capacity(calls.len());
    for (key, call) in calls {
        let Some(head) = heads.get(&call.session) else { continue };
        let root = roots.entry(call.session).or_insert_with(|| root(head, &parents)).clone();
        let model = names.get(&call.model).filter(|name| !name.is_empty()).cloned();
        let bill = pricer
            .as_deref_mut()
            .zip(model.as_deref())
            .and_then(|(pricer, model)| pricer.rates(model)?.bill(call.billed_prompt(), call.searches, call.tier, call.speed));
        let rates = bill.map_or_else(GatewayRates::default, |bill| GatewayRates {
            input: Some(bill.rates.input),
            output: Some(bill.rates.output),
            cache_read: Some(bill.rates.cache_read),
            cache_write: Some(bill.rates.cache_write_5m),
        });
        out.push(Local {
            key,
            agent: head.agent.clone(),
            session: head.uid.clone(),
            root,
            model,
            at: call.at,
            tokens: call.tokens,
            money: call.money,
            rates,
        });
    }
    Ok(out)
}

/// The conversation that a session is a part of.
fn root(head: &SessionRow, parents: &HashMap<(&str, &str), &SessionRow>) -> Arc<str> {
    let mut at = head;
    for _ in 0..MOST_ANCESTORS {
        let Some(parent) = at.parent.as_deref().filter(|_| at.kind == SessionKind::Subagent) else { break };
        let Some(next) = parents.get(&(&*at.agent, parent)) else { return Arc::from(parent) };
        at = next;
    }
    at.uid.clone()
}

/// A gateway's calls with the identities that logs would give them.
#[must_use]
pub fn remote_calls(calls: Vec<GatewayCall>) -> Vec<Remote> {
    let keys = |call: &GatewayCall| {
        let answers = [Some(call.id.as_str()), call.answer.as_deref()];
        answers.into_iter().flatten().flat_map(|answer| sources::ALL.iter().filter_map(|source| source.call_key(answer))).collect()
    };
    calls.into_iter().map(|call| Remote { keys: keys(&call), call }).collect()
}

/// Both ledgers of a window. Calls of either side that began just outside of it are looked at, so that a pair is not parted,
/// and then left out.
pub fn ledgers(
    store: &Store,
    books: &Books,
    gateway: &str,
    window: Window,
    user: Option<&str>,
    pricer: Option<&mut Pricer>,
) -> Result<(Vec<Local>, Vec<Remote>, Reconciliation), StoreError> {
    let wide = Window { from: window.from - EDGE, to: window.to.saturating_add(EDGE) };
    let locals = local_calls(store, wide, pricer)?;
    let mut calls = books.calls(gateway, wide, user)?;
    // A proxy of ours knows the session of a call that the gateway may not know.
    let words: HashMap<String, String> = books.words(wide)?.into_iter().filter_map(|word| Some((word.call, word.session?))).collect();
    for call in &mut calls {
        if let Some(session) = call.request.as_ref().and_then(|request| words.get(request)) {
            call.session = Some(session.clone());
        }
    }
    let remotes = remote_calls(calls);
    let gone = remote_calls(books.gone(gateway, wide, user)?);
    let all = reconcile::reconcile(&locals, &remotes, &gone);
    let mut inside = Reconciliation::default();
    for entry in all.entries {
        let local = entry.local.and_then(|at| locals.get(at));
        let remote = entry.remote.and_then(|at| remotes.get(at));
        // A pair belongs where its gateway says that it began.
        let at = remote.map(|one| one.call.at).or(local.map(|one| one.at)).unwrap_or(Millis::MIN);
        if window.contains(at) {
            inside.local += local.and_then(|one| one.money).unwrap_or_default();
            inside.gateway += remote.map(|one| one.call.spend).unwrap_or_default();
            inside.entries.push(entry);
        }
    }
    Ok((locals, remotes, inside))
}

/// By how much a gateway and the logs differ on a day, in calls that both should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The gateway.
    pub gateway: String,
    /// The day, in days since 1970-01-01, of UTC.
    pub day: i64,
    /// What differs: lost rows, side calls, other prices, other tokens, what was written twice. What went around the gateway,
    /// and what other machines have spent, is nobody's mistake.
    pub apart: Money,
    /// What both have counted, the larger of the two.
    pub base: Money,
}

/// After a round: says anew what the gateway's own calls since an instant add to the logs, and, where it is asked for, how far
/// both are apart today.
pub fn settle(store: &Store, books: &mut Books, gateway: &str, since: Millis, drift: bool, now: Millis) -> Result<(), StoreError> {
    let user = books.account(gateway)?.and_then(|account| account.own_user());
    if drift {
        look_for_drift(store, books, gateway, user.as_deref(), now)?;
    }
    compare(store, books, gateway, user.as_deref(), since, now)
}

/// What a drift is remembered by.
const DRIFT: &str = "drift";

/// Looks how far a gateway and the logs are apart today, and remembers it.
fn look_for_drift(store: &Store, books: &mut Books, gateway: &str, user: Option<&str>, now: Millis) -> Result<(), StoreError> {
    let Some(user) = user else { return Ok(()) };
    let day = now.div_euclid(DAY);
    let window = Window { from: day * DAY, to: now - LATE };
    if window.from >= window.to {
        return Ok(());
    }
    let (_, _, joined) = ledgers(store, books, gateway, window, Some(user), None)?;
    let is_drift = |class: Class| !matches!(class, Class::Same | Class::Rounding | Class::Bypassed | Class::Elsewhere);
    let totals = joined.totals();
    let apart: i64 = totals.iter().filter(|(class, _)| is_drift(**class)).map(|(_, total)| total.difference.nanos().saturating_abs()).sum();
    let base = joined.local.max(joined.gateway);
    let text = format!("{day} {apart} {}", base.nanos());
    books.take(gateway, 0, &[GatewayFact::Remember(DRIFT, text)], false)
}

/// By how much a gateway and the logs differ today, as was last found out.
#[must_use]
pub fn drift_of(books: &Books, gateway: &str, now: Millis) -> Option<Drift> {
    let memory = books.memory(gateway).ok()?;
    let mut parts = memory.get(DRIFT)?.split(' ').filter_map(|part| part.parse::<i64>().ok());
    let (day, apart, base) = (parts.next()?, parts.next()?, parts.next()?);
    let is_today = day == now.div_euclid(DAY);
    is_today.then(|| Drift { gateway: gateway.to_owned(), day, apart: Money::from_nanos(apart), base: Money::from_nanos(base) })
}

/// Says anew what a gateway's own calls since an instant add to the logs. Without a user nobody's calls are one's own.
pub fn compare(store: &Store, books: &mut Books, gateway: &str, user: Option<&str>, since: Millis, now: Millis) -> Result<(), StoreError> {
    let Some(user) = user else { return books.set_extras(gateway, Millis::MIN, &[]) };
    let window = Window { from: since, to: now.saturating_add(EDGE) };
    let (locals, remotes, joined) = ledgers(store, books, gateway, window, Some(user), None)?;
    let mut extras = Vec::new();
    for entry in &joined.entries {
        let Some(call) = entry.remote.and_then(|at| remotes.get(at)).map(|remote| &remote.call) else { continue };
        let local = entry.local.and_then(|at| locals.get(at));
        let (money, tokens) = match (entry.class, local) {
            // Written twice is not spent twice.
            (Class::Duplicate, _) => continue,
            (_, None) if call.ended + LATE > now => continue,
            (_, None) => (call.spend, call.tokens.total()),
            // Without a price here, caps count it dear enough already.
            (_, Some(local)) => (local.money.map_or(Money::ZERO, |money| call.spend - money), 0),
        };
        if money > Money::ZERO || tokens > 0 {
            let agent = local.map(|local| local.agent.to_string()).or_else(|| agent_of(call).map(str::to_owned));
            let session = local.map(|local| local.session.to_string());
            extras.push(Extra { id: call.id.clone(), at: call.at, agent, session, model: call.model.clone(), money, tokens });
        }
    }
    books.set_extras(gateway, since, &extras)
}

/// The agent that calls itself so.
fn agent_of(call: &GatewayCall) -> Option<&'static str> {
    let client = call.client.as_deref()?;
    sources::ALL.iter().find(|source| source.clients().iter().any(|name| client.starts_with(name))).map(|source| source.agent())
}
