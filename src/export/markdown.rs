//! Markdown as GitHub and its kin read it: a table, or the summary of a session for a pull request.
//!
//! Texts from logs stand in code spans: there nothing is a link, a mention, an image or markup.

use std::io::{self, Write};

use crate::model::text::clean;
use crate::model::time::span;
use crate::model::tokens::compact;
use crate::model::{Cost, Zone};

use super::summary::Summary;
use super::table::{Column, Kind, Sheet, Value, cells, clock, headings};

/// A table that is being written.
pub struct Markdown<W: Write> {
    out: W,
    columns: &'static [Column],
    zone: Zone,
    rows: u64,
    cost: Cost,
}

impl<W: Write> Markdown<W> {
    /// Begins a table; `title` is one line, ours.
    pub fn begin(mut out: W, title: &str, columns: &'static [Column], zone: Zone) -> io::Result<Markdown<W>> {
        writeln!(out, "# {title}\n")?;
        let shown: Vec<_> = columns.iter().flat_map(headings).collect();
        let titles: Vec<&str> = shown.iter().map(|(title, _)| &**title).collect();
        writeln!(out, "| {} |", titles.join(" | "))?;
        let rules: Vec<&str> = shown.iter().map(|(_, is_number)| if *is_number { "---:" } else { "---" }).collect();
        writeln!(out, "| {} |", rules.join(" | "))?;
        Ok(Markdown { out, columns, zone, rows: 0, cost: Cost::default() })
    }
}

impl<W: Write> Sheet for Markdown<W> {
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        for (column, value) in self.columns.iter().zip(values) {
            let is_foreign = matches!(value, Value::Text(_) | Value::List(_));
            for (text, _) in cells(column, value, self.zone) {
                let text = if is_foreign { code(&text) } else { text.into_owned() };
                write!(self.out, "| {text} ")?;
            }
            if let Value::Cost(cost) = value {
                self.cost += *cost;
            }
        }
        self.rows += 1;
        self.out.write_all(b"|\n")
    }

    fn end(&mut self) -> io::Result<()> {
        let rows = self.rows;
        // Where no column is a cost there is no sum of costs.
        if self.columns.iter().any(|column| column.kind == Kind::Cost) {
            writeln!(self.out, "\n{rows} rows · {}", basis(&self.cost, ""))?;
        } else {
            writeln!(self.out, "\n{rows} rows")?;
        }
        self.out.flush()
    }
}

/// A text of a log as code, fit for a cell.
fn code(text: &str) -> String {
    let text = clean(text).replace('`', "'").replace('|', "\\|");
    let text = text.trim();
    if text.is_empty() { "·".to_owned() } else { format!("`{text}`") }
}

/// A cost and how it came about; `book` is the price book's day where it is to be named.
pub(super) fn basis(cost: &Cost, book: &str) -> String {
    use crate::model::Basis;
    let day = if book.is_empty() { String::new() } else { format!(" of {book}") };
    let how = match cost.basis() {
        _ if cost.priced_calls + cost.reported_calls + cost.unpriced_calls == 0 => return cost.display(),
        Basis::Priced => format!("list prices{day}"),
        Basis::Reported => "as the agent reports".to_owned(),
        Basis::Mixed if cost.reported_calls == 0 => format!("list prices{day}"),
        Basis::Mixed => format!("partly list prices{day}, partly as the agent reports"),
        Basis::Unknown => "no price known".to_owned(),
    };
    let unpriced = match cost.unpriced_calls {
        0 => String::new(),
        1 => ", 1 call without a price".to_owned(),
        n => format!(", {n} calls without a price"),
    };
    let low = if cost.lower_bound_calls > 0 { ", a lower bound" } else { "" };
    format!("{} ({how}{unpriced}{low})", cost.display())
}

/// Tasks and subagents that the summary lists.
const LISTED: usize = 20;

/// Writes the summary of a session.
pub fn summary(out: &mut impl Write, s: &Summary, zone: Zone) -> io::Result<()> {
    let place = if s.project.is_empty() { String::new() } else { format!(" in {}", code(&s.project)) };
    writeln!(out, "### Agent session{place}\n")?;
    writeln!(out, "| | |\n| --- | --- |")?;
    let mut line = |name: &str, value: String| if value.is_empty() { Ok(()) } else { writeln!(out, "| {name} | {value} |") };
    line("Agent", format!("{}{}", code(&s.agent), s.version.as_deref().map(|v| format!(" {}", code(v))).unwrap_or_default()))?;
    line("Branch", s.branch.as_deref().map(code).unwrap_or_default())?;
    if let (Some(from), Some(to)) = (s.started_at, s.last_at) {
        line("When", format!("{} to {} ({zone})", clock(from, zone), clock(to, zone)))?;
        line("How long", format!("{}, of it {} in tasks", span(to - from), span(s.busy)))?;
    }
    line("Cost", basis(&s.total, &s.book))?;
    if s.subagents.iter().any(|sub| sub.cost.known.nanos() != 0 || sub.cost.unpriced_calls > 0) {
        line("of it subagents", basis(&s.subagents.iter().fold(Cost::default(), |sum, sub| sum + sub.cost), ""))?;
    }
    let t = &s.tokens;
    let writes = t.cache_write_5m.saturating_add(t.cache_write_1h);
    let tokens = [(t.input, "in"), (t.cache_read, "from the cache"), (writes, "into the cache"), (t.output, "out")];
    line(
        "Tokens",
        tokens.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", compact(*n))).collect::<Vec<_>>().join(", "),
    )?;
    line("Tasks", format!("{}, {} steps", s.tasks.len(), s.steps))?;
    if let (Some(p50), Some(max)) = (s.loops.p50, s.loops.max) {
        line("Loops", format!("{p50} steps at the median, {max} at most"))?;
    }
    line("Tool calls", format!("{}, {} failed", s.tool_calls, s.tool_failures))?;
    line("Retries, compactions", if s.retries + s.compactions > 0 { format!("{}, {}", s.retries, s.compactions) } else { String::new() })?;
    line("Session", code(&s.id))?;
    parts(out, s, zone)
}

fn parts(out: &mut impl Write, s: &Summary, zone: Zone) -> io::Result<()> {
    if !s.models.is_empty() {
        writeln!(out, "\n| Model | Calls | Tokens | Cost |\n| --- | ---: | ---: | ---: |")?;
        for model in &s.models {
            writeln!(out, "| {} | {} | {} | {} |", code(&model.name), model.calls, compact(model.tokens.total()), model.cost.display())?;
        }
    }
    if !s.tools.is_empty() {
        writeln!(out, "\n| Tool | Calls | Failed |\n| --- | ---: | ---: |")?;
        for tool in &s.tools {
            writeln!(out, "| {} | {} | {} |", code(&tool.name), tool.calls, tool.failures)?;
        }
    }
    if !s.subagents.is_empty() {
        writeln!(out, "\n| Subagent | Steps | Tokens | Cost |\n| --- | ---: | ---: | ---: |")?;
        for sub in s.subagents.iter().take(LISTED) {
            writeln!(out, "| {} | {} | {} | {} |", code(sub.name()), sub.steps, compact(sub.tokens.total()), sub.cost.display())?;
        }
    }
    if s.subagents.len() > LISTED {
        writeln!(out, "\nand {} more subagents", s.subagents.len() - LISTED)?;
    }
    if !s.tasks.is_empty() {
        writeln!(out, "\n<details><summary>Tasks</summary>\n")?;
        writeln!(out, "| Task | Started | Took | Steps | Tools | Failed | Cost |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for (i, task) in s.tasks.iter().enumerate().take(LISTED) {
            let (started, took) = (clock(task.started_at, zone), span(task.ended_at - task.started_at));
            let sums = &task.sums;
            let cost = sums.cost().display();
            writeln!(out, "| {} | {started} | {took} | {} | {} | {} | {cost} |", i + 1, sums.calls, sums.tools, sums.failures)?;
        }
        if s.tasks.len() > LISTED {
            writeln!(out, "\nand {} more", s.tasks.len() - LISTED)?;
        }
        writeln!(out, "\n</details>")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_logs_are_code_and_nothing_else() {
        for (text, safe) in [
            ("main", "`main`"),
            ("a|b", "`a\\|b`"),
            ("`@team` [x](http://e.org)", "`'@team' [x](http://e.org)`"),
            ("", "·"),
            ("\n# x", "`\u{fffd}# x`"),
        ] {
            assert_eq!(code(text), safe);
        }
    }
}
