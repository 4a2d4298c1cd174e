//! `cap show`: each cap, what was spent under it, what is left, when it resets, and which one binds.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::budgets::{self, Raise, Standing};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out};
use crate::cli::rules::{self, who};
use crate::cli::table::{Column, Table, count};
use crate::cli::when::coming;
use crate::config::policy::Policy;
use crate::config::{self, Origin};
use crate::engine::rules::Rules;
use crate::export::json::Usd;
use crate::model::cap::{Amount, Cap, Unit};
use crate::model::text::clean;
use crate::model::{Money, time};
use crate::query::caps;
use crate::store::ledger::{Decision, Kind};
use crate::store::{Ledger, Store};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap show
  aifinops cap show --json
  aifinops cap show --check || echo 'no more today'    exit code 4 while a cap stops agents";

/// The exit code of `--check` while something is stopped.
const STOPPED: u8 = 4;
/// How long the ledger is waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The width of a bar.
const BAR: usize = 20;

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct ShowArgs {
    /// End with exit code 4 while a cap stops agents
    #[arg(long)]
    pub check: bool,
}

/// An amount, in the one field that its unit has.
#[derive(Debug, Clone, Serialize)]
pub struct AmountJson {
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usd: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_usd: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
}

/// An amount as JSON.
#[must_use]
pub fn amount_json(amount: Amount) -> AmountJson {
    let money = matches!(amount.unit, Unit::Money | Unit::Gpu).then_some(Money::from_nanos(amount.count));
    AmountJson {
        unit: amount.unit.word(),
        usd: money.map(Usd),
        nano_usd: money.map(Money::nanos),
        count: money.is_none().then_some(amount.count),
    }
}

/// A cap as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct CapJson {
    name: String,
    per: &'static str,
    limit: AmountJson,
    agent: Option<String>,
    project: Option<String>,
    model: Option<String>,
    action: &'static str,
    notify: Vec<u16>,
    managed: bool,
    gateway: Option<String>,
}

/// A cap as JSON.
#[must_use]
pub fn cap_json(cap: &Cap) -> CapJson {
    let text = |value: &Option<String>| value.as_deref().map(clean);
    CapJson {
        name: clean(&cap.name),
        per: cap.span.word(),
        limit: amount_json(cap.limit),
        agent: text(&cap.scope.agent),
        project: text(&cap.scope.project),
        model: text(&cap.scope.model),
        action: cap.action.word(),
        notify: cap.notify.clone(),
        managed: cap.managed,
        gateway: text(&cap.gateway),
    }
}

#[derive(Serialize)]
struct RaiseJson {
    by: AmountJson,
    at: String,
    until: String,
    reason: Option<String>,
}

/// How a cap stands, as JSON.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a cap, as the JSON has them")]
pub struct StandingJson {
    #[serde(flatten)]
    cap: CapJson,
    spent: AmountJson,
    allowed: AmountJson,
    left: AmountJson,
    used_permille: u64,
    level: Option<u16>,
    reached: bool,
    stops: bool,
    binds: bool,
    resets_at: Option<String>,
    session: Option<String>,
    lower_bound: bool,
    unpriced_calls: u64,
    assumed: AmountJson,
    raises: Vec<RaiseJson>,
}

#[derive(Serialize)]
struct Answer {
    caps: Vec<StandingJson>,
    stopped: bool,
    policy: Option<String>,
}

/// The ledger; that it had to be begun anew is said.
pub fn ledger(context: &Context) -> Result<Ledger, CliError> {
    let (ledger, notice) = Ledger::open(&context.settings.data_dir, PATIENCE)?;
    notice.into_iter().chain(ledger.regain()).for_each(|notice| context.note_mended(notice));
    Ok(ledger)
}

/// Makes the copy from which a damaged ledger comes back, now that a person has decided something. What was decided stands
/// without it.
pub fn keep_copy(context: &Context, ledger: &Ledger) {
    match ledger.keep_copy() {
        Ok(notice) => notice.into_iter().for_each(|notice| context.note_mended(notice)),
        Err(error) => context.note(&format!("no copy could be made of the record of caps: {error}")),
    }
}

/// The variable or flag that a cap comes from: it goes before what the file says.
#[must_use]
pub fn from_outside(context: &Context, cap: &Cap) -> Option<Origin> {
    let key = config::key(&["caps", &cap.name]);
    let row = config::describe(&context.settings).into_iter().find(|(name, _, _)| *name == key)?;
    Some(row.2).filter(|origin| matches!(origin, Origin::Env(_) | Origin::Flag(_)))
}

/// A decision of the person at the terminal.
#[must_use]
pub fn decision(context: &Context, cap: &Cap, kind: Kind, amount: i64) -> Decision {
    Decision {
        at: context.now,
        kind,
        cap: cap.name.clone(),
        agent: cap.scope.agent.clone(),
        session: None,
        unit: cap.limit.unit.word().to_owned(),
        spent: 0,
        amount,
        until: None,
        who: who(),
        why: None,
    }
}

/// How all caps stand, and what says so besides the settings.
pub struct Standings {
    /// The machine's policy.
    pub policy: Policy,
    /// Raises in force.
    pub raises: Vec<Raise>,
    /// How each cap stands.
    pub all: Vec<Standing>,
}

/// Reads what is new and says how all caps stand.
pub fn standings(context: &Context) -> Result<Standings, CliError> {
    let policy = rules::policy(&context.settings);
    policy.problems.iter().for_each(|problem| context.note(&format!("policy: {problem}")));
    let rules = rules::rules(&context.settings, &policy);
    let fresh = context.open()?;
    standings_in(context, &fresh.ingest.store, &rules, policy)
}

/// How all caps stand by what a store knows.
pub fn standings_in(context: &Context, store: &Store, rules: &Rules, policy: Policy) -> Result<Standings, CliError> {
    let ledger = ledger(context)?;
    let raises = caps::raises(&ledger, context.now)?;
    let all = rules.standings(store, &raises, None, context.now)?;
    Ok(Standings { policy, raises, all })
}

/// `████████░░░░`, full at the limit.
fn bar(permille: u64) -> String {
    let full = usize::try_from(permille.min(1000)).unwrap_or(1000) * BAR / 1000;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// Shows the caps.
pub fn run(context: &Context, args: &ShowArgs) -> Result<ExitCode, CliError> {
    let standings = standings(context)?;
    let stopped = budgets::verdict(&standings.all).is_some();
    if context.json {
        Out::json(&answer(&standings, stopped))?;
    } else {
        let mut out = Out::text();
        print(&mut out, context, &standings)?;
        out.flush()?;
    }
    Ok(if args.check && stopped { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS })
}

fn answer(standings: &Standings, stopped: bool) -> Answer {
    Answer { caps: all_json(standings), stopped, policy: standings.policy.path.as_ref().map(|path| clean(&path.display().to_string())) }
}

/// How all caps stand, as JSON.
#[must_use]
pub fn all_json(standings: &Standings) -> Vec<StandingJson> {
    let binding = budgets::binding(&standings.all).map(|s| s.cap.name.clone());
    let raise = |raise: &Raise| RaiseJson {
        by: amount_json(raise.by),
        at: time::rfc3339(raise.at),
        until: time::rfc3339(raise.until),
        reason: raise.reason.as_deref().map(clean),
    };
    let one = |standing: &Standing| StandingJson {
        cap: cap_json(&standing.cap),
        spent: amount_json(standing.spent()),
        allowed: amount_json(standing.allowed()),
        left: amount_json(standing.left()),
        used_permille: standing.permille(),
        level: standing.level(),
        reached: standing.is_reached(),
        stops: standing.halts(),
        binds: binding.as_ref() == Some(&standing.cap.name),
        resets_at: standing.ends().map(time::rfc3339),
        session: standing.subject.as_deref().map(clean),
        lower_bound: standing.spend.lower_bound,
        unpriced_calls: standing.spend.unpriced_calls,
        assumed: amount_json(Amount::money(standing.spend.assumed)),
        raises: standings.raises.iter().filter(|r| r.cap == standing.cap.name).map(raise).collect(),
    };
    standings.all.iter().map(one).collect()
}

fn print(out: &mut Out, context: &Context, standings: &Standings) -> Result<(), CliError> {
    if standings.all.is_empty() {
        out.line("No caps are set. `aifinops cap set 20` makes a daily cap of $20.")?;
        return Ok(());
    }
    let binding = budgets::binding(&standings.all).map(|s| s.cap.name.clone());
    let mut table = Table::new(vec![
        Column::text("CAP"),
        Column::text("WHAT").expendable(3),
        Column::text("USED").expendable(4),
        Column::number("%"),
        Column::number("SPENT"),
        Column::number("LEFT"),
        Column::text("RESETS").expendable(2),
        Column::text("AT THE LIMIT").expendable(1),
    ]);
    for standing in &standings.all {
        let mark = if binding.as_ref() == Some(&standing.cap.name) { " ◂ binds" } else { "" };
        table.row(vec![
            format!("{}{mark}", clean(&standing.cap.name)),
            clean(&standing.cap.words()),
            bar(standing.permille()),
            format!("{}%", standing.permille() / 10),
            format!("{}{}", standing.mark(), context.amount(standing.spent())),
            context.amount(standing.left()),
            budgets::resets_in(standing, context.now),
            if standing.halts() { "STOPPED".to_owned() } else { standing.cap.action.to_string() },
        ]);
    }
    table.write(out)?;
    for standing in &standings.all {
        for note in notes(context, standings, standing) {
            out.styled(FAINT, &format!("{}: {}", clean(&standing.cap.name), clean(&note)))?;
        }
    }
    Ok(())
}

/// What a row has no room for.
fn notes(context: &Context, standings: &Standings, standing: &Standing) -> Vec<String> {
    let mut notes = Vec::new();
    for raise in standings.raises.iter().filter(|raise| raise.cap == standing.cap.name && !standing.cap.managed) {
        let until = coming(raise.until, context.now, context.zone());
        let reason = raise.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        notes.push(format!("raised by {} until {until}{reason}", context.amount(raise.by)));
    }
    if let Some(gateway) = &standing.cap.gateway {
        notes.push(format!("held by the gateway {}; `aifinops gateway cap set` changes it, with a key that may", clean(gateway)));
    } else if standing.cap.managed {
        notes.push("set by this machine's policy; only its administrator can raise it".to_owned());
    }
    if standing.is_assumed() {
        let assumed = context.money(standing.spend.assumed);
        notes.push(format!(
            "{assumed} of it is assumed for {} without a known price (`assumed_price`)",
            count(standing.spend.unpriced_calls, "call", "calls")
        ));
    }
    if let Some(session) = &standing.subject {
        notes.push(format!("as in session {session}, which has used up most of it"));
    }
    notes
}
