//! Whose a process on a card is: real processes, started as agents start them, and orphaned as agents leave them.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use aifinops::alerts::AlertKind;
use aifinops::engine::gpus::{Clue, GpuPicture, Owner};
use aifinops::model::time::{HOUR, MINUTE};

use super::fake::Fake;
use super::keeper::places;
use super::meter::NOON;
use super::watching::{Agent, Running, Stage, agent, clock, orphan, process, sets, told};

/// The leader of a group that goes on, and one of the group whose parent has ended.
fn of_group(cwd: &Path) -> (Child, Running) {
    use std::os::unix::process::CommandExt as _;
    let script = "echo $(sleep 600 >/dev/null & echo $!) > child.new; mv child.new child; exec sleep 600";
    let mut leader = Command::new("/bin/sh");
    leader.env_clear().env("PATH", std::env::var("PATH").unwrap()).current_dir(cwd).args(["-c", script]).process_group(0);
    (leader.spawn().unwrap(), Running(told(&cwd.join("child")).parse().unwrap()))
}

fn clue(agent: &str, session: &str) -> Clue {
    let times = (Some(NOON - HOUR), Some(NOON));
    Clue {
        agent: agent.to_owned(),
        session: session.to_owned(),
        project: "api".to_owned(),
        started_at: times.0,
        last_at: times.1,
        is_live: true,
        ..Clue::default()
    }
}

fn at(cwd: &Path, clue: Clue) -> Clue {
    Clue { cwd: Some(cwd.to_str().unwrap().to_owned()), ..clue }
}

/// A driver on whose first card these processes are.
fn card_of(pids: &[u32]) -> Option<Fake> {
    let mut fake = Fake::new()?;
    fake.says(&[("gpu0.util", 0), ("gpu0.compute", pids.len().try_into().unwrap())]);
    for (number, pid) in pids.iter().enumerate() {
        fake.set(&format!("gpu0.compute{number}.pid"), pid);
    }
    Some(fake)
}

fn owner(picture: &GpuPicture, pid: u32) -> Option<Owner> {
    process(picture, pid).owner.clone()
}

/// Agent, session and letter.
fn said(owner: Option<&Owner>) -> Option<(String, String, char)> {
    owner.map(|owner| (owner.agent.clone(), owner.session.clone(), owner.rule))
}

#[test]
fn whose_a_process_is_follows_from_the_surest_that_is_known() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let dir = |name: &str| -> PathBuf {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    };
    let own_registry = agent("some-wrapper", &dir("registry"), &[]);
    let by_place = agent("claude", &dir("place"), &[]);
    let by_mark = agent("codex", &dir("mark"), &[("CODEX_THREAD_ID", "thread-1")]);
    let stranger = agent("claude", &dir("stranger"), &[]);
    let (mut leader, of_group) = of_group(&dir("group"));
    let marked = orphan(&dir("marked"), &[("CLAUDE_CODE_SESSION_ID", "marked-1")]);
    let unheard = orphan(&dir("unheard"), &[("CODEX_THREAD_ID", "unheard\u{1b}-1")]);
    let mark_and_place = orphan(&dir("both"), &[("CLAUDECODE", "1")]);
    let inside = orphan(&dir("inside/deep/down"), &[]);
    let too_early = orphan(&dir("early"), &[]);
    let too_late = orphan(&dir("late"), &[]);
    let nobody = orphan(&dir("nobody"), &[]);
    let clues = vec![
        Clue { pid: Some(own_registry.agent.0), ..clue("claude-code", "registry-1") },
        at(&dir("place"), Clue { is_live: false, ..clue("claude-code", "place-ended") }),
        at(&dir("place"), Clue { last_at: Some(NOON - MINUTE), ..clue("claude-code", "place-1") }),
        at(&dir("place"), clue("codex", "place-of-another-agent")),
        at(&dir("elsewhere"), clue("codex", "thread-1")),
        Clue { pid: Some(leader.id()), ..clue("gemini-cli", "group-1") },
        clue("claude-code", "marked-1"),
        at(&dir("both"), clue("claude-code", "both-1")),
        at(&dir("both"), clue("codex", "both-of-another-agent")),
        at(&dir("inside"), clue("opencode", "inside-1")),
        at(&dir("early"), Clue { started_at: Some(NOON + HOUR), ..clue("codex", "began-later") }),
        at(&dir("late"), Clue { is_live: false, last_at: Some(NOON - 11 * MINUTE), ..clue("codex", "ended-before") }),
        at(Path::new("/"), clue("codex", "everywhere")),
    ];
    let table = [
        (own_registry.child.0, Some(("claude-code", "registry-1", 'A')), "its agent's registry names its parent"),
        (by_place.child.0, Some(("claude-code", "place-1", 'A')), "its parent is the program, and works where the session does"),
        (by_mark.child.0, Some(("codex", "thread-1", 'A')), "its parent is the program, and the mark says which session"),
        (stranger.child.0, Some(("claude-code", "", 'A')), "its parent is the program, of a session that nobody knows"),
        (of_group.0, Some(("gemini-cli", "group-1", 'B')), "it is of the agent's group"),
        (marked.0, Some(("claude-code", "marked-1", 'C')), "its environment names the session"),
        (unheard.0, Some(("codex", "unheard\u{fffd}-1", 'C')), "its environment names one that nobody has heard of"),
        (mark_and_place.0, Some(("claude-code", "both-1", 'C')), "its environment names the agent, its directory the session"),
        (inside.0, Some(("opencode", "inside-1", 'D')), "it works in the session's directory"),
        (too_early.0, None, "it began before the session"),
        (too_late.0, None, "it began long after the session"),
        (nobody.0, None, "it is nobody's"),
    ];
    let pids = table.map(|(pid, ..)| pid);
    let Some(fake) = card_of(&pids) else { return };
    let stage = Stage::at(places(&fake), clock::<7>);
    stage.knows(clues);
    let watching = stage.start();
    let picture = watching.with(&pids);
    for (pid, expected, why) in table {
        let expected = expected.map(|(agent, session, rule)| (agent.to_owned(), session.to_owned(), rule));
        let found = owner(&picture, pid);
        assert_eq!(said(found.as_ref()), expected, "{why}");
        assert!(found.is_none_or(|owner| owner.ended_at.is_none()), "{why}");
    }
    // They end; what they have started is still theirs.
    let agents = [own_registry, by_place, by_mark, stranger];
    let children: Vec<Running> = agents.into_iter().map(|Agent { child, .. }| child).chain([of_group]).collect();
    leader.kill().unwrap();
    let ended = watching.until("all agents have ended", |picture| {
        children.iter().all(|child| owner(picture, child.0).is_some_and(|owner| owner.ended_at.is_some()))
    });
    leader.wait().unwrap();
    for child in &children {
        let (before, now) = (owner(&picture, child.0).unwrap(), owner(&ended, child.0).unwrap());
        assert_eq!((before.session, before.rule), (now.session, now.rule));
        assert!(child.lives() && now.ended_at.is_some_and(|at| (picture.at..=ended.at).contains(&at)));
    }
}

#[test]
fn the_child_of_a_killed_agent_is_still_its_own_and_a_zombie_after_ten_minutes() {
    let project = tempfile::tempdir().unwrap();
    let cwd = project.path().canonicalize().unwrap();
    let Agent { agent, child } = agent("claude", &cwd, &[]);
    // Of the agent of this one nothing is known but that its session ends.
    let marked = orphan(Path::new("/"), &[("CODEX_THREAD_ID", "s2")]);
    let both = [child.0, marked.0];
    let Some(fake) = card_of(&both) else { return };
    let stage = Stage::at(places(&fake), clock::<8>);
    let (first, second) = (at(&cwd, clue("claude-code", "s1")), clue("codex", "s2"));
    stage.knows(vec![first.clone(), second.clone()]);
    let watching = stage.start();
    let before = watching.with(&both);
    let mine = |ended_at| Owner { agent: "claude-code".into(), session: "s1".into(), project: "api".into(), rule: 'A', ended_at };
    let its = |ended_at| Owner { agent: "codex".into(), session: "s2".into(), project: "api".into(), rule: 'C', ended_at };
    let owners = |picture: &GpuPicture| both.map(|pid| owner(picture, pid).unwrap());
    assert_eq!(owners(&before), [mine(None), its(None)]);

    agent.kill();
    let last = NOON - HOUR;
    stage.knows(vec![first, Clue { is_live: false, last_at: Some(last), ..second }]);
    let ended = watching.until("both have ended", |picture| owners(picture).iter().all(|owner| owner.ended_at.is_some()));
    let at = owners(&ended)[0].ended_at.unwrap();
    assert_eq!(owners(&ended), [mine(Some(at)), its(Some(last))]);
    assert!((before.at..=ended.at).contains(&at));
    let zombies = |picture: &GpuPicture| both.map(|pid| process(picture, pid).is_zombie);
    let told = |picture: &GpuPicture| picture.alerts.iter().filter(|alert| alert.kind == AlertKind::GpuZombie).count();
    assert_eq!((zombies(&ended), told(&ended)), ([false, true], 1), "one has just ended, and one an hour ago");

    sets::<8>(at + 10 * MINUTE - MINUTE / 2);
    let nearly = watching.until("ten minutes are nearly over", |picture| picture.at > at + 9 * MINUTE);
    assert!(nearly.at < at + 10 * MINUTE);
    assert_eq!((zombies(&nearly), told(&nearly)), ([false, true], 1));
    sets::<8>(at + 10 * MINUTE);
    let over = watching.until("ten minutes are over", |picture| picture.at >= at + 10 * MINUTE);
    assert_eq!((zombies(&over), told(&over), owners(&over)), ([true, true], 2, [mine(Some(at)), its(Some(last))]));
    let is_meant = |body: &str| body.ends_with(&format!("To end it: kill {}", child.0));
    assert!(over.alerts.iter().any(|alert| is_meant(&alert.body)) && child.lives(), "{:?}", over.alerts);
    assert_eq!(over.cards[0].owner.as_deref(), Some("claude·api A ended"));

    drop(watching);
    // The next one has heard of no session yet, and still knows whose they were.
    stage.knows(Vec::new());
    let next = stage.start().with(&both);
    assert_eq!((owners(&next), zombies(&next)), ([mine(Some(at)), its(Some(last))], [true, true]));
}
