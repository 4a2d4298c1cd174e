//! The bar in the view of the loops: it stays on its task while rows move, and so do the keys.

use std::sync::Arc;

use aifinops::engine::hand::Wish;
use aifinops::engine::loops::LoopsPicture;
use aifinops::engine::{Command, Snapshot};
use aifinops::insight::loops::Place;
use aifinops::insight::spread::Spread;
use aifinops::model::time::MINUTE;
use aifinops::model::{Cost, Key};
use aifinops::query::loops::{Among, Loop};
use aifinops::store::Sums;
use aifinops::ui::app::loops::LoopList;
use aifinops::ui::app::{Effect, View};

use crate::screens::stage::Stage;
use crate::screens::world::{NOW, session, snapshot};

/// The running task of the session with this number.
fn task(session: i64) -> Loop {
    Loop {
        key: Key(session.cast_unsigned()),
        session,
        uid: Arc::from(format!("{session:08}-0000-4000-8000-000000000000")),
        agent: Arc::from("claude-code"),
        project: Arc::from(format!("p{session}")),
        cwd: None,
        branch: None,
        model: None,
        started_at: NOW - MINUTE,
        ended_at: NOW,
        sums: Sums { calls: 3, ..Sums::default() },
        subagents: Cost::default(),
        subagent_steps: 0,
        repeat: None,
        is_running: true,
    }
}

/// The loops while the tasks of these sessions run.
fn while_running(sessions: &[i64]) -> Snapshot {
    let others = Spread::default();
    let running = sessions.iter().map(|session| (task(*session), Place::of(3, &others), Among::All)).collect();
    let loops = LoopsPicture { running, ..LoopsPicture::default() };
    Snapshot { loops: Some(Arc::new(loops)), ..snapshot((1..=5).map(|id| session(id, &format!("p{id}"))).collect()) }
}

fn view(sessions: &[i64]) -> Stage {
    let mut stage = Stage::new(while_running(sessions));
    stage.press("2");
    stage.draw(80, 24);
    stage
}

fn at(stage: &Stage) -> usize {
    stage.app.loop_at(&stage.snapshot)
}

/// Whom a key would stop.
fn stops(id: i64) -> [Effect; 1] {
    [Effect::Send(Command::Find(id, Wish::Stop))]
}

#[test]
fn the_bar_and_the_keys_stay_on_their_task_while_others_end_and_begin() {
    let mut stage = view(&[1, 2, 3, 4]);
    stage.press_all(&["down", "down"]);
    for (running, row) in [(&[1, 2, 3, 4][..], 2), (&[1, 3, 4], 1), (&[3, 4], 0), (&[5, 1, 4, 3], 3)] {
        stage.news(while_running(running));
        assert_eq!(at(&stage), row, "{running:?}");
        assert_eq!(stage.press("x"), stops(3), "{running:?}");
        stage.draw(80, 24);
    }
    stage.press("up");
    assert_eq!(stage.press("p"), [Effect::Send(Command::Find(4, Wish::Hold))]);
    stage.press("enter");
    assert_eq!((stage.app.view, stage.app.selected), (View::Session, Some(4)));
}

#[test]
fn where_the_task_has_ended_the_one_in_its_place_is_selected() {
    let mut stage = view(&[1, 2, 3, 4]);
    stage.press_all(&["down", "down"]);
    stage.news(while_running(&[2, 3, 4]));
    stage.news(while_running(&[2, 4]));
    assert_eq!((at(&stage), stage.press("x")), (1, stops(4).to_vec()));
    // That one is kept from now on.
    stage.news(while_running(&[4, 5]));
    assert_eq!((at(&stage), stage.press("x")), (0, stops(4).to_vec()));
    stage.news(while_running(&[]));
    assert_eq!((at(&stage), stage.press("x")), (0, Vec::new()));
    assert!(stage.app.message.as_ref().is_some_and(|message| message.text == "no task is selected"));
}

#[test]
fn until_somebody_moves_the_first_task_is_selected() {
    let mut stage = view(&[1, 2]);
    stage.news(while_running(&[2, 1]));
    assert_eq!((at(&stage), stage.press("x")), (0, stops(2).to_vec()));
}

#[test]
fn a_second_click_opens_the_task_that_the_first_one_selected() {
    let mut stage = view(&[1, 2, 3]);
    let body = stage.app.hits.body;
    stage.click(body.x + 2, body.y + 1);
    assert_eq!((at(&stage), stage.app.view), (1, View::Loops));
    stage.news(while_running(&[2, 3]));
    stage.draw(80, 24);
    // Another task stands there now.
    stage.click(body.x + 2, body.y + 1);
    assert_eq!((at(&stage), stage.app.view), (1, View::Loops));
    stage.click(body.x + 2, body.y + 1);
    assert_eq!((stage.app.view, stage.app.selected), (View::Session, Some(3)));
}

#[test]
fn alerts_are_selected_by_their_row() {
    let mut stage = view(&[1, 2]);
    stage.app.alerts = (0..3).map(|n| (false, format!("alert {n}"), String::new())).collect();
    stage.press("down");
    stage.app.loops.list = Some(LoopList::Alerts);
    stage.press_all(&["down", "down"]);
    stage.news(while_running(&[2]));
    assert_eq!((at(&stage), stage.press("x")), (2, Vec::new()));
}
