//! The program's own source, as text without comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src`.
pub(super) struct File {
    /// Its path below `src`, with slashes.
    pub(super) path: String,
    /// Its lines, comments and tests included.
    pub(super) lines: usize,
    /// Its code without comments.
    pub(super) code: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All of them, sorted.
pub(super) fn files() -> Vec<File> {
    let mut found = Vec::new();
    let mut next = vec![root().join("src")];
    while let Some(dir) = next.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                next.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(read(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/");
    File { path, lines: text.lines().count(), code: text.lines().map(uncommented).collect::<Vec<_>>().join("\n") }
}

/// A line up to its comment. `//` inside a string is rare enough to be taken for one, but for addresses.
fn uncommented(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

impl File {
    /// The module of the house that it belongs to.
    pub(super) fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// Whether it is the library's or the program's own root.
    pub(super) fn is_root(&self) -> bool {
        self.path == "lib.rs" || self.path == "main.rs"
    }

    /// Whether it is this file, or part of this module: `store` is `store.rs` and everything in `store/`.
    pub(super) fn is_in(&self, place: &str) -> bool {
        self.path == place || self.path == format!("{place}.rs") || self.path.starts_with(&format!("{place}/"))
    }

    /// The file that must declare it, and the name there.
    pub(super) fn parent(&self) -> (String, String) {
        let stem = self.path.trim_end_matches(".rs");
        stem.rsplit_once('/')
            .map_or_else(|| ("lib.rs".to_owned(), stem.to_owned()), |(parent, name)| (format!("{parent}.rs"), name.to_owned()))
    }

    /// Whether it says `mod name;`.
    pub(super) fn declares(&self, name: &str) -> bool {
        let declaration = format!("mod {name};");
        self.code.lines().any(|line| line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ") == declaration)
    }

    /// Everything that it names of the house: `model::Millis`, `store`.
    pub(super) fn uses(&self) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for (at, word) in self.code.match_indices("crate::") {
            if !self.code[..at].ends_with(is_name_part) {
                expand(&self.code[at + word.len()..], "", &mut used);
            }
        }
        used
    }

    /// Whether it names a package: as `package::…`, or in `use package;`.
    pub(super) fn names_package(&self, package: &str) -> bool {
        self.code.match_indices(package).any(|(at, _)| {
            let (before, after) = (&self.code[..at], &self.code[at + package.len()..]);
            let begins = !before.ends_with(is_name_part) && (!before.ends_with("::") || before.ends_with(" ::"));
            begins && (after.starts_with("::") || before.ends_with("use ") && after.starts_with([';', ' ']))
        })
    }
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads a path, or a tree of paths in braces, and returns what follows it.
fn expand<'a>(text: &'a str, prefix: &str, used: &mut BTreeSet<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, prefix, used).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or_default(),
                None => return rest.strip_prefix('}').unwrap_or_default(),
            }
        }
    }
    let end = text.find(|c| !is_name_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = if prefix.is_empty() || name == "self" {
        format!("{prefix}{}", name.trim_end_matches("self"))
    } else {
        format!("{prefix}::{name}")
    };
    // Of a path like `config::Group::None` the first two names matter.
    let is_deep = path.matches("::").count() > 1;
    match rest.strip_prefix("::") {
        Some(more) if !is_deep => return expand(more, &path, used),
        Some(more) => {
            let mut ignored = BTreeSet::new();
            used.insert(path.clone());
            return expand(more, &path, &mut ignored);
        }
        None => used.insert(path),
    };
    rest.trim_start().strip_prefix("as ").map_or(rest, |alias| alias.trim_start_matches(is_name_part))
}

/// The floor of each module, as the map at the top of the library says.
pub(super) fn floors_of_the_map() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("//! |")?.split('|').map(str::trim);
        let floor = cells.next()?.parse().ok()?;
        Some((cells.next()?.trim_matches(['[', ']', '`']).to_owned(), floor))
    };
    text.lines().filter_map(row).collect()
}

/// The names of the theme files.
pub(super) fn themes() -> BTreeSet<String> {
    let files = fs::read_dir(root().join("themes")).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}
