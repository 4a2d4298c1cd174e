//! Whether others could read what is stored: told, and put right where it is ours.
//!
//! Why here: the store makes its files private, but a copy, a backup or an older umask may have left them open. A
//! directory is only closed where nothing but the store lies in it: it may be one that others are meant to enter.

use std::path::{Path, PathBuf};

/// What the store and the price list put into their directory; names of everything else begin otherwise.
#[cfg(unix)]
const OURS: [&str; 12] = [
    "catch-up.",
    "aifinops.db",
    "gpus.db",
    "proxies.lock",
    "writer.lock",
    "prices.tsv",
    "ledger.db",
    "gateways.db",
    "caps.last.toml",
    "experiments.last.toml",
    "policy.last.toml",
    "aifinops.log",
];

/// A file or directory that others could read.
#[derive(Debug, Clone)]
pub struct Loose {
    /// Which.
    pub path: PathBuf,
    /// Its rights as they were found.
    pub mode: u32,
    /// Whether they could be taken from the others.
    pub tightened: bool,
}

impl Loose {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let Loose { path, mode, tightened } = self;
        let path = path.display();
        if *tightened {
            format!("{path} was open to others (mode {mode:04o}); now it is yours alone")
        } else {
            format!("{path} is open to others (mode {mode:04o}); `chmod go= {path}` makes it yours alone")
        }
    }
}

/// Looks at the data directory and what lies in it, and closes what is this user's own.
#[cfg(unix)]
#[must_use]
pub fn tighten(dir: &Path) -> Vec<Loose> {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use crate::proc::Table;

    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        OURS.iter().any(|begin| name.starts_with(begin))
    };
    let alone = entries.iter().all(is_ours);
    // Root may change everybody's files, and is not asked to.
    let user = Table::default().user(std::process::id());
    let close = |path: &Path, meta: &fs::Metadata, may: bool| {
        let mode = meta.permissions().mode() & 0o7777;
        let own = may && user.is_none_or(|user| user == meta.uid());
        let private = fs::Permissions::from_mode(mode & !0o077);
        (mode & 0o077 != 0).then(|| Loose { path: path.to_path_buf(), mode, tightened: own && fs::set_permissions(path, private).is_ok() })
    };
    let mut found: Vec<Loose> = fs::metadata(dir).ok().and_then(|meta| close(dir, &meta, alone)).into_iter().collect();
    for path in entries.iter().filter(|path| is_ours(path)) {
        // What a link leads to is not ours to change.
        let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
        found.extend(meta.and_then(|meta| close(path, &meta, true)));
    }
    found
}

/// Where there are no such rights, there is nothing to look at.
#[cfg(not(unix))]
#[must_use]
pub fn tighten(_: &Path) -> Vec<Loose> {
    Vec::new()
}

/// The configuration file and its directory, where others may write to them: caps are what it says. That others may read it is usual: it
/// holds no secrets, and is often a link into files that are shared.
#[cfg(unix)]
#[must_use]
pub fn writable(config: &Path) -> Vec<Loose> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o7777);
    let loose = |path: &Path, mode| Loose { path: path.to_path_buf(), mode, tightened: false };
    let file = mode(config).filter(|mode| mode & 0o022 != 0).map(|mode| loose(config, mode));
    // In one that everybody writes to, as /tmp, nobody replaces another one's file.
    let around = config.parent().filter(|_| config.exists());
    let directory = around.and_then(|dir| Some((dir, mode(dir).filter(|mode| mode & 0o022 != 0 && mode & 0o1000 == 0)?)));
    file.into_iter().chain(directory.map(|(dir, mode)| loose(dir, mode))).collect()
}

/// Where there are no such rights, there is nothing to look at.
#[cfg(not(unix))]
#[must_use]
pub fn writable(_: &Path) -> Vec<Loose> {
    Vec::new()
}
