//! `gateway add`: what is at an address, what the key may read there, and which lesser key would do.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::ask::{books, trouble, wait};
use super::key::{KeyArgs, typed};
use super::sync::{TEMPLATE, words};
use crate::cli::bar::Bar;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out};
use crate::config::{GATEWAY_SECONDS, check_gateway_name, gateway_parts, set_table};
use crate::engine::gateways::{self, Ask, recognize};
use crate::gateways::{ALL, Gateway, by_kind};
use crate::model::gateway::address;
use crate::model::text::clean;
use crate::model::{GatewaySetup, KeySource, Me, Millis};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway add team https://gateway.example.com --token-env LITELLM_KEY
  aifinops gateway add team https://gateway.example.com --token-command 'pass show gateway'
  aifinops gateway add team https://gateway.example.com --keyring
  aifinops gateway add claude https://api.anthropic.com --token-file ~/.config/aifinops/claude.key
  aifinops gateway add team https://gateway.example.com --token-env VIEWER_KEY --user alice

The key is looked up each time it is needed. It is never on the command line, in the configuration, in a log or
in an export, and goes to this address only. `--user` says whose spend is yours, where the key is somebody else's.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// What to call it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Its address
    #[arg(value_name = "URL")]
    pub url: String,
    /// Where the key is.
    #[command(flatten)]
    pub key: KeyArgs,
    /// What it is, where it cannot be found out
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    pub kind: Option<String>,
    /// Whose spend is yours, where the key does not tell
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Seconds between two looks while a screen is open
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(GATEWAY_SECONDS))]
    pub every: Option<u64>,
}

fn kinds() -> clap::builder::PossibleValuesParser {
    ALL.iter().map(|gateway| gateway.kind()).collect::<Vec<_>>().into()
}

/// Who the key is, as the contract writes it.
#[derive(Debug, Clone, Serialize)]
pub struct MeJson {
    user: Option<String>,
    name: Option<String>,
    key_alias: Option<String>,
    role: String,
    sees_all: bool,
    may_write: bool,
    may_spend: bool,
}

pub(super) fn me_json(me: &Me) -> MeJson {
    MeJson {
        user: me.user.as_deref().map(clean),
        name: me.name.as_deref().map(clean),
        key_alias: me.alias.as_deref().map(clean),
        role: clean(&me.role),
        sees_all: me.sees_all,
        may_write: me.may_write,
        may_spend: me.may_spend,
    }
}

#[derive(Serialize)]
struct Answer {
    name: String,
    url: String,
    kind: &'static str,
    proven: &'static str,
    version: Option<String>,
    key_from: String,
    me: Option<MeJson>,
    advice: Vec<String>,
    cannot: Vec<String>,
}

/// Adds a gateway. Nothing is remembered unless it answers and takes the key.
pub fn run(context: &Context, args: &AddArgs) -> Result<ExitCode, CliError> {
    check_gateway_name(&args.name).map_err(|why| CliError::usage(why, "such as `team`"))?;
    let url = address(&args.url).map_err(|why| CliError::usage(format!("the address {why}"), "such as https://gateway.example.com"))?;
    let Some(key) = args.key.source()? else {
        return Err(CliError::usage(
            "where is the key? Not on the command line, where others can read it",
            "one of --token-env NAME, --token-command COMMAND, --token-file FILE and --keyring",
        ));
    };
    let gateway = kind(&url, args.kind.as_deref())?;
    let mut books = books(context)?;
    // The one that was kept before, if any.
    let mut before = None;
    if key == KeySource::Keyring {
        let secret = typed(&format!("The key for {}: ", args.name))?;
        before = gateways::look_up(&args.name, &key).ok();
        gateways::keep(&args.name, &secret).map_err(|error| trouble(error.into()))?;
    }
    let setup = GatewaySetup {
        name: args.name.clone(),
        url,
        kind: gateway.kind().to_owned(),
        key,
        user: args.user.clone(),
        every: args.every.and_then(|seconds| Millis::try_from(seconds * 1000).ok()),
    };
    let mut bar = Bar::new(context, TEMPLATE);
    // Calls are read when they are first wanted.
    let ask = Ask { now: context.now, again_from: None, calls: false };
    let done = wait(gateways::round(&mut books, &setup, ask, &mut |report| bar.say(|| words(&setup.name, report))));
    drop(bar);
    if let Err(error) = done {
        if setup.key == KeySource::Keyring {
            // A keyring that fails now has just taken the key: then `gateway add` asks for it again.
            let _ = before.map_or_else(|| gateways::forget(&setup.name), |old| gateways::keep(&setup.name, &old));
        }
        // Nobody has it in his settings: what was found out of it is not kept.
        if context.settings.gateways.iter().all(|other| other.name != setup.name) {
            books.forget(&setup.name)?;
        }
        return Err(error);
    }
    set_table(&context.settings, &["gateways", &setup.name], &gateway_parts(&setup))?;
    let account = books.account(&setup.name)?.unwrap_or_default();
    let advice = account.me.as_ref().map(|me| gateway.advice(me)).unwrap_or_default();
    if context.json {
        Out::json(&Answer {
            name: clean(&setup.name),
            url: clean(&setup.url),
            kind: gateway.kind(),
            proven: gateway.proof().words(),
            version: account.version.as_deref().map(clean),
            key_from: clean(&setup.key.words()),
            me: account.me.as_ref().map(me_json),
            advice,
            cannot: account.cannot,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let version = account.version.as_deref().map(|version| format!(" {}", clean(version))).unwrap_or_default();
    out.line(&format!(
        "{} is {}{version} at {}; the key comes from {}",
        clean(&setup.name),
        gateway.title(),
        clean(&setup.url),
        clean(&setup.key.words())
    ))?;
    if let Some(me) = &account.me {
        let who = me.name.as_deref().or(me.user.as_deref()).map_or_else(|| "nobody in particular".to_owned(), clean);
        out.line(&format!("the key belongs to {who} ({})", clean(&me.role)))?;
    }
    for sentence in &advice {
        out.line(&format!("- {sentence}"))?;
    }
    for what in &account.cannot {
        out.line(&format!("- not to be seen with this key: {}", clean(what)))?;
    }
    out.styled(FAINT, &format!("this kind of gateway is {}", gateway.proof().words()))?;
    out.line("next: `aifinops team` shows who has spent what, `aifinops gateway reconcile` where the logs differ")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What is at the address: as said, else as found out without the key.
fn kind(url: &str, said: Option<&str>) -> Result<&'static dyn Gateway, CliError> {
    if let Some(gateway) = said.and_then(by_kind) {
        return Ok(gateway);
    }
    let found = wait(recognize(url))?;
    found.ok_or_else(|| CliError::Gateway {
        why: format!("{} answers, and not like any gateway that is known", clean(url)),
        hint: format!("`--kind` says what it is: {}", ALL.iter().map(|gateway| gateway.kind()).collect::<Vec<_>>().join(", ")),
    })
}
