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
use crate::budgets::{self, Standing};
use crate::disk::Lock;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::rules::{Rules, decision};
use crate::model::cap::{OnFailure, Span};
use crate::model::{AgentId, Batch, Key, Millis, Money, Tokens};
use crate::query::Labeler;
use crate::query::caps::{self, Focus};
use crate::store::books::Word;
use crate::store::ledger::{Decision, Kind, Ledger};
use crate::store::pending::{self, Pending};
use crate::store::{Books, Store, StoreError};
use crate::wires::Usage;

mod calls;

pub(in crate::engine) use calls::{is_alive, waiting};
use calls::{matches, rows, session_of};

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
    /// The sessions that requests of this run have named.
    sessions: HashSet<String>,
}

/// A call that the proxy has let through.
struct Seen {
    row: i64,
    pending: Pending,
    usage: Option<Usage>,
}

/// For so long at most it is waited at the end until the last line of the log has been read by whoever reads it.
const LAST_LINE: Duration = Duration::from_secs(3);
/// A log shows a call so soon after its end, or never.
const SHOWN: Millis = 15_000;
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
            sessions: HashSet::new(),
        };
        Ok(CapGate { state: Mutex::new(state) })
    }

    /// The run is over: what no log shows becomes a call of its own. Gives how many there were.
    pub fn finish(&self) -> Result<usize, StoreError> {
        let mut state = self.lock();
        let begun = Instant::now();
        loop {
            state.read()?;
            // An agent ends right behind its last line, and whoever reads the logs in this one's place may not have come to it yet.
            let waits = state.has_ended_calls() && !state.setup.ingest.store.is_writer() && begun.elapsed() < LAST_LINE;
            let agent = state.setup.agent;
            if !waits || !state.setup.ingest.is_behind(agent)? {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        state.read()?;
        state.keep_the_rest()
    }

    /// Looks whether the log has come to show calls that ended a moment ago: until then others count them as well. For who has nothing
    /// else to ask.
    pub fn tidy(&self) {
        let mut state = self.lock();
        let now = (state.setup.clock)();
        let is_new = |seen: &Seen| seen.pending.ended_at.is_some_and(|at| now - at < SHOWN);
        if state.calls.values().any(is_new) {
            // What cannot be read just now is read with the next question.
            let _ = state.refresh();
        }
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
        let standings = match state.standings_of_all() {
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

    /// The sessions of this run, as far as anybody knows: those that its requests name, else those that its agent has been at work in
    /// here since it began.
    fn own_sessions(&self) -> Result<Vec<Focus>, StoreError> {
        let is_here = |cwd: Option<&str>| cwd.is_none() || self.setup.cwd.is_none() || cwd == self.setup.cwd.as_deref();
        let mut found = Vec::new();
        for who in self.setup.ingest.store.sessions_since(self.since)? {
            let is_named = if self.sessions.is_empty() { is_here(who.cwd.as_deref()) } else { self.sessions.contains(&*who.uid) };
            if *who.agent == *self.setup.agent && is_named {
                found.push(Focus::from(who));
            }
        }
        Ok(found)
    }

    /// How caps stand for this run, with what no log shows yet, where no request says of which session it is asked.
    fn standings_of_all(&mut self) -> Result<Vec<Standing>, StoreError> {
        self.refresh()?;
        let pending = self.ledger.pending()?;
        let mut focuses = self.own_sessions()?;
        if focuses.is_empty() {
            focuses.push(self.focus(None, None));
        }
        let mut all = Vec::new();
        for focus in focuses {
            let mut standings = self.standings(&focus)?;
            let began = self.task_began(&focus)?;
            for standing in &mut standings {
                standing.spend.add(&waiting(standing, &pending, focus.uid.as_deref(), began));
            }
            all.append(&mut standings);
        }
        Ok(all)
    }

    /// When the running task of a session began, where a cap asks for that.
    fn task_began(&self, focus: &Focus) -> Result<Option<Millis>, StoreError> {
        let is_asked = self.setup.rules.caps.iter().any(|cap| cap.span == Span::Task);
        let Some(id) = focus.session.filter(|_| is_asked) else { return Ok(None) };
        let store = &self.setup.ingest.store;
        Ok(store.last_task(&store.conversation(id)?)?.map(|task| task.began))
    }

    /// Whether the answer to a call is there and no log shows it.
    fn has_ended_calls(&self) -> bool {
        self.calls.values().any(|seen| seen.usage.is_some())
    }

    fn admit(&mut self, ask: &Ask) -> Result<Result<Ticket, String>, StoreError> {
        // Who asks is known best once its log has been read.
        self.refresh()?;
        let focus = self.focus(ask.session.as_deref(), ask.estimate.model.as_deref());
        self.sessions.extend(ask.session.clone());
        let mut standings = self.standings(&focus)?;
        if ask.session.is_none() {
            // Whose session it is nobody says: then it may be any of this run's.
            standings.retain(|standing| standing.cap.span.is_calendar());
            for own in self.own_sessions()? {
                standings.extend(self.standings(&own)?.into_iter().filter(|standing| !standing.cap.span.is_calendar()));
            }
        }
        let began = self.task_began(&focus)?;
        let pending = self.reservation(ask, &focus);
        let session = ask.session.as_deref();
        let zone = self.setup.rules.zone;
        let mut refused = None;
        let judge = |all: &[Pending]| {
            for standing in &mut standings {
                standing.spend.add(&waiting(standing, all, session, began));
            }
            match budgets::verdict(&standings) {
                Some(standing) => {
                    refused = Some(standing.clone());
                    Err(budgets::halt_text(standing, zone))
                }
                None => Ok(()),
            }
        };
        match self.ledger.reserve(&pending, is_alive, judge)? {
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
        let known = super::cost(&mut self.setup.ingest.prices, asked, usage);
        known.map_or_else(|| (self.setup.rules.assumed.cost(&usage.all_tokens(), 1, 1), true), |money| (money, false))
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
            tokens: usage.all_tokens().total(),
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
        let mut count = 0;
        for seen in &rest {
            if let Some(usage) = &seen.usage {
                let session = session_of(&mut batch, seen, &self.run);
                batch.calls.extend(rows(self.setup.agent, session, seen, usage, &self.run));
                count += 1;
            }
        }
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
    Usage {
        model: None,
        id: None,
        tokens: Tokens::default(),
        beside: Vec::new(),
        searches: 0,
        tier: Tier::default(),
        speed: Speed::default(),
        told: false,
    }
}
