//! Whatever comes back: a refusal or what can be read of it, never a panic, and nothing secret in what is said about it.

use std::collections::BTreeSet;
use std::time::Duration;

use aifinops::gateways::{Ask, News, Refusal};
use aifinops::model::GatewayFact;
use aifinops::query::team;
use aifinops::store::Books;
use serde_json::{Value, json};

use super::{Told, all_calls, day_rows, developer, master, no, ok, old, place, plan, read, round, tag_rows, told_budgets, viewer};
use crate::gateways::{ANN_KEY, NOW, SECRET, replaced, tells_a_secret};

/// All questions of all rounds, each with its good answer.
fn cases() -> Vec<(Ask, Told)> {
    let servers: [fn(&Ask) -> Told; 4] = [developer, master, viewer, old];
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    for server in servers {
        for ask in round(&plan(), server).unwrap().asks {
            let told = server(&ask);
            if told.status == 200 && seen.insert((ask.what, told.body.clone())) {
                cases.push((ask, told));
            }
        }
    }
    assert!(cases.len() > 15);
    cases
}

/// Whether nothing was learned.
fn is_empty(news: &News) -> bool {
    let facts = &news.facts;
    let no_rows = day_rows(facts).is_empty() && tag_rows(facts).is_empty() && all_calls(facts).is_empty();
    no_rows && told_budgets(facts).is_empty() && !facts.iter().any(|fact| matches!(fact, GatewayFact::Me(_)))
}

fn value(told: &Told) -> Value {
    serde_json::from_str(&told.body).unwrap()
}

#[test]
fn nonsense_is_refused_or_says_nothing() {
    for (ask, _) in cases() {
        for body in [
            "",
            " ",
            "<html><body>Sign in</body></html>",
            "null",
            "5",
            "true",
            "\"text\"",
            "[]",
            "[5]",
            "[[[[",
            "{}",
            "{\"data\": 5}",
            "{\"results\": null, \"keys\": null, \"users\": null, \"data\": null}",
            "{\"key\": null, \"info\": null}",
            "{\"results\": [{}]}",
            "\u{feff}{}",
            "{}{}",
        ] {
            let result = read(&ask, &ok(body), &plan());
            let is_fine = matches!(&result, Err(Refusal::Unreadable(_))) || result.as_ref().is_ok_and(is_empty);
            assert!(is_fine, "{} answered with {body}: {result:?}", ask.what);
        }
    }
}

#[test]
fn an_answer_that_breaks_off_is_refused() {
    for (ask, told) in cases() {
        let body = told.body.trim_end().as_bytes();
        for end in (0..body.len()).step_by(3) {
            let cut = String::from_utf8_lossy(&body[..end]).into_owned();
            match read(&ask, &ok(cut), &plan()) {
                Err(Refusal::Unreadable(_)) => {}
                Ok(news) => assert_eq!((place(&ask), news), ("/public/model_hub/info", News::default()), "after {end} bytes"),
                Err(other) => panic!("{} after {end} bytes: {other:?}", ask.what),
            }
        }
    }
}

#[test]
fn values_of_other_kinds_are_borne() {
    for (ask, told) in cases() {
        for other in [
            Value::Null,
            json!({"a": [1, {"b": null}]}),
            json!([]),
            json!(true),
            json!(-1),
            json!(0.5),
            json!(""),
            json!("NaN"),
            json!("99999999999999999999999999999999999999999"),
            json!("9999-12-31T23:59:59Z"),
            json!("0000-01-01T00:00:00Z"),
            json!("é\u{0}\u{1b}]0;x\u{7}\u{202e}"),
        ] {
            let result = read(&ask, &ok(replaced(&value(&told), &|_| other.clone()).to_string()), &plan());
            assert!(matches!(&result, Ok(_) | Err(Refusal::Unreadable(_))), "{} with {other}: {result:?}", ask.what);
        }
    }
}

#[test]
fn numbers_at_the_end_of_what_can_be_counted_are_borne_and_kept() {
    for number in [
        "-1",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999999999999999999999999999",
        "9223372036.854775807",
        "-9223372036.854775808",
        "1e308",
        "-1e308",
        "1e-308",
        "0.000000000000000000000000000000000000000000001",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut books, _) = Books::open(dir.path(), Duration::from_secs(5)).unwrap();
        let round = books.begin_round("team", "https://gateway.example.com", "litellm", None, NOW).unwrap();
        for (ask, told) in cases() {
            let marked = replaced(&value(&told), &|leaf| if leaf.is_number() { json!("@") } else { leaf.clone() });
            let body = marked.to_string().replace("\"@\"", number);
            match read(&ask, &ok(body), &plan()) {
                Ok(news) => books.take("team", round, &news.facts, true).unwrap(),
                Err(why) => assert!(matches!(why, Refusal::Unreadable(_)), "{} with {number}: {why:?}", ask.what),
            }
        }
        for by in team::BY {
            // A sum that nobody can hold is an error at most.
            let _ = team::team(&books, "team", by, NOW);
        }
    }
}

#[test]
fn what_is_nested_without_end_is_borne() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = format!("{{\"error\": {deep}}}");
    for (ask, told) in cases() {
        for body in [deep.clone(), "[".repeat(100_000), "{\"data\":".repeat(100_000), format!("{{\"x\": {deep}}}")] {
            let result = read(&ask, &ok(body), &plan());
            assert!(matches!(&result, Ok(_) | Err(Refusal::Unreadable(_))), "{}: {result:?}", ask.what);
        }
        let spend = replaced(&value(&told), &|leaf| if leaf.is_number() { json!("@") } else { leaf.clone() });
        let _ = read(&ask, &ok(spend.to_string().replacen("\"@\"", &deep, 1)), &plan());
        assert!(read(&ask, &no(400, error.as_str()), &plan()).is_err() || place(&ask) == "/public/model_hub/info");
    }
}

#[test]
fn every_status_is_told_apart() {
    for (ask, _) in cases() {
        let is_open = place(&ask) == "/public/model_hub/info";
        for body in ["", "<html>no</html>", "{\"error\": {\"message\": \"no\"}}", "{\"detail\": 5}", "{}"] {
            for status in [100, 204, 301, 304, 400, 401, 402, 409, 418, 422, 429, 500, 502, 503, 504, 599] {
                let result = read(&ask, &no(status, body), &plan());
                let is_fine = match (status, &result) {
                    _ if is_open => result.is_ok(),
                    // A page that is too long for an older release is asked for in shorter ones.
                    (422, Ok(news)) => place(&ask) == "/spend/logs/v2" && news.facts.is_empty(),
                    (204, result) => matches!(result, Ok(_) | Err(Refusal::Unreadable(_))),
                    (401, Err(why)) => matches!(why, Refusal::Key(_)),
                    (429, Err(why)) => *why == Refusal::TooMany,
                    (500.., Err(why)) => matches!(why, Refusal::Broken { .. }),
                    (_, Err(why)) => matches!(why, Refusal::Refused { .. }),
                    (_, Ok(_)) => false,
                };
                assert!(is_fine, "{} answered with {status} {body}: {result:?}", ask.what);
            }
        }
    }
}

#[test]
fn what_is_said_of_an_unreadable_answer_repeats_no_key_and_no_hash() {
    let mut leaks = BTreeSet::new();
    for (ask, told) in cases() {
        let secrets = [json!(SECRET), json!(ANN_KEY)];
        let mut bodies: Vec<Value> = secrets.iter().map(|secret| replaced(&value(&told), &|_| secret.clone())).collect();
        bodies.extend(secrets.clone());
        for secret in secrets {
            // A release that tells the names of keys only.
            bodies.push(json!({"keys": [secret], "total_pages": 1}));
            bodies.push(json!({"key": secret, "info": secret}));
            bodies.push(json!({"results": secret, "users": secret, "data": [secret], "user_info": secret, "team_info": secret}));
            bodies.push(json!([secret]));
        }
        for body in bodies {
            if let Err(why) = read(&ask, &ok(body.to_string()), &plan())
                && tells_a_secret(&why.to_string())
            {
                leaks.insert(format!("{}: {why}", ask.what));
            }
        }
    }
    assert_eq!(leaks, BTreeSet::new());
}
