//! `prices show`: the rates in force, of one model or of all that the logs name.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out, STRONG};
use crate::cli::table::{Column, Table};
use crate::export::json::{self, MoneyJson, RateJson};
use crate::model::text::clean;
use crate::model::tokens::compact;
use crate::model::{Rate, Tier, Window};
use crate::pricing::{Book, Card, Rates, Variant, lookup};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops prices show
  aifinops prices show us.anthropic.claude-opus-4-6-v1:0
  aifinops prices show my-model --json || echo unknown";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The model, as it is called in a log; without it, all models in your logs
    pub model: Option<String>,
}

#[derive(Serialize)]
struct CardJson {
    input: Option<RateJson>,
    output: Option<RateJson>,
    cache_read: Option<RateJson>,
    cache_write_5m: Option<RateJson>,
    cache_write_1h: Option<RateJson>,
}

#[derive(Serialize)]
struct VariantJson {
    above_tokens: u64,
    tier: &'static str,
    per_million_tokens: CardJson,
}

#[derive(Serialize)]
struct ModelJson {
    model: String,
    listed_as: Option<String>,
    known: bool,
    overridden: bool,
    per_million_tokens: Option<CardJson>,
    variants: Vec<VariantJson>,
    web_search: Option<MoneyJson>,
    fast_permille: Option<u32>,
    us_permille: Option<u32>,
    context_window: Option<u64>,
}

#[derive(Serialize)]
struct Answer {
    date: String,
    source: String,
    models: Vec<ModelJson>,
}

/// Shows prices.
pub fn run(context: &Context, args: &ShowArgs) -> Result<ExitCode, CliError> {
    context.note_problems();
    let book = context.book();
    match &args.model {
        Some(model) => one(context, &book, model),
        None => all(context, &book),
    }
}

fn one(context: &Context, book: &Book, model: &str) -> Result<ExitCode, CliError> {
    let rates = book.find(model).ok_or_else(|| CliError::UnknownModel(model.to_owned()))?;
    if context.json {
        Out::json(&Answer { date: book.date().to_owned(), source: book.source().to_owned(), models: vec![model_json(book, model)] })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.styled(STRONG, &clean(model))?;
    let mut from = format!("{} of {}", book.source(), book.date());
    if let Some(listed) = listed_as(book, model).filter(|name| name != model) {
        from = format!("listed as {listed} · {from}");
    }
    if overridden(book, model) {
        from = format!("with prices of your own · {from}");
    }
    out.styled(FAINT, &clean(&from))?;
    let mut table = table("PROMPT, TIER");
    table.row(row("any".to_owned(), &billed(&rates, 0, Tier::Standard)));
    for variant in &rates.variants {
        let above = if variant.above == 0 { "any".to_owned() } else { format!("over {}", compact(variant.above)) };
        table.row(row(format!("{above}, {}", variant.tier.word()), &billed(&rates, variant.above, variant.tier)));
    }
    table.write(&mut out)?;
    extras(&rates, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn extras(rates: &Rates, out: &mut Out) -> io::Result<()> {
    let times = |permille: u32| format!("{}.{:02} times", permille / 1000, permille % 1000 / 10);
    let lines = [
        rates.context_window.map(|n| format!("context window   {} tokens", compact(n))),
        rates.search_fee.map(|fee| format!("web search       ${} each", fee.exact())),
        rates.fast_permille.map(|p| format!("fast mode        {} all rates", times(p))),
        rates.us_permille.map(|p| format!("US only          {} all rates", times(p))),
    ];
    lines.iter().flatten().try_for_each(|line| out.line(line))
}

/// All models that the logs name.
fn all(context: &Context, book: &Book) -> Result<ExitCode, CliError> {
    // Prices are known without a store; only which models the logs name is not.
    let models = match models(context) {
        Err(CliError::Store(error)) if !error.is_damage() => {
            context.note(&format!("{error}; `aifinops prices show MODEL` shows any model"));
            BTreeSet::new()
        }
        models => models?,
    };
    if context.json {
        let models = models.iter().map(|model| model_json(book, model)).collect();
        Out::json(&Answer { date: book.date().to_owned(), source: book.source().to_owned(), models })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.styled(STRONG, &clean(&format!("{} models · {} · {}", book.names().count(), book.source(), book.date())))?;
    if models.is_empty() {
        out.line("No model in the store yet. `aifinops prices show MODEL` shows any.")?;
    } else {
        let mut table = table("MODEL");
        for model in &models {
            match book.find(model) {
                Some(rates) => table.row(row(model.clone(), &billed(&rates, 0, Tier::Standard))),
                None => table.row(vec![model.clone(), "?".into(), "?".into(), "?".into(), "?".into(), "?".into()]),
            }
        }
        table.write(&mut out)?;
        out.styled(FAINT, "dollars per million tokens; ? is unknown: `aifinops prices set MODEL` sets it")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The models that the logs name, as far as they have been read.
fn models(context: &Context) -> Result<BTreeSet<String>, CliError> {
    let store = context.store()?;
    Ok(store.models(Window::ALL)?.into_values().flatten().map(|m| m.to_string()).collect())
}

fn table(first: &'static str) -> Table {
    let mut columns = vec![Column::text(first)];
    columns.extend(["INPUT", "OUTPUT", "CACHE READ", "WRITE 5M", "WRITE 1H"].map(Column::number));
    Table::new(columns)
}

fn row(first: String, card: &Card) -> Vec<String> {
    let rates = [card.input, card.output, card.cache_read, card.cache_write_5m, card.cache_write_1h];
    std::iter::once(first).chain(rates.map(|rate| rate.map_or_else(|| "·".to_owned(), Rate::per_million))).collect()
}

/// What a call with a prompt above so many tokens is billed at in that tier, gaps filled by the rules.
fn billed(rates: &Rates, above: u64, tier: Tier) -> Card {
    let all = rates.effective(above.saturating_add(1), tier);
    Card {
        input: Some(all.input),
        output: Some(all.output),
        cache_read: Some(all.cache_read),
        cache_write_5m: Some(all.cache_write_5m),
        cache_write_1h: Some(all.cache_write_1h),
    }
}

fn model_json(book: &Book, model: &str) -> ModelJson {
    let rates = book.find(model);
    let variant = |rates: &Rates, v: &Variant| VariantJson {
        above_tokens: v.above,
        tier: v.tier.word(),
        per_million_tokens: card_json(&billed(rates, v.above, v.tier)),
    };
    ModelJson {
        model: clean(model),
        listed_as: listed_as(book, model),
        known: rates.is_some(),
        overridden: overridden(book, model),
        per_million_tokens: rates.as_ref().map(|r| card_json(&billed(r, 0, Tier::Standard))),
        variants: rates.iter().flat_map(|r| r.variants.iter().map(|v| variant(r, v))).collect(),
        web_search: rates.as_ref().and_then(|r| r.search_fee).map(json::money),
        fast_permille: rates.as_ref().and_then(|r| r.fast_permille),
        us_permille: rates.as_ref().and_then(|r| r.us_permille),
        context_window: rates.as_ref().and_then(|r| r.context_window),
    }
}

fn card_json(card: &Card) -> CardJson {
    let rate = |rate: Option<Rate>| rate.and_then(json::rate);
    CardJson {
        input: rate(card.input),
        output: rate(card.output),
        cache_read: rate(card.cache_read),
        cache_write_5m: rate(card.cache_write_5m),
        cache_write_1h: rate(card.cache_write_1h),
    }
}

/// The name under which the list has the model.
fn listed_as(book: &Book, model: &str) -> Option<String> {
    let names: Vec<&str> = book.names().collect();
    lookup::candidates(model).into_iter().find(|name| names.binary_search(&name.as_str()).is_ok())
}

/// Whether a price of the user's own holds for the model.
fn overridden(book: &Book, model: &str) -> bool {
    let names = lookup::candidates(model);
    book.overrides().any(|own| {
        let same = |name: &String| name.eq_ignore_ascii_case(&own.model) || lookup::candidates(&own.model).contains(name);
        names.iter().any(same)
    })
}
