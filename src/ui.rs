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
use tokio::time::Instant;

use crate::engine::{Command, Engine, Snapshot};
use crate::model::Millis;

pub mod action;
pub mod app;
pub mod columns;
pub mod keymap;
pub mod panels;
pub mod rows;
pub mod term;
pub mod theme;
pub mod view;
pub mod widgets;

use app::{App, Effect, Options};
use term::Screen;

/// The least time between two pictures that only news ask for.
const NEWS_PACE: Duration = Duration::from_millis(100);
/// How often ages on the screen are looked at again.
const CLOCK: Duration = Duration::from_secs(30);

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
    /// The clock.
    pub clock: fn() -> Millis,
}

/// Shows the screen until the user quits. Must run inside a tokio runtime with time and signals.
pub async fn run(setup: Setup, engine: Engine) -> std::io::Result<()> {
    let mut screen = Screen::open(setup.mouse)?;
    let mut snapshots = engine.snapshots.clone();
    let mut shown: Arc<Snapshot> = snapshots.borrow_and_update().clone();
    let mut app = App::new(setup.options.clone());
    let mut wanted = None;
    app.take(&shown);
    let mut events = EventStream::new();
    let mut stop = std::pin::pin!(stopped());
    let mut draw_at = Some(Instant::now());
    let mut last_draw = Instant::now();
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
                let Some(event) = event else { return Ok(()) };
                let mut next = Some(event?);
                // Everything that has been typed meanwhile is one picture.
                while let Some(event) = next {
                    if handle(&event, &mut app, &shown, &engine, &mut screen, &setup)?.is_break() {
                        return Ok(());
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
                if app.paused.is_none() {
                    app.take(&shown);
                    draw_at = Some(draw_at.unwrap_or((last_draw + NEWS_PACE).max(Instant::now())));
                } else if app.complete(&shown) {
                    draw_at = Some(Instant::now());
                }
            }
            () = tokio::time::sleep_until(due) => draw_at = Some(Instant::now()),
            () = &mut stop => return Ok(()),
        }
    }
}

fn draw(screen: &mut Screen, app: &mut App, snapshot: &Snapshot, now: Millis) -> std::io::Result<()> {
    let mut hits = app::Hits::default();
    screen.draw(|frame| {
        let area = frame.area();
        hits = view::draw(app, snapshot, now, area, frame.buffer_mut());
    })?;
    if app.view == app::View::Sessions {
        app.scroll = hits.first;
    }
    app.hits = hits;
    Ok(())
}

fn handle(
    event: &Event,
    app: &mut App,
    shown: &Arc<Snapshot>,
    engine: &Engine,
    screen: &mut Screen,
    setup: &Setup,
) -> std::io::Result<std::ops::ControlFlow<()>> {
    for effect in app.update(event, shown) {
        match effect {
            Effect::Quit => return Ok(std::ops::ControlFlow::Break(())),
            Effect::Send(command) => engine.send(command),
            Effect::Copy(text) => term::copy(&text)?,
            Effect::Theme(name) => match theme::load(&name, setup.themes_dir.as_deref()) {
                Ok(theme) => {
                    app.theme = theme.at(setup.depth);
                    app.message = Some(format!("theme {name}"));
                }
                Err(error) => {
                    // The next press goes on to the theme after the broken one.
                    app.theme.name = name;
                    app.message = Some(error.to_string());
                }
            },
            Effect::OpenLog(path) => {
                if let Err(error) = screen.lend(|| term::show(&path, &setup.open_with))? {
                    app.message = Some(format!("{error}; the log is {}", crate::model::text::clean(&path.display().to_string())));
                }
            }
            Effect::Suspend => {
                engine.rest();
                screen.lend(term::suspend)?;
            }
        }
    }
    // A picture that was frozen keeps its own rows; a thawed one catches up.
    if app.paused.is_none() {
        app.take(shown);
    }
    Ok(std::ops::ControlFlow::Continue(()))
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

/// Completes when the system asks the process to end.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = (signal(SignalKind::terminate()), signal(SignalKind::hangup()), signal(SignalKind::interrupt()));
        let (Ok(mut term), Ok(mut hup), Ok(mut int)) = kinds else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = hup.recv() => {}
            _ = int.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}
