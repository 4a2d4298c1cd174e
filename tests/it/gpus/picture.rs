//! Pictures of GPUs at one fixed moment: a machine with one card of each kind, its servers, its processes, and its week.

use std::collections::VecDeque;
use std::sync::Arc;

use aifinops::engine::gpus::{CardView, GpuPicture, Owner, ProcessView, ServerView, SourceState, SourceView};
use aifinops::insight::gpu::meter::Scaled;
use aifinops::insight::gpu::{State, Worth};
use aifinops::model::Money;
use aifinops::model::gpu::{GpuProcess, GpuReading, Permille, ServerReading, Slice, Timing, Vendor};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::pricing::gpu::GpuPrice;
use aifinops::query::gpus::{Heat, HeatCell, HeatRow};
use aifinops::store::gpus::{CardRow, CardSums};

use crate::screens::world::{NOW, cents};

/// The hours of a week.
pub(super) const WEEK: usize = 7 * 24;

/// So many GiB.
const fn gib(count: u64) -> u64 {
    count << 30
}

fn price(per_hour: i64) -> GpuPrice {
    GpuPrice { per_hour: cents(per_hour), source: "Nebius".to_owned(), as_of: Some("2026-11"), is_owned: false }
}

/// What a card has cost today, and for nothing; in cents.
fn today(cost: i64, idle: i64) -> CardSums {
    CardSums {
        states: [4 * HOUR, 42 * MINUTE, 0, 0, 0, 0],
        used: (4 * HOUR * 640, 4 * HOUR),
        energy: Some(5_400_000_000),
        cost: Some(cents(cost)),
        idle_cost: Some(cents(idle)),
        underuse: Some(cents(idle / 2)),
        ..CardSums::default()
    }
}

/// An hour of use, a hole in it where nobody looked.
fn hour_of(used: impl Fn(u16) -> Permille) -> VecDeque<Option<Permille>> {
    (0..60).map(|minute| (!(20..24).contains(&minute)).then(|| used(minute))).collect()
}

/// An H200 at work for a server.
pub(super) fn busy() -> CardView {
    CardView {
        reading: GpuReading {
            id: "aaaa0000-1111-2222-3333-444444444444".to_owned(),
            index: Some(0),
            vendor: Vendor::Nvidia,
            name: "NVIDIA H200".to_owned(),
            pci: Some("0000:81:00.0".to_owned()),
            used: Some(820),
            sm: Some(610),
            tensor: Some(480),
            bandwidth: Some(550),
            memory_used: Some(gib(112)),
            memory_total: Some(gib(141)),
            power: Some(512_345),
            power_cap: Some(700_000),
            energy: Some(8_123_456_789),
            temperature: Some(61),
            clock: Some(1980),
            driver_idle: Some(false),
            ecc: Some(0),
            processes: Some(Vec::new()),
            ..GpuReading::default()
        },
        source: "nvml".to_owned(),
        seen_at: NOW - 2000,
        state: State::Busy,
        since: NOW - 3 * HOUR,
        price: Some(price(350)),
        today: today(1400, 40),
        history: hour_of(|minute| 700 + minute * 5),
        owner: Some("vllm:8000 (shared)".to_owned()),
        ..CardView::default()
    }
}

/// One that does nothing, and that a session's child holds.
pub(super) fn idle() -> CardView {
    let busy = busy();
    CardView {
        reading: GpuReading {
            id: "bbbb0000-1111-2222-3333-444444444444".to_owned(),
            index: Some(1),
            pci: Some("0000:82:00.0".to_owned()),
            used: Some(0),
            sm: Some(0),
            memory_used: Some(gib(128)),
            power: Some(78_000),
            temperature: Some(28),
            clock: Some(345),
            driver_idle: Some(true),
            ..busy.reading
        },
        state: State::Reserved,
        since: NOW - 42 * MINUTE,
        today: today(1400, 245),
        history: hour_of(|minute| if minute < 18 { 900 } else { 0 }),
        owner: Some("claude·api-refactor A ended".to_owned()),
        ..busy
    }
}

/// One of another machine that works and gets nowhere; nobody knows its price.
pub(super) fn stalled() -> CardView {
    CardView {
        reading: GpuReading {
            id: "n2-0".to_owned(),
            host: Some("n2".to_owned()),
            index: Some(0),
            vendor: Vendor::Amd,
            name: "AMD MI300X".to_owned(),
            used: Some(970),
            memory_used: Some(gib(146)),
            memory_total: Some(gib(192)),
            power: Some(310_000),
            power_cap: Some(750_000),
            temperature: Some(70),
            ..GpuReading::default()
        },
        source: "n2".to_owned(),
        seen_at: NOW - 4000,
        state: State::Stalled,
        since: NOW - 7 * MINUTE,
        history: hour_of(|_| 970),
        owner: Some("sglang:30000 (shared)".to_owned()),
        ..CardView::default()
    }
}

/// One that sleeps, and is not woken to be looked at: nothing is known of it.
pub(super) fn asleep() -> CardView {
    CardView {
        reading: GpuReading {
            id: "0000:00:02.0".to_owned(),
            index: Some(2),
            vendor: Vendor::Intel,
            name: "Intel Iris Xe".to_owned(),
            pci: Some("0000:00:02.0".to_owned()),
            ..GpuReading::default()
        },
        source: "intel".to_owned(),
        seen_at: NOW,
        state: State::Asleep,
        since: NOW - 5 * HOUR,
        ..CardView::default()
    }
}

/// A card that is cut into two: how much it is used as a whole its driver does not tell.
pub(super) fn cut() -> Vec<CardView> {
    let whole = CardView {
        reading: GpuReading {
            id: "cccc".to_owned(),
            index: Some(3),
            used: None,
            sm: None,
            memory_used: Some(gib(60)),
            power: Some(295_000),
            ..busy().reading
        },
        history: VecDeque::new(),
        owner: None,
        ..busy()
    };
    let part = |id: &str, profile: &str, sm: Option<Permille>, state: State| CardView {
        reading: GpuReading {
            id: id.to_owned(),
            index: None,
            pci: None,
            slice: Some(Slice { parent: "cccc".to_owned(), profile: profile.to_owned(), of: Some((3, 7)) }),
            sm,
            memory_used: Some(gib(30)),
            memory_total: Some(gib(71)),
            power: None,
            power_cap: None,
            temperature: None,
            ..whole.reading.clone()
        },
        state,
        price: Some(price(150)),
        today: today(600, 20),
        history: hour_of(|_| sm.unwrap_or(0)),
        ..whole.clone()
    };
    let parts = [part("mig-1", "3g.71gb", Some(710), State::Busy), part("mig-2", "4g.71gb", None, State::Unknown)];
    std::iter::once(whole.clone()).chain(parts).collect()
}

/// A card whose memory is the machine's.
pub(super) fn unified() -> CardView {
    CardView {
        reading: GpuReading {
            id: "dddd".to_owned(),
            index: Some(4),
            name: "NVIDIA GB10".to_owned(),
            used: Some(300),
            memory_used: Some(gib(37)),
            memory_total: Some(gib(119)),
            is_unified: true,
            power: Some(31_000),
            power_cap: None,
            temperature: Some(48),
            sm: None,
            ..busy().reading
        },
        price: None,
        today: CardSums::default(),
        owner: Some("ann: python".to_owned()),
        ..busy()
    }
}

/// A card of a machine that has not answered for too long.
pub(super) fn stale() -> CardView {
    let reading = GpuReading { id: "n1-0".to_owned(), host: Some("n1".to_owned()), index: Some(0), ..busy().reading };
    CardView { reading, source: "n1".to_owned(), seen_at: NOW - 5 * MINUTE, is_stale: true, owner: None, ..busy() }
}

/// Some time of a server: so many seconds, tokens read, taken from the cache, and made; at a price or none.
fn worth(seconds: i64, [prompt, cached, generated]: [u64; 3], per_hour: Option<Money>) -> Worth {
    let cost = per_hour.map(|price| Scaled::of(price, seconds * 1000));
    let first_token = Timing { micros: 210_000 * generated, count: generated };
    Worth {
        millis: seconds * 1000,
        busy: seconds * 500,
        prompt,
        cached,
        generated,
        priced: (prompt, generated),
        first_token,
        cost,
        busy_cost: cost,
    }
}

/// A server at work, whose tokens have a price.
pub(super) fn vllm() -> ServerView {
    let price = Some(cents(350));
    ServerView {
        name: ":8000".to_owned(),
        url: "http://127.0.0.1:8000".to_owned(),
        reading: ServerReading {
            kind: "vllm",
            model: Some("Qwen/Qwen3-32B".to_owned()),
            prompt: Some(9_000_000),
            cached: Some(5_000_000),
            generated: Some(2_000_000),
            running: Some(14),
            waiting: Some(2),
            kv: Some(370),
            ..ServerReading::default()
        },
        cards: vec![busy().reading.id],
        per_hour: price,
        now: worth(300, [923_400, 1_506_600, 582_000], price),
        hour: worth(3600, [11_000_000, 18_000_000, 4_321_000], price),
        ..ServerView::default()
    }
}

fn servers() -> Vec<ServerView> {
    let sglang = ServerView {
        name: "n2-llm".to_owned(),
        url: "http://n2:30000".to_owned(),
        reading: ServerReading {
            kind: "sglang",
            model: Some("deepseek-r1".to_owned()),
            prompt: Some(10),
            generated: Some(10),
            running: Some(3),
            waiting: Some(9),
            kv: Some(960),
            ..ServerReading::default()
        },
        cards: vec![stalled().reading.id],
        now: worth(300, [0, 0, 0], None),
        hour: worth(3600, [120, 0, 64_000], None),
        stuck_since: Some(NOW - 7 * MINUTE),
        ..ServerView::default()
    };
    let rests = ServerView {
        name: ":8081".to_owned(),
        url: "http://127.0.0.1:8081".to_owned(),
        reading: ServerReading {
            kind: "llama.cpp",
            model: Some("a-model-with-a-name-that-is-far-too-long-for-its-column".to_owned()),
            prompt: Some(5),
            generated: Some(5),
            running: Some(0),
            waiting: Some(0),
            ..ServerReading::default()
        },
        cards: vec![idle().reading.id],
        per_hour: Some(cents(350)),
        now: worth(300, [0, 0, 0], Some(cents(350))),
        ..ServerView::default()
    };
    let ollama = ServerView {
        name: "desk".to_owned(),
        url: "http://desk:11434".to_owned(),
        reading: ServerReading { kind: "ollama", is_asleep: true, ..ServerReading::default() },
        ..ServerView::default()
    };
    vec![vllm(), rests, ollama, sglang]
}

/// A process on a card, as this machine knows it.
pub(super) fn process(pid: u32, card: &CardView, memory: Option<u64>, command: &str) -> ProcessView {
    ProcessView {
        card: card.reading.id.clone(),
        process: GpuProcess { pid, memory, used: card.reading.used, ..GpuProcess::default() },
        is_visible: true,
        command: command.to_owned(),
        user: Some("ann".to_owned()),
        started_at: Some(NOW - 5 * HOUR - 12 * MINUTE),
        ..ProcessView::default()
    }
}

/// One that the session which started it does not wait for any more.
pub(super) fn zombie() -> ProcessView {
    ProcessView {
        owner: Some(Owner {
            agent: "claude-code".to_owned(),
            session: "00000001-0000-4000-8000-000000000000".to_owned(),
            project: "api-refactor".to_owned(),
            rule: 'A',
            ended_at: Some(NOW - 42 * MINUTE),
        }),
        is_zombie: true,
        burnt: Some(cents(245)),
        parents: vec![(3811, "claude --resume".to_owned()), (3700, "bash".to_owned())],
        ..process(4242, &idle(), Some(gib(128)), "python train.py --epochs 3")
    }
}

/// One of another namespace: only its number is known, and that is another process' here.
pub(super) fn invisible() -> ProcessView {
    ProcessView {
        is_visible: false,
        user: None,
        started_at: None,
        process: GpuProcess { pid: 77, ..GpuProcess::default() },
        ..process(77, &busy(), None, "")
    }
}

fn processes() -> Vec<ProcessView> {
    let owner = |project: &str, rule| Owner {
        agent: "codex".to_owned(),
        session: "019e0000-0000-7000-8000-000000000004".to_owned(),
        project: project.to_owned(),
        rule,
        ended_at: None,
    };
    let serves = ProcessView { is_shared: true, ..process(4101, &busy(), Some(gib(110)), "python -m vllm.entrypoints.openai.api_server") };
    let evaluates =
        ProcessView { owner: Some(owner("web", 'D')), burnt: Some(cents(12)), ..process(5151, &cut()[1], Some(gib(29)), "python eval.py") };
    let mut draws = process(911, &busy(), Some(300 << 20), "/usr/lib/xorg/Xorg");
    draws.process.is_graphics = true;
    vec![serves, invisible(), zombie(), evaluates, draws]
}

/// A week: cards that work by day, one that has gone, hours that nobody looked at, and one without a price.
pub(super) fn heat(cards: &[CardView]) -> Heat {
    let first = NOW.div_euclid(HOUR) + 1 - i64::try_from(WEEK).unwrap();
    let cell = |row: usize, hour: usize| {
        let seen = !(hour + row).is_multiple_of(29) && hour > row * 4;
        let used = u16::try_from((hour * 37 + row * 211) % 1000).unwrap();
        let idle = [0, 4, 40, 240, 410].map(cents)[(hour / 5 + row) % 5];
        if seen {
            HeatCell { used: Some(used), known: HOUR, seen: HOUR, idle_cost: (row != 2).then_some(idle) }
        } else {
            HeatCell::default()
        }
    };
    let row = |(at, card): (usize, &CardView)| HeatRow {
        card: CardRow {
            id: i64::try_from(at).unwrap(),
            host: card.reading.host.clone().unwrap_or_default(),
            uid: card.reading.id.clone(),
            name: card.reading.name.clone(),
            ..CardRow::default()
        },
        cells: (0..WEEK).map(|hour| cell(at, hour)).collect(),
    };
    let gone = CardView {
        reading: GpuReading { id: "gone".to_owned(), name: "NVIDIA Tesla T4".to_owned(), ..GpuReading::default() },
        ..CardView::default()
    };
    let rows = std::iter::once(&gone).chain(cards).enumerate().map(row).collect();
    Heat { from: first * HOUR, hours: WEEK, rows }
}

fn source(name: &str, state: SourceState, why: Option<&str>) -> SourceView {
    SourceView { name: name.to_owned(), about: name.to_owned(), state, why: why.map(str::to_owned), ..SourceView::default() }
}

/// Everything of this machine and of two others.
pub(super) fn everything() -> GpuPicture {
    let mut cards = vec![busy(), idle(), asleep()];
    cards.extend(cut());
    cards.extend([unified(), stale(), stalled()]);
    GpuPicture {
        at: NOW,
        sources: vec![source("nvml", SourceState::Well, None), source("n1", SourceState::Stale, Some("it has not answered since"))],
        heat: Arc::new(heat(&cards)),
        servers: servers(),
        processes: processes(),
        cards,
        ..GpuPicture::default()
    }
}

/// A machine that nothing was found on.
pub(super) fn nothing() -> GpuPicture {
    GpuPicture { at: NOW, sources: vec![source("nvml", SourceState::Absent, Some("no NVIDIA driver"))], ..GpuPicture::default() }
}

/// One whose driver cannot be asked.
pub(super) fn broken(why: &str) -> GpuPicture {
    GpuPicture { at: NOW, sources: vec![source("nvml", SourceState::Broken, Some(why))], ..GpuPicture::default() }
}

/// One card, one process, one server, one hour: and nothing is known of any of them.
pub(super) fn unknown() -> GpuPicture {
    let card = CardView {
        reading: GpuReading { id: "aa".to_owned(), index: Some(1), name: "Card".to_owned(), ..GpuReading::default() },
        source: "nvml".to_owned(),
        seen_at: NOW - 2000,
        since: NOW - 7 * MINUTE,
        history: VecDeque::from([None, None]),
        ..CardView::default()
    };
    let process = ProcessView {
        card: "aa".to_owned(),
        process: GpuProcess { pid: 1234, ..GpuProcess::default() },
        is_visible: true,
        command: "work".to_owned(),
        ..ProcessView::default()
    };
    let reading = ServerReading { kind: "vllm", ..ServerReading::default() };
    // Looks have been taken of it, and none has said a figure.
    let seen = Worth { millis: 300_000, ..Worth::default() };
    let server = ServerView { name: "llm".to_owned(), reading, now: seen, hour: seen, ..ServerView::default() };
    let row = HeatRow {
        card: CardRow { uid: "aa".to_owned(), name: "Card".to_owned(), ..CardRow::default() },
        cells: vec![HeatCell::default(); WEEK],
    };
    GpuPicture {
        at: NOW,
        heat: Arc::new(Heat { from: NOW - 7 * 24 * HOUR, hours: WEEK, rows: vec![row] }),
        cards: vec![card],
        processes: vec![process],
        servers: vec![server],
        ..GpuPicture::default()
    }
}

/// A hall of machines: so many cards, processes and servers.
pub(super) fn hall(cards: usize, processes: usize, servers: usize) -> GpuPicture {
    let card = |at: usize| {
        let mut card = busy();
        card.reading.id = format!("card-{at}");
        card.reading.index = u32::try_from(at).ok();
        card
    };
    let cards: Vec<CardView> = (0..cards).map(card).collect();
    let process =
        |at: usize| process(u32::try_from(1000 + at).unwrap(), &cards[at % cards.len()], Some(gib(3)), "python work.py --long option");
    GpuPicture {
        at: NOW,
        heat: Arc::new(heat(&cards)),
        processes: (0..processes).map(process).collect(),
        servers: std::iter::repeat_n(vllm(), servers).collect(),
        cards,
        ..GpuPicture::default()
    }
}
