//! The proxy's streams.

use super::split;
use aifinops::wires::picker::{LONGEST, Picked, Picker};
use aifinops::wires::{self, ALL, Estimate, Meter, Usage};
use serde_json::Value;

const PATHS: [&str; 4] = ["/v1/messages", "/v1/responses", "/v1/chat/completions", "/v1beta/models/g:streamGenerateContent"];

fn fed<'a>(which: usize, pieces: impl Iterator<Item = &'a [u8]>) -> Meter {
    let estimate = Estimate { model: Some("asked".to_owned()), input: 77, ..Estimate::default() };
    let mut meter = Meter::new(ALL[which], estimate);
    pieces.for_each(|piece| meter.feed(piece));
    meter
}

fn end(meter: &Meter) -> (Option<Usage>, bool, bool) {
    (meter.usage(), meter.is_done(), meter.is_foreign())
}

/// What is picked, in whatever pieces it comes.
fn picked<'a>(which: usize, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<(String, Vec<u8>, usize)> {
    let mut picker = Picker::new(ALL[which].said());
    let mut found = Vec::new();
    for piece in pieces {
        picker.feed(piece, &mut |picked| match picked {
            Picked::Value { field, text, length } => {
                assert!(text.len() <= LONGEST && text.len() <= length);
                found.push((format!("{field:?}"), text.to_vec(), length));
            }
            Picked::End => found.push(("end".to_owned(), Vec::new(), 0)),
        });
    }
    found
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let (which, size) = (how & 3, 1 + (how >> 2));
    let whole = fed(which, std::iter::once(data));
    // Pieces of any size say the same.
    assert_eq!(end(&fed(which, data.chunks(size))), end(&whole));
    assert_eq!(end(&fed(which, data.chunks(1))), end(&whole));
    assert_eq!(picked(which, data.chunks(size)), picked(which, std::iter::once(data)));
    if let Some(usage) = whole.usage() {
        assert!(usage.tokens.reasoning <= usage.tokens.output);
        assert!(!usage.told || whole.is_done());
        assert!([usage.id.as_deref(), usage.model.as_deref()].iter().flatten().all(|name| !name.is_empty() && name.len() <= 256));
        let _ = usage.tokens.total();
    } else {
        assert!(whole.is_foreign() || whole.is_done());
    }
    // What has been said of usage is not taken back by what follows.
    let half = fed(which, std::iter::once(&data[..data.len() / 2]));
    assert!(!half.is_done() || whole.is_done());

    // The same bytes as a request.
    let (path, wire) = (PATHS[which], ALL[which]);
    assert_eq!(wires::of_path(path).map(aifinops::wires::Wire::name), Some(wire.name()));
    let estimate = Estimate::of(wire, path, data);
    assert_eq!(estimate.input, (data.len() as u64).div_ceil(4));
    if let Some(amended) = wire.amend(&estimate, data) {
        assert!(amended.len() > data.len());
        if let Ok(Value::Object(asked)) = serde_json::from_slice::<Value>(data) {
            let now: Value = serde_json::from_slice(&amended).expect("what was JSON is JSON");
            assert!(asked.iter().all(|(key, value)| now.get(key) == Some(value)));
            assert!(now.get("stream_options").is_some());
        }
    }
    let text = String::from_utf8_lossy(data);
    for answer in [wire.refusal(&text), wire.failure(502, &text)] {
        assert!(answer.content_type.starts_with("text/plain") || serde_json::from_str::<Value>(&answer.body).is_ok());
    }
    if let Some(id) = wires::session(wire, &|_| Some(text.clone().into_owned())) {
        assert!(id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)));
    }
    let _ = wires::of_path(&text);
    let _ = wire.model_in(&text);
}
