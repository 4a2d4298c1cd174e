//! Hooks as Claude Code, Codex and Gemini CLI write them, and as others have taken over:
//! `{"hooks": {EVENT: [{"matcher": …, "hooks": [{"type": "command", "command": …, "timeout": …}]}]}}`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::model::AgentId;

use super::file::{self, Edit};
use super::settings::{Dialect, Document, Fault, Json, Node};
use super::{GuardError, Sample, State, command, status_line};

/// What one agent wants in its settings.
pub(super) struct Hooks<'a> {
    pub(super) agent: AgentId,
    pub(super) file: PathBuf,
    pub(super) dialect: Dialect,
    /// The program; to know older commands of ours by.
    pub(super) binary: &'a Path,
    pub(super) command: String,
    /// How long the agent waits, in its own unit.
    pub(super) timeout: u64,
    /// The name under which the agent lists the hook, where hooks have names.
    pub(super) name: Option<&'static str>,
    /// The events that we are asked at.
    pub(super) events: &'static [&'static str],
}

/// Where a handler stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) event: String,
    /// Its group within the event.
    pub(super) group: usize,
    /// Its place within the group.
    pub(super) handler: usize,
    /// What it says.
    pub(super) value: Value,
}

impl Hooks<'_> {
    /// A question for each event, as the agent would ask it.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let question = |event: &str| json!({"session_id": "self-test", "cwd": "/", "hook_event_name": event});
        let sample =
            |event: &&'static str| Sample { event, command: self.command.clone(), stdin: question(event).to_string().into_bytes() };
        self.events.iter().map(sample).collect()
    }

    /// The settings; `None` when there is no file, or nothing in it.
    pub(super) fn document(&self, text: Option<&str>) -> Result<Option<Document>, GuardError> {
        match text.filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(text) => Document::parse(text, self.dialect).map(Some).map_err(|Fault { line, why }| self.invalid(line, why)),
        }
    }

    fn invalid(&self, line: usize, why: impl Into<String>) -> GuardError {
        GuardError::Invalid { path: self.file.clone(), line, why: why.into() }
    }

    /// Our handlers in a document, in its order.
    pub(super) fn ours(&self, document: &Document) -> Vec<Place> {
        places(document).into_iter().filter(|place| self.is_ours(place)).collect()
    }

    fn is_ours(&self, place: &Place) -> bool {
        let said = place.value.get("command").and_then(Value::as_str);
        said.is_some_and(|said| command::is_ours(said, self.binary, self.agent))
    }

    fn handler(&self) -> Json {
        let name = self.name.map(|name| ("name".to_owned(), Json::text(name)));
        let rest = [
            ("type".to_owned(), Json::text("command")),
            ("command".to_owned(), Json::text(&self.command)),
            ("timeout".to_owned(), Json::Number(self.timeout)),
        ];
        Json::Object(name.into_iter().chain(rest).collect())
    }

    fn group(&self) -> Json {
        Json::Object(vec![("hooks".to_owned(), Json::Array(vec![self.handler()]))])
    }

    fn groups(&self) -> Json {
        Json::Array(vec![self.group()])
    }

    fn all(&self) -> Json {
        Json::Object(self.events.iter().map(|event| ((*event).to_owned(), self.groups())).collect())
    }

    /// Why the handlers are not the ones that are wanted; `None` when they are.
    pub(super) fn difference(&self, ours: &[Place]) -> Option<String> {
        let said = |place: &Place| place.value.get("command").and_then(Value::as_str).map(str::to_owned);
        if let Some(other) = ours.iter().filter_map(said).find(|said| *said != self.command) {
            return Some(format!("it runs `{other}`"));
        }
        if let Some(event) = self.events.iter().find(|event| !ours.iter().any(|place| place.event == **event)) {
            return Some(format!("it is not asked at {event}"));
        }
        let wanted = serde_json::from_str::<Value>(&self.handler().document()).unwrap_or_default();
        let is_exact = ours.len() == self.events.len() && ours.iter().all(|place| place.value == wanted);
        (!is_exact).then(|| "it has another shape".to_owned())
    }

    /// The change that puts our handlers in.
    pub(super) fn install(&self) -> Result<Edit, GuardError> {
        let before = file::read(&self.file)?;
        let Some(mut document) = self.document(before.as_deref())? else {
            let after = Json::Object(vec![("hooks".to_owned(), self.all())]).document();
            return Ok(Edit { path: self.file.clone(), backup: before.is_some(), before, after: Some(after) });
        };
        let ours = self.ours(&document);
        if self.difference(&ours).is_none() {
            return Ok(Edit { path: self.file.clone(), after: before.clone(), before, backup: false });
        }
        if !ours.is_empty() {
            document = self.renewed(document)?;
        }
        let after = self.with_ours(&document)?.text().to_owned();
        // The copy that is kept is of before us.
        let backup = ours.is_empty() && !status_line::is_in(&document, self.binary);
        Ok(Edit { path: self.file.clone(), before, after: Some(after), backup })
    }

    /// Ours brought up to date where they stand, for agents know hooks by their place; what is not wanted any more, or stands there
    /// twice, goes.
    fn renewed(&self, mut document: Document) -> Result<Document, GuardError> {
        let stuck = || self.invalid(0, "could not be changed");
        let wanted = |places: &[Place]| -> Vec<Place> {
            let first = |event: &&'static str| places.iter().find(|place| place.event == **event).cloned();
            self.events.iter().filter_map(first).collect()
        };
        let keep = wanted(&self.ours(&document));
        document = self.without(document, &|place| keep.contains(place))?;
        for place in wanted(&self.ours(&document)) {
            let handler = handler_at(&document, &place).ok_or_else(stuck)?;
            document = document.with_value(handler, &self.handler()).ok_or_else(stuck)?;
        }
        Ok(document)
    }

    /// Where hooks of others stood and where they stand now, event by event, where that is not the same.
    pub(super) fn moves(&self, before: &Document, after: &Document) -> Vec<(String, [(usize, usize); 2])> {
        let others = |document| places(document).into_iter().filter(|place| !self.is_ours(place));
        let at = |place: &Place| (place.group, place.handler);
        let same = others(before).zip(others(after)).filter(|(was, is)| was.event == is.event);
        same.filter(|(was, is)| at(was) != at(is)).map(|(was, is)| (is.event.clone(), [at(&was), at(&is)])).collect()
    }

    fn with_ours(&self, document: &Document) -> Result<Document, GuardError> {
        let stuck = || self.invalid(0, "could not be changed");
        let Some(hooks) = document.at(&["hooks"]) else {
            return document.with_member(document.root(), "hooks", &self.all()).ok_or_else(stuck);
        };
        if !hooks.is_object() {
            return Err(self.invalid(document.line_of(hooks), "`hooks` is no object"));
        }
        let mut document = document.clone();
        let there: Vec<String> = self.ours(&document).into_iter().map(|place| place.event).collect();
        for event in self.events.iter().filter(|event| !there.iter().any(|there| there == *event)) {
            let hooks = document.at(&["hooks"]).ok_or_else(stuck)?;
            let next = match hooks.member(event) {
                None => document.with_member(hooks, event, &self.groups()),
                Some(groups) if groups.is_array() => document.with_item(groups, &self.group()),
                Some(other) => return Err(self.invalid(document.line_of(other), format!("`hooks.{event}` is no list"))),
            };
            document = next.ok_or_else(stuck)?;
        }
        Ok(document)
    }

    /// The change that takes our handlers out.
    pub(super) fn uninstall(&self) -> Result<Edit, GuardError> {
        let before = file::read(&self.file)?;
        let unchanged = || Edit { path: self.file.clone(), before: before.clone(), after: before.clone(), backup: false };
        let Some(document) = self.document(before.as_deref())? else { return Ok(unchanged()) };
        if self.ours(&document).is_empty() {
            return Ok(unchanged());
        }
        let document = self.without_ours(document)?;
        let is_empty = document.text().trim() == "{}";
        let after = match file::backup(&self.file) {
            // There was no file, and nobody has added anything.
            None if is_empty => None,
            // There was a file with nothing in it.
            Some(backup) if is_empty && backup.trim().is_empty() => Some(backup),
            _ => Some(document.text().to_owned()),
        };
        Ok(Edit { path: self.file.clone(), before: before.clone(), after, backup: false })
    }

    /// Takes ours out.
    fn without_ours(&self, document: Document) -> Result<Document, GuardError> {
        self.without(document, &|_| false)
    }

    /// Takes out those that are not kept, from the last to the first, with the lists and objects that were not there before us.
    fn without(&self, mut document: Document, keep: &dyn Fn(&Place) -> bool) -> Result<Document, GuardError> {
        let backup = file::backup(&self.file);
        let earlier = self.document(backup.as_deref()).ok().flatten();
        let was_there = |path: &[&str]| earlier.as_ref().is_some_and(|earlier| earlier.at(path).is_some());
        while let Some(place) = self.last_in(&document, keep) {
            let next = removed(&document, &place, &was_there);
            document = next.ok_or_else(|| self.invalid(0, "could not be changed"))?;
        }
        Ok(document)
    }

    /// The one that comes last in the text.
    fn last_in(&self, document: &Document, keep: &dyn Fn(&Place) -> bool) -> Option<Place> {
        let hooks = document.at(&["hooks"])?;
        let start = |place: &Place| hooks.member(&place.event).map_or(0, |node| node.span.start);
        self.ours(document).into_iter().filter(|place| !keep(place)).max_by_key(|place| (start(place), place.group, place.handler))
    }

    /// How the settings stand, trust and switches aside.
    pub(super) fn state(&self) -> State {
        let document = match file::read(&self.file).and_then(|text| self.document(text.as_deref())) {
            Ok(Some(document)) => document,
            Ok(None) => return State::NotInstalled,
            Err(error) => return State::Broken(error.to_string()),
        };
        let ours = self.ours(&document);
        match self.difference(&ours) {
            _ if ours.is_empty() => State::NotInstalled,
            Some(why) => State::Stale(why),
            None => State::Installed,
        }
    }
}

/// All handlers, whosever they are, in their order within each event.
fn places(document: &Document) -> Vec<Place> {
    let Some(Value::Object(events)) = document.value_at(&["hooks"]) else { return Vec::new() };
    let mut found = Vec::new();
    for (event, groups) in &events {
        for (group, value) in groups.as_array().into_iter().flatten().enumerate() {
            let handlers = value.get("hooks").and_then(Value::as_array).into_iter().flatten().enumerate();
            found.extend(handlers.map(|(handler, value)| Place { event: event.clone(), group, handler, value: value.clone() }));
        }
    }
    found
}

fn handler_at<'a>(document: &'a Document, place: &Place) -> Option<&'a Node> {
    document.at(&["hooks", &place.event])?.items().get(place.group)?.member("hooks")?.items().get(place.handler)
}

/// One handler less; its group, list and object go with it where nothing else is in them.
fn removed(document: &Document, place: &Place, was_there: &dyn Fn(&[&str]) -> bool) -> Option<Document> {
    let root = document.root();
    let hooks = document.at(&["hooks"])?;
    let groups = hooks.member(&place.event)?;
    let group = groups.items().get(place.group)?;
    let handlers = group.member("hooks")?;
    // What a person has noted beside ours stays, and so does what holds it.
    if handlers.items().len() > 1 || document.has_comment(handlers) || document.has_comment(group) {
        return document.without_part(handlers, place.handler);
    }
    if groups.items().len() > 1 || was_there(&["hooks", &place.event]) || document.has_comment(groups) {
        return document.without_part(groups, place.group);
    }
    if hooks.parts().len() > 1 || was_there(&["hooks"]) || document.has_comment(hooks) {
        return document.without_part(hooks, index_of(hooks, &place.event)?);
    }
    document.without_part(root, index_of(root, "hooks")?)
}

fn index_of(node: &Node, key: &str) -> Option<usize> {
    node.keys().iter().rposition(|k| *k == key)
}
