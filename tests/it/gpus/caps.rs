//! Caps on GPU time: what an amount of it is, what counts under such a cap and under no other, and who is stopped by it.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use aifinops::budgets::{Assumed, Standing};
use aifinops::model::cap::{Amount, AmountError, Cap, Span, Unit};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money, Window, Zone};
use aifinops::query::caps::{Asking, Beyond, standings};
use aifinops::store::gpus::{CardRow, MinuteRow};
use aifinops::store::{GpuBook, Store};
use chrono::Weekday;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cli::{Host, now, usd};
use crate::logs::{answer, uuid};

fn gpu(text: &str) -> Amount {
    Amount { unit: Unit::Gpu, count: usd(text).nanos() }
}

#[test]
fn amounts_of_gpu_time_are_read_as_people_write_them() {
    for (text, amount) in [
        ("$5 gpu", "5"),
        ("5 gpu", "5"),
        ("5gpu", "5"),
        (" $7.50 GPU ", "7.5"),
        ("1,000 gpu", "1000"),
        ("1_000.25 gpu", "1000.25"),
        ("$0.000000001 gpu", "0.000000001"),
    ] {
        assert_eq!(Amount::parse(text), Ok(gpu(amount)), "{text}");
    }
    for (text, why) in [
        ("gpu", AmountError::Shape),
        ("5k gpu", AmountError::Shape),
        ("5 gpus", AmountError::Shape),
        ("5 gpu hours", AmountError::Shape),
        ("5 Gpu", AmountError::Shape),
        ("1,5 gpu", AmountError::Comma),
        ("0 gpu", AmountError::Zero),
        ("-5 gpu", AmountError::Negative),
        ("$-5 gpu", AmountError::Negative),
        ("1000000.01 gpu", AmountError::Huge),
        ("0.0000000001 gpu", AmountError::Fine),
    ] {
        assert_eq!(Amount::parse(text), Err(why), "{text}");
    }
    assert_eq!((gpu("5").to_string(), gpu("5").text()), ("$5.00 of GPU time".to_owned(), "$5 gpu".to_owned()));
    assert_ne!(Amount::parse("5"), Amount::parse("5 gpu"), "they are other dollars");
    assert_eq!(Unit::from_word(Unit::Gpu.word()), Some(Unit::Gpu));
}

proptest! {
    #[test]
    fn what_an_amount_of_gpu_time_says_of_itself_reads_back(count in 1_i64..1_000_000_000_000_000) {
        let amount = Amount { unit: Unit::Gpu, count };
        prop_assert_eq!(Amount::parse(&amount.text()), Ok(amount));
    }
}

#[test]
fn it_is_counted_by_the_calendar_and_of_all_cards_together() {
    let host = Host::new();
    for (args, words) in [
        (&["--per", "task"][..], "GPU time is counted per day, week or month"),
        (&["--per", "session"], "GPU time is counted per day, week or month"),
        (&["--agent", "codex"], "GPU time is that of all cards"),
        (&["--project", "web-*"], "GPU time is that of all cards"),
        (&["--model", "opus"], "GPU time is that of all cards"),
    ] {
        let (code, error) = host.refusal(&[&["cap", "set", "5 gpu"][..], args].concat());
        assert!(code == 2 && error["message"].as_str().unwrap().contains(words), "{args:?}: {error}");
        assert_eq!(host.config(), "", "{args:?}");
        // So it is where the file or a variable says it.
        let one = format!("x=limit:5 gpu,{}:{}", args[0].trim_start_matches("--"), args[1]);
        let output = host.command(&["cap", "show"]).env("AIFINOPS_CAPS", &one).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("AIFINOPS_CAPS") && told.contains(words), "{one}: {told}");
    }
    for span in ["day", "week", "month"] {
        host.ok(&["cap", "set", "20 gpu", "--per", span]);
    }
    insta::assert_snapshot!(host.config(), @r#"

    [caps.day-gpu_usd]
    limit = "$20 gpu"
    per = "day"

    [caps.week-gpu_usd]
    limit = "$20 gpu"
    per = "week"

    [caps.month-gpu_usd]
    limit = "$20 gpu"
    per = "month"
    "#);
    let shown = host.json(&["cap", "show"]);
    let caps: Vec<(&Value, &Value)> = shown["caps"].as_array().unwrap().iter().map(|cap| (&cap["per"], &cap["limit"])).collect();
    let limit = json!({"unit": "gpu_usd", "usd": 20, "nano_usd": 20_000_000_000_i64});
    assert_eq!(caps, [(&json!("day"), &limit), (&json!("week"), &limit), (&json!("month"), &limit)]);
    assert!(host.ok(&["cap", "show"]).contains("$20.00 GPU"), "{}", host.ok(&["cap", "show"]));
    assert_eq!(host.refusal(&["cap", "raise", "5", "day-gpu_usd"]).0, 2, "money for the agents is no GPU time");
}

/// A card, or an instance of one.
fn card(uid: &str, parent: Option<&str>) -> CardRow {
    CardRow { uid: uid.to_owned(), name: "NVIDIA H200".to_owned(), parent: parent.map(str::to_owned), seen_at: now(), ..CardRow::default() }
}

/// A minute that cost so much; nothing where no price is known.
fn minute(at: Millis, cost: Option<&str>) -> MinuteRow {
    MinuteRow { at: at.div_euclid(MINUTE), states: [MINUTE, 0, 0, 0, 0, 0], cost: cost.map(usd), ..MinuteRow::default() }
}

#[test]
fn gpu_dollars_count_under_caps_of_their_own_and_in_their_window_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut book, _) = GpuBook::open(dir.path(), Duration::from_secs(5)).unwrap();
    let noon = chrono::DateTime::parse_from_rfc3339("2026-11-25T12:00:00Z").unwrap().timestamp_millis(); // a Wednesday
    let write = |book: &mut GpuBook, card: &CardRow, minutes: &[MinuteRow]| {
        let id = book.note_card(card).unwrap();
        book.write(id, minutes, &[]).unwrap();
    };
    let day = 24 * HOUR;
    let whole =
        [minute(noon, Some("3")), minute(noon - day, Some("5")), minute(noon - 10 * day, Some("7")), minute(noon + day, Some("11"))];
    write(&mut book, &card("aa", None), &whole);
    write(&mut book, &card("bb", None), &[minute(noon, Some("1.5")), minute(noon - MINUTE, None)]);
    // What an instance costs is a part of what its card does.
    write(&mut book, &card("mig", Some("aa")), &[minute(noon, Some("1"))]);
    let cap = |limit: &str, span: Span| Cap::new(span.word(), Amount::parse(limit).unwrap(), span);
    let caps = [
        cap("20 gpu", Span::Day),
        cap("20 gpu", Span::Week),
        cap("20 gpu", Span::Month),
        cap("20", Span::Day),
        cap("20 steps", Span::Day),
        cap("20 tokens", Span::Month),
        cap("20", Span::Task),
    ];
    let window = |cap: &Cap| aifinops::budgets::window(cap.span, noon, Zone::UTC, Weekday::Mon);
    let spent = |window| (window, book.spent(window).unwrap().map_or(Money::ZERO, |(cost, _)| cost));
    let gpu: Vec<(Window, Money)> = caps.iter().filter_map(window).map(spent).collect();
    let beyond = Beyond { gpu, ..Beyond::default() };
    let asking = Asking {
        caps: &caps,
        raises: &[],
        beyond: &beyond,
        assumed: Assumed::default(),
        week_start: Weekday::Mon,
        now: noon,
        zone: Zone::UTC,
    };
    let spent: Vec<i64> = standings(&Store::in_memory().unwrap(), &asking, None).unwrap().iter().map(|s| s.spent().count).collect();
    let dollars = |text: &str| usd(text).nanos();
    assert_eq!(spent, [dollars("4.5"), dollars("20.5"), dollars("27.5"), 0, 0, 0, 0], "the week and the month hold tomorrow, too");
}

/// Calls of today, as Claude Code's log has them: each costs a little more than a cent.
fn calls(host: &Host, count: u64) {
    let uid = uuid(1, 1);
    let path = host.path(&format!("home/.claude/projects/-code-app/{uid}.jsonl"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let today = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let line = |i| {
        let line = answer(&uid, 1, i, 1000, None);
        let at = line.find("\"timestamp\":\"").unwrap() + 13;
        format!("{}{today}{}\n", &line[..at], &line[at + 24..])
    };
    fs::write(path, (1..=count).map(line).collect::<String>()).unwrap();
}

/// What the caps of a host say, by name: what was spent, and whether they stop.
fn spent(host: &Host) -> Vec<(String, i64, bool)> {
    let shown = host.json(&["cap", "show"]);
    let row = |cap: &Value| {
        let spent = cap["spent"]["nano_usd"].as_i64().or(cap["spent"]["count"].as_i64()).unwrap();
        (cap["name"].as_str().unwrap().to_owned(), spent, cap["stops"].as_bool().unwrap())
    };
    shown["caps"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn neither_side_s_dollars_are_the_other_s() {
    let host = Host::new();
    for args in [&["5 gpu"][..], &["5"], &["1000 steps", "--per", "week"]] {
        host.ok(&[&["cap", "set", "--name", &format!("c{}", args[0].replace(' ', "-"))][..], args].concat());
    }
    calls(&host, 10);
    let before = spent(&host);
    let api = before[1].1;
    assert_eq!(before, [("c5-gpu".to_owned(), 0, false), ("c5".to_owned(), api, false), ("c1000-steps".to_owned(), 10, false)]);
    assert!(api > usd("0.10").nanos() && api < usd("1").nanos(), "{api}");
    host.did(&card("aa", None), &[minute(now(), Some("7.25"))]);
    let mut expected = before;
    (expected[0].1, expected[0].2) = (usd("7.25").nanos(), true);
    assert_eq!(spent(&host), expected);
    let shown = host.json(&["cap", "show"])["caps"][0].clone();
    assert_eq!((&shown["spent"]["unit"], &shown["left"]["nano_usd"], &shown["level"]), (&json!("gpu_usd"), &json!(0), &json!(100)));
    assert_eq!(host.run(&["cap", "show", "--check"]).code, 4);
    // The one look at everything says them apart, too.
    let top = host.json(&["top", "--once"]);
    assert_eq!((&top["gpu"]["cost_today_usd"], &top["sessions"][0]["today"]["nano_usd"]), (&json!(7.25), &json!(api)), "{top}");
}

/// What an agent's hook answers, as JSON. One that had no time left, on a machine that is busy with other tests, lets go whatever
/// was spent: it is asked again.
fn ask(host: &Host, agent: &str, event: &str) -> Value {
    let late = || std::fs::read_to_string(host.path("data/aifinops.log")).unwrap_or_default().matches("no answer within").count();
    let begun = std::time::Instant::now();
    loop {
        let before = late();
        let answer = ask_once(host, agent, event);
        if late() == before {
            return answer;
        }
        assert!(begun.elapsed() < std::time::Duration::from_mins(1), "no answer in time for a minute");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn ask_once(host: &Host, agent: &str, event: &str) -> Value {
    let mut child = host.command(&["hook", agent]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let question = json!({"hook_event_name": event, "session_id": "s", "cwd": "/w"});
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() }
}

#[test]
fn an_agent_is_stopped_in_words_when_the_cap_is_reached_and_goes_on_when_it_is_raised() {
    let host = Host::new();
    host.ok(&["cap", "set", "5 gpu"]);
    host.ok(&["cap", "set", "100"]);
    let prompt = |host: &Host| ask(host, "claude-code", "UserPromptSubmit");
    assert_eq!(prompt(&host), Value::Null, "nothing has been seen of any card");
    host.did(&card("aa", None), &[minute(now(), Some("4.99"))]);
    assert_eq!(prompt(&host), Value::Null, "there is a cent left");
    host.did(&card("bb", None), &[minute(now(), Some("0.21"))]);
    let halted = prompt(&host);
    assert_eq!(halted["decision"], json!("block"));
    let reason = halted["reason"].as_str().unwrap();
    let says = "aifinops: $5.20 of $5.00 of GPU time spent: the daily cap is reached and resets at midnight (";
    assert!(reason.starts_with(says), "{reason}");
    assert_eq!(ask(&host, "codex", "UserPromptSubmit")["decision"], json!("block"), "whoever asks");
    assert_eq!(ask(&host, "claude-code", "PostToolBatch")["continue"], json!(false), "and between two steps");
    let log = host.ok(&["cap", "log", "--json"]);
    assert!(log.contains("\"block-prompt\"") && log.contains("\"halt-step\"") && log.contains("gpu_usd"), "{log}");
    // What it says to type is what lets it go on.
    let hint = reason.rsplit_once("To go on now: aifinops ").unwrap().1;
    assert_eq!(hint, "cap raise \"3 gpu\" day-gpu_usd");
    host.ok(&["cap", "raise", "3 gpu", "day-gpu_usd"]);
    assert_eq!(prompt(&host), Value::Null);
    host.did(&card("cc", None), &[minute(now(), Some("2.80"))]);
    assert_eq!(prompt(&host)["decision"], json!("block"), "until that is used up as well");
}

#[test]
fn a_cap_that_only_warns_stops_nobody() {
    let host = Host::new();
    host.ok(&["cap", "set", "5 gpu", "--action", "warn"]);
    host.did(&card("aa", None), &[minute(now(), Some("50"))]);
    assert_eq!(ask(&host, "claude-code", "UserPromptSubmit"), Value::Null);
    let shown = host.json(&["cap", "show"])["caps"][0].clone();
    assert_eq!((&shown["reached"], &shown["stops"]), (&json!(true), &json!(false)));
}

#[test]
fn what_the_agents_spent_without_a_price_is_no_gpu_time() {
    let cap = Cap::new("day", Amount::parse("5 gpu").unwrap(), Span::Day);
    let spend = aifinops::budgets::Spend { unpriced_calls: 3, assumed: usd("9"), known: usd("9"), gpu: usd("2"), ..Default::default() };
    let standing = Standing { cap, window: Window { from: 0, to: 24 * HOUR }, spend, raised: 0, subject: None };
    assert!(!standing.is_assumed() && !standing.halts());
    assert_eq!((standing.spent(), standing.left(), standing.mark()), (gpu("2"), gpu("3"), ""));
}
