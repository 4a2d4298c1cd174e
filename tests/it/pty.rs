//! The whole program in a terminal of its own: what it draws, what it answers to, and what it leaves behind.

#![cfg(unix)]

mod alerts;
mod caps;
mod demo;
mod ending;
mod hostile;
mod labels;
mod logs;
mod panic;
mod run;
pub(crate) mod terminal;
