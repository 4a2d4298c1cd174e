//! Who owns what several sessions' logs hold: resumed and forked sessions begin with a copy of another's history.
//!
//! Copies keep the original's ids and times, and older releases leave no pointer to the original. So ownership follows
//! from what each log holds beside the copy: a session that says it was forked is not the owner; else the owner is the
//! one that has nothing that the other holders lack (it ended where the copy was made) or said it earlier. What was copied
//! again lacks in none of the copies, but in the original of the copied one, and so tells them apart as well. That depends
//! on the logs only and not on the order in which they were read.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

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

/// What decides between two holders: how many forks away from the original, when it first said something that not all
/// of the holders have (never: it ended where the copy was made), when it ended (of several that ended where they were
/// copied, each has the copy of the one that ended before it), and, for want of anything else, its name.
type Rank<'a> = (u32, Option<Millis>, Millis, &'a str);

/// What is known of a holder, whatever it holds together with whom.
struct Holder {
    hops: u32,
    /// When it, or a subagent of its, first said something that nobody else holds.
    own_at: Option<Millis>,
    last_at: Millis,
    uid: String,
    /// The session it belongs to, or itself.
    root: i64,
    is_side: bool,
}

/// Forks of forks beyond this are taken for equal.
const MOST_HOPS: u32 = 16;

fn holders(tx: &Connection, sessions: &BTreeSet<i64>) -> rusqlite::Result<HashMap<i64, Holder>> {
    let mut load = tx.prepare_cached(
        "SELECT coalesce(root.agent, s.agent), coalesce(root.forked, s.forked), coalesce(root.parent_uid, s.parent_uid),
                iif(root.id IS NULL, s.own_at, root.own_at), coalesce(root.last_at, s.last_at, 0), s.uid, coalesce(root.id, s.id), s.kind = 1
         FROM session s LEFT JOIN session root ON s.kind = 1 AND root.agent = s.agent AND root.uid = s.parent_uid WHERE s.id = ?1",
    )?;
    let mut parent = tx.prepare_cached("SELECT forked, parent_uid FROM session WHERE agent = ?1 AND uid = ?2")?;
    let mut holders = HashMap::new();
    for session in sessions {
        let (agent, mut forked, mut from, mut holder) = load.query_row([session], |r| {
            let (own_at, last_at, uid, root, is_side) = (r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?, r.get(7)?);
            let holder = Holder { hops: 0, own_at, last_at, uid, root, is_side };
            Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, Option<String>>(2)?, holder))
        })?;
        while forked && holder.hops < MOST_HOPS {
            holder.hops += 1;
            let Some(uid) = from.take() else { break };
            match parent.query_row([&agent, &uid], |r| Ok((r.get(0)?, r.get(1)?))).optional()? {
                Some(next) => (forked, from) = next,
                None => break,
            }
        }
        holders.insert(*session, holder);
    }
    Ok(holders)
}

/// Which conversations hold something together, and when the first of what exactly they hold was said.
#[derive(Default)]
struct Circles {
    /// Each circle's members in order, and that time.
    all: HashMap<Rc<[i64]>, Millis>,
    /// The circles that a conversation is in.
    of: HashMap<i64, Vec<Rc<[i64]>>>,
    /// What was found of a member of a circle.
    found: HashMap<(i64, Rc<[i64]>), Option<Millis>>,
}

impl Circles {
    /// Learns that these hold a call of this time.
    fn learn(&mut self, circle: Vec<i64>, at: Millis) {
        if let Some(first) = self.all.get_mut(circle.as_slice()) {
            *first = at.min(*first);
            return;
        }
        let circle: Rc<[i64]> = circle.into();
        for member in &*circle {
            self.of.entry(*member).or_default().push(circle.clone());
        }
        self.all.insert(circle, at);
    }

    /// When a member of this circle first said something together with others that somebody of the circle does not hold.
    fn without_all(&mut self, member: i64, circle: &[i64]) -> Option<Millis> {
        let key = (member, Rc::from(circle));
        if let Some(known) = self.found.get(&key) {
            return *known;
        }
        let lacks = |other: &[i64]| circle.iter().any(|one| other.binary_search(one).is_err());
        let others = self.of.get(&member).into_iter().flatten().filter(|other| lacks(other));
        let first = others.filter_map(|other| self.all.get(other)).min().copied();
        self.found.insert(key, first);
        first
    }
}

/// The conversations of some holders, in order.
fn circle(holders: &HashMap<i64, Holder>, held: &[(i64, Key)]) -> Vec<i64> {
    let roots: BTreeSet<i64> = held.iter().filter_map(|(session, _)| holders.get(session)).map(|holder| holder.root).collect();
    roots.into_iter().collect()
}

/// A key that several sessions' logs hold: who they are, each with the task it stands in.
type Shared = (Key, Vec<(i64, Key)>);

/// Everybody who shares something with these sessions, or with one who does, and everything that those share, in the order
/// of the keys.
fn shared_by_few(tx: &Connection, sessions: &BTreeSet<i64>) -> rusqlite::Result<(BTreeSet<i64>, Vec<Shared>)> {
    let mut family: BTreeSet<i64> = BTreeSet::new();
    let mut sharing = tx.prepare_cached("SELECT DISTINCT b.session FROM claim a JOIN claim b ON b.key = a.key WHERE a.session = ?1")?;
    let mut next: Vec<i64> = sessions.iter().copied().collect();
    while let Some(session) = next.pop() {
        for other in sharing.query_map([session], |r| r.get::<_, i64>(0))? {
            let other = other?;
            if family.insert(other) && !sessions.contains(&other) {
                next.push(other);
            }
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
    let mut family = sessions.clone();
    loop {
        let before = family.len();
        for (_, held) in &claims {
            if is_among(&family, held) {
                family.extend(held.iter().map(|(session, _)| *session));
            }
        }
        if family.len() == before {
            break;
        }
    }
    claims.retain(|(_, held)| is_among(&family, held));
    let family = claims.iter().flat_map(|(_, held)| held.iter().map(|(session, _)| *session)).collect();
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
    let holders = holders(tx, &family)?;
    let mut circles = Circles::default();
    let mut disputed = Vec::new();
    for (key, mut held) in claims {
        let fact = matches!(facts.find(tx, key)?, Found::Row(_));
        let (owner, at) = match (facts.find(tx, key)?, calls.find(tx, key)?) {
            (Found::Row(fact), _) => ((fact.session, fact.sidechain), None),
            (_, Found::Row(call)) => ((call.session, call.sidechain), Some(call.at)),
            _ => continue,
        };
        let (owner, sidechain) = owner;
        // Two side conversations may dispute what neither owns once the original has been seen.
        held.retain(|(session, _)| sidechain || holders.get(session).is_some_and(|holder| !holder.is_side));
        let circle = circle(&holders, &held);
        if let Some(at) = at {
            circles.learn(circle.clone(), at);
        }
        disputed.push((key, owner, fact, circle, held));
    }
    let mut changed = BTreeSet::new();
    for (key, owner, is_fact, circle, held) in disputed {
        let mut rank = |session: i64| -> Option<Rank<'_>> {
            let holder = holders.get(&session)?;
            let first = [holder.own_at, circles.without_all(holder.root, &circle)].into_iter().flatten().min();
            Some((holder.hops, first, holder.last_at, holder.uid.as_str()))
        };
        let Some((session, task)) = held.into_iter().min_by_key(|(session, _)| rank(*session)) else { continue };
        if session == owner {
            continue;
        }
        changed.extend([owner, session]);
        if is_fact {
            let Found::Row(old) = facts.find(tx, key)? else { continue };
            let (old, new) = (old.clone(), FactRow { session, task, ..old.clone() });
            facts.change(key, new.clone());
            deltas.fact(&old, -1);
            deltas.fact(&new, 1);
        } else {
            let Found::Row(old) = calls.find(tx, key)? else { continue };
            let (old, new) = (old.clone(), CallRow { session, task, ..old.clone() });
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
