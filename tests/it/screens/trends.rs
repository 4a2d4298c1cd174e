//! The view of the trends: spend over time, units, the calendar and the hours.

use std::sync::Arc;

use aifinops::engine::{Command, Snapshot};
use aifinops::insight::loops::Points;
use aifinops::insight::spread::Spread;
use aifinops::model::{Cost, Zone};
use aifinops::query::trends::{Bar, Dimension, PARTS, PERIODS, Pair, Period, Stack, Trends, Units, beginnings};
use aifinops::store::Sums;
use aifinops::ui::app::{Effect, View};
use aifinops::ui::theme::{self, Depth};
use chrono::Days;

use super::shows;
use super::stage::{Stage, lines, text};
use super::world::{NOW, cents, priced, sums};

/// Sizes of terminals: the smallest that people use, the usual one, and larger ones.
const SIZES: [(u16, u16); 4] = [(40, 12), (80, 24), (120, 32), (200, 60)];

fn stack(period: Period, names: &[&str]) -> Stack {
    let count = match period {
        Period::Day => 60,
        Period::Week => 20,
        Period::Month => 13,
    };
    let bar = |(i, first): (usize, chrono::NaiveDate)| {
        let i = i64::try_from(i).unwrap();
        let mut bar = Bar { first, cost: Cost::default(), parts: [0; PARTS + 1] };
        for (rank, part) in bar.parts.iter_mut().enumerate().take(names.len() + 1) {
            let rank = i64::try_from(rank).unwrap();
            *part = cents((i * 7 + rank * 5) % 11 * 60 / (rank + 1)).nanos();
            bar.cost += Cost { known: aifinops::model::Money::from_nanos(*part), priced_calls: 3, ..Cost::default() };
        }
        // One of them nobody knows the price of.
        if i == 3 { Bar { cost: Cost::unknown(), parts: [0; PARTS + 1], ..bar } } else { bar }
    };
    let bars: Vec<Bar> = beginnings(period, NOW, Zone::UTC, count).into_iter().enumerate().map(bar).collect();
    let part = |rank: usize| {
        bars.iter().fold(Cost::default(), |sum, bar| {
            sum + Cost { known: aifinops::model::Money::from_nanos(bar.parts[rank]), priced_calls: 1, ..Cost::default() }
        })
    };
    Stack {
        names: names.iter().enumerate().map(|(rank, name)| (Arc::from(*name), part(rank))).collect(),
        others: (names.len() == PARTS).then(|| part(PARTS) + Cost::unknown()),
        bars,
    }
}

fn units(calls: i64, amount: i64) -> Units {
    let requests: Spread = (1..=100).map(|n| n * 1_900).collect();
    Units { sums: Sums { retries: 3, ..sums(calls, amount) }, sessions: 7, requests: Points::of(&requests), ..Units::default() }
}

/// A year of work.
fn some() -> Trends {
    let names: [&[&str]; 3] = [
        &["claude-opus-4-7-20260401", "gpt-5.5", "claude-haiku-4-5-20251001", ""],
        &["api-server", "web", "データ基盤", "a-monorepo-with-a-very-long-name-indeed"],
        &["claude-code", "codex"],
    ];
    let mondays = beginnings(Period::Week, NOW, Zone::UTC, 30);
    let today = beginnings(Period::Day, NOW, Zone::UTC, 1)[0];
    let day = |monday: chrono::NaiveDate, weekday: u64| {
        let day = monday.checked_add_days(Days::new(weekday)).unwrap();
        let n = i64::try_from(weekday).unwrap() * 13 + (day - mondays[0]).num_days() * 5;
        (day <= today).then(|| match n % 17 {
            0 => Cost::default(),
            1 => Cost::unknown(),
            n => priced(n * 40),
        })
    };
    Trends {
        stacks: PERIODS.map(|period| names.map(|names| stack(period, names))),
        heat: aifinops::query::trends::Heat {
            weeks: mondays.iter().map(|monday| (*monday, std::array::from_fn(|weekday| day(*monday, weekday as u64)))).collect(),
        },
        hours: std::array::from_fn(
            |hour| if (8..20).contains(&hour) { priced(i64::try_from(hour).unwrap() * 37 % 290) } else { Cost::default() },
        ),
        units: PERIODS.map(|_| Pair { now: units(900, 3_210), before: units(700, 2_345) }),
    }
}

fn with(trends: Trends, keys: &[&str]) -> Stage {
    let mut stage = Stage::new(Snapshot { trends: Some(Arc::new(trends)), ..(*Stage::workday().snapshot).clone() });
    stage.press("4");
    stage.press_all(keys);
    stage
}

/// The view after some keys.
pub(super) fn view(keys: &[&str]) -> Stage {
    with(some(), keys)
}

/// Where nothing has been spent yet.
pub(super) fn of_nothing() -> Stage {
    with(Trends::default(), &[])
}

#[test]
fn spend_by_day_and_model() {
    shows("trends", &mut view(&[]), &SIZES);
}

#[test]
fn spend_by_month_and_project_and_by_week_and_agent() {
    shows("trends_month_project", &mut view(&["t", "t", "b"]), &SIZES);
    shows("trends_week_agent", &mut view(&["t", "b", "b"]), &[(80, 24), (120, 32)]);
}

#[test]
fn on_a_small_screen_a_key_goes_through_the_panels() {
    shows("trends_units", &mut view(&["tab"]), &[(40, 12)]);
    shows("trends_calendar", &mut view(&["tab", "tab"]), &[(40, 12), (80, 24)]);
    shows("trends_hours", &mut view(&["tab", "tab", "tab"]), &[(40, 12), (80, 24)]);
    let mut stage = view(&["tab", "tab", "tab", "tab"]);
    assert!(text(&stage.draw(40, 12)).contains("Spend by day"));
}

#[test]
fn keys_change_the_period_and_what_is_stacked_and_the_help_says_so() {
    let mut stage = view(&[]);
    let title = |stage: &mut Stage| lines(&stage.draw(120, 32))[2].clone();
    for (key, says) in
        [("t", "week and model"), ("t", "month and model"), ("b", "month and project"), ("b", "month and agent"), ("t", "day and agent")]
    {
        stage.press(key);
        assert!(title(&mut stage).contains(&format!("Spend by {says}")), "{key}: {}", title(&mut stage));
    }
    let screen = text(&stage.draw(120, 32));
    assert!(screen.contains("t day, week, month") && screen.contains("b model, project, agent"), "{screen}");
    stage.press("?");
    assert!(text(&stage.draw(120, 60)).contains("trends: by day, week, month"));
}

#[test]
fn the_engine_is_asked_while_the_view_is_open_and_told_when_it_is_closed() {
    let mut stage = Stage::workday();
    assert_eq!(stage.press("4"), [Effect::Send(Command::Trends(true))]);
    assert_eq!(stage.press("4"), [], "it is asked once");
    assert!(text(&stage.draw(80, 24)).contains("reading…"));
    assert_eq!(stage.press("esc"), [Effect::Send(Command::Trends(false))]);
    assert_eq!(stage.app.view, View::Sessions);
    assert_eq!(stage.press("5"), [], "it has not been open");
}

#[test]
fn a_frozen_picture_takes_the_trends_that_were_asked_for_since() {
    let mut stage = Stage::workday();
    stage.press_all(&["f", "4"]);
    assert!(text(&stage.draw(80, 24)).contains("reading…"));
    stage.news(Snapshot { trends: Some(Arc::new(some())), ..(*stage.snapshot).clone() });
    assert!(text(&stage.draw(80, 24)).contains("Spend by day"));
}

#[test]
fn without_colours_the_parts_are_still_told_apart() {
    let mut stage = view(&[]);
    stage.app.theme = theme::load("dark", None).unwrap().at(Depth::None);
    let buf = stage.draw(120, 32);
    let screen = text(&buf);
    for sign in ["█", "▒", "▓", "░", "▚", "?"] {
        assert!(screen.contains(sign), "{sign}\n{screen}");
    }
    for sign in ["▲", "="] {
        assert!(screen.contains(sign), "a change has a direction: {sign}\n{screen}");
    }
    assert!(buf.content.iter().all(|cell| matches!(cell.fg, ratatui::style::Color::Reset)), "no colour is left");
}

#[test]
fn no_price_is_no_bar_of_nothing() {
    let mut trends = some();
    for bar in trends.stacks.iter_mut().flatten().flat_map(|stack| &mut stack.bars) {
        (bar.cost, bar.parts) = (Cost::unknown(), [0; PARTS + 1]);
    }
    let screen = text(&with(trends, &[]).draw(80, 24));
    assert!(screen.contains("????") && screen.contains("60 days: ?"), "{screen}");
    assert_eq!(Dimension::default(), Dimension::Model);
}
