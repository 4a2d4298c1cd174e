//! What is told of cards, servers and processes: from its threshold on and not before, and nothing at all where that is off.

use aifinops::alerts::{Alert, AlertKind, Urgency};
use aifinops::engine::gpus::alerts::Watch;
use aifinops::engine::gpus::{CardView, GpuPicture, GpuSettings, Owner, ProcessView, ServerView};
use aifinops::insight::gpu::State;
use aifinops::model::gpu::{GpuProcess, GpuReading, ServerReading, Slice, Throttle, Vendor};
use aifinops::model::gpu_setup::GpuSetup;
use aifinops::model::text::is_hostile;
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money};
use aifinops::pricing::gpu::GpuPrice;
use aifinops::store::gpus::CardSums;

use super::meter::{NOON, usd};

const GIB: u64 = 1 << 30;
const SECOND: Millis = 1000;

/// Makes a picture with a figure that is so large.
type Make<'a> = &'a dyn Fn(Option<i32>) -> GpuPicture;

/// Settings under which nothing is told that has a threshold.
fn off() -> GpuSetup {
    GpuSetup {
        target: None,
        idle: None,
        reserved: None,
        stalled: None,
        zombie: None,
        ttl: None,
        kv: None,
        hot: None,
        ..GpuSetup::default()
    }
}

fn price(dollars: &str) -> GpuPrice {
    GpuPrice { per_hour: usd(dollars), source: "Nebius".to_owned(), as_of: Some("2026-11"), is_owned: false }
}

/// An H200 at work.
fn card() -> CardView {
    let reading = GpuReading {
        id: "aa-11".to_owned(),
        index: Some(1),
        vendor: Vendor::Nvidia,
        name: "NVIDIA H200".to_owned(),
        memory_total: Some(141 * GIB),
        memory_used: Some(112 * GIB),
        ..GpuReading::default()
    };
    CardView { reading, state: State::Busy, since: NOON, price: Some(price("3.50")), ..CardView::default() }
}

/// The same, in this state for so long.
fn been(state: State, long: Millis) -> CardView {
    CardView { state, since: NOON - long, ..card() }
}

fn process() -> ProcessView {
    ProcessView {
        card: "aa-11".to_owned(),
        process: GpuProcess { pid: 4242, memory: Some(128 * GIB), ..GpuProcess::default() },
        is_visible: true,
        command: "python train.py".to_owned(),
        started_at: Some(NOON - 5 * HOUR),
        ..ProcessView::default()
    }
}

fn zombie() -> ProcessView {
    let owner = Owner {
        agent: "claude-code".to_owned(),
        session: "s1".to_owned(),
        project: "api".to_owned(),
        rule: 'A',
        ended_at: Some(NOON - 42 * MINUTE),
    };
    ProcessView { owner: Some(owner), is_zombie: true, burnt: Some(usd("2.45")), ..process() }
}

fn server(reading: ServerReading) -> ServerView {
    let reading = ServerReading { kind: "vllm", model: Some("qwen3-32b".to_owned()), ..reading };
    ServerView { name: ":8000".to_owned(), url: "http://127.0.0.1:8000".to_owned(), reading, ..ServerView::default() }
}

fn picture(cards: Vec<CardView>) -> GpuPicture {
    GpuPicture { at: NOON, cards, ..GpuPicture::default() }
}

fn of_process(card: CardView, view: ProcessView) -> GpuPicture {
    GpuPicture { processes: vec![view], ..picture(vec![card]) }
}

fn of_server(view: ServerView) -> GpuPicture {
    GpuPicture { servers: vec![view], ..picture(Vec::new()) }
}

fn told(picture: &GpuPicture, setup: &GpuSetup) -> Vec<Alert> {
    Watch::default().look(picture, setup)
}

fn kinds(alerts: &[Alert]) -> Vec<AlertKind> {
    alerts.iter().map(|alert| alert.kind).collect()
}

/// The only one, as a person reads it.
fn text(picture: &GpuPicture, setup: &GpuSetup) -> String {
    let alerts = told(picture, setup);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    format!("{}. {}", alerts[0].title, alerts[0].body)
}

fn day(used: i64, known: Millis) -> CardView {
    let day = CardSums { used: (used * known, known), underuse: Some(usd("30")), ..CardSums::default() };
    CardView { day, ..card() }
}

#[test]
fn each_is_told_from_its_threshold_on_and_never_where_that_is_off() {
    let default = GpuSetup::default;
    let stuck = |long| {
        let reading = ServerReading { running: Some(3), progress: Some(9), ..ServerReading::default() };
        of_server(ServerView { stuck_since: Some(NOON - long), ..server(reading) })
    };
    let at_end = |long| {
        let reading = ServerReading { running: Some(3), ..ServerReading::default() };
        of_server(ServerView { stuck_since: Some(NOON - long), ..server(reading) })
    };
    let idle = GpuSetup { idle: default().idle, idle_cost: Money::ZERO, ..off() };
    let burnt = GpuSetup { idle: Some(0), ..off() };
    let reserved = GpuSetup { reserved: default().reserved, ..off() };
    let stalled = GpuSetup { stalled: default().stalled, ..off() };
    let long = GpuSetup { ttl: Some(5 * HOUR), ..off() };
    let low = GpuSetup { target: default().target, ..off() };
    let one = |card| picture(vec![card]);
    let began = |at| of_process(card(), ProcessView { started_at: Some(at), ..process() });
    for (what, kind, setup, before, then) in [
        ("idle", AlertKind::GpuIdle, &idle, one(been(State::Idle, 15 * MINUTE - 1)), one(been(State::Idle, 15 * MINUTE))),
        ("idle and held", AlertKind::GpuIdle, &idle, one(been(State::Reserved, 15 * MINUTE - 1)), one(been(State::Reserved, 15 * MINUTE))),
        ("for a dollar", AlertKind::GpuIdle, &burnt, one(been(State::Idle, 1_028_571)), one(been(State::Idle, 1_028_572))),
        ("held", AlertKind::GpuReserved, &reserved, one(been(State::Reserved, 30 * MINUTE - 1)), one(been(State::Reserved, 30 * MINUTE))),
        ("a server is stuck", AlertKind::GpuStalled, &stalled, stuck(5 * MINUTE - 1), stuck(5 * MINUTE)),
        ("it counts at the end", AlertKind::GpuStalled, &stalled, at_end(20 * MINUTE - 1), at_end(20 * MINUTE)),
        ("old", AlertKind::GpuTtl, &long, began(NOON - 5 * HOUR + 1), began(NOON - 5 * HOUR)),
        ("little used", AlertKind::GpuLowUse, &low, one(day(600, 24 * HOUR)), one(day(599, 24 * HOUR))),
        ("for long enough", AlertKind::GpuLowUse, &low, one(day(100, 12 * HOUR - 1)), one(day(100, 12 * HOUR))),
    ] {
        assert_eq!(kinds(&told(&before, setup)), [], "{what}: before");
        assert_eq!(kinds(&told(&then, setup)), [kind], "{what}: then");
        assert_eq!(kinds(&told(&then, &off())), [], "{what}: off");
    }
}

#[test]
fn what_is_not_known_or_not_so_is_not_told() {
    let all =
        GpuSetup { ttl: Some(HOUR), idle: Some(0), idle_cost: Money::ZERO, reserved: Some(0), stalled: Some(0), ..GpuSetup::default() };
    let long = 20 * HOUR;
    for (what, picture) in [
        ("nothing is there", GpuPicture::default()),
        ("busy", picture(vec![been(State::Busy, long)])),
        ("nobody knows", picture(vec![been(State::Unknown, long)])),
        ("it sleeps", picture(vec![been(State::Asleep, long)])),
        ("too old a look", picture(vec![CardView { is_stale: true, ..been(State::Idle, long) }])),
        ("nobody looked for a day", picture(vec![CardView { day: CardSums::default(), ..card() }])),
        ("young", of_process(card(), ProcessView { started_at: None, ..process() })),
        ("it only draws", of_process(card(), ProcessView { process: GpuProcess { is_graphics: true, ..process().process }, ..zombie() })),
        ("a number of another namespace", of_process(card(), ProcessView { is_visible: false, ..zombie() })),
        ("of no card", GpuPicture { processes: vec![zombie()], ..picture(Vec::new()) }),
        ("its agent lives", of_process(card(), ProcessView { started_at: None, is_zombie: false, ..zombie() })),
        ("it serves", of_process(card(), ProcessView { started_at: None, is_shared: true, ..zombie() })),
        ("too old an answer", of_server(ServerView { is_stale: true, stuck_since: Some(0), ..server(ServerReading::default()) })),
        (
            "its card tells it",
            of_server(ServerView { cards: vec!["x".to_owned()], stuck_since: Some(0), ..server(ServerReading::default()) }),
        ),
    ] {
        assert_eq!(kinds(&told(&picture, &all)), [], "{what}");
    }
    let unpriced = CardView { price: None, ..been(State::Idle, long) };
    assert_eq!(kinds(&told(&picture(vec![unpriced]), &all)), [AlertKind::GpuUnpriced], "of what has no price, none is told");
}

#[test]
fn stalls_that_are_off_never_come_whatever_a_server_counts() {
    let rules = |stalled| GpuSettings { setup: GpuSetup { stalled, ..GpuSetup::default() }, ..GpuSettings::default() }.rules();
    let minutes = |stalled| [true, false].map(|is_live| rules(stalled).patience(is_live) / MINUTE);
    assert_eq!(minutes(Some(5 * MINUTE)), [5, 20]);
    assert_eq!(minutes(Some(90 * MINUTE)), [90, 90]);
    assert!(minutes(None).iter().all(|long| *long > 1_000_000_000), "{:?}", minutes(None));
}

#[test]
fn heat_and_a_full_cache_are_told_once_they_have_lasted_a_minute() {
    let hot = |degrees: Option<i32>| {
        let reading = GpuReading { temperature: degrees, ..card().reading };
        picture(vec![CardView { reading, ..card() }])
    };
    let full = |kv: Option<i32>| {
        let kv = kv.map(|kv| u16::try_from(kv).unwrap());
        of_server(server(ServerReading { kv, waiting: Some(7), ..ServerReading::default() }))
    };
    let heat = (AlertKind::GpuHot, GpuSetup { hot: Some(87), ..off() });
    let cache = (AlertKind::GpuKvFull, GpuSetup { kv: Some(950), ..off() });
    for ((kind, setup), make, limit, clearly_less) in [(&heat, &hot as Make<'_>, 87, 81), (&cache, &full as Make<'_>, 950, 899)] {
        let told_of = |values: &[Option<i32>]| {
            let mut watch = Watch::default();
            let mut all = Vec::new();
            for (number, value) in (0..).zip(values) {
                let picture = GpuPicture { at: NOON + number * 20 * SECOND, ..make(*value) };
                let alerts = watch.look(&picture, setup);
                assert!(kinds(&alerts).iter().all(|own| own == kind));
                assert!(Watch::default().look(&picture, &off()).is_empty(), "off");
                all.push(!alerts.is_empty());
            }
            (all, watch.over)
        };
        let (at, less) = (Some(limit), Some(limit - 1));
        assert_eq!(told_of(&[at, at, at, at, at]).0, [false, false, false, true, true], "{kind:?}");
        assert_eq!(told_of(&[less; 5]).0, [false; 5], "{kind:?}");
        assert_eq!(told_of(&[at, at, less, at, at, at]).0, [false; 6], "{kind:?}: it has to last");
        assert_eq!(told_of(&[at, None, None, None, at]).0, [false; 5], "{kind:?}: what was not seen has not lasted");
        let is_over = |value: Option<i32>| told_of(&[value]).1.iter().any(|key| key.starts_with(kind.word()));
        assert!(is_over(Some(clearly_less)) && !is_over(Some(clearly_less + 1)) && !is_over(at), "{kind:?}: clearly less");
        assert!(!is_over(None), "{kind:?}: what is not known is not over");
    }
}

#[test]
fn what_does_not_come_again_in_the_next_look_has_not_lasted() {
    let setup = GpuSetup { hot: Some(87), ..off() };
    let hot = CardView { reading: GpuReading { temperature: Some(90), ..card().reading }, ..card() };
    let mut watch = Watch::default();
    for (seconds, cards, is_told) in [(0, vec![hot.clone()], false), (60, Vec::new(), false), (70, vec![hot], false)] {
        let picture = GpuPicture { at: NOON + seconds * SECOND, ..picture(cards) };
        assert_eq!(!watch.look(&picture, &setup).is_empty(), is_told, "at {seconds}");
    }
}

#[test]
fn a_card_that_works_again_is_over_with_all_that_was_told_of_it() {
    let key = |alerts: &[Alert]| alerts[0].key.clone();
    let idle = key(&told(&picture(vec![been(State::Idle, HOUR)]), &GpuSetup { idle: Some(0), idle_cost: Money::ZERO, ..off() }));
    let held = key(&told(&picture(vec![been(State::Reserved, HOUR)]), &GpuSetup { reserved: Some(0), ..off() }));
    let lost = key(&told(&picture(vec![been(State::Lost, HOUR)]), &off()));
    let mut watch = Watch::default();
    for state in State::ALL {
        watch.look(&picture(vec![been(state, HOUR)]), &GpuSetup::default());
        let over = [&idle, &held, &lost].iter().filter(|key| watch.over.contains(key)).count();
        assert_eq!(over, if state == State::Busy { 3 } else { 0 }, "{state:?}: {:?}", watch.over);
    }
    let stuck = |since| of_server(ServerView { stuck_since: since, ..server(ServerReading::default()) });
    let told = key(&told(&stuck(Some(0)), &GpuSetup { stalled: Some(0), ..off() }));
    watch.look(&stuck(Some(NOON)), &GpuSetup::default());
    assert!(!watch.over.contains(&told));
    watch.look(&stuck(None), &GpuSetup::default());
    assert!(watch.over.contains(&told), "{:?}", watch.over);
}

#[test]
fn a_stalled_a_lost_and_a_failing_card_are_told_at_once() {
    let serving = ServerView { cards: vec!["aa-11".to_owned()], ..server(ServerReading::default()) };
    let used = GpuReading { used: Some(990), ..card().reading };
    let stalled = CardView { reading: used, ..been(State::Stalled, 7 * MINUTE) };
    let said = text(&GpuPicture { servers: vec![serving], ..picture(vec![stalled]) }, &off());
    assert!(
        said.starts_with("GPU 1 (H200) works and gets nowhere. It is 99% used; no token has come out of vllm :8000 (qwen3-32b) for 7m.")
    );
    let lost = told(&picture(vec![been(State::Lost, 0)]), &off());
    assert_eq!((kinds(&lost), lost[0].urgency), (vec![AlertKind::GpuLost], Urgency::Critical));
    let failing = |xid, ecc| {
        let reading = GpuReading { xid: Some(xid), ecc: Some(ecc), ..card().reading };
        told(&picture(vec![CardView { reading, ..card() }]), &off())
    };
    assert_eq!(failing(0, 0), []);
    let both = failing(79, 2);
    let titles: Vec<&str> = both.iter().map(|alert| alert.title.as_str()).collect();
    assert_eq!(titles, ["GPU 1 (H200) reports XID 79", "GPU 1 (H200) reports uncorrected memory errors: 2"]);
    assert!(both.iter().all(|alert| alert.kind == AlertKind::GpuFault && alert.urgency == Urgency::Critical));
    assert!(both[1].key != failing(79, 3)[1].key && both[0].key == failing(79, 3)[0].key, "one more error is told again");
}

#[test]
fn idleness_is_told_with_its_money_and_a_held_card_with_who_holds_it() {
    let today = CardSums { idle_cost: Some(usd("2.85")), ..CardSums::default() };
    let idle = CardView { today, ..been(State::Idle, 42 * MINUTE) };
    let said = text(&picture(vec![idle]), &GpuSetup { idle: Some(0), ..off() });
    assert!(
        said.starts_with("GPU 1 (H200) has been idle for 42m. That is $2.45 for nothing, $2.85 today, at $3.50 an hour (Nebius)."),
        "{said}"
    );
    let setup = GpuSetup { reserved: Some(0), ..off() };
    let held = been(State::Reserved, 42 * MINUTE);
    let view = ProcessView { started_at: None, is_zombie: false, ..zombie() };
    let small = ProcessView { process: GpuProcess { pid: 7, memory: Some(GIB), ..GpuProcess::default() }, ..view.clone() };
    let both = GpuPicture { processes: vec![small, view], ..picture(vec![held.clone()]) };
    let said = text(&both, &setup);
    let expected = "pid 4242 `python train.py` holds 128 GiB, of claude·api, and does nothing. To end it: kill 4242";
    assert_eq!(said, format!("GPU 1 (H200) is held and idle for 42m. {expected}"));
    let foreign = of_process(held.clone(), ProcessView { is_visible: false, command: String::new(), owner: None, ..process() });
    assert!(
        text(&foreign, &setup)
            .ends_with("holds 128 GiB, and does nothing. To end it: its number is one of another namespace; end it there")
    );
    assert!(text(&picture(vec![held]), &setup).ends_with("112 GiB of its memory are in use; by whom cannot be seen from here."));
}

#[test]
fn a_process_of_a_session_that_has_ended_is_told_with_the_command_that_ends_it_and_nothing_is_ended() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let mine = GpuProcess { pid: child.id(), ..zombie().process };
    let said = text(&of_process(card(), ProcessView { process: mine, ..zombie() }), &off());
    let pid = child.id();
    assert_eq!(
        said,
        format!(
            "A process of a session that has ended holds GPU 1 (H200). pid {pid} `python train.py` holds 128 GiB; its session (claude·api, \
             the agent's process has started it) ended 42m ago. It has cost $2.45 today. To end it: kill {pid}"
        )
    );
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    let shared = |state| kinds(&told(&of_process(been(state, 0), ProcessView { is_shared: true, ..zombie() }), &off()));
    assert_eq!((shared(State::Busy), shared(State::Reserved)), (vec![], vec![AlertKind::GpuZombie]), "a server that works serves somebody");
}

#[test]
fn a_card_that_may_be_rented_is_asked_a_price_for_and_one_at_home_is_not() {
    let reading = |name: &str, gib: u64| GpuReading { name: name.to_owned(), memory_total: Some(gib * GIB), ..card().reading };
    let remote = GpuReading { host: Some("n1".to_owned()), ..reading("NVIDIA A10G", 22) };
    let unified = GpuReading { is_unified: true, ..reading("NVIDIA GB10", 119) };
    let slice = Slice { parent: "bb".to_owned(), profile: "3g.71gb".to_owned(), of: Some((3, 7)) };
    for (what, reading, is_told) in [
        ("a large one", reading("NVIDIA B300", 270), true),
        ("one of another machine", remote, true),
        ("a part of a large one", GpuReading { slice: Some(slice), ..reading("NVIDIA B300", 64) }, true),
        ("one for games", reading("NVIDIA GeForce RTX 4090", 24), false),
        ("one with the machine's memory", unified, false),
        ("AMD's", GpuReading { vendor: Vendor::Amd, ..reading("AMD Instinct MI300X", 192) }, true),
        ("Intel's", GpuReading { vendor: Vendor::Intel, ..reading("Intel Arc", 48) }, false),
        ("Apple's", GpuReading { vendor: Vendor::Apple, ..reading("Apple M3 Ultra", 192) }, false),
        ("one without a name", reading("", 192), false),
    ] {
        let unpriced = picture(vec![CardView { reading: reading.clone(), price: None, ..card() }]);
        assert_eq!(kinds(&told(&unpriced, &off())), [AlertKind::GpuUnpriced][..usize::from(is_told)], "{what}");
        assert_eq!(kinds(&told(&picture(vec![CardView { reading, ..card() }]), &off())), [], "{what}, priced");
    }
}

#[test]
fn names_of_others_drive_neither_the_terminal_nor_the_shell() {
    let evil = "H200\u{1b}[31m\u{202e}'; rm -rf ~\n#`$(x)`".to_owned();
    let reading = GpuReading {
        id: evil.clone(),
        index: None,
        name: evil.clone(),
        host: Some(evil.clone()),
        temperature: Some(99),
        throttle: Some(Throttle { heat: true, ..Throttle::default() }),
        xid: Some(79),
        ecc: Some(1),
        ..card().reading
    };
    let owner = Owner { project: evil.clone(), agent: evil.clone(), ..zombie().owner.unwrap() };
    let view = ProcessView { card: evil.clone(), owner: Some(owner), ..zombie() };
    let said = ServerReading { model: Some(evil.clone()), kv: Some(1000), running: Some(1), ..ServerReading::default() };
    let stuck = ServerView { name: evil.clone(), stuck_since: Some(0), cards: vec![evil.clone()], ..server(said.clone()) };
    let alone = ServerView { name: evil, stuck_since: Some(0), reading: ServerReading { kind: "vllm", ..said }, ..ServerView::default() };
    let setup = GpuSetup { ttl: Some(0), idle: Some(0), reserved: Some(0), ..GpuSetup::default() };
    let mut all = Vec::new();
    for (state, price) in
        [(State::Idle, Some(price("9"))), (State::Reserved, Some(price("9"))), (State::Stalled, None), (State::Lost, None)]
    {
        let card = CardView { reading: reading.clone(), price, day: day(1, 24 * HOUR).day, ..been(state, 9 * HOUR) };
        let servers = vec![stuck.clone(), alone.clone()];
        let mut watch = Watch::default();
        for at in [NOON, NOON + MINUTE] {
            all.extend(
                watch.look(
                    &GpuPicture { at, servers: servers.clone(), processes: vec![view.clone()], ..picture(vec![card.clone()]) },
                    &setup,
                ),
            );
        }
    }
    let known: Vec<AlertKind> = AlertKind::TOLD.into_iter().filter(|kind| kind.word().starts_with("gpu_")).collect();
    let missing: Vec<_> = known.into_iter().filter(|kind| !kinds(&all).contains(kind)).collect();
    assert_eq!(missing, [], "every kind is put to the test");
    for alert in &all {
        assert!(!alert.title.chars().chain(alert.body.chars()).any(is_hostile), "{alert:?}");
        let command = alert.body.split_once("config set '").map(|(_, rest)| rest.split_once("' 2.50`").unwrap().0);
        assert!(command.is_none_or(|name| !name.contains(['\'', '`', '$', '(', ';', '~'])), "{alert:?}");
    }
    assert!(all.iter().any(|alert| alert.body.contains("`aifinops config set 'gpu_prices.NAME' 2.50`")), "{all:#?}");
}

#[test]
fn a_divided_card_that_is_idle_is_told_once() {
    let part = |id: &str, state| {
        let slice = Slice { parent: "aa-11".to_owned(), profile: "3g.71gb".to_owned(), of: Some((3, 7)) };
        let part = been(state, HOUR);
        CardView { reading: GpuReading { id: id.to_owned(), slice: Some(slice), ..part.reading }, price: Some(price("1.50")), ..part }
    };
    let ids = |whole, parts: [State; 2]| {
        let cards = vec![been(whole, HOUR), part("mig-1", parts[0]), part("mig-2", parts[1])];
        let alerts = told(&picture(cards), &GpuSetup { idle: Some(MINUTE), idle_cost: Money::ZERO, ..off() });
        alerts.into_iter().map(|alert| alert.key).collect::<Vec<_>>()
    };
    let idle = |id: &str| format!("{}:{id}", AlertKind::GpuIdle.word());
    assert_eq!(ids(State::Idle, [State::Idle, State::Idle]), [idle("aa-11")]);
    assert_eq!(ids(State::Busy, [State::Idle, State::Busy]), [idle("mig-1")]);
}
