//! `forecast`: where today, this week and this month end, and when caps are reached.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::export::json::{self, CostJson, MoneyJson};
use crate::insight::forecast::{A_WEEK, Outlook, Reach};
use crate::model::cap::{Amount, Span};
use crate::model::text::clean;
use crate::model::time::{MINUTE, day_of, rfc3339, utc};
use crate::model::{Millis, Money, time};
use crate::query::caps;
use crate::query::forecast::backtest::{self, Score};
use crate::query::forecast::{self, Ahead, CapAhead, Forecast};

use super::cap::show::{AmountJson, amount_json, ledger};
use super::context::Context;
use super::error::CliError;
use super::out::{FAINT, Out, STRONG};
use super::rules;
use super::table::{Column, Table, count};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops forecast                              today at midnight, this week, this month, each cap
  aifinops forecast --json | jq '.forecasts[] | {span, likely: .likely.usd}'
  aifinops forecast --backtest                   how good forecasts of the past would have been

It comes from your own last eight weeks: days ahead are taken to go as days of the past went, hour by hour;
recent days and days of the same weekday count for more. Eight of ten ends are meant to lie in the range.";

/// Nothing is said to be reached at a time when fewer futures of a thousand reach it.
const LIKELY: u32 = 500;
/// Times ahead are told to so many minutes: more would be a promise.
const ABOUT: Millis = 10 * MINUTE;

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct ForecastArgs {
    /// Foretell the past from what was known then, and print how far off it was, beside a straight line
    #[arg(long)]
    pub backtest: bool,
}

/// Foretells.
pub fn run(context: &Context, args: &ForecastArgs) -> Result<ExitCode, CliError> {
    let policy = rules::policy(&context.settings);
    let rules = rules::rules(&context.settings, &policy);
    let fresh = context.open()?;
    let store = &fresh.ingest.store;
    if args.backtest {
        let history = forecast::half_a_year(store, context.now, rules.zone)?;
        return tell_backtest(context, &backtest::backtest(&history, rules.week_start));
    }
    let raises = caps::raises(&ledger(context)?, context.now)?;
    let beyond = rules.beyond(context.now);
    let asking = rules.asking(&raises, &beyond, context.now);
    let forecast = forecast::forecast(store, &asking)?;
    if context.json {
        Out::json(&answer(context, &forecast))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if forecast.days == 0 && fresh.is_empty()? {
        out.line(&fresh.nothing_found())?;
    } else {
        print(context, &forecast, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What it comes from, in a word for programs.
const fn footing(days: usize) -> &'static str {
    match days {
        0 => "none",
        1..A_WEEK => "few_days",
        _ => "history",
    }
}

/// The same in words for people.
fn foundation(days: usize) -> String {
    match days {
        0 => "there is no whole day of history yet: nobody can tell".to_owned(),
        1..A_WEEK => {
            let days = count(days, "day", "days");
            format!("from only {days} of history: weekdays are not told apart yet, and the range may be too narrow")
        }
        _ => format!("from {days} days of history"),
    }
}

fn print(context: &Context, forecast: &Forecast, out: &mut Out) -> io::Result<()> {
    out.styled(STRONG, &format!("Forecast · {}", foundation(forecast.days)))?;
    let mark = if forecast.past.is_lower_bound() { "≥" } else { "" };
    let money = |nanos: i64| format!("{mark}{}", context.money(Money::from_nanos(nanos)));
    let mut table = Table::new(vec![
        Column::text(""),
        Column::number("SO FAR"),
        Column::number("LIKELY"),
        Column::text("8 OF 10 END AT"),
        Column::text("ENDS").expendable(1),
    ]);
    for ahead in &forecast.spans {
        let cannot_tell = if forecast.days == 0 { "cannot tell" } else { "?" };
        let (likely, range) = match ahead.end {
            Some(Outlook { low, likely, high }) => (money(likely), format!("{} – {}", money(low), context.money(Money::from_nanos(high)))),
            None => (cannot_tell.to_owned(), "·".to_owned()),
        };
        table.row(vec![name(ahead.span).to_owned(), context.cost(&ahead.spent), likely, range, moment(context, ahead.window.to)]);
    }
    table.write(out)?;
    if forecast.past.unpriced_calls > 0 {
        let calls = count(forecast.past.unpriced_calls, "call", "calls");
        out.styled(
            FAINT,
            &format!("not counted: {calls} of these days without a known price; `aifinops report models` says of which model"),
        )?;
    }
    if forecast.caps.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(vec![
        Column::text("CAP"),
        Column::text("WHAT").expendable(2),
        Column::number("SPENT"),
        Column::number("OF"),
        Column::number("LIKELY").expendable(1),
        Column::text("WHEN"),
    ]);
    for cap in &forecast.caps {
        let standing = &cap.standing;
        let unit = standing.cap.limit.unit;
        let likely = cap.end.map_or_else(|| "·".to_owned(), |end| context.amount(Amount { unit, count: end.likely }));
        table.row(vec![
            clean(&standing.cap.name),
            clean(&standing.cap.words()),
            format!("{}{}", standing.mark(), context.amount(standing.spent())),
            context.amount(standing.allowed()),
            likely,
            when(context, cap),
        ]);
    }
    table.write(out)
}

const fn name(span: Span) -> &'static str {
    match span {
        Span::Week => "this week",
        Span::Month => "this month",
        _ => "today",
    }
}

/// The end of a span: `Thu 26 Nov 24:00` is what people call it, so the day before midnight is named.
fn moment(context: &Context, end: Millis) -> String {
    let last = utc(end - 1).with_timezone(&context.zone());
    format!("{} at midnight", last.format("%a %-d %b"))
}

/// When a cap is reached, in words.
fn when(context: &Context, cap: &CapAhead) -> String {
    if cap.standing.is_reached() {
        return "is reached".to_owned();
    }
    let Some(reach) = cap.reach else { return "cannot tell: no whole day of history yet".to_owned() };
    let Some(likely) = reach.likely.filter(|_| reach.permille >= LIKELY) else {
        let of_ten = match reach.permille {
            0 => return "will not be reached before it resets".to_owned(),
            permille => percent(permille),
        };
        return format!("not likely before it resets ({of_ten})");
    };
    let range = match (reach.early, reach.late) {
        (Some(early), Some(late)) => format!(" ({} – {})", clock(context, early), clock(context, late)),
        (Some(early), None) => format!(" ({} or later, {} at all)", clock(context, early), percent(reach.permille)),
        _ => String::new(),
    };
    format!("will be reached at about {}{range}", clock(context, likely))
}

/// A share in percent; a small one is not none.
fn percent(permille: u32) -> String {
    if permille < 10 { "<1%".to_owned() } else { format!("{}%", permille / 10) }
}

/// A time of day, with the day where it is not today.
fn clock(context: &Context, at: Millis) -> String {
    let zone = context.zone();
    // Not before now.
    let about = (at + ABOUT / 2).div_euclid(ABOUT) * ABOUT;
    let local = utc(about.max(context.now)).with_timezone(&zone);
    let format = if day_of(about, zone) == day_of(context.now, zone) { "%H:%M" } else { "%a %-d %b %H:%M" };
    local.format(format).to_string()
}

#[derive(Serialize)]
struct Answer {
    at: String,
    history_days: usize,
    footing: &'static str,
    forecasts: Vec<AheadJson>,
    caps: Vec<CapAheadJson>,
}

#[derive(Serialize)]
struct AheadJson {
    span: &'static str,
    window: json::WindowJson,
    spent: CostJson,
    likely: Option<MoneyJson>,
    low: Option<MoneyJson>,
    high: Option<MoneyJson>,
    lower_bound: bool,
    unpriced_calls: u64,
}

#[derive(Serialize)]
struct CapAheadJson {
    name: String,
    per: &'static str,
    spent: AmountJson,
    allowed: AmountJson,
    likely: Option<AmountJson>,
    low: Option<AmountJson>,
    high: Option<AmountJson>,
    reached: bool,
    reach: Option<ReachJson>,
    resets_at: String,
}

#[derive(Serialize)]
struct ReachJson {
    permille: u32,
    early: Option<String>,
    likely: Option<String>,
    late: Option<String>,
}

fn answer(context: &Context, forecast: &Forecast) -> Answer {
    let ahead = |ahead: &Ahead| {
        let money = |of: fn(Outlook) -> i64| ahead.end.map(|end| json::money(Money::from_nanos(of(end))));
        AheadJson {
            span: ahead.span.word(),
            window: json::window(ahead.window),
            spent: json::cost(&ahead.spent),
            likely: money(|end| end.likely),
            low: money(|end| end.low),
            high: money(|end| end.high),
            lower_bound: forecast.past.is_lower_bound(),
            unpriced_calls: forecast.past.unpriced_calls,
        }
    };
    let reach = |Reach { permille, early, likely, late }: Reach| ReachJson {
        permille,
        early: early.map(rfc3339),
        likely: likely.map(rfc3339),
        late: late.map(rfc3339),
    };
    let cap = |cap: &CapAhead| {
        let standing = &cap.standing;
        let amount = |of: fn(Outlook) -> i64| cap.end.map(|end| amount_json(Amount { unit: standing.cap.limit.unit, count: of(end) }));
        CapAheadJson {
            name: clean(&standing.cap.name),
            per: standing.cap.span.word(),
            spent: amount_json(standing.spent()),
            allowed: amount_json(standing.allowed()),
            likely: amount(|end| end.likely),
            low: amount(|end| end.low),
            high: amount(|end| end.high),
            reached: standing.is_reached(),
            reach: cap.reach.filter(|_| !standing.is_reached()).map(reach),
            resets_at: time::rfc3339(standing.window.to),
        }
    };
    Answer {
        at: rfc3339(context.now),
        history_days: forecast.days,
        footing: footing(forecast.days),
        forecasts: forecast.spans.iter().map(ahead).collect(),
        caps: forecast.caps.iter().map(cap).collect(),
    }
}

#[derive(Serialize)]
struct BacktestJson {
    backtest: Vec<ScoreJson>,
}

#[derive(Serialize)]
struct ScoreJson {
    span: &'static str,
    spans: usize,
    forecasts: usize,
    median_error_permille: Option<i64>,
    straight_line_median_error_permille: Option<i64>,
    p90_error_permille: Option<i64>,
    straight_line_p90_error_permille: Option<i64>,
    in_range_permille: Option<i64>,
}

fn tell_backtest(context: &Context, scores: &[Score]) -> Result<ExitCode, CliError> {
    if context.json {
        let score = |score: &Score| ScoreJson {
            span: score.span.map_or("all", Span::word),
            spans: score.spans,
            forecasts: score.forecasts,
            median_error_permille: score.ours,
            straight_line_median_error_permille: score.line,
            p90_error_permille: score.ours_most,
            straight_line_p90_error_permille: score.line_most,
            in_range_permille: score.held,
        };
        Out::json(&BacktestJson { backtest: scores.iter().map(score).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.styled(
        STRONG,
        "Back test · the past foretold from what was known then, every three hours · median error, and nine of ten stay below",
    )?;
    let mut table = Table::new(vec![
        Column::text("END OF"),
        Column::number("SPANS").expendable(2),
        Column::number("FORECASTS").expendable(1),
        Column::number("FORECAST"),
        Column::number("STRAIGHT LINE"),
        Column::number("9 OF 10").expendable(3),
        Column::number("STRAIGHT LINE").expendable(3),
        Column::number("IN RANGE"),
    ]);
    for score in scores {
        let percent = |permille: Option<i64>| permille.map_or_else(|| "·".to_owned(), |p| format!("{}.{}%", p / 10, p % 10));
        table.row(vec![
            score.span.map_or("all", Span::word).to_owned(),
            score.spans.to_string(),
            score.forecasts.to_string(),
            percent(score.ours),
            percent(score.line),
            percent(score.ours_most),
            percent(score.line_most),
            percent(score.held),
        ]);
    }
    table.write(&mut out)?;
    if scores.iter().all(|score| score.forecasts == 0) {
        out.styled(FAINT, "There is no whole day in the past that another one stands before and after.")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
