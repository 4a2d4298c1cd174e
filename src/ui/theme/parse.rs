//! From a theme's TOML to styles: inheritance, palette, roles.
//!
//! A child's palette recolours its parent's roles, which makes most themes a palette and nothing else. A broken
//! theme is an error that names file, key and what may stand there; nothing is silently drawn in a wrong colour.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::{Role, Theme, ThemeError, embedded};

/// How many themes one theme may inherit through.
const MAX_LAYERS: usize = 8;

/// The terminal's own colours by the names people know them by.
const ANSI: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// A theme file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTheme {
    inherits: Option<String>,
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, RawStyle>,
}

/// A role as written: a bare colour, or everything.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a role is a colour, or a table of `fg`, `bg` and `modifiers`")]
enum RawStyle {
    Colour(String),
    Full(RawFull),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFull {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    modifiers: Vec<String>,
}

impl Theme {
    /// Reads a theme from its text; `resolve` finds the text of a theme it inherits.
    ///
    /// A theme that inherits its own name means the built-in theme it replaces, and a built-in theme inherits
    /// built-in themes only: changing `dark` for oneself does not change the themes derived from it.
    pub fn parse(name: &str, text: &str, resolve: &dyn Fn(&str) -> Option<String>) -> Result<Theme, ThemeError> {
        let layers = layers(name, text, resolve)?;
        let palette = palette(&layers)?;
        let styles = styles(&layers, &palette)?;
        let theme = Theme { name: name.to_owned(), styles: Role::ALL.map(|role| with_fallback(role, &styles)) };
        Ok(theme.with_visible_selection())
    }
}

/// The theme and those it inherits from, the eldest first.
fn layers(name: &str, text: &str, resolve: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, RawTheme)>, ThemeError> {
    let mut layers: Vec<(String, RawTheme)> = Vec::new();
    let mut next = Some((name.to_owned(), text.to_owned()));
    while let Some((theme, text)) = next.take() {
        if layers.len() > MAX_LAYERS {
            return Err(ThemeError::TooDeep { theme: name.to_owned(), limit: MAX_LAYERS });
        }
        let raw: RawTheme = toml::from_str(&text).map_err(|source| ThemeError::Toml { theme: theme.clone(), source: Box::new(source) })?;
        let parent = raw.inherits.clone();
        let built_in = embedded(&theme) == Some(text.as_str());
        layers.push((theme.clone(), raw));
        let Some(parent) = parent else { break };
        let replaced = parent == theme && !built_in && embedded(&parent).is_some();
        if !replaced && layers.iter().any(|(seen, _)| *seen == parent) {
            let chain: Vec<&str> = layers.iter().map(|(seen, _)| seen.as_str()).chain([parent.as_str()]).collect();
            return Err(ThemeError::Cycle { theme: name.to_owned(), chain: chain.join(" → ") });
        }
        let found = if replaced || built_in { embedded(&parent).map(str::to_owned) } else { resolve(&parent) };
        let Some(text) = found else { return Err(ThemeError::UnknownParent { theme, parent }) };
        next = Some((parent, text));
    }
    layers.reverse();
    Ok(layers)
}

fn palette(layers: &[(String, RawTheme)]) -> Result<BTreeMap<&str, Color>, ThemeError> {
    let mut palette = BTreeMap::new();
    for (theme, raw) in layers {
        for (name, value) in &raw.palette {
            let colour = literal(value).ok_or_else(|| ThemeError::UnknownColour {
                theme: theme.clone(),
                key: format!("palette.{name}"),
                colour: value.clone(),
                allowed: allowed(&BTreeMap::new()),
            })?;
            palette.insert(name.as_str(), colour);
        }
    }
    Ok(palette)
}

/// The roles as the youngest theme that names them says.
fn styles(layers: &[(String, RawTheme)], palette: &BTreeMap<&str, Color>) -> Result<BTreeMap<Role, Style>, ThemeError> {
    let mut written = BTreeMap::new();
    for (theme, raw) in layers {
        for (key, style) in &raw.roles {
            let role = Role::from_name(key).ok_or_else(|| ThemeError::UnknownRole {
                theme: theme.clone(),
                role: key.clone(),
                allowed: join(Role::ALL.map(Role::name)),
            })?;
            written.insert(role, (theme, style));
        }
    }
    written.into_iter().map(|(role, (theme, raw))| Ok((role, style(role, theme, raw, palette)?))).collect()
}

fn style(role: Role, theme: &str, raw: &RawStyle, palette: &BTreeMap<&str, Color>) -> Result<Style, ThemeError> {
    let colour = |part: &str, value: &String| {
        palette.get(value.as_str()).copied().or_else(|| literal(value)).ok_or_else(|| ThemeError::UnknownColour {
            theme: theme.to_owned(),
            key: format!("roles.{role}{part}"),
            colour: value.clone(),
            allowed: allowed(palette),
        })
    };
    let raw = match raw {
        // The ground is what one means by the bare colour of a screen or a row.
        RawStyle::Colour(value) if matches!(role, Role::Background | Role::Select) => {
            return Ok(Style::new().bg(colour("", value)?));
        }
        RawStyle::Colour(value) => return Ok(Style::new().fg(colour("", value)?)),
        RawStyle::Full(raw) => raw,
    };
    let fg = raw.fg.as_ref().map(|value| colour(".fg", value)).transpose()?;
    let bg = raw.bg.as_ref().map(|value| colour(".bg", value)).transpose()?;
    let mut style = Style { fg, bg, ..Style::new() };
    for name in &raw.modifiers {
        let known = MODIFIERS.iter().find(|(known, _)| known == name);
        let (_, modifier) = known.ok_or_else(|| ThemeError::UnknownModifier {
            theme: theme.to_owned(),
            key: format!("roles.{role}.modifiers"),
            modifier: name.clone(),
            allowed: join(MODIFIERS.map(|(known, _)| known)),
        })?;
        style = style.add_modifier(*modifier);
    }
    Ok(style)
}

/// The role's own style, or the nearest fallback's without its ground: a ground belongs to the role that names it.
fn with_fallback(role: Role, styles: &BTreeMap<Role, Style>) -> Style {
    let mut from = role;
    loop {
        match (styles.get(&from), from.fallback()) {
            (Some(style), _) if from == role => return *style,
            (Some(style), _) => return Style { bg: None, ..*style },
            (None, Some(next)) => from = next,
            (None, None) => return Style::new(),
        }
    }
}

/// A colour that needs no palette: `#rrggbb` or a terminal colour.
fn literal(value: &str) -> Option<Color> {
    match value.strip_prefix('#') {
        Some(digits) if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok().map(Color::from_u32)
        }
        Some(_) => None,
        None => ANSI.iter().find(|(name, _)| *name == value).map(|(_, colour)| *colour),
    }
}

fn allowed(palette: &BTreeMap<&str, Color>) -> String {
    let ansi = join(ANSI.map(|(name, _)| name));
    if palette.is_empty() {
        return format!("#rrggbb or one of {ansi}");
    }
    format!("a name from the palette ({}), #rrggbb or one of {ansi}", join(palette.keys().copied()))
}

fn join<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
