//! Parents and children, however they are entangled.

use std::collections::BTreeMap;
use std::sync::Arc;

use aifinops::attribution::{Attribution, Rule, Template};
use aifinops::model::{Batch, Dimension, Labels, SessionKind, SessionUpdate};
use aifinops::query::Labeler;
use aifinops::store::{Ledger, Store};
use proptest::prelude::*;

use crate::home::Home;

/// A store with these sessions of one agent: each with its parent and kind.
fn store(sessions: &[(Option<usize>, SessionKind)]) -> Store {
    let home = Home::new();
    let mut ingest = home.fresh_reader();
    let session = |(at, (parent, kind)): (usize, &(Option<usize>, SessionKind))| SessionUpdate {
        uid: format!("s{at}").into(),
        parent: parent.map(|parent| format!("s{parent}").into()),
        kind: *kind,
        cwd: Some((1, format!("/code/p{}", at % 3).into())),
        seen: Some((1, 2)),
        ..SessionUpdate::default()
    };
    let batch = Batch { sessions: sessions.iter().enumerate().map(session).collect(), ..Batch::default() };
    ingest.add("codex", &batch).unwrap();
    ingest.store
}

fn rule(project: &str) -> Rule {
    Rule { project: Some(project.to_owned()), set: vec![(Dimension::Team, Template::new(project, None).unwrap())], ..Rule::default() }
}

fn labeler(tags: &[usize]) -> Labeler {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(dir.path(), std::time::Duration::from_secs(2)).unwrap();
    for at in tags {
        let tag = [(Dimension::Team, Some(Arc::from(format!("tag{at}"))))];
        ledger.tag(("codex", &format!("s{at}")), &tag, 1, "me").unwrap();
    }
    let attribution = Attribution { rules: vec![rule("p1")], experiments: Vec::new() };
    Labeler::new(Arc::new(attribution), Some(&ledger)).unwrap()
}

/// The teams of all sessions, as asked about all together, and as asked about one by one.
fn teams(store: &Store, labeler: &Labeler) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let team = |labels: &Labels| labels.get(Dimension::Team).map(ToString::to_string);
    let (all, kin) = (labeler.all(store).unwrap(), store.all_kin().unwrap());
    let together = kin.iter().filter_map(|kin| Some((kin.uid.to_string(), team(all.get(&kin.id)?)?)));
    let alone = kin.iter().filter_map(|kin| Some((kin.uid.to_string(), team(&labeler.of(store, kin).unwrap())?)));
    (together.collect(), alone.collect())
}

#[test]
fn a_tag_reaches_grandchildren_and_stops_at_a_tag_of_their_own() {
    use SessionKind::{Fork, Main, Subagent};
    let store = store(&[(None, Main), (Some(0), Subagent), (Some(1), Subagent), (Some(0), Fork), (Some(3), Fork), (None, Main)]);
    let (all, alone) = teams(&store, &labeler(&[0, 2]));
    assert_eq!(all, alone);
    let of = |uid: &str| all.get(uid).map(String::as_str);
    assert_eq!(of("s1"), Some("tag0"), "its own rule says p1, and it is a part of its session's work");
    assert_eq!(of("s2"), Some("tag2"));
    assert_eq!(of("s3"), Some("tag0"));
    assert_eq!(of("s4"), Some("p1"), "a fork goes by its own rule");
    assert_eq!(of("s5"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// In a forest, all together and one by one are the same, and every value is a tag of the session or of one above it, or
    /// what a rule says of one of them. In circles, which no agent writes, it comes to an end.
    #[test]
    fn together_and_alone_are_the_same(
        parents in proptest::collection::vec((proptest::option::of(0_usize..12), 0_i64..3), 1..12),
        tags in proptest::collection::vec(0_usize..12, 0..4),
        is_forest in any::<bool>(),
    ) {
        let sessions: Vec<_> = parents.iter().enumerate().map(|(at, (parent, kind))| {
            (parent.filter(|parent| !is_forest || *parent < at), SessionKind::from_sql(*kind))
        }).collect();
        let store = store(&sessions);
        let (all, alone) = teams(&store, &labeler(&tags));
        if is_forest {
            prop_assert_eq!(&all, &alone);
            for (uid, team) in &all {
                let mut line = vec![uid[1..].parse::<usize>().unwrap()];
                while let Some(parent) = line.last().and_then(|at| sessions[*at].0) {
                    line.push(parent);
                }
                prop_assert!(line.iter().any(|at| *team == format!("tag{at}") || (team == "p1" && at % 3 == 1)), "{} {}", uid, team);
                let own = line[0];
                if tags.contains(&own) {
                    prop_assert_eq!(team, &format!("tag{own}"));
                }
            }
        }
    }
}
