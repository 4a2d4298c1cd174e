//! The view of the GPUs: what it looks like at the sizes of real terminals, and what each key does there.

mod hostile;
mod unknown;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aifinops::engine::gpus::{CardView, GpuPicture};
use aifinops::insight::gpu::State;
use aifinops::ui::action::{Action, TABLE};
use aifinops::ui::app::{Effect, View};
use ratatui::layout::Rect;

use super::picture::{broken, busy, cut, everything, hall, idle, nothing, stale, stalled, unified};
use crate::screens::stage::{Stage, lines, picture as drawn, text};
use crate::screens::world::{NOW, cents};

/// Sizes of terminals: a corner of a screen, the usual one, and larger ones.
const SIZES: [(u16, u16); 4] = [(60, 14), (80, 24), (120, 36), (200, 60)];
const USUAL: [(u16, u16); 2] = [(80, 24), (120, 36)];

/// A working day beside these GPUs, seen from the first view.
fn beside(picture: GpuPicture) -> Stage {
    let mut stage = Stage::workday();
    stage.app.take_gpus(&Arc::new(picture));
    stage
}

/// The view of the GPUs after some keys, as it is on a screen.
fn view_of(picture: GpuPicture, keys: &[&str]) -> Stage {
    let mut stage = beside(picture);
    stage.press("7");
    stage.draw(120, 36);
    stage.press_all(keys);
    stage
}

fn view(keys: &[&str]) -> Stage {
    view_of(everything(), keys)
}

/// Compares the picture at each size with the one that is kept.
fn shows(name: &str, stage: &mut Stage, sizes: &[(u16, u16)]) {
    for (width, height) in sizes {
        let picture = drawn(&stage.draw(*width, *height));
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
        });
    }
}

#[test]
fn cards_servers_and_processes() {
    shows("gpus", &mut view(&[]), &SIZES);
}

#[test]
fn a_week_of_use_and_of_idle_dollars() {
    shows("gpus_use", &mut view(&["b"]), &USUAL);
    shows("gpus_idle", &mut view(&["b", "b"]), &USUAL);
    assert_eq!(text(&view(&["b", "b", "b"]).draw(120, 36)), text(&view(&[]).draw(120, 36)), "the third time it is as before");
}

#[test]
fn one_card_and_one_process_in_full() {
    shows("gpus_card", &mut view(&["down", "enter"]), &USUAL);
    let mut process = view(&["tab", "enter"]);
    shows("gpus_process", &mut process, &USUAL);
    let screen = text(&process.draw(120, 36));
    let says = ["process 4242", "ZOMBIE?", "ended 42m ago", "A: the agent's process has started it", "3811 claude", "kill 4242"];
    for words in says {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    let screen = text(&view(&["tab", "down", "down", "down", "enter"]).draw(120, 36));
    assert!(screen.contains("process 77") && screen.contains("another namespace") && !screen.contains("kill 77"), "{screen}");
}

#[test]
fn where_there_is_nothing_it_says_what_to_do() {
    let mut looking = view_of(GpuPicture::default(), &[]);
    shows("gpus_looking", &mut looking, &[(80, 24)]);
    shows("gpus_none", &mut view_of(nothing(), &[]), &[(60, 14), (80, 24)]);
    let why = "the driver was updated and not loaded anew: restart the machine, or reload the module";
    shows("gpus_broken", &mut view_of(broken(why), &[]), &[(80, 24)]);
    let off = text(&view_of(GpuPicture { is_off: true, ..nothing() }, &[]).draw(80, 24));
    assert!(off.contains("`gpu.watch` is off") && off.contains("config set gpu.watch on") && !off.contains("No GPU was found"), "{off}");
    assert!(text(&looking.draw(80, 24)).contains("Looking for GPUs"));
    assert!(!text(&view_of(nothing(), &[]).draw(80, 24)).contains("Looking"), "who has looked says what was found");
}

/// The cards in their order on the screen.
fn order(stage: &Stage) -> Vec<&str> {
    stage.app.gpu_cards().into_iter().map(|card| card.reading.id.as_str()).collect()
}

#[test]
fn cards_are_sorted_and_an_instance_stays_below_its_card() {
    let [busy, idle, unified, stale, stalled] = [busy(), idle(), unified(), stale(), stalled()].map(|card: CardView| card.reading.id);
    let parts: Vec<String> = cut().into_iter().map(|card| card.reading.id).collect();
    let [whole, first, second] = [&parts[0], &parts[1], &parts[2]].map(String::as_str);
    let asleep = "0000:00:02.0";
    for (keys, expected) in [
        (&[][..], [&busy, &idle, asleep, whole, first, second, &unified, &stale, &stalled]),
        (&["s"], [&idle, &busy, whole, first, second, &stale, asleep, &unified, &stalled]),
        (&["s", "s"], [&stalled, &busy, &stale, &unified, &idle, asleep, whole, first, second]),
        (&["s", "s", "s"], [&stalled, &idle, &busy, &stale, whole, first, second, &unified, asleep]),
        (&["s", "s", "s", "s"], [&busy, &idle, asleep, whole, first, second, &unified, &stale, &stalled]),
        (&["r"], [&stalled, &stale, &unified, whole, first, second, asleep, &idle, &busy]),
        (&["S", "r"], [asleep, &unified, whole, first, second, &stale, &busy, &idle, &stalled]),
    ] {
        assert_eq!(order(&view(keys)), expected, "{keys:?}");
    }
    assert!(lines(&view(&["s"]).draw(200, 60))[2].contains("by idle $ · list"));
    assert!(lines(&view(&["S", "r"]).draw(200, 60))[2].contains("by memory ▴ · list"));
}

#[test]
fn a_filter_leaves_the_cards_that_meet_all_its_words() {
    let filtered = |words: &str| {
        let mut stage = view(&["/"]);
        stage.type_text(words);
        stage.press("enter");
        stage
    };
    for (words, expected) in [
        ("mi300x", &["n2-0"][..]),
        ("N2", &["n2-0"]),
        ("stalled", &["n2-0"]),
        ("api-refactor", &["bbbb0000-1111-2222-3333-444444444444"]),
        ("h200 reserved", &["bbbb0000-1111-2222-3333-444444444444"]),
        ("h200 mi300x", &[]),
    ] {
        assert_eq!(order(&filtered(words)), expected, "{words}");
    }
    let mut none = filtered("nothing is called this");
    assert!(text(&none.draw(120, 36)).contains("no GPU meets the filter"));
    none.press("esc");
    assert_eq!((order(&none).len(), none.app.view), (9, View::Gpus), "the filter goes before the view does");
}

#[test]
fn a_frozen_picture_stays_and_can_be_moved_in() {
    let mut stage = view(&["f"]);
    let before = text(&stage.draw(120, 36));
    assert!(before.contains("FROZEN"));
    let news = Arc::new(hall(3, 0, 0));
    assert!(!stage.app.take_gpus(&news), "nothing is to be drawn");
    assert_eq!(text(&stage.draw(120, 36)), before);
    stage.press_all(&["down", "down"]);
    assert_eq!(stage.app.gpus.card, Some(idle().reading.id));
    stage.press("f");
    assert!(stage.app.take_gpus(&news));
    assert!(text(&stage.draw(120, 36)).contains("GPUs 3 · 3 busy"));
}

#[test]
fn the_first_line_says_how_much_they_are_used_and_that_leaves_before_any_amount_does() {
    let mut stage = beside(everything());
    let header = |stage: &mut Stage, width| lines(&stage.draw(width, 24))[0].clone();
    assert!(header(&mut stage, 200).contains(" GPU 52% $56.00 "), "{}", header(&mut stage, 200));
    let (mut with, mut without) = (0, 0);
    for width in 40..=200 {
        let line = header(&mut stage, width);
        let amounts = line.contains("today") && line.contains("/h") && line.contains('→');
        assert!(amounts || !line.contains("GPU"), "{width}: {line}");
        with += u32::from(line.contains("GPU"));
        without += u32::from(amounts && !line.contains("GPU"));
    }
    assert!(with > 100 && without > 0, "{with} widths with it, {without} without it and with all amounts");
    assert!(!header(&mut beside(nothing()), 200).contains("GPU"), "without a card there is nothing to say");
    stage.press("7");
    assert!(header(&mut stage, 120).contains("GPU 52%"));
}

#[test]
fn a_picture_is_drawn_anew_where_it_shows() {
    let mut stage = beside(everything());
    assert!(!stage.app.take_gpus(&Arc::new(GpuPicture { at: NOW + 2000, ..everything() })), "the first line says the same");
    for change in [
        (|card: &mut CardView| card.today.cost = Some(cents(1401))) as fn(&mut CardView),
        // 52.2% and 52.5%
        |card| card.reading.used = Some(832),
    ] {
        let mut other = everything();
        change(&mut other.cards[0]);
        assert!(beside(everything()).app.take_gpus(&Arc::new(other)));
    }
    let mut idle = hall(1, 0, 0);
    idle.cards[0].state = State::Idle;
    assert!(beside(hall(1, 0, 0)).app.take_gpus(&Arc::new(idle)), "it is shown in another colour");
    stage.press("7");
    assert!(stage.app.take_gpus(&Arc::new(GpuPicture { at: NOW + 4000, ..everything() })));
}

/// What a key has changed, in words.
fn changes(before: &Stage, after: &Stage, effects: &[Effect]) -> Vec<String> {
    let state = |stage: &Stage| {
        let (app, gpus) = (&stage.app, &stage.app.gpus);
        [
            ("view", format!("{:?}", app.view)),
            ("card", gpus.card.clone().unwrap_or_default()),
            ("in processes", gpus.in_processes.to_string()),
            ("lower", format!("{:?}", gpus.lower)),
            ("sort", gpus.sort.name().to_owned()),
            ("reversed", gpus.reversed.to_string()),
            ("opened", gpus.opened.to_string()),
            ("typing", app.typing.to_string()),
            ("help", app.help.to_string()),
            ("dialog", app.dialog.is_some().to_string()),
            ("frozen", app.frozen.is_some().to_string()),
            ("says", app.message.as_ref().map(|message| message.text.clone()).unwrap_or_default()),
        ]
    };
    let pairs = state(before).into_iter().zip(state(after));
    let changed = pairs.filter(|(before, after)| before != after).map(|(_, (name, value))| format!("{name}: {value}"));
    changed.chain(effects.iter().map(|effect| format!("{effect:?}"))).collect()
}

/// What each key does in this view, first of all.
fn does(action: Action) -> &'static [&'static str] {
    const FIRST: &str = "card: aaaa0000-1111-2222-3333-444444444444";
    const LAST: &str = "card: n2-0";
    const NEVER: &str = "says: a GPU process is never ended from here; y copies the command that ends it";
    match action {
        Action::Sessions | Action::Back => &["view: Sessions"],
        Action::Loops => &["view: Loops", "Send(Loops(true))"],
        Action::Trends => &["view: Trends", "Send(Trends(true))"],
        Action::Caps => &["view: Caps"],
        Action::Team => &["view: Team", "Send(Team(Some(TeamAsk { gateway: 0, by: User, row: None })))"],
        Action::Up | Action::Down | Action::PageUp | Action::Top => &[FIRST],
        Action::PageDown | Action::Bottom => &[LAST],
        Action::Open => &["opened: true"],
        Action::Section => &["in processes: true"],
        Action::Filter => &["typing: true"],
        Action::SortNext => &["sort: idle $"],
        Action::SortPrevious => &["sort: memory"],
        Action::Reverse => &["reversed: true"],
        Action::Group => &["lower: Use"],
        Action::Cap => &["dialog: true"],
        Action::Stop | Action::Hold => &[NEVER],
        Action::Theme => &["Theme(\"light\")"],
        Action::Freeze => &["frozen: true"],
        Action::CopyId => &["says: copied aaaa0000-1111-2222-3333-444444444444", "Copy(\"aaaa0000-1111-2222-3333-444444444444\")"],
        Action::OpenLog => &["says: this is done with a session: 1 shows them"],
        Action::Redraw => &["Redraw"],
        Action::Suspend => &["Suspend"],
        Action::Help => &["help: true"],
        Action::Quit => &["Quit"],
        // What has no meaning here does nothing.
        Action::Gpus | Action::Fold | Action::FoldAll | Action::ClearFilter | Action::Range => &[],
    }
}

#[test]
fn every_key_does_what_the_help_says_and_none_ends_a_process() {
    for binding in TABLE {
        for key in binding.keys {
            let key = match key.strip_prefix("shift-") {
                Some(letter) => letter.to_uppercase(),
                None if *key == "F1" => "f1".to_owned(),
                None => (*key).to_owned(),
            };
            let (before, mut after) = (view(&[]), view(&[]));
            let effects = after.press(&key);
            assert_eq!(changes(&before, &after, &effects), does(binding.action), "{key}: {}", binding.help);
        }
    }
}

#[test]
fn a_process_is_never_ended_from_here_and_its_command_is_copied_where_it_is_known() {
    let known = Effect::Copy("kill 4242".to_owned());
    for keys in [&["tab"][..], &["tab", "enter"]] {
        let mut stage = view(keys);
        for key in ["x", "p"] {
            assert_eq!(stage.press(key), [], "{key}");
            let message = stage.app.message.clone().unwrap();
            assert!(message.is_error && message.text.contains("never ended from here"), "{}", message.text);
        }
        assert_eq!(stage.press("y"), std::slice::from_ref(&known));
        assert!(text(&stage.draw(120, 36)).contains("copied kill 4242"));
    }
    let mut foreign = view(&["tab", "down", "down", "down"]);
    assert_eq!(foreign.app.gpus.process, Some((77, busy().reading.id)));
    assert_eq!(foreign.press("y"), [], "a number of another namespace is another process here");
    assert!(text(&foreign.draw(120, 36)).contains("its number is one of another namespace; end it there"));
}

#[test]
fn a_chosen_card_shows_its_own_processes_and_going_back_lets_go_of_it() {
    let pids = |stage: &Stage| -> Vec<u32> { stage.app.gpu_processes().iter().map(|view| view.process.pid).collect() };
    let mut stage = view(&[]);
    assert_eq!(pids(&stage), [4242, 4101, 5151, 77, 911], "the most memory first, what only draws last");
    stage.press("down");
    assert_eq!(pids(&stage), [4101, 77, 911]);
    stage.press("down");
    assert_eq!(pids(&stage), [4242]);
    stage.press_all(&["tab", "enter"]);
    assert!(text(&stage.draw(120, 36)).contains("process 4242"));
    for expected in [(false, true, View::Gpus), (false, false, View::Gpus), (false, false, View::Sessions)] {
        stage.press("esc");
        assert_eq!((stage.app.gpus.opened, stage.app.gpus.card.is_some(), stage.app.view), expected);
    }
}

#[test]
fn the_mouse_chooses_a_row_and_opens_it_the_second_time() {
    let mut stage = view(&[]);
    let body = stage.app.hits.body;
    stage.click(body.x + 5, body.y + 1);
    assert_eq!((stage.app.gpus.card.clone(), stage.app.gpus.opened), (Some(idle().reading.id), false));
    stage.draw(120, 36);
    stage.click(body.x + 5, body.y + 1);
    assert!(stage.app.gpus.opened);
    let mut tabs = beside(everything());
    let line = lines(&tabs.draw(120, 36))[1].clone();
    let at = line.chars().position(|c| c == '7').unwrap();
    tabs.click(u16::try_from(at).unwrap(), 1);
    assert_eq!(tabs.app.view, View::Gpus);
}

/// Each state of the view, by name.
fn states() -> Vec<(&'static str, Stage)> {
    vec![
        ("now", view(&[])),
        ("use", view(&["b"])),
        ("idle", view(&["b", "b"])),
        ("chosen", view(&["down", "down"])),
        ("card", view(&["down", "enter"])),
        ("processes", view(&["tab", "G"])),
        ("process", view(&["tab", "enter"])),
        ("hall", view_of(hall(40, 90, 12), &["G"])),
        ("cards alone", view_of(hall(2, 0, 0), &[])),
        ("servers alone", view_of(GpuPicture { cards: Vec::new(), ..everything() }, &[])),
        ("nothing", view_of(nothing(), &[])),
        ("unknown", view_of(super::picture::unknown(), &[])),
    ]
}

#[test]
fn frames_are_whole_at_every_size_and_nothing_leaves_its_place() {
    let inner = Rect::new(7, 5, 80, 24);
    for (name, mut stage) in states() {
        for (width, height) in [0, 1, 7, 29, 30, 45, 60, 80, 133, 240].into_iter().flat_map(|w| [0, 1, 5, 6, 9, 14, 24, 60].map(|h| (w, h)))
        {
            let screen = lines(&stage.draw(width, height));
            let all: String = screen.concat();
            let corners = ['╭', '╮', '╰', '╯'].map(|corner| all.matches(corner).count());
            assert!(corners.iter().all(|count| *count == corners[0]), "{name} {width}×{height}\n{}", screen.join("\n"));
        }
        let mut buf = ratatui::buffer::Buffer::filled(Rect::new(0, 0, 100, 40), ratatui::buffer::Cell::new("x"));
        aifinops::ui::view::draw(&stage.app, &stage.snapshot, NOW, inner, &mut buf);
        for (x, y) in (0..100).flat_map(|x| (0..40).map(move |y| (x, y))) {
            assert!(inner.contains((x, y).into()) || buf[(x, y)].symbol() == "x", "{name} wrote outside, at {x},{y}");
        }
    }
}

#[test]
fn the_last_card_of_many_comes_into_view() {
    let mut stage = view_of(hall(40, 90, 12), &[]);
    assert!(!lines(&stage.draw(120, 36)).iter().any(|line| line.contains("│ 39 ")));
    stage.press("G");
    assert!(lines(&stage.draw(120, 36)).iter().any(|line| line.contains("│ 39 ")), "{}", text(&stage.draw(120, 36)));
    stage.press_all(&["esc", "tab", "G"]);
    assert!(lines(&stage.draw(120, 36)).iter().any(|line| line.contains("1089")));
}

#[test]
fn sixteen_cards_with_all_that_is_on_them_are_drawn_at_once() {
    let mut stage = view_of(hall(16, 40, 8), &[]);
    let best = (0..5).map(|_| {
        let begun = Instant::now();
        stage.draw(200, 60);
        begun.elapsed()
    });
    let best = best.min().unwrap();
    assert!(best < Duration::from_millis(200), "{best:?}");
}
