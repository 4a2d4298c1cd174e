//! Which threads some Codex process holds open, read from the kernel's list of locks and never by locking.

use std::collections::HashMap;
use std::path::PathBuf;

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
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return Vec::new() };
    locks
        .lines()
        .filter_map(|line| {
            // 1: FLOCK  ADVISORY  WRITE 4242 08:01:131074 0 EOF
            let mut fields = line.split_whitespace().skip_while(|f| !matches!(*f, "READ" | "WRITE")).skip(1);
            let pid = fields.next()?.parse::<u32>().ok();
            let inode = fields.next()?.rsplit(':').next()?.parse::<u64>().ok()?;
            files.get(&inode).map(|thread| Liveness { uid: thread.clone(), state: None, pid })
        })
        .collect()
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
