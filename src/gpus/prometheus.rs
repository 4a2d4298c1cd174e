//! A Prometheus server: one address that speaks for a whole fleet. Its HTTP API, as prometheus.io specifies it.
//!
//! One question is asked, for all names that an exporter or an inference server of ours has. Its answer has the same
//! samples as the pages that the server has read, so whatever reads a page reads them, too, one target after the other.
//!
//! * The time of a sample is the time of the question: how old a figure is, an instant answer does not say.
//! * Where a label of a page has the name of one that the server adds, such as `instance`, the page's own is called
//!   `exported_instance`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::exposition::{self, Exposition, LONGEST_VALUE, MOST_LABELS, MOST_SAMPLES, Sample};

/// What is asked: all that is read here and nothing else, as AMD's exporter alone has hundreds of series for a card. A
/// histogram's buckets are most of an inference server's series and say nothing that its sum and count do not.
pub const QUERY: &str = concat!(
    r#"{__name__=~"DCGM_FI_.*|nvidia_smi_.*|all_smi_(up|gpu_.*|mig_.*|process_.*|energy_.*)"#,
    r"|(.*_)?gpu_(gfx_activity|(used|free|total)_vram|((average_)?package_power|power_usage)|energy_consumed",
    r"|(junction|edge)_temperature|clock|ecc_uncorrect_total)",
    r#"|vllm:.*|sglang:.*|tgi_.*|llamacpp:.*|nv_gpu_.*|nv_inference_.*|nv_energy_.*|nv_trt_llm_.*","#,
    r#"__name__!~".*_(bucket|created)"}"#
);

/// The path that asks it.
#[must_use]
pub fn path() -> String {
    let mut path = String::from("/api/v1/query?query=");
    for byte in QUERY.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}"); // a string takes whatever is written into it
        }
    }
    path
}

/// An answer of the API.
#[derive(Deserialize)]
struct Answer<'a, D> {
    status: &'a str,
    #[serde(default)]
    error: Option<String>,
    data: Option<D>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct Build {
    version: String,
}

/// One series, and what it is at the time of the question.
#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// The samples of an answer, taken one after the other: what is wrong with one is no matter of the others.
#[derive(Default)]
struct Samples {
    found: Vec<Sample>,
    bad: usize,
    is_cut: bool,
}

/// Whether `/api/v1/status/buildinfo` was answered as Prometheus does it.
#[must_use]
pub fn is_it(body: &[u8]) -> bool {
    let answer: Option<Answer<'_, Build>> = serde_json::from_slice(body).ok();
    answer.is_some_and(|answer| answer.status == "success" && answer.data.is_some_and(|build| !build.version.is_empty()))
}

/// Reads the answer to [`path`].
pub fn read(body: &[u8]) -> Result<Exposition, String> {
    let answer: Answer<'_, Data<'_>> = serde_json::from_slice(body).map_err(|e| format!("no answer of Prometheus: {e}"))?;
    if answer.status != "success" {
        return Err(answer.error.unwrap_or_else(|| "an error that it does not name".to_owned()));
    }
    let data = answer.data.ok_or("an answer without data")?;
    if data.kind != "vector" {
        return Err(format!("an answer of the kind {:?} where a vector was asked for", data.kind));
    }
    let samples: Samples = serde_json::from_str(data.result.get()).map_err(|e| format!("no vector: {e}"))?;
    let mut said = Exposition::of(samples.found, samples.bad);
    said.is_cut |= samples.is_cut;
    Ok(said)
}

/// What was said, by the target that the server has it from. Samples without one are together, under an empty name. Two
/// targets may have one name: there they differ in their jobs.
#[must_use]
pub fn by_target(said: Exposition) -> Vec<(String, Exposition)> {
    let is_cut = said.is_cut;
    let mut numbers: HashMap<(String, String), usize> = HashMap::new();
    let mut targets: Vec<(String, String, Vec<Sample>)> = Vec::new();
    for sample in said.into_samples() {
        let [name, job] = ["instance", "job"].map(|label| sample.label(label).unwrap_or_default().to_owned());
        let job = if name.is_empty() { String::new() } else { job };
        let at = *numbers.entry((name, job)).or_insert_with_key(|(name, job)| {
            targets.push((name.clone(), job.clone(), Vec::new()));
            targets.len() - 1
        });
        if let Some((.., samples)) = targets.get_mut(at) {
            samples.push(sample);
        }
    }
    targets.sort_by(|(name, job, _), (other, others, _)| (name, job).cmp(&(other, others)));
    let whole = |(name, _, samples)| {
        let mut said = Exposition::of(samples, 0);
        said.is_cut = is_cut;
        (name, said)
    };
    targets.into_iter().map(whole).collect()
}

/// A page's own label, whatever a Prometheus server has made of it.
#[must_use]
pub fn own<'a>(sample: &'a Sample, name: &str) -> Option<&'a str> {
    let renamed = sample.labels.iter().find(|(key, _)| key.strip_prefix("exported_") == Some(name));
    renamed.map(|(_, value)| value.as_str()).or_else(|| sample.label(name))
}

impl Series {
    /// The sample: nothing where it is larger than one may be, or says no number.
    fn sample(mut self) -> Option<Sample> {
        let name = self.metric.remove("__name__")?;
        let fits = self.metric.len() <= MOST_LABELS && self.metric.values().chain([&name]).all(|text| text.len() <= LONGEST_VALUE);
        let (seconds, text) = self.value;
        let value = exposition::figure(&text).filter(|_| fits)?;
        let labels = self.metric.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Some(Sample { name, labels, value, at: exposition::moment(seconds) })
    }
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Samples;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a list of series")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Samples, A::Error> {
                let mut samples = Samples::default();
                while samples.found.len() < MOST_SAMPLES
                    && let Some(series) = list.next_element::<&RawValue>()?
                {
                    let series: Option<Series> = serde_json::from_str(series.get()).ok();
                    match series.and_then(Series::sample) {
                        Some(sample) => samples.found.push(sample),
                        None => samples.bad += 1,
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    samples.is_cut = true;
                }
                Ok(samples)
            }
        }

        deserializer.deserialize_seq(Each)
    }
}
