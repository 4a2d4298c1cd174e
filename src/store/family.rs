//! Who owns what several sessions' logs hold: resumed and forked sessions begin with a copy of another's history.
//!
//! Copies keep the original's ids and times, and older releases leave no pointer to the original. So ownership follows
//! from what each log holds beside the copy: a session that says it was forked is not the owner; else the owner is the
//! one that had nothing more to say (it ended where the copy was made) or said it earlier. That depends on the logs only
//! and not on the order in which they were read.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{OptionalExtension as _, Transaction};

use crate::model::Key;

use super::write::{Deltas, read_call, read_fact, update_call, update_fact};

/// Sessions with disputed calls that had nothing of their own when last looked at: new lines may decide.
pub(super) fn undecided(tx: &Transaction<'_>, touched: &BTreeSet<i64>) -> rusqlite::Result<Vec<i64>> {
    let mut query = tx.prepare_cached(
        "SELECT s.id FROM session s WHERE s.id = ?1 AND s.own_at IS NULL AND EXISTS (SELECT 1 FROM claim WHERE session = s.id)",
    )?;
    let mut found = Vec::new();
    for session in touched {
        found.extend(query.query_row([session], |r| r.get::<_, i64>(0)).optional()?);
    }
    Ok(found)
}

/// What decides between two holders: how many forks away from the original, when it first said something of its own
/// (never: it ended where the copy was made), and, for want of anything else, its name.
type Rank = (u32, i64, String);

/// Forks of forks beyond this are taken for equal.
const MOST_HOPS: u32 = 16;

fn ranks(tx: &Transaction<'_>, family: &BTreeSet<i64>) -> rusqlite::Result<HashMap<i64, Rank>> {
    let mut load = tx.prepare_cached(
        "SELECT coalesce(root.agent, s.agent), coalesce(root.forked, s.forked), coalesce(root.parent_uid, s.parent_uid),
                coalesce(iif(root.id IS NULL, s.own_at, root.own_at), 0), s.uid
         FROM session s LEFT JOIN session root ON s.kind = 1 AND root.agent = s.agent AND root.uid = s.parent_uid WHERE s.id = ?1",
    )?;
    let mut parent = tx.prepare_cached("SELECT forked, parent_uid FROM session WHERE agent = ?1 AND uid = ?2")?;
    let mut ranks = HashMap::new();
    for session in family {
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
pub(super) fn settle(tx: &Transaction<'_>, sessions: &HashSet<i64>, deltas: &mut Deltas) -> rusqlite::Result<HashSet<i64>> {
    // Everybody who shares something with them.
    let mut family: BTreeSet<i64> = BTreeSet::new();
    {
        let mut sharing = tx.prepare_cached("SELECT DISTINCT b.session FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
        for session in sessions {
            for other in sharing.query_map([session], |r| r.get::<_, i64>(0))? {
                family.insert(other?);
            }
        }
        // When each first said something that nobody else holds. A subagent is as old as the session it belongs to.
        let mut own = tx.prepare_cached(
            "UPDATE session SET own_at = (
                SELECT min(c.at) FROM call c
                WHERE c.session IN (SELECT id FROM session m WHERE m.agent = session.agent AND (m.uid = session.uid OR (m.kind = 1 AND m.parent_uid = session.uid)))
                  AND NOT EXISTS (SELECT 1 FROM claim WHERE claim.key = c.key))
             WHERE id = ?1 OR (agent, uid) IN (SELECT s.agent, s.parent_uid FROM session s WHERE s.id = ?1 AND s.kind = 1)",
        )?;
        for session in &family {
            own.execute([session])?;
        }
    }
    let mut keys: BTreeSet<i64> = BTreeSet::new();
    {
        let mut held = tx.prepare_cached("SELECT key FROM claim WHERE session = ?1")?;
        for session in &family {
            for key in held.query_map([session], |r| r.get::<_, i64>(0))? {
                keys.insert(key?);
            }
        }
    }
    let ranks = ranks(tx, &family)?;
    let mut held = tx.prepare_cached("SELECT session, task FROM claim WHERE key = ?1")?;
    let mut changed = HashSet::new();
    for key in keys {
        let claims = held.query_map([key], |r| Ok((r.get::<_, i64>(0)?, Key::from_sql(r.get(1)?))))?.collect::<Result<Vec<_>, _>>()?;
        let Some((session, task)) = claims.into_iter().min_by_key(|(session, _)| ranks.get(session)) else { continue };
        let key = Key::from_sql(key);
        if let Some(old) = read_fact(tx, key)? {
            if old.session != session {
                let mut new = old.clone();
                (new.session, new.task) = (session, task);
                update_fact(tx, key, &new)?;
                deltas.count(old.session, old.task, old.at, 0, &old.sums(), -1);
                deltas.count(new.session, new.task, new.at, 0, &new.sums(), 1);
                changed.extend([old.session, session]);
            }
        } else if let Some(old) = read_call(tx, key).optional()?
            && old.session != session
        {
            let mut new = old.clone();
            (new.session, new.task) = (session, task);
            update_call(tx, key, &new)?;
            deltas.count(old.session, old.task, old.at, old.model, &old.sums(), -1);
            deltas.count(new.session, new.task, new.at, new.model, &new.sums(), 1);
            changed.extend([old.session, session]);
        }
    }
    Ok(changed)
}
