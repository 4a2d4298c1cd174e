//! Layering: default, file, environment, flags.

use std::io;
use std::path::Path;

use super::context::{Context, Env, zone_of};
use super::input::Shape;
use super::node::{Node, Raw, dotted, quoted};
use super::read::{Fault, Faults, did_you_mean, nearest};
use super::registry::{Entry, Flags, REGISTRY, Settings};
use super::salvage::{Broken, salvage};
use super::{Loaded, Origin, Problem};
use crate::disk;

/// Reads all settings. Never fails: what cannot be used is told, and the next lower place holds.
///
/// `env` looks up environment variables; empty ones count as unset. Besides the program's own ones it is asked for
/// `HOME`, `TZ`, `XDG_DATA_HOME` and `XDG_CONFIG_HOME`.
pub fn load(flags: &Flags, env: Env<'_>) -> Loaded {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let mut layers = Layers::new(&env);
    // The home decides where the file lies, so these two come first.
    let (first, rest): (Vec<_>, Vec<_>) = REGISTRY.iter().partition(|entry| !entry.in_file);
    for entry in first {
        layers.lay_default(entry);
        layers.lay_own(entry, flags, &env);
        if entry.name == "home" && layers.settings.home.origin != Origin::Default {
            let home = layers.settings.home.value.clone();
            layers.cx.move_to(&home);
        }
    }
    let file = layers.settings.config_file.clone();
    layers.cx.settle(&file.value);
    let named = matches!(file.origin, Origin::Flag(_));
    let nodes = layers.read(&file.value, named);
    for entry in rest {
        layers.lay_default(entry);
        layers.lay_file(entry, &nodes, &file.value);
        layers.lay_own(entry, flags, &env);
        if entry.name == "data_dir" {
            // Prices of one's own are measured by the list that lies there.
            layers.cx.data_dir.clone_from(&layers.settings.data_dir.value);
        }
    }
    layers.strangers(&nodes, &file.value);
    if layers.settings.timezone.origin == Origin::Default
        && let Some(text) = env("TZ").filter(|text| zone_of(text).is_none())
    {
        let now = layers.settings.timezone.value;
        let message = format!("{} names no time zone of the database; {now} holds (`timezone` sets another)", quoted(&text));
        layers.problems.push(Problem::said_by("TZ".to_owned(), "timezone", &message));
    }
    Loaded { settings: layers.settings, problems: layers.problems }
}

/// The problems that a text would be as the configuration file. `data_dir` is where a fetched price list lies.
pub(super) fn check(text: &str, file: &Path, data_dir: Option<&Path>) -> Vec<Problem> {
    let mut layers = Layers::new(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    layers.problems.clear();
    layers.cx.settle(file);
    if let Some(dir) = data_dir {
        dir.clone_into(&mut layers.cx.data_dir);
    }
    let nodes = layers.parse(text, file);
    for entry in Entry::of_file() {
        layers.lay_file(entry, &nodes, file);
    }
    layers.strangers(&nodes, file);
    layers.problems
}

struct Layers {
    cx: Context,
    settings: Settings,
    problems: Vec<Problem>,
}

impl Layers {
    fn new(env: Env<'_>) -> Layers {
        let (cx, home) = Context::new(env);
        let mut layers = Layers { cx, settings: Settings::blank(), problems: Vec::new() };
        if !home && env("AIFINOPS_HOME").is_none() {
            let message = "there is no home directory; set HOME, AIFINOPS_HOME or --home";
            layers.problems.push(Problem::said_by("HOME".to_owned(), "home", message));
        }
        layers
    }

    fn lay_default(&mut self, entry: &Entry) {
        let node = entry.shape.parse(entry.default).unwrap_or_else(|_| Node::map(Vec::new()));
        self.lay(entry, &node, &Origin::Default, None);
    }

    fn lay_file(&mut self, entry: &Entry, nodes: &[(String, Node)], file: &Path) {
        if let Some((_, node)) = nodes.iter().find(|(name, _)| name == entry.name) {
            self.cx.in_file = true;
            self.lay(entry, node, &Origin::File, Some(file));
            self.cx.in_file = false;
        }
    }

    /// The variables, then the flags.
    fn lay_own(&mut self, entry: &Entry, flags: &Flags, env: Env<'_>) {
        for (name, node) in entry.shape.variables(entry.env, env) {
            self.lay_parsed(entry, node, &Origin::Env(name));
        }
        let given = (entry.given)(flags);
        let origin = Origin::Flag(entry.flag.to_owned());
        if !entry.shape.is_table() || entry.shape == Shape::Currency {
            for text in given {
                self.lay_parsed(entry, entry.shape.parse(text), &origin);
            }
            return;
        }
        // Repeated flags are one table.
        let mut parts = Vec::new();
        for text in given {
            match entry.shape.parse(text) {
                Ok(Node { raw: Raw::Map(more), .. }) => parts.extend(more),
                other => self.lay_parsed(entry, other, &origin),
            }
        }
        if !parts.is_empty() {
            self.lay(entry, &Node::map(parts), &origin, None);
        }
    }

    fn lay_parsed(&mut self, entry: &Entry, node: Result<Node, String>, origin: &Origin) {
        match node {
            Ok(node) => self.lay(entry, &node, origin, None),
            Err(reason) => self.fault(entry, &Fault { below: String::new(), line: None, reason }, origin, None),
        }
    }

    fn lay(&mut self, entry: &Entry, node: &Node, origin: &Origin, file: Option<&Path>) {
        let mut faults = Faults::default();
        (entry.lay)(&mut self.settings, node, &self.cx, origin, &mut faults);
        for fault in faults.0 {
            self.fault(entry, &fault, origin, file);
        }
    }

    fn fault(&mut self, entry: &Entry, fault: &Fault, origin: &Origin, file: Option<&Path>) {
        let key = if fault.below.is_empty() { entry.name.to_owned() } else { format!("{}.{}", entry.name, fault.below) };
        let message = format!("{}; allowed: {}", fault.reason, self.allowed(entry));
        match file {
            Some(file) => self.in_file(file, fault.line, &key, &message),
            None => self.problems.push(Problem::said_by(origin.to_string(), &key, &message)),
        }
    }

    /// The allowed values, the user's own themes among them.
    fn allowed(&self, entry: &Entry) -> String {
        if entry.name == "theme" { self.cx.theme_names().join(", ") } else { (entry.allowed)() }
    }

    fn in_file(&mut self, file: &Path, line: Option<usize>, key: &str, message: &str) {
        self.problems.push(Problem::in_file(file, &self.cx.shorten(file), line, key, message));
    }

    /// The file's values; a file that is not there has none.
    fn read(&mut self, file: &Path, named: bool) -> Vec<(String, Node)> {
        match disk::read_text(file) {
            Ok(text) => self.parse(&text, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Vec::new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = "does not exist; `aifinops config` prints a commented one to start from".to_owned();
                self.in_file(file, None, "", &message);
                Vec::new()
            }
            Err(error) => {
                self.in_file(file, None, "", &format!("cannot be read: {error}; the defaults hold"));
                Vec::new()
            }
        }
    }

    fn parse(&mut self, text: &str, file: &Path) -> Vec<(String, Node)> {
        let (nodes, broken) = salvage(text);
        for Broken { line, key, reason, .. } in broken {
            let entry = key.first().and_then(|name| Entry::find(name)).filter(|entry| entry.in_file);
            let allowed = entry.map(|entry| format!("; allowed: {}", self.allowed(entry))).unwrap_or_default();
            self.in_file(file, line, &dotted(key.iter().map(String::as_str)), &format!("{reason}{allowed}"));
        }
        nodes
    }

    /// Tells the keys of the file that mean nothing there.
    fn strangers(&mut self, nodes: &[(String, Node)], file: &Path) {
        for (name, node) in nodes {
            let message = match Entry::find(name) {
                Some(entry) if entry.in_file => continue,
                Some(entry) => outside(entry),
                None => unknown(name),
            };
            self.in_file(file, node.line, &dotted([name.as_str()]), &message);
        }
    }
}

/// Why a key that decides where the file lies cannot stand in it.
pub(super) fn outside(entry: &Entry) -> String {
    format!("is not kept in the file, which it helps to find; use {} or {}", entry.env, entry.flag)
}

/// What to do about a key that there is not.
pub(super) fn unknown(name: &str) -> String {
    let known = || Entry::of_file().map(|entry| entry.name);
    format!("unknown key{}; allowed: {}", did_you_mean(nearest(name, known())), known().collect::<Vec<_>>().join(", "))
}
