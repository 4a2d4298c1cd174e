//! Who owns what several sessions' logs hold: resumed and forked sessions begin with a copy of another's history.
//!
//! Copies keep the original's ids and times, and older releases leave no pointer to the original. So ownership follows
//! from what each log holds beside the copy: a session that says it was forked is not the owner; else the owner is the
//! one that had nothing more to say (it ended where the copy was made) or said it earlier. That depends on the logs only
//! and not on the order in which they were read.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::{Key, Millis};

use super::deltas::Deltas;
use super::memory::Memory;
use super::merge::{CallRow, FactRow};
use super::pack::Found;
use super::shelf::Shelf;
use super::trail::{self, Step};

/// Up to how many sessions are asked about one by one.
const FEW: usize = 50;

/// Says whether a call is its conversation's own: nobody else holds it. Side conversations repeat their parent's calls,
/// which takes nothing from the parent, but what only side conversations hold is none of theirs for certain.
const SHARED: &str = "SELECT 1 FROM claim k JOIN session o ON o.id = k.session WHERE k.key = ?1 AND (o.kind <> 1 OR ?2)";

/// When a session, before `until`, first said something that nobody else holds. `unsaved` are steps that its trail does
/// not have yet.
fn first_own(
    tx: &Connection,
    calls: &mut Shelf<CallRow>,
    unsaved: &[Step],
    session: i64,
    until: Millis,
) -> rusqlite::Result<Option<Millis>> {
    let mut steps = trail::of(tx, session, Millis::MIN, until)?;
    let from = unsaved.partition_point(|(other, ..)| *other < session);
    let own = unsaved.iter().skip(from).take_while(|(other, ..)| *other == session);
    steps.extend(own.map(|(_, at, key)| (*at, *key)).filter(|(at, _)| *at < until));
    let mut shared = tx.prepare_cached(SHARED)?;
    for (at, key) in steps {
        if let Found::Row(call) = calls.find(tx, key)?
            && trail::is_of(call, session, at)
            && !shared.exists(params![key.to_sql(), call.sidechain])?
        {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Steps that are not saved yet, by session.
fn unsaved(calls: &Shelf<CallRow>) -> Vec<Step> {
    let mut steps: Vec<Step> = calls.steps().collect();
    steps.sort_unstable();
    steps
}

/// The conversations that these sessions belong to, and themselves.
pub(super) fn with_roots(tx: &Connection, sessions: &BTreeSet<i64>) -> rusqlite::Result<BTreeSet<i64>> {
    let mut all = sessions.clone();
    for session in sessions {
        all.insert(root_of(tx, *session)?);
    }
    Ok(all)
}

fn root_of(tx: &Connection, session: i64) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "SELECT coalesce(r.id, s.id) FROM session s LEFT JOIN session r ON s.kind = 1 AND r.agent = s.agent AND r.uid = s.parent_uid
         WHERE s.id = ?1",
    )?
    .query_row([session], |r| r.get(0))
}

/// Sessions with disputed calls of which new lines may decide, beside those that are `decided` about anyway: they had
/// nothing of their own when last looked at, or something older than that has come to light. A subagent speaks for the
/// session it belongs to.
pub(super) fn undecided(
    tx: &Connection,
    calls: &mut Shelf<CallRow>,
    touched: &BTreeSet<i64>,
    decided: &BTreeSet<i64>,
) -> rusqlite::Result<BTreeSet<i64>> {
    // Few are asked about one by one; of many, those that share nothing are left out at once.
    let sharing = if touched.len() > FEW {
        let mut sharing = tx.prepare_cached("SELECT DISTINCT session FROM claim")?;
        Some(sharing.query_map([], |r| r.get(0))?.collect::<Result<BTreeSet<i64>, _>>()?)
    } else {
        None
    };
    let shares = |session: &i64| sharing.as_ref().is_none_or(|sharing| sharing.contains(session));
    let mut found = BTreeSet::new();
    if sharing.as_ref().is_some_and(|sharing| sharing.is_subset(decided)) {
        return Ok(found);
    }
    let mut open =
        tx.prepare_cached("SELECT own_at FROM session WHERE id = ?1 AND EXISTS (SELECT 1 FROM claim WHERE session IN (?1, ?2))")?;
    let unsaved = unsaved(calls);
    for session in touched.difference(decided) {
        let root = root_of(tx, *session)?;
        if decided.contains(&root) || !(shares(session) || shares(&root)) {
            continue;
        }
        let is_open = match open.query_row([root, *session], |r| r.get::<_, Option<Millis>>(0)).optional()? {
            None => false,
            Some(None) => true,
            Some(Some(own_at)) => first_own(tx, calls, &unsaved, *session, own_at)?.is_some(),
        };
        if is_open {
            found.extend([root, *session]);
        }
    }
    Ok(found)
}

/// What decides between two holders: how many forks away from the original, when it first said something of its own
/// (never: it ended where the copy was made), when it ended (of several that ended where they were copied, each has the copy of
/// the one that ended before it), and, for want of anything else, its name.
type Rank = (u32, i64, Millis, String);

/// Forks of forks beyond this are taken for equal.
const MOST_HOPS: u32 = 16;

fn ranks(tx: &Connection, holders: &BTreeSet<i64>) -> rusqlite::Result<HashMap<i64, Rank>> {
    let mut load = tx.prepare_cached(
        "SELECT coalesce(root.agent, s.agent), coalesce(root.forked, s.forked), coalesce(root.parent_uid, s.parent_uid),
                coalesce(iif(root.id IS NULL, s.own_at, root.own_at), 0), coalesce(root.last_at, s.last_at, 0), s.uid
         FROM session s LEFT JOIN session root ON s.kind = 1 AND root.agent = s.agent AND root.uid = s.parent_uid WHERE s.id = ?1",
    )?;
    let mut parent = tx.prepare_cached("SELECT forked, parent_uid FROM session WHERE agent = ?1 AND uid = ?2")?;
    let mut ranks = HashMap::new();
    for session in holders {
        let (agent, mut forked, mut from, own_at, last_at, uid) = load.query_row([session], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, Option<String>>(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })?;
        let mut hops = 0;
        while forked && hops < MOST_HOPS {
            hops += 1;
            let Some(uid) = from.take() else { break };
            match parent.query_row([&agent, &uid], |r| Ok((r.get(0)?, r.get(1)?))).optional()? {
                Some(next) => (forked, from) = next,
                None => break,
            }
        }
        ranks.insert(*session, (hops, own_at, last_at, uid));
    }
    Ok(ranks)
}

/// A key that several sessions' logs hold: who they are, each with the task it stands in.
type Shared = (Key, Vec<(i64, Key)>);

/// Everybody who shares something with these sessions, and everything that those share, in the order of the keys. A member
/// may share something with a session that shares nothing with those asked about.
fn shared_by_few(tx: &Connection, sessions: &BTreeSet<i64>) -> rusqlite::Result<(BTreeSet<i64>, Vec<Shared>)> {
    let mut family: BTreeSet<i64> = BTreeSet::new();
    let mut sharing = tx.prepare_cached("SELECT DISTINCT b.session FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
    for session in sessions {
        for other in sharing.query_map([session], |r| r.get::<_, i64>(0))? {
            family.insert(other?);
        }
    }
    let mut claims: HashMap<Key, (i64, Vec<(i64, Key)>)> = HashMap::new();
    let mut held = tx.prepare_cached("SELECT b.key, b.session, b.task FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
    for session in &family {
        for claim in held.query_map([session], claim)? {
            let (key, holder) = claim?;
            let (asked, holders) = claims.entry(key).or_insert((*session, Vec::new()));
            if asked == session {
                holders.push(holder);
            }
        }
    }
    let mut claims: Vec<Shared> = claims.into_iter().map(|(key, (_, holders))| (key, holders)).collect();
    claims.sort_unstable_by_key(|(key, _)| key.to_sql());
    Ok((family, claims))
}

/// [`shared_by_few`], for so many that looking at all claims once costs less than asking for each session's.
fn shared_by_many(tx: &Connection, sessions: &BTreeSet<i64>) -> rusqlite::Result<(BTreeSet<i64>, Vec<Shared>)> {
    let mut claims: Vec<Shared> = Vec::new();
    let mut all = tx.prepare_cached("SELECT key, session, task FROM claim ORDER BY key, session")?;
    for claim in all.query_map([], claim)? {
        let (key, holder) = claim?;
        match claims.last_mut() {
            Some((last, holders)) if *last == key => holders.push(holder),
            _ => claims.push((key, vec![holder])),
        }
    }
    let is_among = |some: &BTreeSet<i64>, held: &[(i64, Key)]| held.iter().any(|(session, _)| some.contains(session));
    let sharing = claims.iter().filter(|(_, held)| is_among(sessions, held));
    let family = sharing.flat_map(|(_, held)| held.iter().map(|(session, _)| *session)).collect();
    claims.retain(|(_, held)| is_among(&family, held));
    Ok((family, claims))
}

fn claim(r: &rusqlite::Row<'_>) -> rusqlite::Result<(Key, (i64, Key))> {
    Ok((Key::from_sql(r.get(0)?), (r.get(1)?, Key::from_sql(r.get(2)?))))
}

/// Decides anew about everything that these sessions share with others; gives the sessions whose figures changed.
pub(super) fn settle(
    tx: &Connection,
    sessions: &BTreeSet<i64>,
    memory: &mut Memory,
    deltas: &mut Deltas,
) -> rusqlite::Result<BTreeSet<i64>> {
    let (family, claims) = if sessions.len() > FEW { shared_by_many(tx, sessions)? } else { shared_by_few(tx, sessions)? };
    let Memory { calls, facts, .. } = memory;
    find_own(tx, calls, &family)?;
    let holders: BTreeSet<i64> = claims.iter().flat_map(|(_, held)| held.iter().map(|(session, _)| *session)).collect();
    let ranks = ranks(tx, &holders)?;
    let mut side = HashSet::new();
    {
        let mut kind = tx.prepare_cached("SELECT kind = 1 FROM session WHERE id = ?1")?;
        for session in &holders {
            if kind.query_row([session], |r| r.get::<_, bool>(0))? {
                side.insert(*session);
            }
        }
    }
    let mut changed = BTreeSet::new();
    for (key, claims) in claims {
        let fact = match facts.find(tx, key)? {
            Found::Row(fact) => Some(fact.clone()),
            Found::Nothing | Found::Foreign => None,
        };
        let call = match calls.find(tx, key)? {
            Found::Row(call) if fact.is_none() => Some(call.clone()),
            _ => None,
        };
        let held = fact.as_ref().map(|fact| (fact.session, fact.sidechain)).or(call.as_ref().map(|call| (call.session, call.sidechain)));
        let Some((owner, sidechain)) = held else { continue };
        // Two side conversations may dispute what neither owns once the original has been seen.
        let may_own = |session: &i64| sidechain || !side.contains(session);
        let Some((session, task)) = claims.into_iter().filter(|(s, _)| may_own(s)).min_by_key(|(s, _)| ranks.get(s)) else { continue };
        if session == owner {
            continue;
        }
        changed.extend([owner, session]);
        if let Some(old) = fact {
            let new = FactRow { session, task, ..old.clone() };
            facts.change(key, new.clone());
            deltas.fact(&old, -1);
            deltas.fact(&new, 1);
        } else if let Some(old) = call {
            let new = CallRow { session, task, ..old.clone() };
            deltas.call(&old, -1);
            deltas.call(&new, 1);
            calls.change(key, new);
        }
    }
    Ok(changed)
}

/// Notes when each of these first said something that nobody else holds. A subagent is as old as the session it belongs
/// to.
fn find_own(tx: &Connection, calls: &mut Shelf<CallRow>, family: &BTreeSet<i64>) -> rusqlite::Result<()> {
    let roots = family.iter().map(|session| root_of(tx, *session)).collect::<Result<BTreeSet<i64>, _>>()?;
    let mut subagents = tx.prepare_cached(
        "SELECT m.id FROM session s JOIN session m ON m.parent_uid = s.uid AND m.agent = s.agent AND m.kind = 1 WHERE s.id = ?1",
    )?;
    let unsaved = unsaved(calls);
    let mut note = tx.prepare_cached("UPDATE session SET own_at = ?2 WHERE id = ?1 AND own_at IS NOT ?2")?;
    for session in roots.iter().chain(family.difference(&roots)) {
        let mut own: Option<Millis> = None;
        let members = subagents.query_map([session], |r| r.get(0))?;
        for member in members.chain([Ok(*session)]) {
            let at = first_own(tx, calls, &unsaved, member?, Millis::MAX)?;
            own = match (own, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        note.execute(params![session, own])?;
    }
    Ok(())
}
