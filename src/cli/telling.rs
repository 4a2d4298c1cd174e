//! Who tells a person what the watchman has seen, and what the watchman needs to know: put together from the settings.

use std::path::PathBuf;
use std::time::Duration;

use crate::alerts::{self, InMemory, Memory, Teller, teller::Hours, terminal};
use crate::config::{Origin, Settings};
use crate::engine::Engine;
use crate::engine::gpus::picture::Pictures;
use crate::engine::journal;
use crate::engine::lookout::{self, Sight};
use crate::engine::view::living_of;
use crate::engine::warden::{self, Orders};
use crate::engine::watchman::{BrokenGuard, SNOOZE, Told, Watch, round};
use crate::guards::{self, Site};
use crate::model::Millis;
use crate::pricing::{Class, Pricer};
use crate::query::{baseline, loops};
use crate::sources::Places;
use crate::store::Store;

use super::context::{Context, clock, variable};
use super::error::CliError;
use super::gpu::watch as gpu_watch;
use super::guard;
use super::rules;

/// How long a lock of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a process that ends waits until everything has been told.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// Who tells. What has been told is kept in the ledger; where that cannot be used, each process tells for itself.
pub fn teller(context: &Context, screen: Option<terminal::Hand>) -> Result<Teller, CliError> {
    let chosen = &context.settings.alerts;
    let mut setup = alerts::Setup { env: &variable, webhook: chosen.webhook().cloned(), screen };
    let ways = alerts::ways(chosen.ways(), &mut setup);
    let memory: Box<dyn Memory> = match Told::open(&context.settings.data_dir, PATIENCE, context.now) {
        Ok(told) => Box::new(told),
        Err(_) => Box::new(InMemory::default()),
    };
    let hours = Hours { quiet: chosen.quiet(), zone: context.zone() };
    Teller::start(ways, memory, hours, clock).map_err(|error| CliError::Screen(error.to_string()))
}

/// What holds by these settings.
#[must_use]
pub fn orders(settings: &Settings) -> Orders {
    Orders {
        rules: rules::rules(settings, &rules::policy(settings)),
        session_over: settings.alerts.session_over(),
        lookout: settings.lookout.limits(),
    }
}

/// Which guards do not hold, asked again and again.
pub fn guards(context: &Context) -> impl Fn() -> Vec<BrokenGuard> + Send + use<> {
    let home: PathBuf = context.settings.home.value.clone();
    let moved = context.settings.home.origin != Origin::Default;
    move || {
        let env = guard::environment(&home, moved);
        let places = Places { home: &home, env: &env };
        let Ok(binary) = guard::own_path(&env) else { return Vec::new() };
        let site = Site { places: &places, binary: &binary };
        let broken =
            |(agent, status): (&'static str, guards::Status)| BrokenGuard { agent, why: status.state.why().unwrap_or_default().to_owned() };
        guards::in_trouble(&site).into_iter().map(broken).collect()
    }
}

/// What a thread that watches over caps needs, beside an engine that runs.
pub fn warden(
    context: &Context,
    engine: &Engine,
    gpus: Option<Pictures>,
    screen: Option<terminal::Hand>,
) -> Result<warden::Setup, CliError> {
    let mut again = context.again();
    Ok(warden::Setup {
        dir: context.settings.data_dir.value.clone(),
        snapshots: engine.snapshots.clone(),
        gpus,
        orders: Box::new(move || orders(&again())),
        class: {
            let context = context.clone();
            Box::new(move |model| class(&context.renewed(), model))
        },
        guards: Box::new(guards(context)),
        teller: teller(context, screen)?,
        catalog: context.catalog(),
        real: true,
        who: rules::who(),
        clock,
    })
}

/// The class of a model by the configuration, else by its price.
fn class(context: &Context, model: &str) -> Option<Class> {
    let given = Class::given(model, &context.settings.tier_models);
    given.or_else(|| Pricer::new(context.prices().0).rates(model).map(Class::of))
}

/// What is unusual now.
fn sight(context: &Context, store: &Store, orders: &Orders) -> Result<Sight, CliError> {
    let (living, now, zone) = (living_of(&context.catalog()), context.now, context.zone());
    let view = lookout::View {
        limits: &orders.lookout,
        baseline: &baseline::baseline(store, &living, now, zone)?,
        present: baseline::present(store, &living, now, zone)?,
        running: &loops::running(store, &living, now)?,
        drifts: &orders.rules.elsewhere.drifts(now),
        class: &|model| class(context, model),
        now,
    };
    Ok(lookout::look(&view))
}

/// What there is to tell of GPUs, on a machine where some have been seen before; whose processes they are was found out then.
fn of_gpus(context: &Context) -> Vec<alerts::Alert> {
    let is_known = context.settings.data_dir.join(crate::store::gpus::FILE).exists();
    if !is_known || !context.settings.gpu.setup().watch {
        return Vec::new();
    }
    gpu_watch::quick_look(context).map(|picture| picture.alerts.clone()).unwrap_or_default()
}

/// A key that is held back, and until when.
pub type Held = (String, Millis);

/// What there is to tell now, told before or not; and what the ledger holds back.
pub fn present(context: &Context, store: &Store) -> Result<(Vec<alerts::Alert>, Vec<Held>), CliError> {
    let orders = orders(&context.settings);
    let ledger = journal::ledger(&context.settings.data_dir, PATIENCE, context.now)?;
    let guards = guards(context)();
    let mut sight = sight(context, store, &orders)?;
    sight.alerts.extend(of_gpus(context));
    let watch = Watch { rules: &orders.rules, session_over: orders.session_over, guards: &guards, sight: &sight, now: context.now };
    let alerts = round(store, &ledger, &watch)?.alerts;
    Ok((alerts, ledger.held(SNOOZE, context.now)?))
}

/// Tells what there is to tell now, and waits until it has been told.
pub fn tell_now(context: &Context, store: &Store) -> Result<Vec<alerts::Alert>, CliError> {
    let (alerts, _) = present(context, store)?;
    let teller = teller(context, None)?;
    alerts.iter().cloned().for_each(|alert| teller.tell(alert));
    let (is_told, news) = teller.end(LAST_WORDS);
    if !is_told {
        context.note("not everything could be told in time");
    }
    for text in &news {
        context.note(text);
    }
    Ok(alerts)
}
