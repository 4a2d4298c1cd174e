//! Writing an archive: one pass over the store, a line at a time.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, Rows};

use crate::model::{IdMap, Key, Millis};
use crate::store::merge::{CallRow, FactRow};
use crate::store::read::text;
use crate::store::{Store, others, pack};

use super::line::{Also, CallLine, FactLine, Hex, LimitLine, Line, SessionLine, ToldAt};
use super::{ArchiveError, Counts, FORMAT, Head};

/// The lines repeat themselves so much that more effort saves little.
const EFFORT: Compression = Compression::new(4);

impl Store {
    /// Writes everything that is remembered of sessions, calls, facts and limits, as it is at one moment. `look` is told
    /// how far it is.
    pub fn export(&self, out: impl Write, machine: &str, now: Millis, look: Look<'_>) -> Result<Counts, ArchiveError> {
        let fail = self.fail("exporting the history");
        let fail = |error| ArchiveError::Store(fail(error));
        let _snapshot = self.snapshot().map_err(fail)?;
        let names = self.names()?;
        let mut lines = Lines { gz: GzEncoder::new(out, EFFORT), line: Vec::new(), counts: Counts::default(), look };
        lines.put(&Head {
            aifinops_history: FORMAT,
            schema: self.schema(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: machine.to_owned(),
            at: now,
        })?;
        let places = self.sessions_to(&mut lines)?;
        let writing = Writing { conn: &self.conn, names: &names, places: &places };
        writing.calls(&mut lines, &fail)?;
        writing.facts(&mut lines, &fail)?;
        self.limits_to(&mut lines, &places)?;
        let counts = lines.counts;
        lines.put(&Line { end: Some(counts), ..Line::default() })?;
        lines.gz.finish()?.flush()?;
        Ok(counts)
    }

    /// Writes all sessions; gives the place of each among them.
    fn sessions_to<W: Write>(&self, lines: &mut Lines<'_, W>) -> Result<IdMap<i64, u32>, ArchiveError> {
        let sql = "SELECT s.id, s.agent, s.uid, s.parent_uid, s.kind, s.forked, s.started_at, s.last_at, s.cwd, s.cwd_at, s.branch,
                   s.version, s.role, n.text, s.context, s.window, s.turn, s.remote,
                   s.branch_at, s.remote_at, s.version_at, s.model_at, s.context_at, s.window_at, s.turn_at FROM session s LEFT JOIN name n ON n.id = s.model ORDER BY s.id";
        let rows = self.rows("exporting sessions", sql, [], |r| {
            let count = |i: usize| r.get::<_, Option<i64>>(i).map(|n| n.map(i64::cast_unsigned));
            let line = SessionLine {
                agent: r.get(1)?,
                uid: r.get(2)?,
                parent: r.get(3)?,
                kind: r.get(4)?,
                forked: r.get(5)?,
                first: r.get(6)?,
                last: r.get(7)?,
                cwd: r.get(8)?,
                cwd_at: r.get(9)?,
                branch: r.get(10)?,
                version: r.get(11)?,
                role: r.get(12)?,
                model: r.get(13)?,
                context: count(14)?,
                window: count(15)?,
                turn: r.get(16)?,
                remote: r.get(17)?,
                told: ToldAt {
                    branch: r.get(18)?,
                    remote: r.get(19)?,
                    version: r.get(20)?,
                    model: r.get(21)?,
                    context: r.get(22)?,
                    window: r.get(23)?,
                    turn: r.get(24)?,
                },
            };
            Ok((r.get::<_, i64>(0)?, line))
        })?;
        let mut places = IdMap::default();
        for (place, (id, line)) in (0_u32..).zip(rows) {
            places.insert(id, place);
            lines.put(&Line { session: Some(line), ..Line::default() })?;
            lines.counts.sessions += 1;
        }
        Ok(places)
    }

    fn limits_to<W: Write>(&self, lines: &mut Lines<'_, W>, places: &IdMap<i64, u32>) -> Result<(), ArchiveError> {
        let sql = "SELECT session, limit_id, window_minutes, at, used_permille, resets_at, plan FROM rate_limit ORDER BY session, limit_id, window_minutes";
        let rows = self.rows("exporting limits", sql, [], |r| {
            let line = LimitLine {
                session: 0,
                limit: text(r, 1)?.unwrap_or_default().to_string(),
                minutes: r.get(2)?,
                at: r.get(3)?,
                permille: r.get(4)?,
                resets_at: r.get(5)?,
                plan: r.get(6)?,
            };
            Ok((r.get::<_, i64>(0)?, line))
        })?;
        for (id, line) in rows {
            let Some(session) = places.get(&id).copied() else { continue };
            lines.put(&Line { limit: Some(LimitLine { session, ..line }), ..Line::default() })?;
            lines.counts.limits += 1;
        }
        Ok(())
    }
}

/// Told how many calls and facts have been written; an error ends it.
pub type Look<'a> = &'a mut dyn FnMut(u64) -> std::io::Result<()>;

/// The compressed file.
struct Lines<'a, W: Write> {
    gz: GzEncoder<W>,
    line: Vec<u8>,
    counts: Counts,
    look: Look<'a>,
}

/// Calls and facts written between two looks.
const OFTEN: u64 = 4096;

impl<W: Write> Lines<'_, W> {
    fn put(&mut self, record: &impl serde::Serialize) -> Result<(), ArchiveError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record).map_err(std::io::Error::from)?;
        self.line.push(b'\n');
        self.gz.write_all(&self.line)?;
        let written = self.counts.calls + self.counts.facts;
        if written.is_multiple_of(OFTEN) {
            (self.look)(written)?;
        }
        Ok(())
    }
}

/// What the lines of calls and facts are made from.
struct Writing<'a> {
    conn: &'a Connection,
    names: &'a HashMap<i64, Arc<str>>,
    places: &'a IdMap<i64, u32>,
}

impl Writing<'_> {
    fn name(&self, id: i64) -> Option<&str> {
        self.names.get(&id).map(AsRef::as_ref)
    }

    /// All calls. Those that have a key of their own because another session's has theirs come last, so that whoever reads
    /// them has met the other one first, as it was here.
    fn calls<W: Write>(&self, lines: &mut Lines<'_, W>, fail: &dyn Fn(rusqlite::Error) -> ArchiveError) -> Result<(), ArchiveError> {
        let others = others::all(self.conn).map_err(fail)?;
        let mut last = Vec::new();
        self.each(fail, |key, row: CallRow, also| {
            let Some(session) = self.places.get(&row.session).copied() else { return Ok(()) };
            let line = CallLine::of(others.get(&key).copied().unwrap_or(key), session, &row, self.name(row.model), also);
            if others.contains_key(&key) {
                last.push(line);
                return Ok(());
            }
            lines.counts.calls += 1;
            lines.put(&Line { call: Some(line), ..Line::default() })
        })?;
        for line in last {
            lines.counts.calls += 1;
            lines.put(&Line { call: Some(line), ..Line::default() })?;
        }
        Ok(())
    }

    fn facts<W: Write>(&self, lines: &mut Lines<'_, W>, fail: &dyn Fn(rusqlite::Error) -> ArchiveError) -> Result<(), ArchiveError> {
        self.each(fail, |key, row: FactRow, also| {
            let Some(session) = self.places.get(&row.session).copied() else { return Ok(()) };
            let line = FactLine::of(key, session, &row, row.name.and_then(|name| self.name(name)), also);
            lines.counts.facts += 1;
            lines.put(&Line { fact: Some(line), ..Line::default() })
        })
    }

    /// Every row of a kind, in the order of the keys, with who holds it where several do. Rows of a newer release are left out.
    fn each<R: pack::Packed>(
        &self,
        fail: &dyn Fn(rusqlite::Error) -> ArchiveError,
        mut take: impl FnMut(Key, R, Vec<Also>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        // Rows and claims both come in the order of their keys: no table of claims is held in memory.
        let mut query = self.conn.prepare("SELECT key, session, task FROM claim ORDER BY key, session").map_err(fail)?;
        let mut claims = Claims { rows: query.query([]).map_err(fail)?, next: None };
        let mut failed = None;
        pack::each::<R>(self.conn, |key, row| {
            let Some(row) = row.filter(|_| failed.is_none()) else { return };
            let result = claims.of(key, self.places).map_err(fail).and_then(|also| take(key, row, also));
            failed = result.err();
        })
        .map_err(fail)?;
        failed.map_or(Ok(()), Err)
    }
}

/// Claims, read on as the keys come.
struct Claims<'a> {
    rows: Rows<'a>,
    next: Option<(i64, i64, Key)>,
}

impl Claims<'_> {
    /// Who holds what has this key, where several do.
    fn of(&mut self, key: Key, places: &IdMap<i64, u32>) -> rusqlite::Result<Vec<Also>> {
        let mut also = Vec::new();
        loop {
            if self.next.is_none() {
                self.next =
                    self.rows.next()?.map(|r| Ok::<_, rusqlite::Error>((r.get(0)?, r.get(1)?, Key::from_sql(r.get(2)?)))).transpose()?;
            }
            match self.next {
                Some((claimed, session, task)) if claimed <= key.to_sql() => {
                    self.next = None;
                    if let Some(session) = places.get(&session).copied().filter(|_| claimed == key.to_sql()) {
                        also.push(Also { session, task: Hex(task) });
                    }
                }
                _ => return Ok(also),
            }
        }
    }
}
