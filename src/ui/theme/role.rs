//! The meanings a colour can have. One list: the enum, its names in theme files and the fallbacks are derived from it.
//!
//! A role is a meaning and never a place: "money" and not "the number at the top left", so that every panel
//! shows one thing in one colour, and a new panel needs no new line in any theme.

use std::fmt;

macro_rules! roles {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal $(or $fallback:ident)? ),+ $(,)?) => {
        /// What a colour on the screen means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role {
            $( $(#[$doc])* $variant, )+
        }

        impl Role {
            /// How many roles there are.
            pub const COUNT: usize = [$( $name ),+].len();

            /// Every role, in the order of the documentation.
            pub const ALL: [Role; Role::COUNT] = [$( Role::$variant ),+];

            /// The role's name in a theme file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Role::$variant => $name ),+ }
            }

            /// The role whose colour stands in where a theme leaves this one out, so that a theme may be short.
            #[must_use]
            pub const fn fallback(self) -> Option<Role> {
                match self { $( Role::$variant => roles!(@or $($fallback)?) ),+ }
            }
        }
    };
    (@or) => { None };
    (@or $fallback:ident) => { Some(Role::$fallback) };
}

roles! {
    /// The whole screen: its ground, and the colour of anything that says nothing else.
    Background = "background",
    /// Ordinary text.
    Text = "text" or Background,
    /// Text that is there to be looked up, not to be noticed.
    Dim = "dim" or Text,
    /// The name of a panel or of the program.
    Title = "title" or Accent,
    /// What the eye should find first.
    Accent = "accent" or Text,
    /// The frame of a panel.
    Border = "border" or Dim,
    /// The frame of the panel that has the keyboard.
    Focus = "focus" or Accent,
    /// The heads of a table's columns.
    Header = "header" or Title,
    /// The selected row.
    Select = "select",
    /// All is well.
    Ok = "ok" or Accent,
    /// Close to a limit, or unusual.
    Warn = "warn" or Accent,
    /// A cap exceeded, or a danger.
    Over = "over" or Warn,
    /// Money spent.
    Spend = "spend" or Text,
    /// Input tokens.
    Input = "input" or Chart,
    /// Output tokens.
    Output = "output" or Chart2,
    /// Tokens read from or written to a cache.
    Cache = "cache" or Chart3,
    /// Reasoning tokens.
    Reasoning = "reasoning" or Output,
    /// A GPU at work.
    Gpu = "gpu" or Accent,
    /// A session whose agent is working.
    Working = "working" or Ok,
    /// A session that waits for a human.
    Waiting = "waiting" or Warn,
    /// A session with nothing to do.
    Idle = "idle" or Dim,
    /// A session that is over.
    Ended = "ended" or Idle,
    /// The first series of a chart.
    Chart = "chart" or Accent,
    /// The second series of a chart.
    Chart2 = "chart2" or Accent,
    /// The third series of a chart.
    Chart3 = "chart3" or Accent,
    /// A key in a hint (`q` in `q quit`).
    HintKey = "hint_key" or Accent,
    /// What that key does.
    HintText = "hint_text" or Dim,
}

impl Role {
    /// The role a theme file means by `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
