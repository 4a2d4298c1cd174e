//! What exporters and servers say: pages in Prometheus' text format, and a Prometheus server's answers.

use std::fmt::Write as _;

use aifinops::gpus::exposition::{Exposition, LONGEST_PAGE, LONGEST_VALUE, MOST_LABELS, MOST_SAMPLES, Sample};
use aifinops::gpus::prometheus;
use proptest::prelude::*;

const ANSWER: &[u8] = include_bytes!("../../fixtures/gpus/prometheus_query.json");

/// The only sample of a page of one line.
fn one(line: &str) -> Sample {
    let said = Exposition::parse(line.as_bytes());
    assert_eq!((said.len(), said.bad_lines), (1, 0), "{line}");
    said.iter().next().unwrap().clone()
}

fn labels(sample: &Sample) -> Vec<(&str, &str)> {
    sample.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn a_line_is_a_name_its_labels_a_figure_and_perhaps_a_time() {
    type Line = (&'static str, &'static str, &'static [(&'static str, &'static str)], f64, Option<i64>);
    let lines: [Line; 20] = [
        ("up 1", "up", &[], 1.0, None),
        ("vllm:num_requests_running{engine=\"0\"} 3.0", "vllm:num_requests_running", &[("engine", "0")], 3.0, None),
        ("{\"my.name\",l=\"v\"} 1", "my.name", &[("l", "v")], 1.0, None),
        ("{\"my.name\"} 1", "my.name", &[], 1.0, None),
        ("{ l=\"v\" , \"my.name\" } 1", "my.name", &[("l", "v")], 1.0, None),
        ("a{\"my.label\"=\"v\"} 1", "a", &[("my.label", "v")], 1.0, None),
        (" \ta {b=\"1\", c = \"2\"}\t 5 ", "a", &[("b", "1"), ("c", "2")], 5.0, None),
        ("a{b=\"1\",}5", "a", &[("b", "1")], 5.0, None),
        ("a{} 5", "a", &[], 5.0, None),
        ("a{b=\"\",c=\"1\"} 5", "a", &[("c", "1")], 5.0, None),
        (r#"a{b="x}, y=\"{z}\"",c="\\n\n\t"} 5"#, "a", &[("b", "x}, y=\"{z}\""), ("c", "\\n\n\\t")], 5.0, None),
        ("a{b=\"\u{1b}[31mred\"} 5", "a", &[("b", "\u{1b}[31mred")], 5.0, None),
        ("a 1e+06", "a", &[], 1e6, None),
        ("a +Inf", "a", &[], f64::INFINITY, None),
        ("a -Inf", "a", &[], f64::NEG_INFINITY, None),
        ("a 1 1795323895125", "a", &[], 1.0, Some(1_795_323_895_125)),
        ("a 1 1795323895.125", "a", &[], 1.0, Some(1_795_323_895_125)),
        ("a 1 1795323895", "a", &[], 1.0, Some(1_795_323_895_000)),
        ("a 1 # {trace_id=\"x\"} 0.5 1795323895.1", "a", &[], 1.0, None),
        ("a_bucket{le=\"+Inf\"} 9 1795323895.5 # {} 0.5", "a_bucket", &[("le", "+Inf")], 9.0, Some(1_795_323_895_500)),
    ];
    for (line, name, expected, value, at) in lines {
        let sample = one(line);
        assert_eq!((sample.name.as_str(), labels(&sample).as_slice(), sample.at), (name, expected, at), "{line}");
        assert_eq!(sample.value.to_bits(), value.to_bits(), "{line}: {}", sample.value);
    }
    assert!(one("a NaN").value.is_nan());
}

#[test]
fn a_bad_line_is_counted_and_takes_nothing_with_it() {
    let bad = [
        "a",
        "a{",
        "a{b",
        "a{b=",
        "a{b=\"1",
        "a{b=\"1\"",
        "a{b=\"1\"}",
        "a{b=\"1\"} x",
        "a{b=1} 1",
        "a{=\"1\"} 1",
        "a{b=\"1\"c=\"2\"} 1",
        "a{,} 1",
        "1a 1",
        "a 1 x",
        "a 1 2 3",
        "a-b 1",
        "{} 1",
        "{l=\"v\"} 1",
        "a{\"b\"} 1",
        "\u{fffd} 1",
        "a{b=\"\\",
        "= 1",
        "} 1",
    ];
    for line in bad {
        let page = format!("one 1\n{line}\ntwo 2\n");
        let said = Exposition::parse(page.as_bytes());
        assert_eq!((said.bad_lines, said.sum("one"), said.sum("two")), (1, Some(1.0), Some(2.0)), "{line}");
    }
}

#[test]
fn comments_blank_lines_and_other_ends_of_lines_are_no_lines() {
    let said = Exposition::parse(b"# HELP a {b=\"1\"} 1\r\n#TYPE a gauge\r\n\r\n  # so\r\na{b=\"1\"} 1\r\n \t\n# EOF\n");
    assert_eq!((said.len(), said.bad_lines, said.sum("a"), said.is_cut), (1, 0, Some(1.0), false));
    assert_eq!(Exposition::parse(b""), Exposition::default());
    assert!(Exposition::default().is_empty());
}

#[test]
fn what_is_no_text_stays_where_it_is() {
    let said = Exposition::parse(b"a{b=\"\xff\xfe\"} 1\n\xff\xff 2\nc 3\n");
    assert_eq!(said.all("a")[0].label("b"), Some("\u{fffd}\u{fffd}"));
    assert_eq!((said.bad_lines, said.sum("c")), (1, Some(3.0)));
}

#[test]
fn samples_are_found_by_their_exact_names_in_the_order_of_the_page() {
    let said = Exposition::parse(b"b{n=\"2\"} 2\na_total 9\nb{n=\"1\"} 1\nb_created 7\na 4\nb{n=\"3\"} NaN\nb{n=\"4\"} +Inf\n");
    let order: Vec<_> = said.all("b").iter().map(|sample| sample.label("n").unwrap()).collect();
    assert_eq!(order, ["2", "1", "3", "4"]);
    assert_eq!((said.has("a"), said.has("a_"), said.has("c"), said.all("c").len()), (true, false, false, 0));
    assert_eq!((said.sum("b"), said.sum("a"), said.sum("c")), (Some(3.0), Some(4.0), None));
    assert_eq!(Exposition::parse(b"x NaN\n").sum("x"), None, "no number is not 0");
}

#[test]
fn there_is_a_limit_to_everything() {
    let value = "v".repeat(LONGEST_VALUE);
    let many = |count: usize| (0..count).map(|n| format!("l{n}=\"v\"")).collect::<Vec<_>>().join(",");
    let fits = format!("a{{b=\"{value}\"}} 1\na{{{}}} 1\n", many(MOST_LABELS));
    assert_eq!((Exposition::parse(fits.as_bytes()).len(), Exposition::parse(fits.as_bytes()).bad_lines), (2, 0));
    let too_much = format!("a{{b=\"{value}v\"}} 1\na{{{}}} 1\n{value}v 1\na{{{value}v=\"1\"}} 1\n", many(MOST_LABELS + 1));
    assert_eq!((Exposition::parse(too_much.as_bytes()).len(), Exposition::parse(too_much.as_bytes()).bad_lines), (0, 4));

    let samples = "a 1\n".repeat(MOST_SAMPLES);
    let said = Exposition::parse(samples.as_bytes());
    assert_eq!((said.len(), said.is_cut), (MOST_SAMPLES, false));
    let said = Exposition::parse((samples + "# EOF\na 1\n").as_bytes());
    assert_eq!((said.len(), said.is_cut), (MOST_SAMPLES, true));

    let line = format!("a{{b=\"{}\"}} 12345\n", "v".repeat(4000));
    let page = line.repeat(LONGEST_PAGE / line.len() + 1);
    let said = Exposition::parse(page.as_bytes());
    assert_eq!((said.len(), said.bad_lines, said.is_cut), (LONGEST_PAGE / line.len(), 0, true));
    assert!(said.iter().all(|sample| sample.value.to_bits() == 12345_f64.to_bits()), "no line is read in half");

    let labels = format!("a{{{}}} 1\n", (0..50).map(|n| format!("l{n}=\"v\"")).collect::<Vec<_>>().join(","));
    let said = Exposition::parse(labels.repeat(LONGEST_PAGE / labels.len()).as_bytes());
    assert!(said.is_cut && said.len() < 20_100, "{} samples with 50 labels each", said.len());
}

#[test]
fn two_hundred_thousand_samples_are_read_at_once() {
    let mut page = String::new();
    for n in 0..MOST_SAMPLES {
        writeln!(page, "DCGM_FI_{}{{gpu=\"{}\",UUID=\"GPU-{n}\"}} {n}", n % 60, n % 8).unwrap();
    }
    let begin = std::time::Instant::now();
    let said = Exposition::parse(page.as_bytes());
    let (took, limit) = (begin.elapsed().as_millis(), if cfg!(debug_assertions) { 15_000 } else { 2000 });
    assert_eq!((said.len(), said.bad_lines), (MOST_SAMPLES, 0));
    assert!(took < limit, "{took} ms");
}

#[test]
fn the_question_to_prometheus_is_one_path_and_leaves_buckets_out() {
    let path = prometheus::path();
    let encoded = path.strip_prefix("/api/v1/query?query=").unwrap();
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{path}");
    let mut decoded = Vec::new();
    let mut left = encoded.bytes();
    while let Some(byte) = left.next() {
        let hex = |byte: u8| u8::try_from((byte as char).to_digit(16).unwrap()).unwrap();
        decoded.push(if byte == b'%' { hex(left.next().unwrap()) * 16 + hex(left.next().unwrap()) } else { byte });
    }
    assert_eq!(String::from_utf8(decoded).unwrap(), prometheus::QUERY);
    assert!(prometheus::QUERY.ends_with(r#",__name__!~".*_(bucket|created)"}"#));
}

#[test]
fn an_answer_of_prometheus_has_the_samples_of_a_page() {
    let said = prometheus::read(ANSWER).unwrap();
    assert_eq!((said.len(), said.bad_lines, said.is_cut), (10, 0, false));
    let first = &said.all("DCGM_FI_DEV_GPU_UTIL")[0];
    assert_eq!((first.value, first.at, first.label("exported_pod")), (42.0, Some(1_795_323_895_125), Some("job-7-0")));
    assert_eq!((first.label("__name__"), first.label("instance")), (None, Some("10.0.0.1:9400")));
    assert_eq!(said.sum("vllm:generation_tokens_total"), Some(1e6));
    assert!(said.all("nv_gpu_utilization")[0].value.is_nan());
}

#[test]
fn each_target_of_prometheus_is_read_on_its_own() {
    let targets = prometheus::by_target(prometheus::read(ANSWER).unwrap());
    let names: Vec<_> = targets.iter().map(|(name, said)| (name.as_str(), said.len())).collect();
    let expected = [("", 1), ("10.0.0.1:9400", 4), ("10.0.0.2:9090", 2), ("10.0.0.3:8000", 1), ("10.0.0.3:8000", 2)];
    assert_eq!(names, expected, "one address with two jobs is two targets");
    assert_eq!(targets[4].1.sum("vllm:generation_tokens_total"), Some(1e6));
    assert!(prometheus::by_target(Exposition::default()).is_empty());
    let pushed = prometheus::by_target(Exposition::parse(b"a{job=\"x\"} 1\nb{job=\"y\"} 2\nc 3\n"));
    assert_eq!((pushed.len(), pushed[0].1.len()), (1, 3), "samples of no target are together");
}

#[test]
fn an_answer_that_is_none_is_an_error_with_a_reason() {
    let vector = |rows: &str| format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{rows}}}}}"#);
    let wrong = [
        (r#"{"status":"error","errorType":"bad_data","error":"parse error: no"}"#.to_owned(), "parse error: no"),
        (r#"{"status":"error"}"#.to_owned(), "does not name"),
        (r#"{"status":"success"}"#.to_owned(), "without data"),
        (r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#.to_owned(), "scalar"),
        (vector("{}"), "no vector"),
        ("<html>".to_owned(), "no answer of Prometheus"),
        (String::new(), "no answer of Prometheus"),
    ];
    for (body, reason) in wrong {
        let error = prometheus::read(body.as_bytes()).unwrap_err();
        assert!(error.contains(reason), "{body}: {error}");
    }
    let long = "v".repeat(LONGEST_VALUE + 1);
    let rows = format!(
        r#"[{{"metric":{{"__name__":"a"}},"value":[1,"1"]}}, 5, {{"metric":{{}},"value":[1,"1"]}}, {{"metric":{{"__name__":"a"}},"value":[1,"x"]}},
            {{"metric":{{"__name__":"a"}},"histogram":[1,{{}}]}}, {{"metric":{{"__name__":"a","l":"{long}"}},"value":[1,"1"]}},
            {{"metric":{{"__name__":"b","l":""}},"value":[1795323895.781,"-Inf"]}}]"#
    );
    let said = prometheus::read(vector(&rows).as_bytes()).unwrap();
    assert_eq!((said.len(), said.bad_lines, said.sum("a")), (2, 5, Some(1.0)), "a row that cannot be read is no matter of the others");
    assert_eq!((said.all("b")[0].labels.len(), said.all("b")[0].at), (0, Some(1_795_323_895_781)));
    let row = r#"{"metric":{"__name__":"a"},"value":[1,"1"]}"#;
    let rows = format!("[{}{row}]", format!("{row},").repeat(MOST_SAMPLES));
    let said = prometheus::read(vector(&rows).as_bytes()).unwrap();
    assert_eq!((said.len(), said.is_cut), (MOST_SAMPLES, true));
}

#[test]
fn prometheus_is_known_by_what_it_says_of_its_build() {
    let build = br#"{"status":"success","data":{"version":"2.42.0+ds","revision":"5.1","branch":"debian/sid","goVersion":"go1.19"}}"#;
    assert!(prometheus::is_it(build));
    for other in [&b"{}"[..], b"", b"<html>", br#"{"version":"0.33"}"#, br#"{"status":"success","data":{}}"#, br#"{"status":"error"}"#] {
        assert!(!prometheus::is_it(other), "{}", String::from_utf8_lossy(other));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let said = Exposition::parse(&bytes);
        prop_assert!(said.len() + said.bad_lines <= bytes.len());
        let _ = prometheus::read(&bytes);
        let _ = prometheus::is_it(&bytes);
    }

    #[test]
    fn no_page_is_too_much(page in "[a-c:{}\"=,\\\\#\n\r \t0-9.eE+\\-NaIninfü]{0,200}") {
        let lines = page.split('\n').count();
        let said = Exposition::parse(page.as_bytes());
        prop_assert!(said.len() + said.bad_lines <= lines);
    }

    #[test]
    fn what_is_written_is_read(name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", value in "\\PC{1,20}|[\"\\\\\n,{}= ]{1,20}", figure in any::<f64>()) {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let said = Exposition::parse(format!("{name} {{ k = \"{escaped}\" , }} {figure}").as_bytes());
        prop_assert_eq!((said.len(), said.bad_lines), (1, 0));
        let sample = said.iter().next().unwrap();
        prop_assert_eq!((sample.name.as_str(), sample.label("k")), (name.as_str(), Some(value.as_str())));
        prop_assert!(sample.value.to_bits() == figure.to_bits() || figure.is_nan());
    }
}
