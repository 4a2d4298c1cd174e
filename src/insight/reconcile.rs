//! Two ledgers of the same calls: what this machine's logs say, and what a gateway has counted.
//!
//! Every call of either side ends in exactly one [`Entry`], and an entry's difference is what the gateway says less what the
//! logs say. So the sum of all differences is the difference of the sums, to the nano-dollar, whatever is matched with what.
//!
//! Calls are joined by the id of the model's answer where both have it; then by session and tokens; then by model, tokens
//! and time; and what is left and cannot but be the same call (same session or the same moment, same model) is the same
//! call with other tokens. The nearest in time comes first, and no call is joined twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::{GatewayCall, GatewayRates, Key, KeyMap, Millis, Money, Tokens};

mod class;

pub use class::Class;

/// Clocks differ by so much at most.
const CLOCKS: Millis = 2_000;
/// A log's line may come so long after the answer: Codex writes its counters when the tool has run.
const LATE: Millis = 10 * 60_000;
/// Within a session, equal tokens are the same call over so long.
const SESSION: Millis = 60 * 60_000;
/// A call with other tokens is only taken for the same one when it ends within so much of it.
const TIGHT: Millis = 3_000;
/// Rows that begin within so much of each other, with the same of everything, are one call written twice.
const TWICE: Millis = 1_000;
/// Both sides round to whole nano-dollars once.
const ROUNDING: i64 = 1;

/// A call as a log of this machine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The agent's own identity of the call.
    pub key: Key,
    /// The agent.
    pub agent: Arc<str>,
    /// The agent's own id of the session.
    pub session: Arc<str>,
    /// That of the conversation it belongs to: gateways know a subagent's calls by this.
    pub root: Arc<str>,
    /// The model, as the log has it.
    pub model: Option<Arc<str>>,
    /// When it was written.
    pub at: Millis,
    /// Its tokens.
    pub tokens: Tokens,
    /// What it costs; nothing where no price is known.
    pub money: Option<Money>,
    /// The prices that it was counted at.
    pub rates: GatewayRates,
}

/// A gateway's call, and the identity that a log would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The call.
    pub call: GatewayCall,
    /// The identities under which a log may have it.
    pub keys: Vec<Key>,
}

/// One call, as one or both of the sides have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its place among the local calls.
    pub local: Option<usize>,
    /// Its place among the gateway's.
    pub remote: Option<usize>,
    /// What its difference comes from.
    pub class: Class,
    /// What the gateway says less what the logs say.
    pub difference: Money,
}

/// Everything of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// Calls.
    pub calls: u64,
    /// Their differences.
    pub difference: Money,
}

/// Both ledgers, joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciliation {
    /// Every call of either side, once.
    pub entries: Vec<Entry>,
    /// What the logs say.
    pub local: Money,
    /// What the gateway says.
    pub gateway: Money,
}

impl Reconciliation {
    /// What the gateway says less what the logs say.
    #[must_use]
    pub fn difference(&self) -> Money {
        self.gateway - self.local
    }

    /// The sums of the classes that have calls.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<Class, Total> {
        let mut out: BTreeMap<Class, Total> = BTreeMap::new();
        for entry in &self.entries {
            let total = out.entry(entry.class).or_default();
            total.calls += 1;
            total.difference += entry.difference;
        }
        out
    }
}

/// A model's name without what differs between the two sides: the provider before it, the date behind it.
#[must_use]
pub fn model_name(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let is_date = |end: &str| end.len() == 8 && end.bytes().all(|b| b.is_ascii_digit());
    match name.rsplit_once('-') {
        Some((head, end)) if is_date(end) => head.to_owned(),
        _ => name,
    }
}

/// The tokens that are compared. What a gateway calls a cache write may not say for how long.
type Counts = (u64, u64, u64, u64);

/// What two rows of one call have in common: tokens, model and key.
type Looks<'a> = (Counts, Option<&'a str>, Option<&'a str>);

fn counts(tokens: &Tokens) -> Counts {
    (tokens.input, tokens.cache_read, tokens.cache_write_5m.saturating_add(tokens.cache_write_1h), tokens.output)
}

/// Joins the two. Failed calls that cost nothing are no calls. `gone` are calls that the gateway once had and has no longer.
#[must_use]
pub fn reconcile(locals: &[Local], remotes: &[Remote], gone: &[Remote]) -> Reconciliation {
    let mut join = Join::new(locals, remotes);
    join.lost = Lost::of(gone);
    join.by_answer();
    join.by_session();
    join.by_tokens();
    join.by_moment();
    join.finish()
}

struct Join<'a> {
    locals: &'a [Local],
    remotes: &'a [Remote],
    /// The gateway's call of each local one.
    to_remote: Vec<Option<usize>>,
    /// The local call of each of the gateway's.
    to_local: Vec<Option<usize>>,
    /// The sessions that have a log here.
    sessions: HashSet<&'a str>,
    /// The places of both sides' calls in an order of their own: which of two that are alike is taken does not hang on the lists.
    ranks: (Vec<usize>, Vec<usize>),
    /// The local calls of each conversation, in the order of time.
    of_session: HashMap<&'a str, Vec<usize>>,
    /// What the gateway has no longer.
    lost: Lost<'a>,
}

/// Calls that the gateway once had, as a local call is known by.
#[derive(Default)]
struct Lost<'a> {
    keys: HashSet<Key>,
    looks: HashSet<(&'a str, Counts)>,
}

impl<'a> Lost<'a> {
    fn of(gone: &'a [Remote]) -> Lost<'a> {
        let looks = gone.iter().filter_map(|remote| Some((remote.call.session.as_deref()?, counts(&remote.call.tokens))));
        Lost { keys: gone.iter().flat_map(|remote| remote.keys.iter().copied()).collect(), looks: looks.collect() }
    }

    fn has(&self, local: &Local) -> bool {
        let tokens = counts(&local.tokens);
        self.keys.contains(&local.key)
            || [&local.session, &local.root].into_iter().any(|session| self.looks.contains(&(&**session, tokens)))
    }
}

impl<'a> Join<'a> {
    fn new(locals: &'a [Local], remotes: &'a [Remote]) -> Join<'a> {
        let mut sessions = HashSet::new();
        let mut of_session: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, local) in locals.iter().enumerate() {
            sessions.extend([&*local.session, &*local.root]);
            of_session.entry(&local.session).or_default().push(at);
            if local.root != local.session {
                of_session.entry(&local.root).or_default().push(at);
            }
        }
        let ranks = (
            ranks(locals, |local| (local.at, local.key, counts(&local.tokens), &*local.session)),
            ranks(remotes, |remote| (remote.call.at, remote.call.ended, remote.call.id.as_str())),
        );
        Join {
            locals,
            remotes,
            ranks,
            to_remote: vec![None; locals.len()],
            to_local: vec![None; remotes.len()],
            sessions,
            of_session,
            lost: Lost::default(),
        }
    }

    fn put(&mut self, local: usize, remote: usize) -> bool {
        let (Some(left), Some(right)) = (self.to_remote.get_mut(local), self.to_local.get_mut(remote)) else { return false };
        if left.is_some() || right.is_some() {
            return false;
        }
        (*left, *right) = (Some(remote), Some(local));
        true
    }

    fn is_free(&self, local: usize) -> bool {
        self.to_remote.get(local).is_some_and(Option::is_none)
    }

    /// The gateway's calls that are not joined yet.
    fn open(&self) -> Vec<(usize, &'a Remote)> {
        let is_open = |(at, remote): &(usize, &Remote)| self.to_local.get(*at).is_some_and(Option::is_none) && counts_as_call(&remote.call);
        let mut open: Vec<_> = self.remotes.iter().enumerate().filter(is_open).collect();
        open.sort_unstable_by_key(|(at, _)| self.ranks.1.get(*at));
        open
    }

    /// Joins pairs, the nearest in time first.
    fn nearest(&mut self, mut pairs: Vec<(Millis, usize, usize)>) {
        pairs.sort_unstable_by_key(|(apart, local, remote)| (*apart, self.ranks.0.get(*local), self.ranks.1.get(*remote)));
        for (_, local, remote) in pairs {
            self.put(local, remote);
        }
    }

    fn by_answer(&mut self) {
        let known: KeyMap<usize> = self.locals.iter().enumerate().map(|(at, local)| (local.key, at)).collect();
        for (at, remote) in self.open() {
            if let Some(local) = remote.keys.iter().filter_map(|key| known.get(key)).find(|local| self.is_free(**local)) {
                self.put(*local, at);
            }
        }
    }

    fn by_session(&mut self) {
        // Those of the same model first: a gateway may call a model by another name, but then no other call has its own.
        for any_model in [false, true] {
            let mut pairs = Vec::new();
            for (at, remote) in self.open() {
                let Some(session) = remote.call.session.as_deref() else { continue };
                for local in self.of_session.get(session).into_iter().flatten() {
                    let Some(one) = self.locals.get(*local) else { continue };
                    let apart = (one.at - remote.call.ended).abs();
                    let fits = counts(&one.tokens) == counts(&remote.call.tokens) && (any_model || is_same_model(one, &remote.call));
                    if self.is_free(*local) && apart <= SESSION && fits {
                        pairs.push((apart, *local, at));
                    }
                }
            }
            self.nearest(pairs);
        }
    }

    fn by_tokens(&mut self) {
        let mut places: HashMap<Counts, Vec<usize>> = HashMap::new();
        for (at, local) in self.locals.iter().enumerate().filter(|(at, _)| self.is_free(*at)) {
            places.entry(counts(&local.tokens)).or_default().push(at);
        }
        let mut pairs = Vec::new();
        for (at, remote) in self.open() {
            // A call of a session that is known here belongs to that one.
            if remote.call.session.as_deref().is_some_and(|session| self.sessions.contains(session)) {
                continue;
            }
            for local in places.get(&counts(&remote.call.tokens)).into_iter().flatten() {
                let Some(one) = self.locals.get(*local) else { continue };
                let fits = one.at >= remote.call.at - CLOCKS && one.at <= remote.call.ended + LATE;
                if fits && is_same_model(one, &remote.call) {
                    pairs.push(((one.at - remote.call.ended).abs(), *local, at));
                }
            }
        }
        self.nearest(pairs);
    }

    fn by_moment(&mut self) {
        let mut free: Vec<(Millis, usize)> =
            self.locals.iter().enumerate().filter(|(at, _)| self.is_free(*at)).map(|(at, local)| (local.at, at)).collect();
        free.sort_unstable();
        let mut pairs = Vec::new();
        for (at, remote) in self.open() {
            let end = remote.call.ended;
            let from = free.partition_point(|(moment, _)| *moment < end - TIGHT);
            for (moment, local) in free.iter().skip(from).take_while(|(moment, _)| *moment <= end + TIGHT) {
                let Some(one) = self.locals.get(*local) else { continue };
                let same_session = remote
                    .call
                    .session
                    .as_deref()
                    .is_none_or(|session| !self.sessions.contains(session) || *one.session == *session || *one.root == *session);
                if same_session && is_same_model(one, &remote.call) {
                    pairs.push(((moment - end).abs(), *local, at));
                }
            }
        }
        self.nearest(pairs);
    }

    fn finish(self) -> Reconciliation {
        let mut out = Reconciliation::default();
        let known: HashSet<&str> = (self.remotes.iter()).filter_map(|remote| remote.call.session.as_deref()).collect();
        let joined_sessions: HashSet<&str> =
            (self.locals.iter().zip(&self.to_remote)).filter(|(_, remote)| remote.is_some()).map(|(local, _)| &*local.session).collect();
        for (at, local) in self.locals.iter().enumerate() {
            let money = local.money.unwrap_or_default();
            out.local += money;
            let remote = self.to_remote.get(at).copied().flatten();
            let Some(one) = remote.and_then(|remote| self.remotes.get(remote)) else {
                if local.tokens.total() > 0 || money != Money::ZERO {
                    let is_known = self.lost.has(local)
                        || known.contains(&*local.session)
                        || known.contains(&*local.root)
                        || joined_sessions.contains(&*local.session);
                    let class = if is_known { Class::RowLost } else { Class::Bypassed };
                    out.entries.push(Entry { local: Some(at), remote: None, class, difference: -money });
                }
                continue;
            };
            let difference = one.call.spend - money;
            out.entries.push(Entry { local: Some(at), remote, class: class_of(local, &one.call, difference), difference });
        }
        let twice = self.written_twice();
        for (at, remote) in self.remotes.iter().enumerate().filter(|(_, remote)| counts_as_call(&remote.call)) {
            out.gateway += remote.call.spend;
            if self.to_local.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let class = if twice.contains(&at) {
                Class::Duplicate
            } else if remote.call.session.as_deref().is_some_and(|session| self.sessions.contains(session)) {
                Class::SideCall
            } else {
                Class::Elsewhere
            };
            out.entries.push(Entry { local: None, remote: Some(at), class, difference: remote.call.spend });
        }
        out
    }

    /// The gateway's calls that no log has, and that are another one of its calls once more.
    fn written_twice(&self) -> HashSet<usize> {
        let mut requests: HashMap<&str, usize> = HashMap::new();
        let mut looks: HashMap<Looks<'_>, Vec<usize>> = HashMap::new();
        let mut twice = HashSet::new();
        // Those that are joined come first: of two that are alike, it is the other one that is too much.
        let is_joined = |at: &usize| self.to_local.get(*at).is_some_and(Option::is_some);
        let mut order: Vec<usize> = (0..self.remotes.len()).collect();
        order.sort_unstable_by_key(|at| (!is_joined(at), self.ranks.1.get(*at)));
        for at in order {
            let Some(call) = self.remotes.get(at).map(|remote| &remote.call).filter(|call| counts_as_call(call)) else { continue };
            let alike = looks.entry((counts(&call.tokens), call.model.as_deref(), call.key.as_deref())).or_default();
            if !is_joined(&at) {
                let by_request = call.request.as_deref().is_some_and(|request| requests.contains_key(request));
                let by_looks = call.tokens.total() > 0
                    && alike.iter().filter_map(|at| self.remotes.get(*at)).any(|other| {
                        (other.call.at - call.at).abs() <= TWICE
                            && (other.call.ended - call.ended).abs() <= TWICE
                            && other.call.session == call.session
                            && (other.call.request.is_none() || call.request.is_none())
                    });
                if by_request || by_looks {
                    twice.insert(at);
                    continue;
                }
            }
            alike.push(at);
            if let Some(request) = call.request.as_deref() {
                requests.entry(request).or_insert(at);
            }
        }
        twice
    }
}

/// The place of each in the order of a key.
fn ranks<'a, T, K: Ord>(all: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<usize> {
    let mut order: Vec<(K, usize)> = all.iter().enumerate().map(|(at, one)| (key(one), at)).collect();
    order.sort_unstable();
    let mut ranks = vec![0; all.len()];
    for (rank, (_, at)) in order.into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(at) {
            *place = rank;
        }
    }
    ranks
}

/// Whether it is a call that was paid for, or could have been.
const fn counts_as_call(call: &GatewayCall) -> bool {
    !call.failed || call.spend.nanos() != 0
}

fn is_same_model(local: &Local, call: &GatewayCall) -> bool {
    match (local.model.as_deref(), call.model.as_deref()) {
        (Some(a), Some(b)) => model_name(a) == model_name(b),
        _ => true,
    }
}

fn class_of(local: &Local, call: &GatewayCall, difference: Money) -> Class {
    let split = |tokens: &Tokens| (tokens.cache_write_5m, tokens.cache_write_1h);
    if counts(&local.tokens) != counts(&call.tokens) {
        return Class::Tokens;
    }
    match (local.money, difference.nanos()) {
        (None, _) if call.spend != Money::ZERO => Class::LocalUnpriced,
        (_, 0) => Class::Same,
        (_, nanos) if nanos.abs() <= ROUNDING => Class::Rounding,
        _ if call.spend == Money::ZERO => Class::GatewayUnpriced,
        _ if split(&local.tokens) != split(&call.tokens) => Class::Tokens,
        _ => Class::Rate,
    }
}
