//! Themes: every built-in one loads, can be read, and is built from others as its file says.

mod depth;

use std::collections::BTreeSet;
use std::fs;

use aifinops::ui::theme::{EMBEDDED, Role, Theme, ThemeError, load, names};
use ratatui::style::{Color, Modifier, Style};

/// Roles that are drawn as lines or are meant to recede; the rest is text.
const FAINT: [Role; 2] = [Role::Border, Role::Ended];

/// Roles that stand side by side and must differ.
const GROUPS: [&[Role]; 3] = [
    &[Role::Ok, Role::Warn, Role::Over],
    &[Role::Input, Role::Output, Role::Cache, Role::Reasoning],
    &[Role::Chart, Role::Chart2, Role::Chart3],
];

fn built_in() -> Vec<Theme> {
    EMBEDDED.iter().map(|(name, _)| load(name, None).unwrap_or_else(|error| panic!("{name}: {error}"))).collect()
}

fn none(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Theme, ThemeError> {
    Theme::parse("mine", text, &none)
}

fn linear(colour: Color) -> Option<[f64; 3]> {
    let Color::Rgb(r, g, b) = colour else { return None };
    Some([r, g, b].map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    }))
}

/// The contrast of WCAG 2, 1 to 21.
fn contrast(one: Color, other: Color) -> Option<f64> {
    let luminance = |colour| linear(colour).map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some(one.max(other) / one.min(other))
}

fn text_roles() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| !matches!(role, Role::Background | Role::Select))
}

#[test]
fn every_built_in_theme_loads_under_its_own_name() {
    for (theme, (name, _)) in built_in().iter().zip(EMBEDDED) {
        assert_eq!(theme.name, *name);
    }
    assert_eq!(Theme::default().name, "dark");
}

#[test]
fn every_theme_file_is_built_in() {
    let files: BTreeSet<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/themes"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn role_names_are_unique_and_fallbacks_end() {
    assert_eq!(Role::ALL.iter().map(|role| role.name()).collect::<BTreeSet<_>>().len(), Role::COUNT);
    for role in Role::ALL {
        assert_eq!(Role::from_name(role.name()), Some(role));
        let chain = std::iter::successors(Some(role), |role| role.fallback()).take(Role::COUNT + 1).count();
        assert!(chain <= Role::COUNT, "{role} falls back in a circle");
    }
}

#[test]
fn text_is_readable_on_the_screen_and_on_the_selected_row() {
    let mut checked = 0;
    for theme in built_in() {
        let (Some(screen), selected) = (theme.style(Role::Background).bg, theme.style(Role::Select).bg) else { panic!("{}", theme.name) };
        for role in text_roles() {
            let text = theme.style(role).fg.unwrap();
            let least = if FAINT.contains(&role) { 3.0 } else { 4.5 };
            let least = if theme.name == "high-contrast" { 7.0 } else { least };
            let Some(ratio) = contrast(text, screen) else { continue };
            assert!(ratio >= least, "{}: {role} has {ratio:.2} on the screen, needs {least}", theme.name);
            let least = if role == Role::Text {
                4.5
            } else if FAINT.contains(&role) {
                1.8
            } else {
                3.0
            };
            let ratio = contrast(text, selected.unwrap()).unwrap();
            assert!(ratio >= least, "{}: {role} has {ratio:.2} on the selected row, needs {least}", theme.name);
            checked += 1;
        }
    }
    assert!(checked >= 12 * (Role::COUNT - 2), "only {checked} pairs checked");
}

#[test]
fn what_is_compared_differs() {
    for theme in built_in().into_iter().filter(|theme| theme.name != "mono") {
        for group in GROUPS {
            let colours: BTreeSet<String> = group.iter().map(|role| format!("{:?}", theme.style(*role).fg)).collect();
            assert_eq!(colours.len(), group.len(), "{}: {group:?} share a colour", theme.name);
        }
    }
}

#[test]
fn the_colour_blind_theme_tells_verdicts_apart_without_red_or_green() {
    // Linear RGB as seen with no red and with no green receptors (Viénot, Brettel and Mollon, 1999).
    let sights = [
        [[0.112_38, 0.887_62, 0.0], [0.112_38, 0.887_62, 0.0], [0.004_01, -0.004_01, 1.0]],
        [[0.292_75, 0.707_25, 0.0], [0.292_75, 0.707_25, 0.0], [-0.022_34, 0.022_34, 1.0]],
    ];
    let theme = load("colour-blind", None).unwrap();
    for sight in sights {
        let seen = [Role::Ok, Role::Warn, Role::Over].map(|role| {
            let colour = linear(theme.style(role).fg.unwrap()).unwrap();
            sight.map(|row| row.iter().zip(colour).map(|(weight, value)| weight * value).sum::<f64>().clamp(0.0, 1.0).powf(1.0 / 2.2))
        });
        for (one, other) in [(0, 1), (1, 2), (0, 2)] {
            let distance: f64 = seen[one].iter().zip(seen[other]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(distance > 0.25, "verdicts {one} and {other} look alike: {distance:.2}");
        }
    }
}

#[test]
fn palette_modifiers_and_fallbacks() {
    let theme = parse(
        r##"
        [palette]
        sea = "#0080ff"
        red = "#aa0000"
        [roles]
        accent = "sea"
        over = { fg = "red", modifiers = ["bold", "underlined"] }
        warn = "bright-yellow"
        background = "#101010"
        select = { fg = "black", bg = "sea" }
        "##,
    )
    .unwrap();
    assert_eq!(theme.style(Role::Focus), Style::new().fg(Color::Rgb(0, 128, 255)), "focus falls back on accent");
    assert_eq!(theme.style(Role::Output), theme.style(Role::Chart2));
    assert_eq!(theme.style(Role::Waiting), Style::new().fg(Color::LightYellow));
    let over = Style::new().fg(Color::Rgb(170, 0, 0)).add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
    assert_eq!(theme.style(Role::Over), over, "the palette hides the terminal's red");
    assert_eq!(theme.style(Role::Background), Style::new().bg(Color::Rgb(16, 16, 16)), "a bare ground");
    assert_eq!(theme.style(Role::Text), Style::new(), "the ground is not inherited by text");
    assert_eq!(theme.style(Role::Select), Style::new().fg(Color::Black).bg(Color::Rgb(0, 128, 255)));
}

#[test]
fn an_empty_theme_still_shows_the_selection() {
    let theme = parse("").unwrap();
    assert_eq!(theme.style(Role::Select), Style::new().add_modifier(Modifier::REVERSED));
    let theme = parse("[roles]\nbackground = \"blue\"\nselect = \"blue\"").unwrap();
    assert!(theme.style(Role::Select).add_modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_child_recolours_its_parents_roles() {
    let parent = |name: &str| (name == "old").then(|| "[palette]\nmain = \"red\"\n[roles]\naccent = \"main\"\nok = \"green\"".to_owned());
    let theme = Theme::parse("new", "inherits = \"old\"\n[palette]\nmain = \"blue\"\n[roles]\nok = \"cyan\"", &parent).unwrap();
    assert_eq!(theme.style(Role::Accent).fg, Some(Color::Blue));
    assert_eq!(theme.style(Role::Ok).fg, Some(Color::Cyan));
}

#[test]
fn circles_and_missing_parents_are_errors() {
    let circle = |name: &str| match name {
        "a" => Some("inherits = \"b\"".to_owned()),
        "b" => Some("inherits = \"a\"".to_owned()),
        _ => None,
    };
    let error = Theme::parse("a", "inherits = \"b\"", &circle).unwrap_err();
    assert_eq!(error.to_string(), "theme `a` inherits itself: a → b → a");
    let error = parse("inherits = \"mine\"").unwrap_err();
    assert!(matches!(error, ThemeError::Cycle { .. }), "{error}");
    let error = parse("inherits = \"nowhere\"").unwrap_err();
    assert_eq!(error.to_string(), "theme `mine` inherits `nowhere`, which is no theme");
    let endless = |name: &str| Some(format!("inherits = \"{name}x\""));
    let error = Theme::parse("x", "inherits = \"xx\"", &endless).unwrap_err();
    assert!(matches!(error, ThemeError::TooDeep { .. }), "{error}");
}

#[test]
fn errors_name_the_theme_the_key_and_what_is_allowed() {
    let cases = [
        ("[roles]\nacent = \"red\"", ["`mine`", "`acent`", "roles are background, text, dim"]),
        ("[palette]\nsea = \"#00f\"\n", ["`palette.sea`", "`#00f`", "#rrggbb or one of default, black"]),
        ("[palette]\nsea = \"#0000ff\"\n[roles]\nok = \"see\"", ["`roles.ok`", "`see`", "a name from the palette (sea), #rrggbb"]),
        ("[roles]\nok = { bg = \"#-00001\" }", ["`roles.ok.bg`", "`#-00001`", "#rrggbb or one of"]),
        ("[roles]\nok = { modifiers = [\"blinking\"] }", ["`roles.ok.modifiers`", "`blinking`", "bold, dim, italic, underlined, reversed"]),
    ];
    for (text, parts) in cases {
        let error = parse(text).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{error}\nlacks {part}");
        }
    }
    for shape in ["colours = 1", "[roles]\nok = 3", "[roles]\nok = { forground = \"red\" }", "not toml"] {
        let error = parse(shape).unwrap_err();
        assert!(matches!(error, ThemeError::Toml { .. }), "{shape}: {error}");
    }
}

#[test]
fn a_users_file_wins_and_may_build_on_the_one_it_replaces() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("dark.toml"), "inherits = \"dark\"\n[palette]\ngreen = \"#00ff00\"").unwrap();
    fs::write(dir.path().join("zebra.toml"), "inherits = \"nord\"\n[roles]\nspend = \"white\"").unwrap();
    fs::write(dir.path().join("house.toml"), "inherits = \"dark\"").unwrap();
    fs::write(dir.path().join("broken.toml"), [0xff, 0xfe]).unwrap();
    fs::write(dir.path().join("notes.txt"), "").unwrap();
    let own = Some(dir.path());

    let green = Some(Color::Rgb(0, 255, 0));
    assert_eq!(load("dark", own).unwrap().style(Role::Ok).fg, green);
    assert_eq!(load("house", own).unwrap().style(Role::Ok).fg, green, "a user's theme builds on the user's dark");
    assert_ne!(load("dark", None).unwrap().style(Role::Ok).fg, green);
    assert_eq!(load("nord", own).unwrap(), load("nord", None).unwrap(), "a built-in theme builds on built-in ones");
    assert_eq!(load("zebra", own).unwrap().style(Role::Spend).fg, Some(Color::Gray));
    assert_eq!(load("zebra", own).unwrap().style(Role::Ok), load("nord", None).unwrap().style(Role::Ok));
    assert!(matches!(load("broken", own), Err(ThemeError::Read { .. })));

    let all = names(own);
    assert_eq!(all.first().map(String::as_str), Some("dark"));
    assert_eq!(all[EMBEDDED.len()..], ["broken", "house", "zebra"]);
    assert_eq!(names(Some(&dir.path().join("none"))).len(), EMBEDDED.len());
}

#[test]
fn a_name_cannot_leave_the_themes_directory() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("themes")).unwrap();
    fs::write(dir.path().join("secret.toml"), "").unwrap();
    let error = load("../secret", Some(&dir.path().join("themes"))).unwrap_err().to_string();
    assert!(error.starts_with("no theme is named `../secret`; there are dark, light, "), "{error}");
}
