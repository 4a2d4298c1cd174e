//! `gpu history`: use and idle dollars of each card, hour by hour, as they were written down.

use aifinops::model::Money;
use aifinops::model::text::is_hostile;
use aifinops::model::time::{HOUR, MINUTE, rfc3339};
use aifinops::store::gpus::{CardRow, MinuteRow};
use serde_json::{Value, json};

use super::{Host, keys, now, usd};

/// An hour of a card, minute by minute: its use in permille, what a minute cost, and what of it was for nothing.
fn hour(at: i64, used: i64, cost: Option<Money>, idle: Option<Money>) -> Vec<MinuteRow> {
    let minute = |n: i64| {
        let states = if used < 50 { [0, MINUTE, 0, 0, 0, 0] } else { [MINUTE, 0, 0, 0, 0, 0] };
        MinuteRow { at: at * 60 + n, states, used: (used * MINUTE, MINUTE), cost, idle_cost: idle, ..MinuteRow::default() }
    };
    (0..60).map(minute).collect()
}

#[test]
fn what_cards_did_hour_by_hour() {
    let host = Host::new();
    let said = host.ok(&["gpu", "history"]);
    assert!(said.starts_with("Nothing is known of any GPU yet") && said.lines().count() == 1, "{said}");
    assert_eq!(host.json(&["gpu", "history"])["cards"], json!([]));
    let last = now().div_euclid(HOUR) - 1;
    let cent = Some(usd("0.06"));
    let priced = CardRow { uid: "aa".to_owned(), name: "NVIDIA H200".to_owned(), seen_at: now(), ..CardRow::default() };
    let hours = [hour(last, 970, cent, Some(Money::ZERO)), hour(last - 2, 0, cent, cent)].concat();
    host.did(&priced, &hours);
    let hostile = "\u{1b}[31mMI300X\u{202e}".to_owned();
    let remote = CardRow { uid: "bb".to_owned(), host: "n2".to_owned(), name: hostile, seen_at: now(), ..CardRow::default() };
    host.did(&remote, &hour(last, 300, None, None));
    let found = host.json(&["gpu", "history", "--days", "1"]);
    insta::assert_snapshot!(keys(&found), @r"
    cards
    cards[].host
    cards[].hours
    cards[].hours[].at
    cards[].hours[].idle_nano_usd
    cards[].hours[].idle_usd
    cards[].hours[].utilization
    cards[].hours[].watched_seconds
    cards[].id
    cards[].idle_nano_usd
    cards[].idle_usd
    cards[].name
    cards[].parent
    cards[].utilization
    from
    ");
    let at = |card: usize, hour: i64| {
        let hours = found["cards"][card]["hours"].as_array().unwrap();
        let row = hours.iter().find(|row| row["at"] == json!(rfc3339(hour * HOUR))).unwrap();
        (row["utilization"].clone(), row["watched_seconds"].clone(), row["idle_usd"].clone())
    };
    assert_eq!(at(0, last), (json!(97.0), json!(3600), json!(0)));
    assert_eq!(at(0, last - 1), (Value::Null, json!(0), Value::Null), "nobody looked");
    assert_eq!(at(0, last - 2), (json!(0.0), json!(3600), json!(3.6)));
    assert_eq!(at(1, last), (json!(30.0), json!(3600), Value::Null), "without a price nothing was lost that is known");
    assert_eq!((&found["cards"][0]["utilization"], &found["cards"][0]["idle_usd"]), (&json!(48.5), &json!(3.6)));
    assert_eq!(found["cards"][0]["idle_nano_usd"], json!(3_600_000_000_i64), "to the billionth");
    assert_eq!((&found["cards"][1]["host"], &found["cards"][1]["idle_usd"]), (&json!("n2"), &Value::Null));
    let line = |said: &str, word: &str| said.lines().find(|line| line.contains(word)).unwrap().trim_end().to_owned();
    let used = host.ok(&["gpu", "history"]);
    assert!(line(&used, "H200").contains("░·█") && line(&used, "H200").ends_with("48%      $3.60"), "{used}");
    assert!(line(&used, "MI300X").contains("n2/�[31mMI300X�") && line(&used, "MI300X").ends_with("30%          —"), "{used}");
    let idle = host.ok(&["gpu", "history", "--idle"]);
    assert!(line(&idle, "H200").contains("█· ") && !line(&idle, "MI300X").contains('▒'), "{idle}");
    assert!(![used, idle].concat().chars().any(|c| is_hostile(c) && c != '\n'));
    for days in ["0", "101", "x"] {
        assert_eq!(host.refusal(&["gpu", "history", "--days", days]).0, 2, "{days}");
    }
}
