//! The answer of `team --json`.

use serde::Serialize;

use super::By;
use crate::cli::gateway::status::state;
use crate::export::json::{self, MoneyJson};
use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::{Millis, Money};
use crate::query::team::{BudgetView, Inside, Team, TeamRow};
use crate::store::books::SpendSum;

#[derive(Serialize)]
struct SumJson {
    usd: Option<json::Usd>,
    nano_usd: Option<i64>,
    requests: u64,
    failed: u64,
    tokens: u64,
}

fn sum_json(sum: &SpendSum) -> SumJson {
    SumJson {
        usd: sum.spend.map(json::Usd),
        nano_usd: sum.spend.map(Money::nanos),
        requests: sum.requests,
        failed: sum.failed,
        tokens: sum.tokens,
    }
}

#[derive(Serialize)]
struct BudgetJson {
    of: &'static str,
    limit: MoneyJson,
    spent: MoneyJson,
    left: MoneyJson,
    permille: u64,
    period: Option<String>,
    resets_at: Option<String>,
    runs_out_at: Option<String>,
    state: &'static str,
}

#[derive(Serialize)]
struct RowJson {
    kind: &'static str,
    id: String,
    name: String,
    team: Option<String>,
    own: bool,
    today: SumJson,
    week: SumJson,
    month: SumJson,
    requests: u64,
    failed: u64,
    over_budget: Option<u64>,
    budget: Option<BudgetJson>,
}

#[derive(Serialize)]
struct GatewayJson {
    name: String,
    kind: String,
    version: Option<String>,
    url: String,
    as_of: Option<String>,
    state: &'static str,
    stale: bool,
    problem: Option<String>,
    cannot: Vec<String>,
}

#[derive(Serialize)]
struct TotalJson {
    today: SumJson,
    week: SumJson,
    month: SumJson,
    requests: u64,
    failed: u64,
}

#[derive(Serialize)]
struct SessionJson {
    session: String,
    client: Option<String>,
    calls: u64,
    spend: MoneyJson,
    last_at: String,
}

#[derive(Serialize)]
struct PartJson {
    name: String,
    today: SumJson,
    week: SumJson,
    month: SumJson,
}

#[derive(Serialize)]
struct InsideJson {
    parts: Vec<PartJson>,
    sessions: Vec<SessionJson>,
}

/// The whole of it.
#[derive(Serialize)]
pub(super) struct Answer {
    gateway: GatewayJson,
    by: &'static str,
    zone: &'static str,
    rows: Vec<RowJson>,
    total: Option<TotalJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<InsideJson>,
}

/// What a script gets.
pub(super) fn answer(team: &Team, by: By, inside: Option<&Inside>, now: Millis) -> Answer {
    let account = &team.account;
    let state = state(Some(account), now);
    let total = team.total.as_ref().map(|[today, week, month]| TotalJson {
        today: sum_json(today),
        week: sum_json(week),
        month: sum_json(month),
        requests: month.requests,
        failed: month.failed,
    });
    Answer {
        gateway: GatewayJson {
            name: clean(&account.name),
            kind: clean(&account.kind),
            version: account.version.as_deref().map(clean),
            url: clean(&account.url),
            as_of: account.asked_at.map(rfc3339),
            state,
            stale: state != "ok",
            problem: account.problem.as_deref().map(clean),
            cannot: account.cannot.clone(),
        },
        by: by.whose().word(),
        zone: "UTC",
        rows: team.rows.iter().map(row_json).collect(),
        total,
        inside: inside.map(inside_json),
    }
}

fn row_json(row: &TeamRow) -> RowJson {
    let [today, week, month] = &row.sums;
    RowJson {
        kind: row.whose.word(),
        id: clean(&row.id),
        name: clean(&row.name),
        team: row.team.as_deref().map(clean),
        own: row.own,
        today: sum_json(today),
        week: sum_json(week),
        month: sum_json(month),
        requests: month.requests,
        failed: month.failed,
        over_budget: row.over_budget,
        budget: row.budget.as_ref().map(budget_json),
    }
}

fn budget_json(view: &BudgetView) -> BudgetJson {
    BudgetJson {
        of: view.budget.whose.word(),
        limit: json::money(view.limit),
        spent: json::money(view.spent),
        left: json::money(view.left()),
        permille: view.permille(),
        period: view.budget.period.as_deref().map(clean),
        resets_at: view.budget.resets_at.map(rfc3339),
        runs_out_at: view.runs_out_at.map(rfc3339),
        state: view.state().word(),
    }
}

fn inside_json(inside: &Inside) -> InsideJson {
    let part = |(name, [today, week, month]): &(String, [SpendSum; 3])| PartJson {
        name: clean(name),
        today: sum_json(today),
        week: sum_json(week),
        month: sum_json(month),
    };
    InsideJson {
        parts: inside.parts.iter().map(part).collect(),
        sessions: inside
            .sessions
            .iter()
            .map(|session| SessionJson {
                session: clean(&session.id),
                client: session.client.as_deref().map(clean),
                calls: session.calls,
                spend: json::money(session.spend),
                last_at: rfc3339(session.last_at),
            })
            .collect(),
    }
}
