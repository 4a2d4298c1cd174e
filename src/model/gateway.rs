//! What a gateway says: a proxy of a team, or a provider's own books, that counted what passed through it.
//!
//! Every gateway's answers become these facts, whatever its own words are. Money is nano-dollars, days are UTC days unless
//! the gateway says otherwise, times are UTC milliseconds.

use super::address::{host, is_loopback};
use super::money::{Money, Rate};
use super::time::Millis;
use super::tokens::Tokens;

/// The period of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
}

impl Per {
    /// The word that people type.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Per::Day => "day",
            Per::Week => "week",
            Per::Month => "month",
        }
    }

    /// Back from [`Per::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Per> {
        [Per::Day, Per::Week, Per::Month].into_iter().find(|per| per.word() == word)
    }

    /// From a period in a gateway's words.
    #[must_use]
    pub fn from_period(period: &str) -> Option<Per> {
        match period {
            "1d" | "24h" | "daily" | "day" => Some(Per::Day),
            "7d" | "1w" | "weekly" | "week" => Some(Per::Week),
            "30d" | "1mo" | "monthly" | "month" => Some(Per::Month),
            _ => None,
        }
    }
}

/// What something is counted or limited by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// A developer.
    User,
    /// A team, a workspace or a project.
    Team,
    /// A key.
    Key,
    /// A user within a team.
    Member,
    /// A model.
    Model,
    /// A tag of requests; one request may have many.
    Tag,
    /// A customer: the `user` of a request.
    Customer,
    /// The whole organization.
    Organization,
}

impl Whose {
    /// All of them.
    pub const ALL: [Whose; 8] =
        [Whose::User, Whose::Team, Whose::Key, Whose::Member, Whose::Model, Whose::Tag, Whose::Customer, Whose::Organization];

    /// The word on the screen, in the store and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Whose::User => "user",
            Whose::Team => "team",
            Whose::Key => "key",
            Whose::Member => "member",
            Whose::Model => "model",
            Whose::Tag => "tag",
            Whose::Customer => "customer",
            Whose::Organization => "organization",
        }
    }

    /// Back from [`Whose::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Whose> {
        Whose::ALL.into_iter().find(|whose| whose.word() == word)
    }
}

/// Whom a key belongs to, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Me {
    /// The user, where the key has one.
    pub user: Option<String>,
    /// The user's name for people.
    pub name: Option<String>,
    /// The key as the gateway calls it: a hash, never the key.
    pub key: Option<String>,
    /// The key's name for people.
    pub alias: Option<String>,
    /// The teams of the user.
    pub teams: Vec<String>,
    /// The role in the gateway's own word.
    pub role: String,
    /// Whether it sees everybody.
    pub sees_all: bool,
    /// Whether it may change budgets.
    pub may_write: bool,
    /// Whether it may ask models, and so spend.
    pub may_spend: bool,
}

/// What one day, user, key and model amount to. Absent names are those that the gateway does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaySpend {
    /// The day, in days since 1970-01-01.
    pub day: i64,
    /// The user.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The key, as the gateway calls it.
    pub key: Option<String>,
    /// The model, as the gateway calls it.
    pub model: Option<String>,
    /// What it says was spent; nothing where it keeps no money.
    pub spend: Option<Money>,
    /// Calls, failed ones included.
    pub requests: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Tokens.
    pub tokens: Tokens,
}

/// What one day and one tag amount to. Tags overlap: their sum means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagSpend {
    /// The day, in days since 1970-01-01.
    pub day: i64,
    /// The tag.
    pub tag: String,
    /// What was spent.
    pub spend: Money,
    /// Calls, failed ones included.
    pub requests: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Tokens of all kinds.
    pub tokens: u64,
}

/// A name for people, and where the named belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Of what kind.
    pub whose: Whose,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// Its user.
    pub user: Option<String>,
}

/// A budget that the gateway holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayBudget {
    /// Of what kind its holder is.
    pub whose: Whose,
    /// The holder's id.
    pub id: String,
    /// The team of a member.
    pub team: Option<String>,
    /// The most that may be spent in a period; nothing where only the spend is known.
    pub limit: Option<Money>,
    /// What the gateway has counted in the running period.
    pub spent: Option<Money>,
    /// The period in the gateway's own word, such as `1d`.
    pub period: Option<String>,
    /// When the running period began, where it can be known.
    pub since: Option<Millis>,
    /// When it begins anew.
    pub resets_at: Option<Millis>,
    /// Whether the holder is blocked altogether.
    pub blocked: bool,
}

/// The prices that a gateway has used for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayRates {
    /// For prompt tokens outside any cache.
    pub input: Option<Rate>,
    /// For what the model wrote.
    pub output: Option<Rate>,
    /// For what came from the cache.
    pub cache_read: Option<Rate>,
    /// For what was written to it.
    pub cache_write: Option<Rate>,
}

/// One call as the gateway wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GatewayCall {
    /// The gateway's id of its row.
    pub id: String,
    /// The provider's id of the answer, where the row has it in another place than its own id.
    pub answer: Option<String>,
    /// The gateway's id of the request, which stays the same when a row is written twice.
    pub request: Option<String>,
    /// When it began.
    pub at: Millis,
    /// When it ended.
    pub ended: Millis,
    /// The user.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The key, as the gateway calls it.
    pub key: Option<String>,
    /// The model that was paid for.
    pub model: Option<String>,
    /// The agent's own id of the session, where the request has told it.
    pub session: Option<String>,
    /// The program that asked, as it calls itself.
    pub client: Option<String>,
    /// Its tokens.
    pub tokens: Tokens,
    /// What the gateway says it cost.
    pub spend: Money,
    /// The prices that it used.
    pub rates: GatewayRates,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it was refused for want of a budget.
    pub over_budget: bool,
}

/// What an answer of a gateway says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayFact {
    /// The gateway's version.
    Version(String),
    /// Whose key it is.
    Me(Me),
    /// Everything of these days, both included: what was known of them is replaced.
    Days {
        /// The first day.
        from: i64,
        /// The last day.
        to: i64,
        /// The rows.
        rows: Vec<DaySpend>,
    },
    /// Everything by tag of these days: what was known of them is replaced.
    Tags {
        /// The first day.
        from: i64,
        /// The last day.
        to: i64,
        /// The rows.
        rows: Vec<TagSpend>,
    },
    /// Names.
    Names(Vec<Named>),
    /// Budgets and what was spent of them; all that are not named in one sync are gone.
    Budgets(Vec<GatewayBudget>),
    /// Calls, by their id.
    Calls(Vec<GatewayCall>),
    /// All calls that began in this window have been told.
    AllCalls {
        /// From when on.
        from: Millis,
        /// Up to when.
        to: Millis,
    },
    /// Something that this key, or this release of the gateway, does not tell.
    Cannot(&'static str),
    /// Something to remember for the next time, such as how far was read.
    Remember(&'static str, String),
}

/// Where a gateway's key comes from. Never the command line, never the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A variable of the environment, by its name.
    Env(String),
    /// The first line that a command prints.
    Command(String),
    /// The first line of a file that nobody else may read.
    File(std::path::PathBuf),
    /// The keyring of the system.
    Keyring,
}

impl KeySource {
    /// In words, without anything secret.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            KeySource::Env(name) => format!("the variable {name}"),
            KeySource::Command(_) => "token_command".to_owned(),
            KeySource::File(path) => format!("the file {}", path.display()),
            KeySource::Keyring => "the keyring".to_owned(),
        }
    }
}

/// Whether a text can be the name of a variable and not a key: capital letters, digits and `_`.
#[must_use]
pub fn is_variable(text: &str) -> bool {
    const LONGEST: usize = 64;
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// A gateway as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySetup {
    /// Its name here.
    pub name: String,
    /// Its address, without a slash at the end.
    pub url: String,
    /// What it is: the name of one of the kinds.
    pub kind: String,
    /// Where its key comes from.
    pub key: KeySource,
    /// Whose spend is the own one, where the key does not tell.
    pub user: Option<String>,
    /// The time between two rounds of questions, where it is not the gateway's usual one.
    pub every: Option<Millis>,
}

/// Why a text is no address of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// No address at all.
    #[error("is no address; write it like https://gateway.example.com")]
    Shape,
    /// A key in the address would be in the configuration in clear.
    #[error("has a user name, a password or a query in it; the key comes from elsewhere, the address is only the address")]
    Secret,
    /// Unencrypted, and not to this machine.
    #[error("is http:// and not to this machine; the key would travel in clear, only https:// is taken")]
    Open,
}

/// An address as settings keep it: `https`, or `http` to this very machine; no slash at its end.
pub fn address(text: &str) -> Result<String, NotAnAddress> {
    let text = text.trim().trim_end_matches('/');
    let lower = text.to_ascii_lowercase();
    let (secure, rest) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(NotAnAddress::Shape),
    };
    if text.chars().any(|c| c.is_whitespace() || super::text::is_hostile(c) || c == '\\') {
        return Err(NotAnAddress::Shape);
    }
    if rest.contains(['@', '?', '#']) {
        return Err(NotAnAddress::Secret);
    }
    let host = host(text);
    if host.is_empty() {
        return Err(NotAnAddress::Shape);
    }
    if !secure && !is_loopback(host) {
        return Err(NotAnAddress::Open);
    }
    Ok(text.to_owned())
}
