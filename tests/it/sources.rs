//! What each agent's logs mean: one case for each rule and trap, as a log and the expectation beside it.
//!
//! A case is `tests/fixtures/sources/<agent>/<case>.jsonl`, or a directory `<case>/` with several files, and
//! `<case>.expect.json`. A new case is its files; nothing has to be listed here. All logs were written for these tests.
//! Those of `OpenCode` are rows that become its database (`opencode_db.rs`).

mod case;
mod expect;

use aifinops::engine::ingest::Ingest;
use case::Case;

use crate::content::difference;
use crate::home::{scan, sessions};

const CLAUDE_CODE: &str = "claude-code";
const CODEX: &str = "codex";
const GEMINI_CLI: &str = "gemini-cli";
const OPENCODE: &str = "opencode";

/// Runs a check on every case and tells of all that fail at once.
fn each(agent: &str, check: impl Fn(&Case) -> Result<(), String>) {
    let cases = Case::all(agent);
    let failed: Vec<String> =
        cases.iter().filter_map(|case| check(case).err().map(|why| format!("{} ({})\n{why}", case.name, case.about()))).collect();
    assert!(failed.is_empty(), "{} of {} cases of {agent} fail:\n\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn reads_as_expected(case: &Case) -> Result<(), String> {
    let home = case.home();
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    case.expected.check(&mut ingest)
}

fn reads_the_same_again(case: &Case) -> Result<(), String> {
    let home = case.home();
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    assert_eq!(scan(&mut ingest), 0, "{}: nothing has changed", case.name);
    // Another reader whose store has the sums but not the files reads everything a second time.
    for path in case.paths() {
        home.append(&path, b"");
        std::fs::rename(home.path().join(&path), home.path().join("moved")).unwrap();
        std::fs::copy(home.path().join("moved"), home.path().join(&path)).unwrap();
    }
    scan(&mut ingest);
    case.expected.check(&mut ingest)
}

/// Whether a store holds what one holds that has read all of a case at once.
fn holds_the_same(case: &Case, ingest: &Ingest) -> Result<(), String> {
    let home = case.home();
    let mut whole = home.fresh_reader();
    scan(&mut whole);
    let difference = difference(&whole.store, &ingest.store);
    if difference.is_empty() { Ok(()) } else { Err(difference) }
}

fn reads_the_same_while_it_is_written(case: &Case) -> Result<(), String> {
    for pieces in [2, 3, 7] {
        let mut ingest = None;
        let home = case.grow(pieces, |home| {
            scan(ingest.get_or_insert_with(|| home.fresh_reader()));
        });
        let mut ingest = ingest.unwrap_or_else(|| home.fresh_reader());
        let same = case.expected.check(&mut ingest).and_then(|()| holds_the_same(case, &ingest));
        same.map_err(|why| format!("written in {pieces} pieces:\n{why}"))?;
    }
    Ok(())
}

fn reads_the_same_line_by_line(case: &Case) -> Result<(), String> {
    let mut ingest = None;
    let home = case.grow_by_lines(|home| {
        scan(ingest.get_or_insert_with(|| home.fresh_reader()));
    });
    let mut ingest = ingest.unwrap_or_else(|| home.fresh_reader());
    case.expected.check(&mut ingest)?;
    holds_the_same(case, &ingest)
}

fn sums_are_those_of_the_rows(case: &Case) -> Result<(), String> {
    let home = case.home();
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    let report = ingest.store.rebuild().unwrap();
    let wrong = report.wrong();
    if wrong > 0 { Err(format!("{report:?}")) } else { case.expected.check(&mut ingest) }
}

#[test]
fn every_log_has_an_expectation_and_every_expectation_a_log() {
    for agent in [CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE] {
        assert_eq!(case::lonely(agent), Vec::<String>::new());
        assert!(Case::all(agent).len() > 20, "the cases of {agent} are there");
    }
}

#[test]
fn every_claude_code_case_reads_as_expected() {
    each(CLAUDE_CODE, reads_as_expected);
}

#[test]
fn every_codex_case_reads_as_expected() {
    each(CODEX, reads_as_expected);
}

#[test]
fn every_gemini_cli_case_reads_as_expected() {
    each(GEMINI_CLI, reads_as_expected);
}

#[test]
fn every_opencode_case_reads_as_expected() {
    each(OPENCODE, reads_as_expected);
}

#[test]
fn files_replaced_by_their_copies_change_nothing() {
    each(CLAUDE_CODE, reads_the_same_again);
    each(CODEX, reads_the_same_again);
    each(GEMINI_CLI, reads_the_same_again);
    each(OPENCODE, reads_the_same_again);
}

#[test]
fn a_claude_code_case_read_while_it_is_written_is_the_same() {
    each(CLAUDE_CODE, reads_the_same_while_it_is_written);
}

#[test]
fn a_codex_case_read_while_it_is_written_is_the_same() {
    each(CODEX, reads_the_same_while_it_is_written);
}

#[test]
fn a_gemini_cli_case_read_while_it_is_written_is_the_same() {
    each(GEMINI_CLI, reads_the_same_while_it_is_written);
}

#[test]
fn an_opencode_case_read_while_it_is_written_is_the_same() {
    each(OPENCODE, reads_the_same_while_it_is_written);
}

#[test]
fn an_opencode_case_read_after_each_row_is_the_same() {
    each(OPENCODE, reads_the_same_line_by_line);
}

#[test]
fn a_claude_code_case_read_after_each_line_is_the_same() {
    each(CLAUDE_CODE, reads_the_same_line_by_line);
}

#[test]
fn a_codex_case_read_after_each_line_is_the_same() {
    each(CODEX, reads_the_same_line_by_line);
}

#[test]
fn a_gemini_cli_case_read_after_each_line_is_the_same() {
    each(GEMINI_CLI, reads_the_same_line_by_line);
}

#[test]
fn the_sums_of_every_case_are_those_of_its_rows() {
    each(CLAUDE_CODE, sums_are_those_of_the_rows);
    each(CODEX, sums_are_those_of_the_rows);
    each(GEMINI_CLI, sums_are_those_of_the_rows);
    each(OPENCODE, sums_are_those_of_the_rows);
}

/// Hooks of an agent tell of one file, and it may be the only one.
#[test]
fn a_gemini_cli_log_that_is_read_alone_knows_its_session() {
    let case = Case::all(GEMINI_CLI).into_iter().find(|case| case.name == "subagent").unwrap();
    for path in case.paths().iter().filter(|path| std::path::Path::new(path).extension().is_some_and(|e| e == "jsonl")) {
        let home = case.home();
        let mut ingest = home.fresh_reader();
        ingest.look_at(&home.path().join(path)).unwrap();
        let found = sessions(&mut ingest, 1_800_000_000_000);
        let uids: Vec<&str> = found.iter().map(|s| &*s.uid).collect();
        let (main, subagent) = ("6e3a1f00-0000-4000-8000-000000000012", "6e3a1f00-0000-4000-8000-000000000013");
        let is_subagent = path.contains(subagent);
        assert_eq!(uids, [if is_subagent { format!("{main}/{subagent}") } else { main.to_owned() }]);
        assert_eq!((found[0].sums.calls, &*found[0].project), (2, "api"));
    }
}
