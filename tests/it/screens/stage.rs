//! A screen without a terminal: events go in, a picture with its styles comes out as text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aifinops::engine::Snapshot;
use aifinops::query::SessionView;
use aifinops::ui::app::{App, Effect};
use aifinops::ui::view;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::world::{self, NOW};

/// An app, the picture it shows, and the size of the last drawing.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Stage {
    pub(crate) fn new(snapshot: Snapshot) -> Stage {
        Stage { app: world::app(&snapshot), snapshot: Arc::new(snapshot) }
    }

    /// Sessions that the picture is made of.
    pub(crate) fn of(sessions: Vec<SessionView>) -> Stage {
        Stage::new(world::snapshot(sessions))
    }

    /// A working day: every kind of session, the first of them selected and read in full.
    pub(crate) fn workday() -> Stage {
        let sessions = world::some_of_each();
        let (first, rest) = sessions.split_first().unwrap();
        let detail = world::detail(first, rest.iter().filter(|s| s.parent == Some(first.uid.clone())).cloned().collect());
        let mut snapshot = world::snapshot(sessions);
        snapshot.detail = Some(Arc::new(detail));
        Stage::new(snapshot)
    }

    /// A new picture arrives, as the screen's loop takes it.
    pub(crate) fn news(&mut self, snapshot: Snapshot) {
        self.snapshot = Arc::new(snapshot);
        self.app.hear(&self.snapshot);
        if self.app.frozen.is_none() {
            self.app.take(&self.snapshot);
        } else {
            self.app.complete(&self.snapshot);
        }
    }

    pub(crate) fn event(&mut self, event: &Event) -> Vec<Effect> {
        let effects = self.app.update(event, &self.snapshot);
        if self.app.frozen.is_none() {
            self.app.take(&self.snapshot);
        }
        effects
    }

    /// Presses a key as people write it: `j`, `G`, `enter`, `ctrl-c`.
    pub(crate) fn press(&mut self, key: &str) -> Vec<Effect> {
        self.event(&Event::Key(key_event(key)))
    }

    /// Presses one key after the other.
    pub(crate) fn press_all(&mut self, keys: &[&str]) {
        for key in keys {
            self.press(key);
        }
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.event(&Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
    }

    pub(crate) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
        self.event(&Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    }

    pub(crate) fn click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row)
    }

    /// Draws, and remembers where things are, as the screen's loop does.
    pub(crate) fn draw(&mut self, width: u16, height: u16) -> Buffer {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let hits = view::draw(&self.app, &self.snapshot, NOW, area, &mut buf);
        self.app.drawn(hits);
        buf
    }

    /// The projects of the rows, heads of groups in brackets.
    pub(crate) fn rows(&self) -> Vec<String> {
        use aifinops::ui::rows::Row;
        let name = |row: &Row| match row {
            Row::Group { name, .. } => format!("[{name}]"),
            Row::Session { session, depth, .. } => format!("{}{}", "  ".repeat(*depth), session.role.as_ref().unwrap_or(&session.project)),
        };
        self.app.rows.iter().map(name).collect()
    }

    /// The project of the selected row.
    pub(crate) fn selected(&self) -> String {
        self.rows().get(self.app.cursor).cloned().unwrap_or_default()
    }
}

/// A key as people write it.
pub(crate) fn key_event(key: &str) -> KeyEvent {
    let (modifiers, name) = match key.strip_prefix("ctrl-") {
        Some(name) => (KeyModifiers::CONTROL, name),
        None => (KeyModifiers::NONE, key),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "f1" => KeyCode::F(1),
        one => KeyCode::Char(one.chars().next().unwrap()),
    };
    let capital = matches!(code, KeyCode::Char(c) if c.is_uppercase());
    KeyEvent::new(code, if capital { modifiers | KeyModifiers::SHIFT } else { modifiers })
}

/// The text of a picture, line by line.
pub(crate) fn lines(buf: &Buffer) -> Vec<String> {
    let width = usize::from(buf.area.width).max(1);
    buf.content.chunks(width).map(|row| row.iter().zip(covered(row)).filter(|(_, c)| !c).map(|(cell, _)| cell.symbol()).collect()).collect()
}

/// Which cells are covered by a wide character to their left.
fn covered(row: &[Cell]) -> Vec<bool> {
    let mut left = 0;
    row.iter()
        .map(|cell| {
            let is_covered = left > 0;
            left = if is_covered { left - 1 } else { cell.symbol().width().saturating_sub(1) };
            is_covered
        })
        .collect()
}

/// The text of a picture.
pub(crate) fn text(buf: &Buffer) -> String {
    lines(buf).join("\n")
}

/// The text, then for each cell a letter of its style, then what the letters mean. The commonest style is a dot.
pub(crate) fn picture(buf: &Buffer) -> String {
    let mut count: HashMap<Style, usize> = HashMap::new();
    for cell in &buf.content {
        *count.entry(cell.style()).or_default() += 1;
    }
    let ground = count.into_iter().max_by_key(|(style, n)| (*n, format!("{style:?}"))).map(|(style, _)| style).unwrap_or_default();
    let mut letters: Vec<Style> = vec![ground];
    let mut styles = String::new();
    for row in buf.content.chunks(usize::from(buf.area.width)) {
        let mut line = String::new();
        for (cell, covered) in row.iter().zip(covered(row)) {
            if covered {
                line.push(line.chars().last().unwrap_or('.'));
                continue;
            }
            let at = letters.iter().position(|s| *s == cell.style()).unwrap_or_else(|| {
                letters.push(cell.style());
                letters.len() - 1
            });
            line.push(char::from(*b".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".get(at).unwrap_or(&b'#')));
        }
        let _ = writeln!(styles, "{}", line.trim_end_matches('.'));
    }
    let mut out = format!("{}\n\n{styles}\n", lines(buf).iter().map(|l| format!("{l}|")).collect::<Vec<_>>().join("\n"));
    for (i, style) in letters.iter().enumerate() {
        let letter = char::from(*b".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".get(i).unwrap_or(&b'#'));
        let Style { fg, bg, underline_color, add_modifier, .. } = style;
        let colour = |c: &Option<ratatui::style::Color>| c.map_or_else(|| "none".to_owned(), |c| c.to_string());
        let _ = write!(out, "{letter} {} on {}", colour(fg), colour(bg));
        if underline_color.is_some_and(|c| c != ratatui::style::Color::Reset) {
            let _ = write!(out, " underlined in {}", colour(underline_color));
        }
        let _ = writeln!(out, "{}", if add_modifier.is_empty() { String::new() } else { format!(" {add_modifier:?}") });
    }
    out
}
