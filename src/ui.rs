//! The screen.
//!
//! Its loop wakes for a key (drawn at once), for news (at most ten times a second), or when a minute has passed and an
//! age on the screen has become another. Nothing else draws: an idle screen costs nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::gpus::GpuPicture;
use crate::engine::gpus::picture::Pictures;
use crate::engine::hand::Held;
use crate::engine::{Command, Engine, Snapshot};
use crate::model::Millis;

pub mod action;
pub mod app;
pub mod columns;
pub mod keymap;
pub mod panels;
pub mod rows;
pub mod surroundings;
pub mod term;
pub mod theme;
pub mod view;
pub mod widgets;

use app::{App, Effect, Message, Options};
use surroundings::{Change, Surroundings};
use term::Screen;

/// How long the first picture waits for the store's answer.
const FIRST_PATIENCE: Duration = Duration::from_millis(60);
/// The least time between two pictures that only news ask for.
const NEWS_PACE: Duration = Duration::from_millis(100);
/// How often ages on the screen are looked at again.
const CLOCK: Duration = Duration::from_secs(30);

/// The time after which a signal that came while nobody listened has been told.
const SIGNALS_ARRIVE: Duration = Duration::from_millis(30);
/// How long ctrl-c is waited for that has ended somebody else: it is on its way to this process, however busy the machine is.
const INTERRUPT_ARRIVES: Duration = Duration::from_secs(2);

/// What is heard from others while the screen is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Bytes for the terminal that move no cursor: a bell, a notification.
    Bytes(Vec<u8>),
    /// A thing to know.
    News(String),
    /// A thing that went wrong.
    Trouble(String),
    /// Everything that there is to tell now, each with whether it is critical, a title and a body.
    Alerts(Vec<(bool, String, String)>),
    /// What stays wrong until it is mended; told anew when it changes.
    Standing(Vec<String>),
}

/// What the screen needs from outside.
pub struct Setup {
    /// What an app is made of.
    pub options: Options,
    /// The terminal's colours.
    pub depth: theme::Depth,
    /// The user's own themes.
    pub themes_dir: Option<PathBuf>,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// The program that shows a log file; empty for the pager.
    pub open_with: String,
    /// What is shown first.
    pub view: app::View,
    /// What is known of GPUs; nothing where nobody looks.
    pub gpus: Option<Pictures>,
    /// What is heard while the screen is open.
    pub heard: mpsc::Receiver<Heard>,
    /// The settings, and what writes them.
    pub surroundings: Box<dyn Surroundings>,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// Shows the screen until the user quits; gives the agents that stay paused. Must run inside a tokio runtime with time and
/// signals.
pub async fn run(mut setup: Setup, engine: Engine) -> std::io::Result<Arc<Vec<Held>>> {
    let mut screen = Screen::open(setup.mouse)?;
    let mut snapshots = engine.snapshots.clone();
    let mut shown: Arc<Snapshot> = snapshots.borrow_and_update().clone();
    let mut app = App::new(setup.options.clone());
    app.view = setup.view;
    let mut wanted = None;
    app.take(&shown);
    let mut events = EventStream::new();
    let mut stop = Stop::new();
    // What the store knows is there in a moment, and worth more than an empty picture.
    let mut draw_at = Some(Instant::now() + FIRST_PATIENCE);
    let mut last_draw = Instant::now();
    let mut has_news = false;
    let mut edits = shown.edits;
    let mut gpus = setup.gpus.take();
    app.gpus.instead = gpus.is_none().then_some(app::gpus::UNWATCHED);
    loop {
        if draw_at.is_some_and(|at| at <= Instant::now()) {
            draw(&mut screen, &mut app, &shown, (setup.clock)())?;
            last_draw = Instant::now();
            draw_at = None;
        }
        if app.selected != wanted {
            wanted = app.selected;
            engine.send(Command::Detail(wanted));
        }
        let due = draw_at.unwrap_or(last_draw + CLOCK);
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { return Ok(shown.held.clone()) };
                let mut next = Some(event?);
                // Everything that has been typed meanwhile is one picture.
                while let Some(event) = next {
                    match handle(&event, &mut app, &shown, &engine, (&mut screen, &mut events), &mut setup)? {
                        After::Go => {}
                        After::Lent { was_interrupted } => stop.forget_interrupts(was_interrupted).await,
                        After::Quit => return Ok(shown.held.clone()),
                    }
                    next = ready(&mut events).await.transpose()?;
                }
                draw_at = Some(Instant::now());
            }
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return Err(std::io::Error::other("the engine has stopped; see `aifinops doctor`"));
                }
                shown = snapshots.borrow_and_update().clone();
                if shown.edits != edits {
                    edits = shown.edits;
                    settings_changed(&mut app, &engine, &mut setup);
                    draw_at = Some(Instant::now());
                }
                if app.hear(&shown) {
                    draw_at = Some(Instant::now());
                }
                if app.frozen.is_none() {
                    app.take(&shown);
                    let paced = (last_draw + NEWS_PACE).max(Instant::now());
                    // The first news are what everybody waits for.
                    draw_at = Some(if has_news { draw_at.unwrap_or(paced) } else { Instant::now() });
                    has_news = true;
                } else if app.complete(&shown) {
                    draw_at = Some(Instant::now());
                }
            }
            Some(picture) = next_picture(&mut gpus) => {
                if app.take_gpus(&picture) {
                    draw_at = Some(draw_at.unwrap_or((last_draw + NEWS_PACE).max(Instant::now())));
                }
            }
            Some(heard) = setup.heard.recv() => {
                match heard {
                    // Between two pictures: so they tear none.
                    Heard::Bytes(bytes) => term::write(&bytes)?,
                    Heard::News(text) => app.message = Some(Message::news(text)),
                    Heard::Trouble(text) => app.message = Some(Message::failed(text)),
                    Heard::Standing(texts) => app.standing = texts,
                    Heard::Alerts(alerts) => app.alerts = alerts,
                }
                draw_at = Some(Instant::now());
            }
            () = tokio::time::sleep_until(due) => draw_at = Some(Instant::now()),
            () = stop.asked() => return Ok(shown.held.clone()),
        }
    }
}

/// The next picture of the GPUs. Nothing where nobody makes any, which is not asked again.
async fn next_picture(pictures: &mut Option<Pictures>) -> Option<Arc<GpuPicture>> {
    let found = pictures.as_mut()?;
    if found.changed().await.is_err() {
        *pictures = None;
        return None;
    }
    Some(found.borrow_and_update().clone())
}

fn draw(screen: &mut Screen, app: &mut App, snapshot: &Snapshot, now: Millis) -> std::io::Result<()> {
    let mut hits = app::Hits::default();
    screen.draw(|frame| {
        let area = frame.area();
        hits = view::draw(app, snapshot, now, area, frame.buffer_mut());
    })?;
    app.drawn(hits);
    Ok(())
}

/// How it goes on after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Go,
    /// Somebody else has had the terminal for a while, and ctrl-c may have ended that.
    Lent {
        was_interrupted: bool,
    },
    Quit,
}

fn handle(
    event: &Event,
    app: &mut App,
    shown: &Arc<Snapshot>,
    engine: &Engine,
    (screen, events): (&mut Screen, &mut EventStream),
    setup: &mut Setup,
) -> std::io::Result<After> {
    let mut after = After::Go;
    // Whoever gets the terminal gets its keys: a stream that waits for them would take some. A new one waits for none
    // until it is asked.
    for effect in app.update(event, shown) {
        match effect {
            Effect::Quit => return Ok(After::Quit),
            Effect::Send(command) => engine.send(command),
            Effect::Copy(text) => term::copy(&text)?,
            Effect::Theme(name) => {
                let wear = wear(app, &name, setup);
                // The next press goes on to the theme after a broken one.
                app.theme.name.clone_from(&name);
                app.message = Some(wear.map_or_else(Message::failed, |()| Message::done(format!("theme {name}"))));
            }
            Effect::SetCap(limit, span) => {
                let said = setup.surroundings.set_cap(limit, span);
                cap_written(app, engine, setup, said);
            }
            Effect::RaiseCap(standing, by, until) => {
                let said = setup.surroundings.raise_cap(&standing, by, &until);
                cap_written(app, engine, setup, said);
            }
            Effect::OpenLog(path) if !path.exists() => {
                app.message = Some(Message::failed(format!("the log is gone: {}", path.display())));
            }
            Effect::OpenLog(path) => {
                *events = EventStream::new();
                let ended = screen.lend(|| term::show(&path, &setup.open_with))?;
                after = After::Lent { was_interrupted: ended.as_ref().is_ok_and(term::was_interrupted) };
                if let Err(error) = ended {
                    app.message = Some(Message::failed(format!("{error}; the log is {}", path.display())));
                }
            }
            Effect::Redraw => screen.redraw()?,
            Effect::Suspend => {
                after = After::Lent { was_interrupted: false };
                *events = EventStream::new();
                engine.rest();
                screen.lend(term::suspend)?;
            }
        }
    }
    // A picture that was frozen keeps its own rows; a thawed one catches up.
    if app.frozen.is_none() {
        app.take(shown);
    }
    Ok(after)
}

/// Shows everything in another theme.
fn wear(app: &mut App, name: &str, setup: &Setup) -> Result<(), String> {
    let theme = theme::load(name, setup.themes_dir.as_deref()).map_err(|error| error.to_string())?;
    app.theme = theme.at(setup.depth);
    Ok(())
}

/// A cap has been written, or could not be.
fn cap_written(app: &mut App, engine: &Engine, setup: &mut Setup, said: Result<String, String>) {
    match said {
        Ok(text) => {
            app.dialog = None;
            settings_changed(app, engine, setup);
            engine.send(Command::Decided);
            app.message = Some(Message::done(text));
        }
        Err(why) => app.refuse(why),
    }
}

/// The settings may say something else now.
fn settings_changed(app: &mut App, engine: &Engine, setup: &mut Setup) {
    let Some(Change { rules, theme, keys, currency, columns, open_with, problems, says }) = setup.surroundings.settings() else { return };
    if let Some(rules) = rules {
        engine.send(Command::Rules(rules));
    }
    app.keys = keys.unwrap_or_else(|| app.keys.clone());
    app.currency = currency.unwrap_or_else(|| app.currency.clone());
    app.columns = columns.unwrap_or_else(|| app.columns.clone());
    setup.open_with = open_with.unwrap_or_else(|| setup.open_with.clone());
    app.message = (!says.is_empty()).then(|| Message::done(format!("the settings have changed: {}", says.join(", "))));
    if let Some(Err(why)) = theme.map(|name| wear(app, &name, setup)) {
        app.message = Some(Message::failed(why));
    }
    // What is wrong stays until it is mended.
    app.message = app.message.take().filter(|_| problems.is_empty());
    app.problems = problems;
}

/// An event that is there already.
///
/// Asked with the task's own waker: crossterm's stream keeps the first waker that found nothing, so that after
/// `now_or_never` the next key would wake nobody until something else did.
async fn ready(events: &mut EventStream) -> Option<std::io::Result<Event>> {
    let poll = |cx: &mut Context<'_>| match events.poll_next_unpin(cx) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    };
    std::future::poll_fn(poll).await
}

/// The system's signals to end.
#[cfg(unix)]
struct Stop {
    end: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Stop {
    fn new() -> Stop {
        use tokio::signal::unix::{SignalKind, signal};
        let end = signal(SignalKind::terminate()).ok().zip(signal(SignalKind::hangup()).ok());
        Stop { end, interrupt: signal(SignalKind::interrupt()).ok() }
    }

    /// Completes when the system asks the process to end.
    async fn asked(&mut self) {
        let interrupt = async {
            match &mut self.interrupt {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        let end = async {
            match &mut self.end {
                Some((term, hup)) => tokio::select! { _ = term.recv() => {}, _ = hup.recv() => {} },
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = interrupt => {}, () = end => {} }
    }

    /// Forgets what ctrl-c did to somebody who had the terminal: it went to every process in front of it.
    async fn forget_interrupts(&mut self, one_is_due: bool) {
        if let Some(signal) = self.interrupt.as_mut().filter(|_| one_is_due) {
            let _ = tokio::time::timeout(INTERRUPT_ARRIVES, signal.recv()).await;
        }
        // The signals that came meanwhile are told to those who listen when the runtime looks for news.
        tokio::time::sleep(SIGNALS_ARRIVE).await;
        if let Some(signal) = &mut self.interrupt {
            std::future::poll_fn(|cx| {
                while signal.poll_recv(cx) == Poll::Ready(Some(())) {}
                Poll::Ready(())
            })
            .await;
        }
    }
}

/// The system's wish to end.
#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> Stop {
        Stop
    }

    async fn asked(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }

    async fn forget_interrupts(&mut self, _: bool) {
        tokio::time::sleep(SIGNALS_ARRIVE).await;
    }
}
