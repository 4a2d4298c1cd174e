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
use super::merge::{CallRow, FactRow};
use super::rows::{read_call, read_fact, update_call, update_fact};

/// Whether a call `c` is its conversation's own: nobody else holds it. Side conversations repeat their parent's calls,
/// which takes nothing from the parent, but what only side conversations hold is none of theirs for certain.
const OWN: &str =
    "NOT EXISTS (SELECT 1 FROM claim k JOIN session o ON o.id = k.session WHERE k.key = c.key AND (o.kind <> 1 OR c.flags & 4))";

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

/// Sessions with disputed calls of which new lines may decide: they had nothing of their own when last looked at, or
/// something older than that has come to light. A subagent speaks for the session it belongs to.
pub(super) fn undecided(tx: &Connection, touched: &BTreeSet<i64>) -> rusqlite::Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    if !tx.prepare_cached("SELECT 1 FROM claim LIMIT 1")?.exists([])? {
        return Ok(found);
    }
    let mut open = tx.prepare_cached(&format!(
        "SELECT 1 FROM session r WHERE r.id = ?1 AND EXISTS (SELECT 1 FROM claim WHERE session IN (?1, ?2))
            AND (r.own_at IS NULL OR EXISTS (SELECT 1 FROM call c WHERE c.session = ?2 AND c.at < r.own_at AND {OWN}))"
    ))?;
    for session in touched {
        let root = root_of(tx, *session)?;
        if open.exists([root, *session])? {
            found.extend([root, *session]);
        }
    }
    Ok(found)
}

/// What decides between two holders: how many forks away from the original, when it first said something of its own
/// (never: it ended where the copy was made), and, for want of anything else, its name.
type Rank = (u32, i64, String);

/// Forks of forks beyond this are taken for equal.
const MOST_HOPS: u32 = 16;

fn ranks(tx: &Connection, holders: &BTreeSet<i64>) -> rusqlite::Result<HashMap<i64, Rank>> {
    let mut load = tx.prepare_cached(
        "SELECT coalesce(root.agent, s.agent), coalesce(root.forked, s.forked), coalesce(root.parent_uid, s.parent_uid),
                coalesce(iif(root.id IS NULL, s.own_at, root.own_at), 0), s.uid
         FROM session s LEFT JOIN session root ON s.kind = 1 AND root.agent = s.agent AND root.uid = s.parent_uid WHERE s.id = ?1",
    )?;
    let mut parent = tx.prepare_cached("SELECT forked, parent_uid FROM session WHERE agent = ?1 AND uid = ?2")?;
    let mut ranks = HashMap::new();
    for session in holders {
        let (agent, mut forked, mut from, own_at, uid) = load.query_row([session], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, Option<String>>(2)?, r.get(3)?, r.get(4)?))
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
        ranks.insert(*session, (hops, own_at, uid));
    }
    Ok(ranks)
}

/// Decides anew about everything that these sessions share with others; gives the sessions whose figures changed.
pub(super) fn settle(tx: &Connection, sessions: &BTreeSet<i64>, deltas: &mut Deltas) -> rusqlite::Result<BTreeSet<i64>> {
    // Everybody who shares something with them.
    let mut family: BTreeSet<i64> = BTreeSet::new();
    {
        let mut sharing = tx.prepare_cached("SELECT DISTINCT b.session FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
        for session in sessions {
            for other in sharing.query_map([session], |r| r.get::<_, i64>(0))? {
                family.insert(other?);
            }
        }
    }
    find_own(tx, &family)?;
    // A member may share something with a session that shares nothing with those asked about.
    let mut claims: HashMap<Key, (i64, Vec<(i64, Key)>)> = HashMap::new();
    {
        let mut held =
            tx.prepare_cached("SELECT b.key, b.session, b.task FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
        for session in &family {
            let held = held.query_map([session], |r| Ok((Key::from_sql(r.get(0)?), (r.get(1)?, Key::from_sql(r.get(2)?)))))?;
            for claim in held {
                let (key, holder) = claim?;
                let (asked, holders) = claims.entry(key).or_insert((*session, Vec::new()));
                if asked == session {
                    holders.push(holder);
                }
            }
        }
    }
    let mut claims: Vec<(Key, Vec<(i64, Key)>)> = claims.into_iter().map(|(key, (_, holders))| (key, holders)).collect();
    claims.sort_unstable_by_key(|(key, _)| key.to_sql());
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
        let Some(held) = held(tx, key)? else { continue };
        // Two side conversations may dispute what neither owns once the original has been seen.
        let may_own = |session: &i64| held.sidechain || !side.contains(session);
        let Some((session, task)) = claims.into_iter().filter(|(s, _)| may_own(s)).min_by_key(|(s, _)| ranks.get(s)) else { continue };
        if session == held.session {
            continue;
        }
        changed.extend([held.session, session]);
        if held.is_fact {
            let Some(old) = read_fact(tx, key)? else { continue };
            let new = FactRow { session, task, ..old.clone() };
            update_fact(tx, key, &new)?;
            deltas.fact(&old, -1);
            deltas.fact(&new, 1);
        } else {
            let old = read_call(tx, key)?;
            let new = CallRow { session, task, ..old.clone() };
            update_call(tx, key, &new)?;
            deltas.call(&old, -1);
            deltas.call(&new, 1);
        }
    }
    Ok(changed)
}

/// Notes when each of these first said something that nobody else holds. A subagent is as old as the session it belongs
/// to.
fn find_own(tx: &Connection, family: &BTreeSet<i64>) -> rusqlite::Result<()> {
    let roots = family.iter().map(|session| root_of(tx, *session)).collect::<Result<BTreeSet<i64>, _>>()?;
    let mut subagents = tx.prepare_cached(
        "SELECT m.id FROM session s JOIN session m ON m.parent_uid = s.uid AND m.agent = s.agent AND m.kind = 1 WHERE s.id = ?1",
    )?;
    let mut first = tx.prepare_cached(&format!("SELECT c.at FROM call c WHERE c.session = ?1 AND {OWN} ORDER BY c.at LIMIT 1"))?;
    let mut note = tx.prepare_cached("UPDATE session SET own_at = ?2 WHERE id = ?1 AND own_at IS NOT ?2")?;
    for session in roots.iter().chain(family.difference(&roots)) {
        let mut own: Option<Millis> = None;
        let members = subagents.query_map([session], |r| r.get(0))?;
        for member in members.chain([Ok(*session)]) {
            let at: Option<Millis> = first.query_row([member?], |r| r.get(0)).optional()?;
            own = match (own, at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        note.execute(params![session, own])?;
    }
    Ok(())
}

/// What is to be known of a disputed row to decide about it.
struct Held {
    is_fact: bool,
    session: i64,
    sidechain: bool,
}

fn held(tx: &Connection, key: Key) -> rusqlite::Result<Option<Held>> {
    for (is_fact, sql) in
        [(true, "SELECT session, flags & 4 FROM fact WHERE key = ?1"), (false, "SELECT session, flags & 4 FROM call WHERE key = ?1")]
    {
        let read = |r: &rusqlite::Row<'_>| Ok(Held { is_fact, session: r.get(0)?, sidechain: r.get::<_, i64>(1)? != 0 });
        if let Some(held) = tx.prepare_cached(sql)?.query_row([key.to_sql()], read).optional()? {
            return Ok(Some(held));
        }
    }
    Ok(None)
}
