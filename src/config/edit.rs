//! `config set` and `config unset`: one value changes, every comment and the order stay.

use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Key, Table, TableLike};

use super::Problem;
use super::input::Shape;
use super::layer::{check, outside, unknown};
use super::lines::{cut, find, find_mut, uncomment};
use super::node::{Node, Raw, dotted};
use super::registry::{Entry, Settings};
use super::write::{read, write};

/// Why a value was not written. The file is untouched.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key, or not in the file.
    #[error("{key}: {hint}")]
    UnknownKey {
        /// As given.
        key: String,
        /// What there is instead.
        hint: String,
    },
    /// The value is not laid out as it should be.
    #[error("{key}: {reason}; allowed: {allowed}")]
    Value {
        /// As given.
        key: String,
        /// What is wrong.
        reason: String,
        /// The allowed values.
        allowed: String,
    },
    /// The key stands below something that is not a table.
    #[error("{key}: `{parent}` is set to a single value in the file; remove it with `aifinops config unset {parent}` first")]
    NotATable {
        /// As given.
        key: String,
        /// What is in the way.
        parent: String,
    },
    /// The file is broken already: whoever wrote it should mend it.
    #[error("{0}; mend the file first")]
    Broken(Problem),
    /// The file would have a problem afterwards.
    #[error("{0}; nothing was written")]
    Refused(Problem),
    /// The file could not be read or written.
    #[error("{path}: {source}; nothing was changed, check that the directory exists and belongs to you", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Sets a key in the file, which is created (for its owner only) where it does not exist.
///
/// `key` is dotted (`theme`, `currency.code`, `prices."gpt-x".input`); `value` is laid out as in a variable. What
/// would be a problem afterwards is refused, and the file stays as it was.
pub fn set(file: &Path, key: &str, value: &str) -> Result<(), ConfigError> {
    set_at(file, None, key, value)
}

/// As [`set`], in the file of these settings and with the price list in their data directory.
pub fn set_in(settings: &Settings, key: &str, value: &str) -> Result<(), ConfigError> {
    set_at(&settings.config_file, Some(&settings.data_dir), key, value)
}

/// Sets a whole table in the file of these settings: its parts as texts, a list as TOML writes it. What was there before
/// at other keys of the table leaves it.
pub fn set_table(settings: &Settings, path: &[&str], parts: &[(&str, String)]) -> Result<(), ConfigError> {
    let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
    let node = |text: &str| if text.starts_with('[') { Node::array(text) } else { None }.unwrap_or_else(|| Node::text(text));
    let parts = parts.iter().map(|(name, text)| ((*name).to_owned(), node(text))).collect();
    set_node(&settings.config_file, Some(&settings.data_dir), &key(&path), &path, &Node::map(parts))
}

fn set_at(file: &Path, data_dir: Option<&Path>, key: &str, value: &str) -> Result<(), ConfigError> {
    let path = split(key)?;
    let (entry, shape) = known(key, &path)?;
    let node = shape.parse(value).map_err(|reason| ConfigError::Value { key: key.to_owned(), reason, allowed: (entry.allowed)() })?;
    set_node(file, data_dir, key, &path, &node)
}

fn set_node(file: &Path, data_dir: Option<&Path>, key: &str, path: &[String], node: &Node) -> Result<(), ConfigError> {
    let before = read(file)?.unwrap_or_default();
    let mut doc = edit(&before, file)?;
    let after = if let Some(text) = uncomment(&before, &doc, path, node) {
        text
    } else {
        put(&mut doc, key, path, node)?;
        doc.to_string()
    };
    commit(file, data_dir, path, (&before, &after))
}

/// Removes a key from the file, so that its default holds again; nothing happens when it is not there.
pub fn unset(file: &Path, key: &str) -> Result<(), ConfigError> {
    unset_at(file, None, key)
}

/// As [`unset`], in the file of these settings and with the price list in their data directory.
pub fn unset_in(settings: &Settings, key: &str) -> Result<(), ConfigError> {
    unset_at(&settings.config_file, Some(&settings.data_dir), key)
}

/// As [`unset_in`], by the parts of the key.
pub fn unset_path(settings: &Settings, path: &[&str]) -> Result<(), ConfigError> {
    let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
    unset_node(&settings.config_file, Some(&settings.data_dir), &key(&path), &path)
}

/// A dotted key from its parts, quoted where they need it.
#[must_use]
pub fn key<T: AsRef<str>>(path: &[T]) -> String {
    dotted(path.iter().map(AsRef::as_ref))
}

fn unset_at(file: &Path, data_dir: Option<&Path>, key: &str) -> Result<(), ConfigError> {
    unset_node(file, data_dir, key, &split(key)?)
}

fn unset_node(file: &Path, data_dir: Option<&Path>, key: &str, path: &[String]) -> Result<(), ConfigError> {
    let before = read(file)?.unwrap_or_default();
    let mut doc = edit(&before, file)?;
    let (Some((last, parents)), true) = (path.split_last(), find(doc.as_table(), path).is_some()) else {
        return known(key, path).map(|_| ());
    };
    let after = if let Some(text) = cut(&before, path) {
        text
    } else {
        if let Some(gone) = find_mut(doc.as_table_mut(), parents).and_then(|table| table.remove(last)) {
            keep_comments(&mut doc, &gone);
        }
        doc.to_string()
    };
    commit(file, data_dir, path, (&before, &after))
}

/// Comments before a table belong to whoever wrote them: they stay when it goes, before the table that comes next, or at the end.
fn keep_comments(doc: &mut DocumentMut, gone: &Item) {
    let mut heads = Vec::new();
    tables(gone, &mut |table| heads.push((table.position(), prefix(table).to_owned())));
    heads.sort();
    let Some((position, _)) = heads.first().cloned() else { return };
    let text: String = heads.into_iter().map(|(_, text)| text).collect();
    if text.trim().is_empty() {
        return;
    }
    let text = format!("{}\n", text.trim_end());
    let mut next: Option<isize> = None;
    tables(doc.as_item(), &mut |table| {
        if let Some(at) = table.position().filter(|at| Some(*at) > position && next.is_none_or(|next| *at < next)) {
            next = Some(at);
        }
    });
    if let Some(table) = next.and_then(|at| at_position(doc.as_table_mut(), at)) {
        let before = format!("{text}{}", prefix(table));
        table.decor_mut().set_prefix(before);
    } else {
        let end = format!("{text}{}", doc.trailing().as_str().unwrap_or_default());
        doc.set_trailing(end);
    }
}

/// What stands before a table's head.
fn prefix(table: &Table) -> &str {
    table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default()
}

/// Each table with a head of its own, with those below it.
fn tables(item: &Item, see: &mut dyn FnMut(&Table)) {
    match item {
        Item::Table(table) => {
            if !table.is_implicit() && !table.is_dotted() {
                see(table);
            }
            table.iter().for_each(|(_, below)| tables(below, see));
        }
        Item::ArrayOfTables(list) => list.iter().for_each(|table| {
            see(table);
            table.iter().for_each(|(_, below)| tables(below, see));
        }),
        Item::None | Item::Value(_) => {}
    }
}

/// The table whose head stands there.
fn at_position(table: &mut Table, at: isize) -> Option<&mut Table> {
    if table.position() == Some(at) && !table.is_implicit() && !table.is_dotted() {
        return Some(table);
    }
    table.iter_mut().find_map(|(_, item)| match item {
        Item::Table(below) => at_position(below, at),
        Item::ArrayOfTables(list) => list.iter_mut().find_map(|below| at_position(below, at)),
        Item::None | Item::Value(_) => None,
    })
}

/// The parts of a dotted key. A model's name may have dots of its own without being quoted.
fn split(key: &str) -> Result<Vec<String>, ConfigError> {
    let unknown = |hint: String| ConfigError::UnknownKey { key: key.to_owned(), hint };
    if let Some(rest) = key.strip_prefix("prices.").filter(|rest| !rest.contains(['"', '\''])) {
        let field = |(_, field): &(&str, &str)| Shape::Card.at(&[(*field).to_owned()]).is_some();
        return Ok(match rest.rsplit_once('.').filter(field) {
            Some((model, field)) => vec!["prices".to_owned(), model.to_owned(), field.to_owned()],
            None => vec!["prices".to_owned(), rest.to_owned()],
        });
    }
    // A card's name has blanks, a host's a colon.
    if let Some(rest) = key.strip_prefix("gpu_prices.").filter(|rest| !rest.contains(['"', '\'', '.'])) {
        return Ok(vec!["gpu_prices".to_owned(), rest.to_owned()]);
    }
    let keys = Key::parse(key).map_err(|error| unknown(format!("is no key: {}", error.message().trim())))?;
    Ok(keys.iter().map(|key| key.get().to_owned()).collect())
}

/// The entry and the shape of a key of the file.
fn known(key: &str, path: &[String]) -> Result<(&'static Entry, Shape), ConfigError> {
    let stranger = |hint: String| ConfigError::UnknownKey { key: key.to_owned(), hint };
    let Some((name, below)) = path.split_first() else { return Err(stranger(unknown(key))) };
    let entry = Entry::find(name).ok_or_else(|| stranger(unknown(name)))?;
    if !entry.in_file {
        return Err(stranger(outside(entry)));
    }
    let shape = entry.shape.at(below).ok_or_else(|| stranger(format!("unknown key; allowed below `{name}`: {}", (entry.allowed)())))?;
    Ok((entry, shape))
}

fn edit(text: &str, file: &Path) -> Result<DocumentMut, ConfigError> {
    text.parse().map_err(|_| match check(text, file, None).into_iter().next() {
        Some(problem) => ConfigError::Broken(problem),
        None => ConfigError::Io { path: file.to_owned(), source: io::ErrorKind::InvalidData.into() },
    })
}

/// Puts a value at its key; a table replaces what was below it.
fn put(doc: &mut DocumentMut, key: &str, path: &[String], node: &Node) -> Result<(), ConfigError> {
    if let Raw::Map(parts) = &node.raw {
        if let Some(table) = find_mut(doc.as_table_mut(), path) {
            let names: Vec<_> = table.iter().map(|(name, _)| name.to_owned()).collect();
            for name in names.iter().filter(|name| parts.iter().all(|(part, _)| part != *name)) {
                table.remove(name);
            }
        }
        return parts.iter().try_for_each(|(name, part)| put(doc, key, &[path, std::slice::from_ref(name)].concat(), part));
    }
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    open(doc, parents);
    let not_a_table = || ConfigError::NotATable { key: key.to_owned(), parent: dotted(parents.iter().map(String::as_str)) };
    let table = find_mut(doc.as_table_mut(), parents).ok_or_else(not_a_table)?;
    let mut value = node.to_value();
    match table.get_mut(last) {
        Some(Item::Value(old)) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        Some(other) => *other = Item::Value(value),
        None => drop(table.insert(last, Item::Value(value))),
    }
    Ok(())
}

/// Makes the tables that a key stands in. A new one comes last of all, below any comment at the end of the file: above
/// it, a commented key there would come to belong to the table.
fn open(doc: &mut DocumentMut, parents: &[String]) {
    let trailing = doc.trailing().as_str().unwrap_or_default().to_owned();
    let mut table: &mut dyn TableLike = doc.as_table_mut();
    let mut made = false;
    for (at, name) in parents.iter().enumerate() {
        if !table.contains_key(name) {
            let mut new = Table::new();
            new.set_position(Some(isize::MAX));
            new.set_implicit(at + 1 < parents.len());
            if !new.is_implicit() {
                new.decor_mut().set_prefix(if trailing.is_empty() { "\n".to_owned() } else { format!("{trailing}\n") });
                made = true;
            }
            table.insert(name, Item::Table(new));
        }
        match table.get_mut(name).and_then(Item::as_table_like_mut) {
            Some(next) => table = next,
            None => return,
        }
    }
    if made {
        doc.set_trailing("");
    }
}

/// Writes the text unless the key is or comes to be a problem.
fn commit(file: &Path, data_dir: Option<&Path>, path: &[String], (before, after): (&str, &str)) -> Result<(), ConfigError> {
    let key = dotted(path.iter().map(String::as_str));
    let after = &with_line_ends_of(before, after);
    let old = check(before, file, data_dir);
    let about = |problem: &Problem| problem.key == key || problem.key.starts_with(&format!("{key}."));
    let new = |problem: &Problem| !old.iter().any(|other| other.key == problem.key && other.message == problem.message);
    match check(after, file, data_dir).into_iter().find(|problem| about(problem) || new(problem)) {
        Some(problem) => Err(ConfigError::Refused(problem)),
        None => write(file, after),
    }
}

/// The text with the line ends of the one before, where those were Windows' throughout: the library writes its own.
fn with_line_ends_of(before: &str, text: &str) -> String {
    let lines = before.matches('\n').count();
    if lines == 0 || before.matches("\r\n").count() < lines {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
