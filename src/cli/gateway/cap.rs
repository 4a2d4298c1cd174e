//! `gateway cap`: budgets that the gateway itself holds, set from here.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::ask::{books, chosen, trouble, wait};
use super::key::KeyArgs;
use crate::cli::context::{Context, clock};
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out};
use crate::engine::gateways::{Ask, Client, Order, look_up, round};
use crate::export::json::{self, MoneyJson};
use crate::gateways::{BudgetWish, Gateway, Holder, Per, Request, by_kind};
use crate::model::cap::{Amount, Unit};
use crate::model::text::clean;
use crate::model::{Money, Whose};
use crate::store::books::Known;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway cap set alice 20/day
  aifinops gateway cap set alice 20/day --dry-run            what would be sent
  aifinops gateway cap set alice-laptop 5/day --of key
  aifinops gateway cap set platform 500/month --of team
  aifinops gateway cap set alice 3/day --of member --team platform
  aifinops gateway cap set everybody 30/day --of organization
  aifinops gateway cap set alice 20/day --reset              what was counted so far is set back
  aifinops gateway cap set alice 20/day --token-env ADMIN_KEY
  aifinops gateway cap clear alice
  aifinops gateway cap clear alice --per month

The key that looks on usually may not set budgets: --token-env, --token-command and --token-file name another one
for this command only. Whoever is not known there is refused; nobody is made by a slip of the hand.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct CapArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: CapCommand,
}

/// What can be done with budgets.
#[derive(Debug, Clone, Subcommand)]
pub enum CapCommand {
    /// Set a budget
    Set(SetArgs),
    /// Take a budget away
    Clear(ClearArgs),
}

/// Who may hold a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Of {
    /// A developer
    #[default]
    User,
    /// A key
    Key,
    /// A team
    Team,
    /// A developer within a team
    Member,
    /// A customer
    Customer,
    /// Everybody, whatever WHO says
    Organization,
}

impl Of {
    const fn whose(self) -> Whose {
        match self {
            Of::User => Whose::User,
            Of::Key => Whose::Key,
            Of::Team => Whose::Team,
            Of::Member => Whose::Member,
            Of::Customer => Whose::Customer,
            Of::Organization => Whose::Organization,
        }
    }
}

/// Whose budget, and where.
#[derive(Debug, Clone, Args)]
pub struct WhoArgs {
    /// Who: an id, or a name
    #[arg(value_name = "WHO")]
    pub who: String,
    /// What WHO is
    #[arg(long, value_name = "KIND", default_value = "user")]
    pub of: Of,
    /// The team of a member
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// The gateway, where there are several
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<String>,
    /// Only show what would be sent
    #[arg(long)]
    pub dry_run: bool,
    /// The key for this.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// The arguments of `set`.
#[derive(Debug, Clone, Args)]
pub struct SetArgs {
    /// Whose.
    #[command(flatten)]
    pub who: WhoArgs,
    /// Dollars per day, week or month, such as `20/day`; without a period it is a day's
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    pub amount: String,
    /// Set back to nothing what has been counted in the running period
    #[arg(long)]
    pub reset: bool,
}

/// The arguments of `clear`.
#[derive(Debug, Clone, Args)]
pub struct ClearArgs {
    /// Whose.
    #[command(flatten)]
    pub who: WhoArgs,
    /// Of which period, where somebody may have a budget of each
    #[arg(long, value_name = "PERIOD", default_value = "day", value_parser = per)]
    pub per: Per,
}

#[derive(Serialize)]
struct RequestJson {
    method: &'static str,
    path: String,
    body: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Answer {
    gateway: String,
    of: &'static str,
    id: String,
    limit: Option<MoneyJson>,
    per: Option<&'static str>,
    spent: Option<MoneyJson>,
    already_over: bool,
    dry_run: bool,
    confirmed: bool,
    requests: Vec<RequestJson>,
    notes: Vec<String>,
}

/// Does it.
pub fn run(context: &Context, args: &CapArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        CapCommand::Set(args) => {
            let (limit, per) = amount(&args.amount)?;
            change(context, &args.who, Some(limit), per, args.reset)
        }
        CapCommand::Clear(args) => change(context, &args.who, None, args.per, false),
    }
}

/// `day`, `weekly`, `mo`.
fn per(text: &str) -> Result<Per, &'static str> {
    let word = text.trim().to_ascii_lowercase();
    let long = match word.as_str() {
        "d" | "daily" => "day",
        "w" | "weekly" => "week",
        "mo" | "monthly" => "month",
        other => other,
    };
    Per::from_word(long).ok_or("no period that is known: day, week or month")
}

/// `20`, `20/day`, `$7.50/week`, `500/mo`.
fn amount(text: &str) -> Result<(Money, Per), CliError> {
    let bad = |why: String| CliError::usage(format!("`{}` {why}", clean(text)), "such as `aifinops gateway cap set alice 20/day`");
    let (number, per) = match text.split_once('/') {
        Some((number, word)) => (number, per(word).map_err(|why| bad(format!("has {why}")))?),
        None => (text, Per::Day),
    };
    let amount = Amount::parse(number.trim()).map_err(|error| bad(error.to_string()))?;
    if amount.unit != Unit::Money {
        return Err(bad("is no money; a gateway's budget is in dollars".to_owned()));
    }
    Ok((Money::from_nanos(amount.count), per))
}

fn change(context: &Context, args: &WhoArgs, limit: Option<Money>, per: Per, reset: bool) -> Result<ExitCode, CliError> {
    let setup = chosen(context, args.gateway.as_deref())?;
    let Some(gateway) = by_kind(&setup.kind) else { return Err(CliError::NoGateways) };
    let mut books = books(context)?;
    let known = books.known(&setup.name)?;
    let whose = args.of.whose();
    let team = args.team.as_deref().map(|team| id_of(&known, Whose::Team, team)).transpose()?;
    if whose == Whose::Member && team.is_none() {
        return Err(CliError::usage("a member is one of a team", "--team TEAM says of which"));
    }
    let holder = if whose == Whose::Member { Whose::User } else { whose };
    let limit = limit.map(|limit| gateway.kept(limit));
    let wish = BudgetWish { whose, id: id_of(&known, holder, &args.who)?, team, limit, per, reset };
    if gateway.find(&wish).is_none() {
        return Err(CliError::Gateway {
            why: format!("budgets of {}s cannot be set at {} from here", whose.word(), gateway.title()),
            hint: "its own administration can".to_owned(),
        });
    }
    let source = args.key.source()?.unwrap_or_else(|| setup.key.clone());
    let secret = look_up(&setup.name, &source).map_err(|error| trouble(error.into()))?;
    let client = Client::new(&setup.url, gateway.auth(), Some(&secret)).map_err(trouble)?;
    let order = wait(Order::prepare(&client, gateway, &wish))?;
    let order = order
        .ok_or_else(|| CliError::NoHolder(format!("{} knows no {} called `{}`", clean(&setup.name), whose.word(), clean(&args.who))))?;
    let before = order.holder.clone();
    let after = if args.dry_run { None } else { wait(order.carry_out(&client, gateway, &wish))?.holder };
    if !args.dry_run {
        // So that `team` shows it at once; it would with the next look, too.
        let ask = Ask { now: clock(), again_from: None, calls: false };
        let _ = wait(round(&mut books, setup, ask, &mut |_| {}));
    }
    let report =
        Report { name: clean(&setup.name), gateway, wish: &wish, before: &before, after: after.as_ref(), requests: &order.requests };
    report.tell(context, args.dry_run)
}

/// The id of a name: as the gateway has told names, else as typed.
fn id_of(known: &Known, whose: Whose, typed: &str) -> Result<String, CliError> {
    let of = || known.names.iter().filter(|named| named.whose == whose);
    if of().any(|named| named.id == typed) {
        return Ok(typed.to_owned());
    }
    let ids: Vec<&str> = of().filter(|named| named.name.as_deref() == Some(typed)).map(|named| named.id.as_str()).collect();
    match ids.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Ok(typed.to_owned()),
        several => Err(CliError::usage(
            format!("{} {}s are called `{}`", several.len(), whose.word(), clean(typed)),
            format!("give the id: {}", several.iter().map(|id| clean(id)).collect::<Vec<_>>().join(", ")),
        )),
    }
}

struct Report<'a> {
    name: String,
    gateway: &'static dyn Gateway,
    wish: &'a BudgetWish,
    before: &'a Holder,
    after: Option<&'a Holder>,
    requests: &'a [Request],
}

impl Report<'_> {
    fn tell(&self, context: &Context, dry_run: bool) -> Result<ExitCode, CliError> {
        let spent = self.after.map_or(self.before.spent, |after| after.spent).filter(|_| !(dry_run && self.wish.reset));
        let already_over = self.wish.limit.is_some_and(|limit| spent.is_some_and(|spent| spent >= limit));
        if context.json {
            Out::json(&Answer {
                gateway: self.name.clone(),
                of: self.wish.whose.word(),
                id: clean(&self.before.id),
                limit: self.wish.limit.map(json::money),
                per: self.wish.limit.map(|_| self.wish.per.word()),
                spent: spent.map(json::money),
                already_over,
                dry_run,
                confirmed: self.after.is_some(),
                requests: self.requests.iter().map(request_json).collect(),
                notes: self.before.notes.iter().map(|note| clean(note)).collect(),
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = Out::text();
        let who = self.before.name.as_deref().map_or_else(String::new, |name| format!(" ({})", clean(name)));
        let id = short(&clean(&self.before.id));
        let what = match self.wish.limit {
            Some(limit) => format!("a budget of {} a {}", dollars(limit), self.wish.per.word()),
            None => "no budget".to_owned(),
        };
        if dry_run {
            out.line(&format!("would give {} {id}{who} {what} at {} ({}):", self.wish.whose.word(), self.name, self.gateway.title()))?;
            for request in self.requests {
                let body = request.body.as_deref().map(clean).unwrap_or_default();
                out.line(&format!("  {} {} {body}", request.method.word(), clean(&request.path)))?;
            }
        } else {
            let seen = if self.after.is_some() { "; read back and found so" } else { "; it took the order, and does not show it yet" };
            out.line(&format!("{} {id}{who} has {what} at {}{seen}", self.wish.whose.word(), self.name))?;
        }
        if let Some(spent) = spent.filter(|spent| *spent > Money::ZERO && self.wish.limit.is_some()) {
            let over = if already_over { ": it is used up from the first moment" } else { "" };
            let help = if self.wish.reset { "" } else { "; --reset sets it back to nothing" };
            out.line(&format!("already counted in the running period: {}{over}{help}", context.money(spent)))?;
        }
        // A release that knows no period for this holder takes the amount and leaves it out.
        if let Some(after) = self.after.filter(|after| self.wish.limit.is_some() && after.period.is_none()) {
            out.line(&format!("note: {} has taken no period for {}: the budget holds for good", self.name, short(&clean(&after.id))))?;
        }
        for note in &self.before.notes {
            out.styled(FAINT, &format!("note: {}", clean(note)))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Dollars and cents, or all the digits that there are. A gateway's budget is in dollars.
fn dollars(money: Money) -> String {
    const CENT: i64 = 10_000_000;
    if money.nanos() % CENT == 0 { money.display() } else { format!("${}", money.exact()) }
}

/// A hash as people see it.
fn short(id: &str) -> String {
    if id.len() == 64 { format!("{}…", id.chars().take(12).collect::<String>()) } else { id.to_owned() }
}

fn request_json(request: &Request) -> RequestJson {
    RequestJson {
        method: request.method.word(),
        path: clean(&request.path),
        body: request.body.as_deref().and_then(|body| serde_json::from_str(&clean(body)).ok()),
    }
}
