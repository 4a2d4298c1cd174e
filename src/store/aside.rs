//! Databases that are damaged: marked by who meets the damage, moved aside by who may begin another.

use std::fs;
use std::path::{Path, PathBuf};

/// The file whose being there says that the database was found damaged.
pub(super) fn mark(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-damaged");
    PathBuf::from(name)
}

/// Renames the damaged database and its log to names that are free.
pub(super) fn set_aside(path: &Path) -> PathBuf {
    let name = |n: u32, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{n}{suffix}"));
        PathBuf::from(name)
    };
    let n = (1..1000).find(|n| !name(*n, "").exists()).unwrap_or(1000);
    for suffix in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(suffix);
        let _ = fs::rename(&from, name(n, suffix));
    }
    let _ = fs::remove_file(mark(path));
    name(n, "")
}
