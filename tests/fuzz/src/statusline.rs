//! Claude Code's standard input, and the line that comes of it.

use super::{harmless, parts};
use aifinops::cli::statusline::input::Given;
use aifinops::cli::statusline::parts::Parts;
use aifinops::cli::statusline::template::{Style, Template};

const NOW: i64 = 1_795_305_600_000;
const USUAL: &str = "[session {session} · ]today {today}[ · {cap}] · {burn}/h[ · loop {loop}][ · context {context}][ · 5h {5h}][ · week {week}] {model} {project}";

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let mut pieces = parts(data);
    let stdin = pieces.next().unwrap_or_default();
    let given = Given::read(stdin, NOW);
    if given.is_some() {
        assert!(stdin.trim_ascii_start().starts_with(b"{"));
        assert!(serde_json::from_slice::<&serde_json::value::RawValue>(stdin).is_ok());
    }
    if let Some(given) = &given {
        assert!(given.context_permille.is_none_or(|share| share <= 10_000));
        for limit in &given.limits {
            assert!(limit.used_permille <= 10_000 && matches!(limit.window_minutes, 300 | 10_080) && limit.at == NOW && limit.session == 0);
            assert!(limit.resets_at.is_none_or(|at| (0..=253_402_300_799_000).contains(&at)));
        }
        assert!([given.session.as_deref(), given.model.as_deref()].iter().flatten().all(|text| !text.is_empty()));
    }
    let parts = Parts::new(given.as_ref(), None, &aifinops::config::Currency::default(), NOW);
    let asked = pieces.next().and_then(|text| std::str::from_utf8(text).ok());
    for text in [Some(USUAL), asked].into_iter().flatten() {
        let Ok(template) = Template::parse(text) else { continue };
        let plain = template.fill(&parts, Style::Plain);
        harmless(&plain);
        // Colours change the looks and not the words.
        let coloured = template.fill(&parts, Style::Coloured);
        let mut bare = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            bare.push_str(before);
            rest = after.split_once('m').expect("a sequence ends").1;
        }
        assert_eq!(bare + rest, plain);
    }
}
