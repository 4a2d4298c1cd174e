//! Guards: how an agent is made to ask before it spends, and how it is told to stop. One file per agent.
//!
//! **Why hooks.** A process beside an agent can only watch it; a hook is asked by the agent itself and waited for. Each
//! agent has an answer that ends a running loop without one more model call, and several that look alike and do not: a
//! refused tool is told to the model, which is called again. Which answer halts was found out with the real agents and
//! a scripted model, and is proved again by `tests/agents/prove.py`.
//!
//! **Which event.** The one nearest to the next model call at which the agent has written down what the last call used;
//! each agent's file says which that is and how it was measured.
//!
//! **What is changed.** An agent's own settings file, in place: text is added and removed again, nothing is formatted
//! anew. A [`Plan`] holds the bytes before and after, so that it can be shown without being carried out.

use std::path::{Path, PathBuf};

use crate::model::AgentId;
use crate::sources::Places;

pub mod ask;
pub mod claude_code;
pub mod codex;
pub mod command;
pub mod file;
pub mod gemini_cli;
pub mod hooks;
pub mod opencode;
pub mod process;
pub mod settings;
pub mod status_line;

pub use ask::{Ask, Moment};
pub use file::Plan;

/// All agents that can be stopped. A new one is its file and its line here.
pub const ALL: &[&dyn Guard] = &[&claude_code::ClaudeCode, &codex::Codex, &gemini_cli::GeminiCli, &opencode::OpenCode];

/// The guard of an agent by its name.
#[must_use]
pub fn by_agent(agent: &str) -> Option<&'static dyn Guard> {
    ALL.iter().copied().find(|guard| guard.agent() == agent)
}

/// Where a guard is installed.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The home directory and the variables that place an agent's settings.
    pub places: &'a Places<'a>,
    /// The program that the agent is to ask: an absolute path that stays.
    pub binary: &'a Path,
}

impl Site<'_> {
    /// A variable, or a directory below the home.
    #[must_use]
    pub fn dir(&self, variable: &str, below_home: &str) -> PathBuf {
        let given = (self.places.env)(variable).and_then(|list| list.split(',').map(str::trim).find(|e| !e.is_empty()).map(PathBuf::from));
        given.unwrap_or_else(|| self.places.home.join(below_home))
    }

    /// A program on the search path.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = (self.places.env)("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| process::is_program(file))
    }
}

/// What is to happen with the agent that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It may go on.
    Go,
    /// It must stop; the text is for the person in front of it.
    Halt(&'a str),
}

/// An answer in the agent's own tongue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// For standard output.
    pub stdout: Vec<u8>,
    /// For standard error.
    pub stderr: Vec<u8>,
    /// The exit code.
    pub code: u8,
    /// A process to interrupt after that, where no answer ends the turn.
    pub interrupt: Option<u32>,
}

impl Reply {
    /// A line of JSON on standard output.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Reply {
        let mut stdout = value.to_string().into_bytes();
        stdout.push(b'\n');
        Reply { stdout, ..Reply::default() }
    }
}

/// How a guard stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The agent is not on this machine.
    Absent,
    /// The agent is there, the guard is not.
    NotInstalled,
    /// The agent will ask.
    Installed,
    /// An older guard, or one of another binary.
    Stale(String),
    /// The agent does not run it before somebody trusts it.
    Untrusted(String),
    /// It is there and switched off.
    Disabled(String),
    /// The settings cannot be read.
    Broken(String),
}

impl State {
    /// The word for tables and JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            State::Absent => "absent",
            State::NotInstalled => "not_installed",
            State::Installed => "installed",
            State::Stale(_) => "stale",
            State::Untrusted(_) => "untrusted",
            State::Disabled(_) => "disabled",
            State::Broken(_) => "broken",
        }
    }

    /// Why it is so, where there is more to say.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            State::Stale(why) | State::Untrusted(why) | State::Disabled(why) | State::Broken(why) => Some(why),
            State::Absent | State::NotInstalled | State::Installed => None,
        }
    }

    /// Whether somebody wanted a guard here and does not have one: what `top` must not keep to itself.
    #[must_use]
    pub const fn needs_attention(&self) -> bool {
        matches!(self, State::Stale(_) | State::Untrusted(_) | State::Disabled(_))
    }
}

/// How a guard stands, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The agent's settings, or our own file beside them.
    pub file: PathBuf,
    /// How it stands.
    pub state: State,
}

/// The guards that somebody wanted and does not have as he thinks: not trusted, switched off, of another program.
#[must_use]
pub fn in_trouble(site: &Site<'_>) -> Vec<(AgentId, Status)> {
    let all = ALL.iter().map(|guard| (guard.agent(), guard.status(site)));
    all.filter(|(_, status)| status.state.needs_attention()).collect()
}

/// One question as the agent would ask it, for a self-test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The agent's name of the event.
    pub event: &'static str,
    /// The command, as it stands in the settings; a shell runs it.
    pub command: String,
    /// What the agent would write to its standard input.
    pub stdin: Vec<u8>,
}

/// Why a guard could not be installed, removed or asked.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// A settings file is not what its agent accepts; it is left alone.
    #[error("{}: line {line}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 when it is the whole file.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A file could not be read or written.
    #[error("could not {doing} {}: {source}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Somebody else wrote the file in the meantime.
    #[error("{} has just been changed by somebody else; try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else's is there already.
    #[error("{}: line {line}: another status line is set: {said}", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it runs.
        said: String,
    },
    /// What the agent asked is not understood.
    #[error("the agent's question is no JSON object")]
    Question,
}

/// One agent that can be stopped.
pub trait Guard: Sync {
    /// The agent's name in configuration, filters and JSON.
    fn agent(&self) -> AgentId;

    /// What has to change so that the agent asks. Nothing when it already does.
    fn install(&self, site: &Site<'_>) -> Result<Plan, GuardError>;

    /// What has to change so that it does not ask any more.
    fn uninstall(&self, site: &Site<'_>) -> Result<Plan, GuardError>;

    /// How the guard stands. Starts no program.
    fn status(&self, site: &Site<'_>) -> Status;

    /// Reads a question. `event` is what the command line said, for agents that do not say it themselves.
    fn read(&self, event: Option<&str>, stdin: &[u8]) -> Result<Ask, GuardError>;

    /// Says the verdict so that this agent obeys.
    fn speak(&self, ask: &Ask, verdict: Verdict<'_>) -> Reply;

    /// Every question that the installed guard would be asked.
    fn samples(&self, site: &Site<'_>) -> Vec<Sample>;

    /// What the agent itself says about its guard, where it can be asked; `None` when it cannot. May start the agent's
    /// program, for a few seconds at most.
    fn second_opinion(&self, _site: &Site<'_>) -> Option<State> {
        None
    }
}
