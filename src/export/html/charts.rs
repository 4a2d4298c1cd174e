//! The charts of a page: shapes in SVG, words in HTML.

use std::io::{self, Write};

use crate::model::Money;
use crate::query::TaskView;
use crate::query::overview::{MODELS, Overview, STEPS};

use super::escape;

/// The height of a chart in its own units.
const HEIGHT: i64 = 1000;
/// The width of a bar and the gap behind it, in the chart's own units.
const BAR: (usize, usize) = (8, 2);
/// Words below a chart of days.
const MARKS: usize = 5;
/// The most bars that a chart of tasks has.
const TASKS: usize = 200;

/// Writes all charts of an overview; none where nothing was spent.
pub(super) fn write(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    if overview.days.is_empty() {
        return Ok(());
    }
    days(out, overview)?;
    out.write_all(b"<div class=\"two\">")?;
    models(out, overview)?;
    steps(out, overview)?;
    out.write_all(b"</div>\n")
}

/// A part of a whole in a chart's units.
fn scaled(part: i64, whole: i64, size: i64) -> i64 {
    let size = i128::from(part.max(0)) * i128::from(size) / i128::from(whole.max(1));
    i64::try_from(size).unwrap_or(0)
}

fn days(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    let sums: Vec<Money> = overview.days.iter().map(|bar| bar.spend.iter().copied().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or_default();
    let width = overview.days.len() * (BAR.0 + BAR.1);
    let unit = if overview.by_week { "week" } else { "day" };
    writeln!(out, "<section><h2>Spend per {unit}</h2>")?;
    open(out, &format!("Spend per {unit}, at most {most}"), &most.display(), width)?;
    for (i, (bar, sum)) in overview.days.iter().zip(&sums).enumerate() {
        write!(out, "<g><title>{} {sum}</title>", bar.day)?;
        let mut below = 0;
        for (model, money) in bar.spend.iter().enumerate() {
            let upto = scaled(below + money.nanos(), most.nanos(), HEIGHT);
            let height = upto - scaled(below, most.nanos(), HEIGHT);
            below += money.nanos();
            if height > 0 {
                rect(out, model, i * (BAR.0 + BAR.1) + BAR.1 / 2, HEIGHT - upto, BAR.0, height)?;
            }
        }
        out.write_all(b"</g>")?;
    }
    out.write_all(b"</svg></div>\n<div class=\"axis\">")?;
    let last = overview.days.len().saturating_sub(1);
    let mut marked = None;
    for mark in 0..MARKS {
        let at = last * mark / (MARKS - 1);
        if marked != Some(at)
            && let Some(bar) = overview.days.get(at)
        {
            write!(out, "<span>{}</span>", bar.day.format("%d %b"))?;
        }
        marked = Some(at);
    }
    writeln!(out, "</div></section>")
}

fn models(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    let most = overview.models.iter().map(|(_, sums)| sums.nanos).max().unwrap_or(0);
    writeln!(out, "<section><h2>By model</h2>\n<div class=\"bars\">")?;
    for (i, (name, sums)) in overview.models.iter().enumerate() {
        let class = class(i);
        write!(
            out,
            "<span class=\"name\"><svg class=\"key\" viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"1\" height=\"1\"/></svg>{}</span>",
            escape(name)
        )?;
        writeln!(
            out,
            "<span class=\"num\">{}</span><svg class=\"bar\" viewBox=\"0 0 1000 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"{}\" height=\"1\"/></svg>",
            escape(&sums.cost().display()),
            scaled(sums.nanos, most, 1000)
        )?;
    }
    writeln!(out, "</div></section>")
}

fn steps(out: &mut impl Write, overview: &Overview) -> io::Result<()> {
    let counts = overview.steps.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let most = counts.iter().copied().max().unwrap_or(0);
    writeln!(out, "<section><h2>Steps per task</h2>\n<div class=\"axis each counts\">")?;
    for count in counts {
        write!(out, "<span>{count}</span>")?;
    }
    out.write_all(b"</div>\n")?;
    open(out, "How many tasks took how many steps", "", counts.len() * (BAR.0 + BAR.1))?;
    for (i, ((name, _), count)) in STEPS.iter().zip(counts).enumerate() {
        let height = scaled(count, most, HEIGHT);
        write!(out, "<g><title>{name} steps: {count} tasks</title>")?;
        rect(out, 0, i * (BAR.0 + BAR.1) + BAR.1 / 2, HEIGHT - height, BAR.0, height)?;
        out.write_all(b"</g>")?;
    }
    out.write_all(b"</svg></div>\n<div class=\"axis each\">")?;
    for (name, _) in STEPS {
        write!(out, "<span>{name}</span>")?;
    }
    writeln!(out, "</div></section>")
}

/// The steps of a session's tasks, one bar each; of many the last ones.
pub(super) fn tasks(out: &mut impl Write, tasks: &[TaskView]) -> io::Result<()> {
    let shown = tasks.get(tasks.len().saturating_sub(TASKS)..).unwrap_or_default();
    let most = shown.iter().map(|task| task.sums.calls).max().unwrap_or(0);
    if shown.len() < 2 || most == 0 {
        return Ok(());
    }
    writeln!(out, "<section><h2>Steps per task</h2>")?;
    open(out, &format!("Steps of each task, at most {most}"), &most.to_string(), shown.len() * (BAR.0 + BAR.1))?;
    let first = tasks.len() - shown.len() + 1;
    for (i, task) in shown.iter().enumerate() {
        let height = scaled(task.sums.calls, most, HEIGHT);
        write!(out, "<g><title>task {}: {} steps, {}</title>", first + i, task.sums.calls, escape(&task.sums.cost().display()))?;
        rect(out, 0, i * (BAR.0 + BAR.1) + BAR.1 / 2, HEIGHT - height, BAR.0, height)?;
        out.write_all(b"</g>")?;
    }
    writeln!(out, "</svg></div>\n<div class=\"axis\"><span>task {first}</span><span>task {}</span></div></section>", tasks.len())
}

/// Begins a chart of bars with a line at its middle and the word for its top.
fn open(out: &mut impl Write, label: &str, top: &str, width: usize) -> io::Result<()> {
    let top = if top.is_empty() { String::new() } else { format!("<div class=\"top\">{}</div>", escape(top)) };
    write!(
        out,
        "{top}<div class=\"plot\"><svg viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\"><line class=\"grid\" x1=\"0\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\"/>",
        escape(label),
        y = HEIGHT / 2
    )
}

fn rect(out: &mut impl Write, model: usize, x: usize, y: i64, width: usize, height: i64) -> io::Result<()> {
    let class = class(model);
    write!(out, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>")
}

fn class(model: usize) -> String {
    format!("s{}", model.min(MODELS - 1))
}
