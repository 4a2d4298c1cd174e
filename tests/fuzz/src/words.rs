//! The small readers.

use super::harmless;
use aifinops::attribution::{Pattern, Template};
use aifinops::config::keys;
use aifinops::model::address::host;
use aifinops::model::gateway::{address, is_variable};
use aifinops::model::{Quiet, Webhook, Zone, time};
use aifinops::pricing::gpu::For;
use aifinops::pricing::{Class, Target, lookup};

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let stamp = time::parse_stamp(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The short way and the library's agree.
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        assert_eq!(stamp, Some(moment.timestamp_millis()), "{text}");
    }
    if let Some(at) = stamp {
        assert_eq!(time::parse_stamp(time::rfc3339(at).as_bytes()), Some(at), "{text}");
    }
    let names = lookup::candidates(text);
    assert_eq!(names.first().map(String::as_str), Some(text.trim()));
    assert!(names.len() <= 64);
    if let Some(quiet) = Quiet::parse(text) {
        assert_eq!(Quiet::parse(&quiet.to_string()), Some(quiet));
        assert!(quiet.until(1_795_305_600_000, Zone::UTC).is_none_or(|end| end > 1_795_305_600_000));
    }
    if let Ok(hook) = Webhook::parse(text) {
        harmless(hook.secret());
        assert!(!hook.host().is_empty() && hook.to_string().ends_with("/…"));
    }
    if let Ok(url) = address(text) {
        harmless(&url);
        assert_eq!(address(&url).as_deref(), Ok(url.as_str()));
        assert!(!host(&url).is_empty() && !url.ends_with('/') && !url.contains(['?', '#', '@']));
    }
    let _ = (is_variable(text), keys::parse(text), For::parse(text), text.parse::<Class>(), Zone::named(text));
    if let Ok(target) = text.parse::<Target>() {
        assert_eq!(target.to_string().parse::<Target>(), Ok(target));
    }
    if let Some((pattern, value)) = text.split_once('\n') {
        let pattern = Pattern::new(pattern);
        if let Err(why) = &pattern {
            let _ = why;
        }
        let _ = Template::new(value, pattern.ok().as_ref());
    }
}
