//! Prometheus text, four exporters, six servers.

use super::parts;
use aifinops::gpus::exposition::{Exposition, LONGEST_VALUE, MOST_LABELS, Sample};
use aifinops::gpus::{EXPORTERS, SERVERS};
use aifinops::model::gpu::{GpuReading, ServerReading};

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// The sample as a line, and as it is read back: of a time, only what a line can say without loss.
fn line(sample: &Sample) -> (String, Sample) {
    let (time, at) = match sample.at {
        Some(at) if at.unsigned_abs() >= 100_000_000_000 => (format!(" {at}"), Some(at)),
        Some(at) if at % 1000 == 0 => (format!(" {}", at / 1000), Some(at)),
        _ => (String::new(), None),
    };
    let labels = sample.labels.iter().fold(String::new(), |all, (key, value)| all + &format!(",{}={}", quoted(key), quoted(value)));
    (format!("{{{}{labels}}} {}{time}", quoted(&sample.name), sample.value), Sample { at, ..sample.clone() })
}

fn same(one: &Sample, other: &Sample) -> bool {
    (&one.name, &one.labels, one.at) == (&other.name, &other.labels, other.at)
        && (one.value.to_bits() == other.value.to_bits() || one.value.is_nan() && other.value.is_nan())
}

fn card(reading: &GpuReading) {
    assert!([reading.used, reading.sm, reading.tensor, reading.bandwidth].into_iter().flatten().all(|share| share <= 1000), "{reading:?}");
    assert!(reading.temperature.is_none_or(|degrees| (-60..=250).contains(&degrees)));
    assert!(reading.slice.as_ref().and_then(|slice| slice.of).is_none_or(|(part, of)| 1 <= part && part <= of));
    assert!(reading.labels.len() <= 16);
}

fn server(reading: &ServerReading) {
    assert!(reading.kv.is_none_or(|share| share <= 1000), "{reading:?}");
    assert!(reading.model.as_ref().is_none_or(|name| !name.is_empty()));
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let mut pieces = parts(data);
    let page = pieces.next().unwrap_or_default();
    let more: Vec<&[u8]> = pieces.collect();
    let said = Exposition::parse(page);
    assert!(said.len() + said.bad_lines <= page.split(|byte| *byte == b'\n').count());
    assert!(said.iter().is_sorted_by(|one, other| one.name <= other.name));
    for sample in said.iter() {
        assert!(!sample.name.is_empty() && sample.name.len() <= LONGEST_VALUE && sample.labels.len() <= MOST_LABELS);
        assert!(
            sample
                .labels
                .iter()
                .all(|(key, value)| !key.is_empty() && !value.is_empty() && key.len() <= LONGEST_VALUE && value.len() <= LONGEST_VALUE)
        );
        assert!(said.all(&sample.name).iter().any(|other| same(sample, other)));
    }
    // Written down and read again it is the same.
    let (lines, expected): (Vec<String>, Vec<Sample>) = said.iter().map(line).unzip();
    let again = Exposition::parse((lines.join("\n") + "\n").as_bytes());
    assert_eq!((again.len(), again.bad_lines), (said.len(), 0));
    assert!(again.iter().zip(&expected).all(|(one, other)| same(one, other)), "{again:?} {expected:?}");
    // Lines are read one by one: a page is its halves.
    if let Some(at) = page.iter().position(|byte| *byte == b'\n') {
        let (one, other) = (Exposition::parse(&page[..at]), Exposition::parse(&page[at + 1..]));
        assert_eq!((one.len() + other.len(), one.bad_lines + other.bad_lines), (said.len(), said.bad_lines));
    }
    for exporter in EXPORTERS {
        let readings = exporter.read(&said);
        assert!(exporter.is_it(&said) || readings.is_empty(), "{}", exporter.name());
        assert!(readings.len() <= 4096);
        readings.iter().for_each(card);
    }
    for known in SERVERS {
        let answers: Vec<(&str, &[u8])> = known.more().iter().copied().zip(more.iter().copied()).collect();
        let readings = known.read(&said, &answers);
        assert!(readings.len() <= 64);
        readings.iter().for_each(server);
        for body in &more {
            let _ = known.answers(body);
        }
        // Without the other answers there is no more said, but no less either.
        assert!(known.read(&said, &[]).len() <= readings.len().max(1));
    }
}
