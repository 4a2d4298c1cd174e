//! Themes: which meaning has which colour, and nothing about where it is drawn.
//!
//! Why so: a panel asks for [`Role::Spend`] or [`Role::Over`], never for "light green", so one file changes the
//! whole screen and no panel changes for a new theme. The built-in themes are the same TOML files a user may
//! write; a user's file of the same name wins. The colours a terminal cannot show are brought down to what it
//! can ([`Depth`]), and no meaning is left in colour alone.

mod degrade;
mod parse;
mod role;

use std::io;
use std::path::{Path, PathBuf};

use ratatui::style::{Modifier, Style};

pub use degrade::Depth;
pub use role::Role;

macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        /// The built-in themes as name and TOML text, in the order the screen cycles them; the first is the default.
        pub const EMBEDDED: &[(&str, &str)] = &[$( ($name, include_str!(concat!("../../themes/", $name, ".toml"))) ),+];
    };
}

embed! {
    "dark", "light", "high-contrast", "colour-blind", "catppuccin-mocha", "catppuccin-latte", "gruvbox-dark", "nord",
    "solarized-dark", "solarized-light", "dracula", "tokyo-night", "terminal", "mono",
}

/// A style for every [`Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// The name it was asked for by.
    pub name: String,
    styles: [Style; Role::COUNT],
}

impl Theme {
    /// The style of a meaning.
    ///
    /// [`Role::Background`] and [`Role::Select`] bring a ground; the others colour the text alone in every
    /// built-in theme, so that they may be patched onto either.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// No colour, and reversal for the selected row: what is left when no theme can be read.
    fn plain() -> Theme {
        Theme { name: "plain".to_owned(), styles: [Style::new(); Role::COUNT] }.with_visible_selection()
    }

    /// The same theme with every style passed through `change`.
    fn map(self, mut change: impl FnMut(Role, Style) -> Style) -> Theme {
        let styles = Role::ALL.map(|role| change(role, self.style(role)));
        Theme { styles, ..self }
    }

    /// Reverses the selected row where its ground would not differ from the screen's.
    fn with_visible_selection(self) -> Theme {
        let ground = self.style(Role::Background).bg;
        self.map(|role, style| match (role, style.bg) {
            (Role::Select, None) => style.add_modifier(Modifier::REVERSED),
            (Role::Select, bg) if bg == ground => Style { bg: None, ..style }.add_modifier(Modifier::REVERSED),
            _ => style,
        })
    }
}

impl Default for Theme {
    fn default() -> Theme {
        EMBEDDED.first().and_then(|(name, _)| load(name, None).ok()).unwrap_or_else(Theme::plain)
    }
}

/// Why a theme cannot be used. Each says where the fault is and what would have been right.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Nobody has a theme of this name.
    #[error("no theme is named `{name}`; there are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The user's theme file is there but cannot be read.
    #[error("cannot read the theme {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML, or not of a theme's shape.
    #[error("theme `{theme}` is not a valid theme file")]
    Toml {
        /// The theme.
        theme: String,
        /// What the parser said, with the line.
        source: Box<toml::de::Error>,
    },
    /// `inherits` names a theme that is not there.
    #[error("theme `{theme}` inherits `{parent}`, which is no theme")]
    UnknownParent {
        /// The theme that inherits.
        theme: String,
        /// The name it gives.
        parent: String,
    },
    /// Themes inherit each other in a circle.
    #[error("theme `{theme}` inherits itself: {chain}")]
    Cycle {
        /// The theme asked for.
        theme: String,
        /// The circle, `a → b → a`.
        chain: String,
    },
    /// Themes inherit each other for too many steps to be meant.
    #[error("theme `{theme}` inherits through more than {limit} themes")]
    TooDeep {
        /// The theme asked for.
        theme: String,
        /// How many are followed.
        limit: usize,
    },
    /// A key of `[roles]` is no role.
    #[error("theme `{theme}`: no role is named `{role}`; roles are {allowed}")]
    UnknownRole {
        /// The theme whose file has the key.
        theme: String,
        /// The key.
        role: String,
        /// The roles there are.
        allowed: String,
    },
    /// A colour is neither in the palette, nor a number, nor a terminal colour.
    #[error("theme `{theme}`, `{key}`: no colour is named `{colour}`; write {allowed}")]
    UnknownColour {
        /// The theme whose file has the key.
        theme: String,
        /// The key, with its table.
        key: String,
        /// The value.
        colour: String,
        /// What may stand there.
        allowed: String,
    },
    /// A modifier is none we know.
    #[error("theme `{theme}`, `{key}`: no modifier is named `{modifier}`; modifiers are {allowed}")]
    UnknownModifier {
        /// The theme whose file has the key.
        theme: String,
        /// The key, with its table.
        key: String,
        /// The value.
        modifier: String,
        /// The modifiers there are.
        allowed: String,
    },
}

/// The names of all themes: the built-in ones in their order, then the user's own, sorted.
#[must_use]
pub fn names(user_dir: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries = user_dir.and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    let mut own: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| is_name(name) && !names.contains(name))
        .collect();
    own.sort();
    names.append(&mut own);
    names
}

/// The theme of this name: the user's file if there is one, else the built-in theme.
pub fn load(name: &str, user_dir: Option<&Path>) -> Result<Theme, ThemeError> {
    let text = match read_own(name, user_dir)? {
        Some(text) => text,
        None => embedded(name).ok_or_else(|| ThemeError::Unknown { name: name.to_owned(), known: names(user_dir).join(", ") })?.to_owned(),
    };
    Theme::parse(name, &text, &|parent| {
        let own = read_own(parent, user_dir).ok().flatten();
        own.or_else(|| embedded(parent).map(str::to_owned))
    })
}

/// The text of a built-in theme.
fn embedded(name: &str) -> Option<&'static str> {
    EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The text of the user's theme file of this name, if there is one.
fn read_own(name: &str, user_dir: Option<&Path>) -> Result<Option<String>, ThemeError> {
    let Some(dir) = user_dir.filter(|_| is_name(name)) else { return Ok(None) };
    let path = dir.join(format!("{name}.toml"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ThemeError::Read { path, source }),
    }
}

/// Whether a name can be a theme's: it becomes part of a path, so it may not leave the directory.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}
