//! Claude Code's status line: `statusLine` in `settings.json`, `{"type": "command", "command": …}`.
//!
//! It stops nothing, but it stands in the same file as the hooks and is put in and taken out with the same care: nothing
//! else in the file changes, and somebody else's status line stays.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::{self, Edit};
use super::settings::{Dialect, Document, Fault, Json};
use super::{GuardError, Plan, Site, State, Status, claude_code, command};

/// The setting.
const KEY: &str = "statusLine";

/// The settings that it stands in.
#[must_use]
pub fn settings(site: &Site<'_>) -> PathBuf {
    site.dir("CLAUDE_CONFIG_DIR", ".claude").join("settings.json")
}

/// What has to change so that Claude Code shows our line. Nothing when it already does.
pub fn install(site: &Site<'_>) -> Result<Plan, GuardError> {
    let (path, before) = read(site)?;
    let line = || Json::Object(vec![("type".to_owned(), Json::text("command")), ("command".to_owned(), Json::text(&wanted(site)))]);
    let (after, is_first) = match document(&path, before.as_deref())? {
        None => (Json::Object(vec![(KEY.to_owned(), line())]).document(), true),
        Some(document) => {
            let is_first = !is_ours_in(site, &document);
            let document = match stands(site, &document) {
                Stands::Nowhere => document,
                Stands::Ours(said) if said == wanted(site) => return Ok(Plan::default()),
                Stands::Ours(_) => without(&document).ok_or_else(|| stuck(&path))?,
                Stands::Theirs { line, said } => return Err(GuardError::Taken { path, line, said }),
            };
            let next = document.with_member(document.root(), KEY, &line()).ok_or_else(|| stuck(&path))?;
            (next.text().to_owned(), is_first)
        }
    };
    let mut plan = Plan::default();
    plan.push(Edit { path, backup: is_first && before.is_some(), before, after: Some(after) });
    Ok(plan)
}

/// What has to change so that it does not any more. Somebody else's line stays.
pub fn uninstall(site: &Site<'_>) -> Result<Plan, GuardError> {
    let (path, before) = read(site)?;
    let Some(document) = document(&path, before.as_deref())? else { return Ok(Plan::default()) };
    let Stands::Ours(_) = stands(site, &document) else { return Ok(Plan::default()) };
    let document = without(&document).ok_or_else(|| stuck(&path))?;
    let is_empty = document.text().trim() == "{}";
    let after = match file::backup(&path) {
        // There was no file, and nobody has added anything.
        None if is_empty => None,
        // There was a file with nothing in it.
        Some(backup) if is_empty && backup.trim().is_empty() => Some(backup),
        _ => Some(document.text().to_owned()),
    };
    let mut plan = Plan::default();
    plan.push(Edit { path, before, after, backup: false });
    Ok(plan)
}

/// How it stands. Starts no program.
#[must_use]
pub fn status(site: &Site<'_>) -> Status {
    let file = settings(site);
    let state = match read(site).and_then(|(path, text)| document(&path, text.as_deref())) {
        Err(error) => State::Broken(error.to_string()),
        Ok(None) => State::NotInstalled,
        Ok(Some(document)) => match stands(site, &document) {
            Stands::Nowhere | Stands::Theirs { .. } => State::NotInstalled,
            Stands::Ours(said) if said == wanted(site) => claude_code::hooks_off(site).map_or(State::Installed, State::Disabled),
            Stands::Ours(said) => State::Stale(format!("it runs `{said}`")),
        },
    };
    Status { file, state }
}

/// Whether a settings file has our status line: then it has been ours to change before.
pub(super) fn is_in(document: &Document, binary: &Path) -> bool {
    said(document).is_some_and(|said| command::is_our_status_line(&said, binary))
}

fn wanted(site: &Site<'_>) -> String {
    command::status_line(site.binary)
}

/// Whose status line stands in the settings.
enum Stands {
    Nowhere,
    Ours(String),
    Theirs { line: usize, said: String },
}

fn stands(site: &Site<'_>, document: &Document) -> Stands {
    let Some(node) = document.at(&[KEY]) else { return Stands::Nowhere };
    match said(document) {
        Some(said) if command::is_our_status_line(&said, site.binary) => Stands::Ours(said),
        said => Stands::Theirs { line: document.line_of(node), said: said.unwrap_or_else(|| document.value(node).to_string()) },
    }
}

fn said(document: &Document) -> Option<String> {
    document.value_at(&[KEY, "command"]).as_ref().and_then(Value::as_str).map(str::to_owned)
}

/// Whether anything of ours stands in the settings: then the copy that was kept is of before that.
fn is_ours_in(site: &Site<'_>, document: &Document) -> bool {
    is_in(document, site.binary) || claude_code::has_hooks(site, document)
}

fn without(document: &Document) -> Option<Document> {
    let root = document.root();
    let index = root.keys().iter().rposition(|key| *key == KEY)?;
    document.without_part(root, index)
}

fn read(site: &Site<'_>) -> Result<(PathBuf, Option<String>), GuardError> {
    let path = settings(site);
    let text = file::read(&path)?;
    Ok((path, text))
}

/// The settings; `None` when there is no file, or nothing in it.
fn document(path: &Path, text: Option<&str>) -> Result<Option<Document>, GuardError> {
    let parse = |text: &str| Document::parse(text, Dialect::Strict);
    text.filter(|text| !text.trim().is_empty()).map(parse).transpose().map_err(|Fault { line, why }| GuardError::Invalid {
        path: path.to_owned(),
        line,
        why,
    })
}

fn stuck(path: &Path) -> GuardError {
    GuardError::Invalid { path: path.to_owned(), line: 0, why: "could not be changed".to_owned() }
}
