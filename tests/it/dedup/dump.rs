//! A store's content without its own ids, so that two stores can be compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use aifinops::model::Window;
use aifinops::store::Store;
use aifinops::store::sums::{COLUMNS, Sums};

use crate::content::content;

/// Every fact that the store tells, by a name that says what it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dump(BTreeMap<String, String>);

impl Dump {
    /// The entries that differ, or nothing.
    pub(super) fn difference(&self, other: &Dump) -> String {
        let keys: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let none = "-".to_owned();
        let mut out = String::new();
        for key in keys {
            let (mine, theirs) = (self.0.get(key).unwrap_or(&none), other.0.get(key).unwrap_or(&none));
            if mine != theirs {
                let _ = writeln!(out, "{key}\n    expected {mine}\n    is       {theirs}");
            }
        }
        out
    }
}

fn words(sums: &Sums) -> String {
    let told = COLUMNS.iter().zip(sums.to_array()).filter(|(_, n)| *n != 0);
    told.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
}

/// Sums by session, quarter of an hour and model; tasks; what is told of each session; and every record.
pub(super) fn dump(store: &Store) -> Dump {
    let mut all = BTreeMap::new();
    let sessions = store.sessions(Window::ALL).unwrap();
    let names: HashMap<i64, &str> = sessions.iter().map(|s| (s.id, &*s.uid)).collect();
    for s in &sessions {
        let place = (&s.cwd, &s.branch, &s.version, &s.role);
        let now = (&s.model, s.context, s.window, s.turn);
        let told = format!("{:?} of {:?}, {:?} to {:?}, {place:?}, {now:?}", s.kind, s.parent, s.started_at, s.last_at);
        all.insert(format!("{} session {}", s.agent, s.uid), told);
        for task in store.tasks(s.id).unwrap() {
            all.insert(format!("task {:016x} of {}", task.key.0, s.uid), words(&task.sums));
        }
        for tool in store.tools(s.id).unwrap() {
            all.insert(format!("tool {} of {}", tool.name, s.uid), format!("{} calls, {} failures", tool.calls, tool.failures));
        }
    }
    for slot in store.slots(Window::ALL).unwrap() {
        if !slot.sums.is_zero() {
            let model = slot.model.as_deref().unwrap_or("no model");
            all.insert(format!("sums of {} at {} with {model}", names[&slot.session], slot.at), words(&slot.sums));
        }
    }
    all.extend(content(store).into_iter().map(|(record, times)| (record, times.to_string())));
    Dump(all)
}
