//! The records of an archive as JSON, and as what the store works with.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{Key, Millis, Money, RateLimit, SessionKind, SessionUpdate, Speed, Tier, Tokens, Turn};
use crate::store::merge::{CallRow, FactRow};

use super::Counts;

/// One line: exactly one of its fields is there, or none that this release knows.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<CallLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fact: Option<FactLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<LimitLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<Counts>,
}

/// A key as 16 hexadecimal digits: numbers of this size do not survive every reader of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hex(pub(super) Key);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let is_key = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| is_key);
        number.map(|number| Hex(Key(number))).ok_or_else(|| D::Error::custom("a key has 16 hexadecimal digits"))
    }
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionLine {
    pub(super) agent: String,
    pub(super) uid: String,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) parent: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) kind: i64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) forked: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) first: Option<Millis>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) last: Option<Millis>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) cwd: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) cwd_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) branch: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) remote: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) version: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) role: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) model: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) context: Option<u64>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) window: Option<u64>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) turn: i64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) told: ToldAt,
}

/// When what changes in a session was last told. Releases before schema 6 do not say so.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ToldAt {
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) branch: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) remote: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) version: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) model: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) context: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) window: Option<Millis>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) turn: Option<Millis>,
}

impl SessionLine {
    /// What it says about the session.
    pub(super) fn update(&self) -> SessionUpdate {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        // What was told at a time that is not known was told at the end, as far as anybody knows.
        let since = |at: Option<Millis>| at.or(self.last).unwrap_or_default();
        let told = |at: Option<Millis>, value: &Option<String>| text(value).map(|value| (since(at), value));
        SessionUpdate {
            uid: Arc::from(self.uid.as_str()),
            parent: text(&self.parent),
            kind: SessionKind::from_sql(self.kind),
            forked: self.forked,
            seen: self.first.zip(self.last),
            cwd: self.cwd_at.zip(text(&self.cwd)),
            branch: told(self.told.branch, &self.branch),
            remote: told(self.told.remote, &self.remote),
            version: told(self.told.version, &self.version),
            model: told(self.told.model, &self.model),
            role: text(&self.role),
            context: self.context.map(|context| (since(self.told.context), context)),
            window: self.window.map(|window| (since(self.told.window), window)),
            turn: Some((since(self.told.turn), Turn::from_sql(self.turn))),
        }
    }
}

/// A session whose log holds what another's holds as well, and the task that it stands in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Also {
    pub(super) session: u32,
    pub(super) task: Hex,
}

/// A model call.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a call, as the JSON has them")]
pub(super) struct CallLine {
    pub(super) key: Hex,
    pub(super) session: u32,
    pub(super) task: Hex,
    pub(super) at: Millis,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) model: Option<String>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) input: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) cache_read: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) cache_write_5m: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) cache_write_1h: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) output: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) reasoning: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) searches: u32,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) tier: i64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) fast: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) us_only: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) context: u64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) side: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) lower_bound: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) gap: bool,
    /// Nano-dollars, where the agent says so itself.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) reported: Option<i64>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) also: Vec<Also>,
}

impl CallLine {
    /// A call of the session at this place. `model` is its name.
    pub(super) fn of(key: Key, session: u32, row: &CallRow, model: Option<&str>, also: Vec<Also>) -> CallLine {
        let t = &row.tokens;
        CallLine {
            key: Hex(key),
            session,
            task: Hex(row.task),
            at: row.at,
            model: model.map(str::to_owned),
            input: t.input,
            cache_read: t.cache_read,
            cache_write_5m: t.cache_write_5m,
            cache_write_1h: t.cache_write_1h,
            output: t.output,
            reasoning: t.reasoning,
            searches: row.searches,
            tier: row.tier.to_sql(),
            fast: row.speed.fast,
            us_only: row.speed.us_only,
            context: row.context,
            side: row.sidechain,
            lower_bound: row.lower_bound,
            gap: row.gap,
            reported: row.reported.map(Money::nanos),
            also,
        }
    }

    /// The row of a store in which the session and the model's name have these ids.
    pub(super) fn row(&self, session: i64, model: i64) -> CallRow {
        CallRow {
            session,
            task: self.task.0,
            at: self.at,
            model,
            tokens: Tokens {
                input: self.input,
                cache_read: self.cache_read,
                cache_write_5m: self.cache_write_5m,
                cache_write_1h: self.cache_write_1h,
                output: self.output,
                reasoning: self.reasoning,
            },
            searches: self.searches,
            tier: Tier::from_sql(self.tier),
            speed: Speed { fast: self.fast, us_only: self.us_only },
            context: self.context,
            sidechain: self.side,
            lower_bound: self.lower_bound,
            gap: self.gap,
            reported: self.reported.map(Money::from_nanos),
            money: None,
        }
    }
}

/// A prompt, a tool call, a retry or the like.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about it, as the JSON has them")]
pub(super) struct FactLine {
    pub(super) key: Hex,
    pub(super) session: u32,
    pub(super) task: Hex,
    pub(super) at: Millis,
    pub(super) kind: i64,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) name: Option<String>,
    /// Whether only its failure is known.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) unseen: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) failed: bool,
    /// Whether it had not ended.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) open: bool,
    /// The hash of its name and arguments, where the task made the same call before.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) same: Option<u32>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) side: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) also: Vec<Also>,
}

impl FactLine {
    /// A fact of the session at this place. `name` is the tool's.
    pub(super) fn of(key: Key, session: u32, row: &FactRow, name: Option<&str>, also: Vec<Also>) -> FactLine {
        FactLine {
            key: Hex(key),
            session,
            task: Hex(row.task),
            at: row.at,
            kind: row.kind.to_sql(),
            name: name.map(str::to_owned),
            unseen: !row.seen,
            failed: row.failed,
            open: row.open,
            same: row.same,
            side: row.sidechain,
            also,
        }
    }
}

/// What a provider last said of a limit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LimitLine {
    pub(super) session: u32,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) limit: String,
    pub(super) minutes: u32,
    pub(super) at: Millis,
    pub(super) permille: u32,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) resets_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) plan: Option<String>,
}

impl LimitLine {
    /// The limit, of the first of some sessions.
    pub(super) fn limit(&self) -> RateLimit {
        RateLimit {
            session: 0,
            at: self.at,
            limit: Some(Arc::from(self.limit.as_str())),
            window_minutes: self.minutes,
            used_permille: self.permille,
            resets_at: self.resets_at,
            plan: self.plan.as_deref().map(Arc::from),
        }
    }
}
