//! The last line: what goes on, what is wrong, or which keys to press.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::engine::gpus::{SourceState, SourceView};
use crate::model::text;
use crate::query::Filter;
use crate::ui::action::Action;
use crate::ui::app::{App, View};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

/// Sources of figures of GPUs that fail, and why, while somebody looks at those.
fn failed_sources(app: &App) -> Vec<String> {
    let fails = |source: &&SourceView| matches!(source.state, SourceState::Stale | SourceState::Broken);
    let sources = app.gpu_picture.sources.iter().filter(|_| app.view == View::Gpus);
    let words = |source: &SourceView| format!("{} is {}: {}", source.name, source.state.word(), source.why.as_deref().unwrap_or_default());
    let notices = app.gpu_picture.notices.iter().filter(|_| app.view == View::Gpus).cloned();
    sources.filter(fails).map(words).chain(notices).collect()
}

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let mut line = Pieces::default();
    if app.typing {
        filter(app, area, buf);
        return;
    }
    // News must not hide that nothing new is read; they are shown again once that is over.
    let message = app.message.as_ref().filter(|message| !message.is_news || snapshot.failing == 0);
    if let Some(message) = message {
        line.left(format!(" {}", message.text), style(if message.is_error { Role::Over } else { Role::Ok }));
    } else if let Some(progress) = snapshot.progress.filter(|p| p.files > 0) {
        let share = (progress.bytes_done.min(progress.bytes) * 100).checked_div(progress.bytes).unwrap_or(0);
        let filled = usize::try_from(share / 5).unwrap_or(0);
        line.left(" catching up ", style(Role::Accent));
        line.left("█".repeat(filled) + &"░".repeat(20 - filled.min(20)), style(Role::Chart));
        line.left(format!(" {share}% · {} of {} logs ", progress.files_done, progress.files), style(Role::Dim));
    } else if let Some(failed) = failed_sources(app).first() {
        let more = failed_sources(app).len() - 1;
        let others = if more > 0 { format!(" (+{more} more: aifinops doctor gpu)") } else { String::new() };
        line.left(format!(" ! {}{others}", text::shown(failed)), style(Role::Warn));
    } else if let Some(notice) = app.problems.iter().chain(&app.standing).chain(&snapshot.notices).next() {
        let more = app.problems.len() + app.standing.len() + snapshot.notices.len() - 1;
        let others = if more > 0 { format!(" (+{more} more: aifinops doctor)") } else { String::new() };
        line.left(format!(" ! {}{others}", text::shown(notice)), style(Role::Warn));
    }
    let hints: &[(Action, &str)] = match app.view {
        View::Sessions => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Open, "open"),
            (Action::Range, "range"),
            (Action::SortNext, "sort"),
            (Action::Filter, "filter"),
            (Action::Cap, "cap"),
            (Action::Stop, "stop"),
            (Action::Hold, "pause"),
        ],
        View::Loops => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Open, "open"),
            (Action::Section, "list"),
            (Action::Group, "by"),
            (Action::Range, "range"),
            (Action::Stop, "stop"),
            (Action::Back, "back"),
        ],
        View::Caps => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Cap, "set or raise"),
            (Action::Section, "decisions"),
            (Action::Back, "back"),
        ],
        View::Team => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Group, "by"),
            (Action::Open, "open"),
            (Action::SortNext, "sort"),
            (Action::Filter, "filter"),
            (Action::Section, "gateway"),
            (Action::Back, "back"),
        ],
        View::Gpus => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Open, "open"),
            (Action::Group, "heat map"),
            (Action::Section, "processes"),
            (Action::SortNext, "sort"),
            (Action::Filter, "filter"),
            (Action::CopyId, "copy"),
            (Action::Back, "back"),
        ],
        View::Trends => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Section, "panel"),
            (Action::Range, "day, week, month"),
            (Action::Group, "model, project, agent"),
            (Action::Back, "back"),
        ],
        View::Session => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::OpenLog, "log"),
            (Action::CopyId, "copy id"),
            (Action::Section, "section"),
            (Action::Back, "back"),
            (Action::Stop, "stop"),
            (Action::Hold, "pause"),
        ],
    };
    for (action, word) in hints {
        let key = (format!("{} ", app.keys.first(*action)), style(Role::HintKey));
        line.right_together(vec![key, (format!("{word}  "), style(Role::HintText))]);
    }
    line.draw(area, buf);
}

/// The filter while it is typed: where the cursor is, and what is odd about a word.
fn filter(app: &App, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let label = " filter ";
    let value = app.input.value();
    let (hints, role) = match Filter::unknown_key(value) {
        Some(key) => {
            let known = Filter::KEYS.map(|key| format!("{key}:"));
            let (all, some) = (known.join(" "), format!("{} …", known.get(..4).unwrap_or_default().join(" ")));
            let long = |known: &str| format!("`{}:` is looked for as text; there are {known} ", text::fit(&key, 12));
            (vec![long(&all), long(&some), format!("there are {some} "), format!("{some} ")], Role::Warn)
        }
        None => (vec!["enter keeps · esc clears ".to_owned()], Role::HintText),
    };
    let (before, after): (String, String) = {
        let at = app.input.cursor();
        (value.chars().take(at).collect(), value.chars().skip(at).collect())
    };
    let room = usize::from(area.width).saturating_sub(label.len() + 1);
    let wish = text::columns(&text::shown(value));
    // The hint leaves before the filter has to be cut.
    let hint = hints.into_iter().find(|hint| wish + 2 + text::columns(hint) <= room);
    // What is before the cursor scrolls away; some of what is behind it stays in view.
    let behind = text::columns(&text::shown(&after)).min(room / 4);
    let before = text::fit_end(&before, room.saturating_sub(behind));
    let after = text::fit(&after, room.saturating_sub(text::columns(&before)));
    let mut line = Pieces::default();
    line.left(label, style(Role::HintKey)).left(before, style(Role::Text)).left("▏", style(Role::Accent)).left(after, style(Role::Text));
    if let Some(hint) = hint {
        line.right(hint, style(role));
    }
    line.draw(area, buf);
}
