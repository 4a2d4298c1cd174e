//! What a `/metrics` page has said: the Prometheus text format 0.0.4 and `OpenMetrics`, as prometheus.io specifies them.
//!
//! Read here and not by a package, because the pages that matter break the rules of those that exist: inference servers
//! name their series with colons, exporters put braces and commas into labels, and blanks stand where none are expected.
//! A line that cannot be read is counted and skipped, and never takes the rest of the page with it.
//!
//! A page comes from somewhere else. So there is a limit to everything that it could fill memory with, and reading it takes
//! one pass.

use std::iter::Peekable;
use std::str::CharIndices;

use super::number;
use crate::model::Millis;

/// Bytes of a page that are read: the rest is cut, at the end of a line.
pub const LONGEST_PAGE: usize = 16 * 1024 * 1024;
/// Samples of a page that are read.
pub const MOST_SAMPLES: usize = 200_000;
/// Labels that a sample may have.
pub const MOST_LABELS: usize = 64;
/// Bytes of a label's value, and of a name.
pub const LONGEST_VALUE: usize = 4096;
/// Labels of all samples together: a page of real labels is longer than [`LONGEST_PAGE`] before it has so many.
const MOST_LABELS_TOGETHER: usize = 1_000_000;
/// A whole number below this one is a time in seconds, as milliseconds it would be in the year 1973.
const LEAST_MILLIS: u64 = 100_000_000_000;

/// One line of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What is measured: `vllm:num_requests_running`.
    pub name: String,
    /// Of what, in the page's order. A label without a value is none, as Prometheus has it.
    pub labels: Vec<(String, String)>,
    /// The figure: `NaN` and endless ones, too.
    pub value: f64,
    /// When it was measured, where the page says so.
    pub at: Option<Millis>,
}

impl Sample {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A page, by the names of what it measures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    samples: Vec<Sample>,
    /// Lines that could not be read.
    pub bad_lines: usize,
    /// Whether the page went on beyond what is read.
    pub is_cut: bool,
}

impl Exposition {
    /// Reads a page.
    #[must_use]
    pub fn parse(text: &[u8]) -> Exposition {
        let (page, mut is_cut) = whole_lines(text);
        let (mut samples, mut bad_lines, mut labels) = (Vec::new(), 0, 0);
        for line in page.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if samples.len() == MOST_SAMPLES || labels > MOST_LABELS_TOGETHER {
                is_cut = true;
                break;
            }
            match Line::new(line).sample() {
                Some(sample) => {
                    labels += sample.labels.len();
                    samples.push(sample);
                }
                None => bad_lines += 1,
            }
        }
        Exposition { is_cut, ..Exposition::of(samples, bad_lines) }
    }

    /// A page of samples that came in another form.
    #[must_use]
    pub fn of(mut samples: Vec<Sample>, bad_lines: usize) -> Exposition {
        let is_cut = samples.len() > MOST_SAMPLES;
        samples.truncate(MOST_SAMPLES);
        samples.sort_by(|one, other| one.name.cmp(&other.name));
        Exposition { samples, bad_lines, is_cut }
    }

    /// All samples of a name, in the page's order.
    #[must_use]
    pub fn all(&self, name: &str) -> &[Sample] {
        let from = self.samples.partition_point(|sample| sample.name.as_str() < name);
        let rest = self.samples.get(from..).unwrap_or_default();
        let count = rest.partition_point(|sample| sample.name == name);
        rest.get(..count).unwrap_or_default()
    }

    /// Whether there is a sample of a name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// All samples, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// All samples, by their names, for whoever needs them as his own.
    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples
    }

    /// The sum of a name's samples, over all of their labels: nothing where none of them is a number.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.all(name).iter().map(|sample| sample.value).filter(|value| value.is_finite()).reduce(|sum, value| sum + value)
    }

    /// Whether it has said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }
}

/// As much of a page as is read, and whether that is less than all of it.
fn whole_lines(text: &[u8]) -> (&[u8], bool) {
    let Some(page) = text.get(..LONGEST_PAGE).filter(|page| page.len() < text.len()) else { return (text, false) };
    // What is cut in the middle could read as another number.
    let end = page.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    (page.get(..end).unwrap_or_default(), true)
}

/// A figure, as Prometheus writes them.
pub(super) fn figure(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// A time: milliseconds in the older format, seconds in `OpenMetrics`. A number that is no time of ours says nothing.
fn time(text: &str) -> Option<Millis> {
    match text.parse::<i64>() {
        Ok(count) if count.unsigned_abs() >= LEAST_MILLIS => Some(count),
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => moment(figure(text)?),
    }
}

/// A time in seconds with a fraction.
pub(super) fn moment(seconds: f64) -> Option<Millis> {
    number::scaled(seconds, 1000.0).and_then(|millis| Millis::try_from(millis).ok())
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// A line, as far as it has been read.
struct Line<'a> {
    text: &'a str,
    left: Peekable<CharIndices<'a>>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        Line { text, left: text.char_indices().peekable() }
    }

    /// The sample in it: nothing where it is none.
    fn sample(mut self) -> Option<Sample> {
        let bare = self.word(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'));
        let mut name = (!bare.is_empty()).then(|| bare.to_owned());
        let mut labels = Vec::new();
        self.blanks();
        if self.take('{') {
            self.labels(&mut name, &mut labels)?;
            self.blanks();
        } else if !self.rest().starts_with(|letter: char| letter.is_ascii_digit() || "+-.nNiI".contains(letter)) {
            return None;
        }
        let name = name.filter(|name| name.len() <= LONGEST_VALUE && !name.starts_with(|first: char| first.is_ascii_digit()))?;
        let (value, at) = measured(self.rest())?;
        Some(Sample { name, labels, value, at })
    }

    /// What stands between braces: labels, and a name that is no plain word.
    fn labels(&mut self, name: &mut Option<String>, labels: &mut Vec<(String, String)>) -> Option<()> {
        loop {
            self.blanks();
            if self.take('}') {
                return Some(());
            }
            let key = if self.take('"') {
                self.quoted()?
            } else {
                self.word(|letter| letter.is_ascii_alphanumeric() || letter == '_').to_owned()
            };
            self.blanks();
            if key.is_empty() || key.len() > LONGEST_VALUE {
                return None;
            }
            if self.take('=') {
                self.blanks();
                let value = self.take('"').then(|| self.quoted()).flatten()?;
                if labels.len() == MOST_LABELS {
                    return None;
                }
                if !value.is_empty() {
                    labels.push((key, value));
                }
            } else if name.is_none() {
                *name = Some(key);
            } else {
                return None;
            }
            self.blanks();
            if !self.take(',') {
                return self.take('}').then_some(());
            }
        }
    }

    /// What stands between quotation marks, the first of which has been read.
    fn quoted(&mut self) -> Option<String> {
        let mut said = String::new();
        loop {
            match self.left.next()?.1 {
                '"' => return Some(said),
                '\\' => match self.left.next()?.1 {
                    'n' => said.push('\n'),
                    escaped @ ('"' | '\\') => said.push(escaped),
                    other => said.extend(['\\', other]),
                },
                other => said.push(other),
            }
            if said.len() > LONGEST_VALUE {
                return None;
            }
        }
    }

    /// Letters of a kind.
    fn word(&mut self, is_in: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let mut end = 0;
        while let Some((_, letter)) = self.left.next_if(|(_, letter)| is_in(*letter)) {
            end += letter.len_utf8();
        }
        rest.get(..end).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while self.left.next_if(|(_, letter)| is_blank(*letter)).is_some() {}
    }

    fn take(&mut self, letter: char) -> bool {
        self.left.next_if(|(_, next)| *next == letter).is_some()
    }

    /// What has not been read.
    fn rest(&mut self) -> &'a str {
        let from = self.left.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(from..).unwrap_or_default()
    }
}

/// The figure and the time at the end of a line; the example that may follow them is of no use here.
fn measured(text: &str) -> Option<(f64, Option<Millis>)> {
    let mut words = text.split(is_blank).filter(|word| !word.is_empty()).take_while(|word| !word.starts_with('#'));
    let value = words.next().and_then(figure)?;
    let at = words.next();
    let is_whole = words.next().is_none() && at.is_none_or(|text| figure(text).is_some());
    is_whole.then(|| (value, at.and_then(time)))
}
