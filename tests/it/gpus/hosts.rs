//! Machines of the network: exporters and inference servers appear with what they say, one that fails says why in a sentence
//! and holds nobody up, and what a million tokens cost follows from what was counted.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aifinops::engine::gpus::{GpuPicture, ServerView, SourceState};
use aifinops::gpus::Places;
use aifinops::insight::gpu::State;
use aifinops::insight::gpu::meter::Scaled;
use aifinops::model::gateway::KeySource;
use aifinops::model::gpu_setup::GpuHost;
use aifinops::model::text::is_hostile;
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money, Window};
use aifinops::store::GpuBook;

use super::fake::{Fake, Machine};
use super::keeper::places;
use super::meter::{NOON, usd};
use super::metrics::{Heard, Host, Reply, dcgm, vllm};
use super::watching::{Running, Stage, clock, host, own_price, passes, source, told};

const SECOND: Millis = 1000;

/// A machine without any card of its own.
fn bare(machine: &Machine) -> Places {
    Places { nvml: Some(machine.path().join("none.so")), ..machine.places() }
}

/// A machine with an H200 at $3.50 an hour.
fn with_card() -> Option<Fake> {
    let mut fake = Fake::new()?;
    fake.says(&[("gpu0.util", 3), ("gpu0.compute", 0)]).set("gpu0.name", "NVIDIA H200").set("gpu0.uuid", "GPU-AA-11");
    Some(fake)
}

fn server<'a>(picture: &'a GpuPicture, name: &str) -> Option<&'a ServerView> {
    picture.servers.iter().find(|server| server.name == name)
}

/// What of a page was said, in the order of the requests.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u64>>>);

impl Said {
    fn note(&self, value: u64) -> u64 {
        self.0.lock().unwrap().push(value);
        value
    }

    /// What had been made when the server was first looked at, and since then until it said this.
    fn until(&self, last: u64) -> Vec<u64> {
        let said = self.0.lock().unwrap().clone();
        let end = said.iter().position(|value| *value == last).unwrap();
        // The first request only finds out what it is.
        said[1..=end].to_vec()
    }
}

const LLAMA: &str = "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.\n\
    llamacpp:prompt_tokens_total 17\nllamacpp:tokens_predicted_total 64\nllamacpp:prompt_seconds_total 0.5\n\
    llamacpp:tokens_predicted_seconds_total 2\nllamacpp:n_decode_total 70\nllamacpp:requests_processing 1\nllamacpp:requests_deferred 3\n";

#[test]
fn exporters_and_servers_appear_with_what_they_say() {
    let machine = Machine::new();
    let exporter = Host::with_page(|| dcgm(0, "GPU-AA", "NVIDIA H100 80GB HBM3", "n1", 80) + &dcgm(1, "GPU-BB", "NVIDIA A10", "n1", 0));
    let llama = Host::answering(|path| match path {
        "/metrics" => Reply::Page(LLAMA.to_owned()),
        "/v1/models" => Reply::Page(r#"{"data": [{"id": "tiny.gguf"}]}"#.to_owned()),
        "/slots" => Reply::Page(r#"[{"is_processing": true, "next_token": {"n_decoded": 5}}]"#.to_owned()),
        _ => Reply::Status(404),
    });
    let two_models = Host::with_page(|| vllm("qwen3-32b", 1000, 400, 3) + &vllm("embedder", 7, 0, 0));
    let stage = Stage::at(bare(&machine), clock::<10>);
    let (key, secret) = (stage.dir().join("key"), "sk-nobody-has-this-one");
    fs::write(&key, format!("{secret}\n")).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with_key = GpuHost { key: Some(KeySource::File(key)), ..host("dcgm", &exporter.url()) };
    stage.asks(&[with_key, host("llama", &llama.url()), host("two", &two_models.url())]);
    let watching = stage.start();
    let picture = watching.until("all have answered", |picture| (picture.cards.len(), picture.servers.len()) == (2, 3));
    let cards: Vec<_> = picture
        .cards
        .iter()
        .map(|card| {
            let dollars = card.price.as_ref().map(|price| price.per_hour.exact());
            (card.reading.id.as_str(), card.reading.host.as_deref(), card.reading.used, card.state, dollars)
        })
        .collect();
    let expected = [("aa", Some(800), State::Busy, Some("2.95".to_owned())), ("bb", Some(0), State::Idle, None)];
    assert_eq!(cards, expected.map(|(id, used, state, dollars)| (id, Some("n1"), used, state, dollars)));
    let about = |name: &str| (source(&picture, name).state, source(&picture, name).about.clone(), source(&picture, name).sees);
    assert_eq!(about("dcgm"), (SourceState::Well, "dcgm-exporter, 8 figures".to_owned(), (2, 0)));
    assert_eq!(about("llama"), (SourceState::Well, "llama-cpp, 7 figures".to_owned(), (0, 1)));
    assert_eq!(about("two"), (SourceState::Well, "vllm, 10 figures".to_owned(), (0, 2)));
    assert!(source(&picture, "two").is_remote && source(&picture, "two").seen_at.is_some());

    let tiny = &server(&picture, "llama").unwrap().reading;
    assert_eq!((tiny.kind, tiny.model.as_deref(), tiny.prompt, tiny.generated), ("llama-cpp", Some("tiny.gguf"), Some(17), Some(64)));
    assert_eq!((tiny.progress, tiny.running, tiny.waiting, tiny.seconds), (Some(70), Some(1), Some(3), Some((500, 2000))));
    let models: Vec<_> = picture.servers.iter().filter(|server| server.name == "two").map(|server| &server.reading).collect();
    let said: Vec<_> = models.iter().map(|said| (said.model.as_deref().unwrap(), said.prompt, said.running, said.kv)).collect();
    assert_eq!(said, [("embedder", Some(7), Some(0), Some(370)), ("qwen3-32b", Some(1000), Some(3), Some(370))]);
    drop(watching);
    assert!(exporter.heard().iter().all(|heard| heard.key == Some(format!("Bearer {secret}"))), "{:?}", exporter.heard());
    assert!(llama.heard().iter().all(|heard| heard.key.is_none()), "a key goes to its own host alone");
}

#[test]
fn a_host_that_fails_says_why_and_holds_up_nothing_else() {
    let Some(fake) = with_card() else { return };
    let target = Host::with_page(|| vllm("elsewhere", 1, 1, 1));
    let late = "it has not answered in time";
    let large = "127.0.0.1 answers with more than 16 MB, which is no answer";
    let unreachable = "it cannot be reached: ";
    let figures = "what it says are no figures in Prometheus' text format";
    let bad = [
        ("slow", Reply::Slow, late),
        ("drips", Reply::Drips, late),
        ("huge", Reply::Huge, large),
        ("endless", Reply::Endless, large),
        ("bomb", Reply::Bomb, large),
        ("redirect", Reply::Redirect(format!("{}/led-astray", target.url())), "it redirects to 127.0.0.1, which is not followed"),
        ("down", Reply::Status(500), "it answers with status 500"),
        ("shut", Reply::Status(401), "it wants a key (status 401): set token_env for it"),
        ("missing", Reply::Status(404), "it has no page of figures there (status 404)"),
        ("binary", Reply::Binary, figures),
        ("words", Reply::Page("<html>\n<body>It works!</body>\n</html>\n".to_owned()), figures),
        ("others", Reply::Page("node_load1 0.5\n".to_owned()), "its figures are of no exporter or server that is known"),
        ("early", Reply::Early, unreachable),
        ("noise", Reply::Noise, unreachable),
    ];
    let well = Host::with_page(|| vllm("qwen3-32b", 1000, 400, 3));
    let hosts: BTreeMap<&str, Host> = bad.iter().map(|(name, reply, _)| (*name, Host::always(reply.clone()))).collect();
    let stage = Stage::at(places(&fake), clock::<11>);
    stage.asks(&hosts.iter().map(|(name, at)| host(name, &at.url())).collect::<Vec<_>>());
    stage.asks(&[host("dead", &Host::dead()), host("well", &well.url())]);
    let watching = stage.start();
    let (mut last, mut longest) = ((0, Instant::now()), Duration::ZERO);
    let picture = watching.until("every bad one is broken", |picture| {
        if picture.at != last.0 {
            longest = longest.max(last.1.elapsed());
            last = (picture.at, Instant::now());
        }
        let is_broken = |name: &str| picture.sources.iter().any(|source| source.name == name && source.state == SourceState::Broken);
        bad.iter().all(|(name, ..)| is_broken(name)) && is_broken("dead")
    });
    let expected = bad.iter().map(|(name, _, why)| (*name, *why)).chain([("dead", unreachable)]);
    for (name, why) in expected {
        let source = source(&picture, name);
        let said = source.why.as_deref().unwrap();
        assert!(said.starts_with(why) && said.len() < 250 && !said.chars().any(is_hostile), "{name}: {said}");
        assert!(!said.contains("Err(") && !said.contains("http://"), "{name}: {said}");
        assert_eq!((source.sees, source.seen_at), ((0, 0), None), "{name}");
    }
    assert_eq!(target.heard(), [], "nobody is led elsewhere");
    assert!(longest < Duration::from_secs(5), "a picture every two seconds, whatever hosts do: {longest:?}");
    assert!(well.heard().len() >= 4, "another is asked every two seconds meanwhile: {}", well.heard().len());
    let (server, card) = (server(&picture, "well").unwrap(), &picture.cards[0]);
    assert!(!server.is_stale && picture.at - source(&picture, "well").seen_at.unwrap() < 5 * SECOND);
    assert!(!card.is_stale && (card.source.as_str(), card.state) == ("nvml", State::Idle));
    let end = Instant::now();
    drop(watching);
    assert!(end.elapsed() < Duration::from_secs(2), "the end waits for no host");
}

#[test]
fn a_card_that_an_exporter_speaks_of_as_well_is_one_card() {
    let Some(fake) = with_card() else { return };
    let exporter = Host::with_page(|| dcgm(7, "GPU-aa-11", "NVIDIA H200", "n1", 99) + &dcgm(1, "GPU-bb", "NVIDIA H200", "n1", 99));
    let stage = Stage::at(places(&fake), clock::<12>);
    stage.asks(&[host("dcgm", &exporter.url())]);
    let watching = stage.start();
    let picture = watching.until("both are seen", |picture| {
        picture.cards.len() > 1 && picture.sources.iter().filter(|source| source.state == SourceState::Well).count() == 2
    });
    let cards: Vec<_> = picture.cards.iter().map(|card| (card.reading.id.as_str(), card.source.as_str(), card.reading.used)).collect();
    assert_eq!(cards, [("aa-11", "nvml", Some(30)), ("bb", "dcgm", Some(990))], "what the machine says of itself goes first");
    assert_eq!((source(&picture, "dcgm").sees, picture.per_hour().0), ((2, 0), Some(usd("7"))));
}

#[test]
fn a_divided_card_costs_what_it_costs_once_though_nothing_but_its_instances_is_known() {
    let machine = Machine::new();
    let card = "gpu=\"0\",UUID=\"GPU-cc\",modelName=\"NVIDIA H200\",Hostname=\"ip-10-0-0-5\"";
    let part = |number: u32, slices: u32, used: &str| {
        let labels = format!("{card},GPU_I_PROFILE=\"{slices}g.71gb\",GPU_I_ID=\"{number}\"");
        format!("DCGM_FI_DEV_POWER_USAGE{{{labels}}} 295\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{{{labels}}} {used}\n")
    };
    let page = part(1, 3, "0.9") + &part(2, 4, "0");
    let exporter = Host::with_page(move || page.clone());
    let stage = Stage::at(bare(&machine), clock::<17>);
    stage.asks(&[host("rented", &exporter.url())]);
    stage.edit(|settings| settings.tariff.own.push(own_price("host:rented", "7")));
    let watching = stage.start();
    let picture = watching.until("it has cost something", |picture| picture.cost_today() > Some(Money::ZERO));
    let cards: Vec<_> = picture
        .cards
        .iter()
        .map(|card| (card.reading.id.as_str(), card.state, card.price.as_ref().unwrap().per_hour, card.today.idle_cost))
        .collect();
    let idle = picture.cards[2].today.cost;
    let expected =
        [("cc", "7", State::Busy, Some(Money::ZERO)), ("cc/gi1", "3", State::Busy, Some(Money::ZERO)), ("cc/gi2", "4", State::Idle, idle)];
    assert_eq!(cards, expected.map(|(id, price, state, idle)| (id, state, usd(price), idle)));
    assert_eq!((picture.per_hour(), picture.count(State::Busy)), ((Some(usd("7")), 0), 1));
    let whole = picture.cards[0].today.cost;
    assert_eq!((picture.cost_today(), picture.idle_today()), (whole, Some(Money::ZERO)), "an instance is a part of its card");
    drop(watching);
    let (book, _) = GpuBook::open(stage.dir(), Duration::from_secs(5)).unwrap();
    let window = Window { from: NOON - HOUR, to: NOON + HOUR };
    let (spent, idle) = book.spent(window).unwrap().unwrap();
    let sums = book.sums(window).unwrap();
    assert!(sums.len() == 3 && sums.iter().any(|sums| sums.cost == Some(spent) && spent >= whole.unwrap()), "{spent:?} of {sums:?}");
    assert_eq!(idle, Money::ZERO);
}

#[test]
fn what_a_million_tokens_cost_follows_from_what_was_counted() {
    let Some(fake) = with_card() else { return };
    let (begun, said) = (Instant::now(), Said::default());
    let log = said.clone();
    // 2500 tokens a second.
    let fast = Host::with_page(move || {
        let made = log.note(u64::try_from(begun.elapsed().as_millis()).unwrap() * 5 / 2);
        vllm("qwen3-32b", 4 * made, made, 14)
    });
    let (restarts, counts) = (Said::default(), [900, 1000, 40, 90, 95, 99, 100]);
    let (log, number) = (restarts.clone(), AtomicUsize::new(0));
    let restarted = Host::with_page(move || {
        let made = counts[number.fetch_add(1, Ordering::SeqCst).min(counts.len() - 1)];
        vllm("qwen3-32b", 0, log.note(made), 1)
    });
    let stuck = Host::with_page(|| vllm("qwen3-32b", 10, 5, 2));
    let stage = Stage::at(places(&fake), clock::<13>);
    let on_card = |name: &str, at: &Host| GpuHost { gpus: vec!["0".to_owned()], ..host(name, &at.url()) };
    stage.asks(&[on_card("fast", &fast), host("restarted", &restarted.url()), host("stuck", &stuck.url())]);
    let watching = stage.start();
    let done = |picture: &GpuPicture, name: &str| server(picture, name).map_or(0, |server| server.now.millis);
    let picture = watching.until("some seconds have been measured", |picture| {
        done(picture, "fast") >= 3 * SECOND && done(picture, "restarted") >= 3 * SECOND && done(picture, "stuck") > 0
    });

    let server_ = server(&picture, "fast").unwrap();
    assert_eq!((&server_.cards, server_.per_hour), (&vec!["aa-11".to_owned()], Some(usd("3.50"))));
    let made = said.until(server_.reading.generated.unwrap());
    let (now, grown) = (server_.now, made.last().unwrap() - made[0]);
    assert_eq!((now.generated, now.prompt, now.busy), (grown, 4 * grown, now.millis));
    assert_eq!(now.cost, Some(Scaled::of(usd("3.50"), now.millis)));
    let exact = usd("3.50").scale(now.millis, HOUR).scale(1_000_000, i64::try_from(grown).unwrap());
    assert_eq!((now.per_million(), now.per_million_at_load()), (Some(exact), Some(exact)));
    assert!((usd("0.30")..usd("0.50")).contains(&exact), "about $0.389: {exact:?}");
    assert!((1900..3200).contains(&(now.made_a_second().unwrap() / 1000)), "{now:?}");
    assert_eq!((server_.hour.generated, server_.hour.per_million()), (now.generated, now.per_million()));
    assert_eq!(picture.cards[0].owner, Some(format!("vllm:{} (shared)", fast.port())));
    assert_eq!(picture.cards[0].state, State::Busy, "tokens come out of it, whatever it says of its use");

    let again = server(&picture, "restarted").unwrap();
    let steps = restarts.until(again.reading.generated.unwrap());
    let grown: u64 = steps.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] }).sum();
    assert!(steps.contains(&40) && again.now.generated == grown, "{steps:?}: {:?}", again.now);
    assert_eq!((again.per_hour, again.now.per_million(), again.stuck_since), (None, None, None), "no card is known to be its own");

    let server_ = server(&picture, "stuck").unwrap();
    assert!(server_.stuck_since.is_some_and(|at| at <= picture.at) && server_.now.generated == 0, "{server_:#?}");
    assert_eq!(server_.now.busy, server_.now.millis, "it works, and nothing comes of it");
}

#[test]
fn a_server_is_heard_also_once_the_clock_was_set_back() {
    let machine = Machine::new();
    let said = Said::default();
    let (log, number) = (said.clone(), AtomicUsize::new(0));
    let counts = Host::with_page(move || vllm("m", 0, log.note(100 * u64::try_from(number.fetch_add(1, Ordering::SeqCst)).unwrap()), 1));
    let stage = Stage::at(bare(&machine), clock::<14>);
    stage.asks(&[host("v", &counts.url())]);
    let watching = stage.start();
    let made = |picture: &GpuPicture| server(picture, "v").and_then(|server| server.reading.generated);
    let before = watching.until("it is seen", |picture| made(picture).is_some());
    passes::<14>(-10 * MINUTE);
    let after = watching.until("it has gone on", |picture| made(picture) >= made(&before).map(|made| made + 200));
    assert!(after.at < before.at && !server(&after, "v").unwrap().is_stale);
}

/// What tells [`serves_until_its_file_is_gone`] that it is the other half of a test.
const SERVE: &str = "AIFINOPS_TEST_SERVES";

#[test]
fn a_server_of_this_machine_is_found_by_the_card_that_it_holds() {
    let Some(mut fake) = with_card() else { return };
    let (exe, file) = (std::env::current_exe().unwrap(), fake.machine.path().join("port"));
    let command = [exe.to_str().unwrap(), "--exact", "gpus::hosts::serves_until_its_file_is_gone", "--ignored"];
    let other = Running::start(fake.machine.path(), &[(SERVE, file.to_str().unwrap())], &command);
    let port = told(&file);
    fake.set("gpu0.compute", 1).set("gpu0.compute0.pid", other.0);
    // A machine elsewhere whose server has the same port is no reason not to look here.
    let elsewhere = format!("http://no-such-machine.invalid:{port}");
    let stage = Stage::at(places(&fake), clock::<15>);
    stage.asks(&[host("elsewhere", &elsewhere)]);
    let watching = stage.start();
    let name = format!(":{port}");
    let picture = watching.until("it is found, and knows its card", |picture| {
        server(picture, &name).is_some_and(|server| !server.cards.is_empty() && server.per_hour.is_some())
    });
    let found = server(&picture, &name).unwrap();
    assert_eq!((found.url.clone(), &found.cards), (format!("http://127.0.0.1:{port}"), &vec!["aa-11".to_owned()]));
    assert_eq!((found.per_hour, found.reading.model.as_deref()), (Some(usd("3.50")), Some("found-by-its-port")));
    assert!(picture.processes[0].is_shared, "several sessions may use it");
    assert_eq!(picture.cards[0].owner, Some(format!("vllm:{port} (shared)")));
    // Named, it is not asked twice.
    stage.asks(&[host("mine", &format!("http://localhost:{port}"))]);
    watching.until("it has the name that was given to it", |picture| {
        server(picture, "mine").is_some() && picture.sources.iter().all(|source| source.name != name)
    });
}

#[test]
#[ignore = "no test: the process that serves for the one above"]
fn serves_until_its_file_is_gone() {
    let Some(file) = std::env::var_os(SERVE).map(PathBuf::from) else { return };
    let host = Host::with_page(|| vllm("found-by-its-port", 1, 1, 0));
    fs::write(file.with_extension("new"), host.port().to_string()).unwrap();
    fs::rename(file.with_extension("new"), &file).unwrap();
    while file.exists() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_stand_in_answers_what_it_is_told_to() {
    use std::io::{Read as _, Write as _};
    let host = Host::answering(|path| if path == "/a" { Reply::Page("x 1\n".to_owned()) } else { Reply::Status(418) });
    let ask = |path: &str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", host.port())).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nAuthorization: Bearer k\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/a").ends_with("\r\n\r\nx 1\n") && ask("/b").starts_with("HTTP/1.1 418 "));
    let heard = |path: &str| Heard { path: path.to_owned(), key: Some("Bearer k".to_owned()) };
    assert_eq!(host.heard(), [heard("/a"), heard("/b")]);
}
