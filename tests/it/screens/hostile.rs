//! Names from logs that want to drive the terminal: none of their control characters reaches a cell.

use std::path::PathBuf;
use std::sync::Arc;

use aifinops::engine::Snapshot;
use aifinops::model::text::is_hostile;
use aifinops::query::SessionView;
use aifinops::store::read::ToolRow;
use crossterm::event::Event;

use super::stage::{Stage, text};
use super::world::{child, detail, root, session, snapshot};

/// Every C0 and C1 control, DEL, what reorders text, and sequences that set a title, a colour or the screen.
fn poison(name: &str) -> String {
    let controls: String = ('\0'..='\u{9f}').filter(|c| c.is_control()).collect();
    format!("{name}\u{1b}]0;owned\u{7}\u{1b}[31m\u{1b}[2J\u{9b}1m\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}{controls}end")
}

fn poisoned(name: &str) -> Arc<str> {
    Arc::from(poison(name))
}

fn hostile_session() -> SessionView {
    SessionView {
        agent: poisoned("agent"),
        uid: poisoned("uid"),
        cwd: Some(poisoned("cwd")),
        branch: Some(poisoned("branch")),
        model: Some(poisoned("claude-model")),
        models: vec![poisoned("model")],
        version: Some(poisoned("version")),
        ..session(1, &poison("project"))
    }
}

fn hostile_picture() -> Snapshot {
    let parent = hostile_session();
    let sub = SessionView { branch: parent.branch.clone(), ..child(2, &parent, &poison("role")) };
    let mut detail = detail(&parent, vec![sub.clone()]);
    detail.tools = vec![ToolRow { name: poisoned("tool"), calls: 5, failures: 1 }];
    detail.files = vec![PathBuf::from(poison("file"))];
    Snapshot { detail: Some(Arc::new(detail)), notices: vec![poison("notice")], ..snapshot(vec![parent, sub]) }
}

fn no_cell_is_hostile(view: &str, stage: &mut Stage) {
    for (width, height) in [(20, 5), (30, 6), (60, 18), (80, 24), (120, 30), (240, 70)] {
        let buf = stage.draw(width, height);
        for (i, cell) in buf.content.iter().enumerate() {
            let at = (i % usize::from(width), i / usize::from(width));
            assert!(!cell.symbol().chars().any(is_hostile), "{view} {width}×{height}, {at:?}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn no_view_shows_a_control_character_of_a_log() {
    let keys: [&[&str]; 14] = [
        &[],
        &["j"],
        &["enter"],
        &["j", "enter"],
        &["b"],
        &["b", "b"],
        &["b", "b", "b"],
        &["z"],
        &["?"],
        &["f"],
        &["5"],
        &["c"],
        &["y"],
        &["o"],
    ];
    for keys in keys {
        let mut stage = Stage::new(hostile_picture());
        stage.press_all(keys);
        no_cell_is_hostile(&keys.join(" "), &mut stage);
    }
}

#[test]
fn hostile_names_are_shown_with_signs_in_place_of_what_they_hide() {
    let mut stage = Stage::new(hostile_picture());
    let screen = text(&stage.draw(240, 70));
    for name in ["agent�]0;owned", "project�]0;owned", "branch�]0;owned", "…role�]0;owned", "tool�]0;owned", "notice�]0;owned"]
    {
        assert!(screen.contains(name), "{name} is not in\n{screen}");
    }
}

#[test]
fn a_hostile_filter_message_and_root_are_no_different() {
    let mut stage = Stage::new(hostile_picture());
    stage.press("/");
    stage.event(&Event::Paste(poison("pasted")));
    no_cell_is_hostile("pasting", &mut stage);
    stage.press("enter");
    no_cell_is_hostile("filtered", &mut stage);
    stage.app.message = Some(aifinops::ui::app::Message::failed(poison("message")));
    no_cell_is_hostile("message", &mut stage);
    let roots = vec![root("claude-code", &poison("/code/"), false, 0)];
    no_cell_is_hostile("empty", &mut Stage::new(Snapshot { roots, ..Snapshot::default() }));
    let mut options = super::world::options();
    options.filter = poison("configured");
    options.currency.symbol = poison("C");
    let mut stage = Stage::new(hostile_picture());
    stage.app = aifinops::ui::app::App::new(options);
    stage.app.take(&stage.snapshot);
    no_cell_is_hostile("configured", &mut stage);
}

#[test]
fn a_copied_id_is_the_id_itself() {
    let mut stage = Stage::of(vec![session(3, "web")]);
    let copied = stage.press("y");
    assert_eq!(copied, [aifinops::ui::app::Effect::Copy("00000003-0000-4000-8000-000000000000".to_owned())]);
}
