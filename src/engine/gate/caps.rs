//! The gate over the store and its caps: a call is admitted while what the logs show, what proxies have let through since,
//! and what is reserved for calls under way leave room for it.
//!
//! **One call, once.** An agent's log shows most of the calls that its proxy has seen, a moment later and under another
//! name. So what the proxy has seen counts only until the log shows a call with the same identity, or with the same
//! tokens in the same session; what no log has shown when the run ends (titles and other side calls, agents whose logs
//! nobody reads) is written into the store as a call of its own.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Ask, Gate, Ticket};
use crate::budgets::{self, Spend, Standing};
use crate::disk::Lock;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::rules::{Rules, decision};
use crate::model::cap::OnFailure;
use crate::model::{AgentId, Batch, Call, Key, Millis, Money, SessionUpdate, Tokens};
use crate::query::Labeler;
use crate::query::caps::{self, Focus};
use crate::store::books::Word;
use crate::store::ledger::{Decision, Kind, Ledger};
use crate::store::pending::{self, Pending};
use crate::store::spend::Logged;
use crate::store::{Books, Store, StoreError};
use crate::wires::Usage;

/// How old the figures of the store may be.
const FRESH: Duration = Duration::from_millis(250);
/// A log may show a call with a time so much before it was asked for, or so much after it has ended: other clocks.
const SLACK: Millis = 2 * crate::model::time::MINUTE;
/// Output that is reserved for a call at most; see `RunLimit`.
const RESERVED_OUTPUT: u64 = 4096;

/// What the gate needs to know from its start.
pub struct Setup {
    /// The parts that bring logs into the store.
    pub ingest: Ingest,
    /// Where the ledger lies.
    pub dir: PathBuf,
    /// The rules at the start.
    pub rules: Rules,
    /// The rules of now, asked again and again: a cap may be set while an agent runs.
    pub reload: Box<dyn FnMut() -> Rules + Send>,
    /// What to do when nobody can tell what was spent.
    pub on_failure: OnFailure,
    /// The agent.
    pub agent: AgentId,
    /// Its directory.
    pub cwd: Option<String>,
    /// The user.
    pub who: String,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// The gate.
pub struct CapGate {
    state: Mutex<State>,
}

impl fmt::Debug for CapGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CapGate")
    }
}

struct State {
    setup: Setup,
    ledger: Ledger,
    /// Tells hooks that there are calls that no log shows.
    _announced: Lock,
    run: String,
    since: Millis,
    read_at: Option<Instant>,
    rules_at: Instant,
    calls: HashMap<u64, Seen>,
    next: u64,
    /// Calls of logs that have been found to be one of ours.
    matched: HashSet<Key>,
    /// Whether nothing would be admitted, when that was last asked.
    is_over: bool,
}

/// A call that the proxy has let through.
struct Seen {
    row: i64,
    pending: Pending,
    usage: Option<Usage>,
}

/// How long another process may hold the ledger.
const PATIENCE: Duration = Duration::from_secs(2);

impl CapGate {
    /// Opens the ledger.
    pub fn new(setup: Setup) -> Result<CapGate, StoreError> {
        let since = (setup.clock)();
        let ledger = journal::ledger(&setup.dir, PATIENCE, since)?;
        let announced = pending::announce(&setup.dir)?;
        let run = format!("{}-{since}", std::process::id());
        let state = State {
            setup,
            ledger,
            _announced: announced,
            run,
            since,
            read_at: None,
            rules_at: Instant::now(),
            calls: HashMap::new(),
            next: 0,
            matched: HashSet::new(),
            is_over: false,
        };
        Ok(CapGate { state: Mutex::new(state) })
    }

    /// The run is over: what no log shows becomes a call of its own. Gives how many there were.
    pub fn finish(&self) -> Result<usize, StoreError> {
        let mut state = self.lock();
        state.read()?;
        state.keep_the_rest()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for CapGate {
    fn admit(&self, ask: &Ask) -> Result<Ticket, String> {
        let mut state = self.lock();
        match state.admit(ask) {
            Ok(answer) => answer,
            Err(error) => state.failed(&error),
        }
    }

    fn settle(&self, ticket: Ticket, usage: Option<&Usage>) {
        let mut state = self.lock();
        if let Err(error) = state.settle(&ticket, usage) {
            // The reservation stays, which is too much rather than too little.
            state.note(&format!("what a call has cost could not be written down: {error}"));
        }
    }

    fn heard(&self, word: &Word) {
        let dir = self.lock().setup.dir.clone();
        // A word that cannot be kept is missed by nobody: the gateway itself has the call.
        if let Ok((books, _)) = Books::open(&dir, PATIENCE) {
            let _ = books.keep_word(word);
        }
    }

    fn over(&self) -> Option<String> {
        let mut state = self.lock();
        let focus = state.focus(None, None);
        let standings = match state.standings_now(&focus) {
            Ok(standings) => standings,
            Err(error) => return state.failed(&error).err(),
        };
        let halt = budgets::verdict(&standings);
        // Whoever asks stops the agent, or pauses it: once for each time that the cap is reached.
        if let (Some(standing), false) = (halt, state.is_over)
            && let Err(error) = state.record(Kind::Stop, standing, None)
        {
            state.note(&format!("that an agent was stopped could not be written down: {error}"));
        }
        state.is_over = halt.is_some();
        halt.map(|standing| budgets::halt_text(standing, state.setup.rules.zone))
    }
}

impl State {
    fn note(&self, text: &str) {
        journal::note(&self.setup.dir, (self.setup.clock)(), text);
    }

    /// What is done when nobody can tell what was spent.
    fn failed(&mut self, error: &StoreError) -> Result<Ticket, String> {
        let on_failure = self.setup.on_failure;
        self.note(&format!("the proxy of {} cannot tell what was spent (on_failure = {on_failure}): {error}", self.setup.agent));
        match on_failure {
            OnFailure::Open => Ok(Ticket(u64::MAX)),
            OnFailure::Closed => Err(format!("aifinops: refused, since what was spent cannot be told: {error}")),
        }
    }

    fn focus(&self, session: Option<&str>, model: Option<&str>) -> Focus {
        let known = session.and_then(|uid| self.setup.ingest.store.session_of(self.setup.agent, uid).ok().flatten());
        Focus {
            session: known.as_ref().map(|who| who.id),
            uid: session.map(str::to_owned),
            agent: self.setup.agent.to_owned(),
            cwd: known.as_ref().and_then(|who| who.cwd.as_deref().map(str::to_owned)).or_else(|| self.setup.cwd.clone()),
            model: model.map(str::to_owned).or_else(|| known.and_then(|who| who.model.as_deref().map(str::to_owned))),
        }
    }

    /// Reads what is new in the logs and finds our calls among theirs.
    fn read(&mut self) -> Result<(), StoreError> {
        self.read_at = Some(Instant::now());
        // Databases that were mended or begun anew elsewhere are other files now.
        if self.ledger.is_displaced() {
            self.ledger = journal::ledger(&self.setup.dir, PATIENCE, (self.setup.clock)())?;
        }
        if self.setup.ingest.store.is_displaced() {
            self.setup.ingest.store.stop_writing();
            self.setup.ingest.move_to(Store::open_on_disk(&self.setup.dir)?.store);
        }
        // Where another process writes, it also reads.
        if self.setup.ingest.store.become_writer() {
            self.setup.ingest.scan_quietly()?;
        }
        let logged = self.setup.ingest.store.calls_since(self.setup.agent, self.since - SLACK)?;
        let found = matches(&self.calls, &mut self.matched, &logged);
        for ticket in found {
            if let Some(seen) = self.calls.remove(&ticket) {
                self.ledger.forget_pending(seen.row)?;
            }
        }
        Ok(())
    }

    /// Reads what is new, unless that was done a moment ago.
    fn refresh(&mut self) -> Result<(), StoreError> {
        if self.read_at.is_none_or(|at| at.elapsed() >= FRESH) { self.read() } else { Ok(()) }
    }

    fn standings(&mut self, focus: &Focus) -> Result<Vec<Standing>, StoreError> {
        self.refresh()?;
        if self.rules_at.elapsed() >= FRESH {
            self.rules_at = Instant::now();
            self.setup.rules = (self.setup.reload)();
        }
        let (rules, now) = (&self.setup.rules, (self.setup.clock)());
        let raises = caps::raises(&self.ledger, now)?;
        let store = &self.setup.ingest.store;
        let mut standings = rules.standings(store, &raises, Some(focus), now)?;
        if !rules.attribution.experiments.is_empty() {
            let labeler = Labeler::new(rules.attribution.clone(), Some(&self.ledger))?;
            standings.extend(rules.experiment(store, &labeler, &self.ledger, focus, now)?);
        }
        Ok(standings)
    }

    /// As [`State::standings`], with what no log shows yet.
    fn standings_now(&mut self, focus: &Focus) -> Result<Vec<Standing>, StoreError> {
        let mut standings = self.standings(focus)?;
        let pending = self.ledger.pending()?;
        for standing in &mut standings {
            standing.spend.add(&waiting(standing, &pending, None));
        }
        Ok(standings)
    }

    fn admit(&mut self, ask: &Ask) -> Result<Result<Ticket, String>, StoreError> {
        // Who asks is known best once its log has been read.
        self.refresh()?;
        let focus = self.focus(ask.session.as_deref(), ask.estimate.model.as_deref());
        let mut standings = self.standings(&focus)?;
        let pending = self.reservation(ask, &focus);
        let session = ask.session.as_deref();
        let zone = self.setup.rules.zone;
        let mut refused = None;
        let judge = |all: &[Pending]| {
            for standing in &mut standings {
                standing.spend.add(&waiting(standing, all, session));
            }
            match budgets::verdict(&standings) {
                Some(standing) => {
                    refused = Some(standing.clone());
                    Err(budgets::halt_text(standing, zone))
                }
                None => Ok(()),
            }
        };
        match self.ledger.reserve(&pending, judge)? {
            Ok(row) => {
                self.next += 1;
                self.calls.insert(self.next, Seen { row, pending, usage: None });
                Ok(Ok(Ticket(self.next)))
            }
            Err(why) => {
                if let Some(standing) = refused {
                    self.record(Kind::Refuse, &standing, ask.session.clone())?;
                }
                Ok(Err(why))
            }
        }
    }

    fn record(&self, kind: Kind, standing: &Standing, session: Option<String>) -> Result<(), StoreError> {
        let met = decision(standing, kind, (self.setup.clock)(), &self.setup.who);
        self.ledger.record(&Decision { agent: Some(self.setup.agent.to_owned()), session, ..met })
    }

    fn reservation(&mut self, ask: &Ask, focus: &Focus) -> Pending {
        let estimate = &ask.estimate;
        let output = estimate.most_output.unwrap_or(RESERVED_OUTPUT).min(RESERVED_OUTPUT);
        let tokens = Tokens { input: estimate.input, output, ..Tokens::default() };
        let (money, unpriced) = self.cost(estimate.model.as_deref(), &Usage { tokens, ..no_usage() });
        Pending {
            run: self.run.clone(),
            pid: std::process::id(),
            at: (self.setup.clock)(),
            ended_at: None,
            agent: self.setup.agent.to_owned(),
            session: ask.session.clone(),
            cwd: focus.cwd.clone(),
            model: estimate.model.clone(),
            money,
            unpriced,
            tokens: tokens.total(),
        }
    }

    /// What a call costs, and whether that is only assumed.
    fn cost(&mut self, asked: Option<&str>, usage: &Usage) -> (Money, bool) {
        let prices = &mut self.setup.ingest.prices;
        let known = [usage.model.as_deref(), asked]
            .into_iter()
            .flatten()
            .find_map(|model| prices.cost(model, &usage.tokens, usage.searches, usage.tier, usage.speed));
        known.map_or_else(|| (self.setup.rules.assumed.cost(&usage.tokens, 1, 1), true), |money| (money, false))
    }

    fn settle(&mut self, ticket: &Ticket, usage: Option<&Usage>) -> Result<(), StoreError> {
        let Some(usage) = usage else {
            return self.calls.remove(&ticket.0).map_or(Ok(()), |seen| self.ledger.forget_pending(seen.row));
        };
        let Some(asked) = self.calls.get(&ticket.0).map(|seen| seen.pending.model.clone()) else { return Ok(()) };
        let (money, unpriced) = self.cost(asked.as_deref(), usage);
        let ended_at = Some((self.setup.clock)());
        let Some(seen) = self.calls.get_mut(&ticket.0) else { return Ok(()) };
        seen.pending = Pending {
            ended_at,
            money,
            unpriced,
            tokens: usage.tokens.total(),
            model: usage.model.clone().or(asked),
            ..seen.pending.clone()
        };
        seen.usage = Some(usage.clone());
        self.ledger.settle_pending(seen.row, &seen.pending)
    }

    /// Writes the calls that no log has shown.
    fn keep_the_rest(&mut self) -> Result<usize, StoreError> {
        let mut rest: Vec<Seen> = self.calls.drain().map(|(_, seen)| seen).collect();
        rest.sort_by_key(|seen| (seen.pending.at, seen.row));
        let mut batch = Batch::default();
        for seen in &rest {
            if let Some(usage) = &seen.usage {
                let session = session_of(&mut batch, seen, &self.run);
                batch.calls.push(call(self.setup.agent, session, seen, usage, &self.run));
            }
        }
        let count = batch.calls.len();
        if count > 0 {
            self.setup.ingest.add(self.setup.agent, &batch)?;
        }
        for seen in rest {
            self.ledger.forget_pending(seen.row)?;
        }
        Ok(count)
    }
}

fn no_usage() -> Usage {
    use crate::model::{Speed, Tier};
    Usage { model: None, id: None, tokens: Tokens::default(), searches: 0, tier: Tier::default(), speed: Speed::default(), told: false }
}

/// What calls that no log shows yet add to a cap.
pub(in crate::engine) fn waiting(standing: &Standing, all: &[Pending], session: Option<&str>) -> Spend {
    let mut spend = Spend::default();
    for call in all {
        let same_session = standing.cap.span.is_calendar() || (call.session.is_some() && call.session.as_deref() == session);
        if same_session && standing.cap.scope.covers(&call.agent, call.cwd.as_deref(), call.model.as_deref()) {
            spend.add(&Spend {
                known: if call.unpriced { Money::ZERO } else { call.money },
                assumed: if call.unpriced { call.money } else { Money::ZERO },
                unpriced_calls: u64::from(call.unpriced),
                lower_bound: false,
                tokens: call.tokens,
                steps: 1,
                ..Spend::default()
            });
        }
    }
    spend
}

/// The ended calls of ours that logs show: by their identity, else by their tokens in their session.
fn matches(calls: &HashMap<u64, Seen>, matched: &mut HashSet<Key>, logged: &[Logged]) -> Vec<u64> {
    let mut ended: Vec<(&u64, &Seen, &Usage)> =
        calls.iter().filter_map(|(ticket, seen)| Some((ticket, seen, seen.usage.as_ref()?))).collect();
    ended.sort_by_key(|(ticket, ..)| **ticket);
    let mut found = Vec::new();
    for (ticket, seen, usage) in ended {
        let key = usage.id.as_deref().map(|id| own_key(&seen.pending.agent, id));
        let known = logged.iter().find(|call| Some(call.key) == key && !matched.contains(&call.key));
        let known = known.or_else(|| logged.iter().find(|call| !matched.contains(&call.key) && is_same(call, &seen.pending, usage)));
        if let Some(call) = known {
            matched.insert(call.key);
            found.push(*ticket);
        }
    }
    found
}

/// Whether a call of a log is this one, by what both know of it.
fn is_same(call: &Logged, pending: &Pending, usage: &Usage) -> bool {
    let root = call.session.split('/').next().unwrap_or_default();
    let same_session = pending.session.as_deref().is_none_or(|uid| uid == &*call.session || uid == root);
    let in_time = call.at >= pending.at - SLACK && call.at <= pending.ended_at.unwrap_or(pending.at) + SLACK;
    same_session && in_time && call.prompt == usage.tokens.prompt() && call.output == usage.tokens.output
}

/// The key that an agent's log gives a call with this id, where it is the service's own id.
fn own_key(agent: &str, id: &str) -> Key {
    Key::of(&[agent.as_bytes(), b"call", id.as_bytes()])
}

/// The session of a call in a batch: the agent's own, else one for the run.
fn session_of(batch: &mut Batch, seen: &Seen, run: &str) -> u32 {
    let uid = seen.pending.session.clone().unwrap_or_else(|| format!("run-{run}"));
    let at = seen.pending.ended_at.unwrap_or(seen.pending.at);
    let index = if let Some(index) = batch.sessions.iter().position(|session| *session.uid == *uid) {
        index
    } else {
        batch.sessions.push(SessionUpdate { uid: uid.as_str().into(), ..SessionUpdate::default() });
        batch.sessions.len() - 1
    };
    if let Some(session) = batch.sessions.get_mut(index) {
        let (first, last) = session.seen.unwrap_or((seen.pending.at, at));
        session.seen = Some((first.min(seen.pending.at), last.max(at)));
        if let Some(cwd) = &seen.pending.cwd {
            session.cwd.get_or_insert_with(|| (seen.pending.at, cwd.as_str().into()));
        }
    }
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn call(agent: AgentId, session: u32, seen: &Seen, usage: &Usage, run: &str) -> Call {
    let row = seen.row.to_le_bytes();
    let key = match &usage.id {
        Some(id) => own_key(agent, id),
        None => Key::of(&[agent.as_bytes(), b"proxied", run.as_bytes(), &row]),
    };
    let uid = seen.pending.session.as_deref().unwrap_or(run);
    Call {
        key,
        session,
        task: Key::of(&[agent.as_bytes(), b"side", uid.as_bytes()]),
        at: seen.pending.ended_at.unwrap_or(seen.pending.at),
        model: seen.pending.model.as_deref().map(Into::into),
        tokens: usage.tokens,
        searches: usage.searches,
        tier: usage.tier,
        speed: usage.speed,
        context: 0,
        sidechain: true,
        lower_bound: !usage.told,
        gap: false,
        reported: None,
    }
}
