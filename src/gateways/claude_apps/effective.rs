//! Rows of `GET /v1/organizations/spend_limits/effective`: what each member may spend in a period, and has spent.
//!
//! Anthropic's Admin API answers in the same form (`PyPI` anthropic 2.12.0, `BetaSpendSummary`). Amounts are strings in the
//! smallest unit of the currency, cents for dollars; what was spent has up to three decimals.

use serde::Deserialize;

use super::super::answer::{Cents, some};
use super::super::sheet::{running, tightest_last};
use crate::model::{GatewayBudget, GatewayFact, Millis, Money, Named, Whose};

/// What the organization is called here: its rows have no id.
pub(in crate::gateways) const ORGANIZATION: &str = "organization";

/// A page of rows. The next one is named, or comes after the last row.
#[derive(Deserialize)]
pub(in crate::gateways) struct Page {
    pub(in crate::gateways) data: Vec<Row>,
    #[serde(default, rename = "next_page")]
    pub(in crate::gateways) next: Option<String>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    last_id: Option<String>,
}

impl Page {
    /// The row that the next page comes after; nothing where there is none.
    pub(in crate::gateways) fn last(&self) -> Option<&str> {
        self.last_id.as_deref().filter(|_| self.has_more == Some(true))
    }
}

/// A member's limit and spend in one period.
#[derive(Deserialize)]
pub(in crate::gateways) struct Row {
    #[serde(default)]
    scope: Option<Scope>,
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    amount: Cents,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    period: Option<String>,
    #[serde(default)]
    source: Option<Scope>,
    #[serde(default)]
    period_to_date_spend: Cents,
}

/// What a limit applies to.
#[derive(Deserialize)]
pub(in crate::gateways) struct Scope {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    rbac_group_id: Option<String>,
    #[serde(default)]
    workspace_id: Option<String>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
}

impl Scope {
    /// The holder in the words of the house.
    pub(in crate::gateways) fn holder(&self) -> Option<(Whose, String)> {
        let (whose, id) = match self.kind.as_deref()? {
            "user" => (Whose::User, self.user_id.clone()),
            "rbac_group" => (Whose::Team, self.rbac_group_id.clone()),
            "workspace" => (Whose::Team, self.workspace_id.clone()),
            "organization" => (Whose::Organization, Some(ORGANIZATION.to_owned())),
            "usage_tier" => (Whose::Organization, Some("usage tier".to_owned())),
            _ => return None,
        };
        Some((whose, some(id)?))
    }

    /// Whether it is each member's default, and nothing that is spent of together.
    pub(in crate::gateways) fn is_default(&self) -> bool {
        matches!(self.kind.as_deref(), Some("rbac_group" | "seat_tier"))
    }
}

impl Row {
    /// Whom it is about.
    pub(in crate::gateways) fn holder(&self) -> Option<(Whose, String)> {
        let actor = || Some((Whose::User, some(self.actor.as_ref()?.user_id.clone())?));
        self.scope.as_ref().and_then(Scope::holder).or_else(actor)
    }

    /// `daily`, `weekly` or `monthly`.
    pub(in crate::gateways) fn period(&self) -> Option<&str> {
        self.period.as_deref()
    }

    /// Where the limit comes from.
    pub(in crate::gateways) fn source(&self) -> Option<(Whose, String)> {
        self.source.as_ref()?.holder()
    }

    /// The most that may be spent.
    pub(in crate::gateways) fn limit(&self) -> Option<Money> {
        self.amount.0.filter(|_| self.is_dollars())
    }

    /// What was spent in the running period.
    pub(in crate::gateways) fn spent(&self) -> Option<Money> {
        self.period_to_date_spend.0.filter(|_| self.is_dollars())
    }

    /// The member's name for people.
    pub(in crate::gateways) fn name(&self) -> Option<String> {
        let actor = self.actor.as_ref()?;
        some(actor.name.clone()).or_else(|| some(actor.email_address.clone()))
    }

    /// Whether the member belongs to a group.
    pub(in crate::gateways) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().flatten().any(|of| of == group)
    }

    /// A sentence where the limit is not the member's own.
    pub(in crate::gateways) fn inherited(&self) -> Option<String> {
        match self.source()? {
            (Whose::Team, group) => Some(format!("the limit in force is that of the group {group}")),
            (Whose::Organization, _) => Some("the limit in force is that of the organization".to_owned()),
            _ => None,
        }
    }

    fn is_dollars(&self) -> bool {
        self.currency.as_deref().is_none_or(|currency| currency.eq_ignore_ascii_case("USD"))
    }

    fn named(&self) -> Option<Named> {
        let (Whose::User, id) = self.holder()? else { return None };
        Some(Named { whose: Whose::User, id, name: self.name(), team: None, user: None })
    }

    fn budget(&self, now: Millis) -> Option<GatewayBudget> {
        let (whose, id) = self.holder().filter(|_| self.is_dollars())?;
        let running = running(self.period(), now);
        Some(GatewayBudget {
            whose,
            id,
            team: None,
            limit: self.limit(),
            spent: self.spent(),
            period: some(self.period.clone()),
            since: running.map(|window| window.from),
            resets_at: running.map(|window| window.to),
            blocked: false,
        })
    }
}

/// Names and budgets of a page. Amounts that are no dollars are not told.
pub(in crate::gateways) fn facts(rows: &[Row], now: Millis) -> Vec<GatewayFact> {
    let mut names: Vec<Named> = Vec::new();
    for member in rows.iter().filter_map(Row::named) {
        if !names.iter().any(|known| known.id == member.id) {
            names.push(member);
        }
    }
    let mut budgets: Vec<GatewayBudget> = rows.iter().filter_map(|row| row.budget(now)).collect();
    tightest_last(&mut budgets);
    let mut facts = vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)];
    if !rows.iter().all(Row::is_dollars) {
        facts.push(GatewayFact::Cannot("budgets in another currency than US dollars"));
    }
    facts
}
