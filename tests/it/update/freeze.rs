//! The frozen picture: it can be looked at from all sides, and stays what it is.

use std::sync::Arc;

use aifinops::engine::{Command, Snapshot, Span};
use aifinops::ui::app::Effect;

use crate::screens::stage::{Stage, text};
use crate::screens::world::{detail, session, snapshot};

fn frozen() -> Stage {
    let mut stage = Stage::of(vec![session(1, "a"), session(2, "b"), session(3, "c")]);
    stage.press("f");
    stage.news(snapshot((1..=5).map(|id| session(id, &format!("new{id}"))).collect()));
    stage
}

#[test]
fn news_do_not_change_a_frozen_picture() {
    let mut stage = frozen();
    assert_eq!(stage.rows(), ["a", "b", "c"]);
    let screen = text(&stage.draw(120, 30));
    assert!(screen.contains("FROZEN") && screen.contains("3 live of 3") && !screen.contains("new"), "{screen}");
}

#[test]
fn a_frozen_picture_is_sorted_filtered_and_grouped_without_news() {
    for keys in ["s", "r", "z", "space", "b", "/ enter", "backspace"] {
        let mut stage = frozen();
        stage.press_all(&keys.split(' ').collect::<Vec<_>>());
        let rows = stage.rows();
        assert!(rows.len() >= 3 && !rows.iter().any(|r| r.contains("new")), "{keys}: {rows:?}");
    }
    let mut stage = frozen();
    stage.press("/");
    stage.type_text("c");
    assert!(!stage.rows().iter().any(|r| r.contains("new")), "{:?}", stage.rows());
}

#[test]
fn f_again_shows_the_present() {
    let mut stage = frozen();
    stage.press("f");
    assert_eq!(stage.rows(), ["new1", "new2", "new3", "new4", "new5"]);
}

#[test]
fn other_days_end_the_frozen_picture() {
    let mut stage = frozen();
    assert_eq!(stage.press("t"), [Effect::Send(Command::Show(Span::Days(7)))]);
    assert!(stage.app.frozen.is_none());
}

#[test]
fn a_session_that_is_opened_while_the_picture_is_frozen_is_read_all_the_same() {
    let mut stage = frozen();
    stage.press("j");
    stage.press("enter");
    assert!(text(&stage.draw(80, 24)).contains("reading…"));
    let with_detail = |id| Snapshot { detail: Some(Arc::new(detail(&session(id, "b"), Vec::new()))), ..(*frozen().snapshot).clone() };
    stage.news(with_detail(3));
    assert!(text(&stage.draw(80, 24)).contains("reading…"), "another session was read");
    stage.news(with_detail(2));
    let screen = text(&stage.draw(80, 24));
    assert!(screen.contains("14 tasks"), "{screen}");
    assert_eq!(stage.rows(), ["a", "b", "c"]);
}
