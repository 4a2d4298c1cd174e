//! `gpu`, `doctor gpu` and the settings of GPUs as their users type them: the real binary, its exit codes, its JSON.

#[cfg(target_os = "linux")]
pub(super) mod driver;
mod history;
mod settings;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use aifinops::alerts::{Alert, AlertKind, Urgency};
use aifinops::cli::gpu::answer::answer;
use aifinops::engine::gpus::GpuPicture;
use aifinops::model::{Millis, Money};
use aifinops::store::GpuBook;
use aifinops::store::gpus::{CardRow, MinuteRow};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::metrics;
use super::picture::everything;

/// A machine of its own: a home, a store, a file of settings, a system without a card, and no driver.
pub(super) struct Host {
    dir: TempDir,
}

impl Host {
    pub(super) fn new() -> Host {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "data", "bin", "root/sys", "root/proc"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        Host { dir }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        // A path on which there is no nvidia-smi.
        command.args(args).env_clear().env("PATH", self.path("bin")).env("TZ", "UTC").env("USER", "me");
        for (name, path) in [("HOME", "home"), ("DATA_DIR", "data"), ("CONFIG", "config.toml"), ("SYSROOT", "root"), ("NVML", "none.so")] {
            command.env(format!("AIFINOPS_{name}"), self.path(path));
        }
        command.env("AIFINOPS_TIMEZONE", "UTC").env("AIFINOPS_ALERTS", "ways=none");
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// What a command that must succeed prints.
    pub(super) fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
        run.out
    }

    pub(super) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).unwrap()
    }

    /// The exit code and the message of a command that must fail.
    pub(super) fn refusal(&self, args: &[&str]) -> (i32, Value) {
        let run = self.run(&[&["--json"], args].concat());
        let error: Value = serde_json::from_str(&run.err).unwrap_or_else(|_| panic!("{args:?}: {}{}", run.out, run.err));
        (run.code, error["error"].clone())
    }

    pub(super) fn config(&self) -> String {
        fs::read_to_string(self.path("config.toml")).unwrap_or_default()
    }

    /// Writes down minutes of a card.
    pub(super) fn did(&self, card: &CardRow, minutes: &[MinuteRow]) {
        let (mut book, _) = GpuBook::open(&self.path("data"), Duration::from_secs(5)).unwrap();
        let id = book.note_card(card).unwrap();
        book.write(id, minutes, &[]).unwrap();
    }
}

/// What a command printed.
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub(super) fn now() -> Millis {
    chrono::Utc::now().timestamp_millis()
}

pub(super) fn usd(text: &str) -> Money {
    Money::parse_usd(text).unwrap()
}

/// The names of all fields, those of a list's items together.
fn fields(json: &Value) -> BTreeSet<String> {
    let below = |at: &str, part: &Value| fields(part).into_iter().map(|name| format!("{at}{name}")).collect::<Vec<_>>();
    match json {
        Value::Object(parts) => parts
            .iter()
            .flat_map(|(name, part)| {
                let dot = if part.is_object() { "." } else { "" };
                std::iter::once(name.clone()).chain(below(&format!("{name}{dot}"), part)).collect::<Vec<_>>()
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(|item| below("[].", item)).collect(),
        _ => BTreeSet::new(),
    }
}

fn keys(json: &Value) -> String {
    fields(json).into_iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn a_machine_without_a_card_is_told_so_and_that_is_no_failure() {
    let host = Host::new();
    for args in [&["gpu"][..], &["gpu", "--once"]] {
        let said = host.ok(args);
        let sentence = "No GPU was found on this machine, and none is asked for elsewhere.";
        assert!(said.starts_with(sentence) && said.contains("aifinops doctor gpu"), "{args:?}: {said}");
    }
    let found = host.json(&["gpu"]);
    assert_eq!((&found["cards"], &found["servers"], &found["processes"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(found["total"]["utilization"], Value::Null);
    let states: BTreeSet<&str> = found["sources"].as_array().unwrap().iter().map(|source| source["state"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["absent"]), "{found}");
    let doctor = host.ok(&["doctor", "gpu"]);
    for words in ["· nvml: no NVIDIA driver: libnvidia-ml.so.1 was not found", "· amdgpu: ", "· intel: ", "none is asked"] {
        assert!(doctor.contains(words) || !cfg!(target_os = "linux"), "{words} is not in\n{doctor}");
    }
    let found = host.json(&["doctor", "gpu"]);
    assert!(found["sources"].as_array().unwrap().iter().all(|source| source["why"].is_string() && source["cards"] == json!(0)), "{found}");
    assert!(!host.path("data/gpus.db").exists(), "of nothing nothing is kept");
}

#[test]
fn a_server_without_a_card_is_shown_alone_and_who_is_asked_is_not_denied() {
    let host = Host::new();
    let page = metrics::vllm("qwen3", 300, 100, 1);
    let server = metrics::Host::with_page(move || page.clone());
    let sentence = "No GPU was found, on this machine or on those that are asked.\n";
    let said = host.ok(&["gpu", "--gpu-host", &format!("n1={}", server.url())]);
    assert!(said.starts_with(&format!("{sentence}\nSERVER")) && said.contains("qwen3"), "{said}");
    let said = host.ok(&["gpu", "--gpu-host", &format!("n1={}", metrics::Host::dead())]);
    assert!(said.starts_with(&format!("{sentence}! n1: it cannot be reached")), "{said}");
}

/// Everything that there can be in the JSON, of which a machine has a part.
fn all() -> Value {
    let alert = Alert {
        kind: AlertKind::GpuIdle,
        key: String::new(),
        at: 0,
        until: 0,
        title: String::new(),
        body: String::new(),
        urgency: Urgency::Normal,
    };
    serde_json::to_value(answer(&GpuPicture { alerts: vec![alert], ..everything() })).unwrap()
}

#[test]
fn the_fields_of_the_json_are_a_contract() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!("gpu_json_fields", keys(&all()));
    });
}
