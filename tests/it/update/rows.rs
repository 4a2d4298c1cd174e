//! Rows: a tree from what logs claim, sorted and grouped.

use std::collections::HashSet;
use std::sync::Arc;

use aifinops::config::Group;
use aifinops::model::Cost;
use aifinops::query::{Filter, SessionView};
use aifinops::ui::columns::{ALL, Column};
use aifinops::ui::rows::{Order, Row, rows};

use crate::screens::world::{child, priced, session, some_of_each, sums};

fn order(sort: Column) -> Order {
    Order { filter: Filter::default(), sort, reversed: false, group: Group::None, folded: HashSet::new(), fold_all: false }
}

fn arcs(sessions: Vec<SessionView>) -> Vec<Arc<SessionView>> {
    sessions.into_iter().map(Arc::new).collect()
}

fn ids(rows: &[Row]) -> Vec<i64> {
    rows.iter().filter_map(Row::id).collect()
}

/// Ids with their depths.
fn tree(rows: &[Row]) -> Vec<(i64, usize)> {
    let place = |row: &Row| match row {
        Row::Session { session, depth, .. } => Some((session.id, *depth)),
        Row::Group { .. } => None,
    };
    rows.iter().filter_map(place).collect()
}

fn with_parent(mut session: SessionView, parent: &str) -> SessionView {
    session.parent = Some(Arc::from(parent));
    session
}

#[test]
fn children_stand_below_their_parents() {
    let all = arcs(some_of_each());
    assert_eq!(tree(&rows(&all, &order(Column::Today))), [(1, 0), (2, 1), (3, 1), (4, 0), (5, 1), (7, 0), (9, 0), (6, 0), (8, 0)]);
}

#[test]
fn the_last_child_is_marked_as_such() {
    let all = arcs(some_of_each());
    let last: Vec<bool> = rows(&all, &order(Column::Today)).iter().map(|r| matches!(r, Row::Session { last: true, .. })).collect();
    assert_eq!(last, [false, false, true, false, true, false, false, false, false]);
}

#[test]
fn a_child_without_its_parent_stands_alone() {
    let mut sessions = some_of_each();
    sessions.remove(0);
    let all = arcs(sessions);
    assert!(tree(&rows(&all, &order(Column::Today))).contains(&(2, 0)));
    // The same when a filter takes the parent away, or the parent belongs to another agent.
    let all = arcs(some_of_each());
    let filtered = Order { filter: Filter::parse("explore"), ..order(Column::Today) };
    assert_eq!(tree(&rows(&all, &filtered)), [(2, 0)]);
    let foreign = SessionView { agent: Arc::from("codex"), ..child(2, &session(1, "a"), "x") };
    assert_eq!(tree(&rows(&arcs(vec![session(1, "a"), foreign]), &order(Column::Age))), [(1, 0), (2, 0)]);
}

#[test]
fn parents_in_a_circle_are_listed_once_in_every_grouping() {
    let uid = |s: &SessionView| s.uid.to_string();
    let (a, b, c, own) = (session(1, "a"), session(2, "b"), session(3, "c"), session(4, "d"));
    let (to_a, to_b, to_c, to_own) = (uid(&a), uid(&b), uid(&c), uid(&own));
    let circle = arcs(vec![with_parent(a, &to_b), with_parent(b, &to_c), with_parent(c, &to_a), with_parent(own, &to_own)]);
    for group in Group::ALL {
        for fold_all in [false, true] {
            let made = rows(&circle, &Order { group: *group, fold_all, ..order(Column::Today) });
            let mut listed = ids(&made);
            listed.sort_unstable();
            let folded: usize = made.iter().map(|r| if let Row::Session { folded, .. } = r { *folded } else { 0 }).sum();
            assert_eq!(listed.len() + folded, 4, "{group} {fold_all}: {listed:?}");
            listed.dedup();
            assert_eq!(listed.len() + folded, 4, "{group} {fold_all}: twice in {listed:?}");
            let heads: usize = made.iter().map(|r| if let Row::Group { sessions, .. } = r { *sessions } else { 0 }).sum();
            assert!(heads == 0 && *group == Group::None || heads == 4, "{group}: {heads} counted");
        }
    }
}

#[test]
fn a_chain_of_any_length_is_no_danger() {
    let mut chain = vec![session(1, "p")];
    for id in 2..=30_000 {
        let parent = chain.last().unwrap().uid.to_string();
        chain.push(with_parent(session(id, "p"), &parent));
    }
    let chain = arcs(chain);
    assert_eq!(rows(&chain, &order(Column::Today)).len(), 30_000);
    let folded = Order { folded: HashSet::from([1]), ..order(Column::Today) };
    assert_eq!(rows(&chain, &folded).len(), 1);
}

#[test]
fn every_order_is_a_permutation_and_its_reverse_the_reverse() {
    let mut flat = some_of_each();
    for session in &mut flat {
        session.parent = None;
    }
    let flat = arcs(flat);
    for column in ALL {
        let forth = ids(&rows(&flat, &order(*column)));
        let mut sorted = forth.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=9).collect::<Vec<_>>(), "{column:?}");
        let back = ids(&rows(&flat, &Order { reversed: true, ..order(*column) }));
        assert_eq!(back, forth.into_iter().rev().collect::<Vec<_>>(), "{column:?}");
    }
    let tree = arcs(some_of_each());
    for column in ALL {
        for reversed in [false, true] {
            let mut all = ids(&rows(&tree, &Order { reversed, ..order(*column) }));
            all.sort_unstable();
            assert_eq!(all, (1..=9).collect::<Vec<_>>(), "{column:?}");
        }
    }
}

#[test]
fn numbers_fall_and_names_rise() {
    let dear = SessionView { sums: sums(9, 900), today: priced(900), ..session(1, "b") };
    let cheap = SessionView { sums: sums(2, 1), today: priced(1), ..session(2, "a") };
    let both = arcs(vec![cheap, dear]);
    assert_eq!(ids(&rows(&both, &order(Column::Today))), [1, 2]);
    assert_eq!(ids(&rows(&both, &order(Column::Steps))), [1, 2]);
    assert_eq!(ids(&rows(&both, &order(Column::Project))), [2, 1]);
}

#[test]
fn the_column_of_the_span_is_sorted_by_what_it_shows() {
    // Over seven days the first has cost more; today it has cost nothing.
    let week = SessionView { sums: sums(90, 900), today: Cost::default(), ..session(1, "a") };
    let today = SessionView { sums: sums(2, 100), today: priced(100), ..session(2, "b") };
    assert_eq!(ids(&rows(&arcs(vec![today, week]), &order(Column::Today))), [1, 2]);
}

#[test]
fn a_folded_family_shows_its_sum_and_is_sorted_by_it() {
    let parent = SessionView { sums: sums(1, 10), today: priced(10), ..session(1, "a") };
    let child = SessionView { sums: sums(9, 500), today: priced(500), ..child(2, &parent, "x") };
    let other = SessionView { sums: sums(5, 200), today: priced(200), ..session(3, "b") };
    let all = arcs(vec![parent, child, other]);
    assert_eq!(ids(&rows(&all, &order(Column::Today))), [3, 1, 2]);
    let folded = rows(&all, &Order { fold_all: true, ..order(Column::Today) });
    assert_eq!(ids(&folded), [1, 3]);
    let Row::Session { session, folded, .. } = &folded[0] else { panic!("no session") };
    assert_eq!((*folded, session.today.known, session.cost().known), (1, priced(510).known, priced(510).known));
}

#[test]
fn groups_add_up_and_the_dearest_is_first() {
    let all = arcs(some_of_each());
    for group in [Group::Project, Group::Agent, Group::Model] {
        let made = rows(&all, &Order { group, ..order(Column::Today) });
        let heads: Vec<(usize, Cost)> = made
            .iter()
            .filter_map(|r| if let Row::Group { sessions, sum, .. } = r { Some((*sessions, sum.cost())) } else { None })
            .collect();
        assert_eq!(heads.iter().map(|(n, _)| n).sum::<usize>(), 9, "{group}");
        assert!(heads.is_sorted_by(|a, b| a.1.known >= b.1.known), "{group}");
        let total = all.iter().fold(Cost::default(), |sum, s| sum + s.cost());
        assert_eq!(heads.iter().fold(Cost::default(), |sum, (_, cost)| sum + *cost), total, "{group}");
    }
}

#[test]
fn the_root_directory_is_a_project_too() {
    for (cwd, project) in [(Some("/"), "/"), (Some("/code/api/"), "api"), (Some("C:\\work\\web"), "web"), (Some(""), ""), (None, "")] {
        assert_eq!(&*aifinops::query::project_of(cwd), project, "{cwd:?}");
    }
}
