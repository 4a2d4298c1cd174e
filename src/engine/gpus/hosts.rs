//! Machines and servers that are asked over HTTP: one thread, a request each, all of them bounded. What a host is follows
//! from what it says.

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::gateways::{Client, Limits, Trouble as Refused, look_up};
use super::{News, Seen, Sight, Trouble};
use crate::gateways::{Auth, Refusal, Request};
use crate::gpus::cards::place;
use crate::gpus::{EXPORTERS, Exposition, SERVERS, Server, prometheus};
use crate::model::Millis;
use crate::model::address::{host as host_of, is_loopback};
use crate::model::gpu::{GpuReading, Via};
use crate::model::gpu_setup::GpuHost;
use crate::model::text::{clean, without_number};

/// An exporter that takes longer than this says nothing this time; more than this is no page of figures.
const LIMITS: Limits = Limits { connect: Duration::from_secs(1), whole: Duration::from_secs(2), largest: 16 };
/// A Prometheus with a fleet behind it may take longer.
const FLEET: Limits = Limits { connect: Duration::from_secs(2), whole: Duration::from_secs(5), largest: 16 };
/// How often servers are asked; and exporters, which are not newer any sooner.
const SERVERS_EVERY: Duration = Duration::from_secs(2);
const EXPORTERS_EVERY: Duration = Duration::from_secs(5);
/// A host that fails is asked less and less often, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After so many failures it may be another thing than it was.
const FORGET_AFTER: u32 = 3;
/// A port of this machine that was found and that no server known here answers on is knocked at again after so long.
const STRANGER: Duration = Duration::from_mins(10);
/// What a page of figures is asked as.
const ACCEPT: (&str, &str) = ("accept", "text/plain;version=0.0.4;q=1,application/json;q=0.5,*/*;q=0.1");

/// Who asks: a thread that begins with the first host. Dropped, it ends; nobody waits for it.
pub(super) struct Hosts {
    seen: SyncSender<News>,
    clock: fn() -> Millis,
    wanted: Option<watch::Sender<Vec<GpuHost>>>,
}

impl Hosts {
    pub(super) const fn new(seen: SyncSender<News>, clock: fn() -> Millis) -> Hosts {
        Hosts { seen, clock, wanted: None }
    }

    /// These are to be asked from now on.
    pub(super) fn want(&mut self, hosts: &[GpuHost]) {
        match &self.wanted {
            None if hosts.is_empty() => {}
            // A thread that cannot be had is hosts that are not asked; it is tried again with the next change.
            None => self.wanted = start(hosts.to_vec(), self.seen.clone(), self.clock).ok(),
            Some(wanted) => drop(wanted.send_if_modified(|known| {
                let is_other = *known != hosts;
                if is_other {
                    hosts.clone_into(known);
                }
                is_other
            })),
        }
    }
}

fn start(hosts: Vec<GpuHost>, seen: SyncSender<News>, clock: fn() -> Millis) -> std::io::Result<watch::Sender<Vec<GpuHost>>> {
    let (wanted, wishes) = watch::channel(hosts);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("gpu-hosts".to_owned()).spawn(move || {
        runtime.block_on(watch_all(wishes, seen, clock));
        runtime.shutdown_background();
    })?;
    Ok(wanted)
}

/// A task for each host, for as long as it is wanted as it is.
async fn watch_all(mut wishes: watch::Receiver<Vec<GpuHost>>, seen: SyncSender<News>, clock: fn() -> Millis) {
    let mut tasks: HashMap<String, (GpuHost, JoinHandle<()>)> = HashMap::new();
    loop {
        let hosts = wishes.borrow_and_update().clone();
        tasks.retain(|_, (host, task)| {
            let stays = hosts.contains(host);
            if !stays {
                task.abort();
            }
            stays
        });
        for host in hosts {
            let make = || (host.clone(), tokio::spawn(watch_host(host.clone(), seen.clone(), clock)));
            tasks.entry(host.name.clone()).or_insert_with(make);
        }
        if wishes.changed().await.is_err() {
            return;
        }
    }
}

/// What a host is.
#[derive(Clone, Copy)]
enum Kind {
    /// A Prometheus server: its scraped targets are the hosts.
    Prometheus,
    /// A page of figures.
    Page,
    /// A server that has no such page.
    Knocked(&'static dyn Server, &'static str),
}

async fn watch_host(host: GpuHost, seen: SyncSender<News>, clock: fn() -> Millis) {
    let mut asked = Asked { host, kind: None, client: None, about: "asking".to_owned() };
    let mut failures = 0_u32;
    loop {
        let begun = Instant::now();
        let what = asked.look().await;
        let pause = match &what {
            Ok(sight) if !sight.servers.is_empty() => SERVERS_EVERY,
            Ok(_) => EXPORTERS_EVERY,
            // Nobody has asked for it: it is left alone.
            Err(_) if asked.host.is_found() && asked.kind.is_none() => STRANGER,
            Err(_) => (EXPORTERS_EVERY * 2_u32.saturating_pow(failures.min(8))).min(LONGEST_PAUSE),
        };
        failures = if what.is_ok() { 0 } else { failures + 1 };
        if failures > 0 {
            asked.client = None;
        }
        if failures >= FORGET_AFTER {
            asked.kind = None;
        }
        let took = begun.elapsed();
        let news = Seen { source: asked.host.name.clone(), is_local: false, about: asked.about.clone(), at: clock(), took, what };
        if let Err(std::sync::mpsc::TrySendError::Disconnected(_)) = seen.try_send(News::Seen(Box::new(news))) {
            return;
        }
        tokio::time::sleep(pause.saturating_sub(took).max(pause / 4)).await;
    }
}

/// A host that is asked again and again.
struct Asked {
    host: GpuHost,
    kind: Option<Kind>,
    /// The way there, while it works.
    client: Option<Client>,
    about: String,
}

impl Asked {
    async fn look(&mut self) -> Result<Sight, Trouble> {
        let (base, path) = split(&self.host.url);
        let client = match self.client.take() {
            Some(client) => client,
            None => self.open(&base).await?,
        };
        let kind = match self.kind {
            Some(kind) => kind,
            None => find_out(&client, &path).await?,
        };
        let mut sight = match kind {
            Kind::Prometheus => {
                let said = prometheus::read(&body(&client, &prometheus::path()).await?).map_err(|why| broken(&why))?;
                self.about = format!("Prometheus, {} figures", said.len());
                of_fleet(&said)
            }
            Kind::Page => {
                let said = page(&client, &path).await?;
                let (sight, about) = of_page(&client, &said).await?;
                self.about = about;
                sight
            }
            Kind::Knocked(server, path) => {
                let body = body(&client, path).await?;
                if !server.answers(&body) {
                    return Err(broken(&format!("{} does not answer as it did", server.name())));
                }
                server.name().clone_into(&mut self.about);
                let servers = server.read(&Exposition::default(), &[(path, &body)]).into_iter().map(|reading| (None, reading)).collect();
                Sight { servers, ..Sight::default() }
            }
        };
        // What it is decides how long it may take.
        let is_new = self.kind.is_none();
        self.kind = Some(kind);
        self.client = Some(client).filter(|_| !is_new || !matches!(kind, Kind::Prometheus));
        sight.url = Some(self.host.url.clone());
        sight.gpus.clone_from(&self.host.gpus);
        let is_elsewhere = !is_loopback(host_of(&self.host.url));
        for card in sight.cards.iter_mut().filter(|card| card.host.is_none()) {
            place(card, &self.host.name);
            card.host = Some(self.host.name.clone()).filter(|_| is_elsewhere);
        }
        Ok(sight)
    }

    /// The way there, with its key. Looking up a key may take a while: a command may print it.
    async fn open(&self, base: &str) -> Result<Client, Trouble> {
        let secret = match self.host.key.clone() {
            Some(source) => {
                let name = self.host.name.clone();
                let found = tokio::task::spawn_blocking(move || look_up(&name, &source)).await;
                Some(found.map_err(|error| broken(&error.to_string()))?.map_err(|error| broken(&error.to_string()))?)
            }
            None => None,
        };
        let limits = if matches!(self.kind, Some(Kind::Prometheus)) { FLEET } else { LIMITS };
        Client::within(base, Auth::Bearer, secret.as_ref(), limits).map_err(|error| broken(&error.to_string()))
    }
}

/// What a page of figures says, and of whom it is.
async fn of_page(client: &Client, said: &Exposition) -> Result<(Sight, String), Trouble> {
    let mut sight = Sight::default();
    let mut names = Vec::new();
    for exporter in EXPORTERS.iter().filter(|exporter| exporter.is_it(said)) {
        let via = Via { exporter: exporter.name(), target: None };
        sight.cards.extend(exporter.read(said).into_iter().map(|card| GpuReading { via: Some(via.clone()), ..card }));
        names.push(exporter.name());
    }
    for server in SERVERS.iter().filter(|server| server.is_it(said)) {
        let mut more: Vec<(&str, Vec<u8>)> = Vec::new();
        for path in server.more() {
            // What it does not say is not known.
            if let Ok(body) = body(client, path).await {
                more.push((path, body));
            }
        }
        let more: Vec<(&str, &[u8])> = more.iter().map(|(path, body)| (*path, body.as_slice())).collect();
        sight.servers.extend(server.read(said, &more).into_iter().map(|reading| (None, reading)));
        names.push(server.name());
    }
    if names.is_empty() {
        return Err(broken("its figures are of no exporter or server that is known"));
    }
    Ok((sight, format!("{}, {} figures", names.join(" and "), said.len())))
}

/// The address without its path, and the path: that of a page of figures unless it says another.
fn split(url: &str) -> (String, String) {
    let from = url.find("://").map_or(0, |at| at + 3);
    match url.get(from..).and_then(|rest| rest.find('/')).map(|at| url.split_at(from + at)) {
        Some((base, path)) if path.len() > 1 => (base.to_owned(), path.to_owned()),
        Some((base, _)) => (base.to_owned(), "/metrics".to_owned()),
        None => (url.to_owned(), "/metrics".to_owned()),
    }
}

async fn find_out(client: &Client, path: &str) -> Result<Kind, Trouble> {
    // A Prometheus has a page of its own figures as well: it is asked for first.
    if path == "/metrics"
        && let Ok(body) = body(client, "/api/v1/status/buildinfo").await
        && prometheus::is_it(&body)
    {
        return Ok(Kind::Prometheus);
    }
    let Err(failed) = page(client, path).await else { return Ok(Kind::Page) };
    for server in SERVERS {
        let Some(path) = server.knock() else { continue };
        if body(client, path).await.is_ok_and(|body| server.answers(&body)) {
            return Ok(Kind::Knocked(*server, path));
        }
    }
    Err(failed)
}

async fn page(client: &Client, path: &str) -> Result<Exposition, Trouble> {
    let said = Exposition::parse(&body(client, path).await?);
    if said.is_empty() { Err(broken("what it says are no figures in Prometheus' text format")) } else { Ok(said) }
}

async fn body(client: &Client, path: &str) -> Result<Vec<u8>, Trouble> {
    let reply = client.send(&Request::get(path).with(ACCEPT.0, ACCEPT.1)).await.map_err(|error| broken(&words(&error)))?;
    match reply.status {
        200..=299 => Ok(reply.body),
        401 | 403 => Err(broken(&format!("it wants a key (status {}): set token_env for it", reply.status))),
        404 => Err(broken("it has no page of figures there (status 404); llama.cpp needs --metrics, SGLang --enable-metrics")),
        status => Err(broken(&format!("it answers with status {status}"))),
    }
}

/// What has gone wrong, in few words: of a chain of causes the last one helps.
fn words(error: &Refused) -> String {
    match error {
        Refused::Refused(Refusal::Elsewhere(to)) => format!("it redirects to {to}, which is not followed: use that address itself"),
        Refused::Late(_) => "it has not answered in time".to_owned(),
        Refused::Network { why, .. } => {
            let last = without_number(why);
            format!("it cannot be reached: {}", last.rsplit(": ").next().unwrap_or(&last))
        }
        other => other.to_string(),
    }
}

fn broken(why: &str) -> Trouble {
    Trouble::Broken(clean(why))
}

/// What a Prometheus says, target by target.
fn of_fleet(said: &Exposition) -> Sight {
    let mut sight = Sight::default();
    for (target, part) in prometheus::by_target(said.clone()) {
        let host = target.rsplit_once(':').map_or(target.as_str(), |(host, _)| host).to_owned();
        let host = Some(host).filter(|host| !host.is_empty());
        for exporter in EXPORTERS.iter().filter(|exporter| exporter.is_it(&part)) {
            let via = Via { exporter: exporter.name(), target: Some(target.clone()) };
            sight.cards.extend(exporter.read(&part).into_iter().map(|mut card| {
                if let Some(host) = &host {
                    place(&mut card, host);
                }
                card.host = card.host.or_else(|| host.clone());
                GpuReading { via: Some(via.clone()), ..card }
            }));
        }
        for server in SERVERS.iter().filter(|server| server.is_it(&part)) {
            sight.servers.extend(server.read(&part, &[]).into_iter().map(|mut reading| {
                reading.host = reading.host.or_else(|| host.clone());
                (Some(target.clone()), reading)
            }));
        }
    }
    sight
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn an_address_without_a_path_is_asked_for_its_figures() {
        for (url, base, path) in [
            ("http://n1:9400", "http://n1:9400", "/metrics"),
            ("http://n1:9400/", "http://n1:9400", "/metrics"),
            ("https://n1/gpu/metrics", "https://n1", "/gpu/metrics"),
        ] {
            assert_eq!(split(url), (base.to_owned(), path.to_owned()), "{url}");
        }
    }
}
