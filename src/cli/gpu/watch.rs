//! Watching GPUs while something is open, or for one look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::context::{Context, clock};
use crate::cli::error::CliError;
use crate::config::Settings;
use crate::engine::gpus::picture::Pictures;
use crate::engine::gpus::{Clue, GpuPicture, GpuSettings, Keeper, Setup, SourceState, clues, places};
use crate::engine::view::living_of;
use crate::pricing::gpu::Tariff;
use crate::store::Store;

/// How long one look takes at most: a driver that hangs is shown as hanging.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often it is looked which sessions there are.
const AGAIN: Duration = Duration::from_secs(5);
/// How long the store is waited for.
const STORE: Duration = Duration::from_millis(200);
/// How often it is looked whether there is a picture.
const PAUSE: Duration = Duration::from_millis(20);

/// What is set about GPUs.
#[must_use]
pub fn settings(settings: &Settings) -> GpuSettings {
    GpuSettings {
        setup: settings.gpu.setup(),
        tariff: Tariff { list: settings.gpu.list(), own: settings.gpu_prices.value.clone() },
        hosts: settings.gpu_hosts.value.clone(),
    }
}

/// Starts to watch. `clues` are the sessions that may own processes.
fn start(context: &Context, clues: impl FnMut() -> Vec<Clue> + Send + 'static) -> std::io::Result<Keeper> {
    let mut again = context.again();
    Keeper::start(Setup {
        dir: context.settings.data_dir.value.clone(),
        zone: context.zone(),
        places: places(&|name| std::env::var_os(name)),
        settings: Box::new(move || settings(&again())),
        files: vec![context.config_file()],
        clues: Box::new(clues),
        clock,
    })
}

/// Watches while a screen or a watch is open. Where that cannot be, it is said.
#[must_use]
pub fn beside(context: &Context) -> Option<Keeper> {
    let (catalog, dir, mut known) = (context.catalog(), context.settings.data_dir.value.clone(), None);
    let mut looked_at: Option<Instant> = None;
    let looking = move || {
        if looked_at.is_none_or(|at| at.elapsed() >= AGAIN) {
            looked_at = Some(Instant::now());
            let found = Store::open_beside(&dir, STORE).and_then(|store| clues(&store, &living_of(&catalog), clock()));
            // Where nobody can tell just now, what was known a moment ago is still true.
            known = found.ok().or(known.take());
        }
        known.clone().unwrap_or_default()
    };
    match start(context, looking) {
        Ok(keeper) => Some(keeper),
        Err(error) => {
            context.note(&format!("GPUs are not watched: {error}"));
            None
        }
    }
}

/// The pictures of a keeper; none for ever where there is no keeper.
#[must_use]
pub fn pictures(keeper: Option<&Keeper>) -> Option<Pictures> {
    keeper.map(|keeper| keeper.pictures.clone())
}

/// One look at everything: as soon as all sources have answered, and those that need two looks have had them.
pub fn one_look(context: &Context) -> Result<Arc<GpuPicture>, CliError> {
    // Whose processes they are, the logs say.
    let fresh = context.read()?;
    let living = fresh.living();
    let found = clues(&fresh.ingest.store, &living, context.now)?;
    let keeper = start(context, move || found.clone()).map_err(|error| CliError::Screen(error.to_string()))?;
    Ok(wait(&keeper))
}

/// One look without sessions: processes that have been seen before are known by what was noted then.
pub fn quick_look(context: &Context) -> Result<Arc<GpuPicture>, CliError> {
    let keeper = start(context, Vec::new).map_err(|error| CliError::Screen(error.to_string()))?;
    Ok(wait(&keeper))
}

/// Whether all have been heard of, or nobody is asked.
fn has_answered(picture: &GpuPicture) -> bool {
    let is_heard = !picture.sources.is_empty() && picture.sources.iter().all(|source| source.state != SourceState::Waiting);
    is_heard || picture.is_off
}

/// Waits until there is something worth showing.
fn wait(keeper: &Keeper) -> Arc<GpuPicture> {
    let begun = Instant::now();
    let mut whole_at = None;
    loop {
        let picture = keeper.pictures.borrow().clone();
        if has_answered(&picture) {
            let first = *whole_at.get_or_insert(picture.at);
            // A rate needs two looks.
            let has_rates =
                picture.servers.iter().all(|server| server.is_stale || server.now.millis > 0 || server.reading.generated.is_none());
            if picture.is_empty() || picture.at > first && has_rates {
                return picture;
            }
        }
        if begun.elapsed() > PATIENCE {
            return picture;
        }
        std::thread::sleep(PAUSE);
    }
}

/// One look at who can be asked.
pub fn sources(context: &Context) -> Result<Arc<GpuPicture>, CliError> {
    let keeper = start(context, Vec::new).map_err(|error| CliError::Screen(error.to_string()))?;
    let begun = Instant::now();
    loop {
        let picture = keeper.pictures.borrow().clone();
        if has_answered(&picture) || begun.elapsed() > PATIENCE {
            return Ok(picture);
        }
        std::thread::sleep(PAUSE);
    }
}
