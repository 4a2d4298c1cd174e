//! What gateways have counted beyond what this machine's logs say, and the budgets that they hold: both count under caps.
//!
//! Of what both sides see, the larger amount counts; what only one of them sees counts as that one says. A budget that a
//! gateway holds for the developer is a cap like the others: whichever has less left binds.

use std::collections::HashMap;

use crate::budgets::{Spend, Standing};
use crate::model::cap::{Amount, Cap, GATEWAY_PREFIX, Span, Unit};
use crate::model::gateway::Per;
use crate::model::time::DAY;
use crate::model::{GatewayBudget, Me, Millis, Money, Whose, Window};
use crate::store::books::Extra;
use crate::store::{Books, StoreError};

/// What is known beyond the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beyond {
    /// What the logs do not say, call by call.
    pub extras: Vec<Extra>,
    /// The own budgets at gateways.
    pub budgets: Vec<OwnBudget>,
    /// What GPUs' time has cost in windows that caps of it look at.
    pub gpu: Vec<(Window, Money)>,
}

/// A budget that the developer's own calls are held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnBudget {
    /// The gateway.
    pub gateway: String,
    /// The budget.
    pub budget: GatewayBudget,
    /// What the developer's own calls of the running period add up to at the gateway, call by call. The gateway's own figure may
    /// be another one: it can be set back. Nothing where the gateway tells no single calls.
    pub calls: Option<Money>,
}

impl Beyond {
    /// Reads it of some gateways: calls since an instant, or since the period of a budget began if that is earlier.
    pub fn read(books: &Books, gateways: &[String], mut since: Millis, now: Millis) -> Result<Beyond, StoreError> {
        let mut out = Beyond::default();
        for account in books.accounts()?.into_iter().filter(|account| gateways.contains(&account.name)) {
            let (user, me) = (account.own_user(), account.me.clone().unwrap_or_default());
            let tells_calls = books.tells_calls(&account)?;
            let team = me.key.as_deref().map(|key| books.team_of_key(&account.name, key)).transpose()?.flatten();
            let budgets = books.budgets_of(&account.name, [user.as_deref(), me.key.as_deref(), team.as_deref()])?;
            for budget in budgets.into_iter().filter(|budget| is_own(budget, user.as_deref(), &me, team.as_deref())) {
                let window = window(&budget, now);
                // Of one that never ends the gateway alone says how much was spent.
                if window.from != Millis::MIN {
                    since = since.min(window.from);
                }
                let calls = match user.as_deref().filter(|_| tells_calls) {
                    Some(user) => Some(books.spend_of(&account.name, user, window)?),
                    None => None,
                };
                out.budgets.push(OwnBudget { gateway: account.name.clone(), budget, calls });
            }
        }
        out.extras = extras(books, gateways, Window { from: since, to: Millis::MAX })?;
        Ok(out)
    }

    /// What counts under a cap besides the logs. Of a call that no log knows, nobody knows the project.
    pub(super) fn under(&self, cap: &Cap, window: Window) -> Spend {
        let mut spend = Spend::default();
        if cap.limit.unit == Unit::Gpu {
            spend.gpu = self.gpu.iter().find(|(own, _)| *own == window).map_or(Money::ZERO, |(_, money)| *money);
            return spend;
        }
        for extra in self.extras.iter().filter(|extra| window.contains(extra.at)) {
            let model = extra.model.as_deref().map(|model| model.rsplit('/').next().unwrap_or(model));
            let agent = extra.agent.as_deref().unwrap_or_default();
            if cap.scope.project.is_none() && cap.scope.covers(agent, None, model) {
                let steps = u64::from(extra.tokens > 0);
                spend.add(&Spend { known: extra.money, tokens: extra.tokens, steps, ..Spend::default() });
            }
        }
        spend
    }
}

/// What all of some gateways have counted beyond the logs. A call that several of them have seen, as one that tells another, is
/// one: the larger amount counts.
fn extras(books: &Books, gateways: &[String], window: Window) -> Result<Vec<Extra>, StoreError> {
    let mut out: Vec<Extra> = Vec::new();
    let mut places: HashMap<String, (&str, usize)> = HashMap::new();
    for gateway in gateways {
        let own = books.extras(gateway, window)?;
        let mut answers = if gateways.len() > 1 { books.answers_of_extras(gateway, window)? } else { HashMap::new() };
        for extra in own {
            let answer = answers.remove(&extra.id).unwrap_or_else(|| extra.id.clone());
            let seen = places.get(&answer).filter(|(other, _)| other != gateway).and_then(|(_, at)| out.get_mut(*at));
            match seen {
                Some(seen) if seen.money < extra.money => *seen = extra,
                Some(_) => {}
                None => {
                    places.insert(answer, (gateway.as_str(), out.len()));
                    out.push(extra);
                }
            }
        }
    }
    Ok(out)
}

/// Whether a budget is one that the developer's own calls are held to. A key that sees everybody is not the one that agents
/// use: then only the user counts whom the settings name.
fn is_own(budget: &GatewayBudget, user: Option<&str>, me: &Me, team: Option<&str>) -> bool {
    let is_user = user == Some(budget.id.as_str());
    match budget.whose {
        // A key of a team does not obey its user's own budget.
        Whose::User => is_user && (me.sees_all || team.is_none()),
        Whose::Member => is_user && (me.sees_all || team == budget.team.as_deref()),
        Whose::Key => !me.sees_all && me.key.as_deref() == Some(budget.id.as_str()),
        Whose::Team => !me.sees_all && team == Some(budget.id.as_str()),
        Whose::Model | Whose::Tag | Whose::Customer | Whose::Organization => false,
    }
}

/// A gateway's budget as a cap of the calendar; nothing for one without a limit.
pub(super) fn cap(gateway: &str, budget: &GatewayBudget) -> Option<Cap> {
    let limit = budget.limit?;
    let name = match budget.whose {
        Whose::User => format!("{GATEWAY_PREFIX}{gateway}"),
        whose => format!("{GATEWAY_PREFIX}{gateway}.{}", whose.word()),
    };
    let span = match budget.period.as_deref().map(|period| Per::from_period(period).unwrap_or_else(|| nearest(budget))) {
        Some(Per::Day) => Span::Day,
        Some(Per::Week) => Span::Week,
        // One without a period is not set back at all.
        Some(Per::Month) | None => Span::Month,
    };
    Some(Cap { managed: true, gateway: Some(gateway.to_owned()), ..Cap::new(&name, Amount::money(limit), span) })
}

/// The period that one of no usual length is nearest to.
fn nearest(budget: &GatewayBudget) -> Per {
    match budget.since.zip(budget.resets_at).map(|(since, end)| end - since) {
        Some(length) if length > 18 * DAY => Per::Month,
        Some(length) if length > 3 * DAY => Per::Week,
        _ => Per::Day,
    }
}

/// The running period of a budget. One that is over, and that the gateway has not set back yet, has begun anew.
pub(super) fn window(budget: &GatewayBudget, now: Millis) -> Window {
    match (budget.since, budget.resets_at) {
        (Some(since), Some(end)) if end <= now && since < end => {
            let length = end - since;
            let from = end + (now - end) / length * length;
            Window { from, to: from.saturating_add(length) }
        }
        (Some(since), Some(end)) => Window { from: since, to: end },
        (None, Some(end)) if end > now => Window { from: Millis::MIN, to: end },
        _ => Window { from: Millis::MIN, to: Millis::MAX },
    }
}

/// How a budget stands, when `seen` is what logs and gateway together say of its period: what the gateway itself has counted,
/// and whatever was spent beyond the calls that it knows.
pub(super) fn standing(cap: Cap, own: &OwnBudget, window: Window, seen: &Spend, now: Millis) -> Standing {
    debug_assert_eq!(cap.limit.unit, Unit::Money, "a gateway's budget is money");
    let is_over = own.budget.resets_at.is_some_and(|end| end <= now);
    let counted = own.budget.spent.filter(|_| !is_over).unwrap_or(Money::ZERO);
    let with = |seen: Money| match own.calls {
        Some(calls) => counted + (seen - calls).max(Money::ZERO),
        None => counted.max(seen),
    };
    // A call without a price here may have one there: what is assumed of it is not spent once more.
    let known = with(seen.known);
    let spend = Spend { known, assumed: with(seen.money()) - known, ..*seen };
    Standing { cap, window, spend, raised: 0, subject: None }
}
