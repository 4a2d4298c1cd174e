//! The caps: in the header, and in their own view.

use std::sync::Arc;

use aifinops::engine::Snapshot;
use aifinops::engine::caps::Caps;
use aifinops::engine::hand::{Said, Word};
use aifinops::engine::process::Process;
use aifinops::model::cap::{Action, Scope, Span};
use aifinops::model::{Cap, Money};
use aifinops::query::caps::Kind;

use super::stage::{Stage, lines, text};
use super::world::{cap, decision, some_caps, standing};
use super::{HUGE, SMALL, USUAL, WIDE, shows};

/// A working day with these caps.
pub(super) fn with(caps: Caps) -> Stage {
    Stage::new(Snapshot { caps: Arc::new(caps), ..(*Stage::workday().snapshot).clone() })
}

/// The same, on the view of the caps.
pub(super) fn view(caps: Caps) -> Stage {
    let mut stage = with(caps);
    stage.press("5");
    stage
}

/// The daily cap is reached, and a weekly one that only warns is passed by far.
pub(super) fn over() -> Caps {
    let week = Cap { action: Action::Warn, ..cap("week", 5_000, Span::Week) };
    let mut caps = some_caps();
    caps.raises.clear();
    caps.standings = vec![standing(cap("day", 2_000, Span::Day), 2_031), standing(week, 12_345)];
    caps.standings[0].spend.unpriced_calls = 3;
    caps.standings[0].spend.assumed = Money::from_nanos(310_000_000);
    caps.standings[1].spend.lower_bound = true;
    caps
}

/// Many caps with long names and the largest amounts, and as many decisions as are kept.
pub(super) fn huge() -> Caps {
    let one = |i: i64| {
        let scope = Scope {
            agent: Some("claude-code".to_owned()),
            project: Some(format!("*/clients/a-very-long-name-{i}/*")),
            model: Some("opus".to_owned()),
        };
        let cap = Cap { scope, ..cap(&format!("a-cap-with-the-longest-name-{i:02}-x"), 99_999_999, Span::Month) };
        standing(cap, 99_999_990 - i * 1_000_000)
    };
    let decisions =
        (0..100).map(|i| decision(Kind::ALL[i % 9], "a-cap-with-the-longest-name-00-x", i64::try_from(i).unwrap() * 37)).collect();
    Caps { standings: (0..40).map(one).collect(), decisions, ..Caps::default() }
}

/// A cap that the machine's policy sets has stopped everything.
pub(super) fn managed() -> Caps {
    let policy = Cap { managed: true, action: Action::Stop, ..cap("policy.day", 1_000, Span::Day) };
    let scoped = Cap {
        managed: true,
        scope: Scope { model: Some("opus".to_owned()), ..Scope::default() },
        ..cap("policy.month", 90_000, Span::Month)
    };
    Caps {
        standings: vec![standing(cap("day", 2_000, Span::Day), 1_020), standing(policy, 1_020), standing(scoped, 4_000)],
        ..Caps::default()
    }
}

#[test]
fn the_view_of_the_caps() {
    let all = [SMALL, USUAL, WIDE, HUGE];
    shows("caps_none", &mut view(Caps::default()), &all);
    shows("caps", &mut view(some_caps()), &all);
    shows("caps_over", &mut view(over()), &all);
    shows("caps_huge", &mut view(huge()), &all);
    shows("caps_managed", &mut view(managed()), &all);
}

#[test]
fn the_header_has_the_binding_cap() {
    shows("gauge", &mut with(some_caps()), &[USUAL, WIDE]);
    shows("gauge_over", &mut with(over()), &[SMALL, USUAL, WIDE]);
    let header = |caps, width| lines(&with(caps).draw(width, 24))[0].clone();
    assert!(!header(Caps::default(), 200).contains('%'));
    // What stops agents is said at every width, in words.
    let mut stopped = with(managed());
    for width in 30..=240 {
        let header = lines(&stopped.draw(width, 24))[0].clone();
        assert!(header.contains("STOPPED"), "{width}: {header}");
    }
    // A cap that is not of today says what was spent against it.
    let mut weekly = some_caps();
    weekly.standings.remove(0);
    assert!(header(weekly, 200).contains("47% $19.10 of $40.00 week-codex"));
}

#[test]
fn the_gauge_shrinks_and_its_parts_leave_whole() {
    let mut seen = Vec::new();
    let mut stage = with(some_caps());
    for width in (30..=240).rev() {
        let header = lines(&stage.draw(width, 24))[0].clone();
        let bar = header.split_once('▐').map_or("", |(_, rest)| rest.rsplit_once('▌').map_or("", |(bar, _)| bar));
        let cells = bar.chars().count();
        assert!([0, 8, 16].contains(&cells), "{width}: {header}");
        assert!(!header.contains('…') && header.trim_end().ends_with("live"), "{width}: {header}");
        seen.push(["▐", "% of $25.00", "49%"].map(|part| header.contains(part)));
    }
    for shape in [[true; 3], [false, true, true], [false, false, true]] {
        assert!(seen.contains(&shape), "{shape:?}");
    }
}

#[test]
fn the_dialogs() {
    let mut stage = with(Caps::default());
    stage.press("c");
    stage.type_text("60 steps");
    stage.press_all(&["tab", "right", "right", "right", "right"]);
    shows("dialog_set", &mut stage, &[SMALL, USUAL]);
    let mut stage = with(some_caps());
    stage.press("c");
    stage.type_text("2,5O");
    stage.press("enter");
    shows("dialog_raise", &mut stage, &[SMALL, USUAL]);
    let command = "node /usr/lib/agent --resume \u{1b}[2J";
    let process = Process { pid: 4_711, started: Some(1), command: aifinops::model::text::clean(command), leads: true };
    let word = Word { serial: 1, said: Said::Asks { session: 1, process } };
    let mut stage = Stage::workday();
    stage.news(Snapshot { word: Some(Arc::new(word)), ..(*stage.snapshot).clone() });
    shows("dialog_stop", &mut stage, &[SMALL, USUAL]);
    let screen = text(&stage.draw(80, 24));
    assert!(screen.contains("Stop api-server?") && screen.contains("process 4711") && !screen.contains('\u{1b}'), "{screen}");
}

#[test]
fn decisions_say_when_what_who_and_why_where_there_is_room() {
    let screen = text(&view(some_caps()).draw(240, 70));
    for words in [
        "raised",
        "told",
        "loop halted",
        "prompt blocked",
        "call refused",
        "stopped",
        "cannot tell",
        "release day",
        "ada",
        "claude-code",
        "00000001",
    ] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}
