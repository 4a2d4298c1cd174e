//! Writing: batches in, rows and sums out, all in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::time::SLOT;
use crate::model::{AgentId, Batch, IdMap, Key, KeyMap, Millis, RateLimit, SessionUpdate, Turn};
use crate::pricing::Pricer;

use super::files::{self, FileRow};
use super::merge::{CallRow, FactRow};
use super::sums::{COLUMNS, Sums, WIDTH};
use super::{Store, StoreError, family};

/// What was read from one file, and how far.
#[derive(Debug)]
pub struct Piece {
    /// Whose log it is.
    pub agent: AgentId,
    /// The file's state after these lines.
    pub file: FileRow,
    /// What the lines say.
    pub batch: Batch,
}

/// What a write has touched.
#[derive(Debug, Default)]
pub struct WriteReport {
    /// Sessions whose figures or state changed.
    pub sessions: BTreeSet<i64>,
    /// Calls that were new.
    pub new_calls: u64,
}

/// Whether an update is newer than what the session's row says; never for one without a time.
const NEWER: &str = "excluded.last_at >= coalesce(last_at, excluded.last_at)";

/// Ids that stay the same for as long as the process lives.
#[derive(Debug, Default)]
pub struct Ids {
    names: HashMap<Arc<str>, i64>,
    sessions: HashMap<(AgentId, Arc<str>), i64>,
}

impl Store {
    /// Begins what is kept or lost as a whole. Large pages of work in one transaction touch each page of the file once.
    pub fn begin(&self) -> Result<(), StoreError> {
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(self.fail("beginning to write"))
    }

    /// Keeps everything written since [`Store::begin`].
    pub fn commit(&self, ids: &mut Ids) -> Result<(), StoreError> {
        let result = self.conn.execute_batch("COMMIT").map_err(self.fail("keeping what was read"));
        if result.is_err() {
            self.rollback(ids);
        }
        result
    }

    /// Forgets everything written since [`Store::begin`], and the ids given meanwhile.
    pub fn rollback(&self, ids: &mut Ids) {
        *ids = Ids::default();
        if !self.conn.is_autocommit() {
            // It fails only when there is nothing left to undo.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }

    /// Writes the pieces. Between [`Store::begin`] and [`Store::commit`] they are kept with everything else, and an
    /// error undoes it all; on their own they are kept at once.
    pub fn write(&self, pieces: &[Piece], ids: &mut Ids, prices: &mut Pricer) -> Result<WriteReport, StoreError> {
        let alone = self.conn.is_autocommit();
        if alone {
            self.begin()?;
        }
        let mut writer = Writer {
            tx: &self.conn,
            ids: &mut *ids,
            prices,
            deltas: Deltas::default(),
            claims: Vec::new(),
            moved: BTreeSet::new(),
            report: WriteReport::default(),
        };
        let result = writer.pieces(pieces).and_then(|()| writer.finish()).map_err(self.fail("writing what was read"));
        match result {
            Err(error) => {
                self.rollback(ids);
                Err(error)
            }
            Ok(report) if alone => self.commit(ids).map(|()| report),
            Ok(report) => Ok(report),
        }
    }
}

/// Changes to the sums, gathered so that each row is written once.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    slots: IdMap<(i64, i64, i64), Sums>,
    tasks: KeyMap<TaskDelta>,
}

#[derive(Debug)]
struct TaskDelta {
    session: i64,
    first: Millis,
    last: Millis,
    sums: Sums,
    /// Whether its own prompt was seen: that names the session it belongs to.
    begun: bool,
}

impl Deltas {
    pub(super) fn count(&mut self, session: i64, task: Key, at: Millis, model: i64, sums: &Sums, sign: i64) {
        self.slots.entry((at.div_euclid(SLOT), session, model)).or_default().add(sums, sign);
        let delta = self.tasks.entry(task).or_insert(TaskDelta { session, first: at, last: at, sums: Sums::default(), begun: false });
        delta.sums.add(sums, sign);
        if sign > 0 {
            delta.first = delta.first.min(at);
            delta.last = delta.last.max(at);
            if sums.prompts > 0 {
                delta.begun = true;
                delta.session = session;
            }
        }
    }

    pub(super) fn flush(&self, tx: &Connection) -> rusqlite::Result<()> {
        let placeholders = |from: usize| (from..from + WIDTH).map(|i| format!("?{i}")).collect::<Vec<_>>().join(", ");
        let add = |table: &str| COLUMNS.map(|c| format!("{c} = {table}.{c} + excluded.{c}")).join(", ");
        let names = COLUMNS.join(", ");
        let mut slot = tx.prepare_cached(&format!(
            "INSERT INTO rollup (slot, session, model, {names}) VALUES (?1, ?2, ?3, {}) ON CONFLICT DO UPDATE SET {}",
            placeholders(4),
            add("rollup")
        ))?;
        let mut keys: Vec<_> = self.slots.iter().filter(|(_, sums)| !sums.is_zero()).collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        for ((at, session, model), sums) in keys {
            let head = [*at, *session, *model];
            slot.execute(rusqlite::params_from_iter(head.iter().chain(&sums.to_array())))?;
        }
        let mut task = tx.prepare_cached(&format!(
            "INSERT INTO task (key, session, started_at, ended_at, {names}) VALUES (?1, ?2, ?3, ?4, {})
             ON CONFLICT DO UPDATE SET session = iif(?{}, excluded.session, task.session), started_at = min(task.started_at, excluded.started_at),
                 ended_at = max(task.ended_at, excluded.ended_at), {}",
            placeholders(5),
            5 + WIDTH,
            add("task")
        ))?;
        let mut tasks: Vec<_> = self.tasks.iter().collect();
        tasks.sort_unstable_by_key(|(key, _)| **key);
        for (key, delta) in tasks {
            let head = [key.to_sql(), delta.session, delta.first, delta.last];
            let last = [i64::from(delta.begun)];
            task.execute(rusqlite::params_from_iter(head.iter().chain(&delta.sums.to_array()).chain(&last)))?;
        }
        Ok(())
    }
}

/// A session other than the owner's in whose log a call or fact also stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub key: Key,
    pub session: i64,
    pub task: Key,
}

struct Writer<'a> {
    tx: &'a Connection,
    ids: &'a mut Ids,
    prices: &'a mut Pricer,
    deltas: Deltas,
    claims: Vec<Claim>,
    /// Sessions that lost or got a call because its original has come to light.
    moved: BTreeSet<i64>,
    report: WriteReport,
}

impl Writer<'_> {
    fn pieces(&mut self, pieces: &[Piece]) -> rusqlite::Result<()> {
        let mut calls: KeyMap<CallRow> = KeyMap::default();
        let mut facts: KeyMap<FactRow> = KeyMap::default();
        for piece in pieces {
            let sessions = self.sessions(piece.agent, &piece.batch)?;
            let session = |i: u32| usize::try_from(i).ok().and_then(|i| sessions.get(i)).copied();
            for call in &piece.batch.calls {
                let Some(session) = session(call.session) else { continue };
                let model = match &call.model {
                    Some(model) => self.name(model)?,
                    None => 0,
                };
                let row = CallRow {
                    session,
                    task: call.task,
                    at: call.at,
                    model,
                    tokens: call.tokens,
                    searches: call.searches,
                    tier: call.tier,
                    speed: call.speed,
                    context: call.context,
                    sidechain: call.sidechain,
                    lower_bound: call.lower_bound,
                    gap: call.gap,
                    reported: call.reported,
                    money: None,
                };
                self.gather_call(&mut calls, call.key, row);
            }
            for fact in &piece.batch.facts {
                let Some(session) = session(fact.session) else { continue };
                let name = fact.name.as_ref().map(|n| self.name(n)).transpose()?;
                let row = FactRow {
                    session,
                    task: fact.task,
                    at: fact.at,
                    kind: fact.kind,
                    name,
                    seen: fact.seen,
                    failed: fact.failed,
                    sidechain: fact.sidechain,
                };
                match facts.get_mut(&fact.key) {
                    Some(known) => {
                        dispute(
                            &mut self.claims,
                            fact.key,
                            (known.session, known.task, known.sidechain),
                            (session, row.task, row.sidechain),
                        );
                        *known = known.merged(&row);
                    }
                    None => {
                        facts.insert(fact.key, row);
                    }
                }
            }
            self.limits(piece.agent, &piece.batch.limits, &sessions)?;
            files::save(self.tx, &piece.file, sessions.first().copied())?;
            self.report.sessions.extend(&sessions);
        }
        self.save_calls(calls)?;
        self.save_facts(facts)
    }

    fn gather_call(&mut self, calls: &mut KeyMap<CallRow>, key: Key, row: CallRow) {
        match calls.get_mut(&key) {
            Some(known) if known.is_other_call(&row) => {
                let key = other_key(key, row.session);
                let merged = calls.get(&key).map_or_else(|| row.clone(), |k| k.merged(&row));
                calls.insert(key, merged);
            }
            Some(known) => {
                dispute(&mut self.claims, key, (known.session, known.task, known.sidechain), (row.session, row.task, row.sidechain));
                *known = known.merged(&row);
            }
            None => {
                calls.insert(key, row);
            }
        }
    }

    /// The store's ids of a batch's sessions, in its order; their rows are brought up to date.
    fn sessions(&mut self, agent: AgentId, batch: &Batch) -> rusqlite::Result<Vec<i64>> {
        batch.sessions.iter().map(|update| self.session(agent, update)).collect()
    }

    fn session(&mut self, agent: AgentId, update: &SessionUpdate) -> rusqlite::Result<i64> {
        let model = update.model.as_ref().map(|m| self.name(m)).transpose()?;
        let (first, last) = update.seen.unzip();
        let (cwd_at, cwd) = update.cwd.as_ref().map(|(at, cwd)| (*at, cwd.as_ref())).unzip();
        // The newest lines tell the present; the earliest directory names the project.
        let mut save = self.tx.prepare_cached(
            &format!("INSERT INTO session (agent, uid, parent_uid, kind, forked, started_at, last_at, cwd, cwd_at, branch, version, role, model, context, window, turn)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT (agent, uid) DO UPDATE SET
                parent_uid = coalesce(parent_uid, excluded.parent_uid), kind = max(kind, excluded.kind), forked = max(forked, excluded.forked),
                started_at = min(coalesce(started_at, excluded.started_at), coalesce(excluded.started_at, started_at)),
                last_at = max(coalesce(last_at, excluded.last_at), coalesce(excluded.last_at, last_at)),
                cwd = iif(excluded.cwd IS NOT NULL AND (cwd IS NULL OR excluded.cwd_at < cwd_at), excluded.cwd, cwd),
                cwd_at = iif(excluded.cwd IS NOT NULL AND (cwd IS NULL OR excluded.cwd_at < cwd_at), excluded.cwd_at, cwd_at),
                branch = iif({NEWER}, coalesce(excluded.branch, branch), coalesce(branch, excluded.branch)),
                version = iif({NEWER}, coalesce(excluded.version, version), coalesce(version, excluded.version)),
                role = coalesce(role, excluded.role),
                model = iif({NEWER}, coalesce(excluded.model, model), coalesce(model, excluded.model)),
                context = iif({NEWER}, coalesce(excluded.context, context), coalesce(context, excluded.context)),
                window = iif({NEWER}, coalesce(excluded.window, window), coalesce(window, excluded.window)),
                turn = iif({NEWER}, excluded.turn, turn)
             RETURNING id"),
        )?;
        let key = (agent, update.uid.clone());
        let known = self.ids.sessions.get(&key).copied();
        let id: i64 = save.query_row(
            params![
                agent,
                update.uid,
                update.parent,
                update.kind.to_sql(),
                update.forked,
                first,
                last,
                cwd,
                cwd_at,
                update.branch,
                update.version,
                update.role,
                model,
                update.context.map(u64::cast_signed),
                update.window.map(u64::cast_signed),
                update.turn.unwrap_or(Turn::Ended).to_sql(),
            ],
            |r| r.get(0),
        )?;
        if known.is_none() {
            self.ids.sessions.insert(key, id);
        }
        Ok(id)
    }

    fn name(&mut self, text: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(id) = self.ids.names.get(text) {
            return Ok(*id);
        }
        self.tx.prepare_cached("INSERT OR IGNORE INTO name (text) VALUES (?1)")?.execute([text.as_ref()])?;
        let id = self.tx.prepare_cached("SELECT id FROM name WHERE text = ?1")?.query_row([text.as_ref()], |r| r.get(0))?;
        self.ids.names.insert(text.clone(), id);
        Ok(id)
    }

    fn limits(&mut self, agent: AgentId, limits: &[RateLimit], sessions: &[i64]) -> rusqlite::Result<()> {
        for limit in limits {
            let Some(session) = usize::try_from(limit.session).ok().and_then(|i| sessions.get(i)) else { continue };
            self.tx
                .prepare_cached(
                    "INSERT INTO rate_limit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT DO UPDATE SET at = excluded.at, used_permille = excluded.used_permille, resets_at = excluded.resets_at,
                        plan = excluded.plan WHERE excluded.at >= rate_limit.at",
                )?
                .execute(params![
                    agent,
                    session,
                    limit.limit.as_deref().unwrap_or_default(),
                    limit.window_minutes,
                    limit.at,
                    limit.used_permille,
                    limit.resets_at,
                    limit.plan
                ])?;
        }
        Ok(())
    }

    fn save_calls(&mut self, calls: KeyMap<CallRow>) -> rusqlite::Result<()> {
        let names: HashMap<i64, Arc<str>> = self.ids.names.iter().map(|(text, id)| (*id, text.clone())).collect();
        // In the order of the keys each page of the table is visited once.
        let mut calls: Vec<_> = calls.into_iter().collect();
        calls.sort_unstable_by_key(|(key, _)| key.to_sql());
        let mut insert = self.tx.prepare_cached(INSERT_CALL)?;
        for (key, mut row) in calls {
            row.money = price(self.prices, names.get(&row.model).map(AsRef::as_ref), &row);
            if insert_call(&mut insert, key, &row)? {
                self.report.new_calls += 1;
                self.deltas.count(row.session, row.task, row.at, row.model, &row.sums(), 1);
                continue;
            }
            self.save_known_call(key, &row, &names)?;
        }
        Ok(())
    }

    /// A call that is in the store already: the fuller version stays, and only the difference reaches the sums.
    fn save_known_call(&mut self, key: Key, row: &CallRow, names: &HashMap<i64, Arc<str>>) -> rusqlite::Result<()> {
        let old = read_call(self.tx, key)?;
        if old.is_other_call(row) {
            let key = other_key(key, row.session);
            let mut insert = self.tx.prepare_cached(INSERT_CALL)?;
            if insert_call(&mut insert, key, row)? {
                self.report.new_calls += 1;
                self.deltas.count(row.session, row.task, row.at, row.model, &row.sums(), 1);
                return Ok(());
            }
            let old = read_call(self.tx, key)?;
            return self.replace_call(key, &old, row, names);
        }
        dispute(&mut self.claims, key, (old.session, old.task, old.sidechain), (row.session, row.task, row.sidechain));
        self.replace_call(key, &old, row, names)
    }

    fn replace_call(&mut self, key: Key, old: &CallRow, row: &CallRow, names: &HashMap<i64, Arc<str>>) -> rusqlite::Result<()> {
        let mut new = old.merged(row);
        let name = match names.get(&new.model) {
            Some(name) => Some(name.clone()),
            None => read_name(self.tx, new.model)?,
        };
        new.money = price(self.prices, name.as_deref(), &new);
        if new == *old {
            return Ok(());
        }
        update_call(self.tx, key, &new)?;
        if new.session != old.session {
            self.moved.extend([old.session, new.session]);
        }
        self.report.sessions.extend([old.session, new.session]);
        self.deltas.count(old.session, old.task, old.at, old.model, &old.sums(), -1);
        self.deltas.count(new.session, new.task, new.at, new.model, &new.sums(), 1);
        Ok(())
    }

    fn save_facts(&mut self, facts: KeyMap<FactRow>) -> rusqlite::Result<()> {
        let mut facts: Vec<_> = facts.into_iter().collect();
        facts.sort_unstable_by_key(|(key, _)| key.to_sql());
        let mut insert = self.tx.prepare_cached("INSERT OR IGNORE INTO fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (key, row) in facts {
            let fresh =
                insert.execute(params![key.to_sql(), row.session, row.task.to_sql(), row.at, row.kind.to_sql(), row.name, row.flags()])?
                    == 1;
            if fresh {
                self.deltas.count(row.session, row.task, row.at, 0, &row.sums(), 1);
                continue;
            }
            let Some(old) = read_fact(self.tx, key)? else { continue };
            dispute(&mut self.claims, key, (old.session, old.task, old.sidechain), (row.session, row.task, row.sidechain));
            let new = old.merged(&row);
            if new != old {
                update_fact(self.tx, key, &new)?;
                self.report.sessions.extend([old.session, new.session]);
                self.deltas.count(old.session, old.task, old.at, 0, &old.sums(), -1);
                self.deltas.count(new.session, new.task, new.at, 0, &new.sums(), 1);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> rusqlite::Result<WriteReport> {
        let mut disputed: HashSet<i64> = HashSet::new();
        for claim in &self.claims {
            let fresh = self.tx.prepare_cached("INSERT OR IGNORE INTO claim VALUES (?1, ?2, ?3)")?.execute(params![
                claim.key.to_sql(),
                claim.session,
                claim.task.to_sql()
            ])?;
            if fresh == 1 {
                disputed.insert(claim.session);
            }
        }
        disputed.extend(family::undecided(self.tx, &self.report.sessions)?);
        disputed.extend(family::with_roots(self.tx, &self.moved)?);
        if !disputed.is_empty() {
            let moved = family::settle(self.tx, &disputed, &mut self.deltas)?;
            self.report.sessions.extend(moved);
        }
        self.deltas.flush(self.tx)?;
        Ok(self.report)
    }
}

/// Remembers that two sessions' logs hold the same thing, unless one is plainly the copy.
fn dispute(claims: &mut Vec<Claim>, key: Key, a: (i64, Key, bool), b: (i64, Key, bool)) {
    if a.0 != b.0 && a.2 == b.2 {
        claims.push(Claim { key, session: a.0, task: a.1 });
        claims.push(Claim { key, session: b.0, task: b.1 });
    }
}

/// The key of a call whose id some other session's call already has.
fn other_key(key: Key, session: i64) -> Key {
    Key::of(&[b"other", &key.0.to_le_bytes(), &session.to_le_bytes()])
}

/// The money of a call: what its agent reports, else what the book says.
pub(super) fn price(prices: &mut Pricer, model: Option<&str>, row: &CallRow) -> Option<crate::model::Money> {
    row.reported.or_else(|| prices.cost(model?, &row.tokens, row.searches, row.tier, row.speed))
}

const INSERT_CALL: &str = "INSERT OR IGNORE INTO call VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

fn insert_call(insert: &mut rusqlite::CachedStatement<'_>, key: Key, row: &CallRow) -> rusqlite::Result<bool> {
    let t = &row.tokens;
    let fresh = insert.execute(params![
        key.to_sql(),
        row.session,
        row.task.to_sql(),
        row.at,
        row.model,
        t.input.cast_signed(),
        t.cache_read.cast_signed(),
        t.cache_write_5m.cast_signed(),
        t.cache_write_1h.cast_signed(),
        t.output.cast_signed(),
        t.reasoning.cast_signed(),
        row.searches,
        row.context.cast_signed(),
        row.flags(),
        row.reported.map(crate::model::Money::nanos),
        row.money.map(crate::model::Money::nanos),
    ])?;
    Ok(fresh == 1)
}

/// The columns that [`call_from_row`] reads.
pub(super) const CALL_COLUMNS: &str = "session, task, at, model, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, searches, context, flags, reported, nanos";

/// Reads a call from [`CALL_COLUMNS`], beginning at column `i`.
pub(super) fn call_from_row(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<CallRow> {
    let count = |c: usize| r.get::<_, i64>(i + c).map(i64::cast_unsigned);
    let money = |c: usize| r.get::<_, Option<i64>>(i + c).map(|m| m.map(crate::model::Money::from_nanos));
    let mut row = CallRow {
        session: r.get(i)?,
        task: Key::from_sql(r.get(i + 1)?),
        at: r.get(i + 2)?,
        model: r.get(i + 3)?,
        tokens: crate::model::Tokens {
            input: count(4)?,
            cache_read: count(5)?,
            cache_write_5m: count(6)?,
            cache_write_1h: count(7)?,
            output: count(8)?,
            reasoning: count(9)?,
        },
        searches: r.get(i + 10)?,
        tier: crate::model::Tier::Standard,
        speed: crate::model::Speed::default(),
        context: count(11)?,
        sidechain: false,
        lower_bound: false,
        gap: false,
        reported: money(13)?,
        money: money(14)?,
    };
    row.set_flags(r.get(i + 12)?);
    Ok(row)
}

pub(super) fn read_call(tx: &Connection, key: Key) -> rusqlite::Result<CallRow> {
    tx.prepare_cached(&format!("SELECT {CALL_COLUMNS} FROM call WHERE key = ?1"))?.query_row([key.to_sql()], |r| call_from_row(r, 0))
}

pub(super) fn update_call(tx: &Connection, key: Key, row: &CallRow) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM call WHERE key = ?1")?.execute([key.to_sql()])?;
    insert_call(&mut tx.prepare_cached(INSERT_CALL)?, key, row).map(|_| ())
}

fn read_name(tx: &Connection, id: i64) -> rusqlite::Result<Option<Arc<str>>> {
    tx.prepare_cached("SELECT text FROM name WHERE id = ?1")?
        .query_row([id], |r| r.get::<_, String>(0))
        .optional()
        .map(|text| text.map(|t| Arc::from(t.as_str())))
}

pub(super) fn read_fact(tx: &Connection, key: Key) -> rusqlite::Result<Option<FactRow>> {
    tx.prepare_cached("SELECT session, task, at, kind, name, flags FROM fact WHERE key = ?1")?
        .query_row([key.to_sql()], |r| {
            let flags: i64 = r.get(5)?;
            let Some(kind) = crate::model::FactKind::from_sql(r.get(3)?) else { return Ok(None) };
            Ok(Some(FactRow {
                session: r.get(0)?,
                task: Key::from_sql(r.get(1)?),
                at: r.get(2)?,
                kind,
                name: r.get(4)?,
                seen: flags & 1 != 0,
                failed: flags & 2 != 0,
                sidechain: flags & 4 != 0,
            }))
        })
        .optional()
        .map(Option::flatten)
}

pub(super) fn update_fact(tx: &Connection, key: Key, row: &FactRow) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE fact SET session = ?2, task = ?3, at = ?4, kind = ?5, name = ?6, flags = ?7 WHERE key = ?1")?
        .execute(params![key.to_sql(), row.session, row.task.to_sql(), row.at, row.kind.to_sql(), row.name, row.flags()])
        .map(|_| ())
}
