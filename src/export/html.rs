//! A page of HTML: one file, nothing fetched, nothing run. Charts are drawn in it, its colours follow the reader's, it prints,
//! and a phone shows it without scrolling sideways.
//!
//! Charts are shapes without words, stretched to the page's width; their words are ordinary text beside them, which stays as
//! large as it is. Everything from logs is escaped, and the page's own policy forbids all that could be fetched or run.

use std::io::{self, Write};

use crate::model::money::grouped;
use crate::model::text::clean;
use crate::model::time::span;
use crate::model::tokens::compact;
use crate::model::{Cost, Zone};
use crate::query::overview::Overview;

use super::markdown::basis;
use super::summary::Summary;
use super::table::{Column, Kind, Sheet, Value, cells, clock, headings};

mod charts;

const STYLE: &str = include_str!("html/page.css");

/// Rows that a page is to be given: a browser can hold no million of them.
pub const MOST_ROWS: u64 = 2000;

/// What stands above the rows of a page.
#[derive(Debug, Clone)]
pub struct Head {
    /// What the page is about.
    pub title: String,
    /// What its rows are called.
    pub things: &'static str,
    /// The window and the filter, for people.
    pub about: String,
    /// When it was made, and which program made it.
    pub made: String,
    /// The day of the price book.
    pub book: String,
    /// The figures of the charts.
    pub overview: Overview,
    /// How many rows there will be.
    pub rows: u64,
}

/// A page that is being written.
pub struct Page<W: Write> {
    out: W,
    columns: &'static [Column],
    zone: Zone,
    made: String,
}

impl<W: Write> Page<W> {
    /// Begins a page: its head, the charts and the table's headings.
    pub fn begin(mut out: W, head: &Head, columns: &'static [Column], zone: Zone) -> io::Result<Page<W>> {
        begin(&mut out, &head.title)?;
        writeln!(out, "<h1>{}</h1>\n<p class=\"dim\">{}</p>", escape(&head.title), escape(&head.about))?;
        let sums = &head.overview.total;
        let tokens = sums.tokens();
        let hit = tokens.cache_hit_permille().map_or_else(|| "·".to_owned(), |p| format!("{}%", (p + 5) / 10));
        let cards = [
            (sums.cost().display(), basis_only(&sums.cost(), &head.book)),
            (compact(tokens.total()), "tokens".to_owned()),
            (hit, "of prompts from the cache".to_owned()),
            (grouped(sums.calls.unsigned_abs()), "model calls".to_owned()),
            (grouped(head.overview.steps.iter().sum()), "tasks".to_owned()),
            (grouped(head.rows), format!("{} in all", head.things)),
        ];
        self::cards(&mut out, &cards)?;
        charts::write(&mut out, &head.overview)?;
        writeln!(out, "<section class=\"rows\">")?;
        if head.rows > MOST_ROWS {
            let (shown, all) = (grouped(MOST_ROWS), grouped(head.rows));
            writeln!(out, "<p class=\"dim\">The first {shown} of {all} {}. CSV and JSON lines hold all of them.</p>", head.things)?;
        }
        let shown: Vec<_> = columns.iter().flat_map(headings).collect();
        let titles: Vec<(&str, bool)> = shown.iter().map(|(title, is_number)| (&**title, *is_number)).collect();
        table_head(&mut out, &titles)?;
        Ok(Page { out, columns, zone, made: head.made.clone() })
    }
}

impl<W: Write> Sheet for Page<W> {
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.out.write_all(b"<tr>")?;
        for (column, value) in self.columns.iter().zip(values) {
            for ((text, is_number), (title, _)) in cells(column, value, self.zone).iter().zip(headings(column)) {
                let class = match column.kind {
                    _ if *is_number => "n",
                    Kind::Time | Kind::Id => "t",
                    Kind::Text if column.key == "agent" => "t",
                    Kind::List => "w",
                    _ => "",
                };
                cell(&mut self.out, class, &title, text)?;
            }
        }
        self.out.write_all(b"</tr>\n")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"</tbody></table></div></section>\n")?;
        end(&mut self.out, &self.made)?;
        self.out.flush()
    }
}

/// Writes the summary of a session as a page.
pub fn summary(out: &mut impl Write, s: &Summary, made: &str, zone: Zone) -> io::Result<()> {
    let title = if s.project.is_empty() { "Agent session".to_owned() } else { format!("Agent session in {}", s.project) };
    begin(out, &title)?;
    writeln!(out, "<h1>{}</h1>", escape(&title))?;
    let failed = format!("tool calls, {} failed", s.tool_failures);
    let loops = match (s.loops.p50, s.loops.max) {
        (Some(p50), Some(max)) => (format!("{p50} / {max}"), "steps a task, median / most".to_owned()),
        _ => ("·".to_owned(), "steps a task".to_owned()),
    };
    let figures = [
        (s.total.display(), basis_only(&s.total, &s.book)),
        (span(s.busy), "at work".to_owned()),
        (s.tasks.len().to_string(), format!("tasks, {} steps", s.steps)),
        loops,
        (s.tool_calls.to_string(), failed),
        (compact(s.tokens.total()), "tokens".to_owned()),
    ];
    out.write_all(b"<dl>")?;
    let mut line =
        |name: &str, value: &str| if value.is_empty() { Ok(()) } else { write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(value)) };
    line("Agent", &format!("{} {}", s.agent, s.version.as_deref().unwrap_or_default()))?;
    line("Branch", s.branch.as_deref().unwrap_or_default())?;
    if let (Some(from), Some(to)) = (s.started_at, s.last_at) {
        line("When", &format!("{} to {} ({zone}), {}", clock(from, zone), clock(to, zone), span(to - from)))?;
    }
    line("Session", &s.id)?;
    writeln!(out, "</dl>")?;
    cards(out, &figures)?;
    charts::tasks(out, &s.tasks)?;
    parts(out, s, zone)?;
    end(out, made)?;
    out.flush()
}

fn parts(out: &mut impl Write, s: &Summary, zone: Zone) -> io::Result<()> {
    let models = s.models.iter().map(|m| vec![m.name.clone(), m.calls.to_string(), compact(m.tokens.total()), m.cost.display()]);
    let spent = |title, calls| [(title, false), (calls, true), ("Tokens", true), ("Cost", true)];
    list(out, "Models", &spent("Model", "Calls"), models)?;
    let tools = s.tools.iter().map(|t| vec![clean(&t.name), t.calls.to_string(), t.failures.to_string()]);
    list(out, "Tools", &[("Tool", false), ("Calls", true), ("Failed", true)], tools)?;
    let subagents = s.subagents.iter();
    let subagents =
        subagents.map(|sub| vec![sub.name().to_owned(), sub.steps.to_string(), compact(sub.tokens.total()), sub.cost.display()]);
    list(out, "Subagents", &spent("Subagent", "Steps"), subagents)?;
    let tasks = s.tasks.iter().enumerate().map(|(i, task)| {
        let sums = &task.sums;
        let took = span(task.ended_at - task.started_at);
        let counts = [sums.calls, sums.tools, sums.failures].map(|n| n.to_string());
        let [steps, tools, failures] = counts;
        vec![(i + 1).to_string(), clock(task.started_at, zone), took, steps, tools, failures, sums.cost().display()]
    });
    let heads = [("Task", true), ("Started", false), ("Took", true), ("Steps", true), ("Tools", true), ("Failed", true), ("Cost", true)];
    list(out, "Tasks", &heads, tasks)
}

/// A table of its own; nothing where it has no rows.
fn list(out: &mut impl Write, title: &str, heads: &[(&str, bool)], rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "<section><h2>{title}</h2>")?;
    table_head(out, heads)?;
    for row in rows {
        out.write_all(b"<tr>")?;
        for (text, (head, is_number)) in row.iter().zip(heads) {
            cell(out, if *is_number { "n" } else { "" }, head, text)?;
        }
        out.write_all(b"</tr>\n")?;
    }
    writeln!(out, "</tbody></table></div></section>")
}

fn table_head(out: &mut impl Write, heads: &[(&str, bool)]) -> io::Result<()> {
    out.write_all(b"<div class=\"scroll\"><table><thead><tr>")?;
    for (head, is_number) in heads {
        write!(out, "<th{}>{}</th>", if *is_number { " class=\"n\"" } else { "" }, escape(head))?;
    }
    out.write_all(b"</tr></thead><tbody>\n")
}

fn cell(out: &mut impl Write, class: &str, head: &str, text: &str) -> io::Result<()> {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    write!(out, "<td{class} data-h=\"{}\">{}</td>", escape(head), escape(text))
}

fn cards(out: &mut impl Write, figures: &[(String, String)]) -> io::Result<()> {
    out.write_all(b"<div class=\"cards\">")?;
    for (figure, what) in figures {
        write!(out, "<div class=\"card\"><b>{}</b><span>{}</span></div>", escape(figure), escape(what))?;
    }
    out.write_all(b"</div>\n")
}

/// How a cost came about, without the cost.
fn basis_only(cost: &Cost, book: &str) -> String {
    let text = basis(cost, book);
    let inner = text.split_once('(').map(|(_, rest)| rest.trim_end_matches(')').to_owned());
    inner.unwrap_or_else(|| "nothing spent".to_owned())
}

fn begin(out: &mut impl Write, title: &str) -> io::Result<()> {
    out.write_all(b"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n")?;
    out.write_all(b"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n")?;
    out.write_all(b"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")?;
    out.write_all(b"<meta name=\"referrer\" content=\"no-referrer\"><meta name=\"color-scheme\" content=\"light dark\">\n")?;
    writeln!(out, "<title>{}</title>\n<style>\n{STYLE}</style></head>\n<body><main>", escape(title))
}

fn end(out: &mut impl Write, made: &str) -> io::Result<()> {
    writeln!(out, "<footer>{}</footer>\n</main></body></html>", escape(made))
}

/// A text as HTML shows it and never takes it for markup, in an attribute too.
fn escape(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_never_taken() {
        assert_eq!(escape("<img src=x onerror='a()'>&\"\u{1b}"), "&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;\u{fffd}");
    }
}
