//! What single elements of the screen say, and what gives way where there is no room.

use std::collections::BTreeSet;
use std::sync::Arc;

use aifinops::config::Group;
use aifinops::engine::Snapshot;
use aifinops::model::Cost;
use aifinops::query::SessionView;
use aifinops::ui::app::Message;
use aifinops::ui::columns::Column;
use aifinops::ui::theme::Role;

use super::stage::{Stage, lines, text};
use super::world::{child, detail, priced, session, snapshot, some_of_each, sums};
use super::{nothing_yet, ten_thousand};

/// The words of a line that hold digits.
fn figures(line: &str) -> BTreeSet<String> {
    line.split_whitespace().filter(|word| word.chars().any(|c| c.is_ascii_digit())).map(str::to_owned).collect()
}

#[test]
fn an_element_of_the_header_is_there_as_a_whole_or_not_at_all() {
    let mut large = Stage::of(ten_thousand().into_iter().take(500).collect());
    for stage in [&mut Stage::workday(), &mut large] {
        for frozen in [false, true] {
            let all = figures(&lines(&stage.draw(240, 24))[0]);
            let mut before = usize::MAX;
            for width in (30..=240).rev() {
                let header = lines(&stage.draw(width, 24))[0].clone();
                let shown = figures(&header);
                assert!(shown.is_subset(&all), "{width}: {header}");
                assert!(shown.len() <= before, "{width}: something came back: {header}");
                before = shown.len();
                assert_eq!(header.contains("FROZEN"), frozen, "{width}: {header}");
                assert!(!header.contains('…'), "{width}: {header}");
            }
            stage.press("f");
        }
    }
}

#[test]
fn the_sparkline_is_the_first_to_leave() {
    let mut stage = Stage::workday();
    let bars = |line: &str| line.chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count();
    for width in 30..=240 {
        let header = lines(&stage.draw(width, 24))[0].clone();
        if bars(&header) > 0 {
            assert!(header.contains("aifinops") && header.contains("/h") && header.contains('→'), "{width}: {header}");
        }
    }
    assert!(bars(&lines(&stage.draw(80, 24))[0]) > 0);
}

#[test]
fn the_smallest_screen_cuts_no_amount() {
    let mut stage = Stage::of(ten_thousand());
    let all = figures("$12,845,650.00 $1,234,500.00/h 5000 1,234.56");
    for width in 7..30 {
        let screen = text(&stage.draw(width, 5));
        assert!(figures(&screen).is_subset(&all), "{width}\n{screen}");
    }
    let mut frozen = Stage::workday();
    frozen.press("f");
    assert!(text(&frozen.draw(20, 5)).contains("FROZEN"));
}

#[test]
fn the_frame_counts_the_live_as_the_header_does_folded_or_not() {
    for keys in [&[][..], &["z"], &["space"], &["b", "z"], &["f", "z"]] {
        let mut stage = Stage::workday();
        stage.press_all(keys);
        let screen = lines(&stage.draw(120, 30));
        assert!(screen[0].contains("●5 live") && screen[2].contains("5 live of 9"), "{keys:?}\n{}\n{}", screen[0], screen[2]);
    }
}

#[test]
fn a_groups_sums_stand_below_the_heads_of_their_columns() {
    for (width, columns) in [(80, &["TODAY", "SESSION"][..]), (120, &["TOKENS", "$/H", "TODAY", "SESSION"])] {
        let mut stage = Stage::workday();
        stage.press("b");
        let screen = lines(&stage.draw(width, 30));
        let end = |line: &str, word: &str| line[..line.find(word).unwrap() + word.len()].chars().count();
        let group = screen.iter().find(|line| line.contains("3 sessions")).unwrap();
        for (column, value) in columns.iter().zip(if width == 80 { &["5.67", "9.26"][..] } else { &["15.3M", "2.50", "5.67", "9.26"] }) {
            assert_eq!(end(group, value), end(&screen[3], column), "{width} {column}\n{}\n{group}", screen[3]);
        }
    }
}

#[test]
fn groups_follow_the_order() {
    let of = |sort, reversed| {
        let mut stage = Stage::of(vec![
            SessionView { sums: sums(90, 1), today: priced(1), ..session(1, "b") },
            SessionView { sums: sums(1, 900), today: priced(900), ..session(2, "c") },
            SessionView { sums: sums(5, 30), today: priced(30), ..session(3, "a") },
        ]);
        stage.app.order.group = Group::Project;
        (stage.app.order.sort, stage.app.order.reversed) = (sort, reversed);
        stage.app.take(&stage.snapshot);
        stage.rows().into_iter().filter(|row| row.starts_with('[')).collect::<String>()
    };
    assert_eq!((of(Column::Today, false), of(Column::Today, true)), ("[c][a][b]".to_owned(), "[b][a][c]".to_owned()));
    assert_eq!((of(Column::Tokens, false), of(Column::Tokens, true)), ("[b][a][c]".to_owned(), "[c][a][b]".to_owned()));
    assert_eq!((of(Column::Project, false), of(Column::Project, true)), ("[a][b][c]".to_owned(), "[c][b][a]".to_owned()));
    assert_eq!(of(Column::Branch, false), "[a][b][c]");
}

#[test]
fn the_mark_of_the_order_points_where_values_grow() {
    for (column, mark, reversed) in
        [(Column::Today, '▾', '▴'), (Column::Project, '▴', '▾'), (Column::Model, '▴', '▾'), (Column::Age, '▴', '▾')]
    {
        let mut stage = Stage::workday();
        stage.app.order.sort = column;
        let marks = |stage: &mut Stage| lines(&stage.draw(120, 30))[2].chars().find(|c| "▴▾".contains(*c)).unwrap();
        assert_eq!(marks(&mut stage), mark, "{column:?}");
        stage.press("r");
        assert_eq!(marks(&mut stage), reversed, "{column:?}");
    }
}

#[test]
fn the_preview_is_about_the_row() {
    let mut stage = Stage::workday();
    let screen = text(&stage.draw(120, 30));
    assert!(screen.contains("tokens today ─") && screen.contains(" $5.32 ╮"), "{screen}");
    assert!(screen.contains("this task  tools 42 (3 failed)") && screen.contains("all tasks  Bash 31 (6 failed)"), "{screen}");
    stage.press("space");
    let screen = text(&stage.draw(120, 30));
    let row = lines(&stage.draw(120, 30)).into_iter().find(|line| line.contains("+2")).unwrap();
    assert!(row.contains(" 5.67 ") && screen.contains("2 folded in") && screen.contains(" $5.67 ╮"), "{screen}");
}

#[test]
fn one_step_is_no_steps() {
    let one = session(1, "a");
    let mut full = detail(&one, Vec::new());
    full.tasks.truncate(1);
    full.tasks[0].sums.calls = 1;
    let mut stage = Stage::new(Snapshot { detail: Some(Arc::new(full)), ..snapshot(vec![one]) });
    let screen = text(&stage.draw(120, 30));
    assert!(screen.contains("task 1 · 1 step ·"), "{screen}");
}

#[test]
fn what_is_cut_ends_with_an_ellipsis_and_a_long_branch_leaves_room() {
    let long = SessionView { branch: Some(Arc::from("feature/".to_owned() + &"very-long-".repeat(20))), ..session(1, "api") };
    let full = detail(&long, Vec::new());
    let mut stage = Stage::new(Snapshot { detail: Some(Arc::new(full)), ..snapshot(vec![long]) });
    stage.press("enter");
    let facts = lines(&stage.draw(80, 24))[5].clone();
    assert!(facts.contains("feature/very-long-very-…") && facts.contains("retries") && facts.contains("compactions"), "{facts}");
    for width in 30..140 {
        let screen = lines(&stage.draw(width, 24));
        let whole = lines(&stage.draw(200, 24));
        for line in 3..6 {
            let words = |text: &str| text.trim_matches(['│', ' ']).to_owned();
            let cut = words(&screen[line]) != words(&whole[line]) && line != 4;
            assert!(!cut || screen[line].contains('…'), "{width}: {}", screen[line]);
        }
    }
}

#[test]
fn until_the_user_moves_the_first_row_is_selected_and_in_view() {
    let first = (1..=60).map(|id| session(id, &format!("p{id:02}"))).collect::<Vec<_>>();
    let mut stage = Stage::of(first[50..].to_vec());
    stage.draw(80, 24);
    assert_eq!(stage.selected(), "p51");
    stage.news(snapshot(first.clone()));
    stage.draw(80, 24);
    assert_eq!((stage.selected().as_str(), stage.app.hits.first), ("p01", 0));
    stage.press("j");
    stage.news(snapshot(first[1..].to_vec()));
    assert_eq!(stage.selected(), "p02");
    let mut dearest = first;
    dearest[40].sums = sums(500, 99_999);
    stage.news(snapshot(dearest));
    assert_eq!(stage.selected(), "p02", "who has moved stays");
}

#[test]
fn the_filter_is_typed_where_the_cursor_is_and_scrolls() {
    let mut stage = Stage::workday();
    stage.press("/");
    stage.type_text("model:opus");
    let last = |stage: &mut Stage, width| lines(&stage.draw(width, 24)).last().unwrap().clone();
    for _ in 0..4 {
        stage.press("left");
    }
    assert!(last(&mut stage, 80).contains("model:▏opus"), "{}", last(&mut stage, 80));
    stage.type_text("x");
    assert!(last(&mut stage, 80).contains("model:x▏opus"));
    stage.press("end");
    stage.type_text(&" and-many-more-words".repeat(10));
    for width in [40, 60, 80] {
        let line = last(&mut stage, width);
        assert!(line.contains("filter …") && line.trim_end().ends_with("more-words▏"), "{width}: {line}");
    }
    stage.press("home");
    assert!(last(&mut stage, 60).contains("filter ▏model:x"), "{}", last(&mut stage, 60));
    assert!(last(&mut stage, 60).trim_end().ends_with('…'));
}

#[test]
fn an_unknown_word_before_a_colon_is_told() {
    let mut stage = Stage::workday();
    stage.press("/");
    stage.type_text("agent:codex modle:opus");
    let line = lines(&stage.draw(120, 24)).last().unwrap().clone();
    assert!(line.contains("`modle:` is looked for as text; there are agent: project: model: branch:"), "{line}");
    let line = lines(&stage.draw(80, 24)).last().unwrap().clone();
    assert!(line.contains("there are agent: project: model: branch:"), "{line}");
    stage.press("esc");
    stage.press("/");
    stage.type_text("agent:codex live web");
    assert!(lines(&stage.draw(120, 24)).last().unwrap().contains("enter keeps"));
}

#[test]
fn the_way_to_the_demo_is_seen_on_narrow_screens() {
    for width in [40, 60] {
        let screen = text(&Stage::new(nothing_yet()).draw(width, 20));
        assert!(screen.contains("aifinops top --demo") && screen.contains("(not there)"), "{width}\n{screen}");
    }
}

#[test]
fn an_error_has_the_colour_of_errors() {
    let mut stage = Stage::workday();
    for (message, role) in [(Message::failed("it failed"), Role::Over), (Message::done("it is done"), Role::Ok)] {
        stage.app.message = Some(message);
        let buf = stage.draw(80, 24);
        assert_eq!(buf[(2, 23)].fg, stage.app.theme.style(role).fg.unwrap());
    }
}

#[test]
fn the_help_scrolls_to_its_end_and_no_further() {
    let mut stage = Stage::workday();
    stage.press("?");
    let mut seen = text(&stage.draw(60, 18));
    for _ in 0..60 {
        stage.press("down");
        seen += &text(&stage.draw(60, 18));
    }
    for words in ["$/H", "very long loop", "≥", "a lower bound", "log", "click", "wheel", "ctrl-l"] {
        assert!(seen.contains(words), "{words}");
    }
    let end = text(&stage.draw(60, 18));
    stage.press("up");
    assert_ne!(text(&stage.draw(60, 18)), end, "not scrolled past its end");
    stage.press("home");
    assert_eq!(stage.app.help_scroll, 0);
    stage.press("pagedown");
    assert!(stage.app.help_scroll > 5);
    stage.press("x");
    assert!(!stage.app.help);
    // Nothing of it is cut.
    assert!(!seen.contains('…'), "{seen}");
}

#[test]
fn a_wide_table_has_all_columns_unless_somebody_chose() {
    let mut stage = Stage::workday();
    let heads = |stage: &mut Stage, width| lines(&stage.draw(width, 30))[3].clone();
    for head in ["TASKS", "STEPS", "TOOLS", "LAST"] {
        assert!(!heads(&mut stage, 170).contains(head) && heads(&mut stage, 180).contains(head), "{head}");
    }
    stage.app.columns.pop();
    assert!(!heads(&mut stage, 240).contains("STEPS"));
}

#[test]
fn signs_of_uncertain_width_never_reach_a_cell() {
    let parent = SessionView { branch: Some(Arc::from("🇨🇭👨\u{200d}👩\u{200d}👧❤\u{fe0f}")), ..session(1, "👍🏽-app") };
    let sub = child(2, &parent, "1\u{fe0f}\u{20e3}👩🏽\u{200d}💻");
    let full = detail(&parent, vec![sub.clone()]);
    let mut stage = Stage::new(Snapshot { detail: Some(Arc::new(full)), ..snapshot(vec![parent, sub]) });
    for keys in [&[][..], &["enter"], &["tab"], &["tab"]] {
        stage.press_all(keys);
        for width in 30..130 {
            for cell in &stage.draw(width, 30).content {
                let odd =
                    |c: char| matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}');
                assert!(!cell.symbol().chars().any(odd), "{:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn models_are_sorted_by_the_name_that_is_shown() {
    let of = |id, model: &str| SessionView { model: Some(Arc::from(model)), ..session(id, "p") };
    let mut stage = Stage::of(vec![of(1, "openrouter/aardvark-1"), of(2, "gpt-5"), of(3, "claude-zebra-1"), of(4, "claude-bear-2")]);
    stage.app.order.sort = Column::Model;
    stage.app.take(&stage.snapshot);
    let ids: Vec<_> = stage.app.rows.iter().filter_map(aifinops::ui::rows::Row::id).collect();
    assert_eq!(ids, [1, 4, 2, 3]);
}

#[test]
fn nobodys_price_is_no_zero_in_a_group() {
    let mut stage = Stage::of(some_of_each());
    stage.press("b");
    let line = lines(&stage.draw(120, 40)).into_iter().find(|line| line.contains("infra  1 session")).unwrap();
    assert!(line.contains('?') && !line.contains("0.00"), "{line}");
    assert_eq!(Cost::unknown().money(), None);
}
