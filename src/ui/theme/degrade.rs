//! What a terminal can show, and themes brought down to it: truecolor → 256 → 16 → no colour.
//!
//! Sixteen colours are chosen by hue and not by distance, since the nearest of the sixteen to a pastel is a grey
//! and every meaning would end up in it. Where the result could not be read or told apart, readable wins.

use ratatui::style::{Color, Modifier, Style};

use super::{Role, Theme};

/// How much brightness (of 255) text must differ from its ground to count as readable in sixteen colours.
const READABLE: i32 = 75;

/// Roles that are compared with each other, and the hues that keep them apart.
const GROUPS: [&[(Role, Hue)]; 3] = [
    &[(Role::Ok, Hue::Green), (Role::Warn, Hue::Yellow), (Role::Over, Hue::Red)],
    &[(Role::Input, Hue::Blue), (Role::Output, Hue::Magenta), (Role::Cache, Hue::Cyan), (Role::Reasoning, Hue::Yellow)],
    &[(Role::Chart, Hue::Blue), (Role::Chart2, Hue::Magenta), (Role::Chart3, Hue::Cyan)],
];

/// Terminals that announce themselves in `TERM_PROGRAM` or `TERM` and are known for truecolor.
const TRUE_PROGRAMS: [&str; 7] = ["iterm.app", "wezterm", "ghostty", "vscode", "hyper", "rio", "warpterminal"];
const TRUE_TERMS: [&str; 8] = ["direct", "truecolor", "kitty", "ghostty", "alacritty", "wezterm", "foot", "contour"];

/// How many colours a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Any colour.
    True,
    /// The 256 of xterm.
    Ansi256,
    /// The terminal's own sixteen.
    Ansi16,
    /// None, by wish or by nature.
    None,
}

impl Depth {
    /// What the environment says. The user's `NO_COLOR` comes first, then what the terminal says of itself.
    #[must_use]
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> Depth {
        let lower = |name: &str| env(name).unwrap_or_default().to_lowercase();
        let (term, program) = (lower("TERM"), lower("TERM_PROGRAM"));
        // A multiplexer hands on the name of the terminal around it, but draws for itself.
        let nested = term.starts_with("screen") || term.starts_with("tmux");
        let says_true = matches!(lower("COLORTERM").as_str(), "truecolor" | "24bit")
            || TRUE_TERMS.iter().any(|known| term.contains(known))
            || (!nested && (TRUE_PROGRAMS.contains(&program.as_str()) || env("WT_SESSION").is_some()));
        if env("NO_COLOR").is_some_and(|value| !value.is_empty()) || term == "dumb" {
            Depth::None
        } else if says_true {
            Depth::True
        } else if term.contains("256color") || (!nested && program == "apple_terminal") {
            Depth::Ansi256
        } else {
            Depth::Ansi16
        }
    }
}

impl Theme {
    /// This theme in the colours a terminal of this depth can show.
    #[must_use]
    pub fn at(self, depth: Depth) -> Theme {
        match depth {
            Depth::True => self,
            Depth::Ansi256 => self.map(|_, style| recolour(style, to_256)).with_visible_selection(),
            Depth::Ansi16 => in_16(self),
            Depth::None => without_colour(self),
        }
    }
}

fn recolour(style: Style, convert: impl Fn(Color) -> Color) -> Style {
    Style { fg: style.fg.map(&convert), bg: style.bg.map(&convert), ..style }
}

fn without_colour(theme: Theme) -> Theme {
    theme.map(|role, style| {
        let bare = Style { fg: None, bg: None, ..style };
        match role {
            Role::Over => bare.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Warn | Role::Focus => bare.add_modifier(Modifier::BOLD),
            Role::Select => bare.add_modifier(Modifier::REVERSED),
            _ => bare,
        }
    })
}

fn in_16(theme: Theme) -> Theme {
    let is_lit = theme.style(Role::Background).bg.map(to_16) == Some(Color::White);
    let plain = if is_lit { Color::Black } else { Color::White };
    let own = theme.clone();
    let ink = |role: Role, fg: Color| match (role, fg) {
        (Role::Background | Role::Text, Color::Rgb(..)) => plain,
        (Role::Dim | Role::Border | Role::Idle | Role::Ended | Role::HintText, _) => nearest_16(fg, 2),
        _ => group_hue(&own, role).map_or_else(|| to_16(fg), |hue| hue.colour(!is_lit)),
    };
    let lower = theme.map(|role, style| Style { fg: style.fg.map(|fg| ink(role, fg)), bg: style.bg.map(to_16), ..style });
    let screen = lower.style(Role::Background);
    lower.map(|role, style| match role {
        Role::Background => style,
        // Of sixteen grounds none suits every text colour; a reversed row stays as readable as it was.
        Role::Select => Style { fg: None, bg: None, ..style }.add_modifier(Modifier::REVERSED),
        _ if is_readable(style.fg, style.bg.or(screen.bg)) => style,
        _ => Style { fg: screen.fg, ..style }.add_modifier(Modifier::BOLD),
    })
}

/// The hue a role takes from its group, where the theme's own colours would fall together.
///
/// A group with a colour of the terminal's own is left alone: whoever wrote it meant it.
fn group_hue(theme: &Theme, role: Role) -> Option<Hue> {
    let fg = |role| theme.style(role).fg;
    let of = |role| GROUPS.into_iter().find_map(|group| group.iter().find(|(member, _)| *member == role).map(|(_, hue)| (group, *hue)));
    // A role in its fallback's colour (working in that of ok) goes with it.
    let (group, hue) = of(role).or_else(|| of(role.fallback().filter(|next| fg(*next) == fg(role))?))?;
    let own: Option<Vec<Color>> = group.iter().map(|(role, _)| fg(*role).filter(|fg| matches!(fg, Color::Rgb(..)))).collect();
    let lower: Vec<Color> = own?.into_iter().map(to_16).collect();
    let collide = lower.iter().enumerate().any(|(at, one)| lower.iter().skip(at + 1).any(|other| one == other));
    collide.then_some(hue)
}

fn is_readable(text: Option<Color>, ground: Option<Color>) -> bool {
    match (text.and_then(brightness), ground.and_then(brightness)) {
        (Some(text), Some(ground)) => (text - ground).abs() >= READABLE,
        _ => true,
    }
}

/// How bright xterm draws one of the sixteen; `None` for the colour a user has chosen as default.
fn brightness(colour: Color) -> Option<i32> {
    let (r, g, b) = match colour {
        Color::Black => (0, 0, 0),
        Color::Red => (205, 0, 0),
        Color::Green => (0, 205, 0),
        Color::Yellow => (205, 205, 0),
        Color::Blue => (0, 0, 238),
        Color::Magenta => (205, 0, 205),
        Color::Cyan => (0, 205, 205),
        Color::Gray => (229, 229, 229),
        Color::DarkGray => (127, 127, 127),
        Color::LightRed => (255, 0, 0),
        Color::LightGreen => (0, 255, 0),
        Color::LightYellow => (255, 255, 0),
        Color::LightBlue => (92, 92, 255),
        Color::LightMagenta => (255, 0, 255),
        Color::LightCyan => (0, 255, 255),
        Color::White => (255, 255, 255),
        Color::Rgb(..) | Color::Indexed(_) | Color::Reset => return None,
    };
    Some(luma(r, g, b))
}

/// Perceived brightness, 0 to 255.
fn luma(r: u8, g: u8, b: u8) -> i32 {
    (299 * i32::from(r) + 587 * i32::from(g) + 114 * i32::from(b)) / 1000
}

/// The six hues a terminal of sixteen colours has.
#[derive(Clone, Copy)]
enum Hue {
    Red,
    Yellow,
    Green,
    Cyan,
    Blue,
    Magenta,
}

impl Hue {
    /// The hue at an angle of the colour wheel, 0 to 359. Yellow starts where red ends for the eye: at orange.
    fn at(angle: i32) -> Hue {
        match angle {
            31..60 => Hue::Yellow,
            60..165 => Hue::Green,
            165..200 => Hue::Cyan,
            200..256 => Hue::Blue,
            256..330 => Hue::Magenta,
            _ => Hue::Red,
        }
    }

    fn colour(self, bright: bool) -> Color {
        match (self, bright) {
            (Hue::Red, false) => Color::Red,
            (Hue::Red, true) => Color::LightRed,
            (Hue::Yellow, false) => Color::Yellow,
            (Hue::Yellow, true) => Color::LightYellow,
            (Hue::Green, false) => Color::Green,
            (Hue::Green, true) => Color::LightGreen,
            (Hue::Cyan, false) => Color::Cyan,
            (Hue::Cyan, true) => Color::LightCyan,
            (Hue::Blue, false) => Color::Blue,
            (Hue::Blue, true) => Color::LightBlue,
            (Hue::Magenta, false) => Color::Magenta,
            (Hue::Magenta, true) => Color::LightMagenta,
        }
    }
}

fn to_16(colour: Color) -> Color {
    nearest_16(colour, 4)
}

/// One of the sixteen; grey where hue makes up at most one part in `tint`, so what recedes may be tinted and stay grey.
fn nearest_16(colour: Color, tint: i32) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let (brightness, most, least) = (luma(r, g, b), i32::from(r.max(g).max(b)), i32::from(r.min(g).min(b)));
    let spread = most - least;
    // What the eye takes for grey, and grounds, which are tinted but mean black or white.
    if spread < 34 || spread * tint <= most || brightness < 48 {
        return match brightness {
            ..64 => Color::Black,
            64..144 => Color::DarkGray,
            144..224 => Color::Gray,
            _ => Color::White,
        };
    }
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let angle = if most == r {
        60 * (g - b) / spread
    } else if most == g {
        120 + 60 * (b - r) / spread
    } else {
        240 + 60 * (r - g) / spread
    };
    Hue::at(angle.rem_euclid(360)).colour(brightness >= 110)
}

/// The nearest of xterm's 6×6×6 cube and its grey ramp.
fn to_256(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let [(red, cube_r), (green, cube_g), (blue, cube_b)] = [r, g, b].map(cube_level);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let step = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(u8::MAX).min(23);
    let grey = 8 + 10 * step;
    let distance = |to: [u8; 3]| -> u32 { [r, g, b].iter().zip(to).map(|(from, to)| u32::from(from.abs_diff(to)).pow(2)).sum() };
    if distance([grey; 3]) < distance([cube_r, cube_g, cube_b]) {
        Color::Indexed(232 + step)
    } else {
        Color::Indexed(16 + 36 * red + 6 * green + blue)
    }
}

/// The nearest of the cube's six levels, and its brightness.
fn cube_level(value: u8) -> (u8, u8) {
    match value {
        0..48 => (0, 0),
        48..115 => (1, 95),
        115..155 => (2, 135),
        155..195 => (3, 175),
        195..235 => (4, 215),
        _ => (5, 255),
    }
}
