//! Screens of any size: nothing panics, nothing leaves its place.

use aifinops::ui::app::View;
use ratatui::layout::Rect;

use super::stage::{Stage, lines, text};
use super::{nothing_yet, ten_thousand, world};

/// Each view that there is, by name.
pub(super) fn views() -> Vec<(&'static str, Stage)> {
    let after = |keys: &[&str]| {
        let mut stage = Stage::workday();
        stage.press_all(keys);
        stage
    };
    let mut typing = after(&["/"]);
    typing.type_text("web");
    let mut none = after(&["/"]);
    none.type_text("no session is called this");
    let mut few = ten_thousand();
    few.truncate(100);
    vec![
        ("sessions", after(&[])),
        ("session", after(&["enter"])),
        ("a session's tools", after(&["enter", "tab"])),
        ("a session's subagents", after(&["enter", "tab", "tab", "G"])),
        ("a session that is not read yet", after(&["j", "j", "enter"])),
        ("help", after(&["?"])),
        ("frozen", after(&["f"])),
        ("grouped", after(&["b"])),
        ("folded", after(&["z"])),
        ("caps", super::caps::view(world::some_caps())),
        ("caps that are over", super::caps::view(super::caps::over())),
        ("many caps", super::caps::view(super::caps::huge())),
        ("no caps", super::caps::view(aifinops::engine::caps::Caps::default())),
        ("trends", super::trends::view(&[])),
        ("trends by month and project", super::trends::view(&["t", "t", "b"])),
        ("trends' units", super::trends::view(&["tab"])),
        ("trends' calendar", super::trends::view(&["tab", "tab"])),
        ("trends' hours", super::trends::view(&["tab", "tab", "tab"])),
        ("trends that are not read yet", after(&["4"])),
        ("trends of nothing", super::trends::of_nothing()),
        ("the team", super::team::view(&[])),
        ("a row of the team", super::team::view(&["j", "enter"])),
        ("a team without a gateway", super::team::of_nothing().into_iter().next().unwrap()),
        ("typing", typing),
        ("nothing found", none),
        ("large figures", Stage::of(few)),
        ("nothing today", Stage::of(Vec::new())),
        ("empty", Stage::new(nothing_yet())),
        ("before the first word of the engine", Stage::new(aifinops::engine::Snapshot::default())),
    ]
}

#[test]
fn any_size_down_to_nothing_is_drawn_without_a_panic() {
    let widths = [0, 1, 2, 7, 20, 29, 30, 31, 45, 60, 80, 100, 101, 133, 240];
    let heights = [0, 1, 2, 3, 5, 6, 7, 8, 12, 18, 19, 20, 24, 40, 41, 70];
    for (_, mut stage) in views() {
        for (width, height) in widths.into_iter().flat_map(|w| heights.map(|h| (w, h))) {
            stage.draw(width, height);
        }
    }
}

#[test]
fn a_part_of_a_screen_is_drawn_where_it_is_and_nowhere_else() {
    let (outer, inner) = (Rect::new(0, 0, 100, 40), Rect::new(7, 5, 80, 24));
    for (name, stage) in views() {
        let mut buf = ratatui::buffer::Buffer::filled(outer, ratatui::buffer::Cell::new("x"));
        aifinops::ui::view::draw(&stage.app, &stage.snapshot, world::NOW, inner, &mut buf);
        for (x, y) in (0..100).flat_map(|x| (0..40).map(move |y| (x, y))) {
            let outside = !inner.contains((x, y).into());
            assert!(!outside || buf[(x, y)].symbol() == "x", "{name} wrote outside, at {x},{y}");
        }
    }
}

#[test]
fn a_screen_of_twenty_by_five_says_what_matters() {
    let screen = text(&Stage::workday().draw(20, 5));
    assert!(screen.contains("today") && screen.contains("live") && screen.contains("larger"), "{screen}");
}

#[test]
fn frames_are_whole_at_every_size() {
    for (name, mut stage) in views() {
        for (width, height) in [(30, 6), (31, 7), (60, 18), (80, 24), (90, 20), (99, 30), (120, 30), (200, 60)] {
            let screen = lines(&stage.draw(width, height));
            let all: String = screen.concat();
            let count = |c| all.matches(c).count();
            let corners = ['╭', '╮', '╰', '╯'].map(count);
            if name == "help" {
                // It lies over the frames of others.
                assert!(corners.iter().all(|n| *n > 0), "{width}×{height}\n{}", screen.join("\n"));
                continue;
            }
            assert!(corners[0] > 0 && corners.iter().all(|n| *n == corners[0]), "{name} {width}×{height}\n{}", screen.join("\n"));
            // Each line of the body begins and ends with a frame.
            let body = if height >= 14 { 2 } else { 1 };
            for line in &screen[body..screen.len() - 1] {
                let ends = (line.chars().next().unwrap(), line.chars().last().unwrap());
                assert!("│╭╰".contains(ends.0) && "│╮╯↑↓".contains(ends.1), "{name} {width}×{height}: {line}\n{}", screen.join("\n"));
            }
        }
    }
}

#[test]
fn a_narrow_screen_still_says_how_many_are_at_work() {
    let mut figures = Stage::of(ten_thousand());
    for width in 40..=120 {
        for stage in [&mut Stage::workday(), &mut figures] {
            let screen = lines(&stage.draw(width, 24));
            assert!(screen[0].trim_end().ends_with("live"), "{width}: {}", screen[0]);
            let live = screen[0].rsplit('●').next().unwrap().split_whitespace().next().unwrap().to_owned();
            assert_eq!(live, stage.snapshot.live.to_string());
        }
    }
}

#[test]
fn amounts_are_shown_in_the_currency_that_was_asked_for() {
    let euro = aifinops::config::Currency { code: "EUR".to_owned(), symbol: "€".to_owned(), rate: 500_000 };
    for keys in [&[][..], &["enter"], &["b"]] {
        let mut stage = Stage::workday();
        stage.press_all(keys);
        stage.app.currency = euro.clone();
        for (width, height) in [(20, 5), (80, 24), (120, 30)] {
            let screen = text(&stage.draw(width, height));
            let digits_after = |mark| screen.split(mark).skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).count();
            assert_eq!(digits_after('$'), 0, "{screen}");
            assert!(digits_after('€') > 0, "{screen}");
        }
    }
}

#[test]
fn the_full_view_shows_the_newest_task_first_and_the_rest_on_the_way_up() {
    let mut stage = Stage::workday();
    stage.press("enter");
    assert_eq!(stage.app.view, View::Session);
    let shown = |stage: &mut Stage| text(&stage.draw(80, 18));
    let newest = shown(&mut stage);
    assert!(newest.contains(" 14 08-12") && !newest.contains(" 1 08-12"), "{newest}");
    stage.press("g");
    let oldest = shown(&mut stage);
    assert!(oldest.contains(" 1 08-12") && !oldest.contains(" 14 08-12"), "{oldest}");
}

#[test]
fn amounts_are_shown_whole_or_not_at_all() {
    let mut stage = Stage::of(ten_thousand());
    for width in 30..=240 {
        for line in lines(&stage.draw(width, 24)).iter().skip(3).take(10) {
            let cut = line.split_whitespace().find(|word| word.ends_with('…') && word.starts_with(|c: char| c.is_ascii_digit()));
            assert_eq!(cut, None, "{width}: {line}");
        }
    }
}
