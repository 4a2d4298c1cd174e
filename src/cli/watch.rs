//! `watch`: tells and holds caps without a screen.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::alerts::Alert;
use crate::engine::live::Command;
use crate::engine::warden::{News, Warden};
use crate::engine::{self, Engine, Span};
use crate::model::text::clean;
use crate::model::time;
use crate::pricing::Pricer;
use crate::ui::surroundings::{Change, Surroundings as _};

use super::cap::show;
use super::context::{Context, clock};
use super::desk::Desk;
use super::error::CliError;
use super::gpu::watch as gpu_watch;
use super::out::{FAINT, Out};
use super::polling;
use super::rules::who;
use super::telling;

pub mod service;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops watch                  tells and holds caps until it is ended
  aifinops watch --once           looks once, tells what there is to tell, and ends
  aifinops watch --install        a service of yours that does it from every login on
  aifinops watch --install --print
  aifinops watch --uninstall
  aifinops watch --json           a line of JSON for everything that is told";

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags as typed")]
pub struct WatchArgs {
    /// Look once, tell what there is to tell, and end
    #[arg(long, conflicts_with_all = ["install", "uninstall"])]
    pub once: bool,
    /// Write a service file: a systemd user unit, or a launchd agent on macOS
    #[arg(long)]
    pub install: bool,
    /// Remove the service file
    #[arg(long, conflicts_with = "install")]
    pub uninstall: bool,
    /// Print the service file and write nothing
    #[arg(long, requires = "install")]
    pub print: bool,
}

/// How often it is looked whether the settings have been edited.
const SETTINGS: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct AlertJson {
    at: String,
    kind: &'static str,
    title: String,
    body: String,
    key: String,
}

#[derive(Serialize)]
struct ServiceJson {
    path: String,
    changed: bool,
    next: String,
}

/// Watches.
pub fn run(context: &Context, args: &WatchArgs) -> Result<ExitCode, CliError> {
    if args.install || args.uninstall {
        return change(context, args);
    }
    context.note_problems();
    if args.once {
        let fresh = context.open()?;
        let ledger = show::ledger(context)?;
        for alert in telling::tell_now(context, &fresh.ingest.store)? {
            // Started again and again, by cron for one, it says everything once.
            if ledger.first(&format!("once:{}", alert.key), alert.until, context.now)? {
                print(context, &alert)?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    watch(context)
}

fn watch(context: &Context) -> Result<ExitCode, CliError> {
    let (book, problems) = context.prices();
    for problem in &problems {
        context.note(problem);
    }
    let ingest = engine::ingest::Ingest::new(context.store()?, Pricer::new(book), context.catalog(), context.settings.threads.value);
    let mut desk = Desk::new(context, clock);
    let caps = engine::caps::Setup { rules: desk.rules(), dir: desk.data_dir(), who: who() };
    let engine = Engine::start(engine::Setup {
        ingest,
        zone: context.zone(),
        span: Span::Today,
        notices: Vec::new(),
        caps,
        real: true,
        watched: Vec::new(),
        clock,
    });
    let _poller = polling::start(context);
    let keeper = gpu_watch::beside(context);
    let warden = Warden::start(telling::warden(context, &engine, gpu_watch::pictures(keeper.as_ref()), None)?);
    context.note("watching; Ctrl-C ends it");
    let ended = super::signals::ended().map_err(|error| CliError::Screen(error.to_string()))?;
    let mut looked = Instant::now();
    while !ended.is_set() {
        if looked.elapsed() >= SETTINGS {
            looked = Instant::now();
            follow(context, &mut desk, &engine);
        }
        match warden.news.recv_timeout(Duration::from_millis(200)) {
            Ok(News::Alert(alert)) => print(context, &alert)?,
            Ok(News::Trouble(text) | News::Stopped(text)) => context.note(&text),
            Ok(News::Guards(_) | News::Present(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(CliError::Screen("the watch has ended".to_owned())),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes up settings that have been edited, and says so; the warden asks for them itself, and is woken.
fn follow(context: &Context, desk: &mut Desk, engine: &Engine) {
    let Some(Change { rules, problems, says, .. }) = desk.settings() else { return };
    if let Some(rules) = rules {
        engine.send(Command::Rules(rules));
    }
    if !says.is_empty() {
        context.note(&format!("the settings have changed: {}", says.join(", ")));
    }
    for problem in &problems {
        context.note(problem);
    }
}

fn print(context: &Context, alert: &Alert) -> Result<(), CliError> {
    if context.json {
        let (title, body, key) = (clean(&alert.title), clean(&alert.body), clean(&alert.key));
        return Ok(Out::json(&AlertJson { at: time::rfc3339(alert.at), kind: alert.kind.word(), title, body, key })?);
    }
    let mut out = Out::text();
    let at = time::utc(alert.at).with_timezone(&context.zone()).format("%Y-%m-%d %H:%M:%S");
    out.line(&format!("{at}  {}", clean(&alert.title)))?;
    out.styled(FAINT, &format!("{:19}  {}", "", clean(&alert.body)))?;
    Ok(out.flush()?)
}

/// Writes, shows or removes the service file.
fn change(context: &Context, args: &WatchArgs) -> Result<ExitCode, CliError> {
    let config_home = context.config_home();
    let service = service::of_system(&context.settings.home, &config_home, &service::command(context));
    let file = |doing: &'static str| {
        let path = service.path.clone();
        move |source| CliError::File { doing, path, source }
    };
    let mut out = Out::text();
    if args.print {
        out.write_all(service.text.as_bytes())?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = clean(&service.path.display().to_string());
    let (changed, next, said) = if args.uninstall {
        let changed = service::remove(&service).map_err(file("remove"))?;
        (changed, service.stop.clone(), if changed { "Removed" } else { "There is no" })
    } else {
        let changed = service::write(&service).map_err(file("write"))?;
        (changed, service.start.clone(), if changed { "Written:" } else { "Up to date:" })
    };
    if context.json {
        Out::json(&ServiceJson { path, changed, next })?;
        return Ok(ExitCode::SUCCESS);
    }
    out.line(&format!("{said} {path}"))?;
    if changed || !args.uninstall {
        let until = if args.uninstall { "If it is still running, end it" } else { "Start it now and at every login" };
        out.line(&format!("{until}:\n  {next}"))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
