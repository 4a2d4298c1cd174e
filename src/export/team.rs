//! What gateways say as rows: a team, and where two ledgers differ.

use super::table::{Column, Kind, Value};
use crate::insight::reconcile::Class;
use crate::model::{Millis, Money, Tokens};
use crate::query::team::{BudgetView, TeamRow, spend};

const fn column(key: &'static str, title: &'static str, kind: Kind) -> Column {
    Column { key, title, kind }
}

/// The columns of a team.
pub const TEAM: &[Column] = &[
    column("kind", "Kind", Kind::Text),
    column("id", "Id", Kind::Text),
    column("name", "Name", Kind::Text),
    column("team", "Team", Kind::Text),
    column("own", "Own", Kind::Flag),
    column("today_usd", "Today", Kind::Money),
    column("week_usd", "7 days", Kind::Money),
    column("month_usd", "30 days", Kind::Money),
    column("requests", "Calls", Kind::Number),
    column("failed", "Failed", Kind::Number),
    column("over_budget", "Over budget", Kind::Number),
    column("budget_usd", "Budget", Kind::Money),
    column("budget_spent_usd", "Spent of it", Kind::Money),
    column("budget_left_usd", "Left", Kind::Money),
    column("budget_period", "Period", Kind::Text),
    column("budget_resets_at", "Resets", Kind::Time),
    column("budget_state", "State", Kind::Text),
];

/// A row of a team.
#[must_use]
pub fn team(row: &TeamRow) -> Vec<Value<'_>> {
    let month = row.sums.last();
    let count = |n: Option<u64>| Value::Number(i64::try_from(n.unwrap_or(0)).unwrap_or(i64::MAX));
    let budget = row.budget.as_ref();
    vec![
        Value::Text(row.whose.word()),
        Value::text(Some(&row.id)),
        Value::Text(&row.name),
        Value::text(row.team.as_deref()),
        Value::Flag(row.own),
        Value::money(spend(row, 0)),
        Value::money(spend(row, 1)),
        Value::money(spend(row, 2)),
        count(month.map(|sum| sum.requests)),
        count(month.map(|sum| sum.failed)),
        row.over_budget.map_or(Value::Null, |calls| count(Some(calls))),
        Value::money(budget.map(|view| view.limit)),
        Value::money(budget.map(|view| view.spent)),
        Value::money(budget.map(BudgetView::left)),
        Value::text(budget.and_then(|view| view.budget.period.as_deref())),
        Value::time(budget.and_then(|view| view.budget.resets_at)),
        budget.map_or(Value::Null, |view| Value::Text(view.state().word())),
    ]
}

/// A call of which two ledgers say different things.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are the columns below")]
pub struct Difference<'a> {
    pub class: Class,
    pub at: Millis,
    pub agent: Option<&'a str>,
    pub session: Option<&'a str>,
    pub model: Option<&'a str>,
    pub call: Option<&'a str>,
    pub user: Option<&'a str>,
    pub local: Option<Money>,
    pub gateway: Option<Money>,
    pub difference: Money,
    pub local_tokens: Option<Tokens>,
    pub gateway_tokens: Option<Tokens>,
}

/// The columns of differences.
pub const DIFFERENCES: &[Column] = &[
    column("class", "Class", Kind::Text),
    column("why", "Why", Kind::Text),
    column("at", "At", Kind::Time),
    column("agent", "Agent", Kind::Text),
    column("session", "Session", Kind::Id),
    column("model", "Model", Kind::Text),
    column("gateway_call", "", Kind::Text),
    column("user", "User", Kind::Text),
    column("local_usd", "Logs", Kind::Money),
    column("gateway_usd", "Gateway", Kind::Money),
    column("difference_usd", "Difference", Kind::Money),
    column("local_prompt_tokens", "", Kind::Number),
    column("local_output_tokens", "", Kind::Number),
    column("gateway_prompt_tokens", "", Kind::Number),
    column("gateway_output_tokens", "", Kind::Number),
];

/// A difference as a row.
#[must_use]
pub fn difference<'a>(row: &Difference<'a>) -> Vec<Value<'a>> {
    let count = |tokens: Option<Tokens>, of: fn(&Tokens) -> u64| {
        tokens.map_or(Value::Null, |tokens| Value::Number(i64::try_from(of(&tokens)).unwrap_or(i64::MAX)))
    };
    vec![
        Value::Text(row.class.word()),
        row.class.why().map_or(Value::Null, Value::Text),
        Value::Time(row.at),
        Value::text(row.agent),
        Value::text(row.session),
        Value::text(row.model),
        Value::text(row.call),
        Value::text(row.user),
        Value::money(row.local),
        Value::money(row.gateway),
        Value::Money(row.difference),
        count(row.local_tokens, Tokens::prompt),
        count(row.local_tokens, |tokens| tokens.output),
        count(row.gateway_tokens, Tokens::prompt),
        count(row.gateway_tokens, |tokens| tokens.output),
    ]
}
