//! What the screen looks like: every view at the sizes of real terminals, with its styles.
//!
//! A snapshot holds the text (each line ends with `|`), a map with a letter for the style of each cell, and what the
//! letters stand for.

mod caps;
mod hostile;
mod loops;
mod sizes;
pub(crate) mod stage;
mod team;
mod trends;
mod words;
pub(crate) mod world;

use std::sync::Arc;

use aifinops::engine::Snapshot;
use aifinops::engine::ingest::Progress;
use aifinops::model::SessionState;
use aifinops::query::SessionView;
use aifinops::ui::app::Message;

use stage::{Stage, picture, text};
use world::{priced, session, sums};

const SMALL: (u16, u16) = (60, 18);
const USUAL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 30);
const HUGE: (u16, u16) = (240, 70);

/// Compares the picture at each size with the one that is kept.
fn shows(name: &str, stage: &mut Stage, sizes: &[(u16, u16)]) {
    for (width, height) in sizes {
        let picture = picture(&stage.draw(*width, *height));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
        });
    }
}

/// A machine on which no agent has ever run.
fn nothing_yet() -> Snapshot {
    let roots = vec![
        world::root("claude-code", "/home/someone/.claude/projects", true, 0),
        world::root("claude-code", "/home/someone/.config/claude/projects", false, 0),
        world::root("codex", "/home/someone/.codex/sessions", false, 0),
        world::root("gemini-cli", "/home/someone/.gemini/tmp", false, 0),
        world::root("opencode", "/home/someone/.local/share/opencode", false, 0),
    ];
    Snapshot { roots, ..Snapshot::default() }
}

/// Ten thousand sessions with names, counts and costs of the largest kind.
fn ten_thousand() -> Vec<SessionView> {
    let states = [SessionState::Working, SessionState::Waiting, SessionState::Idle, SessionState::Ended];
    (1..=10_000)
        .map(|id| SessionView {
            branch: Some(Arc::from(format!("feature/a-branch-whose-name-never-ends-and-goes-on-{id}"))),
            state: states[usize::try_from(id).unwrap() % 4],
            loop_steps: 4_321,
            sums: sums(2_000_000, 123_456 + id),
            today: priced(123_456 + id),
            lifetime: priced(987_654_321),
            last_hour: priced(12_345),
            last_at: Some(world::NOW - id),
            ..session(id, &format!("a-monorepo-with-a-very-long-name-indeed-{id}"))
        })
        .collect()
}

#[test]
fn an_empty_machine_hears_where_was_looked_and_of_the_demo() {
    let mut stage = Stage::new(nothing_yet());
    shows("empty", &mut stage, &[SMALL, USUAL, WIDE]);
    let screen = text(&stage.draw(80, 24));
    for words in ["Looked in:", "~/.claude/projects", ".codex/sessions", ".gemini/tmp", ".local/share/opencode", "aifinops top --demo"] {
        let words = words.replace('~', "/home/someone");
        assert!(screen.contains(&words), "{words} is not in\n{screen}");
    }
}

#[test]
fn a_working_day() {
    shows("normal", &mut Stage::workday(), &[SMALL, USUAL, WIDE, HUGE]);
}

#[test]
fn ten_thousand_sessions_scrolled_to_the_middle() {
    let mut stage = Stage::of(ten_thousand());
    stage.app.selected = Some(5_000);
    stage.app.chosen = true;
    stage.app.take(&stage.snapshot);
    shows("huge", &mut stage, &[SMALL, USUAL, WIDE, HUGE]);
}

#[test]
fn a_filter_while_it_is_typed_and_after() {
    let mut stage = Stage::workday();
    stage.press("/");
    stage.type_text("agent:codex we");
    shows("typing", &mut stage, &[SMALL, USUAL]);
    stage.press("enter");
    shows("filtered", &mut stage, &[SMALL, USUAL, WIDE]);
    stage.press("/");
    stage.type_text(" nothing-is-called-this");
    stage.press("enter");
    shows("filtered_to_nothing", &mut stage, &[USUAL]);
}

#[test]
fn sessions_grouped_by_project() {
    let mut stage = Stage::workday();
    stage.press("b");
    shows("grouped", &mut stage, &[USUAL, WIDE]);
}

#[test]
fn one_session_in_full() {
    let mut stage = Stage::workday();
    stage.press("enter");
    shows("session", &mut stage, &[SMALL, USUAL, WIDE, HUGE]);
}

#[test]
fn where_a_sessions_money_went() {
    let mut stage = Stage::workday();
    stage.press_all(&["enter", "tab", "tab", "tab"]);
    shows("session_money", &mut stage, &[SMALL, USUAL, WIDE]);
    let low = text(&stage.draw(120, 20));
    assert!(low.contains("context sent again") && low.contains("~0.06"), "where there is no room beside the charts\n{low}");
}

#[test]
fn the_help() {
    let mut stage = Stage::workday();
    stage.press("?");
    shows("help", &mut stage, &[SMALL, USUAL, WIDE]);
}

#[test]
fn a_frozen_picture_says_so() {
    let mut stage = Stage::workday();
    stage.press("f");
    shows("frozen", &mut stage, &[USUAL]);
}

#[test]
fn reading_on_shows_how_far_it_is() {
    let progress = Progress { files: 900, files_done: 312, bytes: 1 << 30, bytes_done: 400 << 20 };
    let mut stage = Stage::new(Snapshot { progress: Some(progress), ..(*Stage::workday().snapshot).clone() });
    shows("catching_up", &mut stage, &[SMALL, USUAL]);
}

#[test]
fn what_is_wrong_is_told() {
    let notices = vec!["cannot read /code/log.jsonl: permission denied (and 3 more)".to_owned(), "another one".to_owned()];
    let mut stage = Stage::new(Snapshot { notices, ..(*Stage::workday().snapshot).clone() });
    shows("notices", &mut stage, &[SMALL, USUAL, WIDE]);
}

#[test]
fn news_do_not_hide_that_nothing_new_is_read() {
    let notices = vec!["database is full; trying again".to_owned(), "one line of the logs could not be read".to_owned()];
    let workday = (*Stage::workday().snapshot).clone();
    let last = |failing, message: Message| {
        let mut stage = Stage::new(Snapshot { notices: notices.clone(), failing, ..workday.clone() });
        stage.app.message = Some(message);
        text(&stage.draw(120, 30)).lines().last().unwrap().to_owned()
    };
    assert!(last(1, Message::news("A loop has run 99 steps")).contains("database is full"));
    assert!(last(0, Message::news("A loop has run 99 steps")).contains("99 steps"), "what is only to be known can wait");
    assert!(last(1, Message::done("copied")).contains("copied"), "a key is answered all the same");
}
