//! Themes on poorer terminals: fewer colours lose beauty, never meaning.

use std::collections::{BTreeSet, HashMap};

use aifinops::ui::theme::{Depth, Role, load};
use ratatui::style::{Color, Modifier, Style};

use super::{FAINT, GROUPS, built_in, contrast, parse, text_roles};

fn xterm(index: u8) -> Color {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        16..=231 => Color::Rgb(level((index - 16) / 36), level((index - 16) / 6 % 6), level((index - 16) % 6)),
        232..=255 => Color::Rgb(8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)),
        _ => Color::Reset,
    }
}

#[test]
fn the_environment_tells_the_depth() {
    let cases: [(&[(&str, &str)], Depth); 13] = [
        (&[("NO_COLOR", "1"), ("COLORTERM", "truecolor"), ("TERM", "xterm-256color")], Depth::None),
        (&[("NO_COLOR", ""), ("COLORTERM", "truecolor")], Depth::True),
        (&[("COLORTERM", "24bit")], Depth::True),
        (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::None),
        (&[("TERM", "xterm-256color")], Depth::Ansi256),
        (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Depth::True),
        (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], Depth::Ansi256),
        (&[("TERM", "screen-256color"), ("TERM_PROGRAM", "WezTerm")], Depth::Ansi256),
        (&[("TERM", "xterm-kitty")], Depth::True),
        (&[("TERM", "xterm-direct")], Depth::True),
        (&[("WT_SESSION", "x")], Depth::True),
        (&[("TERM", "linux")], Depth::Ansi16),
        (&[], Depth::Ansi16),
    ];
    for (vars, depth) in cases {
        let vars: HashMap<&str, &str> = vars.iter().copied().collect();
        assert_eq!(Depth::detect(&|name| vars.get(name).map(|value| (*value).to_owned())), depth, "{vars:?}");
    }
}

#[test]
fn truecolor_is_left_alone() {
    for theme in built_in() {
        assert_eq!(theme.clone().at(Depth::True), theme);
    }
}

#[test]
fn in_256_colours_text_stays_readable() {
    let theme =
        parse("[roles]\ntext = \"#ff0000\"\ndim = \"#808080\"\nok = \"#5fafd7\"\nbackground = \"#002b36\"").unwrap().at(Depth::Ansi256);
    assert_eq!(theme.style(Role::Text).fg, Some(Color::Indexed(196)));
    assert_eq!(theme.style(Role::Dim).fg, Some(Color::Indexed(244)));
    assert_eq!(theme.style(Role::Ok).fg, Some(Color::Indexed(74)));
    assert_eq!(theme.style(Role::Background).bg, Some(Color::Indexed(234)));
    for theme in built_in().into_iter().map(|theme| theme.at(Depth::Ansi256)) {
        let Some(Color::Indexed(ground)) = theme.style(Role::Background).bg else { continue };
        for role in text_roles() {
            let Some(Color::Indexed(text)) = theme.style(role).fg else { panic!("{}: {role} is left in truecolor", theme.name) };
            let ratio = contrast(xterm(text), xterm(ground)).unwrap();
            let least = if role == Role::Text {
                4.5
            } else if FAINT.contains(&role) {
                2.0
            } else {
                3.0
            };
            assert!(ratio >= least, "{}: {role} has {ratio:.2}, needs {least}", theme.name);
        }
        let select = theme.style(Role::Select);
        let reversed = select.add_modifier.contains(Modifier::REVERSED);
        assert!(reversed || select.bg != Some(Color::Indexed(ground)), "{}: the selection is invisible", theme.name);
    }
}

#[test]
fn in_16_colours_verdicts_keep_their_hue_and_the_selection_is_reversed() {
    let any = |colours: &[Color], style: Style| style.fg.is_some_and(|fg| colours.contains(&fg));
    for theme in built_in().into_iter().map(|theme| theme.at(Depth::Ansi16)) {
        let name = &theme.name;
        assert!(theme.style(Role::Select).add_modifier.contains(Modifier::REVERSED), "{name}");
        for role in Role::ALL {
            let style = theme.style(role);
            let rich = [style.fg, style.bg].into_iter().flatten().find(|colour| matches!(colour, Color::Rgb(..) | Color::Indexed(_)));
            assert_eq!(rich, None, "{name}: {role}");
        }
        let [ok, warn, over] = [Role::Ok, Role::Warn, Role::Over].map(|role| theme.style(role));
        assert!(ok != warn && warn != over && ok != over, "{name}: {ok:?} {warn:?} {over:?}");
        if name != "mono" {
            for group in GROUPS {
                let colours: BTreeSet<String> = group.iter().map(|role| format!("{:?}", theme.style(*role).fg)).collect();
                assert_eq!(colours.len(), group.len(), "{name}: {group:?} share a colour");
            }
            assert_ne!(theme.style(Role::Text), theme.style(Role::Dim), "{name}");
            assert!(any(&[Color::Red, Color::LightRed], over), "{name}: over is {over:?}");
            assert!(any(&[Color::Green, Color::LightGreen, Color::Blue, Color::LightBlue], ok), "{name}: ok is {ok:?}");
        }
    }
    let light = load("light", None).unwrap().at(Depth::Ansi16);
    assert_eq!(light.style(Role::Background).bg, Some(Color::White));
    assert_eq!(light.style(Role::Warn).fg, Some(Color::Black), "yellow on white cannot be read");
    let nord = load("nord", None).unwrap().at(Depth::Ansi16);
    assert_eq!(nord.style(Role::Background).bg, Some(Color::Black));
    assert_eq!(nord.style(Role::Spend).fg, Some(Color::LightGreen));
}

#[test]
fn without_colour_weight_says_what_colour_said() {
    for theme in built_in().into_iter().map(|theme| theme.at(Depth::None)) {
        for role in Role::ALL {
            assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{}: {role}", theme.name);
        }
        let has = |role: Role, modifier: Modifier| theme.style(role).add_modifier.contains(modifier);
        assert!(has(Role::Over, Modifier::BOLD | Modifier::UNDERLINED), "{}", theme.name);
        assert!(has(Role::Warn, Modifier::BOLD), "{}", theme.name);
        assert!(has(Role::Select, Modifier::REVERSED), "{}", theme.name);
    }
}
