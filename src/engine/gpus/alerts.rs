//! What there is to tell of GPUs: cards that cost money and do nothing, processes that nobody waits for any more, servers that
//! get nowhere, hardware that fails.
//!
//! Nothing is ever done about it from here: where a process is to be ended, the command is told, for a person to type.

use std::collections::HashMap;

use super::picture::{CardView, GpuPicture, ProcessView, ServerView};
use super::rules;
use super::words::price_command;
use crate::alerts::{Alert, AlertKind, REMEMBERED, Urgency};
use crate::insight::gpu::{State, cost};
use crate::model::gpu::{Permille, Vendor};
use crate::model::gpu_setup::GpuSetup;
use crate::model::text::clean;
use crate::model::time::{DAY, HOUR, MINUTE, span};
use crate::model::{Millis, Money};

/// Heat and full caches have to last for so long.
const LASTS: Millis = MINUTE;
/// So many degrees below the threshold it is over.
const COOLER: i32 = 5;
/// So many thousandths below the threshold a cache is no longer full.
const EMPTIER: Permille = 50;
/// So much of a day must have been looked at before it is called too little.
const ENOUGH: Millis = 12 * HOUR;
/// A card with less memory than this is nobody's rented one.
const LARGE: u64 = 32 << 30;

/// What lasts, and since when.
#[derive(Debug, Default)]
pub struct Watch {
    since: HashMap<String, Millis>,
    /// What was so at the last look, and since when.
    before: HashMap<String, Millis>,
    /// The keys of what is over, to be told again when it comes back.
    pub over: Vec<String>,
}

impl Watch {
    /// What there is to tell now.
    pub fn look(&mut self, picture: &GpuPicture, setup: &GpuSetup) -> Vec<Alert> {
        self.over.clear();
        // What is not looked at this time does not last.
        self.before = std::mem::take(&mut self.since);
        let mut out = Vec::new();
        for card in picture.cards.iter().filter(|card| !card.is_stale) {
            out.extend(self.of_card(card, picture, setup));
        }
        for server in picture.servers.iter().filter(|server| !server.is_stale) {
            out.extend(self.of_server(server, picture, setup));
        }
        out.extend(picture.processes.iter().flat_map(|view| of_process(view, picture, setup)));
        out
    }

    fn of_card(&mut self, card: &CardView, picture: &GpuPicture, setup: &GpuSetup) -> Vec<Alert> {
        let found = [
            idle(card, picture, setup),
            reserved(card, picture, setup),
            stalled(card, picture),
            lost(card, picture),
            self.hot(card, picture, setup),
            low_use(card, picture, setup),
            unpriced(card, picture),
        ];
        if card.state == State::Busy {
            let told = [AlertKind::GpuIdle, AlertKind::GpuReserved, AlertKind::GpuStalled, AlertKind::GpuLost];
            self.over.extend(told.map(|kind| key(kind, &card.reading.id)));
        }
        found.into_iter().flatten().chain(faults(card, picture)).collect()
    }

    fn hot(&mut self, card: &CardView, picture: &GpuPicture, setup: &GpuSetup) -> Option<Alert> {
        let limit = setup.hot?;
        let key = key(AlertKind::GpuHot, &card.reading.id);
        let degrees = card.reading.temperature?;
        if degrees < limit - COOLER {
            self.over.push(key.clone());
        }
        if !self.lasts(&key, degrees >= limit, picture.at) {
            return None;
        }
        let throttle = card.reading.throttle.map(crate::model::gpu::Throttle::words).filter(|words| !words.is_empty());
        let slower = throttle.map_or_else(String::new, |why| format!(" It runs slower than it could ({why})."));
        let body = format!("From {limit} °C on it is told (`gpu.hot`).{slower} Look at its fans and what stands in their way.");
        Some(alert(picture, AlertKind::GpuHot, key, DAY, format!("{} is at {degrees} °C", name(card)), body))
    }

    fn of_server(&mut self, server: &ServerView, picture: &GpuPicture, setup: &GpuSetup) -> Vec<Alert> {
        let mut out = Vec::new();
        let id = format!("{} {}", server.url, server.reading.model.as_deref().unwrap_or_default());
        let who = server_name(server);
        let key_of = |kind| key(kind, &id);
        if let Some(limit) = setup.kv {
            let full = server.reading.kv.filter(|kv| *kv >= limit);
            let key = key_of(AlertKind::GpuKvFull);
            if server.reading.kv.is_some_and(|kv| kv + EMPTIER < limit) {
                self.over.push(key.clone());
            }
            if self.lasts(&key, full.is_some(), picture.at) {
                let waiting = server.reading.waiting.filter(|waiting| *waiting > 0);
                let waiting = waiting.map_or_else(String::new, |n| format!("; {n} requests wait"));
                let title = format!("The KV cache of {who} is {}% full", server.reading.kv.unwrap_or(0) / 10);
                let body = format!(
                    "From {}% on it is told (`gpu.kv`){waiting}. It has more to do than it has room for: shorter contexts, or another card.",
                    limit / 10
                );
                out.push(alert(picture, AlertKind::GpuKvFull, key, DAY, title, body));
            }
        }
        // A card that is known tells of it itself.
        let patience = rules(setup).patience(server.reading.progress.is_some());
        let stuck = server.stuck_since.filter(|since| server.cards.is_empty() && picture.at - since >= patience);
        match stuck {
            Some(since) => {
                let title = format!("{who} gets nowhere");
                let body = format!(
                    "{} requests are being answered, and no token has come out for {}. Look at its log, or start it anew.",
                    server.reading.running.unwrap_or(0),
                    span(picture.at - since)
                );
                out.push(alert(picture, AlertKind::GpuStalled, key_of(AlertKind::GpuStalled), DAY, title, body));
            }
            None if server.stuck_since.is_none() => self.over.push(key_of(AlertKind::GpuStalled)),
            None => {}
        }
        out
    }

    /// Whether something has been so for long enough.
    fn lasts(&mut self, key: &str, is_so: bool, now: Millis) -> bool {
        if !is_so {
            return false;
        }
        let since = self.before.get(key).copied().unwrap_or(now);
        self.since.insert(key.to_owned(), since);
        now - since >= LASTS
    }
}

fn key(kind: AlertKind, id: &str) -> String {
    format!("{}:{id}", kind.word())
}

fn alert(picture: &GpuPicture, kind: AlertKind, key: String, forget: Millis, title: String, body: String) -> Alert {
    let urgency = if matches!(kind, AlertKind::GpuLost | AlertKind::GpuFault) { Urgency::Critical } else { Urgency::Normal };
    Alert { kind, key, at: picture.at, until: picture.at + forget, title, body, urgency }
}

/// A card for people: `GPU 1 (H200)`, with its host where it is another one.
#[must_use]
pub fn name(card: &CardView) -> String {
    let reading = &card.reading;
    let number = reading.index.map_or_else(|| clean(&reading.id), |index| index.to_string());
    let host = reading.host.as_deref().map_or_else(String::new, |host| format!(" on {}", clean(host)));
    format!("GPU {number} ({}){host}", clean(&card.short_name()))
}

/// A server for people: `vllm :8000 (qwen3-32b)`.
fn server_name(server: &ServerView) -> String {
    let model = server.reading.model.as_deref().map_or_else(String::new, |model| format!(" ({})", clean(model)));
    format!("{} {}{model}", server.reading.kind, clean(&server.name))
}

/// How many GiB, for people.
fn gib(bytes: u64) -> String {
    format!("{} GiB", (bytes + (1 << 29)) >> 30)
}

fn idle(card: &CardView, picture: &GpuPicture, setup: &GpuSetup) -> Option<Alert> {
    let limit = setup.idle?;
    let price = card.price.as_ref()?;
    let long = picture.at - card.since;
    let burnt = cost(price.per_hour, long);
    let is_idle = |card: &CardView| matches!(card.state, State::Idle | State::Reserved);
    // Of a card all of whose instances are idle it is told once, and what the whole of it costs.
    let whole = card.reading.slice.as_ref().and_then(|slice| picture.card(&slice.parent));
    let is_told_of_whole = whole.is_some_and(|whole| is_idle(whole) && whole.price.is_some());
    let fits = is_idle(card) && !is_told_of_whole && long >= limit && burnt >= setup.idle_cost;
    let today = card.today.idle_cost.unwrap_or(Money::ZERO);
    let title = format!("{} has been idle for {}", name(card), span(long));
    let body = format!(
        "That is {burnt} for nothing, {today} today, at {} an hour ({}). Give it back, or give it something to do. `aifinops gpu` shows \
         it.",
        price.per_hour, price.source
    );
    fits.then(|| alert(picture, AlertKind::GpuIdle, key(AlertKind::GpuIdle, &card.reading.id), DAY, title, body))
}

fn reserved(card: &CardView, picture: &GpuPicture, setup: &GpuSetup) -> Option<Alert> {
    let long = picture.at - card.since;
    if card.state != State::Reserved || long < setup.reserved? {
        return None;
    }
    let id = &card.reading.id;
    let holder = picture.processes.iter().filter(|view| view.card == *id && !view.process.is_graphics).max_by_key(|v| v.process.memory);
    let title = format!("{} is held and idle for {}", name(card), span(long));
    let body = match holder {
        Some(view) => {
            let memory = view.process.memory.map_or_else(|| "memory".to_owned(), gib);
            let whose = view.owner.as_ref().map_or_else(String::new, |owner| format!(", of {}", clean(&owner.short())));
            let command = if view.command.is_empty() { String::new() } else { format!(" `{}`", view.command) };
            format!("pid {}{command} holds {memory}{whose}, and does nothing. To end it: {}", view.process.pid, kill(view))
        }
        None => format!("{} of its memory are in use; by whom cannot be seen from here.", gib(card.reading.memory_used.unwrap_or(0))),
    };
    Some(alert(picture, AlertKind::GpuReserved, key(AlertKind::GpuReserved, id), DAY, title, body))
}

/// The command that ends a process, for a person to type.
#[must_use]
pub fn kill(view: &ProcessView) -> String {
    if view.is_visible { format!("kill {}", view.process.pid) } else { "its number is one of another namespace; end it there".to_owned() }
}

fn stalled(card: &CardView, picture: &GpuPicture) -> Option<Alert> {
    let server = picture.servers.iter().find(|server| server.cards.contains(&card.reading.id))?;
    let title = format!("{} works and gets nowhere", name(card));
    let used = card.reading.used.map_or_else(String::new, |used| format!("It is {}% used; ", used / 10));
    let body = format!(
        "{used}no token has come out of {} for {}. Look at its log, or start it anew.",
        server_name(server),
        span(picture.at - card.since)
    );
    let key = key(AlertKind::GpuStalled, &card.reading.id);
    (card.state == State::Stalled).then(|| alert(picture, AlertKind::GpuStalled, key, DAY, title, body))
}

fn lost(card: &CardView, picture: &GpuPicture) -> Option<Alert> {
    let key = key(AlertKind::GpuLost, &card.reading.id);
    let body = "The driver does not reach it any more: it has fallen off the bus, or has to be reset. What ran on it is gone.".to_owned();
    (card.state == State::Lost).then(|| alert(picture, AlertKind::GpuLost, key, DAY, format!("{} is lost", name(card)), body))
}

fn faults(card: &CardView, picture: &GpuPicture) -> Vec<Alert> {
    let reading = &card.reading;
    let one = |what: String, count: u64, body: String| {
        let key = format!("{}:{count}", key(AlertKind::GpuFault, &format!("{}:{what}", reading.id)));
        alert(picture, AlertKind::GpuFault, key, REMEMBERED, format!("{} reports {what} {count}", name(card)), body)
    };
    let xid = reading.xid.filter(|code| *code > 0).map(|code| {
        one(
            "XID".to_owned(),
            code,
            "An error of the driver or the hardware; NVIDIA's list of XID errors says which. `dmesg` has more.".to_owned(),
        )
    });
    let ecc = reading.ecc.filter(|count| *count > 0).map(|count| {
        one(
            "uncorrected memory errors:".to_owned(),
            count,
            "Results since then may be wrong. Start what runs on it anew; if it happens again, the card is to be replaced.".to_owned(),
        )
    });
    xid.into_iter().chain(ecc).collect()
}

fn low_use(card: &CardView, picture: &GpuPicture, setup: &GpuSetup) -> Option<Alert> {
    let target = setup.target?;
    let (used, known) = card.day.used;
    let average = used.checked_div(known)?;
    let price = card.price.as_ref()?;
    let fits = known >= ENOUGH && average < i64::from(target);
    let wasted = card.day.underuse.unwrap_or(Money::ZERO);
    let title = format!("{} was used {}% over the last day", name(card), average / 10);
    let body = format!(
        "The target is {}% (`gpu.target`); at {} an hour, {wasted} of the day's price were paid for what was missing. A smaller card, or a \
         shared one, would do.",
        target / 10,
        price.per_hour
    );
    fits.then(|| alert(picture, AlertKind::GpuLowUse, key(AlertKind::GpuLowUse, &card.reading.id), DAY, title, body))
}

fn unpriced(card: &CardView, picture: &GpuPicture) -> Option<Alert> {
    let reading = &card.reading;
    let is_rented = reading.host.is_some() || reading.memory_total.is_some_and(|total| total >= LARGE) && !reading.is_unified;
    let fits = card.price.is_none() && is_rented && matches!(reading.vendor, Vendor::Nvidia | Vendor::Amd) && !reading.name.is_empty();
    let model = clean(&reading.name);
    let body = format!("What its time costs is not known, and is shown as such. `{}` gives it one.", price_command(&model));
    fits.then(|| {
        alert(
            picture,
            AlertKind::GpuUnpriced,
            key(AlertKind::GpuUnpriced, &model),
            REMEMBERED,
            format!("No price is known for {model}"),
            body,
        )
    })
}

fn of_process(view: &ProcessView, picture: &GpuPicture, setup: &GpuSetup) -> Vec<Alert> {
    let mut out = Vec::new();
    let Some(card) = picture.card(&view.card).filter(|_| view.is_visible && !view.process.is_graphics) else { return out };
    let memory = view.process.memory.map_or_else(|| "memory".to_owned(), gib);
    let id = format!("{}:{}:{}", view.card, view.process.pid, view.started_at.unwrap_or(0) / MINUTE);
    // A server that works works for somebody.
    let serves = view.is_shared && card.state == State::Busy;
    if let Some((owner, ended)) = view.owner.as_ref().and_then(|owner| Some((owner, owner.ended_at?))).filter(|_| view.is_zombie && !serves)
    {
        let burnt = view.burnt.map_or_else(String::new, |money| format!(" It has cost {money} today."));
        let title = format!("A process of a session that has ended holds {}", name(card));
        let body = format!(
            "pid {} `{}` holds {memory}; its session ({}, {}) ended {} ago.{burnt} To end it: {}",
            view.process.pid,
            view.command,
            clean(&owner.short()),
            owner.reason(),
            span(picture.at - ended),
            kill(view)
        );
        out.push(alert(picture, AlertKind::GpuZombie, key(AlertKind::GpuZombie, &id), DAY, title, body));
    }
    let age = view.started_at.map(|at| picture.at - at);
    if let Some((age, limit)) = age.zip(setup.ttl).filter(|(age, limit)| age >= limit) {
        let title = format!("A process has held {} for {}", name(card), span(age));
        let body = format!(
            "pid {} `{}` holds {memory}; more than {} was not meant (`gpu.ttl`). To end it: {}",
            view.process.pid,
            view.command,
            span(limit),
            kill(view)
        );
        out.push(alert(picture, AlertKind::GpuTtl, key(AlertKind::GpuTtl, &id), DAY, title, body));
    }
    out
}
