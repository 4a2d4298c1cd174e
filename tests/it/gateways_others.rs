//! Gateways besides `LiteLLM`: what they are asked, and what answers of the forms that their vendors specify mean.
//!
//! Each gateway is led through whole rounds by hand. All answers were written for these tests.

mod anthropic_admin;
mod claude_apps;
mod cursor_admin;
mod langfuse;
mod openai_admin;
mod openrouter;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aifinops::gateways::{Answer, Ask, BudgetWish, DAY, Gateway, Method, News, Per, Plan, Refusal, Request};
use aifinops::model::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, Me, Millis, Money, Named, Tokens, Whose};
use serde_json::{Value, json};

use crate::gateways::replaced;

/// 2026-11-22, a Sunday.
const TODAY: i64 = 20_779;
/// Noon of that day, UTC.
const NOW: Millis = TODAY * DAY + DAY / 2;
/// The Monday before.
const MONDAY: i64 = 20_773;
/// The first of the month.
const NOVEMBER: i64 = 20_758;
/// The first of the next one.
const DECEMBER: i64 = 20_788;

/// What a server answers: status and body.
type Told = (u16, Value);

fn plan(from_day: i64) -> Plan {
    Plan { now: NOW, from_day, calls_from: None, whole: false, memory: BTreeMap::new(), me: None }
}

#[expect(clippy::unnecessary_wraps, reason = "money as facts have it")]
fn usd(nanos: i64) -> Option<Money> {
    Some(Money::from_nanos(nanos))
}

#[expect(clippy::unnecessary_wraps, reason = "a name as facts have it")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn ok(body: Value) -> Told {
    (200, body)
}

/// An answer of a server that says no.
fn no(status: u16) -> Told {
    (status, json!({"error": {"type": "error", "message": "no"}}))
}

fn read(gateway: &dyn Gateway, ask: &Ask, told: &Told, plan: &Plan) -> Result<News, Refusal> {
    let body = told.1.to_string();
    gateway.read(ask, &Answer { status: told.0, version: None, body: body.as_bytes() }, plan)
}

/// A whole round.
#[derive(Debug, Default)]
struct Round {
    facts: Vec<GatewayFact>,
    asks: Vec<Ask>,
}

/// Asks until nothing is left to ask.
fn round(gateway: &dyn Gateway, plan: &Plan, server: impl Fn(&Ask) -> Told) -> Result<Round, Refusal> {
    let mut round = Round::default();
    let mut next: VecDeque<Ask> = gateway.begin(plan).into();
    while let Some(ask) = next.pop_front() {
        assert!(round.asks.len() < 500, "it never ends: {ask:?}");
        let news = read(gateway, &ask, &server(&ask), plan)?;
        round.asks.push(ask);
        round.facts.extend(news.facts);
        next.extend(news.asks);
    }
    Ok(round)
}

impl Round {
    /// The paths that were asked, in their order.
    fn paths(&self) -> Vec<&str> {
        self.asks.iter().map(|ask| ask.request.path.as_str()).collect()
    }

    /// All rows; no day may be told twice.
    fn rows(&self) -> Vec<DaySpend> {
        let mut told = BTreeSet::new();
        let mut all = Vec::new();
        for fact in &self.facts {
            let GatewayFact::Days { from, to, rows } = fact else { continue };
            for day in *from..=*to {
                assert!(told.insert(day), "day {day} is told twice");
            }
            assert!(rows.iter().all(|row| (*from..=*to).contains(&row.day)), "a row lies outside its days: {rows:?}");
            all.extend(rows.iter().cloned());
        }
        all
    }

    /// The spans of days that were told.
    fn spans(&self) -> Vec<(i64, i64)> {
        let span = |fact: &GatewayFact| if let GatewayFact::Days { from, to, .. } = fact { Some((*from, *to)) } else { None };
        self.facts.iter().filter_map(span).collect()
    }

    fn spend(&self) -> i64 {
        self.rows().iter().filter_map(|row| row.spend).map(Money::nanos).sum()
    }

    fn tokens(&self) -> Tokens {
        self.rows().iter().fold(Tokens::default(), |sum, row| sum + row.tokens)
    }

    fn requests(&self) -> u64 {
        self.rows().iter().map(|row| row.requests).sum()
    }

    fn budgets(&self) -> Vec<GatewayBudget> {
        let of = |fact: &GatewayFact| if let GatewayFact::Budgets(budgets) = fact { budgets.clone() } else { Vec::new() };
        self.facts.iter().flat_map(of).collect()
    }

    fn names(&self) -> Vec<Named> {
        let of = |fact: &GatewayFact| if let GatewayFact::Names(names) = fact { names.clone() } else { Vec::new() };
        self.facts.iter().flat_map(of).collect()
    }

    /// The name of somebody or something.
    fn name(&self, whose: Whose, id: &str) -> Option<String> {
        self.names().into_iter().find(|named| named.whose == whose && named.id == id)?.name
    }

    fn calls(&self) -> Vec<GatewayCall> {
        let of = |fact: &GatewayFact| if let GatewayFact::Calls(calls) = fact { calls.clone() } else { Vec::new() };
        self.facts.iter().flat_map(of).collect()
    }

    fn all_calls(&self) -> Vec<(Millis, Millis)> {
        let of = |fact: &GatewayFact| if let GatewayFact::AllCalls { from, to } = fact { Some((*from, *to)) } else { None };
        self.facts.iter().filter_map(of).collect()
    }

    fn cannot(&self) -> Vec<&str> {
        let of = |fact: &GatewayFact| if let GatewayFact::Cannot(what) = fact { Some(*what) } else { None };
        self.facts.iter().filter_map(of).collect()
    }

    fn me(&self) -> Option<Me> {
        self.facts.iter().find_map(|fact| if let GatewayFact::Me(me) = fact { Some(me.clone()) } else { None })
    }
}

/// What every gateway has to bear: each of its questions answered with nonsense, refusals, and its own good answers in which
/// every value has become another one.
fn bears_everything(gateway: &dyn Gateway, plan: &Plan, server: impl Fn(&Ask) -> Told) {
    let asks = round(gateway, plan, &server).unwrap().asks;
    assert!(!asks.is_empty());
    for ask in &asks {
        for body in ["", "<html>503</html>", "5", "null", "\"text\"", "[5]", "{\"data\": 5}", "{\"data\": [[[[", "{}"] {
            let answer = Answer { status: 200, version: None, body: body.as_bytes() };
            let result = gateway.read(ask, &answer, plan);
            let is_fine = matches!(&result, Err(Refusal::Unreadable(_))) || result.as_ref().is_ok_and(|news| rows(news).is_empty());
            assert!(is_fine, "{} answered with {body}: {result:?}", ask.what);
        }
        for status in [400, 401, 403, 404, 405, 418, 429, 500, 502] {
            match (status, read(gateway, ask, &no(status), plan)) {
                (401, Err(why)) => assert!(matches!(why, Refusal::Key(_)), "{why:?}"),
                (429, Err(why)) => assert_eq!(why, Refusal::TooMany),
                (500.., Err(why)) => assert!(why.is_passing(), "{why:?}"),
                _ => {}
            }
        }
        let (_, good) = server(ask);
        for other in
            [Value::Null, json!({"a": [1, {"b": null}]}), json!([]), json!("99999999999999999999999999999999999999999"), json!(true)]
        {
            let result = read(gateway, ask, &ok(replaced(&good, &|_| other.clone())), plan);
            assert!(matches!(&result, Ok(_) | Err(Refusal::Unreadable(_))), "{} with {other}: {result:?}", ask.what);
        }
        // Numbers at the end of what can be counted, one after the other in the same row.
        for huge in [json!(i64::MAX), json!(u64::MAX), json!(-1), json!(9_000_000_000_u64), json!("9000000000.0000000004")] {
            let huge_numbers = |value: &Value| if value.is_number() { huge.clone() } else { value.clone() };
            let _ = read(gateway, ask, &ok(replaced(&good, &huge_numbers)), plan);
        }
    }
}

fn rows(news: &News) -> Vec<DaySpend> {
    let of = |fact: &GatewayFact| if let GatewayFact::Days { rows, .. } = fact { rows.clone() } else { Vec::new() };
    news.facts.iter().flat_map(of).collect()
}

fn wish(whose: Whose, id: &str, limit: Option<Money>, per: Per) -> BudgetWish {
    BudgetWish { whose, id: id.to_owned(), team: None, limit, per, reset: false }
}

/// The one request of a list, with its body.
fn only(mut requests: Vec<Request>) -> (Method, String, Value) {
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = requests.remove(0);
    let body = request.body.as_deref().map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
    (request.method, request.path, body)
}

#[test]
fn a_home_is_an_address_and_what_lies_below_it() {
    use aifinops::gateways::{anthropic_admin::AnthropicAdmin, claude_apps::ClaudeApps, cursor_admin::CursorAdmin};
    use aifinops::gateways::{langfuse::Langfuse, openai_admin::OpenAiAdmin, openrouter::OpenRouter};
    let table: [(&dyn Gateway, &[&str], &[&str]); 6] = [
        (&ClaudeApps, &[], &["api.anthropic.com", "localhost", ""]),
        (&OpenRouter, &["openrouter.ai", "eu.openrouter.ai"], &["evil-openrouter.ai", "openrouter.ai.evil.com", "openrouter.aix", "ai"]),
        (&AnthropicAdmin, &["api.anthropic.com"], &["anthropic.com", "api-anthropic.com", "xapi.anthropic.com"]),
        (&OpenAiAdmin, &["api.openai.com"], &["openai.com", "myapi.openai.com", "api.openai.com.evil.com"]),
        (&CursorAdmin, &["api.cursor.com"], &["cursor.com", "fakeapi.cursor.com"]),
        (
            &Langfuse,
            &["cloud.langfuse.com", "us.cloud.langfuse.com", "jp.cloud.langfuse.com"],
            &["notlangfuse.com", "langfuse.com.evil.com"],
        ),
    ];
    for (gateway, homes, others) in table {
        for home in homes {
            assert!(gateway.is_home(home), "{home} is {}", gateway.title());
        }
        for other in others {
            assert!(!gateway.is_home(other), "{other} is not {}", gateway.title());
        }
    }
}

#[test]
fn advice_is_in_whole_sentences_and_names_no_other_program() {
    use aifinops::gateways::{anthropic_admin::AnthropicAdmin, claude_apps::ClaudeApps, cursor_admin::CursorAdmin};
    use aifinops::gateways::{langfuse::Langfuse, openai_admin::OpenAiAdmin, openrouter::OpenRouter};
    let all: [&dyn Gateway; 6] = [&ClaudeApps, &OpenRouter, &AnthropicAdmin, &OpenAiAdmin, &CursorAdmin, &Langfuse];
    for gateway in all {
        for sees_all in [false, true] {
            let advice = gateway.advice(&Me { sees_all, ..Me::default() });
            assert!(advice.len() > 1, "{}", gateway.title());
            for sentence in advice {
                assert!(sentence.contains(' ') && !sentence.ends_with('.') && !sentence.contains("LiteLLM"), "{sentence}");
            }
        }
    }
}
