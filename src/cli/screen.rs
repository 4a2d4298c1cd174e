//! Where the command line meets the screen: settings become options, the store becomes an engine.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};

use crate::alerts::Urgency;
use crate::config::{Origin, Settings};
use crate::demo::Demo;
use crate::disk;
use crate::engine::gpus::picture::Pictures;
use crate::engine::ingest::Ingest;
use crate::engine::warden::{News, Warden};
use crate::engine::{self, Engine, Span};
use crate::model::text::{clean, without_number};
use crate::pricing::{Book, Pricer};
use crate::sources::{self, Places};
use crate::store::Store;
use crate::tail::Catalog;
use crate::ui::app::{Options, View, default_columns};
use crate::ui::columns::Column;
use crate::ui::keymap::Keymap;
use crate::ui::{self, Heard, theme};

use super::context::{Context, clock};
use super::desk::Desk;
use super::error::CliError;
use super::gpu::watch as gpu_watch;
use super::modes;
use super::out::{FAINT, note};
use super::polling;
use super::rules::who;
use super::telling;
use super::top::TopArgs;
use super::when::span_of;

/// The demo's own settings: its caps.
const DEMO_CONFIG: &str = "config.toml";
/// What stands in them at the beginning.
const DEMO_CAPS: &str = "[caps.day]\nlimit = \"$25\"\n\n[caps.week]\nlimit = \"$120\"\naction = \"warn\"\n";
/// News that may wait for the screen.
const HEARD: usize = 64;
/// How often the demo's agents write.
const DEMO_PACE: Duration = Duration::from_millis(200);

/// Opens the screen and stays until the user leaves it.
pub fn run(context: &Context, args: &TopArgs) -> Result<ExitCode, CliError> {
    if !std::io::stdout().is_terminal() {
        return Err(CliError::usage(
            "`top` draws on a terminal, and standard output is none",
            "`aifinops top --once` prints one moment, with --json for scripts",
        ));
    }
    let mut notices = Vec::new();
    // Dropped at the end, with everything in it.
    let demo = if args.demo { Some(DemoHome::begin()?) } else { None };
    let ingest = match &demo {
        Some(demo) => demo.ingest()?,
        None => ingest(context, &mut notices)?,
    };
    let span = span_of(context.settings.range.value);
    let desk = match &demo {
        Some(demo) => Desk::demo(context, &demo.dir.join(DEMO_CONFIG), &demo.dir.join("data"), clock),
        None => Desk::new(context, clock),
    };
    let caps = engine::caps::Setup { rules: desk.rules(), dir: desk.data_dir(), who: who() };
    let watched = desk.files();
    let (hear, heard) = tokio::sync::mpsc::channel(HEARD);
    let mut setup = screen(context, args, span, desk, heard, &mut notices)?;
    let notices = notices.iter().map(|notice| without_number(notice)).collect();
    let real = demo.is_none();
    let engine = Engine::start(engine::Setup { ingest, zone: context.zone(), span, notices, caps, real, watched, clock });
    // The demo has no GPUs, and tells nobody anything.
    let keeper = if real { gpu_watch::beside(context) } else { None };
    setup.gpus = gpu_watch::pictures(keeper.as_ref());
    let warden = if real { watch_over(context, &engine, setup.gpus.clone(), hear) } else { None };
    let poller = if real { polling::start(context) } else { None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| CliError::Screen(e.to_string()))?;
    let shown = runtime.block_on(ui::run(setup, engine));
    drop((warden, poller, keeper, demo));
    let held = shown.map_err(|error| CliError::Screen(error.to_string()))?;
    for held in held.iter() {
        // Not a note that may be left unsaid: nobody else would ever let it go on.
        note(FAINT, &clean(&format!("{} stays paused (process {}); `{}` lets it go on", held.name, held.process.pid, held.way_out())));
    }
    Ok(ExitCode::SUCCESS)
}

/// Watches over caps while the screen is open. Where that cannot be, the screen says so.
fn watch_over(context: &Context, engine: &Engine, gpus: Option<Pictures>, hear: Sender<Heard>) -> Option<std::thread::JoinHandle<()>> {
    let bytes = hear.clone();
    let hand = Box::new(move |sequence: Vec<u8>| bytes.try_send(Heard::Bytes(sequence)).is_ok());
    let warden = match telling::warden(context, engine, gpus, Some(hand)) {
        Ok(setup) => Warden::start(setup),
        Err(error) => {
            let _ = hear.try_send(Heard::Trouble(format!("nobody will be told of caps: {error}")));
            return None;
        }
    };
    Some(std::thread::spawn(move || {
        while let Ok(news) = warden.news.recv() {
            let heard = match news {
                News::Alert(alert) => Heard::News(format!("{}: {}", alert.title, alert.body)),
                News::Present(alerts) => {
                    Heard::Alerts(alerts.into_iter().map(|a| (a.urgency >= Urgency::Critical, a.title, a.body)).collect())
                }
                News::Stopped(text) => Heard::News(text),
                News::Trouble(text) => Heard::Trouble(text),
                News::Guards(guards) => {
                    Heard::Standing(guards.iter().map(|g| format!("the guard of {} does not hold: {}", g.agent, g.why)).collect())
                }
            };
            if hear.blocking_send(heard).is_err() {
                return; // the screen is closed
            }
        }
    }))
}

fn ingest(context: &Context, notices: &mut Vec<String>) -> Result<Ingest, CliError> {
    let _ = modes::tighten(&context.settings.data_dir); // `doctor` tells of it
    let opened = Store::open(&context.settings.data_dir)?;
    notices.extend(opened.notice);
    let (book, problems) = context.prices();
    notices.extend(problems);
    Ok(Ingest::new(opened.store, Pricer::new(book), context.catalog(), context.settings.threads.value))
}

fn screen(
    context: &Context,
    args: &TopArgs,
    span: Span,
    desk: Desk,
    heard: Receiver<Heard>,
    notices: &mut Vec<String>,
) -> Result<ui::Setup, CliError> {
    let settings = &context.settings;
    let themes_dir = settings.config_file.parent().map(|dir| dir.join("themes"));
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let depth =
        if anstream::ColorChoice::global() == anstream::ColorChoice::Never { theme::Depth::None } else { theme::Depth::detect(&variable) };
    let theme = match theme::load(&settings.theme, themes_dir.as_deref()) {
        Ok(theme) => theme,
        Err(error) if matches!(settings.theme.origin, Origin::Flag(_)) => {
            return Err(CliError::usage(error.to_string(), "`T` in the screen shows one theme after the other"));
        }
        Err(error) => {
            notices.push(error.to_string());
            theme::Theme::default()
        }
    };
    let (keys, problems) = Keymap::new(&settings.keys.value);
    notices.extend(problems.iter().map(ToString::to_string));
    let options = Options {
        columns: columns(settings),
        sort: args.sort.map_or_else(|| sort(&settings.sort), |order| (column(order.name()), order.is_reversed())),
        group: settings.group.value,
        filter: args.filter.join(" "),
        span,
        theme: theme.at(depth),
        themes: theme::names(themes_dir.as_deref()),
        keys,
        currency: settings.currency.value.clone(),
        zone: context.zone(),
        problems: desk.problems(),
    };
    let open_with = settings.open_with.value.clone();
    let view = if args.gpus { View::Gpus } else { View::Sessions };
    Ok(ui::Setup {
        options,
        view,
        gpus: None,
        depth,
        themes_dir,
        mouse: settings.mouse.value,
        open_with,
        heard,
        surroundings: Box::new(desk),
        clock,
    })
}

pub(super) fn columns(settings: &Settings) -> Vec<Column> {
    let named: Vec<Column> = settings.columns.iter().filter_map(|name| Column::from_name(name)).collect();
    if named.is_empty() { default_columns() } else { named }
}

fn sort(name: &str) -> (Column, bool) {
    match name.strip_prefix('-') {
        Some(name) => (column(name), true),
        None => (column(name), false),
    }
}

fn column(name: &str) -> Column {
    Column::from_name(name).unwrap_or(Column::Today)
}

/// A temporary home with agents at work in it.
struct DemoHome {
    dir: PathBuf,
    stop: std::sync::mpsc::Sender<()>,
    player: Option<std::thread::JoinHandle<()>>,
}

impl DemoHome {
    fn begin() -> Result<DemoHome, CliError> {
        let dir = std::env::temp_dir().join(format!("aifinops-demo-{}-{:x}", std::process::id(), clock()));
        let fail = |source| CliError::File { doing: "play the demo in", path: dir.clone(), source };
        // Its own, and nobody else's: others may write where it lies.
        disk::private_directory().recursive(false).create(&dir).map_err(fail)?;
        let mut demo = Demo::begin(&dir, clock(), 1).map_err(fail)?;
        std::fs::write(dir.join(DEMO_CONFIG), DEMO_CAPS).map_err(fail)?;
        let (stop, stopped) = std::sync::mpsc::channel();
        let player = std::thread::spawn(move || {
            while stopped.recv_timeout(DEMO_PACE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                if demo.play(clock()).is_err() {
                    return; // the directory is gone, and the demo with it
                }
            }
        });
        Ok(DemoHome { dir, stop, player: Some(player) })
    }

    /// Reads the demo's logs only, into a store that is gone afterwards.
    fn ingest(&self) -> Result<Ingest, CliError> {
        let nothing = |_: &str| None;
        let places = Places { home: &self.dir, env: &nothing };
        let roots = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|root| (s.agent(), root))).collect();
        let store = Store::open(&self.dir.join("data"))?.store;
        Ok(Ingest::new(store, Pricer::new(Book::embedded()), Catalog::new(roots), 0))
    }
}

impl Drop for DemoHome {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(player) = self.player.take() {
            let _ = player.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
