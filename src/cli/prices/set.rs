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
use crate::model::text::clean;
use crate::pricing::Override;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops prices set my-model --input 3 --output 15
  aifinops prices set claude-opus-4-6 --input 4.50       a discount on one rate; the list's others stay
  aifinops config unset prices.my-model                  back to the list";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SetArgs {
    /// The model, in any spelling that your logs have
    pub model: String,
    /// Dollars per million tokens of the prompt
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub input: Option<Rate>,
    /// Dollars per million tokens that the model writes
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub output: Option<Rate>,
    /// Dollars per million tokens read from the cache
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub cache_read: Option<Rate>,
    /// Dollars per million tokens written to the five-minute cache
    #[arg(long = "cache-write-5m", value_name = "USD", value_parser = dollars, visible_alias = "cache-write")]
    pub cache_write_5m: Option<Rate>,
    /// Dollars per million tokens written to the one-hour cache
    #[arg(long = "cache-write-1h", value_name = "USD", value_parser = dollars)]
    pub cache_write_1h: Option<Rate>,
    /// The longest prompt that the model takes, in tokens
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(1..))]
    pub context_window: Option<u64>,
}

fn dollars(text: &str) -> Result<Rate, String> {
    Rate::parse_usd_per_million(text).ok_or_else(|| "expected dollars per million tokens, such as 3 or 0.30".to_owned())
}

impl SetArgs {
    /// What is to be in force: the given rates over those set before.
    fn over(&self, before: Option<&Override>) -> Override {
        let before = before.cloned().unwrap_or_else(|| Override { model: self.model.clone(), ..Override::default() });
        Override {
            input: self.input.or(before.input),
            output: self.output.or(before.output),
            cache_read: self.cache_read.or(before.cache_read),
            cache_write_5m: self.cache_write_5m.or(before.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(before.cache_write_1h),
            context_window: self.context_window.or(before.context_window),
            model: before.model,
        }
    }
}

/// The prices laid out as the configuration takes a whole model.
fn text(prices: &Override) -> String {
    let rate = |rate: Option<Rate>| rate.map(Rate::per_million);
    let fields = [
        ("input", rate(prices.input)),
        ("output", rate(prices.output)),
        ("cache_read", rate(prices.cache_read)),
        ("cache_write_5m", rate(prices.cache_write_5m)),
        ("cache_write_1h", rate(prices.cache_write_1h)),
        ("context_window", prices.context_window.map(|n| n.to_string())),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}", value?)));
    given.collect::<Vec<_>>().join(",")
}

#[derive(Serialize)]
struct Answer {
    model: String,
    config_file: String,
}

/// Writes the price.
pub fn run(context: &Context, args: &SetArgs) -> Result<ExitCode, CliError> {
    let before = context.settings.prices.iter().find(|p| p.model.eq_ignore_ascii_case(&args.model));
    let prices = args.over(before);
    if args.over(None) == (Override { model: args.model.clone(), ..Override::default() }) {
        return Err(CliError::usage("no price is given", "such as `--input 3 --output 15`, in dollars per million tokens"));
    }
    // The book refuses what could not be used, before anything is written.
    context.book().with_overrides(vec![prices.clone()])?;
    let file = context.config_file();
    let name = serde_json::to_string(&prices.model).unwrap_or_default(); // a basic string of TOML, too
    config::set_in(&context.settings, &format!("prices.{name}"), &text(&prices))?;
    let (model, config_file) = (clean(&prices.model), clean(&file.display().to_string()));
    if context.json {
        Out::json(&Answer { model, config_file })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(&format!("The price of {model} is set in {config_file}. Stored costs follow with the next command."))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
