//! Answers of all seven.

use super::{harmless, parts};
use aifinops::gateways::{ALL, Answer, Ask, BudgetWish, DAY, Gateway, Per, Plan, Refusal, Request};
use aifinops::model::{GatewayFact, Me, Money, Whose};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const TODAY: i64 = 20_779;
const NOW: i64 = TODAY * DAY + DAY / 2;
const MOST: usize = 80;
const STATUS: [u16; 16] = [200, 400, 401, 402, 403, 404, 405, 409, 422, 429, 500, 501, 503, 204, 301, 418];

/// A body; behind 0xfe stands which status it has.
fn answer(part: &[u8]) -> Answer<'_> {
    match part {
        [body @ .., 0xfe, status] => Answer { status: STATUS[usize::from(*status) % 16], version: Some("1.2.3"), body },
        body => Answer { status: 200, version: None, body },
    }
}

fn plan(how: u8) -> Plan {
    let back = [3, 40, 400, 0][usize::from(how & 3)];
    Plan {
        now: NOW,
        from_day: TODAY - back,
        calls_from: (how & 4 != 0).then_some(NOW - 3_600_000),
        whole: how & 8 != 0,
        memory: BTreeMap::new(),
        me: (how & 16 != 0).then(Me::default),
    }
}

/// A question goes to the gateway and nowhere else, by a path that is one.
fn sound(request: &Request) {
    let path = request.path.as_str();
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
    // Names out of an answer must not lead out of their place in the path (see F5).
    let place = path.split('?').next().unwrap_or_default();
    assert!(!place.split('/').any(|part| part == "." || part == ".."), "{path}");
    if let Some(body) = &request.body {
        serde_json::from_str::<serde_json::Value>(body).expect("a body is JSON");
    }
}

fn refused(why: &Refusal) {
    let text = why.to_string();
    harmless(&text);
    assert!(text.chars().count() < 400, "{text}");
}

fn told(gateway: &dyn Gateway, fact: &GatewayFact, days: &mut BTreeSet<i64>) {
    if let GatewayFact::Days { from, to, rows } = fact {
        assert!(from <= to || rows.is_empty(), "{}: {from}..{to}", gateway.title());
        for day in *from..=*to {
            assert!(days.insert(day), "{}: day {day} is told twice", gateway.title());
        }
        let mut places = BTreeSet::new();
        for row in rows {
            assert!((*from..=*to).contains(&row.day), "{}: a row lies outside its days: {row:?}", gateway.title());
            assert!(places.insert((row.day, &row.user, &row.team, &row.key, &row.model)), "two rows at one place: {row:?}");
            let _ = row.tokens.total();
        }
    }
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let [data @ .., how, which] = data else { return };
    let gateway = ALL[usize::from(*which) % ALL.len()];
    let mut plan = plan(*how);
    let answers: Vec<Answer<'_>> = parts(data).map(answer).collect();
    // The last one answers all that comes after it.
    let at = |n: usize| answers.get(n).or(answers.last()).copied();

    let mut days = BTreeSet::new();
    let mut next: VecDeque<Ask> = gateway.begin(&plan).into();
    let mut asked = 0;
    while let Some(ask) = next.pop_front() {
        sound(&ask.request);
        let Some(answer) = at(asked).filter(|_| asked < MOST) else { break };
        asked += 1;
        let read = gateway.read(&ask, &answer, &plan);
        assert_eq!(read, gateway.read(&ask, &answer, &plan), "an answer means one thing");
        match read {
            Err(why) => {
                refused(&why);
                break;
            }
            Ok(news) => {
                for fact in &news.facts {
                    told(gateway, fact, &mut days);
                    if let GatewayFact::Me(me) = fact {
                        plan.me = Some(me.clone());
                        assert!(!gateway.advice(me).is_empty());
                    }
                }
                // Pages first, as the engine asks.
                for more in news.asks.into_iter().rev() {
                    next.push_front(more);
                }
            }
        }
    }

    let Some(last) = answers.last() else { return };
    refused(&last.refusal());
    let _ = gateway.is_it(last);
    for whose in Whose::ALL {
        for limit in [None, Some(Money::from_nanos(12_345_678_901))] {
            let wish =
                BudgetWish { whose, id: "ann/../x ?&#é".to_owned(), team: Some("t".to_owned()), limit, per: Per::Week, reset: true };
            gateway.find(&wish).iter().for_each(sound);
            match gateway.found(&wish, last) {
                Ok(Some(holder)) => gateway.set_budget(&wish, &holder).iter().for_each(sound),
                Ok(None) => {}
                Err(why) => refused(&why),
            }
        }
    }
}
