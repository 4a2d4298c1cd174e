//! `statusline`: one line for Claude Code's status line, for tmux and for prompts of shells.
//!
//! An agent runs it after each of its messages and shows what it prints, so it is as short as a hook: no walk through the
//! logs, and in the usual case no command line to parse. Whatever goes wrong, it prints one line of what is known.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::{Args, Subcommand};

use crate::config::Currency;
use crate::engine::glance::{Glance, Wanted, glance};
use crate::engine::ingest::Ingest;
use crate::engine::judge::{Moment, Question};
use crate::pricing::Pricer;
use crate::sources::claude_code;
use crate::store::Store;

use super::GlobalArgs;
use super::catch_up::{self, Errand};
use super::clock::Clock;
use super::context::{Context, clock};
use super::error::CliError;
use super::{hook, rules};

pub mod input;
pub mod install;
pub mod json;
pub mod parts;
pub mod template;

use input::Given;
use parts::Parts;
use template::{Style, Template};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops statusline install            Claude Code shows it from its next start on
  aifinops statusline uninstall          takes exactly that out again
  aifinops statusline --plain            today's spend, burn rate, living sessions
  aifinops statusline --format '{today}[ · 5h {5h}][ · {model}]'

  tmux         set -g status-right '#(aifinops statusline --plain)'
  bash         PS1='$(aifinops statusline --plain --format \"{today}\") \\w \\$ '
  zsh          setopt prompt_subst; RPROMPT='${$(aifinops statusline --plain)//\\%/%%}'
  starship     [custom.aifinops]
               command = 'aifinops statusline --plain'
               when = true

FORMAT:
  {session}  what the session has cost          {context}  how full its context is
  {today}    today's spend, against its cap     {5h} {week}  official limits of the plan
  {cap}      another cap that binds             {model} {project}  of the session
  {burn}     dollars of the last hour           {live}     living sessions
  {loop}     steps of the running task
  What stands in [brackets] is left out where something in it is not known; {{, [[ and the like are the signs themselves.";

/// What Claude Code shows unless another format is asked for.
const OF_A_SESSION: &str =
    "[session {session} · ]today {today}[ · {cap}] · {burn}/h[ · loop {loop}][ · context {context}][ · 5h {5h}][ · week {week}]";
/// What everybody else shows.
const PLAIN: &str = "today {today}[ · {cap}] · {burn}/h[ · {live} live]";

/// A line that comes later is of no use to anybody.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long the store is waited for while another process holds it.
const PATIENCE: Duration = Duration::from_millis(40);
/// Longer than anything that an agent hands over.
const LONGEST: u64 = 1 << 20;

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StatuslineArgs {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<StatuslineCommand>,
    /// Without a session: nothing is read from standard input
    #[arg(long)]
    pub plain: bool,
    /// What to print; the placeholders are listed below
    #[arg(long, value_name = "TEMPLATE", value_parser = Template::parse)]
    pub format: Option<Template>,
    /// Whether to print colours; `auto` is always for an agent and for terminals, and never with `NO_COLOR`
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"], default_value = "auto")]
    pub color: Option<String>,
}

/// What can be done with status lines.
#[derive(Debug, Clone, Subcommand)]
pub enum StatuslineCommand {
    /// Make Claude Code show it; doing it twice changes nothing
    #[command(after_help = "EXAMPLES:\n  aifinops statusline install\n  aifinops statusline install --dry-run")]
    Install(install::ChangeArgs),
    /// Take out exactly what was put in
    #[command(after_help = "EXAMPLES:\n  aifinops statusline uninstall\n  aifinops statusline uninstall --dry-run")]
    Uninstall(install::ChangeArgs),
}

/// Prints at once if the command line is `statusline` or `statusline --plain`; `None` for any other, which is read in the
/// usual way.
#[must_use]
pub fn quick() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != "statusline" {
        return None;
    }
    let plain = match args.next() {
        None => false,
        Some(flag) if flag == "--plain" && args.next().is_none() => true,
        Some(_) => return None,
    };
    Some(show(&GlobalArgs::default(), &StatuslineArgs { plain, ..StatuslineArgs::default() }))
}

/// Does what was asked for.
pub fn run(global: &GlobalArgs, args: &StatuslineArgs) -> Result<ExitCode, CliError> {
    let context = || Context::load(global, global.flags());
    match &args.command {
        Some(StatuslineCommand::Install(args)) => install::run(&context()?, args, install::Way::In),
        Some(StatuslineCommand::Uninstall(args)) => install::run(&context()?, args, install::Way::Out),
        None if global.json => json::print(&context()?, &given(args)),
        None => Ok(show(global, args)),
    }
}

/// What the agent has handed over; nothing where there is none.
fn given(args: &StatuslineArgs) -> Option<Given> {
    let mut stdin = std::io::stdin().lock();
    if args.plain || std::io::stdin().is_terminal() {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = stdin.by_ref().take(LONGEST).read_to_end(&mut bytes);
    Given::read(&bytes, clock())
}

/// Prints the line. This thread works; another one watches the clock, and prints what is known until then.
fn show(global: &GlobalArgs, args: &StatuslineArgs) -> ExitCode {
    let known: Arc<Mutex<Option<Given>>> = Arc::default();
    let late = {
        let (known, args, no_color) = (Arc::clone(&known), args.clone(), global.no_color);
        move |_| {
            let given = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let parts = Parts::new(given.as_ref(), None, &Currency::default(), clock());
            print(&args, &parts, given.is_some(), no_color);
            hook::end(0)
        }
    };
    let watch = Clock::start(DEADLINE, late);
    let given = given(args);
    known.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&given);
    let quiet = GlobalArgs { quiet: true, ..global.clone() };
    let context = Context::load(&quiet, quiet.flags());
    let seen = context.as_ref().ok().and_then(|context| look(context, given.as_ref(), wants_live(args, given.is_some())).ok());
    if !watch.stop() {
        // The other thread prints; this one must not print something else.
        loop {
            std::thread::park();
        }
    }
    let currency = context.as_ref().map(|context| context.settings.currency.value.clone()).unwrap_or_default();
    print(args, &Parts::new(given.as_ref(), seen.as_ref(), &currency, clock()), given.is_some(), global.no_color);
    let errand = match seen {
        Some(seen) if seen.behind => Some(Errand::Read),
        Some(seen) => seen.untidy.then_some(Errand::Tidy),
        // What is damaged is mended by whoever has time.
        None => Some(Errand::Read),
    };
    if let (Some(errand), Ok(context)) = (errand, &context) {
        catch_up::leave(global, &context.settings.data_dir.value, &[errand]);
    }
    ExitCode::SUCCESS
}

fn wants_live(args: &StatuslineArgs, has_session: bool) -> bool {
    args.format.as_ref().map_or(!has_session, |format| format.names("live"))
}

/// Looks at the store.
fn look(context: &Context, given: Option<&Given>, live: bool) -> Result<Glance, CliError> {
    let dir = &context.settings.data_dir.value;
    let policy = rules::policy(&context.settings);
    let rules = rules::rules(&context.settings, &policy);
    let store = Store::open_quickly(dir, PATIENCE)?;
    // One that has just been begun knows nothing of what was spent, if anything was: its zero is none.
    let own = given.and_then(|given| given.transcript.clone());
    if store.is_untouched()? && context.catalog().has_others(&own.into_iter().collect()) {
        store.set_partial(true)?;
    }
    let (book, _) = context.prices();
    let catalog = context.catalog_of(|agent| live || agent == claude_code::AGENT);
    let mut ingest = Ingest::new(store, Pricer::new(book), catalog, 1);
    let question = given.map(|given| Question {
        agent: claude_code::AGENT,
        session: given.session.clone(),
        transcript: given.transcript.clone(),
        cwd: given.cwd.clone(),
        moment: Moment::Step,
        tool_use: None,
    });
    let told = given.map(|given| given.limits.clone()).unwrap_or_default();
    let wants_context = given.is_some_and(|given| given.context_permille.is_none());
    let wanted = Wanted { question, told, context: wants_context, live };
    Ok(glance(&mut ingest, dir, &rules, &wanted, context.now)?)
}

fn print(args: &StatuslineArgs, parts: &Parts, has_session: bool, no_color: bool) {
    let stdout = std::io::stdout();
    let is_wanted = match args.color.as_deref() {
        Some("always") => true,
        Some("never") => false,
        _ => !no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && (has_session || stdout.is_terminal()),
    };
    let usual = || Template::parse(if has_session { OF_A_SESSION } else { PLAIN }).unwrap_or_default();
    let template = args.format.clone().unwrap_or_else(usual);
    let style = if is_wanted { Style::Coloured } else { Style::Plain };
    let line = template.fill(parts, style);
    let choice = if is_wanted { ColorChoice::AlwaysAnsi } else { ColorChoice::Never };
    // Nobody is left to tell that this could not be told.
    let mut out = AutoStream::new(stdout.lock(), choice);
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_are_usual_are_sound() {
        for usual in [OF_A_SESSION, PLAIN] {
            assert!(Template::parse(usual).is_ok(), "{usual}");
        }
    }
}
