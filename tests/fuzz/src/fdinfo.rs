//! Fdinfo.

use aifinops::gpus::drm::parse;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let info = parse(&text);
    assert_eq!(parse(&text), info);
    // Lines of others change nothing.
    assert_eq!(parse(&format!("pos:\t0\nflags:\t02\n{text}\nino:\t7\n")), info);
    let Some(info) = info else { return };
    assert!(info.engines.len() <= 64);
    assert!(info.pdev.is_none_or(|address| address.contains(':')));
    let _ = info.engines.values().any(aifinops::gpus::drm::Engine::worked);
}
