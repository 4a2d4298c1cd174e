//! Caps: how much may be spent, by whom, in which span of time, and what happens then.

use std::fmt;
use std::str::FromStr;

use super::money::Money;

/// More than this is taken for a slip of the finger.
const MOST_USD: i64 = 1_000_000;
/// More tokens or steps than this as well.
const MOST_COUNT: u64 = 1_000_000_000_000;

/// What a cap is counted in. An amount of it is an integer: nano-dollars, tokens, steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Nano-dollars.
    Money,
    /// Tokens of all kinds together.
    Tokens,
    /// Model calls.
    Steps,
    /// How often a task has made the same tool call with the same arguments: a loop going in circles.
    Repeats,
    /// Model calls that failed and were tried again.
    Retries,
    /// Nano-dollars of GPUs' time, which count under no other cap.
    Gpu,
}

impl Unit {
    /// The word in the store and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Unit::Money => "usd",
            Unit::Tokens => "tokens",
            Unit::Steps => "steps",
            Unit::Repeats => "repeats",
            Unit::Retries => "retries",
            Unit::Gpu => "gpu_usd",
        }
    }

    /// Back from [`Unit::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Unit> {
        [Unit::Money, Unit::Tokens, Unit::Steps, Unit::Repeats, Unit::Retries, Unit::Gpu].into_iter().find(|unit| unit.word() == word)
    }
}

/// An amount of money, of tokens or of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    /// What is counted.
    pub unit: Unit,
    /// How many of it; nano-dollars for money.
    pub count: i64,
}

/// Why a text is no amount for a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a number in any of the known shapes.
    #[error(
        "is no amount; write dollars (`20`, `$7.50`), tokens (`5M tokens`), steps (`60 steps`), repeats (`5 repeats`), retries (`10 retries`) or dollars of GPU time (`$20 gpu`)"
    )]
    Shape,
    /// Below zero.
    #[error("is negative; a cap is a positive amount")]
    Negative,
    /// Nothing at all.
    #[error("is zero, which would stop every agent at once; a cap is a positive amount")]
    Zero,
    /// More than anybody means.
    #[error("is too much; a cap is at most $1,000,000, or a million million tokens or steps")]
    Huge,
    /// `1,5`: half of the world means one and a half by it, and it must not become fifteen.
    #[error("has a comma that does not part thousands; decimals stand behind a point (`7.50`)")]
    Comma,
    /// Finer than a nano-dollar, or half a token.
    #[error("is too fine; dollars have at most nine decimals, tokens and steps none")]
    Fine,
}

impl Amount {
    /// An amount of money.
    #[must_use]
    pub const fn money(money: Money) -> Amount {
        Amount { unit: Unit::Money, count: money.nanos() }
    }

    /// Reads an amount as people write it: `20`, `$7.50`, `5M tokens`, `60 steps`, `1_000tokens`.
    pub fn parse(text: &str) -> Result<Amount, AmountError> {
        let text = text.trim();
        let words = [
            ("tokens", Unit::Tokens),
            ("token", Unit::Tokens),
            ("steps", Unit::Steps),
            ("step", Unit::Steps),
            ("repeats", Unit::Repeats),
            ("repeat", Unit::Repeats),
            ("retries", Unit::Retries),
            ("retry", Unit::Retries),
            ("gpu", Unit::Gpu),
            ("GPU", Unit::Gpu),
        ];
        let counted = words.iter().find_map(|(word, unit)| Some((text.strip_suffix(word)?, *unit)));
        let (number, unit) =
            counted.unwrap_or_else(|| (text.strip_suffix("usd").or_else(|| text.strip_suffix("USD")).unwrap_or(text), Unit::Money));
        let number = without_commas(number.trim())?.replace('_', "");
        let (negative, number) = match number.strip_prefix('-') {
            Some(rest) => (true, rest.to_owned()),
            None => (false, number),
        };
        let number = number.strip_prefix('$').unwrap_or(&number);
        let (number, negative) = number.strip_prefix('-').map_or((number, negative), |rest| (rest, true));
        let count = match unit {
            Unit::Money | Unit::Gpu => nanos(number)?,
            Unit::Tokens | Unit::Steps | Unit::Repeats | Unit::Retries => counted_number(number)?,
        };
        match count {
            0 => Err(AmountError::Zero),
            _ if negative => Err(AmountError::Negative),
            _ => Ok(Amount { unit, count }),
        }
    }

    /// As [`Amount::parse`] reads it.
    #[must_use]
    pub fn text(self) -> String {
        match self.unit {
            Unit::Money => format!("${}", Money::from_nanos(self.count).exact()),
            Unit::Gpu => format!("${} gpu", Money::from_nanos(self.count).exact()),
            unit => format!("{} {}", self.count, unit.word()),
        }
    }
}

impl fmt::Display for Amount {
    /// For people: `$20.00`, `5.0M tokens`, `60 steps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.unit {
            Unit::Money => Money::from_nanos(self.count).display(),
            Unit::Gpu => format!("{} of GPU time", Money::from_nanos(self.count).display()),
            Unit::Steps if self.count == 1 => "1 step".to_owned(),
            Unit::Repeats if self.count == 1 => "1 repeat".to_owned(),
            Unit::Retries if self.count == 1 => "1 retry".to_owned(),
            unit => format!("{} {}", short(self.count), unit.word()),
        };
        f.pad(&text)
    }
}

/// `999`, `1.2k`, `5.0M`, `2.0B`.
fn short(count: i64) -> String {
    let (sign, n) = (if count < 0 { "-" } else { "" }, count.unsigned_abs());
    let tenths = |unit: u64, letter: char| format!("{sign}{}.{}{letter}", n / unit, n % unit * 10 / unit);
    match n {
        0..10_000 => format!("{sign}{n}"),
        10_000..1_000_000 => tenths(1_000, 'k'),
        1_000_000..1_000_000_000 => tenths(1_000_000, 'M'),
        _ => tenths(1_000_000_000, 'B'),
    }
}

/// `1,000,000` without its commas, which stand before three digits each, behind one to three that begin with none, and never behind the
/// point: `0,500` is half of something where commas are points.
fn without_commas(number: &str) -> Result<String, AmountError> {
    let whole = number.find('.').and_then(|point| number.split_at_checked(point)).map_or(number, |(whole, _)| whole);
    let mut parts = number.split(',');
    let first = parts.next().unwrap_or_default();
    let begins = !number.contains(',') || (1..=3).contains(&first.len()) && !first.starts_with('0');
    let is_group = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count() == 3;
    if number.matches(',').count() == whole.matches(',').count() && begins && parts.all(is_group) {
        Ok(number.replace(',', ""))
    } else {
        Err(AmountError::Comma)
    }
}

fn nanos(number: &str) -> Result<i64, AmountError> {
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.') && number.bytes().any(|b| b.is_ascii_digit());
    if !plain || number.bytes().filter(|b| *b == b'.').count() > 1 {
        return Err(AmountError::Shape);
    }
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.trim_start_matches('0').len() > 7 {
        return Err(AmountError::Huge);
    }
    if part.trim_end_matches('0').len() > 9 {
        return Err(AmountError::Fine);
    }
    let money = Money::parse_usd(&format!("0{whole}.{}0", part.trim_end_matches('0'))).ok_or(AmountError::Shape)?;
    if money > Money::from_nanos(MOST_USD * super::money::NANOS_PER_USD) { Err(AmountError::Huge) } else { Ok(money.nanos()) }
}

/// Digits, a decimal point and one of the letters k, M, B.
fn counted_number(number: &str) -> Result<i64, AmountError> {
    let units = [('k', 3_usize), ('K', 3), ('M', 6), ('m', 6), ('B', 9), ('b', 9), ('G', 9)];
    let (digits, zeros) = units.iter().find_map(|(letter, zeros)| Some((number.strip_suffix(*letter)?, *zeros))).unwrap_or((number, 0));
    let (whole, part) = digits.trim_end().split_once('.').unwrap_or((digits.trim_end(), ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && part.is_empty() || !all_digits(whole) || !all_digits(part) {
        return Err(AmountError::Shape);
    }
    let part = part.trim_end_matches('0');
    if part.len() > zeros {
        return Err(AmountError::Fine);
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let count: u64 = format!("{whole}{part:0<zeros$}").parse().map_err(|_| AmountError::Huge)?;
    if count > MOST_COUNT { Err(AmountError::Huge) } else { i64::try_from(count).map_err(|_| AmountError::Huge) }
}

/// A word that is none of the choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of the allowed words")]
pub struct UnknownWord;

/// A choice of a few words.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])+ $variant:ident = $word:literal,)+ })+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum $name { $($(#[$variant_meta])+ $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word in configuration, on screen and in JSON.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// Back from the word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<$name, UnknownWord> {
                $name::from_word(word).ok_or(UnknownWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    )+ };
}

words! {
    /// The span that a cap holds for.
    Span {
        /// From local midnight to the next.
        #[default]
        Day = "day",
        /// From the first day of the week.
        Week = "week",
        /// From the first of the month.
        Month = "month",
        /// One session with its subagents, however long it lives.
        Session = "session",
        /// From one human prompt to the end of its answer, subagents included.
        Task = "task",
    }

    /// What happens when a cap is reached.
    Action {
        /// The person is told.
        Warn = "warn",
        /// The agent's next prompt, or the next step of its loop, is blocked: the session stays healthy.
        #[default]
        Block = "block",
        /// As `block`; and what goes on all the same is ended by a signal.
        Stop = "stop",
    }

    /// What a guard does when it cannot tell what was spent.
    OnFailure {
        /// The agent goes on.
        #[default]
        Open = "open",
        /// The agent is blocked.
        Closed = "closed",
    }
}

impl Span {
    /// The span as an adjective: `daily`.
    #[must_use]
    pub const fn adjective(self) -> &'static str {
        match self {
            Span::Day => "daily",
            Span::Week => "weekly",
            Span::Month => "monthly",
            Span::Session => "per session",
            Span::Task => "per task",
        }
    }

    /// Whether it is a span of the calendar, the same for all sessions.
    #[must_use]
    pub const fn is_calendar(self) -> bool {
        matches!(self, Span::Day | Span::Week | Span::Month)
    }
}

/// What a cap is narrowed to. Everything, where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Scope {
    /// One agent's name.
    pub agent: Option<String>,
    /// A pattern for a project: its directory's last part, or the whole path where the pattern has a slash.
    pub project: Option<String>,
    /// A pattern for a model's name; a plain word means all models whose name contains it.
    pub model: Option<String>,
}

impl Scope {
    /// Whether it narrows anything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Scope::default()
    }

    /// Whether a model falls under it.
    #[must_use]
    pub fn names_model(&self, model: Option<&str>) -> bool {
        self.model.as_deref().zip(model).is_none_or(|(pattern, model)| is_model(pattern, model))
    }

    /// Whether spend of this agent, directory and model falls under it. What is not known is `None` and falls under it:
    /// a cap is not escaped by saying nothing.
    #[must_use]
    pub fn covers(&self, agent: &str, cwd: Option<&str>, model: Option<&str>) -> bool {
        self.agent.as_deref().is_none_or(|wanted| wanted == agent)
            && self.project.as_deref().zip(cwd).is_none_or(|(pattern, cwd)| names_path(pattern, cwd))
            && self.names_model(model)
    }
}

impl fmt::Display for Scope {
    /// For people: `codex, project web-*`; empty for everything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let project = self.project.as_ref().map(|project| format!("project {project}"));
        let model = self.model.as_ref().map(|model| format!("model {model}"));
        let parts: Vec<String> = [self.agent.clone(), project, model].into_iter().flatten().collect();
        f.pad(&parts.join(", "))
    }
}

/// Whether a pattern names a path: by its last part, or by all of it where the pattern has a slash.
#[must_use]
pub fn names_path(pattern: &str, cwd: &str) -> bool {
    let cwd = cwd.trim_end_matches(['/', '\\']);
    if pattern.contains(['/', '\\']) {
        return matches(pattern.trim_end_matches(['/', '\\']), cwd);
    }
    matches(pattern, cwd.rsplit(['/', '\\']).next().unwrap_or_default())
}

fn is_model(pattern: &str, model: &str) -> bool {
    if pattern.contains(['*', '?']) { matches(pattern, model) } else { model.contains(pattern) }
}

/// Shell-like: `*` is any text, `?` one character; case matters.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    wildmatch::WildMatch::new(pattern).matches(text)
}

/// What the names of gateways' budgets begin with among caps.
pub const GATEWAY_PREFIX: &str = "gateway.";

/// One cap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cap {
    /// The name that people and overrides call it by.
    pub name: String,
    /// The most that may be spent.
    pub limit: Amount,
    /// In which span.
    pub span: Span,
    /// By whom and where.
    pub scope: Scope,
    /// At which percentages of the limit the person is told, rising.
    pub notify: Vec<u16>,
    /// What happens at the limit.
    pub action: Action,
    /// Whether it is set by the machine's administrator: nobody else can raise or remove it.
    pub managed: bool,
    /// The experiment whose budget it is, where it is one's.
    pub experiment: Option<Term>,
    /// The gateway that holds it, where it is a budget there.
    pub gateway: Option<String>,
}

/// What is told of an experiment beside its budget.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// Its last day, as it is written.
    pub ends: Option<String>,
}

impl Cap {
    /// The percentages that are told unless the cap says otherwise.
    pub const NOTIFY: [u16; 3] = [50, 80, 100];

    /// A cap that blocks, with the usual levels.
    #[must_use]
    pub fn new(name: &str, limit: Amount, span: Span) -> Cap {
        Cap {
            name: name.to_owned(),
            limit,
            span,
            scope: Scope::default(),
            notify: Cap::NOTIFY.to_vec(),
            action: Action::default(),
            managed: false,
            experiment: None,
            gateway: None,
        }
    }

    /// The cap in words: `daily cap of $20.00`, `cap of 60 steps per task (codex)`.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(experiment) = &self.experiment {
            return format!("budget of {} of the experiment {}", self.limit, experiment.name);
        }
        if let Some(gateway) = &self.gateway {
            return format!("budget of {} at the gateway {gateway}", self.limit);
        }
        let scope = if self.scope.is_everything() { String::new() } else { format!(" ({})", self.scope) };
        match self.span {
            span @ (Span::Session | Span::Task) => format!("cap of {} {}{scope}", self.limit, span.adjective()),
            span => format!("{} cap of {}{scope}", span.adjective(), self.limit),
        }
    }

    /// Whether it stops anything, rather than only telling.
    #[must_use]
    pub fn has_teeth(&self) -> bool {
        self.action != Action::Warn
    }
}
