//! `gateway reconcile`: every dollar by which the logs and a gateway differ, and why.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::ask::{books, chosen};
use super::sync::sync;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out, STRONG};
use crate::cli::table::{Column, Table, count};
use crate::cli::when::{WindowArgs, window_of};
use crate::config::Range;
use crate::engine::gateways::{EDGE, ledgers};
use crate::export::csv::Csv;
use crate::export::json::{self, MoneyJson, RateJson, TokensJson};
use crate::export::table::Sheet as _;
use crate::export::team::{self as rows, Difference};
use crate::insight::reconcile::{Class, Entry, Local, Reconciliation, Remote};
use crate::model::text::clean;
use crate::model::time::{rfc3339, utc};
use crate::model::{GatewayRates, Millis, Money, Window};
use crate::store::Store;
use crate::store::books::Word;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway reconcile                     today
  aifinops gateway reconcile --range 7d
  aifinops gateway reconcile --since 2026-11-01 --csv > differences.csv
  aifinops gateway reconcile --user alice --json | jq '.classes'

What the logs say, plus the differences, is what the gateway says: to the nano-dollar. The calls of the window are
asked for anew, so that rows that the gateway has lost are missed; --offline compares what is known already.";

/// Differences that are listed one by one.
const LISTED: usize = 12;
/// The earliest that a gateway is asked about: before it nobody had an agent.
const FIRST: Millis = 1_672_531_200_000;

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ReconcileArgs {
    /// Which calls.
    #[command(flatten)]
    pub window: WindowArgs,
    /// The gateway, where there are several
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<String>,
    /// Whose calls at the gateway; yours where the key tells, else everybody's
    #[arg(long, value_name = "USER", conflicts_with = "everybody")]
    pub user: Option<String>,
    /// The calls of everybody
    #[arg(long)]
    pub everybody: bool,
    /// Do not ask the gateway, compare what is known
    #[arg(long)]
    pub offline: bool,
    /// Print every call as CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Serialize)]
struct ClassJson {
    class: &'static str,
    why: Option<&'static str>,
    calls: u64,
    #[serde(flatten)]
    money: MoneyJson,
}

#[derive(Serialize)]
struct RatesJson {
    input: Option<RateJson>,
    output: Option<RateJson>,
    cache_read: Option<RateJson>,
    cache_write: Option<RateJson>,
}

/// What the gateway has told a proxy of ours in the head of its answer.
#[derive(Serialize)]
struct WordJson {
    spend: Option<MoneyJson>,
    retries: Option<u32>,
    version: Option<String>,
    status: u16,
}

#[derive(Serialize)]
struct CallJson {
    class: &'static str,
    why: Option<&'static str>,
    at: String,
    agent: Option<String>,
    session: Option<String>,
    model: Option<String>,
    gateway_call: Option<String>,
    user: Option<String>,
    local: Option<MoneyJson>,
    gateway: Option<MoneyJson>,
    difference: MoneyJson,
    local_tokens: Option<TokensJson>,
    gateway_tokens: Option<TokensJson>,
    local_rates: Option<RatesJson>,
    gateway_rates: Option<RatesJson>,
    word: Option<WordJson>,
}

#[derive(Serialize)]
struct Answer {
    gateway: String,
    user: Option<String>,
    from: Option<String>,
    to: Option<String>,
    as_of: Option<String>,
    local: MoneyJson,
    gateway_total: MoneyJson,
    difference: MoneyJson,
    classes: Vec<ClassJson>,
    calls: Vec<CallJson>,
}

/// Both ledgers, joined.
struct Found {
    locals: Vec<Local>,
    remotes: Vec<Remote>,
    joined: Reconciliation,
    /// What gateways have told proxies of ours, by the request.
    words: HashMap<String, Word>,
}

impl Found {
    fn pair(&self, entry: &Entry) -> (Option<&Local>, Option<&Remote>) {
        (entry.local.and_then(|at| self.locals.get(at)), entry.remote.and_then(|at| self.remotes.get(at)))
    }

    /// The entries that differ, the largest difference first.
    fn differences(&self) -> Vec<&Entry> {
        let mut out: Vec<&Entry> = self.joined.entries.iter().filter(|entry| entry.class != Class::Same).collect();
        out.sort_by_key(|entry| (std::cmp::Reverse(entry.difference.nanos().unsigned_abs()), entry.local, entry.remote));
        out
    }

    /// A call in one line of an export.
    fn row<'a>(&'a self, entry: &Entry) -> Difference<'a> {
        let (local, remote) = self.pair(entry);
        Difference {
            class: entry.class,
            at: remote.map(|one| one.call.at).or(local.map(|one| one.at)).unwrap_or_default(),
            agent: local.map(|one| &*one.agent),
            session: local.map(|one| &*one.session).or(remote.and_then(|one| one.call.session.as_deref())),
            model: local.and_then(|one| one.model.as_deref()).or(remote.and_then(|one| one.call.model.as_deref())),
            call: remote.map(|one| one.call.id.as_str()),
            user: remote.and_then(|one| one.call.user.as_deref()),
            local: local.and_then(|one| one.money),
            gateway: remote.map(|one| one.call.spend),
            difference: entry.difference,
            local_tokens: local.map(|one| one.tokens),
            gateway_tokens: remote.map(|one| one.call.tokens),
        }
    }
}

/// Compares.
pub fn run(context: &Context, args: &ReconcileArgs) -> Result<ExitCode, CliError> {
    let setup = chosen(context, args.gateway.as_deref())?;
    let window = args.window.window(context.now, context.zone())?;
    let window = window.unwrap_or_else(|| window_of(Range::Today, context.now, context.zone()));
    let window = Window { from: window.from.max(FIRST), to: window.to };
    let mut fresh = context.open()?;
    let mut books = books(context)?;
    if !args.offline {
        let report = sync(context, &mut books, setup, Some(window.from - EDGE))?;
        // Who tells calls says how far it has told them.
        let tells_calls = books.memory(&setup.name)?.contains_key("calls");
        if report.cannot.contains(&"calls") || !tells_calls {
            return Err(CliError::Gateway {
                why: if report.cannot.contains(&"calls") {
                    format!("the key of {} does not see single calls", clean(&setup.name))
                } else {
                    format!("{} tells no single calls, only sums: there is nothing to compare call by call", clean(&setup.name))
                },
                hint: "`aifinops gateway status` says what this key sees; `aifinops team` shows the sums".to_owned(),
            });
        }
    }
    let account = books.account(&setup.name)?;
    let own = || account.as_ref().and_then(crate::store::books::Account::own_user);
    let user = if args.everybody { None } else { args.user.clone().or_else(own) };
    let store: &Store = &fresh.ingest.store;
    let (locals, remotes, joined) = ledgers(store, &books, &setup.name, window, user.as_deref(), Some(&mut fresh.ingest.prices))?;
    let seen = Window { from: window.from.saturating_sub(EDGE), to: window.to.saturating_add(EDGE) };
    let words = books.words(seen)?.into_iter().map(|word| (word.call.clone(), word)).collect();
    let found = Found { locals, remotes, joined, words };
    // What the gateway has kept to itself is no difference of the logs.
    for what in account.iter().flat_map(|account| &account.cannot).filter(|what| what.starts_with("calls ")) {
        context.note(&format!("{}: not to be seen with this key: {}", clean(&setup.name), clean(what)));
    }
    let as_of = account.and_then(|account| account.asked_at);
    if context.json {
        Out::json(&answer(&setup.name, user.as_deref(), window, as_of, &found))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.csv {
        let mut sheet = Csv::begin(Out::bytes(), rows::DIFFERENCES)?;
        for entry in found.differences() {
            sheet.row(&rows::difference(&found.row(entry)))?;
        }
        sheet.end()?;
        return Ok(ExitCode::SUCCESS);
    }
    print(context, &setup.name, user.as_deref(), window, as_of, &found)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(name: &str, user: Option<&str>, window: Window, as_of: Option<Millis>, found: &Found) -> Answer {
    let edges = json::window(window);
    let classes = found.joined.totals().into_iter();
    Answer {
        gateway: clean(name),
        user: user.map(clean),
        from: edges.from,
        to: edges.to,
        as_of: as_of.map(rfc3339),
        local: json::money(found.joined.local),
        gateway_total: json::money(found.joined.gateway),
        difference: json::money(found.joined.difference()),
        classes: classes
            .map(|(class, total)| ClassJson {
                class: class.word(),
                why: class.why(),
                calls: total.calls,
                money: json::money(total.difference),
            })
            .collect(),
        calls: found.differences().into_iter().map(|entry| call_json(found, entry)).collect(),
    }
}

fn call_json(found: &Found, entry: &Entry) -> CallJson {
    let row = found.row(entry);
    let (local, remote) = found.pair(entry);
    let rates = |rates: &GatewayRates| RatesJson {
        input: rates.input.and_then(json::rate),
        output: rates.output.and_then(json::rate),
        cache_read: rates.cache_read.and_then(json::rate),
        cache_write: rates.cache_write.and_then(json::rate),
    };
    CallJson {
        class: row.class.word(),
        why: row.class.why(),
        at: rfc3339(row.at),
        agent: row.agent.map(clean),
        session: row.session.map(clean),
        model: row.model.map(clean),
        gateway_call: row.call.map(clean),
        user: row.user.map(clean),
        local: row.local.map(json::money),
        gateway: row.gateway.map(json::money),
        difference: json::money(row.difference),
        local_tokens: row.local_tokens.as_ref().map(json::tokens),
        gateway_tokens: row.gateway_tokens.as_ref().map(json::tokens),
        local_rates: local.map(|one| rates(&one.rates)),
        gateway_rates: remote.map(|one| rates(&one.call.rates)),
        word: remote.and_then(|one| found.words.get(one.call.request.as_ref()?)).map(|word| WordJson {
            spend: word.spend.map(json::money),
            retries: word.retries,
            version: word.version.as_deref().map(clean),
            status: word.status,
        }),
    }
}

fn print(context: &Context, name: &str, user: Option<&str>, window: Window, as_of: Option<Millis>, found: &Found) -> Result<(), CliError> {
    let mut out = Out::text();
    let joined = &found.joined;
    let whose = user.map_or_else(|| "everybody".to_owned(), clean);
    let exact = |money: Money| if money < Money::ZERO { format!("-${}", (-money).exact()) } else { format!("${}", money.exact()) };
    let since = utc(window.from).format("%Y-%m-%d %H:%M UTC");
    out.line(&format!("{} ({whose}), since {since}, as of {}", clean(name), super::status::age(as_of, crate::cli::context::clock())))?;
    let mut table = Table::new(vec![Column::text("WHAT"), Column::number("CALLS"), Column::number("USD")]);
    let locals = joined.entries.iter().filter(|entry| entry.local.is_some()).count();
    let remotes = joined.entries.iter().filter(|entry| entry.remote.is_some()).count();
    table.row(vec!["what the logs say".to_owned(), locals.to_string(), exact(joined.local)]);
    for (class, total) in joined.totals() {
        table.row(vec![format!("  {}", class.sentence()), total.calls.to_string(), signed(total.difference)]);
    }
    table.total(vec!["what the gateway says".to_owned(), remotes.to_string(), exact(joined.gateway)]);
    table.write(&mut out)?;
    let differences = found.differences();
    if differences.is_empty() {
        out.styled(STRONG, "no difference")?;
        out.flush()?;
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(vec![
        Column::text("TIME (UTC)"),
        Column::text("SESSION").expendable(2),
        Column::text("MODEL"),
        Column::number("LOGS"),
        Column::number("GATEWAY"),
        Column::number("DIFFERENCE"),
        Column::text("WHY").expendable(1),
    ]);
    for entry in differences.iter().take(LISTED) {
        let row = found.row(entry);
        let (local, remote) = found.pair(entry);
        let shown = |money: Option<Money>| money.map_or_else(|| "·".to_owned(), exact);
        table.row(vec![
            utc(row.at).format("%m-%d %H:%M:%S").to_string(),
            row.session.map_or_else(|| "·".to_owned(), |id| clean(id).chars().take(13).collect()),
            row.model.map_or_else(|| "?".to_owned(), clean),
            if local.is_some() && row.local.is_none() { "?".to_owned() } else { shown(row.local) },
            shown(row.gateway),
            signed(row.difference),
            why(entry.class, local, remote),
        ]);
    }
    table.write(&mut out)?;
    if differences.len() > LISTED {
        out.styled(FAINT, &format!("and {} more: --csv or --json lists all", count(differences.len() - LISTED, "call", "calls")))?;
    }
    // The context knows a currency; two ledgers are compared in the one that both are kept in.
    if context.settings.currency.code != "USD" {
        out.styled(FAINT, "in dollars, which both ledgers are kept in")?;
    }
    out.flush()?;
    Ok(())
}

/// An amount with its sign.
fn signed(money: Money) -> String {
    if money < Money::ZERO { format!("-${}", (-money).exact()) } else { format!("+${}", money.exact()) }
}

/// The reason, and of another price both rates.
fn why(class: Class, local: Option<&Local>, remote: Option<&Remote>) -> String {
    let rates = || {
        let (ours, theirs) = (local?.rates, remote?.call.rates);
        let pair = |ours: Option<crate::model::Rate>, theirs: Option<crate::model::Rate>| {
            Some(format!("{} here, {} there", ours?.per_million(), theirs?.per_million()))
        };
        let (input, output) = (pair(ours.input, theirs.input)?, pair(ours.output, theirs.output)?);
        Some(format!("price per million: input {input}; output {output}"))
    };
    match class {
        Class::Rate => rates().unwrap_or_else(|| class.short().to_owned()),
        Class::Tokens => {
            let prompt = |tokens: &crate::model::Tokens| format!("{}+{}", tokens.prompt(), tokens.output);
            let both = local.zip(remote).map(|(ours, theirs)| (prompt(&ours.tokens), prompt(&theirs.call.tokens)));
            both.map_or_else(|| class.short().to_owned(), |(ours, theirs)| format!("tokens: {ours} here, {theirs} there"))
        }
        class => class.short().to_owned(),
    }
}
