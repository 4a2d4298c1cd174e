//! `gateway` and `team` as people type them: the real binary, and a small `LiteLLM` on loopback.

mod adding;
mod bomb;
mod budgets;
mod certificate;
mod ledger;
mod reconciling;
mod rounds;
mod secrets;
mod server;
mod syncing;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use aifinops::store::Books;
use serde_json::Value;
use tempfile::TempDir;

use ledger::{ADMIN, ALICE, MASTER, VIEWER};
use server::Server;

/// A machine with nothing on it, and keys in its environment.
struct Machine {
    dir: TempDir,
    /// Where files with keys lie: outside of everything that the program writes.
    keys: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { dir: tempfile::tempdir().unwrap(), keys: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.path("home")).unwrap();
        machine
    }

    /// One that knows this gateway as `team`, by the key of somebody who looks on.
    fn knowing(server: &Server) -> Machine {
        let machine = Machine::new();
        machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
        server.news();
        machine
    }

    /// One that has asked it everything, too.
    fn synced(server: &Server) -> Machine {
        let machine = Machine::knowing(server);
        machine.ok(&["gateway", "sync"]);
        server.news();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The text of the configuration; nothing where there is none.
    fn config(&self) -> Option<String> {
        fs::read_to_string(self.path("config.toml")).ok()
    }

    /// The gateways that figures are kept of.
    fn kept(&self) -> Vec<String> {
        let books = Books::open_existing(&self.path("data"), Duration::from_secs(5)).unwrap();
        let accounts = books.map(|books| books.accounts().unwrap()).unwrap_or_default();
        accounts.into_iter().map(|account| account.name).collect()
    }

    /// A file with a key in it, and what others may do with it.
    fn key_file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.keys.path().join(name);
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env_clear().stdin(Stdio::null());
        for name in ["PATH", "SYSTEMROOT"] {
            command.env(name, std::env::var_os(name).unwrap_or_default());
        }
        command.env("AIFINOPS_HOME", self.path("home")).env("AIFINOPS_DATA_DIR", self.path("data"));
        command.env("AIFINOPS_CONFIG", self.path("config.toml")).env("AIFINOPS_TIMEZONE", "UTC");
        // Nobody's own keyring is touched.
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.path("no-bus").display()));
        command.env("VIEWER", VIEWER).env("ADMIN", ADMIN).env("ALICE", ALICE).env("MASTER", MASTER);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed, without a word beside its answer.
    fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
        run.out
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).unwrap()
    }
}

/// What a command printed.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The error object of `--json`, and nothing else anywhere.
    fn error(&self) -> Value {
        assert_eq!(self.out, "");
        let object: Value = serde_json::from_str(&self.err).unwrap();
        object["error"].clone()
    }

    /// Everything that was said.
    fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}
