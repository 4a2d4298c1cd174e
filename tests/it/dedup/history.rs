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
    sources::by_agent(agent).map(|source| source.agent())
}

fn export(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.export(&mut bytes, "desk", 1_795_000_000_000, &mut |_| ()).unwrap();
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
    let mut wanted: BTreeSet<usize> = (0..logs.len()).filter(|i| spread[i % spread.len()] == 0 || spread[i % spread.len()] & bit != 0).collect();
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
