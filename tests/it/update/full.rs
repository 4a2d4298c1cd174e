//! The session in full: its sections, its subagents, and what keys do not do there.

use std::sync::Arc;

use aifinops::engine::Snapshot;
use aifinops::query::SessionView;
use aifinops::store::read::{StepRow, ToolRow};
use aifinops::ui::app::{Effect, Section, View};

use crate::screens::stage::{Stage, lines, text};
use crate::screens::world::{self, child, detail, priced, session};

/// A session with many tools and three subagents, opened.
fn busy() -> Stage {
    let parent = session(1, "api");
    let children: Vec<SessionView> = [(2, "cheap", 5), (3, "dear", 500), (4, "middle", 50)]
        .map(|(id, role, cents)| SessionView { lifetime: priced(cents), ..child(id, &parent, role) })
        .to_vec();
    let mut full = detail(&parent, children.clone());
    full.tools = (1..=40).map(|i| ToolRow { name: Arc::from(format!("tool-{i:02}")), calls: 100 - i, failures: i % 2 }).collect();
    let sessions = [vec![parent], children].concat();
    let mut stage = Stage::new(Snapshot { detail: Some(Arc::new(full)), ..world::snapshot(sessions) });
    stage.press("enter");
    stage
}

/// The other session is read.
fn read(stage: &mut Stage, id: i64) {
    let shown = stage.snapshot.sessions.iter().find(|s| s.id == id).unwrap();
    let full = detail(shown, Vec::new());
    stage.news(Snapshot { detail: Some(Arc::new(full)), ..(*stage.snapshot).clone() });
}

#[test]
fn tab_goes_round_the_sections_and_each_is_there_on_a_narrow_screen() {
    let mut stage = busy();
    let round = [
        (Section::Tasks, "BEGAN"),
        (Section::Tools, "tool-01"),
        (Section::Subagents, "dear"),
        (Section::Waste, "sent again"),
        (Section::Tasks, "BEGAN"),
    ];
    for (section, words) in round {
        assert_eq!(stage.app.full.section, section);
        for (width, height) in [(60, 18), (80, 24), (120, 30)] {
            let screen = text(&stage.draw(width, height));
            assert!(screen.contains(words), "{section:?} {width}×{height}\n{screen}");
        }
        stage.press("tab");
    }
}

#[test]
fn every_line_of_a_section_can_be_reached_and_what_is_cut_is_marked() {
    for (width, height) in [(60, 18), (80, 24), (120, 30)] {
        let mut stage = busy();
        stage.press("tab");
        let screen = text(&stage.draw(width, height));
        assert!(screen.contains("tool-01") && screen.contains('↓') && !screen.contains("tool-40"), "{screen}");
        stage.press("G");
        let screen = text(&stage.draw(width, height));
        assert!(screen.contains("tool-40") && screen.contains('↑') && !screen.contains("tool-01"), "{screen}");
        stage.press("g");
        stage.press("pagedown");
        assert!(stage.app.full.selected(Section::Tools, 40) > 1);
    }
}

#[test]
fn the_bar_moves_inside_the_view_and_the_view_at_its_edges_only() {
    let mut stage = busy();
    stage.draw(80, 24);
    let (first, height) = (stage.app.hits.first, usize::from(stage.app.hits.body.height));
    assert!(first > 0 && height > 3);
    // Up inside the view: nothing scrolls.
    for _ in 1..height {
        stage.press("k");
        stage.draw(80, 24);
        assert_eq!(stage.app.hits.first, first);
    }
    stage.press("k");
    stage.draw(80, 24);
    assert_eq!(stage.app.hits.first, first - 1);
    stage.press("j");
    stage.draw(80, 24);
    assert_eq!(stage.app.hits.first, first - 1);
}

#[test]
fn subagents_are_listed_by_cost_and_open() {
    let mut stage = busy();
    stage.press_all(&["tab", "tab"]);
    let screen = lines(&stage.draw(80, 24));
    let at = |word: &str| screen.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {screen:#?}"));
    assert!(at("dear · haiku-4.5") < at("middle") && at("middle") < at("cheap"), "{screen:#?}");
    assert!(screen[at("dear")].contains("5.00"));
    // Two limits come first; nothing opens there.
    stage.press("enter");
    assert_eq!(stage.app.selected, Some(1));
    stage.press_all(&["j", "j", "enter"]);
    assert_eq!((stage.app.selected, stage.app.view), (Some(3), View::Session));
    read(&mut stage, 3);
    assert!(text(&stage.draw(80, 24)).contains("dear · claude-code"));
    assert_eq!(stage.press("y"), [Effect::Copy(stage.snapshot.sessions[2].uid.to_string())]);
    stage.press("esc");
    assert_eq!((stage.app.selected, stage.app.view, stage.app.full.section), (Some(1), View::Session, Section::Subagents));
    assert_eq!(stage.app.full.selected(Section::Subagents, 5), 2);
    stage.press("esc");
    assert_eq!((stage.selected(), stage.app.view), ("api".to_owned(), View::Sessions));
}

#[test]
fn the_bar_stays_on_its_subagent_while_others_come_to_cost_more() {
    let mut stage = busy();
    let news = |stage: &mut Stage, change: &dyn Fn(&mut Vec<SessionView>)| {
        let mut full = (**stage.snapshot.detail.as_ref().unwrap()).clone();
        change(&mut full.children);
        stage.news(Snapshot { detail: Some(Arc::new(full)), ..(*stage.snapshot).clone() });
    };
    // Two limits, then `dear`, `middle` and `cheap`.
    stage.press_all(&["tab", "tab", "j", "j", "j"]);
    assert_eq!(stage.app.full.selected(Section::Subagents, 5), 3);
    news(&mut stage, &|children| children[0].lifetime = priced(900));
    assert_eq!(stage.app.full.selected(Section::Subagents, 5), 4, "`cheap` is the dearest now");
    stage.press("enter");
    assert_eq!(stage.app.selected, Some(4));
    stage.press("esc");
    // Where it is gone, it is the one in its place: `dear`, now the last.
    news(&mut stage, &|children| children.retain(|child| child.id != 4));
    assert_eq!(stage.app.full.selected(Section::Subagents, 4), 3);
    stage.press("enter");
    assert_eq!(stage.app.selected, Some(3));
}

#[test]
fn the_mouse_goes_to_a_section_and_opens_a_subagent_with_the_second_click() {
    let mut stage = busy();
    stage.draw(120, 30);
    let part = *stage.app.hits.parts.iter().find(|part| part.section == Section::Subagents).unwrap();
    stage.click(part.body.x + 3, part.body.y + 3);
    assert_eq!((stage.app.full.section, stage.app.selected), (Section::Subagents, Some(1)));
    stage.draw(120, 30);
    let part = *stage.app.hits.parts.iter().find(|part| part.section == Section::Subagents).unwrap();
    let line = stage.app.full.selected(Section::Subagents, 5) - part.first;
    stage.click(part.body.x + 3, part.body.y + u16::try_from(line).unwrap());
    assert_eq!(stage.app.selected, Some(4));
    // The wheel turns what is under it.
    let mut stage = busy();
    stage.draw(120, 30);
    let part = *stage.app.hits.parts.iter().find(|part| part.section == Section::Tools).unwrap();
    stage.mouse(crossterm::event::MouseEventKind::ScrollDown, part.body.x + 1, part.body.y + 1);
    assert_eq!(stage.app.full.selected(Section::Tools, 40), 3);
}

#[test]
fn keys_of_the_table_do_nothing_to_it_unseen() {
    for key in ["t", "b", "s", "S", "z", "r", "space", "backspace", "/"] {
        let mut stage = busy();
        let before = (stage.app.span, stage.app.order.clone(), stage.rows());
        assert_eq!(stage.press(key), [], "{key}");
        let order = &stage.app.order;
        let after = (stage.app.span, order.clone(), stage.rows());
        assert_eq!((before.0, before.1.sort, before.1.reversed, before.1.group, before.1.fold_all, before.2.clone()), {
            (after.0, after.1.sort, after.1.reversed, after.1.group, after.1.fold_all, after.2.clone())
        });
        assert!(order.folded.is_empty() && !stage.app.typing && stage.app.view == View::Session, "{key}");
    }
}

#[test]
fn every_figure_of_the_selected_task_is_on_the_screen() {
    for width in [80, 90, 100, 115, 116, 120, 160, 240] {
        let mut stage = busy();
        let screen = text(&stage.draw(width, 30));
        for (head, name) in [
            ("STEPS", "steps"),
            ("COST", "cost"),
            ("INPUT", "input"),
            ("READ", "cache read"),
            ("WRITE", "cache write"),
            ("OUTPUT", "output"),
        ] {
            assert!(screen.contains(&format!(" {head} ")) || screen.contains(&format!("{name} ")), "{width} {head}\n{screen}");
        }
        for (head, name) in [("TIME", "time"), ("TOOLS", "tools 42"), ("RETRY", "retries 2"), ("COMPACT", "compactions 0")] {
            assert!(screen.contains(&format!(" {head} ")) || screen.contains(name), "{width} {head}\n{screen}");
        }
    }
}

#[test]
fn charts_say_how_many_steps_share_a_bar_and_mark_what_has_no_price() {
    let mut stage = busy();
    let unpriced = |step: &StepRow| StepRow { money: None, ..step.clone() };
    let with_steps = |stage: &mut Stage, steps: Vec<StepRow>| {
        let mut full = (**stage.snapshot.detail.as_ref().unwrap()).clone();
        full.session.sums.calls = i64::try_from(steps.len()).unwrap();
        full.steps = steps;
        stage.news(Snapshot { detail: Some(Arc::new(full)), ..(*stage.snapshot).clone() });
    };
    let steps = stage.snapshot.detail.as_ref().unwrap().steps.clone();
    let many: Vec<StepRow> = steps.iter().cycle().take(892).cloned().collect();
    with_steps(&mut stage, many);
    let screen = text(&stage.draw(120, 30));
    assert!(screen.contains("892 steps, 23 a bar") && screen.contains("most 169k"), "{screen}");
    with_steps(&mut stage, steps[..20].to_vec());
    assert!(!text(&stage.draw(120, 30)).contains("a bar"));
    let none: Vec<StepRow> = steps[..20].iter().map(unpriced).collect();
    with_steps(&mut stage, none);
    let screen = text(&stage.draw(120, 30));
    assert!(screen.contains(&"?".repeat(20)) && screen.contains("20 unpriced"), "{screen}");
}

#[test]
fn the_selected_tasks_steps_stand_out_with_and_without_colours() {
    for theme in ["dark", "mono"] {
        let mut stage = busy();
        stage.app.theme = aifinops::ui::theme::load(theme, None).unwrap();
        let lit = |stage: &mut Stage| {
            let buf = stage.draw(240, 30);
            let bars = buf.content.iter().filter(|cell| cell.symbol() == "█").map(ratatui::buffer::Cell::style);
            bars.map(|style| format!("{:?} {:?}", style.fg, style.add_modifier)).collect::<std::collections::BTreeSet<_>>()
        };
        stage.press("g");
        assert!(lit(&mut stage).len() > 2, "{theme}: {:?}", lit(&mut stage));
    }
}
