//! `prices set`: a price of the user's own, kept in the configuration file.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::config;
use crate::model::Rate;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops prices set my-model --input 3 --output 15
  aifinops prices set claude-opus-4-6 --input 4.50       a discount on one rate; the list's others stay
  aifinops config unset prices.my-model                  back to the list";

/// The arguments.
#[derive(Debug, Clone, Args)]
#[group(id = "rates", multiple = true, required = true, args = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "context_window"])]
pub struct SetArgs {
    /// The model, in any spelling that your logs have
    pub model: String,
    /// Dollars per million tokens of the prompt
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub input: Option<String>,
    /// Dollars per million tokens that the model writes
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub output: Option<String>,
    /// Dollars per million tokens read from the cache
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub cache_read: Option<String>,
    /// Dollars per million tokens written to the five-minute cache
    #[arg(long = "cache-write-5m", value_name = "USD", value_parser = dollars, visible_alias = "cache-write")]
    pub cache_write_5m: Option<String>,
    /// Dollars per million tokens written to the one-hour cache
    #[arg(long = "cache-write-1h", value_name = "USD", value_parser = dollars)]
    pub cache_write_1h: Option<String>,
    /// The longest prompt that the model takes, in tokens
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(1..))]
    pub context_window: Option<u64>,
}

fn dollars(text: &str) -> Result<String, String> {
    let rate = Rate::parse_usd_per_million(text).ok_or("expected dollars per million tokens, such as 3 or 0.30")?;
    Ok(rate.per_million())
}

#[derive(Serialize)]
struct Answer {
    model: String,
    config_file: String,
}

/// Writes the price.
pub fn run(context: &Context, args: &SetArgs) -> Result<ExitCode, CliError> {
    let window = args.context_window.map(|n| n.to_string());
    let fields = [
        ("input", &args.input),
        ("output", &args.output),
        ("cache_read", &args.cache_read),
        ("cache_write_5m", &args.cache_write_5m),
        ("cache_write_1h", &args.cache_write_1h),
        ("context_window", &window),
    ];
    // All of them in one value: a model that no list knows is refused with an input price alone.
    let old = context.settings.prices.iter().find(|p| p.model.eq_ignore_ascii_case(&args.model));
    let before = |name: &str| {
        let old = old?;
        let rate = match name {
            "input" => old.input,
            "output" => old.output,
            "cache_read" => old.cache_read,
            "cache_write_5m" => old.cache_write_5m,
            "cache_write_1h" => old.cache_write_1h,
            _ => return old.context_window.map(|n| n.to_string()),
        };
        rate.map(Rate::per_million)
    };
    let parts = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}", value.clone().or_else(|| before(name))?)));
    let file = context.config_file();
    let name = old.map_or(args.model.as_str(), |o| o.model.as_str());
    let quoted = toml_edit::Key::new(name).display_repr().into_owned();
    let quoted = if quoted.starts_with(['"', '\'']) { quoted } else { format!("\"{quoted}\"") };
    config::set(&file, &format!("prices.{quoted}"), &parts.collect::<Vec<_>>().join(","))?;
    let (model, config_file) = (crate::model::text::clean(name), crate::model::text::clean(&file.display().to_string()));
    if context.json {
        Out::json(&Answer { model, config_file })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(&format!("The price of {model} is set in {config_file}. Stored costs follow with the next command."))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
