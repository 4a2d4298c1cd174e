//! Keys: what each does, and how the configuration changes them.

use std::collections::BTreeMap;

use aifinops::config::Group;
use aifinops::engine::{Command, Span};
use aifinops::ui::action::{Action, TABLE};
use aifinops::ui::app::{Effect, Section, View};
use aifinops::ui::columns::Column;
use aifinops::ui::keymap::{KeyProblem, Keymap};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::screens::stage::{Stage, key_event};
use crate::screens::world::session;

/// Projects `a` to `e`, the most expensive first.
fn five() -> Stage {
    let sessions = ["a", "b", "c", "d", "e"].iter().zip(1..).map(|(project, id)| session(id, project));
    let mut stage = Stage::of(sessions.collect());
    stage.draw(80, 24);
    stage
}

#[test]
fn keys_move_the_selection_and_stop_at_the_ends() {
    let table = [
        ("", "a"),
        ("j", "b"),
        ("down down", "c"),
        ("down k", "a"),
        ("up", "a"),
        ("G", "e"),
        ("end j", "e"),
        ("G g", "a"),
        ("end home", "a"),
        ("pagedown", "e"),
        ("ctrl-d ctrl-u", "a"),
        ("G pageup j", "b"),
    ];
    for (keys, selected) in table {
        let mut stage = five();
        stage.press_all(&keys.split_whitespace().collect::<Vec<_>>());
        assert_eq!(stage.selected(), selected, "{keys}");
        assert_eq!(stage.app.selected, stage.app.rows[stage.app.cursor].id(), "{keys}");
    }
}

#[test]
fn heads_of_groups_are_passed_over() {
    let mut stage = five();
    stage.press("b");
    assert_eq!(stage.rows(), ["[a]", "a", "[b]", "b", "[c]", "c", "[d]", "d", "[e]", "e"]);
    for (key, selected) in [("g", "a"), ("k", "a"), ("j", "b"), ("j", "c"), ("k", "b"), ("G", "e"), ("j", "e"), ("pageup", "a")] {
        stage.press(key);
        assert_eq!(stage.selected(), selected, "{key}");
    }
}

#[test]
fn grouping_goes_round() {
    let mut stage = five();
    for group in [Group::Project, Group::Agent, Group::Model, Group::None] {
        stage.press("b");
        assert_eq!(stage.app.order.group, group);
    }
}

#[test]
fn space_folds_a_family_and_z_folds_all() {
    let mut stage = Stage::workday();
    let open = stage.rows();
    assert_eq!(open[..3], ["api-server", "  explore", "  test-writer"]);
    stage.press("space");
    assert_eq!(stage.rows().len(), open.len() - 2);
    stage.press("space");
    assert_eq!(stage.rows(), open);
    stage.press("z");
    assert_eq!(stage.rows().len(), open.len() - 3);
    // What is unfolded while all are folded is the exception, and forgotten with the next `z`.
    stage.press("space");
    assert_eq!(stage.rows().len(), open.len() - 1);
    stage.press("z");
    assert_eq!(stage.rows(), open);
}

#[test]
fn s_goes_through_the_columns_in_their_order_and_round() {
    let mut stage = five();
    let columns = stage.app.columns.clone();
    let at = |stage: &Stage| columns.iter().position(|c| *c == stage.app.order.sort).unwrap();
    let begin = at(&stage);
    for step in 1..=columns.len() {
        stage.press("s");
        assert_eq!(at(&stage), (begin + step) % columns.len());
    }
    stage.press("S");
    assert_eq!(at(&stage), (begin + columns.len() - 1) % columns.len());
    stage.press(">");
    stage.press("<");
    assert_eq!(at(&stage), (begin + columns.len() - 1) % columns.len());
}

#[test]
fn r_turns_the_order_round() {
    let mut stage = five();
    let before = stage.rows();
    stage.press_all(&["j", "k", "r"]);
    assert_eq!(stage.rows(), before.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(stage.selected(), "a", "the selection stays on its session");
}

#[test]
fn t_asks_for_other_days() {
    let mut stage = five();
    for (key, span) in [("t", Span::Days(7)), ("tab", Span::Days(30)), ("t", Span::All), ("t", Span::Today)] {
        assert_eq!(stage.press(key), [Effect::Send(Command::Show(span))]);
        assert_eq!(stage.app.span, span);
    }
}

#[test]
fn a_filter_is_in_force_while_it_is_typed() {
    let mut stage = Stage::workday();
    let all = stage.rows().len();
    stage.press("/");
    stage.type_text("agent:codex");
    assert_eq!(stage.rows(), ["web", "  web"]);
    // Keys are letters now: `q` does not quit.
    assert_eq!(stage.press("q"), []);
    assert_eq!(stage.rows().len(), 0);
    stage.press("backspace");
    assert_eq!(stage.rows().len(), 2);
    stage.press("enter");
    assert!(!stage.app.typing);
    assert_eq!((stage.app.input.value(), stage.rows().len()), ("agent:codex", 2));
    stage.press("esc");
    assert_eq!((stage.app.input.value(), stage.rows().len()), ("", all));
}

#[test]
fn esc_while_typing_and_backspace_afterwards_clear_the_filter() {
    for clearing in [&["esc"][..], &["enter", "backspace"], &["enter", "esc"], &["enter", "enter", "esc", "esc"]] {
        let mut stage = Stage::workday();
        stage.press("/");
        stage.type_text("live");
        stage.press_all(clearing);
        assert_eq!((stage.app.input.value(), stage.rows().len(), stage.app.view), ("", 9, View::Sessions), "{clearing:?}");
    }
}

#[test]
fn a_paste_goes_into_the_filter_without_its_control_characters() {
    let mut stage = Stage::workday();
    stage.event(&Event::Paste("quit q".to_owned()));
    assert_eq!(stage.app.input.value(), "", "a paste is no filter unless one is being typed");
    stage.press("/");
    stage.event(&Event::Paste("agent:\u{1b}codex\n".to_owned()));
    assert_eq!((stage.app.input.value(), stage.rows().len()), ("agent:codex", 2));
}

#[test]
fn quitting_works_everywhere_and_the_help_takes_q_for_closing() {
    for keys in ["q", "ctrl-c", "/ ctrl-c", "enter q", "f q"] {
        let mut stage = Stage::workday();
        let last = keys.split(' ').map(|key| stage.press(key)).last();
        assert_eq!(last, Some(vec![Effect::Quit]), "{keys}");
    }
    for close in ["q", "esc", "?", "enter", "w", "f1"] {
        let mut stage = Stage::workday();
        stage.press("?");
        assert!(stage.app.help);
        assert_eq!(stage.press(close), []);
        assert!(!stage.app.help, "{close}");
    }
}

#[test]
fn enter_opens_and_esc_comes_back() {
    for (open, back) in [("enter", "esc"), ("right", "left"), ("l", "h")] {
        let mut stage = five();
        stage.press("j");
        stage.press(open);
        assert_eq!(stage.app.view, View::Session);
        stage.press(back);
        assert_eq!((stage.app.view, stage.selected()), (View::Sessions, "b".to_owned()));
    }
}

#[test]
fn tasks_are_moved_through_from_the_newest() {
    let mut stage = Stage::workday();
    stage.press("enter");
    let selected = |stage: &Stage| stage.app.full.selected(Section::Tasks, 14);
    for (key, task) in [("j", 13), ("k", 12), ("k", 11), ("g", 0), ("k", 0), ("j", 1), ("G", 13), ("up", 12)] {
        stage.press(key);
        assert_eq!(selected(&stage), task, "{key}");
    }
}

#[test]
fn a_theme_is_asked_for_in_turn() {
    let mut stage = five();
    let names = stage.app.themes.clone();
    for name in names.iter().skip(1).chain(&names[..1]) {
        assert_eq!(stage.press("T"), [Effect::Theme(name.clone())]);
        stage.app.theme.name.clone_from(name);
    }
}

#[test]
fn copying_and_the_log_and_suspending_are_left_to_others() {
    let mut stage = Stage::workday();
    assert_eq!(stage.press("y"), [Effect::Copy("00000001-0000-4000-8000-000000000000".to_owned())]);
    assert!(stage.app.message.as_ref().is_some_and(|m| m.text.contains("copied") && !m.is_error));
    assert_eq!(stage.press("o"), [Effect::OpenLog("/home/someone/.claude/projects/-work-api/log.jsonl".into())]);
    assert_eq!(stage.app.message, None, "a message stays until the next key");
    assert_eq!(stage.press("ctrl-z"), [Effect::Suspend]);
    stage.press("j");
    assert_eq!(stage.press("o"), []);
    assert!(stage.app.message.as_ref().is_some_and(|m| m.text.contains("not known") && m.is_error));
    assert_eq!(Stage::of(Vec::new()).press("y"), []);
}

#[test]
fn a_released_key_and_a_resize_do_nothing() {
    let mut stage = five();
    let release = KeyEvent { kind: KeyEventKind::Release, ..key_event("q") };
    assert_eq!(stage.event(&Event::Key(release)), []);
    assert_eq!(stage.event(&Event::Resize(10, 10)), []);
    let repeat = KeyEvent { kind: KeyEventKind::Repeat, ..key_event("j") };
    stage.event(&Event::Key(repeat));
    assert_eq!(stage.selected(), "b");
}

fn keymap(custom: &[(&str, &[&str])]) -> (Keymap, Vec<KeyProblem>) {
    let custom: BTreeMap<_, _> =
        custom.iter().map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|k| (*k).to_owned()).collect())).collect();
    Keymap::new(&custom)
}

#[test]
fn every_default_key_is_one_and_does_what_the_table_says() {
    let (keys, problems) = keymap(&[]);
    assert_eq!(problems, []);
    for binding in TABLE {
        assert_eq!(keys.keys(binding.action).split(", ").count(), binding.keys.len(), "{}", binding.name);
        assert!(!binding.help.is_empty());
    }
    assert_eq!(keys.keys(Action::Theme), "T");
    assert_eq!(keys.first(Action::Quit), "q");
    // Some terminals say that shift was held for a sign that needs it.
    for key in ['?', '<', '>', '/'] {
        let plain = keys.action(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        assert!(plain.is_some());
        assert_eq!(keys.action(KeyEvent::new(KeyCode::Char(key), KeyModifiers::SHIFT)), plain, "{key}");
    }
}

#[test]
fn keys_of_the_configuration_replace_the_defaults_and_are_taken_from_others() {
    let (keys, problems) = keymap(&[("quit", &["ctrl-q"]), ("theme", &["s"])]);
    assert_eq!(problems, []);
    assert_eq!((keys.keys(Action::Quit).as_str(), keys.action(key_event("q"))), ("ctrl-q", None));
    assert_eq!(keys.action(key_event("s")), Some(Action::Theme));
    assert_eq!(keys.keys(Action::SortNext), ">");
}

#[test]
fn a_capital_letter_is_the_letter_with_shift() {
    let (keys, problems) = keymap(&[("quit", &["Q"]), ("theme", &["t"]), ("range", &["T"])]);
    assert_eq!(problems, []);
    assert_eq!((keys.action(key_event("Q")), keys.action(key_event("q"))), (Some(Action::Quit), None));
    assert_eq!((keys.action(key_event("t")), keys.action(key_event("T"))), (Some(Action::Theme), Some(Action::Range)));
    assert_eq!(keys.keys(Action::Quit), "Q");
}

#[test]
fn the_readme_has_the_table_of_the_keys() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("<!-- keys -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /keys -->").unwrap();
    let (keys, _) = keymap(&[]);
    let rows = TABLE.iter().map(|binding| format!("| `{}` | {} |", keys.keys(binding.action), binding.help));
    let head = ["| Keys | What |".to_owned(), "|---|---|".to_owned()];
    assert_eq!(table.lines().collect::<Vec<_>>(), head.into_iter().chain(rows).collect::<Vec<_>>());
}

#[test]
fn the_configuration_knows_every_action() {
    let names: Vec<&str> = TABLE.iter().map(|binding| binding.name).collect();
    let mut known = aifinops::config::keys::ACTIONS.to_vec();
    known.sort_unstable();
    assert!(names.iter().all(|name| known.binary_search(name).is_ok()) && names.len() == known.len(), "{names:?} {known:?}");
}

#[test]
fn what_is_no_key_or_no_action_is_told_and_the_default_stays() {
    let (keys, problems) = keymap(&[("quit", &["no-such-key"]), ("fly", &["f"])]);
    assert_eq!(keys.action(key_event("q")), Some(Action::Quit));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let all = "keys.fly: there is no such action; the actions are sessions, loops, trends, caps, team, gpus, up, down,";
    assert!(told[0].starts_with(all), "{told:?}");
    assert_eq!(told[1], "keys.quit: `no-such-key` is no key; write it like `q`, `ctrl-c`, `T`, `f1`, `enter`");
}

#[test]
fn sorting_by_a_column_that_is_not_shown_begins_at_the_first() {
    let mut stage = five();
    stage.app.order.sort = Column::Age;
    stage.press("s");
    assert_eq!(stage.app.order.sort, stage.app.columns[1]);
}
