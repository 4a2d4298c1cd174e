//! Which models the steps asked, of which class they are, and what others would have cost.

use std::sync::Arc;

use crate::insight::waste::Step;
use crate::model::{Cost, IdMap, Money, Speed, Tokens};
use crate::pricing::{Class, Pricer, Rates, Target};
use crate::store::strain::Billing;

use super::{Asked, Names};

/// What a model was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUse {
    /// Its name; `None` where the log does not say.
    pub name: Option<Arc<str>>,
    /// Its class; `None` where its price is unknown and nobody has said it.
    pub class: Option<Class>,
    /// The steps.
    pub steps: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their cost.
    pub cost: Cost,
    /// What the same tokens cost at the prices of the models that were asked about, in their order.
    pub swaps: Vec<Swap>,
}

/// The same tokens at another model's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swap {
    /// What they would cost. Unknown where the other model has no price for them.
    pub cost: Cost,
    /// What those steps cost now that have a price both ways, and what they would cost.
    compared: (Money, Money),
    steps: u64,
    /// Steps whose prompt is longer than the other model takes.
    pub too_long: u64,
}

impl Swap {
    /// By how much it would be dearer (below zero: cheaper), over the steps with a price both ways; `None` without any.
    #[must_use]
    pub fn difference(&self) -> Option<Money> {
        (self.steps > 0).then(|| self.compared.1 - self.compared.0)
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Swap) {
        self.cost += other.cost;
        self.compared = (self.compared.0 + other.compared.0, self.compared.1 + other.compared.1);
        self.steps += other.steps;
        self.too_long += other.too_long;
    }
}

/// A model that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwapModel {
    /// Its name as typed.
    pub name: String,
    /// What is assumed about its prices.
    pub assumed: Vec<&'static str>,
    /// Over all models.
    pub total: Swap,
}

/// The share of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// The steps.
    pub steps: u64,
    /// The tokens.
    pub tokens: u64,
    /// The cost.
    pub cost: Cost,
}

/// How work was spread over the classes of models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mix {
    /// In the order of [`Class::ALL`].
    pub classes: [Share; 3],
    /// Of models whose class nobody knows.
    pub unknown: Share,
    /// What the configuration asks for.
    pub targets: Vec<Target>,
}

impl Mix {
    /// A class' share of the tokens of all known classes, in per mille; `None` where there are none.
    ///
    /// Of tokens, not of money: it is to say where work was sent, and a flagship's share of the money is large because it
    /// is a flagship.
    #[must_use]
    pub fn permille(&self, class: Class) -> Option<u32> {
        let all: u128 = self.classes.iter().map(|share| u128::from(share.tokens)).sum();
        let part = self.classes.get(class as usize).map_or(0, |share| u128::from(share.tokens));
        u32::try_from((part * 1000 + all / 2).checked_div(all)?).ok()
    }

    fn add(&mut self, model: &ModelUse) {
        let share = match model.class {
            Some(class) => self.classes.get_mut(class as usize),
            None => Some(&mut self.unknown),
        };
        if let Some(share) = share {
            share.steps += model.steps;
            share.tokens = share.tokens.saturating_add(model.tokens.total());
            share.cost += model.cost;
        }
    }
}

/// A model that steps name.
#[derive(Debug)]
struct Model {
    rates: Option<Rates>,
    passes: bool,
    used: ModelUse,
}

/// The models of an answer, by small numbers.
pub(super) struct Models<'a> {
    names: Names,
    prices: &'a mut Pricer,
    asked: &'a Asked<'a>,
    numbers: IdMap<u64, u32>,
    list: Vec<Model>,
}

impl<'a> Models<'a> {
    pub(super) fn new(names: Names, prices: &'a mut Pricer, asked: &'a Asked<'a>) -> Models<'a> {
        Models { names, prices, asked, numbers: IdMap::default(), list: Vec::new() }
    }

    /// The number of a model of the store.
    pub(super) fn number(&mut self, id: i64) -> u32 {
        if let Some(number) = self.numbers.get(&id.cast_unsigned()) {
            return *number;
        }
        let name = self.names.get(&id).cloned();
        let rates = name.as_deref().and_then(|name| self.prices.rates(name)).cloned();
        let given = name.as_deref().and_then(|name| Class::given(name, self.asked.classes));
        let class = given.or_else(|| rates.as_ref().map(Class::of));
        let swaps = vec![Swap::default(); self.asked.swaps.len()];
        let passes = self.asked.filter.meets_model(name.as_deref().unwrap_or_default());
        let used = ModelUse { name, class, steps: 0, tokens: Tokens::default(), cost: Cost::default(), swaps };
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(Model { rates, passes, used });
        self.numbers.insert(id.cast_unsigned(), number);
        number
    }

    fn get(&self, number: u32) -> Option<&Model> {
        self.list.get(number as usize)
    }

    /// A model's rates.
    pub(super) fn rates(&self, number: u32) -> Option<&Rates> {
        self.get(number)?.rates.as_ref()
    }

    /// Whether its steps count.
    pub(super) fn passes(&self, number: u32) -> bool {
        self.get(number).is_some_and(|model| model.passes)
    }

    /// Counts a step, if it passes.
    pub(super) fn count(&mut self, step: &Step, billing: Billing) {
        let Some(model) = self.list.get_mut(step.model as usize).filter(|model| model.passes) else { return };
        model.used.steps += 1;
        model.used.tokens += step.tokens;
        model.used.cost += step.cost();
        for (swap, (_, rates)) in model.used.swaps.iter_mut().zip(self.asked.swaps) {
            let prompt = step.tokens.longest_prompt(step.context);
            let money = rates.cost_at(prompt, &step.tokens, billing.searches, billing.tier, Speed::default());
            swap.cost += money.map_or_else(Cost::unknown, Cost::priced);
            if let Some((now, then)) = step.money.zip(money) {
                swap.compared = (swap.compared.0 + now, swap.compared.1 + then);
                swap.steps += 1;
            }
            swap.too_long += u64::from(rates.context_window.is_some_and(|window| prompt > window));
        }
    }

    /// The models that were asked, the dearest first; those asked about; and the classes.
    pub(super) fn finish(self) -> (Vec<ModelUse>, Vec<SwapModel>, Mix) {
        let mut used: Vec<ModelUse> = self.list.into_iter().map(|model| model.used).filter(|used| used.steps > 0).collect();
        used.sort_by(|a, b| b.cost.known.cmp(&a.cost.known).then_with(|| b.steps.cmp(&a.steps)).then_with(|| a.name.cmp(&b.name)));
        let mut mix = Mix { targets: self.asked.targets.to_vec(), ..Mix::default() };
        for model in &used {
            mix.add(model);
        }
        let swap = |(i, (name, rates)): (usize, &(String, Rates))| {
            let mut total = Swap::default();
            used.iter().filter_map(|model| model.swaps.get(i)).for_each(|swap| total.add(swap));
            SwapModel { name: name.clone(), assumed: assumed(rates), total }
        };
        let swaps = self.asked.swaps.iter().enumerate().map(swap).collect();
        (used, swaps, mix)
    }
}

/// What the price list does not say about a model and the rules of pricing fill in.
fn assumed(rates: &Rates) -> Vec<&'static str> {
    let mut assumed = Vec::new();
    if rates.cache_read.is_none() {
        assumed.push("it has no price for cache reads: they count as input");
    }
    if rates.cache_write_5m.is_none() {
        assumed.push("it has no price for cache writes: they count as input");
    }
    if rates.cache_write_1h.is_none() && rates.cache_write_5m.is_some() {
        assumed.push(if rates.anthropic {
            "cache writes for an hour count as twice the input"
        } else {
            "cache writes for an hour count as those for five minutes"
        });
    }
    assumed
}
