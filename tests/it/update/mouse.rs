//! The mouse: rows, heads and the wheel.

use aifinops::ui::app::{Section, View};
use aifinops::ui::columns::Column;
use crossterm::event::MouseEventKind::{Moved, ScrollDown, ScrollUp};

use crate::screens::stage::Stage;
use crate::screens::world::{session, snapshot};

/// Forty sessions at 80×24: the heads are on line 3, the first row on line 4.
fn forty() -> Stage {
    let mut stage = Stage::of((1..=40).map(|id| session(id, &format!("p{id:02}"))).collect());
    stage.draw(80, 24);
    stage
}

#[test]
fn a_click_selects_and_another_one_opens() {
    let mut stage = forty();
    stage.click(20, 6);
    assert_eq!((stage.selected(), stage.app.view), ("p03".to_owned(), View::Sessions));
    stage.draw(80, 24);
    stage.click(20, 6);
    assert_eq!(stage.app.view, View::Session);
}

#[test]
fn a_click_means_the_row_that_is_drawn_there() {
    let mut stage = forty();
    stage.press("G");
    stage.draw(80, 24);
    let first = stage.app.hits.first;
    assert!(first > 0);
    stage.click(20, 4);
    assert_eq!(stage.app.cursor, first);
}

#[test]
fn clicks_beside_the_rows_do_nothing() {
    let mut stage = forty();
    for (x, y) in [(0, 0), (0, 6), (79, 6), (20, 23), (200, 200), (20, 20)] {
        stage.click(x, y);
        assert_eq!((stage.selected(), stage.app.view), ("p01".to_owned(), View::Sessions), "{x},{y}");
    }
    let mut few = Stage::of(vec![session(1, "one"), session(2, "two")]);
    few.draw(80, 24);
    few.click(20, 11);
    assert_eq!((few.selected(), few.app.view), ("one".to_owned(), View::Sessions));
    few.mouse(Moved, 20, 4);
    assert_eq!(few.selected(), "one");
}

#[test]
fn a_click_on_a_head_sorts_by_it_and_another_turns_it_round() {
    let mut stage = forty();
    let (area, column) = *stage.app.hits.heads.iter().find(|(_, c)| *c == Column::Project).unwrap();
    stage.click(area.x, area.y);
    assert_eq!((stage.app.order.sort, stage.app.order.reversed), (column, false));
    stage.click(area.right() - 1, area.y);
    assert_eq!((stage.app.order.sort, stage.app.order.reversed), (column, true));
    assert_eq!(stage.rows().first().unwrap(), "p40");
    stage.click(stage.app.hits.heads[1].0.x, area.y);
    assert!(!stage.app.order.reversed, "another column begins in its natural order");
}

#[test]
fn every_head_that_is_drawn_can_be_clicked() {
    let mut stage = forty();
    stage.draw(200, 24);
    let heads = stage.app.hits.heads.clone();
    assert_eq!(heads.len(), aifinops::ui::columns::ALL.len());
    for (area, column) in heads {
        stage.click(area.x, area.y);
        assert_eq!(stage.app.order.sort, column);
    }
}

#[test]
fn heads_of_groups_cannot_be_selected() {
    let mut stage = forty();
    stage.press("b");
    stage.draw(80, 24);
    let before = stage.app.selected;
    stage.click(20, 4);
    assert_eq!((stage.app.selected, stage.app.view), (before, View::Sessions));
}

#[test]
fn the_wheel_moves_by_three() {
    let mut stage = forty();
    for (wheel, selected) in [(ScrollDown, "p04"), (ScrollDown, "p07"), (ScrollUp, "p04"), (ScrollUp, "p01"), (ScrollUp, "p01")] {
        stage.mouse(wheel, 20, 5);
        assert_eq!(stage.selected(), selected);
    }
}

#[test]
fn the_wheel_scrolls_what_is_in_front() {
    let mut stage = forty();
    stage.press("?");
    stage.draw(80, 24);
    stage.mouse(ScrollDown, 20, 5);
    stage.draw(80, 24);
    assert_eq!((stage.app.help_scroll, stage.selected()), (1, "p01".to_owned()));
    stage.mouse(ScrollUp, 20, 5);
    assert_eq!(stage.app.help_scroll, 0);
    stage.click(20, 7);
    assert_eq!((stage.app.help, stage.selected()), (false, "p01".to_owned()));
}

#[test]
fn tasks_are_selected_by_a_click() {
    let mut stage = Stage::workday();
    stage.press("enter");
    stage.draw(80, 24);
    let (body, first) = (stage.app.hits.body, stage.app.hits.first);
    stage.click(body.x + 3, body.y + 1);
    assert_eq!(stage.app.full.selected(Section::Tasks, 14), first + 1);
    // Nothing moves below the pointer.
    stage.draw(80, 24);
    assert_eq!(stage.app.hits.first, first);
}

#[test]
fn the_selection_stays_on_its_session_while_rows_move() {
    let mut stage = forty();
    stage.click(20, 6);
    assert_eq!(stage.selected(), "p03");
    let mut sessions: Vec<_> = stage.snapshot.sessions.iter().map(|s| (**s).clone()).collect();
    // p39 spends most now, and p01 is gone.
    sessions[38].sums.nanos *= 100;
    sessions[38].today.known = sessions[38].sums.cost().known;
    sessions.remove(0);
    stage.news(snapshot(sessions.clone()));
    assert_eq!((stage.rows()[0].as_str(), stage.selected().as_str()), ("p39", "p03"));
    // When it is gone itself, the one in its place is selected.
    sessions.retain(|s| &*s.project != "p03");
    stage.news(snapshot(sessions));
    assert_eq!(stage.selected(), "p04");
    stage.news(snapshot(Vec::new()));
    assert_eq!((stage.app.selected, stage.app.cursor), (None, 0));
}
