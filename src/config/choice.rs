//! Settings that are one of a few words.

use std::fmt;
use std::str::FromStr;

use chrono::Weekday;

/// The columns of the session table, in the order in which the documentation lists them.
pub const COLUMNS: &[&str] = &[
    "state", "agent", "project", "branch", "model", "loop", "ctx", "cache", "tokens", "rate", "today", "session", "steps", "tasks",
    "tools", "age",
];

/// The ways to tell a person, besides `auto` and `none`. Those who tell have a list of their own; a test holds the two
/// together.
pub const WAYS: &[&str] = &["desktop", "terminal", "webhook"];

/// The built-in themes, in the order in which the screen steps through them.
pub const THEMES: &[&str] = &[
    "dark",
    "light",
    "high-contrast",
    "colour-blind",
    "catppuccin-mocha",
    "catppuccin-latte",
    "gruvbox-dark",
    "nord",
    "solarized-dark",
    "solarized-light",
    "dracula",
    "tokyo-night",
    "terminal",
    "mono",
];

/// A word that is none of those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of the allowed values: {allowed}")]
pub struct NotAllowed {
    /// The words that would do, separated by commas.
    pub allowed: String,
}

macro_rules! choice {
    ($(#[$meta:meta])* $name:ident {
        $first:ident $first_word:literal $(#[$first_meta:meta])+,
        $($rest:ident $word:literal $(#[$rest_meta:meta])+),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name {
            $(#[$first_meta])+
            #[default]
            $first,
            $( $(#[$rest_meta])+ $rest, )+
        }

        impl $name {
            /// All of them, in the order in which a key press steps through them.
            pub const ALL: &[$name] = &[$name::$first, $($name::$rest),+];

            /// The word for it in the file, in variables and in flags.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $name::$first => $first_word,
                    $( $name::$rest => $word, )+
                }
            }

            /// The one after it; the first one after the last.
            #[must_use]
            pub fn next(self) -> $name {
                let at = $name::ALL.iter().position(|other| *other == self).map_or(0, |at| at + 1);
                $name::ALL.get(at).copied().unwrap_or_default()
            }

            /// The words that [`FromStr`] reads, separated by commas.
            #[must_use]
            pub fn allowed() -> String {
                $name::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join(", ")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = NotAllowed;

            fn from_str(text: &str) -> Result<$name, NotAllowed> {
                $name::ALL.iter().copied().find(|one| one.word() == text).ok_or_else(|| NotAllowed { allowed: $name::allowed() })
            }
        }
    };
}

choice! {
    /// The days that a screen or a report is about. Days are days of the configured time zone.
    Range {
        Today "today" #[doc = "Since midnight."],
        Days7 "7d" #[doc = "Today and the six days before."],
        Days30 "30d" #[doc = "Today and the 29 days before."],
        All "all" #[doc = "Everything in the store."],
    }
}

choice! {
    /// What the session table is grouped by.
    Group {
        None "none" #[doc = "One row per session."],
        Project "project" #[doc = "By the directory that a session works in."],
        Agent "agent" #[doc = "By the agent's product."],
        Model "model" #[doc = "By the model that answers."],
    }
}

choice! {
    /// The first day of a week.
    WeekStart {
        Monday "monday" #[doc = "As ISO 8601 has it."],
        Tuesday "tuesday" #[doc = "Tuesday."],
        Wednesday "wednesday" #[doc = "Wednesday."],
        Thursday "thursday" #[doc = "Thursday."],
        Friday "friday" #[doc = "Friday."],
        Saturday "saturday" #[doc = "Saturday."],
        Sunday "sunday" #[doc = "Sunday."],
    }
}

impl WeekStart {
    /// The day itself.
    #[must_use]
    pub const fn weekday(self) -> Weekday {
        match self {
            WeekStart::Monday => Weekday::Mon,
            WeekStart::Tuesday => Weekday::Tue,
            WeekStart::Wednesday => Weekday::Wed,
            WeekStart::Thursday => Weekday::Thu,
            WeekStart::Friday => Weekday::Fri,
            WeekStart::Saturday => Weekday::Sat,
            WeekStart::Sunday => Weekday::Sun,
        }
    }
}
