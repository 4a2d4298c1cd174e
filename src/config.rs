//! Settings: defaults, then the file, then environment variables, then flags; each value knows where it came from.
//!
//! Why so: a person asks "why is this so?", and `doctor` answers with the [`Origin`] of every value. Nothing here is
//! fatal: what cannot be used is a [`Problem`] that names file, line, key and the allowed values, and the value of the
//! next lower place holds instead, so that the screen always starts.
//!
//! Every key is one entry of the registry: its name, variable, flag, meaning, default and reader. The commented
//! default file, [`describe`], [`load`], [`set`] and the [`Flags`] all follow from that entry.

mod alerts;
mod attribution;
mod caps;
mod choice;
mod context;
mod currency;
mod edit;
mod experiments;
mod gateways;
mod gpus;
mod input;
pub mod keep;
pub mod keys;
mod layer;
mod lines;
mod lookout;
mod map;
mod node;
pub mod policy;
mod read;
mod registry;
mod salvage;
mod template;
mod tiers;
mod value;
mod write;

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::model::text::clean;

pub use alerts::Alerts;
pub use caps::check as check_cap;
pub use choice::{COLUMNS, Group, NotAllowed, Range, THEMES, WAYS, WeekStart};
pub use currency::Currency;
pub use edit::{ConfigError, key, set, set_in, set_table, unset, unset_in, unset_path};
pub use gateways::{SECONDS as GATEWAY_SECONDS, check_name as check_gateway_name, parts as gateway_parts};
pub use layer::load;
pub use read::nearest;
pub use registry::{Flags, Settings};
pub use template::{default_text, describe};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// The configuration file.
    File,
    /// An environment variable, by its name.
    Env(String),
    /// A flag of the command line, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.pad("default"),
            Origin::File => f.pad("config file"),
            Origin::Env(name) | Origin::Flag(name) => f.pad(name),
        }
    }
}

/// A value and where it came from. A setting of several parts has the origin of the part that was set last;
/// [`describe`] knows the origin of each part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A value that could not be used, and what could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file it stands in, if it stands in one.
    pub file: Option<PathBuf>,
    /// The line in that file, counted from 1.
    pub line: Option<usize>,
    /// The dotted key; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong and what is allowed; safe to show on a terminal.
    pub message: String,
    /// The place in words: `~/.config/aifinops/config.toml:7`, `AIFINOPS_THEME`, `--theme`.
    pub place: String,
}

impl Problem {
    /// A problem with a key of a file, at `line` of it where that is known; `place` is the file's name in words.
    fn in_file(file: &Path, place: &str, line: Option<usize>, key: &str, message: &str) -> Problem {
        let shown = clean(place);
        let place = line.map_or_else(|| shown.clone(), |line| format!("{shown}:{line}"));
        Problem { file: Some(file.to_path_buf()), line, key: clean(key), message: clean(message), place }
    }

    /// A problem with what a variable or a flag says.
    fn said_by(place: String, key: &str, message: &str) -> Problem {
        Problem { file: None, line: None, key: clean(key), message: clean(message), place }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// What [`load`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// A usable value for every key.
    pub settings: Settings,
    /// Everything that was passed over, in the order of the keys.
    pub problems: Vec<Problem>,
}
