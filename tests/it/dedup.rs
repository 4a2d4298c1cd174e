//! However the same logs are read, the sums are the same: in any order, in any pieces, twice, with restarts between.

mod claude;
mod codex;
mod dump;
mod history;

use std::path::PathBuf;

use aifinops::engine::ingest::Ingest;
use aifinops::model::Key;
use aifinops::store::Store;
use proptest::prelude::*;

use crate::home::{Home, scan};
use dump::{Dump, dump};

/// A log that has been made up, line by line.
#[derive(Debug, Clone)]
struct Log {
    /// Where it lies in the home.
    path: String,
    lines: Vec<String>,
    /// It was begun when another log, of that index, had that many lines: a copy never is older than its original.
    after: Option<(usize, usize)>,
}

impl Log {
    fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| [line.as_bytes(), b"\n"]).flatten().copied().collect()
    }

    fn bytes_of(&self, lines: usize) -> usize {
        self.lines.iter().take(lines).map(|line| line.len() + 1).sum()
    }
}

/// One thing that happens: what, to whom, how, and how much.
type Step = (u8, u8, u8, u16);

/// What happens to an agent. It prints on one line, for the reader of a failure.
#[derive(Clone)]
struct Steps(Vec<Step>);

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" "))
    }
}

fn steps() -> impl Strategy<Value = Steps> {
    prop::collection::vec((0..17_u8, any::<u8>(), any::<u8>(), any::<u16>()), 1..40).prop_map(Steps)
}

/// What both agents wrote.
fn logs(claude: &Steps, codex: &Steps) -> Vec<Log> {
    let mut logs = claude::logs(&claude.0);
    let first = logs.len();
    logs.extend(codex::logs(&codex.0).into_iter().map(|log| Log { after: log.after.map(|(of, lines)| (of + first, lines)), ..log }));
    logs
}

fn whole(logs: &[Log]) -> Home {
    let home = Home::new();
    for log in logs {
        home.append(&log.path, &log.bytes());
    }
    home
}

/// What one reading of everything gives.
fn plain(logs: &[Log]) -> Dump {
    let home = whole(logs);
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    dump(&ingest.store)
}

/// Which logs are written next, and how much of each.
#[derive(Clone)]
struct Picks(Vec<(u8, u16)>);

impl std::fmt::Debug for Picks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.iter().map(|p| format!("{p:?}")).collect::<Vec<_>>().join(" "))
    }
}

/// Writes the logs in random pieces; `look` is called after each. Each pick names a log and how much of it is written.
fn grow(logs: &[Log], picks: &Picks, mut look: impl FnMut(&Home)) -> Home {
    let home = Home::new();
    let bytes: Vec<Vec<u8>> = logs.iter().map(Log::bytes).collect();
    let mut written = vec![0; logs.len()];
    let mut write = |i: usize, most: usize, written: &mut Vec<usize>| {
        let ready = logs[i].after.is_none_or(|(of, lines)| written[of] >= logs[of].bytes_of(lines));
        let to = (written[i] + most).min(bytes[i].len());
        if ready && to > written[i] {
            home.append(&logs[i].path, &bytes[i][written[i]..to]);
            written[i] = to;
            look(&home);
        }
    };
    for (log, most) in &picks.0 {
        write(usize::from(*log) % logs.len(), usize::from(*most) + 1, &mut written);
    }
    for i in 0..logs.len() {
        write(i, usize::MAX / 2, &mut written); // originals stand before their copies
    }
    home
}

fn picks() -> impl Strategy<Value = Picks> {
    prop::collection::vec((any::<u8>(), 0..3000_u16), 0..24).prop_map(Picks)
}

fn same(expected: &Dump, found: &Dump) -> Result<(), TestCaseError> {
    let difference = expected.difference(found);
    if difference.is_empty() { Ok(()) } else { Err(TestCaseError::fail(difference)) }
}

fn is_sound(store: &mut Store) {
    let before = dump(store);
    let report = store.rebuild().unwrap();
    assert_eq!(report.wrong(), 0, "the sums are not those of the rows");
    assert_eq!(before.difference(&dump(store)), "", "the sums computed anew differ");
}

fn look_at_all(ingest: &mut Ingest, paths: &[PathBuf]) {
    let (found, _) = ingest.catalog.walk();
    ingest.catalog.index(&found);
    for path in paths {
        assert!(ingest.look_at(path).unwrap().failed.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_files_does_not_matter(claude in steps(), codex in steps(), seed in any::<u64>()) {
        let logs = logs(&claude, &codex);
        let expected = plain(&logs);
        let home = whole(&logs);
        let mut paths: Vec<PathBuf> = logs.iter().map(|log| home.path().join(&log.path)).collect();
        paths.sort_by_key(|path| Key::of(&[&seed.to_le_bytes(), path.strip_prefix(home.path()).unwrap().as_os_str().as_encoded_bytes()]));
        let mut ingest = home.fresh_reader();
        look_at_all(&mut ingest, &paths);
        same(&expected, &dump(&ingest.store))?;
        is_sound(&mut ingest.store);
    }

    #[test]
    fn reading_while_the_files_are_written_does_not_matter(claude in steps(), codex in steps(), picks in picks()) {
        let logs = logs(&claude, &codex);
        let expected = plain(&logs);
        let mut ingest = None;
        grow(&logs, &picks, |home| { scan(ingest.get_or_insert_with(|| home.fresh_reader())); });
        if let Some(mut ingest) = ingest {
            same(&expected, &dump(&ingest.store))?;
            is_sound(&mut ingest.store);
        }
    }

    #[test]
    fn reading_twice_does_not_matter(claude in steps(), codex in steps()) {
        let logs = logs(&claude, &codex);
        let home = whole(&logs);
        let mut ingest = home.fresh_reader();
        scan(&mut ingest);
        let expected = dump(&ingest.store);
        prop_assert_eq!(scan(&mut ingest), 0);
        for log in &logs {
            // The same bytes as another file: everything is read again.
            let path = home.path().join(&log.path);
            let mut bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            bytes.splice(0..0, *b"\n");
            std::fs::write(&path, bytes).unwrap();
        }
        prop_assert_eq!(scan(&mut ingest), logs.len());
        same(&expected, &dump(&ingest.store))?;
        is_sound(&mut ingest.store);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn closing_the_store_between_does_not_matter(claude in steps(), codex in steps(), picks in picks()) {
        let logs = logs(&claude, &codex);
        let expected = plain(&logs);
        let data = tempfile::TempDir::new().unwrap();
        let open = || Store::open(data.path()).unwrap().store;
        let home = grow(&logs, &picks, |home| { scan(&mut home.reader(open())); });
        let mut ingest = home.reader(open());
        scan(&mut ingest);
        same(&expected, &dump(&ingest.store))?;
        is_sound(&mut ingest.store);
    }
}

/// As where a directory is copied while somebody watches: the fork's original is there, and not yet whole.
#[test]
fn a_fork_may_come_before_the_end_of_its_original() {
    const PLACE: &str = "sessions/2026/08/10";
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources/codex/fork_in_a_burst").join(PLACE);
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixture).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let [original, fork] = files.as_slice() else { panic!("{files:?}") };
    let at = |file: &PathBuf| format!(".codex/{PLACE}/{}", file.file_name().unwrap().to_str().unwrap());
    let text = std::fs::read_to_string(original).unwrap();
    let ends: Vec<usize> = text.match_indices('\n').map(|(end, _)| end + 1).collect();
    let mut expected: Option<Dump> = None;
    for cut in ends.into_iter().rev() {
        let home = Home::new();
        let mut ingest = home.fresh_reader();
        home.append(&at(original), &text.as_bytes()[..cut]);
        scan(&mut ingest);
        home.append(&at(fork), &std::fs::read(fork).unwrap());
        scan(&mut ingest);
        home.append(&at(original), &text.as_bytes()[cut..]);
        scan(&mut ingest);
        let found = dump(&ingest.store);
        match &expected {
            Some(expected) => assert_eq!(expected.difference(&found), "", "cut at {cut} of {}", text.len()),
            None => expected = Some(found),
        }
    }
}
