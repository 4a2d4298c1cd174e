//! Calls that a proxy has let through, beside those that logs show: which are the same, what the others add, and what becomes of them.

use std::collections::{HashMap, HashSet};

use super::super::beside;
use super::{SLACK, Seen};
use crate::budgets::{Spend, Standing};
use crate::model::cap::Span;
use crate::model::{AgentId, Batch, Beside, Call, Key, Millis, Money, SessionUpdate};
use crate::store::pending::Pending;
use crate::store::spend::Logged;
use crate::wires::Usage;

/// Whether a process is there.
#[cfg(unix)]
pub(in crate::engine) fn is_alive(pid: u32) -> bool {
    crate::engine::stop::Target::Process(pid).is_there().unwrap_or(true)
}

/// Whether a process is there; nobody knows.
#[cfg(not(unix))]
pub(in crate::engine) fn is_alive(_: u32) -> bool {
    false
}

/// What calls that no log shows yet add to a cap. `began` is when the running task of the session began.
pub(in crate::engine) fn waiting(standing: &Standing, all: &[Pending], session: Option<&str>, began: Option<Millis>) -> Spend {
    let (span, window) = (standing.cap.span, standing.window);
    let mut spend = Spend::default();
    for call in all {
        let same_session = span.is_calendar() || (call.session.is_some() && call.session.as_deref() == session);
        // One that is under way is of now; one that has ended is of the day and the task in which it has.
        let in_time = call.ended_at.is_none_or(|at| window.contains(at) && (span != Span::Task || began.is_none_or(|began| at >= began)));
        if same_session && in_time && standing.cap.scope.covers(&call.agent, call.cwd.as_deref(), call.model.as_deref()) {
            spend.add(&Spend {
                known: if call.unpriced { Money::ZERO } else { call.money },
                assumed: if call.unpriced { call.money } else { Money::ZERO },
                unpriced_calls: u64::from(call.unpriced),
                lower_bound: false,
                tokens: call.tokens,
                steps: 1,
                ..Spend::default()
            });
        }
    }
    spend
}

/// The ended calls of ours that logs show: by their identity, else by their tokens in their session.
pub(super) fn matches(calls: &HashMap<u64, Seen>, matched: &mut HashSet<Key>, logged: &[Logged]) -> Vec<u64> {
    let mut ended: Vec<(&u64, &Seen, &Usage)> =
        calls.iter().filter_map(|(ticket, seen)| Some((ticket, seen, seen.usage.as_ref()?))).collect();
    ended.sort_by_key(|(ticket, ..)| **ticket);
    let mut found = Vec::new();
    for (ticket, seen, usage) in ended {
        let key = usage.id.as_deref().map(|id| own_key(&seen.pending.agent, id));
        let known = logged.iter().find(|call| Some(call.key) == key && !matched.contains(&call.key));
        let known = known.or_else(|| logged.iter().find(|call| !matched.contains(&call.key) && is_same(call, &seen.pending, usage)));
        if let Some(call) = known {
            matched.insert(call.key);
            found.push(*ticket);
        }
    }
    found
}

/// Whether a call of a log is this one, by what both know of it.
fn is_same(call: &Logged, pending: &Pending, usage: &Usage) -> bool {
    let root = call.session.split('/').next().unwrap_or_default();
    let same_session = pending.session.as_deref().is_none_or(|uid| uid == &*call.session || uid == root);
    let in_time = call.at >= pending.at - SLACK && call.at <= pending.ended_at.unwrap_or(pending.at) + SLACK;
    same_session && in_time && call.prompt == usage.tokens.prompt() && call.output == usage.tokens.output
}

/// The key that an agent's log gives a call with this id, where it is the service's own id.
fn own_key(agent: &str, id: &str) -> Key {
    Key::of(&[agent.as_bytes(), b"call", id.as_bytes()])
}

/// The session of a call in a batch: the agent's own, else one for the run.
pub(super) fn session_of(batch: &mut Batch, seen: &Seen, run: &str) -> u32 {
    let uid = seen.pending.session.clone().unwrap_or_else(|| format!("run-{run}"));
    let at = seen.pending.ended_at.unwrap_or(seen.pending.at);
    let index = if let Some(index) = batch.sessions.iter().position(|session| *session.uid == *uid) {
        index
    } else {
        batch.sessions.push(SessionUpdate { uid: uid.as_str().into(), ..SessionUpdate::default() });
        batch.sessions.len() - 1
    };
    if let Some(session) = batch.sessions.get_mut(index) {
        let (first, last) = session.seen.unwrap_or((seen.pending.at, at));
        session.seen = Some((first.min(seen.pending.at), last.max(at)));
        if let Some(cwd) = &seen.pending.cwd {
            session.cwd.get_or_insert_with(|| (seen.pending.at, cwd.as_str().into()));
        }
    }
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A call that no log shows, as one of its own, and after it what is billed beside it.
pub(super) fn rows(agent: AgentId, session: u32, seen: &Seen, usage: &Usage, run: &str) -> Vec<Call> {
    let answer = call(agent, session, seen, usage, run);
    let of = |why: Beside| usage.beside.iter().filter(move |part| part.why == why).enumerate();
    let parts = Beside::ALL.into_iter().flat_map(of).map(|(nth, part)| {
        let (model, speed) = beside(usage, part);
        Call {
            key: part.why.key(answer.key, nth),
            model: model.map(Into::into),
            tokens: part.tokens,
            searches: 0,
            speed,
            lower_bound: false,
            ..answer.clone()
        }
    });
    let parts: Vec<Call> = parts.collect();
    std::iter::once(answer).chain(parts).collect()
}

fn call(agent: AgentId, session: u32, seen: &Seen, usage: &Usage, run: &str) -> Call {
    let row = seen.row.to_le_bytes();
    let key = match &usage.id {
        Some(id) => own_key(agent, id),
        None => Key::of(&[agent.as_bytes(), b"proxied", run.as_bytes(), &row]),
    };
    let uid = seen.pending.session.as_deref().unwrap_or(run);
    Call {
        key,
        session,
        task: Key::of(&[agent.as_bytes(), b"side", uid.as_bytes()]),
        at: seen.pending.ended_at.unwrap_or(seen.pending.at),
        model: seen.pending.model.as_deref().map(Into::into),
        tokens: usage.tokens,
        searches: usage.searches,
        tier: usage.tier,
        speed: usage.speed,
        context: 0,
        sidechain: true,
        lower_bound: !usage.told,
        gap: false,
        reported: None,
    }
}
