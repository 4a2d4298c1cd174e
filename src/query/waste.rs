//! Where the money went: over a window, session by session, model by model.
//!
//! One pass over all calls; what is kept of each is eighty bytes, and of each session a sum. Calls outside the window are looked at too: what
//! a step sends again, and whether its cache is read, the steps before and after it tell.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::insight::waste::{self, Session, Step, Strain, Waste};
use crate::model::session::MOST_ANCESTORS;
use crate::model::{Bill, Cost, Key, KeyMap, Millis, SessionKind, Window};
use crate::pricing::{Pricer, Rates};
use crate::store::read::StepRow;
use crate::store::strain::{Billing, StrainRow};
use crate::store::{Store, StoreError, Sums};

use super::{Filter, SessionView};

mod gather;
mod models;

pub use crate::insight::waste::{Category, PLACES, Part, Place};
pub use crate::pricing::{Class, Target};
pub use models::{Mix, ModelUse, Share, Swap, SwapModel};

use gather::Calls;
use models::Models;

/// A question about waste.
pub struct Asked<'a> {
    /// The window, widened to whole quarters of an hour as all windows are.
    pub window: Window,
    /// Now.
    pub now: Millis,
    /// Which sessions and models.
    pub filter: &'a Filter,
    /// Only this session. Its subagents are looked at for their share.
    pub only: Option<i64>,
    /// The models at whose prices the same tokens are wanted, by their names.
    pub swaps: &'a [(String, Rates)],
    /// The classes that the user has given to models.
    pub classes: &'a [(String, Class)],
    /// The shares that classes are to have.
    pub targets: &'a [Target],
    /// How many sessions are wanted at most.
    pub limit: usize,
}

/// What facts say that has no price: counted, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Model calls that failed and were tried again. Logs tell no tokens of them.
    pub retries: u64,
    /// Model calls that were given up.
    pub errors: u64,
    /// Tool calls.
    pub tools: u64,
    /// Tool calls that failed.
    pub failures: u64,
    /// Contexts that were summarized.
    pub compactions: u64,
}

impl Counts {
    /// The counts in sums.
    #[must_use]
    pub fn of(sums: &Sums) -> Counts {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Counts {
            retries: count(sums.retries),
            errors: count(sums.errors),
            tools: count(sums.tools),
            failures: count(sums.failures),
            compactions: count(sums.compactions),
        }
    }
}

/// Where a session's money went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWaste {
    /// The session.
    pub view: SessionView,
    /// Its own steps.
    pub waste: Waste,
    /// What facts say.
    pub counts: Counts,
    /// What its subagents cost, and theirs. Not part of its own cost.
    pub subagents: Cost,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The window in whole quarters.
    pub window: Window,
    /// All sessions together.
    pub total: Waste,
    /// What facts say of all of them.
    pub counts: Counts,
    /// What the subagents among them cost: part of the total. Of a single session: what its own cost, which is not.
    pub subagents: Cost,
    /// The sessions, those first where most could have been saved; no more than were wanted.
    pub sessions: Vec<SessionWaste>,
    /// How many there are.
    pub all_sessions: usize,
    /// The models, the dearest first, with what others would have cost.
    pub models: Vec<ModelUse>,
    /// The models at whose prices.
    pub swaps: Vec<SwapModel>,
    /// How the work was spread over classes of models.
    pub mix: Mix,
}

/// Looks where the money of these sessions went. `views` are the sessions with activity in the window; of a single session
/// it and its subagents.
pub fn find(store: &Store, prices: &mut Pricer, asked: &Asked<'_>, views: Vec<SessionView>) -> Result<Found, StoreError> {
    let window = asked.window.in_quarters();
    let mut models = Models::new(store.names()?, prices, asked);
    let calls = Calls::gather(store, asked.only.is_some(), &views, &mut models)?;
    let strains = strains(store.strains(asked.only)?);
    let mut wastes = vec![Waste::default(); views.len()];
    let mut steps: Vec<Step> = Vec::new();
    for rows in calls.by_session() {
        steps.clear();
        steps.extend(rows.iter().map(|row| row.step(&calls)));
        let of = |i: usize| bill(models.rates(steps.get(i)?.model)?, steps.get(i)?, rows.get(i)?.billing());
        let waste = waste::of_session(&Session {
            steps: &steps,
            now: asked.now,
            strain: &|task| strains.get(&task).copied().unwrap_or_default(),
            bill: &of,
            counts: &|step| window.contains(step.at) && models.passes(step.model),
        });
        let Some(place) = rows.first().map(|row| row.session as usize) else { continue };
        if asked.only.is_none_or(|id| views.get(place).is_some_and(|view| view.id == id)) {
            rows.iter().zip(&steps).filter(|(_, step)| window.contains(step.at)).for_each(|(row, step)| models.count(step, row.billing()));
        }
        if let Some(sum) = wastes.get_mut(place) {
            *sum = waste;
        }
    }
    drop(calls);
    Ok(answer(window, asked, views, &wastes, models))
}

/// Where the money of a session went, of whose steps the newest are known.
pub fn of_steps(store: &Store, prices: &mut Pricer, now: Millis, id: i64, rows: &[StepRow]) -> Result<Waste, StoreError> {
    let strains = strains(store.strains(Some(id))?);
    let mut known: HashMap<Option<&str>, (u32, Option<Rates>)> = HashMap::new();
    let mut bills = Vec::with_capacity(rows.len());
    let steps: Vec<Step> = rows
        .iter()
        .map(|row| {
            let number = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let name = row.model.as_deref();
            let (model, rates) = known.entry(name).or_insert_with(|| (number, name.and_then(|name| prices.rates(name).cloned())));
            let step = Step {
                at: row.at,
                task: row.task,
                model: *model,
                tokens: row.tokens,
                context: row.context,
                money: row.money,
                reported: row.billing.reported,
                lower_bound: row.lower_bound,
            };
            bills.push(rates.as_ref().and_then(|rates| bill(rates, &step, row.billing)));
            step
        })
        .collect();
    Ok(waste::of_session(&Session {
        steps: &steps,
        now,
        strain: &|task| strains.get(&task).copied().unwrap_or_default(),
        bill: &|i| bills.get(i).copied().flatten(),
        counts: &|_| true,
    }))
}

fn strains(rows: Vec<StrainRow>) -> KeyMap<Strain> {
    let strain = |row: StrainRow| Strain { tools: row.tools, failures: row.failures, compactions: row.compactions };
    rows.into_iter().map(|row| (row.task, strain(row))).collect()
}

/// How a step was billed.
fn bill(rates: &Rates, step: &Step, billing: Billing) -> Option<Bill> {
    // Of a cost that the agent told itself, the price only says how it is shared out: a fee that nobody knows has no share.
    let searches = if step.reported && rates.search_fee.is_none() { 0 } else { billing.searches };
    rates.bill(step.tokens.longest_prompt(step.context), searches, billing.tier, billing.speed)
}

fn answer(window: Window, asked: &Asked<'_>, mut views: Vec<SessionView>, wastes: &[Waste], models: Models<'_>) -> Found {
    let below = below(&views, wastes);
    let (mut total, mut subagents, mut sums) = (Waste::default(), Cost::default(), Sums::default());
    let mut ranked = Vec::new();
    for (i, ((view, waste), below)) in views.iter().zip(wastes).zip(&below).enumerate() {
        if asked.only.is_some_and(|id| id != view.id) {
            continue;
        }
        total += *waste;
        sums.add(&view.sums, 1);
        if asked.only.is_some() {
            subagents += *below;
        } else if view.kind == SessionKind::Subagent {
            subagents += waste.cost;
        }
        if waste.steps > 0 {
            let dearness = (waste.avoidable().known, waste.claimed().known, waste.cost.known);
            ranked.push((Reverse(dearness), view.uid.clone(), i));
        }
    }
    ranked.sort_unstable();
    let all_sessions = ranked.len();
    ranked.truncate(asked.limit);
    let mut wanted: Vec<(usize, usize)> = ranked.iter().enumerate().map(|(rank, (.., i))| (*i, rank)).collect();
    // From the back, so that what is taken out moves nothing that is still to be taken.
    wanted.sort_unstable_by_key(|(i, _)| Reverse(*i));
    let mut sessions = Vec::with_capacity(wanted.len());
    for (i, rank) in wanted {
        let (Some(waste), Some(below)) = (wastes.get(i), below.get(i)) else { continue };
        let view = views.swap_remove(i);
        sessions.push((rank, SessionWaste { counts: Counts::of(&view.sums), waste: *waste, subagents: *below, view }));
    }
    sessions.sort_unstable_by_key(|(rank, _)| *rank);
    let (models, swaps, mix) = models.finish();
    Found {
        window,
        total,
        counts: Counts::of(&sums),
        subagents,
        sessions: sessions.into_iter().map(|(_, session)| session).collect(),
        all_sessions,
        models,
        swaps,
        mix,
    }
}

/// What the subagents of each session cost, and theirs.
fn below(views: &[SessionView], wastes: &[Waste]) -> Vec<Cost> {
    let places: HashMap<(&str, &str), usize> = views.iter().enumerate().map(|(i, view)| ((&*view.agent, &*view.uid), i)).collect();
    let mut sums = vec![Cost::default(); views.len()];
    for (view, waste) in views.iter().zip(wastes) {
        let mut below = view;
        for _ in 0..MOST_ANCESTORS {
            let parent = below.parent.as_deref().filter(|_| below.kind == SessionKind::Subagent);
            let Some(place) = parent.and_then(|parent| places.get(&(&*below.agent, parent))) else { break };
            let (Some(sum), Some(above)) = (sums.get_mut(*place), views.get(*place)) else { break };
            *sum += waste.cost;
            below = above;
        }
    }
    sums
}

/// Names by their ids.
type Names = HashMap<i64, Arc<str>>;

/// What tells calls of one instant apart.
type Order = (u32, Millis, Key);
