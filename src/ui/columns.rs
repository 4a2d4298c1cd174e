//! The columns of the sessions table: what they show, how they sort, and which leave first when it gets narrow.

use std::cmp::Ordering;

use ratatui::style::Style;

use crate::config::Currency;
use crate::engine::Span;
use crate::model::time::span;
use crate::model::tokens::compact;
use crate::model::{Cost, Millis, SessionKind, SessionState, text};
use crate::query::SessionView;

use super::theme::{Role, Theme};

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says what each shows")]
pub enum Column {
    State,
    Agent,
    Project,
    Branch,
    Model,
    Loop,
    Context,
    Cache,
    Tokens,
    Rate,
    Today,
    Session,
    Steps,
    Tasks,
    Tools,
    Age,
}

/// What cells are drawn with.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Now.
    pub now: Millis,
    /// What the figures cover.
    pub span: Span,
    /// How money is shown.
    pub currency: &'a Currency,
    /// The colours.
    pub theme: &'a Theme,
}

/// How a column is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its head.
    pub title: &'static str,
    /// The columns of the terminal it needs, and at most takes.
    pub width: (u16, u16),
    /// Which leave first when it gets narrow: the highest number does.
    pub rank: u8,
    /// Whether it holds numbers.
    pub numeric: bool,
}

/// All columns, in the order of the screen.
pub const ALL: &[Column] = &[
    Column::State,
    Column::Agent,
    Column::Project,
    Column::Branch,
    Column::Model,
    Column::Loop,
    Column::Context,
    Column::Cache,
    Column::Tokens,
    Column::Tasks,
    Column::Steps,
    Column::Tools,
    Column::Age,
    Column::Rate,
    Column::Today,
    Column::Session,
];

impl Column {
    /// Its layout.
    #[must_use]
    pub const fn layout(self) -> Layout {
        const fn make(name: &'static str, title: &'static str, width: (u16, u16), rank: u8, numeric: bool) -> Layout {
            Layout { name, title, width, rank, numeric }
        }
        match self {
            Column::State => make("state", "", (1, 1), 0, false),
            Column::Agent => make("agent", "AGENT", (11, 16), 4, false),
            Column::Project => make("project", "PROJECT", (10, 28), 0, false),
            Column::Branch => make("branch", "BRANCH", (9, 28), 9, false),
            Column::Model => make("model", "MODEL", (10, 22), 5, false),
            Column::Loop => make("loop", "LOOP", (6, 6), 2, true),
            Column::Context => make("ctx", "CTX", (4, 5), 3, true),
            Column::Cache => make("cache", "CACHE", (5, 5), 8, true),
            Column::Tokens => make("tokens", "TOKENS", (6, 7), 7, true),
            Column::Tasks => make("tasks", "TASKS", (5, 6), 11, true),
            Column::Steps => make("steps", "STEPS", (5, 7), 10, true),
            Column::Tools => make("tools", "TOOLS", (5, 9), 12, true),
            Column::Age => make("age", "LAST", (6, 8), 13, true),
            Column::Rate => make("rate", "$/H", (6, 8), 6, true),
            Column::Today => make("today", "TODAY", (7, 9), 0, true),
            Column::Session => make("session", "SESSION", (8, 10), 1, true),
        }
    }

    /// The column of a name in the configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Column> {
        ALL.iter().copied().find(|c| c.layout().name == name)
    }

    /// The head as drawn: money says in which currency, and the column of the span says which.
    #[must_use]
    pub fn title(self, look: &Look<'_>) -> String {
        match (self, look.span) {
            (Column::Rate, _) => format!("{}/H", look.currency.symbol),
            (Column::Today, Span::Days(days)) => format!("{days} DAYS"),
            (Column::Today, Span::All) => "ALL".to_owned(),
            _ => self.layout().title.to_owned(),
        }
    }

    /// The natural order of two sessions: what people look for comes first, so numbers fall and names rise.
    #[must_use]
    pub fn order(self, a: &SessionView, b: &SessionView) -> Ordering {
        let cost = |x: &Cost, y: &Cost| y.known.cmp(&x.known).then_with(|| y.unpriced_calls.cmp(&x.unpriced_calls));
        let main = match self {
            Column::State => a.state.cmp(&b.state),
            Column::Agent => a.agent.cmp(&b.agent),
            Column::Project => a.project.cmp(&b.project),
            Column::Branch => a.branch.cmp(&b.branch),
            Column::Model if a.model == b.model => Ordering::Equal,
            Column::Model => a.model.as_deref().map(short_model).cmp(&b.model.as_deref().map(short_model)),
            Column::Loop => b.loop_steps.cmp(&a.loop_steps),
            Column::Context => b.context_permille().cmp(&a.context_permille()),
            Column::Cache => b.tokens().cache_hit_permille().cmp(&a.tokens().cache_hit_permille()),
            Column::Tokens => b.tokens().total().cmp(&a.tokens().total()),
            Column::Rate => cost(&a.last_hour, &b.last_hour),
            Column::Today => cost(&a.cost(), &b.cost()).then_with(|| cost(&a.today, &b.today)),
            Column::Session => cost(&a.lifetime, &b.lifetime),
            Column::Steps => b.sums.calls.cmp(&a.sums.calls),
            Column::Tasks => b.sums.prompts.cmp(&a.sums.prompts),
            Column::Tools => b.sums.tools.cmp(&a.sums.tools),
            Column::Age => b.last_at.cmp(&a.last_at),
        };
        main.then_with(|| b.last_at.cmp(&a.last_at)).then_with(|| a.uid.cmp(&b.uid))
    }

    /// The mark of the order: whether what the column shows rises or falls from the first row to the last.
    #[must_use]
    pub const fn mark(self, reversed: bool) -> &'static str {
        let rises = !self.layout().numeric || matches!(self, Column::Age);
        if rises == reversed { "▾" } else { "▴" }
    }

    /// Whether the column says something of a group: what can be added up.
    #[must_use]
    pub const fn adds_up(self) -> bool {
        matches!(self, Column::Tokens | Column::Tasks | Column::Steps | Column::Tools | Column::Rate | Column::Today | Column::Session)
    }

    /// What the column shows of a session.
    #[must_use]
    pub fn cell(self, s: &SessionView, look: &Look<'_>) -> (String, Style) {
        let Look { now, currency, theme, .. } = *look;
        let of = |role| theme.style(role);
        let dim = of(Role::Dim);
        let or_dot = |n: i64| if n == 0 { ("·".to_owned(), dim) } else { (n.to_string(), of(Role::Text)) };
        match self {
            Column::State => (state_sign(s.state).to_owned(), of(state_role(s.state))),
            Column::Agent if s.kind == SessionKind::Subagent => ("subagent".to_owned(), dim),
            Column::Agent => (text::shown(&s.agent), of(if s.state.is_live() { Role::Text } else { Role::Dim })),
            Column::Project => match &s.role {
                Some(role) if s.kind == SessionKind::Subagent => (format!("…{}", text::shown(role)), of(Role::Text)),
                _ => (project_name(&text::shown(&s.project)).to_owned(), of(Role::Accent)),
            },
            Column::Branch => (s.branch.as_deref().filter(|b| !b.is_empty()).map_or_else(|| "·".to_owned(), text::clean), dim),
            Column::Model => (s.model.as_deref().map_or_else(|| "·".to_owned(), short_model), of(Role::Text)),
            Column::Loop => (loop_cell(s.loop_steps), of(loop_role(s.loop_steps))),
            Column::Context => match s.context_permille() {
                Some(fill) => (format!("{}%", (fill + 5) / 10), of(fill_role(fill))),
                None => ("·".to_owned(), dim),
            },
            Column::Cache => match s.tokens().cache_hit_permille() {
                Some(hit) => (format!("{}%", (hit + 5) / 10), of(Role::Cache)),
                None => ("·".to_owned(), dim),
            },
            Column::Tokens if s.tokens().total() == 0 => ("·".to_owned(), dim),
            Column::Tokens => (compact(s.tokens().total()), of(Role::Text)),
            Column::Tasks => or_dot(s.sums.prompts),
            Column::Steps => or_dot(s.sums.calls),
            Column::Tools if s.sums.failures > 0 => (format!("{}-{}", s.sums.tools, s.sums.failures), of(Role::Text)),
            Column::Tools => or_dot(s.sums.tools),
            Column::Age => (s.last_at.map_or_else(|| "·".to_owned(), |at| span(now - at)), dim),
            Column::Rate => money_cell(&s.last_hour, currency, theme),
            Column::Today if look.span == Span::Today => money_cell(&s.today, currency, theme),
            Column::Today => money_cell(&s.cost(), currency, theme),
            Column::Session => money_cell(&s.lifetime, currency, theme),
        }
    }
}

/// A project's name; words where a session has no directory.
#[must_use]
pub const fn project_name(name: &str) -> &str {
    if name.is_empty() { "(no directory)" } else { name }
}

/// An amount in a column: `?` when unknown, `≥` when too low, a dot when nothing was spent.
#[must_use]
pub fn money_cell(cost: &Cost, currency: &Currency, theme: &Theme) -> (String, Style) {
    match cost.money() {
        None => ("?".to_owned(), theme.style(Role::Warn)),
        Some(money) if money.nanos() == 0 && !cost.is_lower_bound() => ("·".to_owned(), theme.style(Role::Dim)),
        Some(money) => {
            let mark = if cost.is_lower_bound() { "≥" } else { "" };
            (format!("{mark}{}", currency.cents(money)), theme.style(Role::Spend))
        }
    }
}

/// The sign of a state: shapes differ, so that colours are not needed.
#[must_use]
pub const fn state_sign(state: SessionState) -> &'static str {
    match state {
        SessionState::Working => "●",
        SessionState::Waiting => "◐",
        SessionState::Paused => "‖",
        SessionState::Idle => "○",
        SessionState::Ended => "·",
    }
}

/// The colour's meaning of a state.
#[must_use]
pub const fn state_role(state: SessionState) -> Role {
    match state {
        SessionState::Working => Role::Working,
        SessionState::Waiting | SessionState::Paused => Role::Waiting,
        SessionState::Idle => Role::Idle,
        SessionState::Ended => Role::Ended,
    }
}

/// Steps from which a loop is worth a look, and from which it is marked.
const LONG_LOOP: u64 = 25;
const VERY_LONG_LOOP: u64 = 45;

const fn loop_role(steps: u64) -> Role {
    if steps >= VERY_LONG_LOOP {
        Role::Over
    } else if steps >= LONG_LOOP {
        Role::Warn
    } else {
        Role::Text
    }
}

/// A loop's length as a small bar and a number; an exclamation mark says the same as the colour.
fn loop_cell(steps: u64) -> String {
    if steps == 0 {
        return "·".to_owned();
    }
    let level = usize::try_from(steps * 8 / (VERY_LONG_LOOP + 5)).unwrap_or(8).min(7);
    let bar = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"].get(level).copied().unwrap_or("█");
    format!("{bar} {steps}{}", if steps >= VERY_LONG_LOOP { "!" } else { "" })
}

const fn fill_role(permille: u32) -> Role {
    match permille {
        900.. => Role::Over,
        750.. => Role::Warn,
        _ => Role::Text,
    }
}

/// A model's name without what all of its family share: `opus-4.7` for `claude-opus-4-7-20260401`.
#[must_use]
pub fn short_model(name: &str) -> String {
    let name = text::shown(name);
    let base = name.rsplit('/').next().unwrap_or(&name);
    let Some(rest) = base.find("claude-").map(|i| base.get(i + 7..).unwrap_or_default()) else { return base.to_owned() };
    let mut parts: Vec<&str> = rest.split('-').collect();
    if parts.last().is_some_and(|p| p.len() == 8 && p.bytes().all(|b| b.is_ascii_digit())) {
        parts.pop();
    }
    let is_number = |p: &&str| !p.is_empty() && p.len() <= 2 && p.bytes().all(|b| b.is_ascii_digit());
    let mut short = String::new();
    let mut after_number = false;
    for part in parts {
        if !short.is_empty() {
            short.push(if after_number && is_number(&part) { '.' } else { '-' });
        }
        short.push_str(part);
        after_number = is_number(&part);
    }
    short
}

/// The columns of the terminal that a number takes at most.
const WIDEST_NUMBER: u16 = 16;

/// The columns that fit into `width`, with their widths: the least important leave first, and what is left over goes to
/// those whose content (`wanted`) needs it.
#[must_use]
pub fn fit(columns: &[Column], width: u16, wanted: &dyn Fn(Column) -> u16) -> Vec<(Column, u16)> {
    let mut kept: Vec<Column> = columns.to_vec();
    // A number is shown whole or not at all: half of an amount is another amount.
    let least = |column: Column| match column.layout() {
        Layout { numeric: true, width: (least, _), .. } => wanted(column).clamp(least, WIDEST_NUMBER),
        Layout { width: (least, _), .. } => least,
    };
    let need = |kept: &[Column]| kept.iter().map(|c| least(*c) + 1).sum::<u16>().saturating_sub(1);
    while need(&kept) > width && kept.len() > 1 {
        let Some((worst, _)) = kept.iter().enumerate().max_by_key(|(_, c)| c.layout().rank) else { break };
        kept.remove(worst);
    }
    let mut left = width.saturating_sub(need(&kept));
    let mut widths: Vec<(Column, u16)> = kept.iter().map(|c| (*c, least(*c).min(width))).collect();
    let wishes: Vec<u16> = kept.iter().map(|c| wanted(*c).clamp(c.layout().width.0, c.layout().width.1.max(wanted(*c).min(40)))).collect();
    loop {
        let before = left;
        for ((_, width), wish) in widths.iter_mut().zip(&wishes) {
            if left > 0 && *width < *wish {
                *width += 1;
                left -= 1;
            }
        }
        if left == before || left == 0 {
            break;
        }
    }
    // Names breathe in what nobody needs, so that the table fills its frame.
    let roomy = widths.iter().filter(|(c, _)| c.layout().width.1 >= 16).count();
    if let Ok(roomy) = u16::try_from(roomy)
        && roomy > 0
    {
        let share = left / roomy;
        for (_, width) in widths.iter_mut().filter(|(c, _)| c.layout().width.1 >= 16) {
            *width += share;
            left -= share;
        }
        if let Some((_, width)) = widths.iter_mut().find(|(c, _)| *c == Column::Project) {
            *width += left;
        }
    }
    widths
}
