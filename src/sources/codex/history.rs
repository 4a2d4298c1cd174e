//! Where a copied history ends.
//!
//! A fork's rollout begins with its own header, then the parent's header and records. Nothing marks the first record of
//! its own, so the evidence is weighed, strongest first:
//!
//! 1. `subagent_history_start_ordinal` names it.
//! 2. The parent's file is there: the first turn that the parent does not have, or, where turns have no ids, the first
//!    counter that it does not have. It may have been written to a part only when it is looked at: a turn whose id says that it was
//!    made before this thread was is a copy all the same.
//! 3. The parent is gone: a turn whose id (a UUID version 7, which carries its time) was made after this thread was; or
//!    a record stamped clearly later than the copies, which are written in one burst.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Key, Millis};

use super::line::{Body, Meta, Record, Usage};

/// The longest pause inside a burst of copied records.
const BURST_GAP: Millis = 1500;

/// A copied history that has not ended yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// The thread whose records are repeated.
    pub of: String,
    /// When this thread was made.
    pub made_at: Option<Millis>,
    /// The first ordinal of its own.
    pub own_from: Option<u64>,
    /// When the last copied record was stamped, once the copying has begun.
    last_copy: Option<Millis>,
    /// Whether the turn at hand is older than this thread.
    #[serde(default)]
    in_old_turn: bool,
}

/// What tells a parent's records.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    turns: HashSet<Arc<str>>,
    counts: HashSet<Key>,
    prompts: HashSet<Key>,
}

impl Known {
    /// Whether the parent has told this counter.
    pub(super) fn has_count(&self, totals: &Usage, last: Option<&Usage>) -> bool {
        self.counts.contains(&count_key(totals, last))
    }

    /// Learns the parent's records.
    pub(super) fn learn(&mut self, records: &[Record]) {
        for record in records {
            match &record.body {
                Body::Started { turn: Some(turn), .. } | Body::Context { turn: Some(turn), .. } => {
                    self.turns.insert(turn.clone());
                }
                Body::Count(count) => {
                    if let Some(totals) = &count.totals {
                        self.counts.insert(count_key(totals, count.last.as_ref()));
                    }
                }
                Body::Prompt(text) => {
                    self.prompts.insert(*text);
                }
                _ => {}
            }
        }
    }
}

/// A counter's identity.
pub(super) fn count_key(totals: &Usage, last: Option<&Usage>) -> Key {
    let bytes = |u: &Usage| [u.input, u.cached, u.written, u.output, u.reasoning, u.total].map(u64::to_le_bytes).concat();
    Key::of(&[&bytes(totals), &last.map(bytes).unwrap_or_default()])
}

impl History {
    pub(super) fn new(of: &str, made_at: Option<Millis>, own_from: Option<u64>) -> History {
        History { of: of.to_owned(), made_at, own_from, last_copy: None, in_old_turn: false }
    }

    /// Whether the parent's records would help.
    pub(super) const fn wants_parent(&self) -> bool {
        self.own_from.is_none()
    }

    /// Whether the record is the thread's own: the copy ends before it.
    pub(super) fn ends_before(&mut self, record: &Record, known: Option<&Known>) -> bool {
        if let Some(first) = self.own_from {
            return record.ordinal.is_some_and(|n| n >= first);
        }
        if let Body::Started { turn: Some(turn), .. } | Body::Context { turn: Some(turn), .. } = &record.body {
            self.in_old_turn = made_at(turn).zip(self.made_at).is_some_and(|(turn, thread)| turn < thread);
        }
        let own = match &record.body {
            _ if self.in_old_turn => false,
            Body::Started { turn, .. } | Body::Context { turn, .. } => self.is_own_turn(turn.as_ref(), record.at, known),
            Body::Count(count) => match (known, &count.totals) {
                (Some(known), Some(totals)) => !known.counts.contains(&count_key(totals, count.last.as_ref())),
                (Some(_), None) => false,
                (None, _) => self.is_late(record.at),
            },
            Body::Prompt(text) => match known {
                // Where turns have no ids, words that the parent never heard begin what is new.
                Some(known) => known.turns.is_empty() && !known.prompts.contains(text),
                None => self.is_late(record.at),
            },
            _ => false,
        };
        if !own {
            self.last_copy = record.at.or(self.last_copy);
        }
        own
    }

    fn is_own_turn(&self, turn: Option<&Arc<str>>, at: Option<Millis>, known: Option<&Known>) -> bool {
        match (known, turn) {
            (Some(known), Some(turn)) if !known.turns.is_empty() => !known.turns.contains(turn),
            // No turns to compare: where the id does not tell, the counters decide.
            (Some(_), turn) => turn.and_then(|turn| made_at(turn)).zip(self.made_at).is_some_and(|(turn, thread)| turn >= thread),
            (None, turn) => match (turn.and_then(|t| made_at(t)), self.made_at) {
                (Some(turn), Some(thread)) => turn >= thread,
                _ => self.is_late(at),
            },
        }
    }

    /// Whether a stamp lies clearly after the burst of copies.
    fn is_late(&self, at: Option<Millis>) -> bool {
        let (Some(at), Some(last)) = (at, self.last_copy) else { return false };
        // Copies that keep their old stamps are older than the thread itself, whatever the pauses between them.
        at.saturating_sub(last) > BURST_GAP && self.made_at.is_none_or(|made| at >= made)
    }
}

/// The history that a file may begin with. It does if the header says where the thread's own records begin, or if that
/// other thread's own header follows.
pub(super) fn possible_history(meta: &Meta, at: Option<Millis>) -> Option<History> {
    let of = meta.forked_from.as_deref().or(meta.parent.as_deref())?;
    Some(History::new(of, meta.at.or(at), meta.own_from))
}

/// The first counter of these records: its totals and the last call's own.
pub(super) fn first_counter(records: &[Record]) -> Option<(Usage, Option<Usage>)> {
    records.iter().find_map(|record| match &record.body {
        Body::Count(count) => Some((count.totals?, count.last)),
        _ => None,
    })
}

/// Whether the first counter holds more than its last call.
pub(super) fn begins_with_history(records: &[Record]) -> bool {
    first_counter(records).is_some_and(|(totals, last)| last.is_some_and(|last| last.total < totals.total))
}

/// The time in a UUID version 7: its first 48 bits are milliseconds.
fn made_at(uuid: &str) -> Option<Millis> {
    let mut parts = uuid.split('-');
    let (high, low, version) = (parts.next()?, parts.next()?, parts.next()?);
    if high.len() != 8 || low.len() != 4 || !version.starts_with('7') {
        return None;
    }
    i64::from_str_radix(&format!("{high}{low}"), 16).ok()
}
