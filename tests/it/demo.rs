//! The made-up workday of `top --demo`, read back by the ordinary way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aifinops::demo::Demo;
use aifinops::engine::ingest::Ingest;
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, SessionKind, SessionState, Window, Zone};
use aifinops::pricing::{Book, Pricer};
use aifinops::query::{self, Asking, Living, SessionView};
use aifinops::sources::{self, Places};
use aifinops::store::Store;
use aifinops::tail::Catalog;

/// 2026-08-12, 15:04 UTC: a Wednesday.
const NOW: Millis = 1_786_547_040_000;

const WORKING: SessionState = SessionState::Working;

fn ingest(home: &Path) -> Ingest {
    let places = Places { home, env: &|_| None };
    let roots = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|root| (s.agent(), root))).collect();
    Ingest::new(Store::in_memory().unwrap(), Pricer::new(Book::embedded()), Catalog::new(roots), 2)
}

fn read(ingest: &mut Ingest) {
    let report = ingest.scan_quietly().unwrap();
    assert_eq!(report.failed.len(), 0, "{:?}", report.failed);
}

fn sessions(ingest: &mut Ingest, window: Window, now: Millis) -> Vec<SessionView> {
    let living = Living::default();
    let asking = Asking { window, now, zone: Zone::UTC, living: &living, hour: None };
    query::sessions(&ingest.store, &mut ingest.prices, &asking).unwrap()
}

fn today(ingest: &mut Ingest, now: Millis) -> Vec<SessionView> {
    sessions(ingest, Window::today(now, Zone::UTC), now)
}

/// The newest session of a project that people started.
fn of<'a>(all: &'a [SessionView], project: &str) -> &'a SessionView {
    all.iter()
        .filter(|s| s.kind == SessionKind::Main && &*s.project == project)
        .max_by_key(|s| s.last_at)
        .unwrap_or_else(|| panic!("no session in {project}"))
}

fn play(demo: &mut Demo, from: Millis, millis: Millis) -> usize {
    (1..=millis / 200).filter(|tick| demo.play(from + tick * 200).unwrap()).count()
}

fn files(dir: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.clone(), fs::read_to_string(&path).unwrap());
        }
    }
}

fn tree(home: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    files(home, &mut found);
    found.into_iter().map(|(path, text)| (path.strip_prefix(home).unwrap().to_path_buf(), text)).collect()
}

#[test]
fn begins_in_the_middle_of_a_workday() {
    for seed in 1..=4 {
        let home = tempfile::tempdir().unwrap();
        let _demo = Demo::begin(home.path(), NOW, seed).unwrap();
        let mut ingest = ingest(home.path());
        read(&mut ingest);
        let all = today(&mut ingest, NOW);

        let dollars = |s: &SessionView| s.sums.nanos / 1_000_000_000;
        let total = all.iter().map(|s| s.sums.nanos).sum::<i64>() / 1_000_000_000;
        assert!(
            (10..=20).contains(&total),
            "seed {seed}: ${total} today: {:?}",
            all.iter().map(|s| (s.project.clone(), dollars(s))).collect::<Vec<_>>()
        );

        let states: Vec<_> = ["api-server", "web", "checkout-flaky-test", "infra", "docs"].map(|p| of(&all, p).state).into();
        assert_eq!(states, [WORKING, WORKING, WORKING, SessionState::Waiting, SessionState::Ended], "seed {seed}");
        assert_eq!(of(&all, "api-server").branch.as_deref(), Some("feat/billing"));
        assert_eq!(of(&all, "web").model.as_deref(), Some("gpt-5.5"));
        assert!(of(&all, "checkout-flaky-test").loop_steps > 40, "a loop that everybody sees");

        let sum = |f: fn(&SessionView) -> i64| all.iter().map(f).sum::<i64>();
        assert!(sum(|s| s.sums.failures) > 40 && sum(|s| s.sums.retries) == 1 && sum(|s| s.sums.compactions) >= 1, "seed {seed}");
        let unpriced = ingest.store.unpriced().unwrap();
        assert_eq!(unpriced.len(), 1, "every other model has a price: {unpriced:?}");
        assert!(of(&all, "data-pipeline").sums.unpriced > 0);
        assert_eq!(of(&all, "docs").sums.prompts, 2, "a slash command that the model answers is a prompt");
        assert!(all.iter().all(|s| s.last_at.unwrap() <= NOW && s.context < s.context_window.or(Some(u64::MAX))));
        let limits = ingest.store.limits(of(&all, "web").id).unwrap();
        assert_eq!(limits.iter().map(|l| l.window_minutes).collect::<Vec<_>>(), [300, 10_080]);
    }
}

#[test]
fn has_a_month_behind_it() {
    let home = tempfile::tempdir().unwrap();
    let _demo = Demo::begin(home.path(), NOW, 7).unwrap();
    let mut ingest = ingest(home.path());
    read(&mut ingest);
    let mut weekdays = 0;
    for day in 1..=30 {
        let now = NOW - day * 24 * HOUR;
        let some = sessions(&mut ingest, Window { from: now - 9 * HOUR, to: now + HOUR }, NOW);
        weekdays += usize::from(some.len() >= 3);
    }
    assert!(weekdays >= 20, "{weekdays} full days");
}

#[test]
fn goes_on_live() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Demo::begin(home.path(), NOW, 3).unwrap();
    let mut ingest = ingest(home.path());
    read(&mut ingest);
    let before = today(&mut ingest, NOW);
    assert!(before.iter().all(|s| s.kind == SessionKind::Main), "no subagent yet");

    assert!(play(&mut demo, NOW, 10_000) > 10);
    read(&mut ingest);
    let after = today(&mut ingest, NOW + 10_000);
    let child = after.iter().find(|s| s.kind == SessionKind::Subagent).unwrap();
    assert_eq!(child.parent.as_deref(), Some(&*of(&after, "api-server").uid));
    assert_eq!((child.role.as_deref(), child.model.as_deref()), (Some("Explore"), Some("claude-haiku-4-5")));
    assert_eq!(child.state, SessionState::Working);
    let (was, is) = (of(&before, "checkout-flaky-test"), of(&after, "checkout-flaky-test"));
    assert!(is.loop_steps >= was.loop_steps + 6 && is.context > was.context && is.sums.nanos > was.sums.nanos + 100_000_000);

    // States change, the loop fills its context, and every line can be read.
    let mut infra = Vec::new();
    for round in 0..40 {
        let from = NOW + 10_000 + round * 5_000;
        play(&mut demo, from, 5_000);
        read(&mut ingest);
        infra.push(of(&today(&mut ingest, from + 5_000), "infra").state);
    }
    infra.dedup();
    assert!(infra.len() >= 4, "working and waiting in turn: {infra:?}");
    let end = NOW + 210_000;
    let all = today(&mut ingest, end);
    assert!(of(&all, "checkout-flaky-test").sums.compactions >= 1);
    assert!(all.iter().any(|s| s.kind == SessionKind::Subagent && s.state == SessionState::Ended));
    for row in ingest.store.files().unwrap() {
        assert_eq!((row.malformed, row.first_malformed), (0, None), "{}", row.path.display());
    }
}

#[test]
fn is_the_same_for_a_seed_however_often_it_is_asked() {
    let (one, two, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = Demo::begin(one.path(), NOW, 11).unwrap();
    let mut second = Demo::begin(two.path(), NOW, 11).unwrap();
    play(&mut first, NOW, 30_000);
    second.play(NOW + 30_000).unwrap();
    assert!(tree(one.path()) == tree(two.path()));
    Demo::begin(other.path(), NOW, 12).unwrap();
    assert!(tree(one.path()).keys().ne(tree(other.path()).keys()));
}

#[test]
fn does_not_make_up_for_a_machine_that_slept() {
    let home = tempfile::tempdir().unwrap();
    let mut demo = Demo::begin(home.path(), NOW, 5).unwrap();
    let size = |home: &Path| tree(home).values().map(String::len).sum::<usize>();
    let before = size(home.path());
    assert!(demo.play(NOW + 90 * MINUTE).unwrap());
    assert!(size(home.path()) - before < 100_000);
}

#[cfg(unix)]
#[test]
fn keeps_to_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("new");
    Demo::begin(&home, NOW, 1).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for path in tree(&home).keys() {
        assert!(path.starts_with(".claude/projects") || path.starts_with(".codex/sessions"), "{}", path.display());
        assert_eq!(mode(&home.join(path)), 0o600, "{}", path.display());
    }
}
