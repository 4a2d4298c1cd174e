//! What the subcommands share: which gateway is meant, the books, and waiting for an answer.

use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::engine::gateways::Trouble;
use crate::model::GatewaySetup;
use crate::model::text::clean;
use crate::store::Books;

/// How long the books wait for another process that writes.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The gateway of a name, or the only one.
pub fn chosen<'a>(context: &'a Context, name: Option<&str>) -> Result<&'a GatewaySetup, CliError> {
    let all = &context.settings.gateways.value;
    match name {
        Some(name) => all.iter().find(|setup| setup.name == name).ok_or_else(|| CliError::NoGateway {
            name: clean(name),
            known: all.iter().map(|setup| setup.name.clone()).collect::<Vec<_>>().join(", "),
        }),
        None => match all.as_slice() {
            [one] => Ok(one),
            [] => Err(CliError::NoGateways),
            several => {
                let names: Vec<&str> = several.iter().map(|setup| setup.name.as_str()).collect();
                Err(CliError::usage(format!("there are {} gateways: {}", several.len(), names.join(", ")), "name one with --gateway NAME"))
            }
        },
    }
}

/// The gateways that were named, or all of them.
pub fn all<'a>(context: &'a Context, name: Option<&str>) -> Result<Vec<&'a GatewaySetup>, CliError> {
    if name.is_some() {
        return Ok(vec![chosen(context, name)?]);
    }
    let all: Vec<&GatewaySetup> = context.settings.gateways.value.iter().collect();
    if all.is_empty() { Err(CliError::NoGateways) } else { Ok(all) }
}

/// The books.
pub fn books(context: &Context) -> Result<Books, CliError> {
    let (books, notice) = Books::open(&context.settings.data_dir, PATIENCE)?;
    if let Some(notice) = notice {
        context.note(&notice);
    }
    Ok(books)
}

/// Waits for what asks a gateway.
pub fn wait<T>(what: impl Future<Output = Result<T, Trouble>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Gateway { why: error.to_string(), hint: String::new() })?;
    let done = runtime.block_on(what);
    // Looking up a host's name cannot be broken off: nobody waits for it.
    runtime.shutdown_background();
    done.map_err(trouble)
}

/// What went wrong, and what to do.
#[must_use]
pub fn trouble(trouble: Trouble) -> CliError {
    use crate::gateways::Refusal;
    let hint = match &trouble {
        Trouble::Store(_) => "",
        Trouble::Key(_) => {
            "a key can come from --token-env, --token-command, --token-file and --keyring; `aifinops gateway add` changes where it is looked for"
        }
        Trouble::Network { .. } | Trouble::Late(_) => {
            "check the address, the network, and that the gateway runs; what was known before stays"
        }
        Trouble::Large(_, _) | Trouble::Endless(_) => "is the address really a gateway's?",
        Trouble::Refused(Refusal::Key(_)) => "check the key: it may be of another gateway, or have been taken back",
        Trouble::Refused(Refusal::Forbidden(_)) => "this needs a key with more rights",
        Trouble::Refused(Refusal::Elsewhere(_)) => {
            "`aifinops gateway add` with the address that it redirects to, if that is a gateway you trust"
        }
        Trouble::Refused(Refusal::TooMany | Refusal::Broken { .. }) => "try again in a while; what was known before stays",
        Trouble::Refused(Refusal::Useless(_)) => "there is nothing to be asked of it",
        Trouble::Refused(Refusal::Refused { status: 200, .. }) => "change it at the gateway itself",
        Trouble::Refused(_) => "is the address really a gateway's, and of which kind? `--kind` says",
    };
    match trouble {
        Trouble::Store(error) => error.into(),
        other => CliError::Gateway { why: other.to_string(), hint: hint.to_owned() },
    }
}
