//! `run`: starts an agent below the metering proxy, and ends with it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use clap::Args;

use crate::engine::child::{self, Care, ChildError, Watch};
use crate::engine::gate::caps::{self, CapGate};
use crate::engine::gate::{All, Gate, Open, RunLimit};
use crate::engine::launch::{self, Launch, Plan, World};
use crate::engine::proxy::{Patience, Proxy, Setup, Tally};
use crate::engine::stop::Waits;
use crate::model::Money;
use crate::model::cap::OnFailure;
use crate::model::text::clean;
use crate::model::tokens::compact;
use crate::pricing::Pricer;
use crate::sources;

use super::context::Context;
use super::context::clock;
use super::error::CliError;
use super::rules;
use super::table::count;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops run -- claude                            Claude Code, every call metered before it is made
  aifinops run --max-usd 2.50 -- codex              at most $2.50 in this run
  aifinops run --pause -- claude                    at the cap it waits until there is room
  aifinops run -- gemini -p \"explain this\"          arguments go to the agent as they are
  aifinops run --upstream http://localhost:4000 -- claude
                                                    metered, and on to a gateway of your own
  aifinops run -- npx @openai/codex                 an agent behind a runner
  aifinops run --agent codex -- ./my-codex          an agent under another name
  aifinops run --no-proxy -- my-agent               no proxy: signals stop it at the cap

The agent's exit code is passed on; 128 and the number where a signal ended it.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The agent that the command starts, where its name does not tell
    #[arg(long, value_name = "NAME", value_parser = agents())]
    pub agent: Option<String>,
    /// Where model calls go, instead of where the agent would send them
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    pub upstream: Option<String>,
    /// Stop the agent by signals instead of refusing its next model call
    #[arg(long)]
    pub no_proxy: bool,
    /// At the cap, pause the agent until there is room again, instead of stopping it
    #[arg(long)]
    pub pause: bool,
    /// The most that this run may cost, in dollars; needs the proxy
    #[arg(long, value_name = "USD", conflicts_with = "no_proxy", value_parser = money)]
    pub max_usd: Option<Money>,
    /// The agent and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

fn agents() -> clap::builder::PossibleValuesParser {
    launch::ALL.map(Launch::agent).into()
}

fn money(text: &str) -> Result<Money, String> {
    Money::parse_usd(text.trim_start_matches('$')).filter(|money| *money > Money::ZERO).ok_or_else(|| "not an amount above zero".to_owned())
}

/// Who decides on the calls of this run: the caps, then the limit of the run.
fn gate(caps: Option<&Arc<CapGate>>, limit: Option<&Arc<RunLimit>>) -> Arc<dyn Gate> {
    let mut gates: Vec<Arc<dyn Gate>> = caps.map(|gate| Arc::clone(gate) as Arc<dyn Gate>).into_iter().collect();
    gates.extend(limit.map(|limit| Arc::clone(limit) as Arc<dyn Gate>));
    if gates.is_empty() { Arc::new(Open) } else { Arc::new(All::new(gates)) }
}

/// The agent of a command that is no known agent's.
const UNKNOWN: &str = "other";

/// The gate over the store and its caps. Where the store cannot be used, `on_failure` decides whether the agent starts.
fn caps(context: &Context, agent: Option<&'static dyn Launch>) -> Result<Option<Arc<CapGate>>, CliError> {
    let policy = rules::policy(&context.settings);
    let on_failure = rules::on_failure(&context.settings, &policy);
    let (mut again, cwd) = (context.again(), std::env::current_dir().ok());
    let made = context.unread().and_then(|ingest| {
        let setup = caps::Setup {
            ingest,
            dir: context.settings.data_dir.value.clone(),
            rules: rules::rules(&context.settings, &policy),
            reload: Box::new(move || {
                let settings = again();
                rules::rules(&settings, &rules::policy(&settings))
            }),
            on_failure,
            agent: agent.map_or(UNKNOWN, Launch::agent),
            cwd: cwd.map(|cwd| cwd.to_string_lossy().into_owned()),
            who: rules::who(),
            clock,
        };
        Ok(CapGate::new(setup)?)
    });
    match (made, on_failure) {
        (Ok(gate), _) => Ok(Some(Arc::new(gate))),
        (Err(error), OnFailure::Closed) => Err(error),
        (Err(error), OnFailure::Open) => {
            context.note(&format!("caps cannot hold in this run: {error}"));
            Ok(None)
        }
    }
}

/// Runs the command to its end.
pub fn run(context: &Context, args: &RunArgs) -> Result<ExitCode, CliError> {
    context.note_problems();
    let Some((program, own)) = args.command.split_first() else {
        return Err(CliError::usage("there is no command to run", "`aifinops run -- claude`"));
    };
    let words: Vec<String> = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let found = launch::find(&words);
    let agent = args.agent.as_deref().map_or(found.map(|(_, agent)| agent), launch::of_agent);
    // What stands before the agent's own arguments.
    let (before, own) = own.split_at_checked(found.map_or(0, |(at, _)| at)).unwrap_or((&[], own));
    let limit = args.max_usd.map(|most| Arc::new(RunLimit::new(most, Pricer::new(context.book()))));
    let caps = caps(context, agent)?;
    let gate = gate(caps.as_ref(), limit.as_ref());
    let mut command = Command::new(program);
    command.args(before);
    let proxy = if args.no_proxy { None } else { proxy(context, args, own, agent, &gate, &mut command)? };
    if proxy.is_none() {
        if limit.is_some() {
            return Err(CliError::usage("--max-usd needs the proxy, which this agent cannot use", "leave it out, or set a cap"));
        }
        command.args(own);
    }
    // Behind the proxy the next call is refused, which is kinder than a signal; but only a signal pauses.
    let by_signals = proxy.is_none() || args.pause;
    let mut over = || {
        if by_signals {
            return gate.over();
        }
        if let Some(gate) = &caps {
            gate.tidy();
        }
        None
    };
    let watch = Some(Watch { over: &mut over, pauses: args.pause });
    let ended =
        child::run(&mut command, Care { shares_terminal: true, waits: Waits::default(), watch, tell: &mut |text| context.note(text) });
    let tally = proxy.map(Proxy::finish);
    let kept = caps.map_or(Ok(0), |gate| gate.finish());
    let ended = match ended {
        Ok(ended) => ended,
        Err(ChildError::Start(error)) => {
            // What shells say: 127 for what is not there, 126 for what cannot be run.
            let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
            return Err(CliError::Start { program: program.to_string_lossy().into_owned(), why: error.to_string(), code });
        }
        Err(error) => return Err(CliError::Run(error.to_string())),
    };
    if let Some(tally) = tally {
        context.note(&told(context, &tally, limit.as_deref()));
    }
    match kept {
        // Of an agent whose log nobody reads this goes without saying.
        Ok(side) if side == 0 || agent.is_none_or(|agent| sources::by_agent(agent.agent()).is_none()) => {}
        Ok(side) => {
            context.note(&format!("{} that the agent's log does not show", count(side, "of these is a call", "of these are calls")));
        }
        Err(error) => context.note(&format!("what the agent's log does not show could not be kept: {error}")),
    }
    Ok(ExitCode::from(ended.code()))
}

/// Starts the proxy and points the command at it; `None` where that cannot be done, which is said.
fn proxy(
    context: &Context,
    args: &RunArgs,
    own: &[OsString],
    agent: Option<&'static dyn Launch>,
    gate: &Arc<dyn Gate>,
    command: &mut Command,
) -> Result<Option<Proxy>, CliError> {
    let cwd = std::env::current_dir().map_err(|source| CliError::File { doing: "look at", path: ".".into(), source })?;
    let env = |name: &str| std::env::var(name).ok();
    // The agent's own home, which need not be the one that logs are looked for in.
    let home = env("HOME").map_or_else(|| context.settings.home.value.clone(), Into::into);
    let words: Vec<String> = own.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let world = World { env: &env, home: &home, cwd: &cwd, args: &words, upstream: args.upstream.as_deref() };
    let planned = agent.map_or_else(|| Ok(launch::unknown(&world)), |agent| agent.plan(&world));
    let Plan { routes, change } = match planned {
        Ok(plan) => plan,
        Err(why) => {
            context.note(&format!("no proxy: {}; at the cap it is stopped by signals", clean(&why)));
            return Ok(None);
        }
    };
    let name = agent.map(Launch::agent).unwrap_or_default();
    let setup = Setup { agent: name.to_owned(), routes, gate: Arc::clone(gate), holds: args.pause, patience: Patience::default() };
    let proxy = Proxy::start(setup).map_err(|error| CliError::Run(error.to_string()))?;
    let change = change(&|route| proxy.base(route));
    command.args(change.args(own)).envs(change.env).envs(launch::no_proxy(&world));
    Ok(Some(proxy))
}

/// The last line: what went through.
fn told(context: &Context, tally: &Tally, limit: Option<&RunLimit>) -> String {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut parts = vec![count(number(tally.calls), "model call", "model calls")];
    if tally.calls > 0 {
        parts.push(format!("{} tokens", compact(tally.tokens.total())));
    }
    parts.extend(limit.map(|limit| context.money(limit.spent())));
    for (n, what) in [(tally.refused, "refused"), (tally.failed, "unanswered or broken off"), (tally.estimated, "estimated")] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    format!("aifinops: {}", parts.join(" · "))
}
