//! The frozen picture: it can be looked at from all sides, and stays what it is.

use std::sync::Arc;

use aifinops::engine::loops::LoopsPicture;
use aifinops::engine::team::{Ledger, TeamAsk, TeamPicture};
use aifinops::engine::{Command, Snapshot, Span};
use aifinops::model::Whose;
use aifinops::query::loops::Group;
use aifinops::query::team::Inside;
use aifinops::ui::app::Effect;

use crate::screens::stage::{Stage, text};
use crate::screens::world::{self, detail, session, snapshot};

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

#[test]
fn loops_that_are_looked_at_while_the_picture_is_frozen_are_read_all_the_same() {
    let mut stage = frozen();
    stage.press("2");
    let screen = text(&stage.draw(80, 24));
    assert!(screen.contains("looking…") && !screen.contains("nothing is running"), "{screen}");
    let with_loops = |tasks| {
        let loops = LoopsPicture { all: Group { tasks, ..Group::default() }, ..LoopsPicture::default() };
        Snapshot { loops: Some(Arc::new(loops)), ..(*frozen().snapshot).clone() }
    };
    stage.news(with_loops(14));
    stage.news(with_loops(15));
    let screen = text(&stage.draw(80, 24));
    assert!(screen.contains("14 tasks") && !screen.contains("looking…"), "what has been read is frozen, too\n{screen}");
    assert_eq!(stage.rows(), ["a", "b", "c"]);
}

/// A picture of a team: what its rows are made of, the row that there is something below, and what the logs say.
fn with_team(by: Whose, row: Option<&str>, cents: i64) -> Snapshot {
    let ask = TeamAsk { gateway: 0, by, row: row.map(str::to_owned) };
    let (local, gateway) = (world::cents(cents), world::cents(cents));
    let ledger = Ledger { user: None, local, gateway, totals: Vec::new() };
    let inside = row.map(|row| (row.to_owned(), Inside::default()));
    let team = TeamPicture { ask, team: None, inside, ledger: Some(ledger) };
    Snapshot { team: Some(Arc::new(team)), ..(*frozen().snapshot).clone() }
}

#[test]
fn a_team_that_is_looked_at_while_the_picture_is_frozen_is_read_all_the_same() {
    let mut stage = frozen();
    let logs = |stage: &Stage| {
        let team = stage.app.team_of(&stage.snapshot)?;
        Some((team.inside.as_ref().map(|(row, _)| row.clone()), team.ledger.as_ref()?.local))
    };
    stage.press("6");
    assert_eq!(logs(&stage), None);
    stage.news(with_team(Whose::User, None, 100));
    stage.news(with_team(Whose::User, None, 200));
    assert_eq!(logs(&stage), Some((None, world::cents(100))), "what has been read is frozen, too");
    // Below another row is what was not known yet; the ledgers were.
    stage.app.team.selected = Some("ana".to_owned());
    stage.news(with_team(Whose::User, Some("bo"), 300));
    assert_eq!(logs(&stage), Some((None, world::cents(100))));
    stage.news(with_team(Whose::User, Some("ana"), 400));
    assert_eq!(logs(&stage), Some((Some("ana".to_owned()), world::cents(100))));
    // Rows of another kind are another picture.
    stage.press("b");
    stage.news(with_team(Whose::User, None, 500));
    assert_eq!(logs(&stage), None);
    stage.news(with_team(Whose::Team, None, 600));
    assert_eq!(logs(&stage), Some((None, world::cents(600))));
}
