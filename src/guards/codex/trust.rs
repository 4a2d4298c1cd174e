//! Trust in hooks: `[hooks.state."KEY"] trusted_hash = "sha256:…"` in Codex' `config.toml`.
//!
//! The key is the hook's place, `FILE:EVENT:GROUP:HANDLER`; the hash is of what it does: SHA-256 of the JSON with sorted
//! keys of event and handler. Found by comparing with what `codex app-server` answers to `hooks/list` (0.169), where
//! `guard verify` asks again. Whoever moves or changes the hook makes the trust void.
//!
//! Only whole tables of ours are put in and taken out, as text: TOML libraries write line ends of their own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table, value};

use crate::guards::file::{self, Edit};
use crate::guards::hooks::Place;
use crate::guards::{GuardError, State};

/// Trust in one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) hash: String,
}

/// The trust that these hooks need. A file behind a link gets it under both names: which one Codex uses depends on
/// whether `CODEX_HOME` is set.
pub(super) fn entries(file: &Path, ours: &[Place]) -> Vec<Entry> {
    let of_name = |name: PathBuf| {
        ours.iter().map(move |place| {
            let event = snake_case(&place.event);
            Entry { key: key(&name, &event, (place.group, place.handler)), hash: hash(&event, &place.value) }
        })
    };
    names(file).into_iter().flat_map(of_name).collect()
}

/// The keys of hooks that have moved, as they were and as they are now.
pub(super) fn keys(file: &Path, moves: &[(String, [(usize, usize); 2])]) -> Vec<[String; 2]> {
    let of_name = |name: PathBuf| moves.iter().map(move |(event, places)| places.map(|place| key(&name, &snake_case(event), place)));
    names(file).into_iter().flat_map(of_name).collect()
}

fn key(name: &Path, event: &str, (group, handler): (usize, usize)) -> String {
    format!("{}:{event}:{group}:{handler}", name.display())
}

/// The names that a file has in keys.
fn names(file: &Path) -> Vec<PathBuf> {
    let mut names = vec![file.to_path_buf()];
    let real: Option<PathBuf> =
        file.parent().and_then(|dir| fs::canonicalize(dir).ok()).zip(file.file_name()).map(|(dir, name)| dir.join(name));
    names.extend(real.filter(|real| real != file));
    names
}

/// What changes in the trust.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Ours as it was.
    pub(super) old: Vec<Entry>,
    /// Ours as it shall be.
    pub(super) new: Vec<Entry>,
    /// Keys of others' hooks, as they were and as they are now.
    pub(super) moves: Vec<[String; 2]>,
}

/// `PostToolUse` → `post_tool_use`.
fn snake_case(event: &str) -> String {
    let mut out = String::with_capacity(event.len() + 4);
    for c in event.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn hash(event: &str, handler: &Value) -> String {
    let command = handler.get("command").cloned().unwrap_or_default();
    let timeout = handler.get("timeout").cloned().unwrap_or_default();
    let what =
        format!(r#"{{"event_name":"{event}","hooks":[{{"async":false,"command":{command},"timeout":{timeout},"type":"command"}}]}}"#);
    let mut out = "sha256:".to_owned();
    for byte in digest(&SHA256, what.as_bytes()).as_ref() {
        let _ = write!(out, "{byte:02x}"); // a string takes everything
    }
    out
}

/// The change of `config.toml` that takes the old trust out, keeps that of others, and puts the new in.
pub(super) fn edit(path: &Path, change: &Change) -> Result<Edit, GuardError> {
    let Change { old, new, moves } = change;
    let before = file::read(path)?;
    let text = before.clone().unwrap_or_default();
    let document = parse(path, &text)?;
    let ours = || old.iter().chain(new);
    let had_ours = stored(&document).iter().any(|(_, hash)| ours().any(|entry| entry.hash == *hash));
    // Several homes of Codex may share one `config.toml`: what another one's hooks are trusted by stays.
    let is_of_this_file = |key: &str| ours().any(|entry| of_file(&entry.key) == of_file(key));
    let mut after = text.clone();
    for (key, hash) in stored(&document) {
        let is_wanted = new.iter().any(|entry| entry.key == key && entry.hash == hash);
        // A hook of ours that has moved leaves its trust behind under another key.
        let is_ours = ours().any(|entry| entry.hash == hash) && is_of_this_file(&key);
        if !is_wanted && (is_ours || old.iter().any(|entry| entry.key == key)) {
            after = without(path, &after, &key)?;
        }
    }
    for [from, to] in moves {
        after = renamed(path, &after, from, to)?;
    }
    // Trust in whatever stood before in the place of one of ours is void.
    for (key, hash) in stored(&parse(path, &after)?) {
        if new.iter().any(|entry| entry.key == key && entry.hash != hash) {
            after = without(path, &after, &key)?;
        }
    }
    for entry in new {
        let document = parse(path, &after)?;
        if !stored(&document).iter().any(|(key, _)| *key == entry.key) {
            after = with(&after, document, entry);
        }
    }
    let backup = file::backup(path);
    let after = match backup {
        None if after.is_empty() => before.as_ref().filter(|text| text.is_empty()).cloned(),
        // The line end that was put before ours, where the file had none.
        Some(backup) if new.is_empty() && !backup.ends_with('\n') && without_line_end(&after) == backup => Some(backup),
        _ => Some(after),
    };
    Ok(Edit { path: path.to_owned(), backup: before.is_some() && !had_ours && !new.is_empty(), before, after })
}

fn parse(path: &Path, text: &str) -> Result<DocumentMut, GuardError> {
    text.parse::<DocumentMut>().map_err(|error| {
        let line = error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        GuardError::Invalid { path: path.to_owned(), line, why: error.message().to_owned() }
    })
}

fn states(document: &DocumentMut) -> Option<&dyn toml_edit::TableLike> {
    document.get("hooks")?.get("state")?.as_table_like()
}

/// Whether there is a place for trust, or can be.
fn takes_trust(document: &DocumentMut) -> bool {
    let Some(hooks) = document.get("hooks") else { return true };
    hooks.as_table_like().is_some_and(|hooks| hooks.get("state").is_none_or(Item::is_table_like))
}

/// Keys and hashes of all trust in the file.
fn stored(document: &DocumentMut) -> Vec<(String, String)> {
    let all = states(document).into_iter().flat_map(|states| states.iter());
    let hash = |item: &Item| item.get("trusted_hash").and_then(Item::as_str).map(str::to_owned);
    all.filter_map(|(key, item)| Some((key.to_owned(), hash(item)?))).collect()
}

fn header(key: &str) -> String {
    // A basic string of TOML is written as one of JSON.
    format!("[hooks.state.{}]", Value::from(key))
}

/// The text with one more table at its end.
fn with(text: &str, mut document: DocumentMut, entry: &Entry) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = text.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str(end);
    }
    if !out.is_empty() {
        out.push_str(end);
    }
    let _ = write!(out, "{}{end}trusted_hash = {}{end}", header(&entry.key), Value::from(entry.hash.as_str()));
    let is_stored = out.parse::<DocumentMut>().is_ok_and(|document| stored(&document).iter().any(|(key, _)| *key == entry.key));
    if is_stored {
        return out;
    }
    // Somebody has written `hooks` or `hooks.state` in braces: then it goes in there.
    let state = document.entry("hooks").or_insert_with(|| Item::Table(Table::new()));
    let state = state.as_table_like_mut().map(|hooks| hooks.entry("state").or_insert_with(|| Item::Table(Table::new())));
    if let Some(state) = state.and_then(Item::as_table_like_mut) {
        let mut trusted = toml_edit::InlineTable::new();
        trusted.insert("trusted_hash", entry.hash.as_str().into());
        state.insert(&entry.key, value(trusted));
    }
    written(text, &document)
}

/// The text without a table, and without the empty line before it.
fn without(path: &Path, text: &str, key: &str) -> Result<String, GuardError> {
    let header = header(key);
    let mut at = 0;
    let mut lines = text.split_inclusive('\n').map(|line| {
        at += line.len();
        (at - line.len(), line)
    });
    let Some((start, line)) = lines.find(|(_, line)| line.trim() == header) else { return without_item(path, text, key) };
    let is_in_table = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with(['[', '#']);
    let end = lines.take_while(|(_, line)| is_in_table(line)).last().map_or(start + line.len(), |(at, line)| at + line.len());
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let is_blank_before = before.ends_with("\n\n") || before.ends_with("\n\r\n") || before == "\n" || before == "\r\n";
    let before = if is_blank_before { without_line_end(before) } else { before };
    let out = format!("{before}{after}");
    let is_gone = parse(path, &out).is_ok_and(|document| !stored(&document).iter().any(|(k, _)| k == key));
    if is_gone { Ok(out) } else { without_item(path, text, key) }
}

/// The text with a table under another key; the one that is there under that key is of a hook that is not there any more.
fn renamed(path: &Path, text: &str, from: &str, to: &str) -> Result<String, GuardError> {
    let has = |text: &str, key: &str| Ok::<_, GuardError>(states(&parse(path, text)?).is_some_and(|states| states.contains_key(key)));
    if !has(text, from)? {
        return Ok(text.to_owned());
    }
    let text = if has(text, to)? { without(path, text, to)? } else { text.to_owned() };
    let (old, new) = (header(from), header(to));
    let line = |line: &str| if line.trim() == old { line.replacen(&old, &new, 1) } else { line.to_owned() };
    let out: String = text.split_inclusive('\n').map(line).collect();
    if has(&out, to)? {
        return Ok(out);
    }
    let mut document = parse(path, &text)?;
    if let Some(state) = states_mut(&mut document)
        && let Some(item) = state.remove(from)
    {
        state.insert(to, item);
    }
    Ok(written(&text, &document))
}

/// The same where it is written in another way.
fn without_item(path: &Path, text: &str, key: &str) -> Result<String, GuardError> {
    let mut document = parse(path, text)?;
    if let Some(state) = states_mut(&mut document) {
        state.remove(key);
    }
    Ok(written(text, &document))
}

fn states_mut(document: &mut DocumentMut) -> Option<&mut dyn toml_edit::TableLike> {
    document.get_mut("hooks")?.get_mut("state")?.as_table_like_mut()
}

/// A document as text, with the line ends that the text had: libraries write their own.
fn written(before: &str, document: &DocumentMut) -> String {
    let text = document.to_string();
    let is_windows = before.contains("\r\n") && before.matches('\n').count() == before.matches("\r\n").count();
    if is_windows { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

fn without_line_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

/// Whether a key is set to true.
pub(super) fn is_true(text: &str, path: &[&str]) -> bool {
    flag(text, path) == Some(true)
}

fn flag(text: &str, path: &[&str]) -> Option<bool> {
    let document = text.parse::<DocumentMut>().ok()?;
    path.iter().try_fold(document.as_item(), |item, key| item.get(*key))?.as_bool()
}

/// Whether Codex will run hooks that need this trust.
pub(super) fn state(path: &Path, text: &str, entries: &[Entry]) -> State {
    let document = match parse(path, text) {
        Ok(document) => document,
        Err(error) => return State::Broken(error.to_string()),
    };
    for name in ["hooks", "codex_hooks"] {
        if flag(text, &["features", name]) == Some(false) {
            return State::Disabled(format!("`features.{name}` is false in {}", path.display()));
        }
    }
    if !takes_trust(&document) {
        return State::Broken(format!("`hooks` in {} is no table: trust has no place in it, and Codex cannot read it", path.display()));
    }
    let states = states(&document);
    let of = |entry: &Entry, what: &str| states.and_then(|states| states.get(&entry.key)).and_then(|item| item.get(what)).cloned();
    if entries.iter().any(|entry| of(entry, "enabled").and_then(|item| item.as_bool()) == Some(false)) {
        return State::Disabled(format!("`enabled` is false in {}", path.display()));
    }
    let is_trusted = |entry: &Entry| of(entry, "trusted_hash").and_then(|item| item.as_str().map(|hash| hash == entry.hash)) == Some(true);
    // Under one of its names is enough: Codex uses one.
    let is_covered = |entry: &Entry| entries.iter().any(|other| place(&other.key) == place(&entry.key) && is_trusted(other));
    if entries.iter().all(is_covered) {
        return State::Installed;
    }
    let how = "`aifinops guard install codex` trusts it, or `/hooks` in Codex does";
    State::Untrusted(format!("Codex does not run it before it is trusted: {how}"))
}

/// The file of a key.
fn of_file(key: &str) -> &str {
    key.strip_suffix(place(key)).unwrap_or(key)
}

/// A key without its file.
fn place(key: &str) -> &str {
    let at = key.rmatch_indices(':').nth(2).map_or(0, |(at, _)| at);
    key.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_is_the_one_that_codex_computes() {
        // What `hooks/list` of 0.169.0 answered.
        let handler = json!({"type": "command", "command": "/x/aifinops hook codex", "timeout": 5});
        assert_eq!(hash("post_tool_use", &handler), "sha256:c60d0a118aa87718f218c4b5f85cbce2bd3541605814fe323044721fe8d8a220");
        assert_eq!(hash("user_prompt_submit", &handler), "sha256:8dce3308dd28184f1b562daf502b3d3681d1e2aa78238c1378d23c9fb8226442");
        assert_eq!(snake_case("UserPromptSubmit"), "user_prompt_submit");
    }

    fn put_in(old: &[Entry], new: &[Entry]) -> Change {
        Change { old: old.to_vec(), new: new.to_vec(), moves: Vec::new() }
    }

    #[test]
    fn trust_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let entries = |n: usize| -> Vec<Entry> {
            (0..n).map(|i| Entry { key: format!("/h/hooks.json:e:{i}:0"), hash: format!("sha256:{i}") }).collect()
        };
        let new = entries(2);
        for text in [
            "",
            "\n",
            "a = 1\n",
            "a = 1",
            "a = 1 # why\n\n# last words\n",
            "a = 1\r\n[b]\r\nc = 2\r\n",
            "[hooks.state]\n",
            "[hooks.state.\"/other:e:0:0\"]\ntrusted_hash = \"x\"\n\n[z]\n",
            "hooks.state.x.trusted_hash = \"y\"\n",
            "a = 1\r\nhooks = { x = 1 }\r\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let put = edit(&path, &put_in(&[], &new)).unwrap();
            let after = put.after.clone().unwrap();
            assert_eq!(state(&path, &after, &new), State::Installed, "{text:?}\n{after}");
            Plan { edits: vec![put] }.apply().unwrap();
            assert!(edit(&path, &put_in(&new, &new)).unwrap().after.unwrap() == after, "twice changes nothing");
            Plan { edits: vec![edit(&path, &put_in(&new, &[])).unwrap()] }.apply().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{after}");
            let _ = std::fs::remove_file(path.with_extension("toml.aifinops.bak"));
        }
        // Without a file there is none afterwards.
        std::fs::remove_file(&path).unwrap();
        Plan { edits: vec![edit(&path, &put_in(&[], &new)).unwrap()] }.apply().unwrap();
        assert!(path.is_file());
        Plan { edits: vec![edit(&path, &put_in(&new, &[])).unwrap()] }.apply().unwrap();
        assert!(!path.exists());
    }

    use crate::guards::Plan;

    #[test]
    fn trust_that_is_void_is_seen() {
        let entry = Entry { key: "/h/hooks.json:e:0:0".to_owned(), hash: "sha256:1".to_owned() };
        let path = Path::new("/h/config.toml");
        let entries = std::slice::from_ref(&entry);
        assert!(matches!(state(path, "", entries), State::Untrusted(_)));
        let table = |more: &str| format!("{}\n{more}\n", header(&entry.key));
        assert!(matches!(state(path, &table("trusted_hash = \"sha256:2\""), entries), State::Untrusted(_)));
        assert_eq!(state(path, &table("trusted_hash = \"sha256:1\""), entries), State::Installed);
        assert!(matches!(state(path, &table("trusted_hash = \"sha256:1\"\nenabled = false"), entries), State::Disabled(_)));
        assert!(matches!(state(path, "features.hooks = false", entries), State::Disabled(_)));
        for text in ["= 1", "hooks = 1", "hooks = { state = 1 }", "hooks.state = []"] {
            assert!(matches!(state(path, text, entries), State::Broken(_)), "{text}");
        }
    }
}
