//! `config`: the settings, where they come from, and how to change them.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::config;
use crate::disk;
use crate::model::text::clean;

use super::context::Context;
use super::doctor::findings::{self, Row};
use super::doctor::print;
use super::error::CliError;
use super::out::Out;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops config                          every setting with its meaning and default
  aifinops config show                     the values in force and where each came from
  aifinops config set timezone Europe/Zurich
  aifinops config set currency EUR:0.92
  aifinops config unset theme
  aifinops config edit";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to do; prints a commented default file when there is nothing.
    #[command(subcommand)]
    pub command: Option<ConfigCommand>,
}

/// What can be done with settings.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show every value in force and where it came from
    #[command(after_help = "EXAMPLES:\n  aifinops config show\n  AIFINOPS_THEME=nord aifinops config show --json")]
    Show,
    /// Print where the configuration file lies
    #[command(after_help = "EXAMPLES:\n  cat \"$(aifinops config path)\"")]
    Path,
    /// Open the configuration file in your editor and check it afterwards
    #[command(after_help = "EXAMPLES:\n  aifinops config edit\n  VISUAL='code --wait' aifinops config edit")]
    Edit,
    /// Set a value; comments in the file stay
    #[command(after_help = "EXAMPLES:\n  aifinops config set theme nord\n  aifinops config set roots.codex ~/.codex/sessions")]
    Set {
        /// The key, dotted: `theme`, `currency.code`
        key: String,
        /// The value
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Go back to a default
    #[command(after_help = "EXAMPLES:\n  aifinops config unset theme\n  aifinops config unset prices.my-model")]
    Unset {
        /// The key, dotted
        key: String,
    },
}

#[derive(Serialize)]
struct ShowJson {
    path: String,
    settings: Vec<Row>,
    problems: Vec<String>,
}

#[derive(Serialize)]
struct PathJson {
    path: String,
    exists: bool,
}

#[derive(Serialize)]
struct EditJson<'a> {
    path: String,
    exists: bool,
    problems: &'a [String],
}

#[derive(Serialize)]
struct TextJson {
    text: String,
}

/// Shows or changes settings.
pub fn run(context: &Context, args: &ConfigArgs) -> Result<ExitCode, CliError> {
    let file = context.config_file();
    match &args.command {
        None if context.json => Out::json(&TextJson { text: config::default_text() })?,
        None => print(config::default_text().trim_end())?,
        Some(ConfigCommand::Show) => show(context, &file)?,
        Some(ConfigCommand::Path) if context.json => path_json(&file)?,
        Some(ConfigCommand::Path) => print(&clean(&file.display().to_string()))?,
        Some(ConfigCommand::Edit) => return edit(context, &file),
        Some(ConfigCommand::Set { key, value }) => {
            config::set_in(&context.settings, key, value)?;
            context.remember();
            done(context, &file, &format!("{key} is set"))?;
        }
        Some(ConfigCommand::Unset { key }) => {
            config::unset_in(&context.settings, key)?;
            context.remember();
            done(context, &file, &format!("{key} is back at its default"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<(), CliError> {
    let mut out = Out::text();
    out.line(text)?;
    Ok(out.flush()?)
}

fn path_json(file: &Path) -> Result<(), CliError> {
    Ok(Out::json(&PathJson { path: clean(&file.display().to_string()), exists: file.exists() })?)
}

fn done(context: &Context, file: &Path, text: &str) -> Result<(), CliError> {
    if context.json { path_json(file) } else { print(&clean(&format!("{text} in {}", file.display()))) }
}

fn show(context: &Context, file: &Path) -> Result<(), CliError> {
    let settings = findings::settings(context);
    let problems: Vec<String> = context.problems.iter().map(|p| clean(&p.to_string())).collect();
    if context.json {
        return Ok(Out::json(&ShowJson { path: clean(&file.display().to_string()), settings, problems })?);
    }
    let mut out = Out::text();
    print::settings(&settings, &mut out)?;
    for problem in &problems {
        out.line(&format!("! {problem}"))?;
    }
    Ok(out.flush()?)
}

/// Opens the editor, then says what is wrong with what was saved.
fn edit(context: &Context, file: &Path) -> Result<ExitCode, CliError> {
    if !file.exists() {
        let fail = |source| CliError::File { doing: "create", path: file.to_path_buf(), source };
        if let Some(dir) = file.parent() {
            crate::store::open::private_dir(dir)?;
        }
        disk::private_file().open(file).and_then(|mut new| new.write_all(config::default_text().as_bytes())).map_err(fail)?;
    }
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // An editor may come with arguments: `code --wait`.
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let fail = |why: String| CliError::Program { program: clean(program), why };
    let mut command = std::process::Command::new(program);
    if context.json {
        // Standard output is for the answer.
        command.stdout(std::io::stderr());
    }
    let status = command.args(words).arg(file).status().map_err(|e| fail(format!("could not be started: {e}")))?;
    if !status.success() {
        return Err(fail(format!("ended with {status}")));
    }
    let problems: Vec<String> = context.reload().problems.iter().map(|problem| clean(&problem.to_string())).collect();
    if context.json {
        Out::json(&EditJson { path: clean(&file.display().to_string()), exists: file.exists(), problems: &problems })?;
    } else {
        let mut out = Out::text();
        for problem in &problems {
            out.line(&format!("! {problem}"))?;
        }
        if problems.is_empty() {
            out.line("✓ all settings can be used")?;
        }
        out.flush()?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::error::FAILURE) })
}
