//! On which ports of this machine a process listens: so that an inference server is found by the card it holds, and nobody
//! else is ever knocked at.

use std::collections::{BTreeSet, HashMap};

use super::super::launch;
use crate::proc::Table;

/// What `/proc/net/tcp` calls a socket that listens.
const LISTENS: &str = "0A";
/// Parents that are looked at: a server's workers hold the card, and the one that listens has started them.
const PARENTS: usize = 3;

/// Ports by the number of their socket.
fn listening(table: &Table) -> HashMap<String, u16> {
    let mut out = HashMap::new();
    for file in ["net/tcp", "net/tcp6"] {
        for line in table.text(file).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9)) else { continue };
            let port = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            if let (LISTENS, Some(port)) = (*state, port) {
                out.insert((*inode).to_owned(), port);
            }
        }
    }
    out
}

/// The ports on which each of these processes listens, or the ones that have started it.
pub(super) fn of(table: &Table, pids: &BTreeSet<u32>) -> Vec<(u16, u32)> {
    if pids.is_empty() {
        return Vec::new();
    }
    let sockets = listening(table);
    let mut out = Vec::new();
    for pid in pids {
        // What an agent listens on is no server of models.
        let is_agent = |parent: &u32| launch::ALL.into_iter().any(|agent| table.runs(*parent, agent.programs()));
        let parents = table.ancestors(*pid).into_iter().take(PARENTS).take_while(|parent| !is_agent(parent));
        let family = std::iter::once(*pid).chain(parents);
        for one in family {
            for (_, target) in table.open(one) {
                let name = target.to_string_lossy().into_owned();
                let inode = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
                if let Some(port) = inode.and_then(|inode| sockets.get(inode)) {
                    out.push((*port, *pid));
                }
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}
