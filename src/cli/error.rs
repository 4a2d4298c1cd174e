//! What can go wrong in a command, and the one place where it is told.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::config::ConfigError;
use crate::export::json::{ErrorBody, ErrorJson};
use crate::guards::GuardError;
use crate::model::text::{clean, without_number};
use crate::pricing::BookError;
use crate::store::StoreError;
use crate::store::archive::ArchiveError;

/// Anything failed.
pub const FAILURE: u8 = 1;
/// The command line was not understood.
pub const USAGE: u8 = 2;
/// What was asked for does not exist.
pub const NOT_FOUND: u8 = 3;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An argument makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: String,
    },
    /// No session has this id.
    #[error("no session's id begins with `{0}`")]
    NoSession(String),
    /// Several sessions have an id that begins so.
    #[error("{count} sessions begin with `{prefix}`, among them {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The ids it may mean.
        candidates: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// No cap has this name.
    #[error("there is no cap called `{name}`")]
    NoCap {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// There is no cap at all.
    #[error("there is no cap to raise")]
    NoCaps,
    /// The machine's policy sets this cap.
    #[error("`{cap}` is a {words}{}", if *at_gateway { "" } else { " set by this machine's policy" })]
    Managed {
        /// Its name.
        cap: String,
        /// What it is.
        words: String,
        /// Whether it is a budget at a gateway.
        at_gateway: bool,
    },
    /// No price list knows this model.
    #[error("the price of `{0}` is unknown")]
    UnknownModel(String),
    /// No price list knows this model, which was asked about.
    #[error("no model is called `{model}` in the price list")]
    NoModel {
        /// What was asked for.
        model: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A price list was refused.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The configuration could not be changed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file could not be used.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Something could not be fetched.
    #[error("could not fetch {url}: {why}")]
    Network {
        /// From where.
        url: String,
        /// Why.
        why: String,
    },
    /// No gateway has this name.
    #[error("there is no gateway called `{name}`")]
    NoGateway {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// There is no gateway at all.
    #[error("there is no gateway yet")]
    NoGateways,
    /// A gateway knows nobody of this name.
    #[error("{0}")]
    NoHolder(String),
    /// A gateway could not be asked, or refuses.
    #[error("{why}")]
    Gateway {
        /// What happened.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Another process holds the store.
    #[error("another aifinops is running and writes the store")]
    Busy,
    /// Another process holds the store, and it is known which.
    #[error("the store is being written by {by}")]
    Held {
        /// The process.
        by: String,
    },
    /// A history could not be imported.
    #[error("{}: {source}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ArchiveError>,
    },
    /// An agent's settings could not be changed.
    #[error(transparent)]
    Settings(#[from] GuardError),
    /// A program that was to be started failed.
    #[error("`{program}` {why}")]
    Program {
        /// Its name.
        program: String,
        /// What happened.
        why: String,
    },
    /// An agent could not be started.
    #[error("`{program}` could not be started: {why}")]
    Start {
        /// Its name.
        program: String,
        /// The system's word.
        why: String,
        /// What a shell would say.
        code: u8,
    },
    /// An agent could not be run below the proxy.
    #[error("{0}")]
    Run(String),
    /// The terminal or the screen failed.
    #[error("the screen could not be used: {0}")]
    Screen(String),
    /// Standard output failed.
    #[error("could not write the output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// A usage error.
    #[must_use]
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> CliError {
        CliError::Usage { message: message.into(), hint: hint.into() }
    }

    /// Whether the store is damaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, CliError::Store(error) if error.is_damage())
    }

    /// The word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            CliError::Usage { .. } => "usage",
            CliError::NoSession(_) | CliError::NoHolder(_) => "not_found",
            CliError::Ambiguous { .. } => "ambiguous",
            CliError::NoCap { .. } | CliError::NoCaps => "no_cap",
            CliError::Managed { .. } => "managed",
            CliError::UnknownModel(_) | CliError::NoModel { .. } => "unknown_model",
            CliError::Store(_) => "store",
            CliError::Book(_) => "prices",
            CliError::Config(_) => "config",
            CliError::File { .. } => "file",
            CliError::Network { .. } => "network",
            CliError::NoGateway { .. } | CliError::NoGateways => "no_gateway",
            CliError::Gateway { .. } => "gateway",
            CliError::Busy | CliError::Held { .. } => "busy",
            CliError::Archive { .. } => "archive",
            CliError::Settings(_) => "settings",
            CliError::Program { .. } => "program",
            CliError::Start { .. } => "start",
            CliError::Run(_) => "run",
            CliError::Screen(_) => "screen",
            CliError::Output(_) => "output",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            CliError::Gateway { hint, .. } if hint.is_empty() => return None,
            CliError::Usage { hint, .. } | CliError::Gateway { hint, .. } => hint.clone(),
            CliError::NoSession(_) => "list all ids with `aifinops sessions --all`".to_owned(),
            CliError::Ambiguous { .. } => "give more of the id".to_owned(),
            CliError::NoCaps => "`aifinops cap set 20` makes a daily cap of $20".to_owned(),
            CliError::NoCap { known, .. } if known.is_empty() => {
                "there is none at all; `aifinops cap set 20` makes a daily cap of $20".to_owned()
            }
            CliError::NoCap { known, .. } => format!("there are: {known}"),
            CliError::Managed { at_gateway: true, .. } => {
                "whoever looks after the gateway can change it: `aifinops gateway cap set`, with a key that may".to_owned()
            }
            CliError::Managed { .. } => "only the machine's administrator can raise or clear it, in the policy file".to_owned(),
            CliError::UnknownModel(model) => {
                format!(
                    "set it with `aifinops prices set {model} --input USD --output USD` (per million tokens), or try `aifinops prices update`"
                )
            }
            CliError::NoModel { near, .. } if !near.is_empty() => format!("there are: {}", near.join(", ")),
            CliError::NoModel { .. } => "`aifinops prices show` lists the models in your logs; `aifinops prices set` adds one".to_owned(),
            CliError::Store(error) if error.is_passing() => {
                "check the space and the rights of the data directory, then try again".to_owned()
            }
            CliError::Store(StoreError::Partial) => "try again in a moment".to_owned(),
            CliError::Store(StoreError::Sqlite { .. } | StoreError::Create { .. }) => {
                "`aifinops doctor` looks closer; `--data-dir DIR` uses another store".to_owned()
            }
            CliError::Book(BookError::NeedsBoth { .. }) => "`prices set` takes --input and --output".to_owned(),
            CliError::Book(_) => "the prices in use have not changed".to_owned(),
            CliError::Config(_) => "`aifinops config` prints all settings with their meaning".to_owned(),
            CliError::Network { .. } => {
                "nothing has changed; `aifinops prices update --file FILE` takes a list that you have downloaded yourself".to_owned()
            }
            CliError::Archive { source, .. } if matches!(**source, ArchiveError::Newer { .. } | ArchiveError::Agent { .. }) => {
                "nothing has changed; update aifinops, then import it again".to_owned()
            }
            CliError::Settings(GuardError::Taken { .. }) => {
                "it stays as it is; take it out, then try again, or let it print `aifinops statusline` as well: both take the same standard input"
                    .to_owned()
            }
            CliError::Settings(_) => "nothing was changed".to_owned(),
            CliError::Archive { .. } => "nothing has changed; write it again with `aifinops store export`".to_owned(),
            CliError::NoGateway { known, .. } if !known.is_empty() => format!("there are: {known}"),
            CliError::NoGateway { .. } | CliError::NoGateways => {
                "`aifinops gateway add NAME URL --token-env VARIABLE` adds one".to_owned()
            }
            CliError::NoHolder(_) => "`aifinops team --by user`, `--by key` or `--by team` lists who there is; nothing was changed".to_owned(),
            CliError::Busy | CliError::Held { .. } => "end it first, then try again".to_owned(),
            CliError::Screen(_) => "`aifinops top --once` prints the same figures without a screen".to_owned(),
            CliError::Run(_) => "`aifinops run --no-proxy` starts it without the proxy".to_owned(),
            CliError::Program { .. } => "set VISUAL or EDITOR to your editor".to_owned(),
            CliError::Start { .. } => "the command follows `--`, as in `aifinops run -- claude`".to_owned(),
            CliError::Store(StoreError::Newer { .. } | StoreError::Foreign { .. }) | CliError::File { .. } | CliError::Output(_) => {
                return None;
            }
        };
        Some(hint)
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        match self {
            CliError::Usage { .. } | CliError::Ambiguous { .. } => USAGE,
            CliError::NoSession(_)
            | CliError::NoCap { .. }
            | CliError::NoCaps
            | CliError::NoGateway { .. }
            | CliError::NoHolder(_)
            | CliError::UnknownModel(_)
            | CliError::NoModel { .. } => NOT_FOUND,
            CliError::Start { code, .. } => *code,
            _ => FAILURE,
        }
    }

    /// Whether the reader of the output has merely gone away.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, CliError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Tells the error once, in words or as one JSON object, and gives the exit code.
#[must_use]
pub fn report(error: &CliError, json: bool) -> ExitCode {
    if error.is_closed_pipe() {
        return ExitCode::SUCCESS;
    }
    tell(error.code(), &clean(&without_number(&error.to_string())), error.hint().map(|h| clean(&h)), json);
    ExitCode::from(error.exit())
}

/// Tells what clap made of the command line: help and version are no errors.
#[must_use]
pub fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if !json || !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
    }
    let text = error.render().to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let message = parts.next().unwrap_or_default().trim_start_matches("error: ");
    let hint = parts.next().map(|rest| one_line(rest.split("\n\nUsage:").next().unwrap_or_default()));
    let hint = hint.filter(|h| !h.is_empty() && !h.starts_with("Usage:")).unwrap_or_else(|| "try `aifinops --help`".to_owned());
    tell("usage", &one_line(message), Some(hint), true);
    ExitCode::from(USAGE)
}

fn one_line(text: &str) -> String {
    clean(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn tell(code: &'static str, message: &str, hint: Option<String>, json: bool) {
    let mut err = anstream::stderr().lock();
    // Nobody is left to tell that this could not be told.
    if json {
        let body = ErrorJson { error: ErrorBody { code, message: message.to_owned(), hint } };
        let _ = crate::export::json::write(&mut err, &body);
        return;
    }
    let red: Style = AnsiColor::Red.on_default().bold();
    let _ = writeln!(err, "{red}error:{red:#} {message}");
    if let Some(hint) = hint {
        let faint = super::out::FAINT;
        let _ = writeln!(err, "{faint} hint: {hint}{faint:#}");
    }
}
