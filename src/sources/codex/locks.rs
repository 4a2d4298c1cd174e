//! Which threads some Codex process holds open, read from the kernel's list of locks and never by locking.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::proc::{Held, Table};
use crate::sources::Liveness;

/// The threads whose writer lock is held. Empty where the system has no `/proc/locks`.
pub(super) fn held(roots: &[PathBuf]) -> Vec<Liveness> {
    let mut files: HashMap<u64, String> = HashMap::new();
    for dir in roots.iter().filter(|r| r.ends_with("sessions")).filter_map(|r| r.parent()) {
        let Ok(entries) = std::fs::read_dir(dir.join("thread-writer-locks")) else { continue };
        for entry in entries.flatten() {
            let thread = entry.path().file_stem().and_then(|s| s.to_str()).map(str::to_owned);
            if let (Some(thread), Some(inode)) = (thread, inode(&entry)) {
                files.insert(inode, thread);
            }
        }
    }
    if files.is_empty() {
        return Vec::new();
    }
    let locks = Table::default().locks();
    let live = |held: &Held| files.get(&held.inode).map(|thread| Liveness { uid: thread.clone(), state: None, pid: held.pid });
    locks.iter().filter_map(live).collect()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no inodes")]
fn inode(entry: &std::fs::DirEntry) -> Option<u64> {
    use std::os::unix::fs::DirEntryExt as _;
    Some(entry.ino())
}

#[cfg(not(unix))]
fn inode(_entry: &std::fs::DirEntry) -> Option<u64> {
    None
}
