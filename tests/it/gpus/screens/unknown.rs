//! What is not known is shown as such: never as 0, neither on the screen nor in words nor in the JSON.

use aifinops::cli::gpu::answer::answer;
use aifinops::engine::gpus::words::{UNKNOWN, memory, percent, rate, seconds, use_of, watts};
use aifinops::engine::gpus::{CardView, GpuPicture};
use aifinops::model::gpu::{GpuReading, UseKind};
use aifinops::query::gpus::HeatCell;
use serde_json::Value;

use super::super::picture::{busy, unknown, vllm};
use super::{lines, text, view_of};

/// What a card may not say: how it does not, the column, and the place in the JSON.
type Figure = (fn(&mut CardView), &'static str, &'static str);

/// All figures that have a column of their own.
const FIGURES: [Figure; 6] = [
    (|card| card.reading.used = None, "USED", "utilization"),
    (|card| (card.reading.memory_used, card.reading.memory_total) = (None, None), "MEMORY", "memory_used_bytes"),
    (|card| card.reading.power = None, "POWER", "power_watts"),
    (|card| card.reading.temperature = None, "TEMP", "temperature_celsius"),
    (|card| card.price = None, "$/H", "price"),
    (|card| card.today.idle_cost = None, "IDLE $", "today.idle_usd"),
];

/// A picture of one card.
fn of(card: CardView) -> GpuPicture {
    GpuPicture { cards: vec![card], processes: Vec::new(), servers: Vec::new(), ..unknown() }
}

/// The cell below a head of figures: they end where it does.
fn below(screen: &[String], head: &str) -> String {
    let at = screen.iter().position(|line| line.contains("STATE")).unwrap();
    let heads = &screen[at];
    let end = heads[..heads.find(head).unwrap()].chars().count() + head.chars().count();
    let before: String = screen[at + 1].chars().take(end).collect();
    before.rsplit(' ').next().unwrap().to_owned()
}

fn place<'a>(json: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(json, |json, name| &json[name])
}

#[test]
fn each_figure_alone_is_missing_where_it_is_not_known_and_there_where_it_is() {
    for mask in 0..1_u32 << FIGURES.len() {
        let is_missing = |at: usize| mask & 1 << at != 0;
        let mut card = busy();
        FIGURES.iter().enumerate().filter(|(at, _)| is_missing(*at)).for_each(|(_, (forget, ..))| forget(&mut card));
        let picture = of(card);
        let json = serde_json::to_value(answer(&picture)).unwrap();
        let screen = lines(&view_of(picture, &[]).draw(200, 24));
        for (at, (_, head, path)) in FIGURES.iter().enumerate() {
            let cell = below(&screen, head);
            assert_eq!(cell == UNKNOWN, is_missing(at), "{head} is {cell:?} without {mask:b}\n{}", screen.join("\n"));
            assert_eq!(place(&json["cards"][0], path).is_null(), is_missing(at), "{path} without {mask:b}");
        }
    }
}

#[test]
fn a_zero_that_was_said_is_a_zero() {
    let mut card = busy();
    (card.reading.used, card.reading.power, card.reading.temperature) = (Some(0), Some(0), Some(0));
    (card.reading.memory_used, card.today.idle_cost) = (Some(0), Some(aifinops::model::Money::ZERO));
    let screen = lines(&view_of(of(card), &[]).draw(200, 24));
    let cells = ["USED", "MEMORY", "POWER", "TEMP", "IDLE $"].map(|head| below(&screen, head));
    assert_eq!(cells, ["0%", "0.0/141G", "0/700W", "0°", "$0.00"]);
}

#[test]
fn words_of_nothing_are_a_dash() {
    let awake = GpuReading { used_kind: UseKind::Awake, ..GpuReading::default() };
    for (what, said) in [
        ("use", use_of(&GpuReading::default())),
        ("use at most", use_of(&awake)),
        ("per cent", percent(None)),
        ("memory", memory(None, None)),
        ("power", watts(None, None)),
        ("power below a cap", watts(None, Some(700_000))),
        ("seconds", seconds(None)),
        ("a rate", rate(None, true)),
        ("a rate that is not counted", rate(Some(0), false)),
    ] {
        assert_eq!(said, UNKNOWN, "{what}");
    }
    for (said, expected) in [
        (percent(Some(4)), "0%"),
        (percent(Some(5)), "1%"),
        (percent(Some(1000)), "100%"),
        (use_of(&GpuReading { used: Some(310), ..awake }), "~31%"),
        (memory(Some(112 << 30), Some(141 << 30)), "112/141G"),
        (memory(None, Some(24 << 30)), "?/24G"),
        (memory(Some(1 << 30), None), "1.0G"),
        (watts(Some(78_499), Some(700_000)), "78/700W"),
        (watts(Some(500), None), "1W"),
        (seconds(Some(1234)), "1.23s"),
        (rate(Some(1_940_000), true), "1.9k"),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_screen_of_things_that_say_nothing_has_no_zero_on_it() {
    let keys: [&[&str]; 6] = [&[], &["b"], &["b", "b"], &["enter"], &["tab"], &["tab", "enter"]];
    for keys in keys {
        for (width, height) in [(80, 24), (120, 36), (200, 60)] {
            let screen = lines(&view_of(unknown(), keys).draw(width, height));
            let body = &screen[2..screen.len() - 1];
            assert!(body.iter().any(|line| line.contains(UNKNOWN)), "{keys:?} {width}×{height}\n{}", screen.join("\n"));
            // The week's frame says which shade means what, and a card without a price how it gets one.
            let line = body.iter().find(|line| line.contains('0') && !line.contains("no data") && !line.contains("config set"));
            assert_eq!(line, None, "{keys:?} {width}×{height}\n{}", screen.join("\n"));
        }
    }
}

#[test]
fn an_hour_that_nobody_looked_at_has_no_shade() {
    let shades = |used, idle_cost, keys: &[&str]| {
        let mut picture = unknown();
        let heat = std::sync::Arc::make_mut(&mut picture.heat);
        heat.rows[0].cells = vec![HeatCell { used, known: 3_600_000, seen: 3_600_000, idle_cost }; 168];
        let screen = lines(&view_of(picture, keys).draw(120, 36));
        let from = screen.iter().position(|line| line.contains("no data")).unwrap();
        let row: String = screen[from + 2].chars().filter(|c| "░▒▓█╱".contains(*c)).collect();
        let figure = screen[from + 2].trim_end_matches(['│', ' ']).rsplit(' ').next().unwrap().to_owned();
        (row.chars().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<String>(), figure)
    };
    let cents = crate::screens::world::cents;
    assert_eq!(shades(None, None, &["b"]), ("╱".to_owned(), UNKNOWN.to_owned()));
    assert_eq!(shades(Some(0), None, &["b"]), ("░".to_owned(), "0%".to_owned()));
    assert_eq!(shades(Some(299), None, &["b"]).0, "▒");
    assert_eq!(shades(Some(599), None, &["b"]).0, "▓");
    assert_eq!(shades(Some(600), None, &["b"]), ("█".to_owned(), "60%".to_owned()));
    assert_eq!(shades(Some(900), None, &["b", "b"]), ("╱".to_owned(), UNKNOWN.to_owned()), "no price, no idle dollars");
    assert_eq!(shades(Some(900), Some(cents(0)), &["b", "b"]).0, "", "nothing was lost");
    assert_eq!(shades(Some(0), Some(cents(9)), &["b", "b"]).0, "░");
    assert_eq!(shades(Some(0), Some(cents(99)), &["b", "b"]).0, "▒");
    assert_eq!(shades(Some(0), Some(cents(299)), &["b", "b"]).0, "▓");
    assert_eq!(shades(Some(0), Some(cents(350)), &["b", "b"]), ("█".to_owned(), "$588.00".to_owned()));
}

/// The places of a JSON that hold a number.
fn numbers(json: &Value, at: &str, found: &mut Vec<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| numbers(field, &format!("{at}.{name}"), found)),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, at, found)),
        Value::Number(_) => found.push(at.trim_start_matches('.').to_owned()),
        _ => {}
    }
}

#[test]
fn the_json_of_things_that_say_nothing_counts_what_was_counted_and_nothing_else() {
    let json = serde_json::to_value(answer(&unknown())).unwrap();
    let mut found = Vec::new();
    numbers(&json, "", &mut found);
    insta::assert_snapshot!(found.join("\n"), @r"
    cards.hidden_processes
    cards.index
    cards.today.asleep_seconds
    cards.today.busy_seconds
    cards.today.idle_seconds
    cards.today.reserved_idle_seconds
    cards.today.stalled_seconds
    processes.pid
    servers.hour.seconds
    servers.now.seconds
    total.cards
    total.unpriced
    ");
}

#[test]
fn a_server_that_counts_nothing_makes_no_tokens_for_no_money() {
    let mut picture = unknown();
    picture.servers[0] = vllm();
    let screen = text(&view_of(picture.clone(), &[]).draw(200, 60));
    assert!(screen.contains("$0.50") && screen.contains("$0.81") && screen.contains("1.9k") && screen.contains("62%"), "{screen}");
    picture.servers[0].reading = unknown().servers[0].reading.clone();
    picture.servers[0].now = unknown().servers[0].now;
    let json = serde_json::to_value(answer(&picture)).unwrap();
    for path in ["output_tokens", "cached_tokens", "output_tokens_per_second", "input_tokens_per_second", "usd_per_million_output"] {
        assert!(json["servers"][0]["now"][path].is_null(), "{path}: {}", json["servers"][0]["now"]);
    }
}
