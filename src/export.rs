//! Figures as bytes for other programs: one file per format, rows in, bytes out.
//!
//! **Why so.** What a script reads is an interface: it must not change when a screen does. So the shapes live here, as
//! pure functions of the figures, and commands only choose which of them to write.

pub mod json;
