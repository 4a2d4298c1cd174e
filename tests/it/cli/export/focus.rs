//! `export focus`: valid by the specification's rules, and the same money as everywhere else.

use std::collections::BTreeMap;

use std::sync::Arc;

use aifinops::export::focus::{Account, Billed, Focus};
use aifinops::export::rows::Owner;
use aifinops::model::{Cost, Labels, Money, SessionKind, Speed, Tier, Window};
use aifinops::query::charges::{Charge, Meter};

use super::super::{CODEX, FIRST, Machine};
use super::rules::{Number, Supports, violations};
use super::{Rows, csv, export};

/// What a file of model calls supports: prices are public, usage is measured, and there are tags.
const SUPPORTED: [Supports; 4] = [Supports::UsageMeasurement, Supports::PublicPriceList, Supports::PricingCategories, Supports::Tagging];

fn nanos(rows: &Rows, column: &str) -> i128 {
    rows.iter().map(|row| Number::read(&row[column]).unwrap().in_units(9)).sum()
}

/// More than the plain cases: fast mode, web searches, an hour's cache, another tier, several months, a hostile log.
fn varied() -> Machine {
    let machine = Machine::new().with_hostile_log();
    let id = "dddd5555-0000-4000-8000-000000000006";
    let answer = |n: u32, at: &str, usage: &str| {
        super::super::answer(id, &format!("v{n}"), at, "/code/vary", "claude-opus-4-6", r#"{"type":"text","text":"hi"}"#)
            .replace("\"output_tokens\":200", &format!("\"output_tokens\":200{usage}"))
    };
    let log = [
        super::super::prompt(id, "pv", "2026-10-31T23:59:00.000Z", "/code/vary"),
        answer(1, "2026-10-31T23:59:59.999Z", r#","speed":"fast""#),
        answer(2, "2026-11-01T00:00:00.000Z", r#","server_tool_use":{"web_search_requests":3}"#),
        answer(3, "2026-12-31T12:00:00.000Z", r#","cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":300}"#),
        answer(4, "2026-12-31T12:00:01.000Z", r#","inference_geo":"us","service_tier":"batch""#),
    ];
    machine.write(&format!("home/.claude/projects/-work-vary/{id}.jsonl"), &log.join("\n"));
    machine
}

#[test]
fn the_file_is_valid_by_the_rules_of_focus() {
    for machine in [Machine::empty(), Machine::new(), varied()] {
        let file = export(&machine, &["focus"]);
        assert_eq!(violations(&file, &SUPPORTED), Vec::<String>::new());
    }
    let file = export(&varied(), &["focus", "--since", "2026-11-01T09:30", "--billing-account", "org-1", "--billing-account-name", "Ours"]);
    assert_eq!(violations(&file, &SUPPORTED), Vec::<String>::new());
    let rows = csv(&file);
    assert!(rows.iter().all(|row| (row["BillingAccountId"].as_str(), row["BillingAccountName"].as_str()) == ("org-1", "Ours")));
    assert_eq!(rows[0]["ChargePeriodStart"], "2026-11-01T09:30:00Z", "the part of the day that the window holds");
}

#[test]
fn rows_are_days_sessions_and_kinds_of_tokens() {
    let rows = csv(&export(&Machine::new(), &["focus"]));
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            ["x_SessionId", "SkuId", "ChargePeriodStart", "ConsumedQuantity", "ListUnitPrice", "PricingQuantity", "BilledCost"]
                .map(|c| row[c].as_str())
        })
        .collect();
    let (first, second) = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
    assert_eq!(
        seen,
        [
            [FIRST, "house/input", first, "2000", "3", "0.002", "0.006"],
            [FIRST, "house/cache-read", first, "10000", "0.3", "0.01", "0.003"],
            [FIRST, "house/cache-write-5m", first, "800", "3.75", "0.0008", "0.003"],
            [FIRST, "house/output", first, "400", "15", "0.0004", "0.006"],
            [CODEX, "house/input", second, "2000", "3", "0.002", "0.006"],
            [CODEX, "house/cache-read", second, "1000", "0.3", "0.001", "0.0003"],
            [CODEX, "house/output", second, "500", "15", "0.0005", "0.0075"],
        ]
    );
    assert_eq!(
        rows[0]["Tags"],
        format!(r#"{{"aifinops/agent":"claude-code","aifinops/project":"api","aifinops/branch":"main","aifinops/session":"{FIRST}"}}"#)
    );
    assert_eq!((rows[0]["x_CostBasis"].as_str(), rows[0]["x_CallCount"].as_str()), ("priced", "2"));
}

#[test]
fn the_money_is_that_of_the_report() {
    let machine = varied();
    let rows = csv(&export(&machine, &["focus"]));
    let report = machine.json(&["report", "models", "--all"])["total"]["cost"]["nano_usd"].as_i64().unwrap();
    for cost in ["BilledCost", "EffectiveCost", "ContractedCost"] {
        assert_eq!(nanos(&rows, cost), i128::from(report), "{cost}");
    }
    let meters: BTreeMap<&str, &str> = rows.iter().map(|row| (row["SkuPriceId"].as_str(), row["ConsumedUnit"].as_str())).collect();
    assert!(meters.contains_key("claude-opus-4-6/web-search/standard@0.01"), "{meters:?}");
    assert!(meters.keys().any(|sku| sku.starts_with("claude-opus-4-6/cache-write-1h/")), "{meters:?}");
    assert!(meters.keys().any(|sku| sku.contains("/fast@")), "{meters:?}");
    assert!(meters.keys().any(|sku| sku.contains("/batch")), "{meters:?}");
    assert_eq!(meters["claude-opus-4-6/web-search/standard@0.01"], "Requests");
}

#[test]
fn what_has_no_price_has_no_row_and_is_told() {
    let machine = Machine::new();
    let run = machine.run(&["export", "focus"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.err, "left out: 1 call has no known price (6.6k tokens of nobody-knows-this); `aifinops prices set` sets one\n");
    assert!(!run.out.contains("nobody-knows-this"));
    assert_eq!(machine.run(&["prices", "set", "nobody-knows-this", "--input", "1", "--output", "2"]).code, 0);
    let run = machine.run(&["export", "focus"]);
    assert!(run.err.is_empty() && run.out.contains("nobody-knows-this"), "{}", run.err);
    assert_eq!(violations(&run.out, &SUPPORTED), Vec::<String>::new());
}

/// A reported cost of a model that no list has: there is no price of its tokens, and the rules want one.
#[test]
fn what_only_the_agent_knows_the_cost_of_is_priced_in_dollars() {
    let text = |text: &str| Arc::<str>::from(text);
    let owner = Owner {
        agent: text("opencode"),
        uid: text("ses_1"),
        kind: SessionKind::Main,
        project: text("api"),
        branch: None,
        labels: Labels::default(),
    };
    let cost = Cost::reported(Money::from_nanos(123_456_789));
    let billed = Billed {
        at: 1_793_600_000_000,
        session: 1,
        owner: &owner,
        model: text("gamma"),
        tier: Tier::Standard,
        speed: Speed::default(),
        cost,
    };
    let mut out = Vec::new();
    let mut file = Focus::begin(&mut out, Account { id: "local".to_owned(), name: None }, Window::ALL).unwrap();
    let whole = Charge { meter: Meter::Whole, quantity: 1344, unit: 0, money: cost.known };
    file.add(&billed, &[whole]).unwrap();
    file.add(&billed, &[whole]).unwrap();
    assert_eq!(file.end().unwrap(), 1);
    let out = String::from_utf8(out).unwrap();
    assert_eq!(violations(&out, &SUPPORTED), Vec::<String>::new());
    let rows = csv(&out);
    let cells = ["BilledCost", "ListCost", "ListUnitPrice", "PricingQuantity", "PricingUnit", "ConsumedQuantity", "x_CostBasis"];
    assert_eq!(cells.map(|c| rows[0][c].as_str()), ["0.246913578", "0.246913578", "1", "0.246913578", "USD", "2688", "reported"]);
}

#[test]
fn nonsense_is_refused() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["export", "focus", "--billing-account", " ", "--json"]).error()["code"], "usage");
    let page = machine.path("focus.html");
    assert_eq!(machine.run(&["export", "focus", "-o", page.to_str().unwrap(), "--json"]).error()["code"], "usage");
    assert!(!page.exists());
}

/// The validator is worth what it refuses: a good file, one thing changed, and the rule that it then breaks.
#[test]
fn the_validator_sees_what_is_wrong() {
    let good = export(&Machine::new(), &["focus"]);
    let (head, rest) = good.split_once('\n').unwrap();
    let names: Vec<&str> = head.split(',').collect();
    let first: Vec<String> =
        csv::Reader::from_reader(good.as_bytes()).records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
    let with = |changes: &[(&str, &str)]| {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(&names).unwrap();
        let mut cells = first.clone();
        for (column, text) in changes {
            cells[names.iter().position(|name| name == column).unwrap()] = (*text).to_owned();
        }
        out.write_record(&cells).unwrap();
        out.write_record(&first).unwrap();
        String::from_utf8(out.into_inner().unwrap()).unwrap()
    };
    assert_eq!(violations(&with(&[]), &SUPPORTED), Vec::<String>::new());
    let broken: [(&[(&str, &str)], &str); 30] = [
        (&[("BilledCost", "")], "BilledCost: must not be null"),
        (&[("BilledCost", "$1")], "BilledCost: is not of its type"),
        (&[("BilledCost", "1,000.5")], "BilledCost: is not of its type"),
        (&[("BilledCost", "+1")], "BilledCost: is not of its type"),
        (&[("EffectiveCost", "1E+2")], "EffectiveCost: is not of its type"),
        (&[("ChargePeriodStart", "2026-11-01")], "ChargePeriodStart: is not of its type"),
        (&[("ChargePeriodStart", "2026-11-01T00:00:00.000Z")], "ChargePeriodStart: is not of its type"),
        (&[("ChargePeriodEnd", "2026-11-01T00:00:00Z")], "ChargePeriodEnd: after ChargePeriodStart"),
        (&[("ChargePeriodEnd", "2026-12-02T00:00:00Z")], "ChargePeriodStart: inside the billing period"),
        (&[("BillingAccountId", "")], "BillingAccountId: must not be null"),
        (&[("BillingCurrency", "usd")], "BillingCurrency: a national currency"),
        (&[("ChargeCategory", "usage")], "ChargeCategory: no allowed value"),
        (&[("ChargeClass", "Regular")], "ChargeClass: no allowed value"),
        (&[("ChargeFrequency", "Usage Based")], "ChargeFrequency: no allowed value"),
        (&[("ServiceCategory", "AI")], "ServiceCategory: no allowed value"),
        (&[("ServiceCategory", "Compute")], "ServiceSubcategory: belongs to another category"),
        (&[("ServiceCategory", "Web")], "ServiceCategory: one for each ServiceName"),
        (&[("ProviderName", " ")], "ProviderName: is not of its type"),
        (&[("InvoiceIssuerName", "Somebody")], "BilledCost: zero where somebody else is paid"),
        (&[("ListCost", "0.0060001")], "ListCost: is ListUnitPrice times PricingQuantity"),
        (&[("ListUnitPrice", "-3")], "ListUnitPrice: must not be negative"),
        (&[("ListUnitPrice", "")], "ListUnitPrice: must not be null for usage"),
        (&[("SkuPriceId", "")], "SkuPriceDetails: null where SkuPriceId is"),
        (&[("SkuId", "other")], "SkuId: one for each SkuPriceId"),
        (&[("ConsumedQuantity", "")], "ConsumedUnit: null where ConsumedQuantity is"),
        (&[("PricingUnit", "1M tokens")], "PricingUnit: plural units"),
        (&[("Tags", "agent=codex")], "Tags: is not of its type"),
        (&[("Tags", r#"{"a":{"b":1}}"#)], "Tags: is not of its type"),
        (&[("ChargeCategory", "Tax")], "SkuId: must be null for a tax"),
        (&[("ChargeCategory", "Purchase")], "ChargeFrequency: no purchase is usage-based"),
    ];
    for (changes, rule) in broken {
        let found = violations(&with(changes), &SUPPORTED);
        assert!(found.iter().any(|violation| violation.starts_with(rule)), "{changes:?} breaks `{rule}`: {found:?}");
    }
    for (name, other, rule) in [
        ("ListCost", "ListPrice", "ListCost: has to be there"),
        ("ConsumedUnit", "x_ConsumedUnit", "ConsumedUnit: has to be there"),
        ("x_Agent", "agent", "agent: no column of FOCUS"),
        ("ServiceName", "Tags", "Tags: is there twice"),
        ("BilledCost", "x_BilledCost", "BillingAccountId: custom columns come after all others"),
    ] {
        let head: Vec<&str> = names.iter().map(|known| if *known == name { other } else { known }).collect();
        let found = violations(&format!("{}\n{rest}", head.join(",")), &SUPPORTED);
        assert!(found.iter().any(|violation| violation.starts_with(rule)), "{name} as {other}: {found:?}");
    }
}
