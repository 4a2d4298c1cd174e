//! One row of FOCUS: its cells, and the ids and prices in them.

use std::collections::BTreeMap;

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, SecondsFormat};
use serde::Serialize;

use crate::export::csv::flag;
use crate::export::rows::Owner;
use crate::model::text::clean;
use crate::model::time::{HOUR, start_of, utc};
use crate::model::{Millis, Tier, Window, Zone};
use crate::query::charges::{Charge, Meter};

use super::{Account, COLUMNS, Sku, Sum, provider};

/// A cell.
pub(super) enum Cell {
    Number(String),
    Text(String),
}

/// What a row is made from.
pub(super) struct Row<'a> {
    pub(super) account: &'a Account,
    pub(super) window: Window,
    pub(super) day: NaiveDate,
    pub(super) sku: &'a Sku,
    pub(super) sum: &'a Sum,
    pub(super) owner: &'a Owner,
}

impl Row<'_> {
    /// The cells, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> [Cell; COLUMNS.len()] {
        let (sku, sum) = (self.sku, self.sum);
        let text = |text: &str| Cell::Text(text.to_owned());
        let cost = || Cell::Number(sum.cost.known.exact());
        let provider = provider(&sku.model);
        let priced = self.priced();
        let [from, to] = self.charge_period();
        let [begin, end] = billing_period(self.day);
        let unit = if sku.meter.is_tokens() { "Tokens" } else { "Requests" };
        [
            cost(),
            text(&self.account.id),
            text(self.account.name.as_deref().unwrap_or_default()),
            text("USD"),
            Cell::Text(end),
            Cell::Text(begin),
            text("Usage"),
            text(""),
            Cell::Text(format!("{} of {}", meter(sku.meter).1, model(&sku.model))),
            text("Usage-Based"),
            Cell::Text(to),
            Cell::Text(from),
            Cell::Number(sum.quantity.to_string()),
            text(unit),
            cost(),
            cost(),
            text(""),
            text(provider.name),
            Cell::Number(priced.cost),
            Cell::Number(priced.unit_price),
            text("Standard"),
            Cell::Number(priced.quantity),
            text(priced.unit),
            text(provider.name),
            text(provider.publisher),
            text("AI and Machine Learning"),
            Cell::Text(format!("{} models", provider.name)),
            text("Generative AI"),
            Cell::Text(self.sku_id()),
            text(meter(sku.meter).1),
            Cell::Text(self.details()),
            Cell::Text(self.price_id()),
            Cell::Text(self.tags()),
            text(&self.owner.agent),
            text(self.owner.branch.as_deref().unwrap_or_default()),
            Cell::Number((sum.cost.priced_calls + sum.cost.reported_calls).to_string()),
            text(sum.cost.basis().word()),
            text(flag(sum.cost.is_lower_bound())),
            text(&sku.model),
            text(&self.owner.project),
            text(&self.owner.uid),
        ]
    }

    /// The day, or what of it lies in the window.
    fn charge_period(&self) -> [String; 2] {
        let from = start_of(self.day, Zone::UTC);
        [stamp(from.max(self.window.from)), stamp((from + 24 * HOUR).min(self.window.to))]
    }

    /// The list's side of the row. What is on no list, and costs what its agent says, is priced in dollars at a dollar each.
    fn priced(&self) -> Priced {
        let (sku, sum) = (self.sku, self.sum);
        match sku.meter {
            Meter::Whole => {
                let cost = sum.cost.known.exact();
                Priced { unit: "USD", quantity: cost.clone(), unit_price: "1".to_owned(), cost }
            }
            Meter::Search => Priced {
                unit: "Requests",
                quantity: sum.quantity.to_string(),
                unit_price: decimal(sku.unit, Charge::UNIT),
                cost: decimal(sku.meter.amount(sku.unit, sum.quantity), Charge::AMOUNT),
            },
            _ => Priced {
                unit: "1000000 Tokens",
                quantity: decimal(i128::from(sum.quantity), 6),
                unit_price: decimal(sku.unit, Charge::UNIT),
                cost: decimal(sku.meter.amount(sku.unit, sum.quantity), Charge::AMOUNT),
            },
        }
    }

    fn sku_id(&self) -> String {
        format!("{}/{}", model(&self.sku.model), meter(self.sku.meter).0)
    }

    /// The SKU and all that its price depends on, the price itself included: an id never stands for two prices.
    fn price_id(&self) -> String {
        let mut id = format!("{}/{}", self.sku_id(), Tier::from_sql(self.sku.tier).word());
        for (holds, word) in [(self.sku.fast, "/fast"), (self.sku.us_only, "/us")] {
            id.push_str(if holds { word } else { "" });
        }
        let _ = write!(id, "@{}", self.priced().unit_price);
        id
    }

    fn details(&self) -> String {
        let details = Details {
            model: model(&self.sku.model),
            meter: meter(self.sku.meter).0,
            tier: Tier::from_sql(self.sku.tier).word(),
            fast: self.sku.fast,
            us_only: self.sku.us_only,
        };
        serde_json::to_string(&details).unwrap_or_default()
    }

    fn tags(&self) -> String {
        let tags = Tags {
            agent: clean(&self.owner.agent),
            project: Some(clean(&self.owner.project)).filter(|name| !name.is_empty()),
            branch: self.owner.branch.as_deref().map(clean),
            session: clean(&self.owner.uid),
            labels: self.owner.labels.iter().map(|(dimension, value)| (dimension.word(), clean(value))).collect(),
        };
        serde_json::to_string(&tags).unwrap_or_default()
    }
}

/// What the list says.
struct Priced {
    unit: &'static str,
    quantity: String,
    unit_price: String,
    cost: String,
}

/// What a price depends on. Keys that the specification does not define begin with `x_`.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(rename = "x_Model")]
    model: &'a str,
    #[serde(rename = "x_Meter")]
    meter: &'a str,
    #[serde(rename = "x_ServiceTier")]
    tier: &'a str,
    #[serde(rename = "x_Fast")]
    fast: bool,
    #[serde(rename = "x_InferenceInUnitedStates")]
    us_only: bool,
}

/// What we say of a charge; tags that nobody has set himself carry a prefix. A further dimension is a further tag.
#[derive(Serialize)]
struct Tags {
    #[serde(rename = "aifinops/agent")]
    agent: String,
    #[serde(rename = "aifinops/project", skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(rename = "aifinops/branch", skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(rename = "aifinops/session")]
    session: String,
    /// What the user says it was for.
    #[serde(flatten)]
    labels: BTreeMap<&'static str, String>,
}

/// A meter's part of an id, and its name.
const fn meter(meter: Meter) -> (&'static str, &'static str) {
    match meter {
        Meter::Input => ("input", "Input tokens"),
        Meter::CacheRead => ("cache-read", "Cache read tokens"),
        Meter::CacheWrite5m => ("cache-write-5m", "Cache write tokens (5 minutes)"),
        Meter::CacheWrite1h => ("cache-write-1h", "Cache write tokens (1 hour)"),
        Meter::Output => ("output", "Output tokens"),
        Meter::Search => ("web-search", "Web searches"),
        Meter::Whole => ("reported", "Tokens at the cost that the agent reports"),
    }
}

fn model(name: &str) -> &str {
    if name.is_empty() { "unknown" } else { name }
}

/// The calendar month of a day.
fn billing_period(day: NaiveDate) -> [String; 2] {
    let first = day.with_day(1).unwrap_or(day);
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    [first, next].map(|day| stamp(start_of(day, Zone::UTC)))
}

/// An instant as the specification wants it: `2026-11-01T00:00:00Z`.
fn stamp(at: Millis) -> String {
    let at: DateTime<_> = utc(at);
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An integer of parts of 10 to the power of minus `scale` as a decimal number, exactly.
fn decimal(parts: i128, scale: u32) -> String {
    let one = 10_i128.pow(scale);
    let digits = format!("{:0width$}", (parts % one).unsigned_abs(), width = scale as usize);
    let sign = if parts < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{digits}", (parts / one).unsigned_abs());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_short() {
        for (parts, scale, text) in [(0, 6, "0"), (1, 6, "0.000001"), (3_500_000, 6, "3.5"), (12, 0, "12"), (-1_500_000, 6, "-1.5")] {
            assert_eq!(decimal(parts, scale), text);
        }
        assert_eq!(decimal(3 * 10_i128.pow(15), Charge::UNIT), "3");
    }

    #[test]
    fn a_billing_period_is_a_calendar_month() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(billing_period(day("2026-12-31")), ["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
        assert_eq!(billing_period(day("2026-11-01")), ["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"]);
    }
}
