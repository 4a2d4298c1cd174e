//! The GPUs as JSON: a stable interface. What is not known is `null`, never 0.

use serde::Serialize;

use crate::engine::gpus::{CardView, GpuPicture, Owner, ProcessView, ServerView, SourceView};
use crate::export::json::Usd;
use crate::insight::gpu::Worth;
use crate::model::Money;
use crate::model::gpu::{Permille, ServerReading, Throttle};
use crate::model::text::clean;
use crate::model::time::rfc3339;

/// Everything.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Answer {
    pub at: String,
    pub cards: Vec<CardJson>,
    pub servers: Vec<ServerJson>,
    pub processes: Vec<ProcessJson>,
    pub sources: Vec<SourceJson>,
    pub total: TotalJson,
    pub alerts: Vec<AlertJson>,
    pub notices: Vec<String>,
}

/// All cards together; instances are parts of their cards.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct TotalJson {
    pub cards: usize,
    pub utilization: Option<f64>,
    pub usd_per_hour: Option<Usd>,
    pub nano_usd_per_hour: Option<i64>,
    pub unpriced: usize,
    pub cost_today_usd: Option<Usd>,
    pub cost_today_nano_usd: Option<i64>,
    pub idle_today_usd: Option<Usd>,
    pub idle_today_nano_usd: Option<i64>,
}

/// A card, or an instance of one.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct CardJson {
    pub id: String,
    pub host: Option<String>,
    pub index: Option<u32>,
    pub name: String,
    pub vendor: &'static str,
    pub pci: Option<String>,
    pub parent: Option<String>,
    pub profile: Option<String>,
    pub source: String,
    pub state: &'static str,
    pub since: String,
    pub stale: bool,
    pub utilization: Option<f64>,
    pub utilization_of: &'static str,
    pub sm: Option<f64>,
    pub tensor: Option<f64>,
    pub memory_bandwidth: Option<f64>,
    pub memory_used_bytes: Option<u64>,
    pub memory_total_bytes: Option<u64>,
    pub unified_memory: bool,
    pub power_watts: Option<f64>,
    pub power_cap_watts: Option<f64>,
    pub temperature_celsius: Option<i32>,
    pub sm_mhz: Option<u32>,
    pub throttled_by: Option<String>,
    pub driver_idle: Option<bool>,
    pub ecc_errors: Option<u64>,
    pub xid: Option<u64>,
    pub hidden_processes: u32,
    pub price: Option<PriceJson>,
    pub today: TodayJson,
    pub owner: Option<String>,
    pub history_minutes: Vec<Option<f64>>,
}

/// What an hour costs.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct PriceJson {
    pub usd_per_hour: Usd,
    pub nano_usd_per_hour: i64,
    pub source: String,
    pub as_of: Option<&'static str>,
    pub owned: bool,
}

/// What a card has done today.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct TodayJson {
    pub cost_usd: Option<Usd>,
    pub cost_nano_usd: Option<i64>,
    pub idle_usd: Option<Usd>,
    pub idle_nano_usd: Option<i64>,
    pub underuse_usd: Option<Usd>,
    pub underuse_nano_usd: Option<i64>,
    pub busy_seconds: i64,
    pub idle_seconds: i64,
    pub reserved_idle_seconds: i64,
    pub stalled_seconds: i64,
    pub asleep_seconds: i64,
    pub utilization: Option<f64>,
    pub energy_joules: Option<i64>,
    pub energy_usd: Option<Usd>,
    pub energy_nano_usd: Option<i64>,
}

/// An inference server.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct ServerJson {
    pub name: String,
    pub kind: &'static str,
    pub url: String,
    pub model: Option<String>,
    pub stale: bool,
    pub asleep: bool,
    pub running: Option<u64>,
    pub waiting: Option<u64>,
    pub kv_cache: Option<f64>,
    pub cards: Vec<String>,
    pub usd_per_hour: Option<Usd>,
    pub nano_usd_per_hour: Option<i64>,
    pub now: WorthJson,
    pub hour: WorthJson,
    pub memory_bytes: Option<u64>,
    pub unloads_at: Option<String>,
}

/// What a server got done in a time.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct WorthJson {
    pub seconds: f64,
    pub output_tokens: Option<u64>,
    pub output_tokens_per_second: Option<f64>,
    pub input_tokens_per_second: Option<f64>,
    pub cached_tokens: Option<u64>,
    pub first_token_seconds: Option<f64>,
    pub usd_per_million_output: Option<Usd>,
    pub nano_usd_per_million_output: Option<i64>,
    pub usd_per_million_output_at_load: Option<Usd>,
    pub nano_usd_per_million_output_at_load: Option<i64>,
    pub usd_per_million_blended: Option<Usd>,
    pub nano_usd_per_million_blended: Option<i64>,
}

/// A process on a card.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a process, as the JSON has them")]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct ProcessJson {
    pub pid: u32,
    pub card: String,
    pub visible: bool,
    pub command: String,
    pub user: Option<String>,
    pub started_at: Option<String>,
    pub memory_bytes: Option<u64>,
    pub utilization: Option<f64>,
    pub graphics: bool,
    pub owner: Option<OwnerJson>,
    pub zombie: bool,
    pub shared: bool,
    pub burnt_today_usd: Option<Usd>,
    pub burnt_today_nano_usd: Option<i64>,
}

/// Whose a process is.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct OwnerJson {
    pub agent: String,
    pub session: Option<String>,
    pub project: String,
    pub confidence: char,
    pub because: &'static str,
    pub ended_at: Option<String>,
}

/// A source of figures.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct SourceJson {
    pub name: String,
    pub about: String,
    pub state: &'static str,
    pub why: Option<String>,
    pub seen_at: Option<String>,
    pub took_millis: Option<u64>,
    pub cards: usize,
    pub servers: usize,
    pub remote: bool,
}

/// What there is to tell.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct AlertJson {
    pub kind: &'static str,
    pub title: String,
    pub body: String,
}

/// Makes it.
#[must_use]
pub fn answer(picture: &GpuPicture) -> Answer {
    let (per_hour, unpriced) = picture.per_hour();
    Answer {
        at: rfc3339(picture.at),
        cards: picture.cards.iter().map(card).collect(),
        servers: picture.servers.iter().map(server).collect(),
        processes: picture.processes.iter().map(process).collect(),
        sources: sources(picture),
        total: TotalJson {
            cards: picture.whole().count(),
            utilization: percent(picture.used()),
            usd_per_hour: per_hour.map(Usd),
            nano_usd_per_hour: per_hour.map(Money::nanos),
            unpriced,
            cost_today_usd: picture.cost_today().map(Usd),
            cost_today_nano_usd: picture.cost_today().map(Money::nanos),
            idle_today_usd: picture.idle_today().map(Usd),
            idle_today_nano_usd: picture.idle_today().map(Money::nanos),
        },
        alerts: picture
            .alerts
            .iter()
            .map(|alert| AlertJson { kind: alert.kind.word(), title: clean(&alert.title), body: clean(&alert.body) })
            .collect(),
        notices: picture.notices.clone(),
    }
}

/// The sources alone.
#[must_use]
pub fn sources(picture: &GpuPicture) -> Vec<SourceJson> {
    let source = |source: &SourceView| SourceJson {
        name: clean(&source.name),
        about: clean(&source.about),
        state: source.state.word(),
        why: source.why.as_deref().map(clean),
        seen_at: source.seen_at.map(rfc3339),
        took_millis: source.took,
        cards: source.sees.0,
        servers: source.sees.1,
        remote: source.is_remote,
    };
    picture.sources.iter().map(source).collect()
}

/// Per cent, with one decimal.
fn percent(value: Option<Permille>) -> Option<f64> {
    value.map(|permille| f64::from(permille) / 10.0)
}

/// Thousandths as a number.
fn thousandth(value: Option<u64>) -> Option<f64> {
    value.and_then(|value| u32::try_from(value).ok()).map(|value| f64::from(value) / 1000.0)
}

fn card(view: &CardView) -> CardJson {
    let reading = &view.reading;
    let today = &view.today;
    let [busy, idle, reserved, stalled, asleep, _] = today.states.map(|millis| millis / 1000);
    let used = today.used.0.checked_div(today.used.1).and_then(|used| Permille::try_from(used).ok());
    CardJson {
        id: clean(&reading.id),
        host: reading.host.as_deref().map(clean),
        index: reading.index,
        name: clean(&reading.name),
        vendor: reading.vendor.word(),
        pci: reading.pci.as_deref().map(clean),
        parent: reading.slice.as_ref().map(|slice| clean(&slice.parent)),
        profile: reading.slice.as_ref().map(|slice| clean(&slice.profile)),
        source: clean(&view.source),
        state: view.state.word(),
        since: rfc3339(view.since),
        stale: view.is_stale,
        utilization: percent(reading.used),
        utilization_of: reading.used_kind.word(),
        sm: percent(reading.sm),
        tensor: percent(reading.tensor),
        memory_bandwidth: percent(reading.bandwidth),
        memory_used_bytes: reading.memory_used,
        memory_total_bytes: reading.memory_total,
        unified_memory: reading.is_unified,
        power_watts: thousandth(reading.power),
        power_cap_watts: thousandth(reading.power_cap),
        temperature_celsius: reading.temperature,
        sm_mhz: reading.clock,
        throttled_by: reading.throttle.map(Throttle::words).filter(|words| !words.is_empty()),
        driver_idle: reading.driver_idle,
        ecc_errors: reading.ecc,
        xid: reading.xid,
        hidden_processes: reading.hidden,
        price: view.price.as_ref().map(|price| PriceJson {
            usd_per_hour: Usd(price.per_hour),
            nano_usd_per_hour: price.per_hour.nanos(),
            source: clean(&price.source),
            as_of: price.as_of,
            owned: price.is_owned,
        }),
        today: TodayJson {
            cost_usd: today.cost.map(Usd),
            cost_nano_usd: today.cost.map(Money::nanos),
            idle_usd: today.idle_cost.map(Usd),
            idle_nano_usd: today.idle_cost.map(Money::nanos),
            underuse_usd: today.underuse.map(Usd),
            underuse_nano_usd: today.underuse.map(Money::nanos),
            busy_seconds: busy,
            idle_seconds: idle,
            reserved_idle_seconds: reserved,
            stalled_seconds: stalled,
            asleep_seconds: asleep,
            utilization: percent(used),
            energy_joules: today.energy.map(|millijoules| millijoules / 1000),
            energy_usd: view.energy_cost.map(Usd),
            energy_nano_usd: view.energy_cost.map(Money::nanos),
        },
        owner: view.owner.as_deref().map(clean),
        history_minutes: view.history.iter().copied().map(percent).collect(),
    }
}

fn server(view: &ServerView) -> ServerJson {
    let reading = &view.reading;
    ServerJson {
        name: clean(&view.name),
        kind: reading.kind,
        url: clean(&view.url),
        model: reading.model.as_deref().map(clean),
        stale: view.is_stale,
        asleep: reading.is_asleep,
        running: reading.running,
        waiting: reading.waiting,
        kv_cache: percent(reading.kv),
        cards: view.cards.iter().map(|id| clean(id)).collect(),
        usd_per_hour: view.per_hour.map(Usd),
        nano_usd_per_hour: view.per_hour.map(Money::nanos),
        now: worth(&view.now, reading),
        hour: worth(&view.hour, reading),
        memory_bytes: reading.memory,
        unloads_at: reading.unloads_at.map(rfc3339),
    }
}

/// What a server does not count it has not done for nothing.
fn worth(worth: &Worth, reading: &ServerReading) -> WorthJson {
    let (makes, reads) = (reading.generated.is_some(), reading.prompt.is_some());
    let usd = |money: Option<Money>| money.map(Usd);
    WorthJson {
        seconds: thousandth(u64::try_from(worth.millis).ok()).unwrap_or(0.0),
        output_tokens: makes.then_some(worth.generated),
        output_tokens_per_second: thousandth(worth.made_a_second()).filter(|_| makes),
        input_tokens_per_second: thousandth(worth.read_a_second()).filter(|_| reads),
        cached_tokens: reading.cached.map(|_| worth.cached),
        first_token_seconds: thousandth(worth.first_token()),
        usd_per_million_output: usd(worth.per_million()),
        nano_usd_per_million_output: worth.per_million().map(Money::nanos),
        usd_per_million_output_at_load: usd(worth.per_million_at_load()),
        nano_usd_per_million_output_at_load: worth.per_million_at_load().map(Money::nanos),
        usd_per_million_blended: usd(worth.per_million_blended()),
        nano_usd_per_million_blended: worth.per_million_blended().map(Money::nanos),
    }
}

fn process(view: &ProcessView) -> ProcessJson {
    let owner = |owner: &Owner| OwnerJson {
        agent: clean(&owner.agent),
        session: Some(clean(&owner.session)).filter(|session| !session.is_empty()),
        project: clean(&owner.project),
        confidence: owner.rule,
        because: owner.reason(),
        ended_at: owner.ended_at.map(rfc3339),
    };
    ProcessJson {
        pid: view.process.pid,
        card: clean(&view.card),
        visible: view.is_visible,
        command: clean(&view.command),
        user: view.user.clone(),
        started_at: view.started_at.map(rfc3339),
        memory_bytes: view.process.memory,
        utilization: percent(view.process.used),
        graphics: view.process.is_graphics,
        owner: view.owner.as_ref().map(owner),
        zombie: view.is_zombie,
        shared: view.is_shared,
        burnt_today_usd: view.burnt.map(Usd),
        burnt_today_nano_usd: view.burnt.map(Money::nanos),
    }
}
