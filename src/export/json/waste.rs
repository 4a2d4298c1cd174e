//! Where money goes, as JSON.

use serde::Serialize;

use crate::insight::waste::{self as insight, Category, Place, Waste};
use crate::model::Cost;
use crate::model::text::clean;
use crate::query::waste::{Class, Counts, Found, Mix, ModelUse, SessionWaste, Share, Swap, SwapModel};

use super::parts::{CostJson, MoneyJson, TokensJson, WindowJson, cost, money, tokens, window};

/// What a category stands for.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct CategoryJson {
    pub name: &'static str,
    pub attribution: &'static str,
    pub avoidable: bool,
    pub steps: u64,
    pub estimated_steps: u64,
    pub tokens: TokensJson,
    pub cost: CostJson,
    pub share_permille: Option<u32>,
}

/// What is only counted: logs tell neither tokens nor money of it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct CountJson {
    pub count: u64,
    pub attribution: &'static str,
    pub tokens: Option<TokensJson>,
    pub cost: Option<CostJson>,
}

/// What subagents cost: a share, which no category holds.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct SubagentsJson {
    pub attribution: &'static str,
    pub cost: CostJson,
    pub share_permille: Option<u32>,
}

/// The context sent again by the step's place in its task.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct PlaceJson {
    pub from_step: u64,
    pub to_step: Option<u64>,
    pub steps: u64,
    pub tokens: u64,
    pub cost: CostJson,
    pub cost_per_step: Option<MoneyJson>,
}

/// Where the money of some steps went.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct WasteJson {
    pub steps: u64,
    pub tokens: TokensJson,
    pub cost: CostJson,
    pub categories: Vec<CategoryJson>,
    pub claimed: CostJson,
    pub avoidable: CostJson,
    pub retries: CountJson,
    pub api_errors: CountJson,
    pub tool_calls: u64,
    pub tool_failures: u64,
    pub compactions: u64,
    pub subagents: SubagentsJson,
    pub places: Vec<PlaceJson>,
}

/// Where money went, as the contract writes it. `whole` is what the subagents' cost is a share of.
#[must_use]
pub fn waste(waste: &Waste, counts: &Counts, subagents: &Cost, whole: &Cost) -> WasteJson {
    let count = |count| CountJson { count, attribution: "measured", tokens: None, cost: None };
    WasteJson {
        steps: waste.steps,
        tokens: tokens(&waste.tokens),
        cost: cost(&waste.cost),
        categories: Category::ALL.into_iter().map(|of| category(waste, of)).collect(),
        claimed: cost(&waste.claimed()),
        avoidable: cost(&waste.avoidable()),
        retries: count(counts.retries),
        api_errors: count(counts.errors),
        tool_calls: counts.tools,
        tool_failures: counts.failures,
        compactions: counts.compactions,
        subagents: SubagentsJson { attribution: "measured", cost: cost(subagents), share_permille: subagents.permille_of(whole) },
        places: places(waste),
    }
}

fn category(waste: &Waste, category: Category) -> CategoryJson {
    let part = waste.part(category);
    CategoryJson {
        name: category.word(),
        attribution: category.attribution(&part),
        avoidable: category.is_avoidable(),
        steps: part.steps,
        estimated_steps: part.estimated,
        tokens: tokens(&part.tokens),
        cost: cost(&part.cost),
        share_permille: part.cost.permille_of(&waste.cost),
    }
}

fn places(waste: &Waste) -> Vec<PlaceJson> {
    let place = |((from_step, to_step), place): ((u64, Option<u64>), &Place)| PlaceJson {
        from_step,
        to_step,
        steps: place.steps,
        tokens: place.tokens,
        cost: cost(&place.cost),
        cost_per_step: place.per_step().map(money),
    };
    insight::places().zip(&waste.places).map(place).collect()
}

/// One session's, with what names it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct SessionWasteJson {
    pub id: String,
    pub agent: String,
    pub parent: Option<String>,
    pub project: Option<String>,
    pub kind: &'static str,
    #[serde(flatten)]
    pub waste: WasteJson,
}

/// The same tokens at another model's price.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct SwapJson {
    pub model: String,
    pub cost: CostJson,
    pub difference: Option<MoneyJson>,
    pub steps_too_long: u64,
}

/// A model that steps asked.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct ModelJson {
    pub model: Option<String>,
    pub tier: Option<&'static str>,
    pub steps: u64,
    pub tokens: TokensJson,
    pub cost: CostJson,
    pub what_if: Vec<SwapJson>,
}

/// A model that was asked about, over all models.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct WhatIfJson {
    #[serde(flatten)]
    pub total: SwapJson,
    pub assumed: Vec<&'static str>,
    pub note: &'static str,
}

/// The share of a class of models.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct TierJson {
    pub tier: Option<&'static str>,
    pub steps: u64,
    pub tokens: u64,
    pub cost: CostJson,
    pub share_permille: Option<u32>,
    pub target_percent: Option<[u8; 2]>,
    pub within_target: Option<bool>,
}

/// The answer of `waste`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct FoundJson {
    #[serde(flatten)]
    pub total: WasteJson,
    pub tiers: Vec<TierJson>,
    pub models: Vec<ModelJson>,
    pub what_if: Vec<WhatIfJson>,
    pub sessions: Vec<SessionWasteJson>,
    pub window: WindowJson,
}

/// What a comparison of prices is not.
pub const NO_PROMISE: &str = "a comparison of prices, not a promise of quality: another model would have written other tokens";

/// The whole answer. `single` says that it is about one session, whose subagents'
/// cost comes on top of its own.
#[must_use]
pub fn found(found: &Found, single: bool) -> FoundJson {
    let whole = if single { found.total.cost + found.subagents } else { found.total.cost };
    FoundJson {
        total: waste(&found.total, &found.counts, &found.subagents, &whole),
        tiers: tiers(&found.mix),
        models: found.models.iter().map(|used| model(used, &found.swaps)).collect(),
        what_if: found.swaps.iter().map(what_if).collect(),
        sessions: found.sessions.iter().map(session).collect(),
        window: window(found.window),
    }
}

fn session(session: &SessionWaste) -> SessionWasteJson {
    let view = &session.view;
    SessionWasteJson {
        id: clean(&view.uid),
        agent: clean(&view.agent),
        parent: view.parent.as_deref().map(clean),
        project: Some(&*view.project).filter(|name| !name.is_empty()).map(clean),
        kind: view.kind.word(),
        waste: waste(&session.waste, &session.counts, &session.subagents, &(session.waste.cost + session.subagents)),
    }
}

fn swap(name: &str, swap: &Swap) -> SwapJson {
    SwapJson { model: clean(name), cost: cost(&swap.cost), difference: swap.difference().map(money), steps_too_long: swap.too_long }
}

fn model(used: &ModelUse, swaps: &[SwapModel]) -> ModelJson {
    ModelJson {
        model: used.name.as_deref().map(clean),
        tier: used.class.map(Class::word),
        steps: used.steps,
        tokens: tokens(&used.tokens),
        cost: cost(&used.cost),
        what_if: swaps.iter().zip(&used.swaps).map(|(to, one)| swap(&to.name, one)).collect(),
    }
}

fn what_if(model: &SwapModel) -> WhatIfJson {
    WhatIfJson { total: swap(&model.name, &model.total), assumed: model.assumed.clone(), note: NO_PROMISE }
}

fn tiers(mix: &Mix) -> Vec<TierJson> {
    let tier = |class: Option<Class>, share: &Share| {
        let permille = class.and_then(|class| mix.permille(class));
        let target = mix.targets.iter().find(|target| Some(target.class) == class);
        TierJson {
            tier: class.map(Class::word),
            steps: share.steps,
            tokens: share.tokens,
            cost: cost(&share.cost),
            share_permille: permille,
            target_percent: target.map(|target| [target.from, target.to]),
            within_target: target.zip(permille).map(|(target, permille)| target.is_met(permille)),
        }
    };
    let known = Class::ALL.into_iter().zip(&mix.classes).map(|(class, share)| tier(Some(class), share));
    known.chain((mix.unknown.steps > 0).then(|| tier(None, &mix.unknown))).collect()
}
