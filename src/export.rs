//! Figures as bytes for other programs: one file per format, rows in, bytes out.
//!
//! **Why so.** What a script reads is an interface: it must not change when a screen does. So the shapes live here, as
//! pure functions of the figures, and commands only choose which of them to write. What can be exported is a table of
//! columns and rows ([`rows`]); a format takes any of them row by row and holds none ([`table::Sheet`]).

pub mod csv;
pub mod focus;
pub mod html;
pub mod json;
pub mod markdown;
pub mod rows;
pub mod summary;
pub mod table;
pub mod team;
