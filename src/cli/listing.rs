//! Sessions in order, and as a table: what `sessions` and `top --once` share.

use std::collections::{HashMap, HashSet};
use std::io;
use std::str::FromStr;

use crate::model::time::span;
use crate::model::tokens::compact;
use crate::query::SessionView;
use crate::store::Sums;
use crate::ui::columns::{self as screen, Column as Screen, state_sign};

use super::context::Context;
use super::out::Out;
use super::table::{Column, Table};

pub mod columns;

/// What sessions can be sorted by: the columns of the screen, and some that it has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// As the screen does.
    Of(Screen),
    /// By when they began.
    Started,
    /// By what they cost in the range, which is the screen's column `today`.
    Spend,
}

impl Key {
    const MORE: [Key; 2] = [Key::Started, Key::Spend];

    fn all() -> impl Iterator<Item = Key> {
        screen::ALL.iter().copied().map(Key::Of).chain(Key::MORE)
    }

    const fn name(self) -> &'static str {
        match self {
            Key::Of(column) => column.layout().name,
            Key::Started => "started",
            Key::Spend => "spend",
        }
    }
}

/// An order of sessions: numbers and times begin with the greatest, words with A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    key: Key,
    reversed: bool,
}

impl Order {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.key.name()
    }

    /// All names there are.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Key::all().map(Key::name).collect()
    }

    /// Whether it is the other way round.
    #[must_use]
    pub const fn is_reversed(self) -> bool {
        self.reversed
    }

    /// The column of the screen that sorts so; `None` where it has none.
    #[must_use]
    pub const fn column(self) -> Option<Screen> {
        match self.key {
            Key::Of(column) => Some(column),
            Key::Started | Key::Spend => None,
        }
    }

    /// The order by its name in the configuration; the newest first where the name is none of ours.
    #[must_use]
    pub fn of(name: &str) -> Order {
        name.parse().unwrap_or(Order { key: Key::Of(Screen::Age), reversed: false })
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Order, String> {
        let name = text.strip_prefix('-').unwrap_or(text);
        let key = Key::all().find(|key| key.name() == name);
        let known = || Order::names().join(", ");
        key.map(|key| Order { key, reversed: name != text }).ok_or_else(|| format!("no such column; there are {}", known()))
    }
}

/// Sorts sessions as the screen does; equal ones by their last moment, then by id, so that the order never wavers.
pub fn sort(views: &mut [SessionView], order: Order) {
    let by_key = |a: &SessionView, b: &SessionView| match order.key {
        Key::Of(column) => column.order(a, b),
        Key::Started => b.started_at.cmp(&a.started_at).then_with(|| Screen::Age.order(a, b)),
        Key::Spend => Screen::Today.order(a, b),
    };
    views.sort_by(|a, b| if order.reversed { by_key(b, a) } else { by_key(a, b) });
}

/// The sum over sessions.
#[must_use]
pub fn total<'a>(views: impl IntoIterator<Item = &'a SessionView>) -> Sums {
    let mut sums = Sums::default();
    for view in views {
        sums.add(&view.sums, 1);
    }
    sums
}

/// Writes the table, subagents below their sessions.
pub fn write(context: &Context, views: &[SessionView], out: &mut Out) -> io::Result<()> {
    write_below(context, views, 0, out)
}

/// As [`fn@write`], of sessions that stand so deep below one that was told before.
pub fn write_below(context: &Context, views: &[SessionView], depth: usize, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::text(""),
        Column::text("AGENT"),
        Column::text("PROJECT"),
        Column::text("BRANCH").expendable(8),
        Column::text("MODEL").expendable(3),
        Column::text("STATE").expendable(9),
        Column::number("LAST").expendable(5),
        Column::number("TASKS").expendable(7),
        Column::number("STEPS").expendable(6),
        Column::number("LOOP").expendable(4),
        Column::number("CTX").expendable(10),
        Column::number("TOKENS").expendable(2),
        Column::number("COST"),
        Column::text("SESSION").expendable(1),
    ]);
    let ids = short_ids(views.iter());
    for (view, below) in nested(views) {
        table.row(cells(context, view, depth + below, ids.get(&view.id).cloned().unwrap_or_default()));
    }
    let sums = total(views);
    let mut last = vec![String::new(); 14];
    let figures = [
        (1, "total".to_owned()),
        (7, sums.prompts.to_string()),
        (8, sums.calls.to_string()),
        (11, compact(sums.tokens().total())),
        (12, context.cost(&sums.cost())),
    ];
    for (i, text) in figures {
        if let Some(cell) = last.get_mut(i) {
            *cell = text;
        }
    }
    table.total(last);
    table.write(out)
}

fn cells(context: &Context, view: &SessionView, depth: usize, id: String) -> Vec<String> {
    let who = match depth {
        0 => view.agent.to_string(),
        _ => format!("{}└ {}", "  ".repeat(depth.min(4) - 1), view.kind.word()),
    };
    let or_dot = |text: Option<&str>| text.filter(|t| !t.is_empty()).unwrap_or("·").to_owned();
    // Below its session the project is known; what a subagent is called is not.
    let project = match view.role.as_deref().filter(|role| depth > 0 && !role.is_empty()) {
        Some(role) => format!("…{role}"),
        None => or_dot(Some(&view.project)),
    };
    vec![
        state_sign(view.state).to_owned(),
        who,
        project,
        or_dot(view.branch.as_deref()),
        or_dot(view.model.as_deref()),
        view.state.word().to_owned(),
        view.last_at.map_or_else(|| "·".to_owned(), |at| span(context.now - at)),
        view.sums.prompts.to_string(),
        view.sums.calls.to_string(),
        view.loop_steps.to_string(),
        view.context_permille().map_or_else(|| "·".to_owned(), |p| format!("{}%", (p + 5) / 10)),
        compact(view.tokens().total()),
        context.cost(&view.cost()),
        id,
    ]
}

/// Each session with its depth: below its parent where that is listed too.
fn nested(views: &[SessionView]) -> Vec<(&SessionView, usize)> {
    let listed: HashSet<(&str, &str)> = views.iter().map(|v| (&*v.agent, &*v.uid)).collect();
    let mut children: HashMap<(&str, &str), Vec<&SessionView>> = HashMap::new();
    let mut roots = Vec::new();
    for view in views {
        match view.parent.as_deref().map(|parent| (&*view.agent, parent)).filter(|parent| listed.contains(parent)) {
            Some(parent) if parent.1 != &*view.uid => children.entry(parent).or_default().push(view),
            _ => roots.push(view),
        }
    }
    let mut out = Vec::with_capacity(views.len());
    let mut stack: Vec<(&SessionView, usize)> = roots.into_iter().rev().map(|v| (v, 0)).collect();
    while let Some((view, depth)) = stack.pop() {
        out.push((view, depth));
        let below = children.remove(&(&*view.agent, &*view.uid)).unwrap_or_default();
        stack.extend(below.into_iter().rev().map(|child| (child, depth + 1)));
    }
    // Sessions that claim to be each other's parents are shown, too.
    let mut lost: Vec<&SessionView> = children.into_values().flatten().collect();
    lost.sort_by_key(|v| v.id);
    out.extend(lost.into_iter().map(|v| (v, 0)));
    out
}

/// The shortest prefix of each id that is unique in the list, of a subagent's the part behind the slash.
fn short_ids<'a>(views: impl IntoIterator<Item = &'a SessionView>) -> HashMap<i64, String> {
    let mut tails: Vec<(Vec<char>, i64)> =
        views.into_iter().map(|v| (v.uid.rsplit('/').next().unwrap_or_default().chars().collect(), v.id)).collect();
    tails.sort();
    let common = |a: Option<&(Vec<char>, i64)>, b: &[char]| a.map_or(0, |(a, _)| a.iter().zip(b).take_while(|(x, y)| x == y).count());
    let mut found = HashMap::with_capacity(tails.len());
    for (i, (tail, id)) in tails.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| tails.get(i));
        let length = common(before, tail).max(common(tails.get(i + 1), tail)) + 1;
        found.insert(*id, tail.iter().take(length.max(8)).collect());
    }
    found
}
