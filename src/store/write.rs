//! Writing: batches in, rows and sums out, all in one transaction.
//!
//! A write merges rows with what is known of them and adds them to the sums. [`Store::settle`] then decides who owns what the
//! logs of several sessions hold, and puts the rows into their tables. A first import writes often, so that every core works, and settles once.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::model::{AgentId, Batch, Key, Millis, Money, RateLimit, SessionUpdate, Told};
use crate::pricing::Pricer;

use super::files::{self, FileRow};
use super::memory::{Claim, Memory, other_key};
use super::merge::{CallRow, FactRow};
use super::pack::Found;
use super::rows::read_name;
use super::seal::of_name;
use super::{Store, StoreError, family, limits, others};

/// What was read from one file, and how far.
#[derive(Debug)]
pub struct Piece {
    /// Whose log it is.
    pub agent: AgentId,
    /// The file's state after these lines.
    pub file: FileRow,
    /// What the lines say.
    pub batch: Batch,
    /// Whether the file holds many sessions, and is none's own log.
    pub is_shared: bool,
}

/// What takes the place of a column of which the newest word counts. Of words of the same time it is the greater one,
/// whoever comes first. `word` is how a column's value is compared.
fn newest(column: &str, word: impl Fn(&str) -> String) -> String {
    let (new, old) = (word(&format!("excluded.{column}")), word(column));
    let is_newer = format!(
        "excluded.{column}_at IS NOT NULL AND ({column}_at IS NULL OR excluded.{column}_at > {column}_at
            OR excluded.{column}_at = {column}_at AND {new} > {old})"
    );
    let pick = |column: &str| format!("{column} = iif({is_newer}, excluded.{column}, {column})");
    format!("{}, {}", pick(column), pick(&format!("{column}_at")))
}

/// When something was told, and what.
fn text(told: Option<&(Millis, Arc<str>)>) -> (Option<Millis>, Option<&str>) {
    told.map(|(at, text)| (*at, text.as_ref())).unzip()
}

/// Whether an update's directory was told before the one that is known.
const IS_EARLIER: &str = "excluded.cwd IS NOT NULL AND (cwd IS NULL OR (excluded.cwd_at, excluded.cwd) < (cwd_at, cwd))";

/// How a session's row takes in an update.
static SAVE_SESSION: LazyLock<String> = LazyLock::new(|| {
    let columns = ["branch", "remote", "version", "context", "window"].map(|column| newest(column, str::to_owned)).join(",\n ");
    let model = newest("model", |id| format!("(SELECT text FROM name WHERE id = {id})"));
    // The newest lines tell the present; the earliest directory names the project. A row that is changed in place may say
    // another thing of the same moment: then what was read last holds.
    format!(
        "INSERT INTO session (agent, uid, parent_uid, kind, forked, started_at, last_at, cwd, cwd_at, branch, branch_at, version, version_at,
            role, model, model_at, context, context_at, window, window_at, turn, turn_at, remote, remote_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
         ON CONFLICT (agent, uid) DO UPDATE SET
            parent_uid = coalesce(excluded.parent_uid, parent_uid), kind = max(kind, excluded.kind), forked = max(forked, excluded.forked),
            started_at = min(coalesce(started_at, excluded.started_at), coalesce(excluded.started_at, started_at)),
            last_at = max(coalesce(last_at, excluded.last_at), coalesce(excluded.last_at, last_at)),
            cwd = iif({IS_EARLIER}, excluded.cwd, cwd), cwd_at = iif({IS_EARLIER}, excluded.cwd_at, cwd_at),
            role = coalesce(role, excluded.role), {columns}, {model},
            turn = iif(excluded.turn_at >= coalesce(turn_at, excluded.turn_at), excluded.turn, turn),
            turn_at = max(coalesce(turn_at, excluded.turn_at), coalesce(excluded.turn_at, turn_at))
         RETURNING id, cwd"
    )
});

impl Store {
    /// Begins what is kept or lost as a whole. Large pages of work in one transaction touch each page of the file once.
    pub fn begin(&self, memory: &mut Memory) -> Result<(), StoreError> {
        let fail = self.fail("beginning to write");
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(&fail)?;
        if !memory.calls.knows_all() && self.is_empty().map_err(&fail)? {
            memory.calls.begin_empty();
            memory.facts.begin_empty();
        }
        Ok(())
    }

    /// Settles, and keeps everything written since [`Store::begin`]. Gives the sessions whose figures or state changed.
    pub fn commit(&self, memory: &mut Memory) -> Result<BTreeSet<i64>, StoreError> {
        let report = self.settle(memory)?;
        let result = self.conn.execute_batch("COMMIT").map_err(self.fail("keeping what was read"));
        if result.is_err() {
            self.rollback(memory);
        }
        result.map(|()| report)
    }

    /// Forgets everything written since [`Store::begin`], and what is remembered of it.
    pub fn rollback(&self, memory: &mut Memory) {
        *memory = Memory::default();
        if !self.conn.is_autocommit() {
            // It fails only when there is nothing left to undo.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }

    /// Writes the pieces, between [`Store::begin`] and [`Store::commit`]. An error undoes everything since the beginning.
    pub fn write(&self, pieces: &[Piece], memory: &mut Memory, prices: &mut Pricer) -> Result<(), StoreError> {
        let written = Writer { tx: &self.conn, memory, prices }.pieces(pieces);
        written.map_err(self.fail("writing what was read")).inspect_err(|_| self.rollback(memory))
    }

    /// As [`Store::write`], for what no file says: calls that only a proxy has seen.
    pub fn add(&self, agent: AgentId, batch: &Batch, memory: &mut Memory, prices: &mut Pricer) -> Result<(), StoreError> {
        let written = Writer { tx: &self.conn, memory, prices }.batches([(agent, batch, None)]);
        written.map_err(self.fail("writing what was metered")).inspect_err(|_| self.rollback(memory))
    }

    /// Decides who owns what was written and stands in several sessions' logs. Until then it counts for the first that was
    /// met. Gives the sessions whose figures or state changed.
    pub fn settle(&self, memory: &mut Memory) -> Result<BTreeSet<i64>, StoreError> {
        let settled = settle(&self.conn, memory).and_then(|touched| {
            memory.calls.store(&self.conn)?;
            memory.facts.store(&self.conn)?;
            Ok(touched)
        });
        settled.map_err(self.fail("telling copies from originals")).inspect_err(|_| self.rollback(memory))
    }
}

/// Writes into a transaction that has begun.
pub(super) struct Writer<'a> {
    pub(super) tx: &'a Connection,
    pub(super) memory: &'a mut Memory,
    pub(super) prices: &'a mut Pricer,
}

impl Writer<'_> {
    fn pieces(&mut self, pieces: &[Piece]) -> rusqlite::Result<()> {
        self.batches(pieces.iter().map(|piece| (piece.agent, &piece.batch, Some((&piece.file, piece.is_shared)))))
    }

    fn batches<'b>(
        &mut self,
        batches: impl IntoIterator<Item = (AgentId, &'b Batch, Option<(&'b FileRow, bool)>)>,
    ) -> rusqlite::Result<()> {
        for (agent, batch, file) in batches {
            let sessions = self.sessions(agent, batch)?;
            self.gather(batch, &sessions)?;
            self.limits(agent, &batch.limits, &sessions)?;
            if let Some((file, is_shared)) = file {
                files::save(self.tx, file, sessions.first().copied().filter(|_| !is_shared))?;
            }
            self.memory.pending.touched.extend(&sessions);
        }
        self.flush()
    }

    /// Adds what was met to the sums.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        self.save_claims()?;
        std::mem::take(&mut self.memory.pending.deltas).flush(self.tx)
    }

    /// Remembers who else could own what was written.
    fn save_claims(&mut self) -> rusqlite::Result<()> {
        let pending = &mut self.memory.pending;
        let mut save = self.tx.prepare_cached("INSERT OR IGNORE INTO claim VALUES (?1, ?2, ?3)")?;
        for Claim { key, session, task } in pending.claims.drain(..) {
            if save.execute(params![key.to_sql(), session, task.to_sql()])? == 1 {
                pending.disputed.insert(session);
            }
        }
        Ok(())
    }

    /// Puts a batch's calls and facts where they belong.
    fn gather(&mut self, batch: &Batch, sessions: &[i64]) -> rusqlite::Result<()> {
        let session = |i: u32| usize::try_from(i).ok().and_then(|i| sessions.get(i)).copied();
        for call in &batch.calls {
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
            self.meet_call(call.key, row)?;
        }
        for fact in &batch.facts {
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
                open: fact.open,
                same: fact.same,
                sidechain: fact.sidechain,
            };
            self.meet_fact(fact.key, row)?;
        }
        for (of, key) in &batch.outdated {
            if let Some(session) = session(*of) {
                self.forget(*key, session)?;
            }
        }
        Ok(())
    }

    /// The store's ids of a batch's sessions, in its order; their rows are brought up to date.
    fn sessions(&mut self, agent: AgentId, batch: &Batch) -> rusqlite::Result<Vec<i64>> {
        batch.sessions.iter().map(|update| self.session(agent, update)).collect()
    }

    /// The store's id of a session; its row is brought up to date.
    pub(super) fn session(&mut self, agent: AgentId, update: &SessionUpdate) -> rusqlite::Result<i64> {
        let model = update.model.as_ref().map(|(at, model)| Ok::<_, rusqlite::Error>((*at, self.name(model)?))).transpose()?;
        let (first, last) = update.seen.unzip();
        let count = |told: Told<u64>| told.map(|(at, count)| (at, count.cast_signed())).unzip();
        let ((cwd_at, cwd), (branch_at, branch)) = (text(update.cwd.as_ref()), text(update.branch.as_ref()));
        let ((version_at, version), (remote_at, remote)) = (text(update.version.as_ref()), text(update.remote.as_ref()));
        let ((context_at, context), (window_at, window)) = (count(update.context), count(update.window));
        let ((model_at, model), (turn_at, turn)) = (model.unzip(), update.turn.unzip());
        let key = (agent, update.uid.clone());
        let before: Option<Option<String>> = if cwd.is_some() {
            let mut ask = self.tx.prepare_cached("SELECT cwd FROM session WHERE agent = ?1 AND uid = ?2")?;
            ask.query_row(params![agent, update.uid], |r| r.get(0)).optional()?
        } else {
            None
        };
        let mut save = self.tx.prepare_cached(&SAVE_SESSION)?;
        let known = self.memory.sessions.get(&key).copied();
        let (id, now): (i64, Option<String>) = save.query_row(
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
                branch,
                branch_at,
                version,
                version_at,
                update.role,
                model,
                model_at,
                context,
                context_at,
                window,
                window_at,
                turn.unwrap_or_default().to_sql(),
                turn_at,
                remote,
                remote_at,
            ],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
        // Sums of days that are over are by directory, and days do not change with it.
        if before.is_some_and(|before| before != now) {
            self.tx.execute("DELETE FROM closed", [])?;
        }
        if known.is_none() {
            self.memory.sessions.insert(key, id);
        }
        Ok(id)
    }

    pub(super) fn name(&mut self, text: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(id) = self.memory.names.get(text) {
            return Ok(id);
        }
        self.tx
            .prepare_cached("INSERT OR IGNORE INTO name (text, seal) VALUES (?1, ?2)")?
            .execute(params![text.as_ref(), of_name(text)])?;
        let id = self.tx.prepare_cached("SELECT id FROM name WHERE text = ?1")?.query_row([text.as_ref()], |r| r.get(0))?;
        self.memory.names.learn(text, id);
        Ok(id)
    }

    pub(super) fn limits(&mut self, agent: AgentId, told: &[RateLimit], sessions: &[i64]) -> rusqlite::Result<()> {
        for limit in told {
            let Some(session) = usize::try_from(limit.session).ok().and_then(|i| sessions.get(i)) else { continue };
            limits::save(self.tx, agent, *session, limit)?;
        }
        Ok(())
    }

    /// Meets a call: a new row, or one more sighting of one. Gives the key that it has here, and whether it is new.
    pub(super) fn meet_call(&mut self, key: Key, row: CallRow) -> rusqlite::Result<(Key, bool)> {
        let old = match self.memory.calls.find(self.tx, key)? {
            Found::Nothing => return self.add_call(key, row).map(|()| (key, true)),
            Found::Row(old) => old.clone(),
            Found::Foreign => return Ok((key, false)),
        };
        if !old.is_other_call(&row) {
            self.memory.pending.dispute(key, (old.session, old.task, old.sidechain), (row.session, row.task, row.sidechain));
            return self.merge_call(key, &old, &row).map(|()| (key, false));
        }
        let other = other_key(key, row.session);
        others::remember(self.tx, other, key)?;
        match self.memory.calls.find(self.tx, other)? {
            Found::Row(old) => {
                let old = old.clone();
                self.merge_call(other, &old, &row).map(|()| (other, false))
            }
            Found::Nothing => self.add_call(other, row).map(|()| (other, true)),
            Found::Foreign => Ok((other, false)),
        }
    }

    fn add_call(&mut self, key: Key, mut row: CallRow) -> rusqlite::Result<()> {
        row.money = self.price(&row)?;
        self.memory.pending.deltas.call(&row, 1);
        self.memory.calls.add(key, row);
        Ok(())
    }

    /// The fuller version stays, and only the difference reaches the sums.
    fn merge_call(&mut self, key: Key, old: &CallRow, row: &CallRow) -> rusqlite::Result<()> {
        let mut new = CallRow { money: old.money, ..old.merged(row) };
        if new != *old {
            new.money = self.price(&new)?;
            self.memory.pending.call_changed(old, &new);
            self.memory.calls.change(key, new);
        }
        Ok(())
    }

    /// Meets a fact: a new row, or one more sighting of one. Gives whether it is new.
    pub(super) fn meet_fact(&mut self, key: Key, row: FactRow) -> rusqlite::Result<bool> {
        let Memory { pending, facts, .. } = &mut *self.memory;
        match facts.find(self.tx, key)? {
            Found::Nothing => {
                pending.deltas.fact(&row, 1);
                facts.add(key, row);
                return Ok(true);
            }
            Found::Row(old) => {
                pending.dispute(key, (old.session, old.task, old.sidechain), (row.session, row.task, row.sidechain));
                let new = old.merged(&row);
                if new != *old {
                    pending.fact_changed(old, &new);
                    facts.change(key, new);
                }
            }
            Found::Foreign => {}
        }
        Ok(false)
    }

    /// Takes back a tool call that an earlier reader has counted under this key: the session's log has it under another now.
    /// What another session's log said, which may be gone, stays.
    fn forget(&mut self, key: Key, session: i64) -> rusqlite::Result<()> {
        let Memory { pending, facts, .. } = &mut *self.memory;
        let Found::Row(old) = facts.find(self.tx, key)? else { return Ok(()) };
        if !old.seen {
            return Ok(()); // a failure whose call is not known has that key today
        }
        let is_own = old.session == session;
        if is_own {
            pending.touched.insert(session);
            pending.deltas.fact(old, -1);
            facts.remove(key);
            pending.claims.retain(|claim| claim.key != key);
        }
        self.tx
            .prepare_cached("DELETE FROM claim WHERE key = ?1 AND (?2 OR session = ?3)")?
            .execute(params![key.to_sql(), is_own, session])
            .map(|_| ())
    }

    /// What a call costs.
    fn price(&mut self, row: &CallRow) -> rusqlite::Result<Option<Money>> {
        let model = self.text(row.model)?;
        Ok(price(self.prices, model.as_deref(), row))
    }

    /// A model's name.
    fn text(&mut self, model: i64) -> rusqlite::Result<Option<Arc<str>>> {
        if let Some(text) = self.memory.names.texts.get(&model) {
            return Ok(Some(text.clone()));
        }
        let text = read_name(self.tx, model)?;
        if let Some(text) = &text {
            self.memory.names.learn(text, model);
        }
        Ok(text)
    }
}

fn settle(tx: &Connection, memory: &mut Memory) -> rusqlite::Result<BTreeSet<i64>> {
    let mut pending = std::mem::take(&mut memory.pending);
    let mut disputed = std::mem::take(&mut pending.disputed);
    disputed.extend(family::undecided(tx, &mut memory.calls, &pending.touched, &disputed)?);
    disputed.extend(family::with_roots(tx, &pending.moved)?);
    if !disputed.is_empty() {
        pending.touched.extend(family::settle(tx, &disputed, memory, &mut pending.deltas)?);
        pending.deltas.flush(tx)?;
    }
    Ok(pending.touched)
}

/// The money of a call: what its agent reports, else what the book says. What no call can cost is not known: its counters, or
/// the user's own price, are wrong.
pub(super) fn price(prices: &mut Pricer, model: Option<&str>, row: &CallRow) -> Option<Money> {
    let money = row.reported.or_else(|| prices.cost_at(row.billed_prompt(), model?, &row.tokens, row.searches, row.tier, row.speed));
    money.filter(|money| *money <= Money::MOST_OF_A_CALL)
}
