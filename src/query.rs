//! Questions to the store in the words of the house: what screens show and commands print.
//!
//! Pure but for the store it asks: `now`, the zone and what lives come from the caller.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::time::{HOUR, MINUTE};
use crate::model::{Cost, Labels, Millis, SessionKind, SessionState, Tokens, Turn, Window, Zone};
use crate::pricing::{Pricer, lookup};
use crate::sources::Liveness;
use crate::store::read::SessionRow;
use crate::store::{Store, StoreError};

pub mod baseline;
pub mod caps;
pub mod charges;
pub mod detail;
pub mod experiments;
pub mod filter;
pub mod forecast;
pub mod gpus;
pub mod labels;
pub mod loops;
pub mod overview;
pub mod report;
pub mod team;
pub mod trends;
pub mod waste;

pub use detail::{SessionDetail, TaskView};
pub use filter::Filter;
pub use labels::Labeler;

pub use crate::store::Sums;

/// Sessions that have a living process, by agent and session id.
pub type Living = HashMap<(Arc<str>, Arc<str>), Liveness>;

/// A session as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The store's id.
    pub id: i64,
    /// The agent's name.
    pub agent: Arc<str>,
    /// The agent's id of the session; a subagent's is `parent/agent`.
    pub uid: Arc<str>,
    /// The session it belongs to or was forked from.
    pub parent: Option<Arc<str>>,
    /// What kind of conversation it is.
    pub kind: SessionKind,
    /// The last part of its directory.
    pub project: Arc<str>,
    /// Its whole directory.
    pub cwd: Option<Arc<str>>,
    /// Its git branch.
    pub branch: Option<Arc<str>>,
    /// The address of its git remote.
    pub remote: Option<Arc<str>>,
    /// What it was for; empty until [`Labeler::fill`] has said so.
    pub labels: Labels,
    /// What a subagent is called.
    pub role: Option<Arc<str>>,
    /// The agent's version.
    pub version: Option<Arc<str>>,
    /// The model last asked.
    pub model: Option<Arc<str>>,
    /// All models asked in the window.
    pub models: Vec<Arc<str>>,
    /// Where its last task stands, by its log.
    pub turn: Turn,
    /// What it does now.
    pub state: SessionState,
    /// Its first line's time.
    pub started_at: Option<Millis>,
    /// Its last line's time.
    pub last_at: Option<Millis>,
    /// Steps of the running or last task.
    pub loop_steps: u64,
    /// Steps of its longest task in the window.
    pub longest_loop: u64,
    /// Tokens in its context.
    pub context: Option<u64>,
    /// The size of its context window.
    pub context_window: Option<u64>,
    /// The sums inside the window.
    pub sums: Sums,
    /// What it cost since local midnight.
    pub today: Cost,
    /// What it has cost over all its life.
    pub lifetime: Cost,
    /// What it spent in the last hour.
    pub last_hour: Cost,
}

impl SessionView {
    /// Tokens inside the window.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        self.sums.tokens()
    }

    /// Cost inside the window.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.sums.cost()
    }

    /// How full the context is, in per mille.
    #[must_use]
    pub fn context_permille(&self) -> Option<u32> {
        let (context, window) = (self.context?, self.context_window.filter(|w| *w > 0)?);
        u32::try_from(u128::from(context) * 1000 / u128::from(window)).ok()
    }
}

/// What a question needs to know besides the store.
pub struct Asking<'a> {
    /// The window of the figures.
    pub window: Window,
    /// Now.
    pub now: Millis,
    /// The viewer's zone.
    pub zone: Zone,
    /// What lives.
    pub living: &'a Living,
    /// What each session has cost in the last hour, where the caller has just asked.
    pub hour: Option<&'a HashMap<i64, Cost>>,
}

/// The sessions with any activity in the window.
pub fn sessions(store: &Store, prices: &mut Pricer, asking: &Asking<'_>) -> Result<Vec<SessionView>, StoreError> {
    let rows = store.sessions(asking.window)?;
    let sums_in = |window: Window| -> Result<Option<HashMap<i64, Sums>>, StoreError> {
        if window == asking.window {
            return Ok(None);
        }
        Ok(Some(store.sessions(window)?.into_iter().map(|r| (r.id, r.sums)).collect()))
    };
    let more = More {
        today: sums_in(Window::today(asking.now, asking.zone))?,
        lifetime: sums_in(Window::ALL)?,
        models: store.models(asking.window)?,
    };
    complete(store, prices, asking, rows, more)
}

/// Some sessions by id.
pub fn sessions_by_id(store: &Store, prices: &mut Pricer, asking: &Asking<'_>, ids: &[i64]) -> Result<Vec<SessionView>, StoreError> {
    let (mut today_sums, mut lifetime_sums, mut models) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut rows = Vec::with_capacity(ids.len());
    for found in store.sessions_by_id(ids, [asking.window, Window::today(asking.now, asking.zone), Window::ALL])? {
        let [_, today, lifetime] = found.sums;
        today_sums.insert(found.row.id, today);
        lifetime_sums.insert(found.row.id, lifetime);
        models.insert(found.row.id, found.models);
        rows.push(found.row);
    }
    let more = More { today: Some(today_sums), lifetime: Some(lifetime_sums), models };
    complete(store, prices, asking, rows, more)
}

/// What the rows do not hold, by session. Where a window is the one asked about, its sums are those of the rows.
#[derive(Debug)]
struct More {
    today: Option<HashMap<i64, Sums>>,
    lifetime: Option<HashMap<i64, Sums>>,
    models: HashMap<i64, Vec<Arc<str>>>,
}

fn complete(
    store: &Store,
    prices: &mut Pricer,
    asking: &Asking<'_>,
    rows: Vec<SessionRow>,
    more: More,
) -> Result<Vec<SessionView>, StoreError> {
    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let More { today, lifetime, mut models } = more;
    let hour = match asking.hour {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(store.recent_cost(asking.now - HOUR)?),
    };
    let loops = store.loops(&ids, asking.window)?;
    let view = |row: SessionRow| {
        let window = row.window.or_else(|| context_window(prices, &row));
        let live = asking.living.get(&(row.agent.clone(), row.uid.clone()));
        let (loop_steps, longest_loop) = loops.get(&row.id).copied().unwrap_or_default();
        SessionView {
            id: row.id,
            turn: row.turn,
            state: state(row.turn, row.kind, row.last_at, live, asking.now),
            project: project_of(row.cwd.as_deref()),
            context_window: window,
            loop_steps,
            longest_loop,
            today: within(today.as_ref(), &row),
            lifetime: within(lifetime.as_ref(), &row),
            last_hour: hour.get(&row.id).copied().unwrap_or_default(),
            models: models.remove(&row.id).unwrap_or_default(),
            agent: row.agent,
            uid: row.uid,
            parent: row.parent,
            kind: row.kind,
            cwd: row.cwd,
            branch: row.branch,
            remote: row.remote,
            labels: Labels::default(),
            role: row.role,
            version: row.version,
            model: row.model,
            started_at: row.started_at,
            last_at: row.last_at,
            context: row.context,
            sums: row.sums,
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

/// What a session cost in a window.
fn within(sums: Option<&HashMap<i64, Sums>>, row: &SessionRow) -> Cost {
    sums.map_or(row.sums, |sums| sums.get(&row.id).copied().unwrap_or_default()).cost()
}

/// What a session's project is called: the last part of its directory.
#[must_use]
pub fn project_of(cwd: Option<&str>) -> Arc<str> {
    Arc::from(crate::model::session::project_of(cwd.unwrap_or_default()))
}

/// Claude Code's window: 200 000 tokens, or a million where the model's name or the context itself says so.
const CLAUDE_WINDOW: u64 = 200_000;

fn context_window(prices: &mut Pricer, row: &SessionRow) -> Option<u64> {
    let model = row.model.as_deref()?;
    if &*row.agent == crate::sources::claude_code::AGENT && model.contains("claude") {
        let long = lookup::is_long_window(model) || row.context.is_some_and(|c| c > CLAUDE_WINDOW);
        return Some(if long { 1_000_000 } else { CLAUDE_WINDOW });
    }
    prices.rates(model)?.context_window
}

/// How long a model may think, or a tool may run, without a line in the log.
const SILENT: Millis = 10 * MINUTE;
/// How long a session counts as open when nothing shows whether it is.
const OPEN: Millis = HOUR;

/// What a session does now, by its agent's registry, else by its log and the clock.
#[must_use]
pub fn state(turn: Turn, kind: SessionKind, last_at: Option<Millis>, live: Option<&Liveness>, now: Millis) -> SessionState {
    let silent = now - last_at.unwrap_or(0);
    if let Some(live) = live {
        return live.state.unwrap_or(match turn {
            Turn::Ended if silent > SILENT => SessionState::Idle,
            Turn::Ended => SessionState::Waiting,
            _ => SessionState::Working,
        });
    }
    match turn {
        _ if silent > OPEN => SessionState::Ended,
        // A subagent is over with its answer; nobody waits for its human.
        Turn::Ended if kind == SessionKind::Subagent => SessionState::Ended,
        Turn::Ended if silent > SILENT => SessionState::Idle,
        Turn::Ended => SessionState::Waiting,
        _ if silent > SILENT => SessionState::Idle,
        _ => SessionState::Working,
    }
}
