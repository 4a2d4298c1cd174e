//! `catch-up`: what a hook leaves for later, since an agent waits for it. Hidden: nobody types it.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Args;

use super::GlobalArgs;
use super::context::Context;
use super::error::CliError;
use super::{rules, telling};
use crate::engine::journal;
use crate::store::ledger::{Decision, Kind};

/// How long another process is waited for that writes the ledger: nobody waits for this one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct CatchUpArgs {
    /// Read all logs
    #[arg(long)]
    pub read: bool,
    /// Tell what there is to tell
    #[arg(long)]
    pub tell: bool,
    /// Record that a guard could not tell what was spent: `AGENT: what it did: why`
    #[arg(long)]
    pub failure: Option<String>,
}

/// Starts it, and waits for nothing. Where it cannot be started, the next command does the same work.
pub fn start(global: &GlobalArgs, args: &CatchUpArgs) {
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
    command.args(args.read.then_some("--read")).args(args.tell.then_some("--tell"));
    if let Some(failure) = &args.failure {
        command.arg("--failure").arg(failure);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(Path::new("/"));
    // Its own group: whoever ends the agent's group is not to end this in the middle.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// Does it.
pub fn run(context: &Context, args: &CatchUpArgs) -> Result<ExitCode, CliError> {
    if let Some(failure) = &args.failure {
        let (agent, why) = failure.split_once(": ").unwrap_or(("", failure));
        let ledger = journal::ledger(&context.settings.data_dir, PATIENCE, context.now)?;
        ledger.record(&Decision { agent: Some(agent.to_owned()), why: Some(why.to_owned()), ..failed(context) })?;
        if !args.read && !args.tell {
            return Ok(ExitCode::SUCCESS);
        }
    }
    if args.read {
        context.open()?;
    }
    let store = context.store()?;
    if store.is_writer() {
        store.checkpoint();
    }
    if args.tell {
        telling::tell_now(context, &store)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// That a guard could not tell.
fn failed(context: &Context) -> Decision {
    Decision {
        at: context.now,
        kind: Kind::Failure,
        cap: String::new(),
        agent: None,
        session: None,
        unit: String::new(),
        spent: 0,
        amount: 0,
        until: None,
        who: rules::who(),
        why: None,
    }
}
