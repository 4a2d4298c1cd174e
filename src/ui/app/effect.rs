//! What an update asks for, and what it says.

use std::path::PathBuf;

use crate::budgets::Standing;
use crate::engine::Command;
use crate::model::Amount;
use crate::model::cap::Span;

/// What has to be done for an update, by somebody who may do I/O.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// End the program.
    Quit,
    /// Ask the engine.
    Send(Command),
    /// Put a text on the clipboard, without what could drive a terminal that it is pasted into.
    Copy(String),
    /// Show a log file.
    OpenLog(PathBuf),
    /// Load a theme.
    Theme(String),
    /// Set a cap over everything.
    SetCap(Amount, Span),
    /// Raise a cap by an amount, until a time in words.
    RaiseCap(Box<Standing>, Amount, String),
    /// Hand the terminal back to the shell.
    Suspend,
    /// Draw every cell again.
    Redraw,
}

/// A line for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub text: String,
    /// Whether something failed.
    pub is_error: bool,
    /// Whether it came by itself, and not in answer to a key.
    pub is_news: bool,
}

impl Message {
    /// Something has been done.
    #[must_use]
    pub fn done(text: impl Into<String>) -> Message {
        Message { text: text.into(), is_error: false, is_news: false }
    }

    /// Something has failed.
    #[must_use]
    pub fn failed(text: impl Into<String>) -> Message {
        Message { text: text.into(), is_error: true, is_news: false }
    }

    /// Something has come about.
    #[must_use]
    pub fn news(text: impl Into<String>) -> Message {
        Message { text: text.into(), is_error: false, is_news: true }
    }
}
