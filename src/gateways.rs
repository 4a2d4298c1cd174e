//! Gateways: proxies of a team and books of providers that counted what was spent. One file each.
//!
//! **Why so.** A gateway here does no I/O: it says what to ask ([`Gateway::begin`]) and what an answer means
//! ([`Gateway::read`]), which may lead to more questions. So every trap of an API can be tested with recorded bytes, and how
//! requests travel (time limits, redirects, retries, keys) is decided in one place, the engine, for all of them.
//!
//! A new gateway is one file here and one line in [`ALL`].

use std::collections::BTreeMap;

pub use crate::model::gateway::Per;
use crate::model::{GatewayFact, Me, Millis, Money, Whose};

mod answer;
pub mod anthropic_admin;
pub mod claude_apps;
pub mod cursor_admin;
pub mod langfuse;
pub mod litellm;
pub mod openai_admin;
pub mod openrouter;
mod sheet;

pub use answer::{Answer, Refusal, is_release};

/// The gateways that are known. A provider's own address finds its gateway first.
pub const ALL: &[&dyn Gateway] = &[
    &litellm::LiteLlm,
    &claude_apps::ClaudeApps,
    &openrouter::OpenRouter,
    &anthropic_admin::AnthropicAdmin,
    &openai_admin::OpenAiAdmin,
    &cursor_admin::CursorAdmin,
    &langfuse::Langfuse,
];

/// The gateway of a kind's name.
#[must_use]
pub fn by_kind(kind: &str) -> Option<&'static dyn Gateway> {
    ALL.iter().copied().find(|gateway| gateway.kind() == kind)
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks with a body, or changes something.
    Post,
    /// Changes a part.
    Patch,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
        }
    }
}

/// A request, without the key: that is added where it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Path and query, behind the gateway's address.
    pub path: String,
    /// Headers besides the key's.
    pub headers: Vec<(&'static str, &'static str)>,
    /// A JSON body.
    pub body: Option<String>,
}

impl Request {
    /// A question.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Request {
        Request { method: Method::Get, path: path.into(), headers: Vec::new(), body: None }
    }

    /// A question or an order with a body.
    #[must_use]
    pub fn post(path: impl Into<String>, body: &serde_json::Value) -> Request {
        Request { method: Method::Post, path: path.into(), headers: Vec::new(), body: Some(body.to_string()) }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Request {
        self.headers.push((name, value));
        self
    }
}

/// A request and what is asked with it, in the gateway's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is asked: [`Gateway::read`] knows what to do by this.
    pub what: &'static str,
    /// Where in a list of pages it is, and whatever else the answer has to be read by.
    pub at: String,
    /// The request.
    pub request: Request,
}

impl Ask {
    /// A question that needs nothing to be read by.
    #[must_use]
    pub fn new(what: &'static str, request: Request) -> Ask {
        Ask { what, at: String::new(), request }
    }

    /// One that does.
    #[must_use]
    pub fn at(what: &'static str, at: impl Into<String>, request: Request) -> Ask {
        Ask { what, at: at.into(), request }
    }
}

/// How the key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer KEY`
    Bearer,
    /// A header of this name.
    Header(&'static str),
    /// HTTP Basic: `USER:PASSWORD` is the key; without a colon the password is empty.
    Basic,
}

/// How a gateway's file has been proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Against the real server.
    Real,
    /// Against answers that the vendor's own packages and documentation specify.
    Specified,
}

impl Proof {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Proof::Real => "proven against the real server",
            Proof::Specified => "built from the vendor's specification, not tried against the real server",
        }
    }
}

/// How often a gateway wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The usual time between two rounds.
    pub every: Millis,
    /// The least time between two requests of one round.
    pub between: Millis,
}

/// What a round of questions is to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Now.
    pub now: Millis,
    /// The first day whose sums are wanted, in days since 1970-01-01.
    pub from_day: i64,
    /// From when on calls are wanted one by one; nothing where they are not wanted.
    pub calls_from: Option<Millis>,
    /// Whether the calls of that time are read once more, so that rows that are gone are missed.
    pub whole: bool,
    /// What the gateway has remembered.
    pub memory: BTreeMap<String, String>,
    /// Whose key it is, from the last round; nothing in the first one.
    pub me: Option<Me>,
}

impl Plan {
    /// Today, in days since 1970-01-01.
    #[must_use]
    pub const fn today(&self) -> i64 {
        self.now.div_euclid(DAY)
    }
}

/// A day in milliseconds.
pub use crate::model::time::DAY;

/// What an answer has told, and what to ask next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// Facts.
    pub facts: Vec<GatewayFact>,
    /// More questions.
    pub asks: Vec<Ask>,
}

impl News {
    /// Facts and nothing more to ask.
    #[must_use]
    pub fn facts(facts: Vec<GatewayFact>) -> News {
        News { facts, asks: Vec::new() }
    }

    /// Something that cannot be had.
    #[must_use]
    pub fn cannot(what: &'static str) -> News {
        News::facts(vec![GatewayFact::Cannot(what)])
    }
}

/// A change of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetWish {
    /// Of what kind the holder is.
    pub whose: Whose,
    /// Its id.
    pub id: String,
    /// The team of a member.
    pub team: Option<String>,
    /// The most that may be spent; nothing takes the budget away.
    pub limit: Option<Money>,
    /// Per what: `day`, `week` or `month`.
    pub per: Per,
    /// Whether what has been counted already is set back to nothing.
    pub reset: bool,
}

/// A gateway. It never does I/O and never sees a key.
pub trait Gateway: Sync {
    /// Its name in settings: `litellm`.
    fn kind(&self) -> &'static str;

    /// Its name for people: `LiteLLM`.
    fn title(&self) -> &'static str;

    /// How it has been proven.
    fn proof(&self) -> Proof;

    /// How the key travels.
    fn auth(&self) -> Auth;

    /// How often it wants to be asked.
    fn pace(&self) -> Pace;

    /// Whether an address, such as `api.anthropic.com`, is its own; nobody else's key goes there.
    fn is_home(&self, host: &str) -> bool;

    /// A question that shows whether an unknown address is such a gateway, asked *without* the key.
    fn knock(&self) -> Option<Request>;

    /// Whether the answer to [`Gateway::knock`] is this gateway's.
    fn is_it(&self, answer: &Answer<'_>) -> bool;

    /// The first questions of a round.
    fn begin(&self, plan: &Plan) -> Vec<Ask>;

    /// What an answer means. A refusal ends the round; what one key must not see is no refusal but [`GatewayFact::Cannot`].
    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal>;

    /// What this key can do here, and which key with fewer rights would do, in sentences.
    fn advice(&self, me: &Me) -> Vec<String>;

    /// The request that looks whether a budget's holder exists, in the words of [`Gateway::found`]; nothing where budgets
    /// cannot be set from here.
    fn find(&self, wish: &BudgetWish) -> Option<Request> {
        let _ = wish;
        None
    }

    /// Whether the answer to [`Gateway::find`] knows the holder, and what has been counted of it.
    fn found(&self, wish: &BudgetWish, answer: &Answer<'_>) -> Result<Option<Holder>, Refusal> {
        let _ = (wish, answer);
        Ok(None)
    }

    /// The request for more of what was looked for in vain, where the answer is a page of several.
    fn find_more(&self, wish: &BudgetWish, asked: &Request, answer: &Answer<'_>) -> Option<Request> {
        let _ = (wish, asked, answer);
        None
    }

    /// An amount as it can be kept there: never more than was meant.
    fn kept(&self, amount: Money) -> Money {
        amount
    }

    /// The requests that set a budget, in their order.
    fn set_budget(&self, wish: &BudgetWish, holder: &Holder) -> Vec<Request> {
        let _ = (wish, holder);
        Vec::new()
    }
}

/// The holder of a budget as the gateway has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// The id that requests name it by.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The budget in force.
    pub limit: Option<Money>,
    /// Its period in the gateway's word.
    pub period: Option<String>,
    /// What has been counted in it.
    pub spent: Option<Money>,
    /// What a person should know about budgets of this holder.
    pub notes: Vec<String>,
}
