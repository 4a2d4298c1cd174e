//! The caps: keys, the mouse, and what is asked.

use std::sync::Arc;

use aifinops::engine::hand::{Said, Wish, Word};
use aifinops::engine::process::Process;
use aifinops::engine::{Command, Snapshot};
use aifinops::model::cap::{Amount, Span, Unit};
use aifinops::ui::app::{Dialog, Effect, Field, View};
use crossterm::event::{Event, MouseEventKind};

use crate::screens::stage::Stage;
use crate::screens::world::{cents, some_caps};

fn capped() -> Stage {
    let mut stage = Stage::new(Snapshot { caps: Arc::new(some_caps()), ..(*Stage::workday().snapshot).clone() });
    stage.draw(120, 30);
    stage
}

fn selected(stage: &Stage) -> &'static str {
    ["day", "week-codex", "task-steps"][stage.app.cap_at(&stage.snapshot.caps)]
}

fn cap_dialog(stage: &Stage) -> &aifinops::ui::app::CapDialog {
    match &stage.app.dialog {
        Some(Dialog::Cap(dialog)) => dialog,
        other => panic!("{other:?}"),
    }
}

fn said(stage: &mut Stage, serial: u64, said: Said) {
    stage.news(Snapshot { word: Some(Arc::new(Word { serial, said })), ..(*stage.snapshot).clone() });
}

fn process() -> Process {
    Process { pid: 4_711, started: Some(7), command: "claude".to_owned(), leads: true }
}

#[test]
fn five_shows_the_caps_and_one_the_sessions() {
    let mut stage = capped();
    for (key, view) in [("5", View::Caps), ("1", View::Sessions), ("enter", View::Session), ("5", View::Caps), ("esc", View::Sessions)] {
        stage.press(key);
        assert_eq!(stage.app.view, view, "{key}");
    }
    assert_eq!(stage.press("enter"), []);
    stage.press("1");
    assert_eq!(stage.app.view, View::Sessions, "also from a session in full");
}

#[test]
fn the_binding_cap_is_selected_until_somebody_chooses() {
    let mut stage = capped();
    stage.press("5");
    assert_eq!(selected(&stage), "day");
    for (key, name) in [("j", "week-codex"), ("down", "task-steps"), ("j", "task-steps"), ("g", "day"), ("k", "day"), ("G", "task-steps")] {
        stage.press(key);
        assert_eq!(selected(&stage), name, "{key}");
    }
    // It stays selected by its name.
    let mut caps = some_caps();
    caps.standings.remove(0);
    stage.news(Snapshot { caps: Arc::new(caps), ..(*stage.snapshot).clone() });
    assert_eq!(stage.app.cap_at(&stage.snapshot.caps), 1);
}

#[test]
fn tab_goes_to_the_decisions() {
    let mut stage = capped();
    stage.press("5");
    stage.draw(80, 18);
    stage.press_all(&["tab", "G"]);
    stage.draw(80, 18);
    assert!(stage.app.caps.log > 0 && selected(&stage) == "day");
    let last = stage.app.caps.log;
    stage.press("j");
    assert_eq!(stage.app.caps.log, last, "no further than the last");
    stage.press_all(&["g", "tab", "j"]);
    assert_eq!((stage.app.caps.log, selected(&stage)), (0, "week-codex"));
}

#[test]
fn the_mouse_selects_caps_and_views() {
    let mut stage = capped();
    let tab = stage.app.hits.tabs.iter().find(|(_, view)| *view == View::Caps).unwrap().0;
    stage.click(tab.x + 1, tab.y);
    assert_eq!(stage.app.view, View::Caps);
    stage.draw(120, 30);
    let body = stage.app.hits.body;
    stage.click(body.x + 5, body.y + 1);
    assert_eq!((selected(&stage), stage.app.dialog.is_some()), ("week-codex", false));
    stage.click(body.x + 5, body.y + 1);
    assert_eq!(cap_dialog(&stage).raises().unwrap().cap.name, "week-codex");
    // A question is answered with keys.
    stage.click(body.x + 5, body.y);
    assert_eq!(selected(&stage), "week-codex");
    stage.press("esc");
    stage.mouse(MouseEventKind::ScrollUp, body.x + 5, body.y);
    assert_eq!(selected(&stage), "day");
    stage.draw(120, 18);
    let log = stage.app.hits.log.0;
    stage.mouse(MouseEventKind::ScrollDown, log.x + 5, log.y);
    assert!(stage.app.caps.log > 0 && selected(&stage) == "day");
}

#[test]
fn a_cap_is_set_where_there_is_none() {
    let mut stage = Stage::workday();
    stage.press("c");
    assert!(cap_dialog(&stage).raises().is_none());
    assert_eq!(stage.press("enter"), []);
    assert!(cap_dialog(&stage).error.as_ref().unwrap().contains("how much?"));
    // Letters are letters now.
    stage.type_text("q");
    assert_eq!(stage.press("enter"), []);
    assert!(cap_dialog(&stage).error.as_ref().unwrap().contains("`q` is no amount"));
    stage.press("backspace");
    assert_eq!(cap_dialog(&stage).error, None);
    stage.event(&Event::Paste("7.5\n0".to_owned()));
    stage.press_all(&["tab", "right"]);
    assert_eq!(stage.press("enter"), [Effect::SetCap(Amount { unit: Unit::Money, count: 7_500_000_000 }, Span::Week)]);
    assert!(stage.app.dialog.is_some(), "until it is done");
    stage.app.refuse("the disk is full".to_owned());
    assert_eq!(cap_dialog(&stage).error.as_deref(), Some("the disk is full"));
    stage.press("esc");
    assert!(stage.app.dialog.is_none());
}

#[test]
fn a_cap_is_raised_where_there_is_one_and_another_can_be_chosen() {
    let mut stage = capped();
    stage.press("c");
    assert_eq!((cap_dialog(&stage).raises().unwrap().cap.name.as_str(), cap_dialog(&stage).field), ("day", Field::Amount));
    stage.type_text("10");
    stage.press("tab");
    stage.type_text("2h");
    let raised = |name: &str| Box::new(some_caps().standings.iter().find(|s| s.cap.name == name).unwrap().clone());
    let ten = Amount::money(cents(1_000));
    assert_eq!(stage.press("enter"), [Effect::RaiseCap(raised("day"), ten, "2h".to_owned())]);
    stage.press_all(&["tab", "right"]);
    assert_eq!(stage.press("enter"), [Effect::RaiseCap(raised("week-codex"), ten, "2h".to_owned())]);
    stage.press_all(&["left", "left"]);
    assert_eq!(stage.press("enter"), [Effect::SetCap(ten, Span::Day)]);
    assert_eq!(stage.press("ctrl-c"), [Effect::Quit]);
}

#[test]
fn what_the_policy_sets_cannot_be_raised_here() {
    let mut caps = some_caps();
    caps.standings.truncate(1);
    caps.standings[0].cap.managed = true;
    let mut stage = Stage::new(Snapshot { caps: Arc::new(caps), ..(*Stage::workday().snapshot).clone() });
    stage.press("c");
    assert!(cap_dialog(&stage).raises().is_none());
}

#[test]
fn a_process_is_looked_for_and_stopped_only_when_the_person_says_so() {
    let mut stage = Stage::workday();
    let id = stage.app.selected.unwrap();
    assert_eq!(stage.press("x"), [Effect::Send(Command::Find(id, Wish::Stop))]);
    assert_eq!(stage.press("p"), [Effect::Send(Command::Find(id, Wish::Hold))]);
    said(&mut stage, 1, Said::Asks { session: id, process: process() });
    assert!(matches!(stage.app.dialog, Some(Dialog::Stop { .. })));
    for key in ["enter", "x", "j", "space"] {
        assert_eq!(stage.press(key), []);
        assert!(stage.app.dialog.is_some(), "{key} says neither yes nor no");
    }
    stage.press("n");
    assert!(stage.app.dialog.is_none());
    // The same word is heard once.
    said(&mut stage, 1, Said::Asks { session: id, process: process() });
    assert!(stage.app.dialog.is_none());
    said(&mut stage, 2, Said::Asks { session: id, process: process() });
    assert_eq!(stage.press("y"), [Effect::Send(Command::Stop(id, process()))]);
    assert!(stage.app.dialog.is_none());
    said(&mut stage, 3, Said::Failed("no process".to_owned()));
    assert!(stage.app.message.as_ref().is_some_and(|message| message.is_error));
    // Whoever types something else has not waited.
    stage.press("/");
    said(&mut stage, 4, Said::Asks { session: id, process: process() });
    assert!(stage.app.dialog.is_none());
}

#[test]
fn among_the_caps_there_is_no_process() {
    let mut stage = capped();
    stage.press("5");
    for key in ["x", "p"] {
        assert_eq!(stage.press(key), []);
        assert!(stage.app.message.as_ref().is_some_and(|message| message.is_error && message.text.contains("session")));
    }
}
