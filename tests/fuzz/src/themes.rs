//! Themes.

use super::parts;
use aifinops::ui::theme::{Depth, EMBEDDED, Role, Theme};

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let texts: Vec<&str> = parts(data).filter_map(|text| std::str::from_utf8(text).ok()).collect();
    let Some(text) = texts.first() else { return };
    // Further texts are themes of one's own that it may inherit: own1, own2, …
    let resolve = |name: &str| {
        let own = name.strip_prefix("own").and_then(|n| n.parse::<usize>().ok()).and_then(|n| texts.get(n)).map(|text| (*text).to_owned());
        own.or_else(|| EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
    };
    let theme = match Theme::parse("own0", text, &resolve) {
        Ok(theme) => theme,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(Theme::parse("own0", text, &resolve).unwrap(), theme);
    for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16, Depth::None] {
        let low = theme.clone().at(depth);
        let (select, ground) = (low.style(Role::Select), low.style(Role::Background).bg);
        let is_reversed = format!("{:?}", select.add_modifier).contains("REVERSED");
        assert!(is_reversed || select.bg.is_some() && select.bg != ground, "the selection is not seen at {depth:?}");
        if depth == Depth::None {
            assert!(Role::ALL.iter().all(|role| low.style(*role).fg.is_none() && low.style(*role).bg.is_none()));
        }
    }
}
