//! FOCUS 1.2, the `FinOps` Foundation's columns for cost and usage, as CSV.
//!
//! A row is one day of one session: so many units of one thing at one list price. The columns are those that the specification
//! requires, and those that it requires of whoever measures usage and has a public price list. What it says on the rest does not
//! hold for model calls (regions, commitments, reservations, resources, accounts in accounts): those columns are left out.
//!
//! **What a cost is here.** Nobody but the provider knows an invoice. `ListCost` is tokens at list prices, exactly the product
//! of `ListUnitPrice` and `PricingQuantity`; the other three costs are what this program says a call cost: the same, rounded
//! once per call to a nano-dollar, or what the agent reported. `x_CostBasis` says which. A call whose price is not known has no
//! row: the specification allows no cost that is not a number, and zero would be a lie.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, SecondsFormat};
use serde::Serialize;

use crate::model::time::{HOUR, day_of, start_of, utc};
use crate::model::{Cost, Millis, Speed, Tier, Window, Zone};
use crate::query::charges::{Charge, Meter};

use super::csv::{failure, flag};
use super::rows::Owner;
use super::table::harmless;

mod provider;

pub use provider::{Provider, provider};

/// The columns: the specification's by the alphabet, then our own.
pub const COLUMNS: [&str; 41] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "Tags",
    "x_Agent",
    "x_Branch",
    "x_CallCount",
    "x_CostBasis",
    "x_CostIsLowerBound",
    "x_Model",
    "x_Project",
    "x_SessionId",
];

/// Whose account pays.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name, where it has one.
    pub name: Option<String>,
}

/// What tells rows of a day apart, in the order that they are written in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sku {
    session: i64,
    model: Arc<str>,
    meter: Meter,
    tier: i64,
    fast: bool,
    us_only: bool,
    unit: i128,
}

/// What a row has added up.
#[derive(Debug, Clone, Default)]
struct Sum {
    quantity: u64,
    cost: Cost,
}

/// A call as it comes to a row.
#[derive(Debug, Clone)]
pub struct Billed<'a> {
    /// When.
    pub at: Millis,
    /// The store's id of its session.
    pub session: i64,
    /// Its session.
    pub owner: &'a Owner,
    /// Its model.
    pub model: Arc<str>,
    /// Its tier.
    pub tier: Tier,
    /// Its surcharges.
    pub speed: Speed,
    /// Its cost.
    pub cost: Cost,
}

/// A file that is being written, day by day of UTC.
pub struct Focus<W: Write> {
    out: csv::Writer<W>,
    account: Account,
    window: Window,
    day: NaiveDate,
    rows: BTreeMap<Sku, Sum>,
    owners: BTreeMap<i64, Owner>,
    written: u64,
}

impl<W: Write> Focus<W> {
    /// Begins a file of a window's charges.
    pub fn begin(out: W, account: Account, window: Window) -> io::Result<Focus<W>> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(COLUMNS).map_err(failure)?;
        Ok(Focus { out, account, window, day: NaiveDate::MIN, rows: BTreeMap::new(), owners: BTreeMap::new(), written: 0 })
    }

    /// Adds a call, none older than those before, and the parts of its cost.
    pub fn add(&mut self, call: &Billed<'_>, charges: &[Charge]) -> io::Result<()> {
        let day = day_of(call.at, Zone::UTC);
        if day != self.day {
            self.end_day()?;
            self.day = day;
        }
        for charge in charges {
            let sku = Sku {
                session: call.session,
                model: call.model.clone(),
                meter: charge.meter,
                tier: call.tier.to_sql(),
                fast: call.speed.fast,
                us_only: call.speed.us_only,
                unit: charge.unit,
            };
            let sum = self.rows.entry(sku).or_default();
            sum.quantity = sum.quantity.saturating_add(charge.quantity);
            sum.cost += Cost { known: charge.money, ..call.cost };
        }
        self.owners.entry(call.session).or_insert_with(|| call.owner.clone());
        Ok(())
    }

    /// Writes what is left; gives how many rows there are.
    pub fn end(mut self) -> io::Result<u64> {
        self.end_day()?;
        self.out.flush()?;
        Ok(self.written)
    }

    fn end_day(&mut self) -> io::Result<()> {
        for (sku, sum) in std::mem::take(&mut self.rows) {
            let Some(owner) = self.owners.get(&sku.session) else { continue };
            let cells = Row { account: &self.account, window: self.window, day: self.day, sku: &sku, sum: &sum, owner }.cells();
            for cell in &cells {
                self.out.write_field(harmless_unless_number(cell).as_bytes()).map_err(failure)?;
            }
            self.out.write_record(None::<&[u8]>).map_err(failure)?;
            self.written += 1;
        }
        self.owners.clear();
        Ok(())
    }
}

/// Texts are harmless to spreadsheets; a number is one, whatever its sign.
fn harmless_unless_number(cell: &Cell) -> std::borrow::Cow<'_, str> {
    match cell {
        Cell::Number(text) => text.as_str().into(),
        Cell::Text(text) => harmless(text),
    }
}

enum Cell {
    Number(String),
    Text(String),
}

struct Row<'a> {
    account: &'a Account,
    window: Window,
    day: NaiveDate,
    sku: &'a Sku,
    sum: &'a Sum,
    owner: &'a Owner,
}

impl Row<'_> {
    /// The cells, in the order of [`COLUMNS`].
    fn cells(&self) -> [Cell; COLUMNS.len()] {
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
        use crate::model::text::clean;
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

/// What FOCUS leaves out: calls without a known price.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    /// Calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Calls by model.
    pub models: BTreeMap<Arc<str>, u64>,
}

impl LeftOut {
    /// Counts a call.
    pub fn add(&mut self, model: Arc<str>, tokens: u64) {
        self.calls += 1;
        self.tokens = self.tokens.saturating_add(tokens);
        *self.models.entry(model).or_default() += 1;
    }
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
