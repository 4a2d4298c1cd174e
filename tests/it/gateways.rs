//! Gateways: what they are asked, what their answers mean, and the books in which that is kept.

mod books;
pub(crate) mod client;
mod litellm;

use aifinops::gateways::{ALL, Answer, DAY, Gateway, Per, Refusal, by_kind};
use aifinops::model::address::host;
use aifinops::model::gateway::{NotAnAddress, address};
use aifinops::model::{Millis, Money, Whose};
use serde_json::{Value, json};

/// 2026-11-22, a Sunday, in days since 1970-01-01.
const TODAY: i64 = 20_779;
/// Noon of that day, UTC.
const NOW: Millis = TODAY * DAY + DAY / 2;
/// The first of that month.
const NOVEMBER: i64 = 20_758;
/// The first of the next one.
const DECEMBER: i64 = 20_788;

/// The gateway's name for the key of Ann's laptop.
const ANN_KEY: &str = "aaaa1111bbbb2222cccc3333dddd4444aaaa1111bbbb2222cccc3333dddd4444";
/// The one for a key that no user has.
const CI_KEY: &str = "eeee5555ffff6666aaaa7777bbbb8888eeee5555ffff6666aaaa7777bbbb8888";
/// What a key itself looks like; nobody has this one.
const SECRET: &str = "sk-Nob0dyHasTh1sK3yAtAll";

fn usd(text: &str) -> Money {
    Money::parse_usd(text).unwrap()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A body in which every value that holds no others is replaced.
pub(crate) fn replaced(value: &Value, by: &dyn Fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|value| replaced(value, by)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), replaced(value, by))).collect(),
        leaf => by(leaf),
    }
}

/// Why an answer is no good one.
fn refusal(status: u16, body: &str) -> Refusal {
    Answer { status, version: None, body: body.as_bytes() }.refusal()
}

/// Whether a text holds a key, its hash, or a part of one of them.
fn tells_a_secret(text: &str) -> bool {
    [&SECRET[3..10], &SECRET[12..], &ANN_KEY[..8], &ANN_KEY[40..]].iter().any(|part| text.contains(*part))
}

#[test]
fn every_kind_is_found_by_its_name() {
    let known: Vec<&dyn Gateway> = ALL.to_vec();
    for gateway in known {
        assert_eq!(by_kind(gateway.kind()).map(Gateway::title), Some(gateway.title()));
        assert!(!gateway.proof().words().is_empty() && gateway.pace().every > 0, "{}", gateway.title());
    }
    assert!(by_kind("nobody").is_none());
}

#[test]
fn words_read_back() {
    for per in [Per::Day, Per::Week, Per::Month] {
        assert_eq!((Per::from_word(per.word()), Per::from_period(per.word())), (Some(per), Some(per)));
    }
    for (period, per) in [("1d", Some(Per::Day)), ("7d", Some(Per::Week)), ("30d", Some(Per::Month)), ("2d", None), ("", None)] {
        assert_eq!(Per::from_period(period), per, "{period}");
    }
    for whose in Whose::ALL {
        assert_eq!(Whose::from_word(whose.word()), Some(whose));
    }
    assert_eq!((Per::from_word("year"), Whose::from_word("nobody")), (None, None));
}

#[test]
fn an_address_is_encrypted_or_this_machine_and_holds_no_secret() {
    for (text, told) in [
        ("https://gateway.example.com", Ok("https://gateway.example.com")),
        ("  https://gateway.example.com/team//\n", Ok("https://gateway.example.com/team")),
        ("http://127.0.0.1:4000", Ok("http://127.0.0.1:4000")),
        ("http://localhost:4000/", Ok("http://localhost:4000")),
        ("http://[::1]:4000", Ok("http://[::1]:4000")),
        ("http://gateway.example.com", Err(NotAnAddress::Open)),
        ("http://localhost.example.com", Err(NotAnAddress::Open)),
        ("http://127.0.0.1.example.com", Err(NotAnAddress::Open)),
        ("https://ann:sk-1234@gateway.example.com", Err(NotAnAddress::Secret)),
        ("https://gateway.example.com/?key=sk-1234", Err(NotAnAddress::Secret)),
        ("https://gateway.example.com/#sk-1234", Err(NotAnAddress::Secret)),
        ("gateway.example.com", Err(NotAnAddress::Shape)),
        ("ftp://gateway.example.com", Err(NotAnAddress::Shape)),
        ("https://", Err(NotAnAddress::Shape)),
        ("https://gateway .example.com", Err(NotAnAddress::Shape)),
        ("https://gateway.example.com\\team", Err(NotAnAddress::Shape)),
        ("", Err(NotAnAddress::Shape)),
    ] {
        assert_eq!(address(text), told.map(str::to_owned), "{text}");
    }
    assert_eq!(host("https://gateway.example.com:4000/team"), "gateway.example.com");
    assert_eq!(host("http://[::1]:4000"), "::1");
}

#[test]
fn a_refusal_is_told_in_the_gateways_own_words() {
    let table = [
        (401, json!({"error": {"message": "no such key", "code": "401"}}), Refusal::Key("no such key".to_owned())),
        (403, json!({"detail": {"error": "Only admins can list users."}}), Refusal::Forbidden("Only admins can list users.".to_owned())),
        (404, json!({"detail": "Not Found"}), Refusal::Missing("Not Found".to_owned())),
        (429, json!({"error": "slow down"}), Refusal::TooMany),
        (422, json!({"message": "no"}), Refusal::Refused { status: 422, why: "no".to_owned() }),
        (400, json!([1, 2]), Refusal::Refused { status: 400, why: "no reason given".to_owned() }),
        (500, json!({"error": {"code": 5}}), Refusal::Broken { status: 500, why: "no reason given".to_owned() }),
        (418, json!({"error": "one\ntwo"}), Refusal::Refused { status: 418, why: "one".to_owned() }),
    ];
    for (status, body, told) in table {
        assert_eq!(refusal(status, &body.to_string()), told, "{body}");
    }
    assert_eq!(refusal(503, "<html>down</html>"), Refusal::Broken { status: 503, why: "no reason given".to_owned() });
    let text = refusal(400, &json!({"error": "\u{1b}[31mred \u{202e}left"}).to_string()).to_string();
    assert_eq!(text, "the gateway refuses (400): \u{fffd}[31mred \u{fffd}left", "nothing in it drives a terminal");
    let text = refusal(400, &json!({"error": "word ".repeat(100)}).to_string()).to_string();
    assert!(text.ends_with('…') && text.len() < 220, "{text}");
}

#[test]
fn only_what_may_pass_is_asked_again() {
    for (status, passes) in [(400, false), (401, false), (403, false), (404, false), (422, false), (429, true), (500, true), (503, true)] {
        assert_eq!(refusal(status, "{}").is_passing(), passes, "{status}");
    }
    assert!(!Refusal::Elsewhere("https://other.example.com".to_owned()).is_passing());
    assert!(!Refusal::Unreadable("a web page".to_owned()).is_passing());
    assert!(!Refusal::Useless("it keeps nothing").is_passing());
}

#[test]
fn no_refusal_repeats_a_key_or_its_hash() {
    for said in [
        format!("Invalid proxy server token passed. Received API Key = {SECRET}, Key Hash (Token) ={ANN_KEY}. Unable to find token"),
        format!("Budget has been exceeded! Key=ann-laptop ({SECRET}) Current cost: 2.5, Max budget: 2"),
        format!("key={SECRET}"),
        format!("`{ANN_KEY}` is not known"),
        format!("'{SECRET}', \"{ANN_KEY}\"."),
    ] {
        for body in
            [json!({"error": {"message": said}}), json!({"error": said}), json!({"detail": {"error": said}}), json!({"message": said})]
        {
            for status in [400, 401, 403, 404, 422, 500] {
                let text = refusal(status, &body.to_string()).to_string();
                assert!(!tells_a_secret(&text), "{text}");
            }
        }
    }
}

#[test]
fn no_refusal_repeats_a_key_whatever_stands_beside_it() {
    let mut told = Vec::new();
    for said in [
        format!("token:{SECRET}"),
        format!("{{\"key\":\"{SECRET}\",\"user\":\"ann\"}}"),
        format!("key={SECRET},user=ann"),
        format!("GET /key/info?key={ANN_KEY}&page=1 is not allowed"),
        format!("Bearer\t{SECRET}"),
        format!("{ANN_KEY};{ANN_KEY}"),
        format!("keys/{ANN_KEY}/reset_spend"),
    ] {
        let text = refusal(401, &json!({"error": said}).to_string()).to_string();
        if tells_a_secret(&text) {
            told.push(text);
        }
    }
    assert_eq!(told, Vec::<String>::new());
}
