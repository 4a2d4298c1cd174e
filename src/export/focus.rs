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
use std::io::{self, Write};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::model::time::day_of;
use crate::model::{Cost, Millis, Speed, Tier, Window, Zone};
use crate::query::charges::{Charge, Meter};

use super::csv::failure;
use super::rows::Owner;
use super::table::harmless;

mod provider;
mod row;

pub use provider::{Provider, provider};
use row::{Cell, Row};

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

/// What tells rows of a day apart, in the order that they are written in: two stores of the same logs write the same file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sku {
    agent: Arc<str>,
    uid: Arc<str>,
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
                agent: call.owner.agent.clone(),
                uid: call.owner.uid.clone(),
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
