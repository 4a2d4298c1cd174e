//! `catch-up`: does what hooks leave for later, since agents wait for them. Hidden: nobody types it.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use super::GlobalArgs;
use super::context::Context;
use super::error::CliError;
use super::{rules, telling};
use crate::engine::journal;
use crate::store::StoreError;
use crate::store::ledger::{Decision, Kind};

mod errands;

pub use errands::Errand;

/// How long another process is waited for that writes the ledger: nobody waits for this one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Leaves errands, and starts a process for them where none waits to do them; waits for nothing. What cannot be left is gone:
/// the next command reads and tells the same.
pub fn leave(global: &GlobalArgs, dir: &Path, errands: &[Errand]) {
    if errands::leave(dir, errands).unwrap_or(false) {
        start(global);
    }
}

fn start(global: &GlobalArgs) {
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    let place = |command: &mut Command, flag: &str, path: &Option<std::path::PathBuf>| {
        if let Some(path) = path {
            command.arg(flag).arg(path);
        }
    };
    command.arg("catch-up").arg("--quiet");
    place(&mut command, "--home", &global.home);
    place(&mut command, "--data-dir", &global.data_dir);
    place(&mut command, "--config", &global.config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(Path::new("/"));
    // Its own group: whoever ends the agent's group is not to end this in the middle.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// Does them.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    let dir = &context.settings.data_dir.value;
    let fail = |source| CliError::File { doing: "look for what hooks have left in", path: dir.clone(), source };
    let Some(turn) = errands::turn(dir).map_err(fail)? else { return Ok(ExitCode::SUCCESS) };
    let all = turn.take().map_err(fail)?;
    let recorded = record(context, &all);
    if all.contains(&Errand::Read) {
        context.open()?;
    }
    if all.iter().any(|errand| !matches!(errand, Errand::Failure { .. })) {
        let store = context.store()?;
        if store.is_writer() {
            store.checkpoint();
        }
        if all.contains(&Errand::Tell) {
            telling::tell_now(context, &store)?;
        }
    }
    // What could not be recorded is left to the next one.
    recorded?;
    turn.done();
    Ok(ExitCode::SUCCESS)
}

/// Records that guards could not tell.
fn record(context: &Context, errands: &[Errand]) -> Result<(), StoreError> {
    let failures: Vec<Decision> = errands.iter().filter_map(failed).collect();
    if failures.is_empty() {
        return Ok(());
    }
    let ledger = journal::ledger(&context.settings.data_dir, PATIENCE, context.now)?;
    failures.iter().try_for_each(|decision| ledger.record(decision))
}

fn failed(errand: &Errand) -> Option<Decision> {
    let Errand::Failure { at, agent, why } = errand else { return None };
    Some(Decision {
        at: *at,
        kind: Kind::Failure,
        cap: String::new(),
        agent: Some(agent.clone()),
        session: None,
        unit: String::new(),
        spent: 0,
        amount: 0,
        until: None,
        who: rules::who(),
        why: Some(why.clone()),
    })
}
