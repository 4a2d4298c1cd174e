//! However a history is spread over machines, brought together by archives it is the one that all logs give.

use std::collections::BTreeSet;

use aifinops::model::AgentId;
use aifinops::pricing::{Book, Pricer};
use aifinops::sources;
use aifinops::store::archive::{self, Counts, Imported};
use aifinops::store::{Memory, Store};
use proptest::prelude::*;

use super::dump::dump;
use super::{Log, is_sound, logs, plain, same, steps};
use crate::home::{Home, scan};

fn known(agent: &str) -> Option<AgentId> {
    sources::by_agent(agent).map(sources::Source::agent)
}

fn export(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.export(&mut bytes, "desk", 1_795_000_000_000, &mut |_| Ok(())).unwrap();
    bytes
}

fn import(store: &Store, bytes: &[u8]) -> Imported {
    let contents = archive::check(bytes, &known).unwrap();
    let imported = store.import(bytes, &known, &mut Memory::default(), &mut Pricer::new(Book::embedded())).unwrap();
    assert_eq!(imported.contents, contents);
    imported
}

/// Who has what: for each log a bit for each of three machines; no bit is all of them.
fn spread() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..8_u8, 12)
}

/// A machine with some of the logs. Where a log goes on from another one's history, the other one is there as well: what an
/// agent does not have it cannot have copied.
fn machine(logs: &[Log], spread: &[u8], bit: u8) -> Option<Home> {
    let mut wanted: BTreeSet<usize> =
        (0..logs.len()).filter(|i| spread[i % spread.len()] == 0 || spread[i % spread.len()] & bit != 0).collect();
    for (i, log) in logs.iter().enumerate().rev() {
        if let Some((of, _)) = log.after.filter(|_| wanted.contains(&i)) {
            wanted.insert(of);
        }
    }
    let home = Home::new();
    for i in &wanted {
        home.append(&logs[*i].path, &logs[*i].bytes());
    }
    (!wanted.is_empty()).then_some(home)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histories_of_several_machines_merge_into_the_one_of_all_logs(
        claude in steps(), codex in steps(), spread in spread(), order in prop::collection::vec(0..3_usize, 0..6),
    ) {
        let logs = logs(&claude, &codex);
        let expected = plain(&logs);
        let stores: Vec<_> = [1, 2, 4].into_iter().filter_map(|bit| machine(&logs, &spread, bit)).map(|home| {
            let mut ingest = home.fresh_reader();
            scan(&mut ingest);
            (home, ingest)
        }).collect();
        let archives: Vec<Vec<u8>> = stores.iter().map(|(_, ingest)| export(&ingest.store)).collect();
        // An empty machine takes them in any order and any number of times, and each once at least.
        let mut empty = Store::in_memory().unwrap();
        for i in order.iter().map(|i| i % archives.len()).chain(0..archives.len()) {
            import(&empty, &archives[i]);
        }
        same(&expected, &dump(&empty))?;
        is_sound(&mut empty);
        // And so does each that has read logs itself.
        for (_, mut ingest) in stores {
            for archive in &archives {
                import(&ingest.store, archive);
            }
            same(&expected, &dump(&ingest.store))?;
            is_sound(&mut ingest.store);
        }
    }

    #[test]
    fn an_archive_and_the_logs_that_it_was_made_from_count_once(claude in steps(), codex in steps()) {
        let logs = logs(&claude, &codex);
        let home = super::whole(&logs);
        let mut ingest = home.fresh_reader();
        scan(&mut ingest);
        let expected = dump(&ingest.store);
        let archive = export(&ingest.store);
        prop_assert_eq!(import(&ingest.store, &archive).new, Counts::default());
        same(&expected, &dump(&ingest.store))?;
        prop_assert_eq!(export(&ingest.store), archive.clone());

        let store = Store::in_memory().unwrap();
        import(&store, &archive);
        same(&expected, &dump(&store))?;
        let mut later = home.reader(store);
        scan(&mut later);
        same(&expected, &dump(&later.store))?;
        is_sound(&mut later.store);
    }
}

/// A line of a gateway that gives every response the same id.
fn answer(session: &str, hour: u32, input: u32) -> String {
    format!(
        r#"{{"type":"assistant","sessionId":"{session}","uuid":"{session}-{hour}","requestId":"req","timestamp":"2026-03-02T{hour:02}:00:00.000Z","cwd":"/w","message":{{"id":"msg","role":"assistant","model":"claude-sonnet-4-5","stop_reason":"end_turn","content":[],"usage":{{"input_tokens":{input},"output_tokens":10}}}}}}"#
    ) + "\n"
}

#[test]
fn a_call_whose_id_another_session_has_taken_here_is_the_same_call_elsewhere() {
    const SESSIONS: [&str; 3] =
        ["aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", "aaaaaaaa-0000-4000-8000-000000000003"];
    let reader = |which: &[usize]| {
        let home = Home::new();
        for i in which {
            let hour = 8 + u32::try_from(*i).unwrap();
            home.append(&format!(".claude/projects/-w/{}.jsonl", SESSIONS[*i]), answer(SESSIONS[*i], hour, hour).as_bytes());
        }
        let mut ingest = home.fresh_reader();
        for i in which {
            assert!(ingest.look_at(&home.path().join(format!(".claude/projects/-w/{}.jsonl", SESSIONS[*i]))).unwrap().failed.is_empty());
        }
        (home, ingest)
    };
    let (_all, all) = reader(&[0, 1, 2]);
    let expected = dump(&all.store);
    assert_eq!(all.store.row_counts().unwrap(), (3, 0));
    let whole = export(&all.store);
    for which in [&[0][..], &[1], &[2], &[2, 1], &[1, 2], &[2, 0]] {
        let (_home, mut some) = reader(which);
        let part = export(&some.store);
        import(&some.store, &whole);
        assert_eq!(expected.difference(&dump(&some.store)), "", "{which:?} and all");
        is_sound(&mut some.store);
        assert_eq!(import(&all.store, &part).new, Counts::default());
        assert_eq!(expected.difference(&dump(&all.store)), "", "all and {which:?}");
    }
}

#[test]
fn an_archive_that_is_not_whole_or_not_ours_changes_nothing_and_says_why() {
    let home = Home::new();
    home.append(".claude/projects/-w/a.jsonl", answer("aaaaaaaa-0000-4000-8000-000000000001", 8, 1000).as_bytes());
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    let whole = export(&ingest.store);
    let why = |bytes: &[u8]| archive::check(bytes, &known).unwrap_err().to_string();
    for end in 0..whole.len() {
        archive::check(&whole[..end], &known).unwrap_err();
    }
    assert_eq!(why(&[]), "it is no history of aifinops: it is too short");
    assert_eq!(why(b"{\"aifinops_history\":1}\n"), "it is no history of aifinops: it is not compressed by gzip, or damaged from its start");
    assert!(why(&whole[..whole.len() - 12]).starts_with("it is cut off after line "), "{}", why(&whole[..whole.len() - 12]));
    let mut torn = whole.clone();
    let last = torn.len() - 6;
    torn[last] ^= 1;
    assert!(why(&torn).contains("its compression does not fit"), "the checksum at the end is compared: {}", why(&torn));

    let head = r#"{"aifinops_history":1,"version":"9.9.9"}"#;
    let session = r#"{"session":{"agent":"claude-code","uid":"s"}}"#;
    let end = |sessions: u64, calls: u64| format!(r#"{{"end":{{"sessions":{sessions},"calls":{calls}}}}}"#);
    let call = r#"{"call":{"key":"00000000000000ff","session":0,"task":"0000000000000001","at":1795000000000,"output":7}}"#;
    let sound = [head, session, call, &end(1, 1)];
    assert_eq!(archive::check(&*gzip(&sound), &known).unwrap().counts, Counts { sessions: 1, calls: 1, ..Counts::default() });
    for (lines, expected) in [
        (vec![session], "its first line does not say so"),
        (vec![r#"{"aifinops_history":2,"version":"9.9.9"}"#], "it was written by aifinops 9.9.9 in format 2, and this one reads up to 1"),
        (vec![head, session, call], "it is cut off after line 3"),
        (vec![head, session, call, &end(1, 2)], "line 4 is damaged: there is not as much as it says"),
        (vec![head, session, call, &end(1, 1), call], "line 5 is damaged: there is something behind the end"),
        (vec![head, call], "line 2 is damaged: a session that is not there"),
        (vec![head, session, call, session], "line 4 is damaged: a session without an id, or behind what belongs to sessions"),
        (
            vec![head, r#"{"session":{"agent":"nobody","uid":"s"}}"#],
            "it holds sessions of `nobody`, an agent that this aifinops does not know",
        ),
        (vec![head, "not json"], "line 2 is damaged: expected ident"),
        (vec![head, session, &call.replace("\"at\":1795000000000,", "")], "line 3 is damaged: missing field `at`"),
        (vec![head, session, &call.replace("1795000000000", "-1")], "line 3 is damaged: a time that cannot be"),
        (vec![head, session, &call.replace(":7}", ":18446744073709551615}")], "line 3 is damaged: a number that cannot be"),
        (vec![head, session, &call.replace("00000000000000ff", "ff")], "line 3 is damaged: a key has 16 hexadecimal digits"),
        (
            vec![head, session, &call.replace("\"output\":7", "\"reported\":9223372036854775807")],
            "line 3 is damaged: a cost that cannot be",
        ),
        (vec![head, &"x".repeat(2 << 20)], "line 2 is damaged: it is too long"),
    ] {
        let found = why(&gzip(&lines));
        assert!(found.ends_with(expected), "{expected}: {found}");
    }
    // A later release may add fields and records.
    let newer = [head, &session.replace("\"uid\"", "\"remote\":\"x\",\"uid\""), r#"{"repeat":{"task":1}}"#, call, &end(1, 1)];
    let contents = archive::check(&*gzip(&newer), &known).unwrap();
    assert_eq!((contents.unknown, contents.counts.calls), (1, 1));
}

fn gzip(lines: &[&str]) -> Vec<u8> {
    use std::io::Write as _;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for line in lines {
        gz.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    gz.finish().unwrap()
}
