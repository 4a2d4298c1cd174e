//! Processes: which agent started us, and how it is interrupted.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use crate::proc::Table;

/// Ancestors that are looked at; shells and launchers between an agent and its hook are few.
const FAR: usize = 16;

/// Architectures that release archives name their program after: `codex-x86_64-unknown-linux-musl`. Other names that begin alike are
/// other programs.
const BUILDS: [&str; 2] = ["x86_64", "aarch64"];

fn is_called(called: &str, name: &str) -> bool {
    let rest = called.strip_prefix(name);
    rest == Some("") || rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(|build| BUILDS.iter().any(|arch| build.starts_with(arch)))
}

/// The nearest ancestor of this process that is called so. One of our own programs ends the search: a self-test must not
/// interrupt the agent in which somebody runs it.
#[must_use]
pub fn ancestor(name: &str) -> Option<u32> {
    let mut pid = std::process::id();
    for _ in 0..FAR {
        let (_, parent) = look(pid)?;
        if parent <= 1 {
            return None;
        }
        let (called, _) = look(parent)?;
        if is_called(&called, name) {
            return Some(parent);
        }
        if called.starts_with("aifinops") {
            return None;
        }
        pid = parent;
    }
    None
}

/// A process' name and its parent.
#[cfg(target_os = "linux")]
fn look(pid: u32) -> Option<(String, u32)> {
    let table = Table::default();
    Some((table.name(pid)?, table.stat(pid)?.parent))
}

/// A process' name and its parent.
#[cfg(not(target_os = "linux"))]
fn look(pid: u32) -> Option<(String, u32)> {
    let told = Command::new("ps").args(["-o", "ppid=,comm=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8(told.stdout).ok()?;
    let (parent, path) = line.trim().split_once(char::is_whitespace)?;
    let name = Path::new(path.trim()).file_name()?.to_str()?.to_owned();
    Some((name, parent.parse().ok()?))
}

/// Between the two signals of an interruption.
#[cfg(unix)]
const AGAIN: Duration = Duration::from_millis(50);

/// Interrupts a process as Ctrl-C would, twice: a server takes the first for a wish to end once its turns are done, and
/// these are what has to end. That the process is already gone is as good.
#[cfg(unix)]
pub fn interrupt(pid: u32) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    // 0 and 1 would mean the own group and everything.
    let (Some(known), Some(id)) = (look(pid), i32::try_from(pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw)) else { return };
    let _ = kill(id, Signal::SIGINT);
    std::thread::sleep(AGAIN);
    // Not another one that has got its number.
    if look(pid).as_ref() == Some(&known) {
        let _ = kill(id, Signal::SIGINT);
    }
}

/// Where there are no signals, nothing is interrupted.
#[cfg(not(unix))]
pub fn interrupt(_: u32) {}

/// Whether a file is a program that may be started.
#[must_use]
pub fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    let may = |meta: &std::fs::Metadata| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may = |_: &std::fs::Metadata| true;
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && may(&meta))
}

/// What a program prints, if it ends well and in time.
#[must_use]
pub fn output_of(command: &mut Command, patience: Duration) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait().ok()? {
            Some(status) => {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut child.stdout.take()?, &mut text).ok()?;
                return status.success().then_some(text);
            }
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_the_name_of_its_release_too() {
        // The system keeps fifteen bytes of it.
        for name in ["codex", "codex-x86_64-un", "codex-x86_64-unknown-linux-musl", "codex-aarch64-a"] {
            assert!(is_called(name, "codex"), "{name}");
        }
        for name in ["codex-linux-san", "codexx", "code", "codex-", "sh", "x-codex"] {
            assert!(!is_called(name, "codex"), "{name}");
        }
    }
}
