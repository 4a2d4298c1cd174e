//! The rules of FOCUS 1.2 for a cost and usage dataset, as far as one file can be held to them.
//!
//! Written from the specification's tables, in our words: the columns with their feature levels, types, nullability and
//! allowed values (`specification/columns` of `FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec`), the formats
//! (`specification/attributes`), and the conditional rules (the requirements model 1.2.0.1 that the `FinOps`
//! Foundation's validator, `finopsfoundation/focus_validator`, carries). Rules that nobody can check from a file alone, such as that the
//! sum of a month is that of the invoice, are not here. It knows nothing of the program that it checks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Whether a column has to be there.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Mandatory,
    Recommended,
    /// Where what it is about is supported.
    If(Supports),
}
use Level::{If, Mandatory, Recommended};

/// What a provider may support.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Supports {
    UsageMeasurement,
    PublicPriceList,
    NegotiatedPricing,
    PricingCategories,
    Tagging,
    BillingAccountTypes,
    SubAccounts,
    SubAccountTypes,
    Regions,
    Zones,
    Resources,
    Commitments,
    Reservations,
    OtherCurrencies,
}
use Supports as S;

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Text,
    Decimal,
    Time,
    KeyValues,
}
use Type::{Decimal, KeyValues, Text, Time};

type Column = (&'static str, Level, Type, bool, &'static [&'static str]);

/// Name, level, type, whether it may be null at all, and the values it may have.
const COLUMNS: [Column; 57] = [
    ("AvailabilityZone", If(S::Zones), Text, true, &[]),
    ("BilledCost", Mandatory, Decimal, false, &[]),
    ("BillingAccountId", Mandatory, Text, false, &[]),
    ("BillingAccountName", Mandatory, Text, true, &[]),
    ("BillingAccountType", If(S::BillingAccountTypes), Text, true, &[]),
    ("BillingCurrency", Mandatory, Text, false, &[]),
    ("BillingPeriodEnd", Mandatory, Time, false, &[]),
    ("BillingPeriodStart", Mandatory, Time, false, &[]),
    ("CapacityReservationId", If(S::Reservations), Text, true, &[]),
    ("CapacityReservationStatus", If(S::Reservations), Text, true, &["Used", "Unused"]),
    ("ChargeCategory", Mandatory, Text, false, &["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
    ("ChargeClass", Mandatory, Text, true, &["Correction"]),
    ("ChargeDescription", Mandatory, Text, true, &[]),
    ("ChargeFrequency", Recommended, Text, false, &["One-Time", "Recurring", "Usage-Based"]),
    ("ChargePeriodEnd", Mandatory, Time, false, &[]),
    ("ChargePeriodStart", Mandatory, Time, false, &[]),
    ("CommitmentDiscountCategory", If(S::Commitments), Text, true, &["Spend", "Usage"]),
    ("CommitmentDiscountId", If(S::Commitments), Text, true, &[]),
    ("CommitmentDiscountName", If(S::Commitments), Text, true, &[]),
    ("CommitmentDiscountQuantity", If(S::Commitments), Decimal, true, &[]),
    ("CommitmentDiscountStatus", If(S::Commitments), Text, true, &["Used", "Unused"]),
    ("CommitmentDiscountType", If(S::Commitments), Text, true, &[]),
    ("CommitmentDiscountUnit", If(S::Commitments), Text, true, &[]),
    ("ConsumedQuantity", If(S::UsageMeasurement), Decimal, true, &[]),
    ("ConsumedUnit", If(S::UsageMeasurement), Text, true, &[]),
    ("ContractedCost", Mandatory, Decimal, false, &[]),
    ("ContractedUnitPrice", If(S::NegotiatedPricing), Decimal, true, &[]),
    ("EffectiveCost", Mandatory, Decimal, false, &[]),
    ("InvoiceId", Recommended, Text, true, &[]),
    ("InvoiceIssuerName", Mandatory, Text, false, &[]),
    ("ListCost", Mandatory, Decimal, false, &[]),
    ("ListUnitPrice", If(S::PublicPriceList), Decimal, true, &[]),
    ("PricingCategory", If(S::PricingCategories), Text, true, &["Standard", "Dynamic", "Committed", "Other"]),
    ("PricingCurrency", If(S::OtherCurrencies), Text, false, &[]),
    ("PricingCurrencyContractedUnitPrice", If(S::OtherCurrencies), Decimal, true, &[]),
    ("PricingCurrencyEffectiveCost", If(S::OtherCurrencies), Decimal, false, &[]),
    ("PricingCurrencyListUnitPrice", If(S::OtherCurrencies), Decimal, true, &[]),
    ("PricingQuantity", Mandatory, Decimal, true, &[]),
    ("PricingUnit", Mandatory, Text, true, &[]),
    ("ProviderName", Mandatory, Text, false, &[]),
    ("PublisherName", Mandatory, Text, false, &[]),
    ("RegionId", If(S::Regions), Text, true, &[]),
    ("RegionName", If(S::Regions), Text, true, &[]),
    ("ResourceId", If(S::Resources), Text, true, &[]),
    ("ResourceName", If(S::Resources), Text, true, &[]),
    ("ResourceType", If(S::Resources), Text, true, &[]),
    ("ServiceCategory", Mandatory, Text, false, &SERVICES),
    ("ServiceName", Mandatory, Text, false, &[]),
    // The list is long; of the category of models all are known here, of others none is needed.
    ("ServiceSubcategory", Recommended, Text, false, &MODELS),
    ("SkuId", If(S::PublicPriceList), Text, true, &[]),
    ("SkuMeter", If(S::PublicPriceList), Text, true, &[]),
    ("SkuPriceDetails", If(S::PublicPriceList), KeyValues, true, &[]),
    ("SkuPriceId", If(S::PublicPriceList), Text, true, &[]),
    ("SubAccountId", If(S::SubAccounts), Text, true, &[]),
    ("SubAccountName", If(S::SubAccounts), Text, true, &[]),
    ("SubAccountType", If(S::SubAccountTypes), Text, true, &[]),
    ("Tags", If(S::Tagging), KeyValues, true, &[]),
];

const SERVICES: [&str; 19] = [
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
];

/// The subcategories of "AI and Machine Learning".
const MODELS: [&str; 6] =
    ["AI Platforms", "Bots", "Generative AI", "Machine Learning", "Natural Language Processing", "Other (AI and Machine Learning)"];

/// A decimal number, exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    digits: i128,
    scale: u32,
}

impl Number {
    /// Reads one as the specification writes them: no sign but a minus, no separator, one point, `E` without a plus.
    pub(super) fn read(text: &str) -> Option<Number> {
        let (mantissa, exponent) = text.split_once('E').map_or((text, 0), |(m, e)| (m, e.parse::<i32>().unwrap_or(i32::MAX)));
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_number = !whole.is_empty() && whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit()) && !unsigned.ends_with('.');
        if !is_number || text.contains("E+") || exponent.abs() > 30 {
            return None;
        }
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let scale = i32::try_from(part.len()).ok()? - exponent;
        let digits = if mantissa.starts_with('-') { -digits } else { digits };
        let lifted = digits.checked_mul(10_i128.checked_pow(u32::try_from(-scale.min(0)).ok()?)?)?;
        Some(Number { digits: lifted, scale: u32::try_from(scale.max(0)).ok()? })
    }

    /// As an integer of `10^-scale` units.
    pub(super) fn in_units(self, scale: u32) -> i128 {
        self.digits * 10_i128.pow(scale - self.scale)
    }

    fn short(self) -> Number {
        let mut short = self;
        while short.scale > 0 && short.digits % 10 == 0 {
            short = Number { digits: short.digits / 10, scale: short.scale - 1 };
        }
        short
    }

    fn times(self, other: Number) -> Option<Number> {
        let (a, b) = (self.short(), other.short());
        Some(Number { digits: a.digits.checked_mul(b.digits)?, scale: a.scale + b.scale }.short())
    }

    fn equals(self, other: Number) -> bool {
        let (a, b) = (self.short(), other.short());
        (a.digits, a.scale) == (b.digits, b.scale)
    }
}

/// A row of the file; what is empty is null.
struct Row<'a>(&'a BTreeMap<&'a str, &'a str>);

impl Row<'_> {
    fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).copied().filter(|text| !text.is_empty())
    }

    fn is(&self, column: &str, value: &str) -> bool {
        self.get(column) == Some(value)
    }

    fn number(&self, column: &str) -> Option<Number> {
        self.get(column).and_then(Number::read)
    }
}

/// What is wrong with a file, each as `rule: what`, with the line where there is one.
pub(super) fn violations(file: &str, supported: &[Supports]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut wrong = columns(&names, supported);
    let mut pairs: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for (line, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let mut tell = |rule: &str| wrong.push(format!("{rule}, row {}", line + 1));
        if record.len() != names.len() {
            tell("Row: as many cells as columns");
            continue;
        }
        let cells: BTreeMap<&str, &str> = names.iter().map(String::as_str).zip(record.iter()).collect();
        let row = Row(&cells);
        values(&row, &mut tell);
        conditions(&row, &mut tell);
        amounts(&row, &mut tell);
        periods(&row, &mut tell);
        for (one, other) in [
            ("ServiceName", "ServiceCategory"),
            ("ServiceName", "ServiceSubcategory"),
            ("SkuPriceId", "SkuId"),
            ("SkuPriceId", "ListUnitPrice"),
            ("SkuPriceId", "SkuPriceDetails"),
            ("BillingAccountId", "BillingCurrency"),
        ] {
            if let (Some(key), Some(value)) = (row.get(one), row.get(other)) {
                pairs.entry((other, format!("{one} {key}"))).or_default().insert(value.to_owned());
            }
        }
    }
    let several = pairs.iter().filter(|(_, values)| values.len() > 1);
    wrong.extend(several.map(|((other, key), values)| format!("{other}: one for each {key}, not {values:?}")));
    wrong
}

/// Names: all that have to be there, none twice, our own last and marked as such.
fn columns(names: &[String], supported: &[Supports]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, level, ..) in COLUMNS {
        let needed = match level {
            Mandatory => true,
            Recommended => false,
            If(feature) => supported.contains(&feature),
        };
        if needed && !names.iter().any(|n| n == name) {
            wrong.push(format!("{name}: has to be there"));
        }
    }
    for (i, name) in names.iter().enumerate() {
        let known = COLUMNS.iter().any(|(column, ..)| column == name);
        let own = name.strip_prefix("x_");
        let pascal = own.unwrap_or(name);
        let is_pascal = pascal.starts_with(|c: char| c.is_ascii_uppercase()) && pascal.chars().all(|c| c.is_ascii_alphanumeric());
        if !(known || own.is_some()) || !is_pascal || name.len() > 50 {
            wrong.push(format!("{name}: no column of FOCUS, and not marked as a custom one"));
        }
        if names[..i].contains(name) {
            wrong.push(format!("{name}: is there twice"));
        }
        if known && names[..i].iter().any(|before| before.starts_with("x_")) {
            wrong.push(format!("{name}: custom columns come after all others"));
        }
    }
    wrong
}

/// Each cell for itself: null, type, allowed values.
fn values(row: &Row<'_>, tell: &mut impl FnMut(&str)) {
    for (name, _, kind, nullable, allowed) in COLUMNS.iter().filter(|(name, ..)| row.0.contains_key(name)) {
        let Some(text) = row.get(name) else {
            if !nullable {
                tell(&format!("{name}: must not be null"));
            }
            continue;
        };
        let is_right = match kind {
            Text => !text.trim().is_empty(),
            Decimal => Number::read(text).is_some(),
            Time => is_time(text),
            KeyValues => is_key_values(text),
        };
        if !is_right {
            tell(&format!("{name}: is not of its type"));
        }
        if !allowed.is_empty() && !allowed.contains(&text) {
            tell(&format!("{name}: no allowed value"));
        }
    }
    if row.get("BillingCurrency").is_some_and(|code| code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase())) {
        tell("BillingCurrency: a national currency by its code");
    }
    for unit in ["ConsumedUnit", "PricingUnit"] {
        if row.get(unit).is_some_and(|unit| !is_unit(unit)) {
            tell(&format!("{unit}: plural units, perhaps with a whole number before them"));
        }
    }
    if row.is("ServiceSubcategory", "Generative AI") && !row.is("ServiceCategory", "AI and Machine Learning") {
        tell("ServiceSubcategory: belongs to another category");
    }
}

/// `YYYY-MM-DDTHH:mm:ssZ`, and a day that there is.
fn is_time(text: &str) -> bool {
    text.len() == 20 && chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").is_ok()
}

/// An object without objects or lists in it, and no key twice.
fn is_key_values(text: &str) -> bool {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(text) else { return false };
    let flat = map.values().all(|value| !value.is_object() && !value.is_array());
    let keys = map.keys().all(|key| text.matches(&format!("{}:", serde_json::to_string(key).unwrap())).count() == 1);
    flat && keys
}

fn is_unit(text: &str) -> bool {
    let (count, unit) = text.split_once(' ').map_or((None, text), |(count, unit)| (Some(count), unit));
    count.is_none_or(|n| n.parse::<u64>().is_ok_and(|n| n > 0)) && unit.starts_with(|c: char| c.is_ascii_uppercase()) && !unit.contains(' ')
}

/// Null or not, as other columns say.
fn conditions(row: &Row<'_>, tell: &mut impl FnMut(&str)) {
    let has = |column: &str| row.0.contains_key(column);
    let billed = (row.is("ChargeCategory", "Usage") || row.is("ChargeCategory", "Purchase")) && !row.is("ChargeClass", "Correction");
    for column in ["PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "SkuId", "SkuPriceId"] {
        if has(column) && billed && row.get(column).is_none() {
            tell(&format!("{column}: must not be null for usage"));
        }
        if has(column) && row.is("ChargeCategory", "Tax") && row.get(column).is_some() {
            tell(&format!("{column}: must be null for a tax"));
        }
    }
    for (one, other) in [
        ("ConsumedUnit", "ConsumedQuantity"),
        ("PricingUnit", "PricingQuantity"),
        ("SkuMeter", "SkuId"),
        ("BillingAccountType", "BillingAccountId"),
        ("SubAccountName", "SubAccountId"),
        ("ResourceType", "ResourceId"),
        ("CommitmentDiscountCategory", "CommitmentDiscountId"),
        ("CommitmentDiscountType", "CommitmentDiscountId"),
        ("CommitmentDiscountUnit", "CommitmentDiscountQuantity"),
    ] {
        if has(one) && row.get(one).is_some() != row.get(other).is_some() {
            tell(&format!("{one}: null where {other} is, and nowhere else"));
        }
    }
    if row.get("SkuPriceDetails").is_some() && row.get("SkuPriceId").is_none() {
        tell("SkuPriceDetails: null where SkuPriceId is");
    }
    let unused = row.is("CommitmentDiscountStatus", "Unused");
    if has("ConsumedQuantity") {
        let used = row.is("ChargeCategory", "Usage") && !unused;
        if used && !row.is("ChargeClass", "Correction") && row.get("ConsumedQuantity").is_none() {
            tell("ConsumedQuantity: must not be null for usage");
        }
        if !used && row.get("ConsumedQuantity").is_some() {
            tell("ConsumedQuantity: must be null but for usage");
        }
    }
    if row.is("ChargeCategory", "Purchase") && row.is("ChargeFrequency", "Usage-Based") {
        tell("ChargeFrequency: no purchase is usage-based");
    }
}

/// Amounts that depend on each other.
fn amounts(row: &Row<'_>, tell: &mut impl FnMut(&str)) {
    let corrected = row.is("ChargeClass", "Correction");
    for (price, cost) in [("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")] {
        let (unit_price, quantity, amount) = (row.number(price), row.number("PricingQuantity"), row.number(cost));
        if unit_price.is_some_and(|n| n.digits < 0) {
            tell(&format!("{price}: must not be negative"));
        }
        if let (Some(unit_price), Some(quantity), Some(amount)) = (unit_price, quantity, amount)
            && !corrected
            && !unit_price.times(quantity).is_some_and(|product| product.equals(amount))
        {
            tell(&format!("{cost}: is {price} times PricingQuantity"));
        }
    }
    let is_zero = |column: &str| row.number(column).is_some_and(|n| n.digits == 0);
    if row.get("ProviderName") != row.get("InvoiceIssuerName") && !is_zero("BilledCost") {
        tell("BilledCost: zero where somebody else is paid");
    }
    if row.is("ChargeCategory", "Purchase") && !is_zero("EffectiveCost") && row.get("CommitmentDiscountId").is_some() {
        tell("EffectiveCost: zero for a purchase that covers later charges");
    }
}

/// Beginnings before ends, and the charge inside its billing period. The format sorts as time does.
fn periods(row: &Row<'_>, tell: &mut impl FnMut(&str)) {
    let get = |column| row.get(column).unwrap_or_default();
    for (from, to) in [("BillingPeriodStart", "BillingPeriodEnd"), ("ChargePeriodStart", "ChargePeriodEnd")] {
        if get(from) >= get(to) {
            tell(&format!("{to}: after {from}"));
        }
    }
    if get("ChargePeriodStart") < get("BillingPeriodStart") || get("ChargePeriodEnd") > get("BillingPeriodEnd") {
        tell("ChargePeriodStart: inside the billing period");
    }
}
