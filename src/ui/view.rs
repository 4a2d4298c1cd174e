//! The screen as a whole: which panel goes where.
//!
//! ```text
//! header                                          1 line
//! tabs                                            1 line, from 14 lines on
//! ┌ sessions ──────────────────────────────────┐  what is left
//! └────────────────────────────────────────────┘
//! ┌ task ──────────────────┐┌ tokens ──────────┐  from 20 lines on
//! └────────────────────────┘└──────────────────┘
//! status                                          1 line
//! ```
//!
//! A session in full has the body for itself:
//!
//! ```text
//! ┌ api-server · claude-code ──────────────────┐  5 lines
//! ├ $ per step ──┐┌ context ─────┐┌ money ──────┤  from 16 lines on, and a quarter of many; money where it is wide
//! ├ tasks ──────────────────────┐┌ tools ──────┤  what is left; where it is narrow,
//! │                             │├ subagents ──┤  one of the four in the place of all
//! └─────────────────────────────┘└─────────────┘
//! ```
//!
//! Loops:
//!
//! ```text
//! ┌ tasks ──────────┐┌ steps ─────────────────┐  from 14 lines on; on a wide screen the groups beside
//! ├ by agent ──────────────────────────────────┤  from 26 lines on
//! ├ running, longest, dearest, alerts ─────────┤  what is left
//! └────────────────────────────────────────────┘
//! ```
//!
//! The caps:
//!
//! ```text
//! ┌ caps ──────────────────────────────────────┐  what they need, at most two fifths
//! ├ last 30 days ────────────────┐┌ raises ────┤  from 11 lines on
//! ├ decisions ─────────────────────────────────┤  from 6 lines on: what is left
//! └────────────────────────────────────────────┘
//! ```
//!
//! The team:
//!
//! ```text
//! ┌ rows with budgets ─────────────────────────┐  what is left
//! ├ below the selected row ─────┐┌ two ledgers ┤  from 14 lines on; the ledgers alone below 100 columns
//! └─────────────────────────────┘└─────────────┘
//! ```
//!
//! The GPUs:
//!
//! ```text
//! ┌ cards ─────────────────────────────────────┐  what they need, at most half
//! ├ servers ───────────────────────────────────┤  where there are any; the heat map in the place of both
//! ├ processes ─────────────────────────────────┤  what is left
//! └────────────────────────────────────────────┘
//! ```
//!
//! The trends; where there is no room, one of the four in the place of all:
//!
//! ```text
//! ┌ spend by day ──────────────────────────────┐  the upper half
//! ├ units ─────────────────┐┌ calendar ────────┤  below 100 columns the hours
//! │                        │├ hours ───────────┤  in the place of the calendar
//! └────────────────────────┘└──────────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::Snapshot;
use crate::model::{Millis, text};

use super::app::gpus::Lower;
use super::app::trends::Panel;
use super::app::{App, Dialog, Hits, Section, View};
use super::panels::{cap_days, cap_dialog, cap_notes, caps, charts, decisions, empty, frame, header, help, preview};
use super::panels::{gpu_cards, gpu_detail, gpu_heat, gpu_processes, gpu_servers};
use super::panels::{
    loop_groups, loop_list, loops, session, sessions, status, stop_dialog, subagents, tabs, tasks, team, team_inside, team_ledger, tools,
};
use super::panels::{trend_calendar, trend_hours, trend_spend, trend_units, waste};
use super::theme::Role;

/// The smallest screen that anything can be said on.
const LEAST: (u16, u16) = (30, 6);

/// Draws everything, and tells where things are for the mouse. Pure: the same input gives the same picture.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    buf.set_style(area, app.theme.style(Role::Background));
    let snapshot = app.frozen.as_deref().unwrap_or(snapshot);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return tiny(app, snapshot, area, buf);
    }
    let preview_height = match area.height {
        ..20 => 0,
        20..40 => 6,
        _ => 8,
    };
    let is_alone = app.view != View::Sessions || empty::is_due(snapshot);
    let below = if is_alone { 0 } else { preview_height };
    let with_tabs = u16::from(area.height >= TABS);
    let lines = [1, with_tabs].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]).chain([below, 1].map(Constraint::Length));
    let [top, second, body, bottom, last] = Layout::vertical(lines).areas(area);
    header::draw(app, snapshot, now, top, buf);
    let mut hits = match app.view {
        View::Session => full(app, snapshot, now, body, buf),
        View::Sessions if empty::is_due(snapshot) => {
            empty::draw(app, snapshot, body, buf);
            Hits::default()
        }
        View::Sessions => sessions::draw(app, snapshot, now, body, buf),
        View::Loops => all_loops(app, snapshot, body, buf),
        View::Caps => all_caps(app, snapshot, now, body, buf),
        View::Trends => all_trends(app, snapshot, now, body, buf),
        View::Team => all_team(app, snapshot, now, body, buf),
        View::Gpus => all_gpus(app, body, buf),
    };
    if with_tabs > 0 {
        hits.tabs = tabs::draw(app, snapshot, now, second, buf);
    }
    if below > 0 {
        preview::draw(app, snapshot, now, bottom, buf);
    }
    status::draw(app, snapshot, last, buf);
    if app.help {
        hits.help = help::draw(app, area, buf);
    }
    match &app.dialog {
        Some(Dialog::Cap(dialog)) => cap_dialog::draw(app, dialog, area, buf),
        Some(Dialog::Stop { name, process, .. }) => stop_dialog::draw(app, name, process, area, buf),
        None => {}
    }
    hits
}

/// The lines from which the names of the views have one.
const TABS: u16 = 14;

/// The distribution, groups where there is room for them, and a list.
fn all_loops(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) -> Hits {
    let top = match area.height {
        ..14 => 0,
        14..30 => 8,
        _ => 10,
    };
    let wide = area.width >= BESIDE;
    let groups = if wide || area.height < 26 { 0 } else { 8 };
    let [upper, middle, lower] = Layout::vertical([Constraint::Length(top), Constraint::Length(groups), Constraint::Fill(1)]).areas(area);
    if top > 0 && wide {
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(upper);
        loops::draw(app, snapshot, left, buf);
        loop_groups::draw(app, snapshot, right, buf);
    } else if top > 0 {
        loops::draw(app, snapshot, upper, buf);
    }
    if groups > 0 {
        loop_groups::draw(app, snapshot, middle, buf);
    }
    loop_list::draw(app, snapshot, lower, buf)
}

/// The caps, and what there is to say of the selected one.
fn all_caps(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let count = app.caps_of(snapshot).standings.len();
    if count == 0 {
        return caps::draw(app, snapshot, now, area, buf);
    }
    let wanted = u16::try_from(count).unwrap_or(u16::MAX).saturating_add(3);
    let (days, log) = match area.height {
        ..6 => (0, 0),
        6..11 => (0, 3),
        11..18 => (5, 4),
        lines => ((lines / 4).clamp(6, 12), 5),
    };
    let list = wanted.min((area.height * 2 / 5).max(4)).min(area.height.saturating_sub(days + log).max(4));
    let [upper, middle, lower] = Layout::vertical([
        if log > 0 { Constraint::Length(list) } else { Constraint::Fill(1) },
        Constraint::Length(days),
        if log > 0 { Constraint::Fill(1) } else { Constraint::Length(0) },
    ])
    .areas(area);
    let mut hits = caps::draw(app, snapshot, now, upper, buf);
    if days > 0 {
        let beside = if area.width >= 70 { (area.width * 2 / 5).clamp(28, 60) } else { 0 };
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(beside)]).areas(middle);
        cap_days::draw(app, snapshot, now, left, buf);
        if beside > 0 {
            cap_notes::draw(app, snapshot, right, buf);
        }
    }
    if log > 0 {
        hits.log = decisions::draw(app, snapshot, now, lower, buf);
    }
    hits
}

/// The width from which the two ledgers stand beside what is below a row.
const LEDGER: u16 = 100;

/// The team, what is below the selected row, and today in two ledgers.
fn all_team(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    if app.team.opened && !snapshot.gateways.is_empty() {
        team_inside::draw(app, snapshot, now, area, buf);
        return Hits::default();
    }
    let below = if snapshot.gateways.is_empty() || area.height < 14 { 0 } else { (area.height * 2 / 5).clamp(7, 20) };
    let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(below)]).areas(area);
    let hits = team::draw(app, snapshot, now, upper, buf);
    if below > 0 && area.width >= LEDGER {
        let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(lower);
        team_inside::draw(app, snapshot, now, left, buf);
        team_ledger::draw(app, snapshot, right, buf);
    } else if below > 0 {
        team_ledger::draw(app, snapshot, lower, buf);
    }
    hits
}

/// The lines below cards and servers from which the week is shown with the processes.
const TALL: u16 = 24;

/// The cards, and below them either what is on them now or what they did in the last week.
fn all_gpus(app: &App, area: Rect, buf: &mut Buffer) -> Hits {
    let picture = &*app.gpu_picture;
    if picture.is_empty() {
        gpu_cards::empty(app, area, buf);
        return Hits::default();
    }
    if app.gpus.opened {
        gpu_detail::draw(app, area, buf);
        return Hits::default();
    }
    let lines = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).saturating_add(3);
    let is_low = area.height < 12;
    let cards = if is_low { area.height } else { lines(picture.cards.len()).min(area.height / 2).max(4) };
    let heat = app.gpus.lower != Lower::Now;
    let servers =
        if is_low || heat || picture.servers.is_empty() { 0 } else { lines(picture.servers.len()).min((area.height - cards) / 2).max(4) };
    let [upper, middle, lower] =
        Layout::vertical([Constraint::Length(cards), Constraint::Length(servers), Constraint::Fill(1)]).areas(area);
    // Where there is room for one list only, it is the one that keys move in.
    if is_low && app.gpus.in_processes {
        return gpu_processes::draw(app, area, buf);
    }
    if is_low && heat {
        gpu_heat::draw(app, area, buf);
        return Hits::default();
    }
    let of_cards = gpu_cards::draw(app, upper, buf);
    if servers > 0 {
        gpu_servers::draw(app, middle, buf);
    }
    if lower.height == 0 {
        return of_cards;
    }
    if heat {
        gpu_heat::draw(app, lower, buf);
        return of_cards;
    }
    // Where there is much room, the week stands below.
    let week = if lower.height >= TALL { lines(picture.heat.rows.len()).min(lower.height / 2) } else { 0 };
    let [lower, last] = Layout::vertical([Constraint::Fill(1), Constraint::Length(week)]).areas(lower);
    if week > 0 {
        gpu_heat::draw(app, last, buf);
    }
    let of_processes = gpu_processes::draw(app, lower, buf);
    if app.gpus.in_processes { of_processes } else { of_cards }
}

/// The least room for more than one panel of the trends.
const TRENDS: (u16, u16) = (64, 16);
/// The width that all panels below the spend stand beside each other from, and the one from which all are there.
const ABREAST: (u16, u16) = (150, 100);
/// The lines of the calendar, and those from which the hours find room below it.
const CALENDAR: (u16, u16) = (10, 15);

/// More lines than this show nothing more below the spend.
const MOST_BELOW: u16 = 24;

/// Spend over time, and what one of something costs.
fn all_trends(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let hits = Hits::default();
    let Some(trends) = &snapshot.trends else {
        frame("reading…", "", Role::Focus, &app.theme, area, buf);
        return hits;
    };
    let mut one = |panel: Panel, area: Rect| match panel {
        Panel::Spend => trend_spend::draw(app, trends, area, buf),
        Panel::Units => trend_units::draw(app, trends, area, buf),
        Panel::Calendar => trend_calendar::draw(app, trends, now, area, buf),
        Panel::Hours => trend_hours::draw(app, trends, area, buf),
    };
    if area.width < TRENDS.0 || area.height < TRENDS.1 {
        one(app.trends.panel, area);
        return hits;
    }
    // The calendar has its lines; what is left over is the spend's.
    let lower = (area.height * 11 / 20).clamp(CALENDAR.0 + 1, MOST_BELOW).min(area.height - 6);
    let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(lower)]).areas(area);
    one(Panel::Spend, upper);
    if area.width >= ABREAST.0 {
        let [left, middle, right] = Layout::horizontal([Constraint::Fill(4), Constraint::Fill(4), Constraint::Fill(3)]).areas(lower);
        one(Panel::Units, left);
        one(Panel::Calendar, middle);
        one(Panel::Hours, right);
        return hits;
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(lower);
    one(Panel::Units, left);
    if area.width >= ABREAST.1 && right.height >= CALENDAR.1 {
        let [calendar, hours] = Layout::vertical([Constraint::Length(CALENDAR.0), Constraint::Fill(1)]).areas(right);
        one(Panel::Calendar, calendar);
        one(Panel::Hours, hours);
    } else {
        one(if app.trends.panel == Panel::Hours { Panel::Hours } else { Panel::Calendar }, right);
    }
    hits
}

/// The width from which all sections of a session in full stand beside each other.
const BESIDE: u16 = 116;
/// The width of what stands beside the tasks.
const SIDE: u16 = 38;

/// One session and nothing else.
fn full(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let Some(detail) = app.detail(snapshot) else {
        frame("reading…", "", Role::Focus, &app.theme, area, buf);
        return hits;
    };
    let height = match area.height {
        ..16 => 0,
        16..24 => 4,
        rows => (rows / 4).max(7),
    };
    let [head, graphs, rest] = Layout::vertical([Constraint::Length(5), Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    session::draw(app, detail, now, head, buf);
    let is_wide = area.width >= BESIDE && rest.height >= 8;
    let money = if is_wide && height >= 7 { SIDE } else { 0 };
    let [graphs, money] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(money)]).areas(graphs);
    if height > 0 {
        charts::draw(app, detail, graphs, buf);
    }
    if money.width > 0 {
        hits.parts.push(waste::draw(app, detail, false, money, buf));
    }
    if is_wide {
        let [list, side] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(SIDE)]).areas(rest);
        // Each of the two takes what it needs, the focused one more where both need much.
        let lines = |section: Section| u16::try_from(section.lines(detail)).unwrap_or(u16::MAX).saturating_add(2).max(3);
        let half = if app.full.section == Section::Subagents { side.height - side.height / 3 } else { side.height / 2 };
        let low = lines(Section::Subagents).min(half.max(side.height.saturating_sub(lines(Section::Tools))));
        let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(low)]).areas(side);
        // Without room of its own it takes that of the tasks.
        hits.parts.push(match app.full.section {
            Section::Waste if money.width == 0 => waste::draw(app, detail, false, list, buf),
            _ => tasks::draw(app, detail, false, list, buf),
        });
        hits.parts.push(tools::draw(app, detail, false, upper, buf));
        hits.parts.push(subagents::draw(app, detail, now, false, lower, buf));
    } else {
        hits.parts.push(match app.full.section {
            Section::Tasks => tasks::draw(app, detail, true, rest, buf),
            Section::Tools => tools::draw(app, detail, true, rest, buf),
            Section::Subagents => subagents::draw(app, detail, now, true, rest, buf),
            Section::Waste => waste::draw(app, detail, true, rest, buf),
        });
    }
    if let Some(part) = hits.parts.iter().find(|part| part.section == app.full.section) {
        (hits.body, hits.first) = (part.body, part.first);
    }
    hits
}

/// On a screen for nothing else: the figure that matters.
fn tiny(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) -> Hits {
    let (today, rate) = (app.currency.cost(&snapshot.today.cost()), app.currency.cost(&snapshot.burn.last_hour));
    let lines = [
        vec![format!("{today} today"), today],
        vec![format!("{rate}/h  {} live", snapshot.live), format!("{} live", snapshot.live)],
        vec![(if app.frozen.is_some() { "FROZEN" } else { "make me larger" }).to_owned(), "larger".to_owned()],
    ];
    // The fullest that is no other amount; where none is, a mark that there is one.
    let room = usize::from(area.width);
    let lines = lines.map(|says| says.into_iter().find(|says| text::columns(says) <= room).unwrap_or_else(|| "…".to_owned()));
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buf.set_stringn(area.x, y, text::shown(&line), usize::from(area.width), app.theme.style(Role::Text));
    }
    Hits::default()
}
