//! Where a key comes from, as typed. The key itself is never typed on a command line: others could read it there.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::engine::gateways::Secret;
use crate::model::KeySource;
use crate::model::gateway::is_variable;

/// Where the key is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Key")]
pub struct KeyArgs {
    /// The key is in this variable
    #[arg(long, value_name = "NAME", group = "key")]
    pub token_env: Option<String>,
    /// This command prints the key, such as `pass show gateway`
    #[arg(long, value_name = "COMMAND", group = "key")]
    pub token_command: Option<String>,
    /// The key is the first line of this file, which only you may read
    #[arg(long, value_name = "FILE", group = "key")]
    pub token_file: Option<PathBuf>,
    /// The key is in the system's keyring; `gateway add` asks for it, or reads it from standard input
    #[arg(long, group = "key")]
    pub keyring: bool,
}

impl KeyArgs {
    /// Where the key comes from, if that was said.
    pub fn source(&self) -> Result<Option<KeySource>, CliError> {
        if let Some(name) = &self.token_env {
            // What is no name may be the key itself: it is not repeated.
            return if is_variable(name) { Ok(Some(KeySource::Env(name.clone()))) } else { Err(no_name()) };
        }
        if let Some(path) = &self.token_file {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            return Ok(Some(KeySource::File(path)));
        }
        Ok(self.token_command.clone().map(KeySource::Command).or_else(|| self.keyring.then_some(KeySource::Keyring)))
    }
}

fn no_name() -> CliError {
    CliError::usage(
        "--token-env takes the name of a variable, in capital letters, and not a key",
        "put the key into a variable, such as `read -rs LITELLM_KEY; export LITELLM_KEY`, then `--token-env LITELLM_KEY`",
    )
}

/// Asks the person for a key, or reads it from standard input.
pub fn typed(prompt: &str) -> Result<Secret, CliError> {
    let fail = |why: String| CliError::Gateway { why, hint: "the key is one line on standard input".to_owned() };
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(prompt).map_err(|error| fail(error.to_string()))?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().take(16 << 10).read_line(&mut line).map_err(|error| fail(error.to_string()))?;
        line
    };
    Secret::new(&text).map_err(|error| fail(error.to_string()))
}
