//! Who may read what the program writes: its owner and nobody else, whatever the umask says; and what others have opened is
//! told and closed.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Machine;
use crate::proxy::service::Service;

/// What has been written once everything has been done, in the data directory.
const WRITTEN: [&str; 24] = [
    "aifinops.db",
    "aifinops.db-wal",
    "aifinops.db-shm",
    "aifinops.db.damaged-1",
    "aifinops.log",
    "caps.last.toml",
    "experiments.last.toml",
    "gateways.db",
    "gateways.db-wal",
    "gateways.db-shm",
    "gateways.db-mend",
    "gateways.db.damaged-1",
    "gpus.db",
    "gpus.db-wal",
    "gpus.db-shm",
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "ledger.db-mend",
    "ledger.db.copy",
    "ledger.db.damaged-1",
    "prices.tsv",
    "proxies.lock",
    "writer.lock",
];

/// Settings that something is kept of. Nobody listens at the gateway's address; what came of asking it is kept.
const SETTINGS: &str = r#"
[[attribution]]
project = "shop"
set = { experiment = "router" }

[experiments.router]
owner = "ana"
budget = 5

[gateways.team]
url = "http://127.0.0.1:9"
kind = "litellm"
token_env = "KEY"
"#;

/// A machine whose programs are started under this umask, with its settings in a directory that does not exist yet.
struct Open {
    machine: Machine,
    umask: &'static str,
}

impl Open {
    fn new(umask: &'static str) -> Open {
        let machine = Machine::new();
        fs::remove_file(machine.path("config.toml")).unwrap();
        Open { machine, umask }
    }

    fn command(&self, args: &[&str]) -> Command {
        let program = self.machine.command(args);
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(r#"umask {}; exec "$0" "$@""#, self.umask)).arg(program.get_program()).args(program.get_args());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("AIFINOPS_CONFIG", self.machine.path("etc/aifinops/config.toml")).env("KEY", "sk-none").env("EDITOR", "true");
        command.env("USER", "me").stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> i32 {
        self.command(args).output().unwrap().status.code().unwrap()
    }

    fn ok(&self, args: &[&str]) {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?} under {}: {}", self.umask, String::from_utf8_lossy(&output.stderr));
    }

    fn data(&self, name: &str) -> PathBuf {
        self.machine.path("data").join(name)
    }

    /// Nothing is left of a database but its name and its rights.
    fn damage(&self, name: &str) {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(self.data(&format!("{name}{suffix}")));
        }
        fs::write(self.data(name), [7; 8192]).unwrap();
    }

    /// Runs something until there is this file.
    fn until(&self, args: &[&str], stdin: &[u8], name: &str) {
        let mut child = self.command(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let begun = Instant::now();
        while !self.data(name).exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{args:?}: no {name}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Does whatever writes a file.
    fn do_everything(&self) {
        let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gpus/dcgm.prom")).unwrap();
        let host = Service::saying(200, "text/plain", page);
        self.ok(&["config", "edit"]);
        self.ok(&["config", "set", "theme", "dark"]);
        self.ok(&["config", "set", "alerts.ways", "none"]);
        self.ok(&["config", "set", "gpu_hosts.n1", &host.url()]);
        let config = self.machine.path("etc/aifinops/config.toml");
        fs::OpenOptions::new().append(true).open(&config).unwrap().write_all(SETTINGS.as_bytes()).unwrap();
        self.ok(&["cap", "set", "20"]);
        self.ok(&["sessions"]);
        self.ok(&["tag", super::FIRST, "feature=search"]);
        let list = self.machine.path("list.json");
        fs::write(&list, r#"{"m":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":1e-6,"output_cost_per_token":2e-6}}"#)
            .unwrap();
        self.ok(&["prices", "update", "--file", list.to_str().unwrap()]);
        self.ok(&["run", "--", "true"]);
        assert_eq!(self.run(&["gateway", "sync"]), 1);
        self.until(&["watch"], b"", "gpus.db-shm");
        self.ok(&["guard", "install", "claude-code"]);
        self.ok(&["watch", "--install"]);
        for (what, file) in [("sessions", "a.csv"), ("days", "a.html"), ("calls", "a.jsonl")] {
            self.ok(&["export", what, "-o", self.machine.path(file).to_str().unwrap()]);
        }
        self.ok(&["store", "export", self.machine.path("a.gz").to_str().unwrap()]);
        // What is damaged is moved aside, and begun anew.
        for (name, args) in [("ledger.db", &["cap", "log"][..]), ("gateways.db", &["gateway", "status"])] {
            self.damage(name);
            self.ok(args);
        }
        self.damage("aifinops.db");
        let asked = br#"{"hook_event_name":"UserPromptSubmit","session_id":"s","cwd":"/w"}"#;
        self.until(&["hook", "codex"], asked, "aifinops.log");
        self.until(&["sessions"], b"", "aifinops.db.damaged-1");
        self.ok(&["sessions"]);
        self.ok(&["cap", "log"]);
        assert_eq!(self.run(&["gateway", "sync"]), 1);
    }
}

/// Everything below a directory. What is gone again meanwhile is not there.
fn below(dir: &Path) -> BTreeSet<PathBuf> {
    walkdir::WalkDir::new(dir).into_iter().flatten().map(walkdir::DirEntry::into_path).collect()
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::symlink_metadata(path).ok()?.permissions().mode() & 0o7777)
}

#[test]
fn everything_that_is_written_is_its_owners_alone_whatever_the_umask() {
    std::thread::scope(|scope| {
        for umask in ["000", "077", "022"] {
            scope.spawn(move || is_private_under(umask));
        }
    });
}

fn is_private_under(umask: &'static str) {
    let open = Open::new(umask);
    let root = open.machine.path("");
    let before = below(&root);
    open.do_everything();
    let by_the_test = open.machine.path("list.json");
    let written: Vec<PathBuf> = below(&root).into_iter().filter(|path| !before.contains(path) && *path != by_the_test).collect();
    for path in &written {
        let Some(mode) = mode(path) else { continue };
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{} under umask {umask} is {mode:o}", path.display());
    }
    let missing: Vec<&&str> = WRITTEN.iter().filter(|name| !written.contains(&open.data(name))).collect();
    assert!(missing.is_empty(), "not written, so nothing is known of them: {missing:?} of {written:?}");
}

#[test]
fn whatever_others_have_opened_is_told_and_closed() {
    let open = Open::new("022");
    open.do_everything();
    let data = open.machine.path("data");
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).is_ok();
    let names: Vec<PathBuf> = below(&data).into_iter().filter(|path| *path != data && set(path, 0o666)).collect();
    let config = open.machine.path("etc/aifinops/config.toml");
    let around = config.parent().unwrap();
    assert!(set(&data, 0o777) && set(&config, 0o666) && set(around, 0o777) && names.len() >= WRITTEN.len(), "{names:?}");
    let output = open.command(&["doctor", "--json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told: Vec<&str> = found["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect();
    for path in names.iter().chain([&data]) {
        let words = format!("{} was open to others (mode 0", path.display());
        assert!(told.iter().any(|told| told.starts_with(&words) && told.ends_with("now it is yours alone")), "{words}: {told:#?}");
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(mode(path).is_none_or(|mode| mode == wanted), "{}", path.display());
    }
    for (path, mode) in [(config.as_path(), "0666"), (around, "0777")] {
        assert!(told.iter().any(|told| told.starts_with(&format!("{} is open to others (mode {mode})", path.display()))), "{told:#?}");
    }
    // It may be a link into files that are shared: that is for its owner to say.
    assert_eq!(mode(&config), Some(0o666));
}
