//! The command line: what can be typed, and which file answers it.
//!
//! **Why so.** The types here are the manual: `--help`, the completions and the manual page are made from them. A
//! command's own file holds its arguments and what it prints; what commands share lies in `context`, `table`, `when`,
//! `words` and `filters`. What a figure is comes from `query`, `insight` and `budgets`; a command chooses which of them it
//! wants, for which time and which sessions, in which order and how many.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::Flags;

pub mod ahead;
pub mod alerts;
pub mod bar;
pub mod cap;
pub mod catch_up;
pub mod clock;
pub mod completions;
pub mod config;
pub mod context;
pub mod desk;
pub mod doctor;
pub mod error;
pub mod experiments;
pub mod export;
pub mod filters;
pub mod forecast;
pub mod gateway;
pub mod gpu;
pub mod guard;
pub mod hook;
pub mod labels;
pub mod listing;
pub mod loops;
pub mod man;
pub mod modes;
pub mod moment;
pub mod out;
pub mod polling;
pub mod prices;
pub mod report;
pub mod rules;
#[cfg(unix)]
pub mod run;
pub mod screen;
pub mod session;
pub mod sessions;
pub mod signals;
pub mod statusline;
pub mod store;
pub mod table;
pub mod tag;
pub mod team;
pub mod telling;
pub mod top;
pub mod trends;
pub mod verdict;
pub mod waste;
pub mod watch;
pub mod when;
pub mod words;

use context::Context;
use error::CliError;
use out::Out;

const EXAMPLES: &str = "\
EXAMPLES:
  aifinops                                  the live screen
  aifinops sessions --range 7d              what ran in the last seven days
  aifinops report daily --since monday      spend by day, this week
  aifinops report models --all --json       everything by model, for a script
  aifinops waste --range 30d                where the money went, and what was avoidable
  aifinops session 3f2a91c0                 one session: tasks, tools, limits
  aifinops guard install --all              agents ask before they spend
  aifinops doctor                           what was read, and what was not";

/// The screen beside your coding agents: live spend per session, to the cent.
///
/// Reads the logs that coding agents write on this machine. Needs no key and no network.
#[derive(Debug, Parser)]
#[command(name = "aifinops", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command; the screen when there is none.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Print JSON: a stable interface for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no notes on standard error, and no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print no colours (as does the variable `NO_COLOR`)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// The time zone that days belong to, such as Europe/Zurich
    #[arg(long, global = true, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The currency to show at a rate of your own, such as EUR:0.92
    #[arg(long, global = true, value_name = "CODE:RATE")]
    pub currency: Option<String>,
    /// Where to look for an agent's logs instead of its usual places; may be given more than once
    #[arg(long = "root", global = true, value_name = "AGENT=DIR")]
    pub roots: Vec<String>,
    /// The home directory to look for logs in [env: `AIFINOPS_HOME`]
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Where the store lies [env: `AIFINOPS_DATA_DIR`]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The columns of the screen, in order, such as agent,project,today
    #[arg(long, global = true, value_name = "NAMES")]
    pub columns: Option<String>,
    /// Whether the screen uses the mouse
    #[arg(long, global = true, value_name = "true|false", value_parser = ["true", "false"])]
    pub mouse: Option<String>,
    /// The program that shows a log file
    #[arg(long, global = true, value_name = "COMMAND")]
    pub open_with: Option<String>,
    /// How many threads read logs; 0 is one per core
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<String>,
    /// How to be told, such as ways=desktop,webhook or quiet=22:00-07:00; may be given more than once
    #[arg(long = "alert", global = true, value_name = "NAME=VALUE")]
    pub alerts: Vec<String>,
    /// From when on something unusual is told, such as `same_call=8` or `burn=off`; may be given more than once
    #[arg(long, global = true, value_name = "NAME=VALUE", hide_short_help = true)]
    pub lookout: Vec<String>,
    /// A key of the screen, such as quit=ctrl-q; may be given more than once
    #[arg(long = "key", global = true, value_name = "ACTION=KEYS")]
    pub keys: Vec<String>,
    /// A price of your own in dollars per million tokens, such as my-model=input:3,output:15; may be given more than once
    #[arg(long = "price", global = true, value_name = "MODEL=RATES")]
    pub prices: Vec<String>,
    /// The first day of a week, for weekly caps and forecasts
    #[arg(long, global = true, value_name = "DAY", hide_short_help = true)]
    pub week_start: Option<String>,
    /// What guards do when they cannot tell what was spent
    #[arg(long, global = true, value_name = "open|closed", value_parser = ["open", "closed"], hide_short_help = true)]
    pub on_failure: Option<String>,
    /// What calls without a known price count for against a cap, such as input:15,output:75
    #[arg(long, global = true, value_name = "RATES", hide_short_help = true)]
    pub assumed_price: Option<String>,
    /// The share of tokens that a class of models is to have, such as workhorse=70-80
    #[arg(long, global = true, value_name = "CLASS=FROM-TO", hide_short_help = true)]
    pub tier_target: Option<String>,
    /// Models of another class than their price says, such as gpt-5=flagship
    #[arg(long, global = true, value_name = "MODEL=CLASS", hide_short_help = true)]
    pub tier_models: Option<String>,
    /// A cap for this run, such as day=limit:20; may be given more than once
    #[arg(long = "cap", global = true, value_name = "NAME=CAP", hide_short_help = true)]
    pub caps: Vec<String>,
    /// Rules that say what sessions were for, as TOML has them: `[{ project = "web-*", set = { team = "web" } }]`
    #[arg(long, global = true, value_name = "RULES", hide_short_help = true)]
    pub attribution: Option<String>,
    /// An experiment for this run, such as new-router=budget:200; may be given more than once
    #[arg(long = "experiment", global = true, value_name = "NAME=EXPERIMENT", hide_short_help = true)]
    pub experiments: Vec<String>,
    /// A gateway for this run, such as `team=url:https://gateway.example.com,kind:litellm,token_env:NAME`; may be given more
    /// than once
    // `--gateway NAME` is taken: `team`, `export team`, `gateway reconcile` and `gateway cap` choose one by it.
    #[arg(long, global = true, value_name = "NAME=GATEWAY", hide_short_help = true)]
    pub gateways: Vec<String>,
    /// What is told of GPUs, such as idle=30 or watch=off; may be given more than once
    #[arg(long = "gpu", global = true, value_name = "NAME=VALUE", hide_short_help = true)]
    pub gpu: Vec<String>,
    /// What an hour of a GPU costs you, such as H200=3.10; may be given more than once
    #[arg(long = "gpu-price", global = true, value_name = "GPU=PRICE", hide_short_help = true)]
    pub gpu_prices: Vec<String>,
    /// A machine whose exporter, Prometheus or inference server is asked, such as n1=http://n1:9400; may be given
    /// more than once
    #[arg(long = "gpu-host", global = true, value_name = "NAME=URL", hide_short_help = true)]
    pub gpu_hosts: Vec<String>,
    /// The configuration file [env: `AIFINOPS_CONFIG`]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl GlobalArgs {
    /// The flags as the configuration takes them.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
        let mut flags = Flags {
            home: path(&self.home),
            data_dir: path(&self.data_dir),
            config_file: path(&self.config),
            timezone: self.timezone.clone(),
            currency: self.currency.clone(),
            ..Flags::default()
        };
        flags.columns.clone_from(&self.columns);
        flags.mouse.clone_from(&self.mouse);
        flags.open_with.clone_from(&self.open_with);
        flags.threads.clone_from(&self.threads);
        flags.alerts.clone_from(&self.alerts);
        flags.lookout.clone_from(&self.lookout);
        flags.keys.clone_from(&self.keys);
        flags.prices.clone_from(&self.prices);
        flags.roots.clone_from(&self.roots);
        flags.week_start.clone_from(&self.week_start);
        flags.on_failure.clone_from(&self.on_failure);
        flags.assumed_price.clone_from(&self.assumed_price);
        flags.caps.clone_from(&self.caps);
        flags.attribution.clone_from(&self.attribution);
        flags.experiments.clone_from(&self.experiments);
        flags.gateways.clone_from(&self.gateways);
        flags.gpu.clone_from(&self.gpu);
        flags.gpu_prices.clone_from(&self.gpu_prices);
        flags.gpu_hosts.clone_from(&self.gpu_hosts);
        flags.tier_target.clone_from(&self.tier_target);
        flags.tier_models.clone_from(&self.tier_models);
        flags
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The live screen
    #[command(after_help = top::EXAMPLES)]
    Top(top::TopArgs),
    /// List sessions with their spend
    #[command(after_help = sessions::EXAMPLES)]
    Sessions(sessions::SessionsArgs),
    /// Show one session: tasks, tools, limits, subagents
    #[command(after_help = session::EXAMPLES)]
    Session(session::SessionArgs),
    /// Sum up by day, week, month, model, project or agent, or by what sessions were for
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArgs),
    /// Show how long loops run: percentiles, the longest, the dearest, the running ones
    #[command(after_help = loops::EXAMPLES)]
    Loops(loops::LoopsArgs),
    /// Write sessions, tasks, calls or days as files, a session as a summary, or FOCUS for cost tools
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Say by hand what a session was for: team, feature, customer, environment, experiment
    #[command(after_help = tag::EXAMPLES)]
    Tag(tag::TagArgs),
    /// Show what experiments have cost, against their budgets and last days
    #[command(after_help = experiments::EXAMPLES)]
    Experiments(experiments::ExperimentsArgs),
    /// Compare days, weeks or months by what one of something costs: a task, a session, a million tokens
    #[command(after_help = trends::EXAMPLES)]
    Trends(trends::TrendsArgs),
    /// Foretell where today, this week and this month end, and when caps are reached
    #[command(after_help = forecast::EXAMPLES)]
    Forecast(forecast::ForecastArgs),
    /// Show where the money goes, and what other models would have cost
    #[command(after_help = waste::EXAMPLES)]
    Waste(waste::WasteArgs),
    /// Set, show, raise and clear caps on what may be spent
    #[command(after_help = cap::EXAMPLES)]
    Cap(cap::CapArgs),
    /// Start an agent below a proxy that meters its model calls and holds caps
    #[cfg(unix)]
    #[command(after_help = run::EXAMPLES)]
    Run(run::RunArgs),
    /// Show, set and update prices of models
    #[command(after_help = prices::EXAMPLES)]
    Prices(prices::PricesArgs),
    /// Tell and hold caps without a screen
    #[command(after_help = watch::EXAMPLES)]
    Watch(watch::WatchArgs),
    /// List what there is to tell, snooze it, and try how you are told
    #[command(after_help = alerts::EXAMPLES)]
    Alerts(alerts::AlertsArgs),
    /// Make agents ask before they spend, so that caps hold
    #[command(after_help = guard::EXAMPLES)]
    Guard(guard::GuardArgs),
    /// Show what a team has spent through its gateway, and of which budgets
    #[command(after_help = team::EXAMPLES)]
    Team(team::TeamArgs),
    /// Add a team's gateway, ask it, set budgets there, and explain where it differs from the logs
    #[command(after_help = gateway::EXAMPLES)]
    Gateway(gateway::GatewayArgs),
    /// Show what the GPUs do, what their idleness costs, and who holds them
    #[command(after_help = gpu::EXAMPLES)]
    Gpu(gpu::GpuArgs),
    /// Print one line of figures for Claude Code's status line, tmux or a prompt
    #[command(after_help = statusline::EXAMPLES)]
    Statusline(statusline::StatuslineArgs),
    /// Answer an agent's question; agents run this, people need not
    #[command(hide = true, after_help = hook::EXAMPLES)]
    Hook(hook::HookArgs),
    /// Look at everything that is read and stored, and say what is wrong
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
    /// Show what is kept of the past, and move it between machines
    #[command(after_help = store::EXAMPLES)]
    Store(store::StoreArgs),
    /// Show and change settings
    #[command(after_help = config::EXAMPLES)]
    Config(config::ConfigArgs),
    /// Do what a hook has left for later
    #[command(hide = true)]
    CatchUp,
    /// Print completions for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsArgs),
    /// Print the manual page
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManArgs),
}

/// Reads the command line, runs the command and tells what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    // An agent waits for this answer at each of its steps.
    if let Some(code) = hook::quick().or_else(statusline::quick) {
        return code;
    }
    signals::leave_no_core();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::usage(&error, std::env::args_os().any(|arg| arg == "--json")),
    };
    if cli.global.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let outcome = match run(&cli) {
        // The damage has been noted: opened again, the store is set aside and all logs are read anew.
        Err(error) if error.is_damage() => run(&cli),
        outcome => outcome,
    };
    outcome.unwrap_or_else(|error| error::report(&error, cli.global.json))
}

fn run(cli: &Cli) -> Result<ExitCode, CliError> {
    use std::io::IsTerminal as _;

    let context = || Context::load(&cli.global, cli.global.flags());
    match &cli.command {
        Some(Command::Top(args)) => {
            let mut flags = cli.global.flags();
            args.give(&mut flags);
            top::run(&Context::load(&cli.global, flags)?, args)
        }
        Some(Command::Sessions(args)) => sessions::run(&context()?, args),
        Some(Command::Session(args)) => session::run(&context()?, args),
        Some(Command::Report(args)) => report::run(&context()?, args),
        Some(Command::Loops(args)) => loops::run(&context()?, args),
        Some(Command::Export(args)) => export::run(&context()?, args),
        Some(Command::Tag(args)) => tag::run(&context()?, args),
        Some(Command::Experiments(args)) => experiments::run(&context()?, args),
        Some(Command::Trends(args)) => trends::run(&context()?, args),
        Some(Command::Forecast(args)) => forecast::run(&context()?, args),
        Some(Command::Waste(args)) => waste::run(&context()?, args),
        Some(Command::Cap(args)) => cap::run(&context()?, args),
        Some(Command::CatchUp) => catch_up::run(&context()?),
        #[cfg(unix)]
        Some(Command::Run(args)) => run::run(&context()?, args),
        Some(Command::Prices(args)) => prices::run(&context()?, args),
        Some(Command::Watch(args)) => watch::run(&context()?, args),
        Some(Command::Alerts(args)) => alerts::run(&context()?, args),
        Some(Command::Guard(args)) => guard::run(&context()?, args),
        Some(Command::Team(args)) => team::run(&context()?, args),
        Some(Command::Gateway(args)) => gateway::run(&context()?, args),
        Some(Command::Gpu(args)) => gpu::run(&context()?, args),
        Some(Command::Statusline(args)) => statusline::run(&cli.global, args),
        Some(Command::Hook(args)) => Ok(hook::run(args)),
        Some(Command::Doctor(args)) => doctor::run(&context()?, args),
        Some(Command::Store(args)) => store::run(&context()?, args),
        Some(Command::Config(args)) => config::run(&context()?, args),
        Some(Command::Completions(args)) => completions::run(args),
        Some(Command::Man(args)) => man::run(args),
        None if std::io::stdout().is_terminal() && !cli.global.json => top::run(&context()?, &top::TopArgs::default()),
        None if cli.global.json => top::run(&context()?, &top::TopArgs::default()),
        None => {
            let help = Cli::command().render_help();
            let mut out = Out::text();
            out.line(&help.ansi().to_string())?;
            std::io::Write::flush(&mut out)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
