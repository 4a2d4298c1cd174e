//! Where things were drawn.

use ratatui::layout::Rect;

use super::{Column, Section, View};

/// A section of the session in full, as drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub section: Section,
    /// Its lines.
    pub body: Rect,
    /// The first of them in view.
    pub first: usize,
}

/// Where things were drawn, for the mouse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// The rows of the table, or of the section that keys move through.
    pub body: Rect,
    /// The first row drawn there.
    pub first: usize,
    /// The heads of the columns.
    pub heads: Vec<(Rect, Column)>,
    /// The sections of the session in full.
    pub parts: Vec<Part>,
    /// The names of the views.
    pub tabs: Vec<(Rect, View)>,
    /// The decisions below the caps, and the first of them in view.
    pub log: (Rect, usize),
    /// How far the help can be scrolled, and the lines of it in view.
    pub help: (u16, u16),
}
