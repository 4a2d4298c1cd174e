//! Where the money goes, as tables for people.

use std::io;

use crate::cli::context::Context;
use crate::cli::out::{FAINT, Out};
use crate::cli::table::{Column, Table, count};
use crate::export::json::waste::NO_PROMISE;
use crate::insight::waste::{self as insight, Category, Waste};
use crate::model::text::clean;
use crate::model::tokens::compact;
use crate::model::{Cost, Money};
use crate::query::waste::{Class, Counts, Found, Mix, ModelUse, SessionWaste, Swap};

/// What stands where there is nothing to tell.
const NONE: &str = "·";

/// The whole answer.
pub(super) fn all(context: &Context, found: &Found, single: bool, out: &mut Out) -> io::Result<()> {
    out.line("")?;
    let whole = if single { found.total.cost + found.subagents } else { found.total.cost };
    categories(context, &found.total, &found.counts, (&found.subagents, &whole), out)?;
    out.line("")?;
    places(context, &found.total, out)?;
    out.line("")?;
    mix(context, &found.mix, out)?;
    what_if(context, found, out)?;
    if !single {
        sessions(context, found, out)?;
    }
    Ok(())
}

/// The table of the categories. With the subagents' cost and what that is a share of.
pub fn categories(context: &Context, waste: &Waste, counts: &Counts, subagents: (&Cost, &Cost), out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::text("WHERE THE MONEY GOES"),
        Column::number("STEPS").expendable(2),
        Column::number("TOKENS").expendable(1),
        Column::number("COST"),
        Column::number("SHARE"),
        Column::text("MARKED").expendable(3),
    ]);
    for category in Category::ALL {
        let part = waste.part(category);
        table.row(vec![
            category.name().to_owned(),
            part.steps.to_string(),
            compact(part.tokens.prompt()),
            context.cost(&part.cost),
            share(&part.cost, &waste.cost),
            category.attribution(&part).to_owned(),
        ]);
    }
    let none = || NONE.to_owned();
    let avoidable = waste.avoidable();
    table.total(vec![
        "avoidable: all but the first".to_owned(),
        none(),
        none(),
        context.cost(&avoidable),
        share(&avoidable, &waste.cost),
        none(),
    ]);
    table.write(out)?;
    let failures = format!("{} of {}", counts.failures, count(counts.tools, "tool call", "tool calls"));
    out.line(&format!(
        "counted: {}, {}, {}, {failures} failed; logs tell no tokens of retries",
        count(counts.retries, "retry", "retries"),
        count(counts.errors, "call given up", "calls given up"),
        count(counts.compactions, "compaction", "compactions"),
    ))?;
    let (cost, whole) = subagents;
    if *cost != Cost::default() {
        out.line(&format!(
            "subagents: {}, {} of {} (a share, no loss; measured)",
            context.cost(cost),
            share(cost, whole),
            context.cost(whole)
        ))?;
    }
    if waste.cost.unpriced_calls > 0 {
        let steps = count(waste.cost.unpriced_calls, "step has", "steps have");
        out.styled(FAINT, &format!("{steps} no known price: their tokens are here, their money is not"))?;
    }
    Ok(())
}

fn share(part: &Cost, whole: &Cost) -> String {
    part.permille_of(whole).map_or_else(|| NONE.to_owned(), percent)
}

fn percent(permille: u32) -> String {
    format!("{}.{}%", permille / 10, permille % 10)
}

/// What a step pays for its context, the later it comes in its task.
fn places(context: &Context, waste: &Waste, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::text("CONTEXT BY PLACE IN THE TASK"),
        Column::number("STEPS").expendable(1),
        Column::number("TOKENS A STEP"),
        Column::number("COST A STEP"),
    ]);
    for ((from, to), place) in insight::places().zip(&waste.places) {
        if place.steps > 0 {
            table.row(vec![
                to.map_or_else(|| format!("step {from} and later"), |to| format!("steps {from} to {to}")),
                place.steps.to_string(),
                compact(place.tokens / place.steps),
                place.per_step().map_or_else(|| "?".to_owned(), |money| context.money(money)),
            ]);
        }
    }
    table.write(out)
}

/// How work was spread over classes of models.
fn mix(context: &Context, mix: &Mix, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::text("MODELS BY PRICE"),
        Column::number("STEPS").expendable(1),
        Column::number("TOKENS"),
        Column::number("COST"),
        Column::number("OF TOKENS"),
        Column::text("TARGET"),
    ]);
    for (class, share) in Class::ALL.into_iter().zip(&mix.classes) {
        let permille = mix.permille(class);
        let target = mix.targets.iter().find(|target| target.class == class);
        let verdict = target.zip(permille).map_or_else(
            || NONE.to_owned(),
            |(target, permille)| {
                let word = match permille {
                    _ if target.is_met(permille) => "met",
                    permille if permille < u32::from(target.from) * 10 => "below",
                    _ => "above",
                };
                format!("{}-{}%: {word}", target.from, target.to)
            },
        );
        table.row(vec![
            class.word().to_owned(),
            share.steps.to_string(),
            compact(share.tokens),
            context.cost(&share.cost),
            permille.map_or_else(|| NONE.to_owned(), percent),
            verdict,
        ]);
    }
    if mix.unknown.steps > 0 {
        let unknown = &mix.unknown;
        let none = || NONE.to_owned();
        table.row(vec!["unknown".into(), unknown.steps.to_string(), compact(unknown.tokens), context.cost(&unknown.cost), none(), none()]);
    }
    table.write(out)
}

/// What other models would have cost.
fn what_if(context: &Context, found: &Found, out: &mut Out) -> io::Result<()> {
    for (i, swap) in found.swaps.iter().enumerate() {
        out.line("")?;
        let mut table = Table::new(vec![
            Column::text(format!("IF ALL HAD BEEN {}", clean(&swap.name))),
            Column::number("STEPS").expendable(1),
            Column::number("NOW"),
            Column::number("THEN"),
            Column::number("DIFFERENCE"),
        ]);
        let figures = |name: String, steps: u64, now: &Cost, then: &Swap| {
            vec![name, steps.to_string(), context.cost(now), context.cost(&then.cost), difference(context, then.difference())]
        };
        for ModelUse { name, steps, cost, swaps, .. } in &found.models {
            let name = name.as_deref().unwrap_or("(no model in the log)").to_owned();
            table.row(figures(name, *steps, cost, &swaps.get(i).copied().unwrap_or_default()));
        }
        table.total(figures("total".to_owned(), found.total.steps, &found.total.cost, &swap.total));
        table.write(out)?;
        out.line(NO_PROMISE)?;
        for assumed in &swap.assumed {
            out.styled(FAINT, assumed)?;
        }
        if found.total.cost.unpriced_calls + swap.total.cost.unpriced_calls > 0 {
            out.styled(FAINT, "the difference is over the steps that have a price both ways")?;
        }
        if swap.total.too_long > 0 {
            let steps = count(swap.total.too_long, "step has a prompt", "steps have prompts");
            out.styled(FAINT, &format!("{steps} longer than its context window: it could not have taken them"))?;
        }
    }
    Ok(())
}

fn difference(context: &Context, difference: Option<Money>) -> String {
    match difference {
        None => "?".to_owned(),
        Some(money) if money > Money::ZERO => format!("+{}", context.money(money)),
        Some(money) => context.money(money),
    }
}

/// The sessions in which most could have been saved.
fn sessions(context: &Context, found: &Found, out: &mut Out) -> io::Result<()> {
    if found.sessions.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::text("SESSION"),
        Column::text("AGENT").expendable(4),
        Column::text("PROJECT"),
        Column::number("STEPS").expendable(5),
        Column::number("COST"),
        Column::number("AVOIDABLE"),
        Column::number("RESENT").expendable(1),
        Column::number("MISSES").expendable(2),
        Column::number("COMPACT").expendable(3),
        Column::number("UNREAD").expendable(2),
        Column::number("FAILED").expendable(3),
        Column::number("SUBAGENTS").expendable(6),
    ]);
    for SessionWaste { view, waste, subagents, .. } in &found.sessions {
        let mut cells = vec![
            view.uid.to_string(),
            view.agent.to_string(),
            if view.project.is_empty() { NONE.to_owned() } else { view.project.to_string() },
            waste.steps.to_string(),
            context.cost(&waste.cost),
            context.cost(&waste.avoidable()),
        ];
        cells.extend(Category::ALL.into_iter().map(|category| context.cost(&waste.part(category).cost)));
        cells.push(if *subagents == Cost::default() { NONE.to_owned() } else { context.cost(subagents) });
        table.row(cells);
    }
    out.line("")?;
    table.write(out)?;
    let rest = found.all_sessions - found.sessions.len();
    if rest > 0 {
        out.styled(FAINT, &format!("{}; --limit shows more", count(rest as u64, "more session", "more sessions")))?;
    }
    Ok(())
}
