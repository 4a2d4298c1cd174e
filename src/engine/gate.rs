//! Who is asked before each model call, and told after it: where caps meet the proxy.
//!
//! **Why two steps.** What a call costs is known when it has ended, but calls run side by side. So a gate reserves what
//! a call may cost before it begins and puts the real cost in its place afterwards, both under one lock: however many
//! subagents ask at once, each of them can exceed a cap by the one call that it has been admitted with.

pub mod caps;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Beside, Money, Speed, Tier, Tokens};
use crate::pricing::Pricer;
use crate::store::books::Word;
use crate::wires::{Estimate, Part, Usage};

/// A call that wants to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The wire's name, such as `anthropic`.
    pub wire: &'static str,
    /// The agent's name, such as `claude-code`; empty where it is not known.
    pub agent: String,
    /// The agent's own id of the conversation, where its requests carry one.
    pub session: Option<String>,
    /// The model that is asked, and what it may use.
    pub estimate: Estimate,
}

/// Stands for an admitted call until it is settled. Its number means something to the gate that gave it only.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// Decides on model calls. Both steps may block for a moment: they are not taken where streams flow.
pub trait Gate: Send + Sync + fmt::Debug {
    /// Admits the call and reserves for it, or says why not in words for the person at the agent.
    fn admit(&self, ask: &Ask) -> Result<Ticket, String>;

    /// An admitted call has ended. `None`: nothing was answered, so nothing is owed.
    ///
    /// Called once for each ticket, before the agent gets the last bytes of the answer: its next call finds the real
    /// cost here and not the reservation.
    fn settle(&self, ticket: Ticket, usage: Option<&Usage>);

    /// What a team's gateway has said of an admitted call in the head of its answer. It is the gateway's word, not the cost
    /// that the call is settled with.
    fn heard(&self, _word: &Word) {}

    /// Why no call would be admitted right now, if none would. For who can only be stopped from outside.
    fn over(&self) -> Option<String> {
        None
    }
}

/// Admits everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Gate for Open {
    fn admit(&self, _ask: &Ask) -> Result<Ticket, String> {
        Ok(Ticket(0))
    }

    fn settle(&self, _ticket: Ticket, _usage: Option<&Usage>) {}
}

/// Admits what all of its gates admit.
#[derive(Debug, Default)]
pub struct All {
    gates: Vec<Arc<dyn Gate>>,
    next: AtomicU64,
    given: Mutex<HashMap<u64, Vec<Ticket>>>,
}

impl All {
    /// Of these, asked in order.
    #[must_use]
    pub fn new(gates: Vec<Arc<dyn Gate>>) -> All {
        All { gates, ..All::default() }
    }
}

impl Gate for All {
    fn admit(&self, ask: &Ask) -> Result<Ticket, String> {
        let mut tickets = Vec::with_capacity(self.gates.len());
        for gate in &self.gates {
            match gate.admit(ask) {
                Ok(ticket) => tickets.push(ticket),
                Err(why) => {
                    self.gates.iter().zip(tickets).for_each(|(gate, ticket)| gate.settle(ticket, None));
                    return Err(why);
                }
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.given).insert(number, tickets);
        Ok(Ticket(number))
    }

    fn settle(&self, ticket: Ticket, usage: Option<&Usage>) {
        let tickets = lock(&self.given).remove(&ticket.0).unwrap_or_default();
        self.gates.iter().zip(tickets).for_each(|(gate, ticket)| gate.settle(ticket, usage));
    }

    fn heard(&self, word: &Word) {
        self.gates.iter().for_each(|gate| gate.heard(word));
    }

    fn over(&self) -> Option<String> {
        self.gates.iter().find_map(|gate| gate.over())
    }
}

/// Output tokens that are reserved for a call at most: agents ask for the most a model can write (32 000 and more) and
/// use a small part of it, so reserving all would refuse calls that a limit has room for.
const RESERVED_OUTPUT: u64 = 4096;

/// A limit for one run, kept in memory.
#[derive(Debug)]
pub struct RunLimit {
    most: Money,
    book: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    prices: Pricer,
    spent: Money,
    next: u64,
    /// What is reserved for each open call, and the model that it asks.
    open: HashMap<u64, (Money, Option<String>)>,
}

impl RunLimit {
    /// At most this much, at these prices.
    #[must_use]
    pub fn new(most: Money, prices: Pricer) -> RunLimit {
        RunLimit { most, book: Mutex::new(Account { prices, spent: Money::ZERO, next: 0, open: HashMap::new() }) }
    }

    /// What the calls that have ended have cost.
    #[must_use]
    pub fn spent(&self) -> Money {
        lock(&self.book).spent
    }

    fn refusal(&self, spent: Money, reserved: Money) -> Option<String> {
        if spent + reserved < self.most {
            return None;
        }
        let waiting = if spent < self.most { format!(" and {reserved} reserved for calls under way") } else { String::new() };
        Some(format!(
            "aifinops: the limit of {} for this run is used up ({spent} spent{waiting}). Run again with a higher --max-usd to go on.",
            self.most
        ))
    }
}

impl Gate for RunLimit {
    fn admit(&self, ask: &Ask) -> Result<Ticket, String> {
        let mut account = lock(&self.book);
        let Account { prices, spent, next, open } = &mut *account;
        let estimate = &ask.estimate;
        let output = estimate.most_output.unwrap_or(RESERVED_OUTPUT).min(RESERVED_OUTPUT);
        let tokens = Tokens { input: estimate.input, output, ..Tokens::default() };
        let reserve = match &estimate.model {
            Some(model) => prices.cost(model, &tokens, 0, Tier::Standard, Speed::default()).ok_or_else(|| {
                format!(
                    "aifinops: the price of `{model}` is unknown, so --max-usd cannot hold. Set it with `aifinops prices set {model} --input USD --output USD`, or run without --max-usd."
                )
            })?,
            // The service will refuse a request that names no model, or its answer will name one.
            None => Money::ZERO,
        };
        if let Some(why) = self.refusal(*spent, open.values().map(|(money, _)| *money).sum()) {
            return Err(why);
        }
        *next += 1;
        open.insert(*next, (reserve, estimate.model.clone()));
        Ok(Ticket(*next))
    }

    fn settle(&self, ticket: Ticket, usage: Option<&Usage>) {
        let mut account = lock(&self.book);
        let Account { prices, spent, open, .. } = &mut *account;
        let Some((reserved, asked)) = open.remove(&ticket.0) else { return };
        let Some(usage) = usage else { return };
        *spent += cost(prices, asked.as_deref(), usage).unwrap_or_else(|| {
            // Where a tier or a surcharge has no known price: no less than the plain rates come to.
            let names = [usage.model.as_deref(), asked.as_deref()];
            let plain =
                names.into_iter().flatten().find_map(|model| prices.cost(model, &usage.tokens, 0, Tier::Standard, Speed::default()));
            reserved.max(plain.unwrap_or_default())
        });
    }

    fn over(&self) -> Option<String> {
        let spent = self.spent();
        self.refusal(spent, Money::ZERO)
    }
}

/// What a call has cost with all that is billed beside it; `None` where a price is not known.
fn cost(prices: &mut Pricer, asked: Option<&str>, usage: &Usage) -> Option<Money> {
    let names = [usage.model.as_deref(), asked];
    let mut names = names.into_iter().flatten();
    let answer = names.find_map(|model| prices.cost(model, &usage.tokens, usage.searches, usage.tier, usage.speed))?;
    usage.beside.iter().try_fold(answer, |sum, part| {
        let (model, speed) = beside(usage, part);
        Some(sum + prices.cost(model?, &part.tokens, 0, usage.tier, speed)?)
    })
}

/// The model and the speed of a request that was made for an answer.
fn beside<'a>(usage: &'a Usage, part: &'a Part) -> (Option<&'a str>, Speed) {
    match part.why {
        Beside::Advisor => (part.model.as_deref(), Speed::default()),
        Beside::Compaction | Beside::Declined => (part.model.as_deref().or(usage.model.as_deref()), usage.speed),
    }
}

/// A panic in one call must not open the gate for the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
