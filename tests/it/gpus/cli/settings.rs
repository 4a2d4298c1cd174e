//! Prices and settings of GPUs: in the file, on the command line, in variables; and what is wrong with some of them.

use serde_json::{Value, json};

use super::{Host, Run, keys};

#[test]
fn the_lists_and_ones_own_prices() {
    let host = Host::new();
    let row = |found: &Value, gpu: &str, list: &str| {
        let is_it = |row: &&Value| row["gpu"] == json!(gpu) && row["list"] == json!(list);
        found["prices"].as_array().unwrap().iter().find(is_it).cloned().unwrap()
    };
    let found = host.json(&["gpu", "prices"]);
    insta::assert_snapshot!(keys(&found), @r"
    list
    prices
    prices[].as_of
    prices[].gpu
    prices[].in_force
    prices[].list
    prices[].source
    prices[].usd_per_hour
    ");
    assert_eq!(found["list"], json!("neocloud"));
    for (list, price, in_force) in [("neocloud", 3.5, true), ("aws", 7.912, false)] {
        let row = row(&found, "H200", list);
        assert_eq!((&row["usd_per_hour"], &row["in_force"]), (&json!(price), &json!(in_force)), "{list}");
        assert!(row["as_of"].is_string() && row["source"].as_str().is_some_and(|source| !source.is_empty()));
    }
    let said = host.ok(&["gpu", "prices"]);
    let line = |word: &str| said.lines().find(|line| line.contains("H200") && line.contains(word)).unwrap().to_owned();
    assert!(line("neocloud").starts_with('✓') && line("neocloud").contains("$3.50") && line("aws").starts_with('·'), "{said}");
    host.ok(&["config", "set", "gpu.list", "aws"]);
    host.ok(&["config", "set", "gpu_prices.H200", "3.10"]);
    let found = host.json(&["gpu", "prices"]);
    assert_eq!(row(&found, "H200", "aws")["in_force"], json!(true));
    assert_eq!(row(&found, "H200", "neocloud")["in_force"], json!(false));
    let own = row(&found, "H200", "yours");
    assert_eq!((&own["usd_per_hour"], &own["in_force"], &own["as_of"]), (&json!(3.1), &json!(true), &Value::Null));
}

#[test]
fn settings_are_written_as_they_are_typed_and_come_into_force() {
    let host = Host::new();
    for (key, value) in [
        ("gpu_prices.H200", "3.10"),
        ("gpu_prices.host:n1", "2"),
        ("gpu_prices.RTX 4090", "price:1800,resale:600,years:3,hosting:0.05"),
        ("gpu.idle", "30"),
        ("gpu.ttl", "24"),
        ("gpu.list", "none"),
        ("gpu.kwh", "$0.12"),
        ("gpu_hosts.n1", "http://n1:9400/"),
        ("gpu_hosts.safe", "url:https://n2,token_env:GPU_KEY"),
        ("gpu_hosts.own", "url:http://127.0.0.1:8000,gpus:GPU-aa,token_env:GPU_KEY"),
    ] {
        host.ok(&["config", "set", key, value]);
    }
    insta::assert_snapshot!(host.config(), @r#"

    [gpu_prices]
    H200 = "3.10"
    "host:n1" = "2"

    [gpu_prices."RTX 4090"]
    price = "1800"
    resale = "600"
    years = "3"
    hosting = "0.05"

    [gpu]
    idle = "30"
    ttl = "24"
    list = "none"
    kwh = "$0.12"

    [gpu_hosts]
    n1 = "http://n1:9400/"

    [gpu_hosts.safe]
    url = "https://n2"
    token_env = "GPU_KEY"

    [gpu_hosts.own]
    url = "http://127.0.0.1:8000"
    gpus = "GPU-aa"
    token_env = "GPU_KEY"
    "#);
    let prices = host.json(&["gpu", "prices"]);
    let own = |gpu: &str| prices["prices"].as_array().unwrap().iter().find(|row| row["gpu"] == json!(gpu)).cloned().unwrap();
    assert_eq!(own("host:n1")["usd_per_hour"], json!(2));
    // (1800 - 600) / (3 × 8760 h) + 0.05
    let owned = own("RTX 4090");
    assert!((owned["usd_per_hour"].as_f64().unwrap() - 0.095_662_1).abs() < 1e-6, "{owned}");
    assert!(owned["source"].as_str().unwrap().starts_with("owned"), "{owned}");
    assert_eq!(host.json(&["config", "show"])["problems"], json!([]));
    host.ok(&["config", "set", "gpu.idle", "off"]);
    host.ok(&["config", "unset", "gpu_hosts.safe"]);
    assert!(host.config().contains("idle = \"off\"") && !host.config().contains("safe"), "{}", host.config());
}

#[test]
fn a_wrong_value_is_refused_in_a_sentence_and_the_file_stays_as_it_was() {
    let host = Host::new();
    host.ok(&["config", "set", "gpu.idle", "30"]);
    let before = host.config();
    for (key, value, words) in [
        ("gpu.idle", "0", "neither a number from 1 to 10000 nor `off`"),
        ("gpu.idle", "-5", "neither a number"),
        ("gpu.idle", "1.5", "neither a number"),
        ("gpu.idle", "soon", "neither a number"),
        ("gpu.idle", "10001", "neither a number"),
        ("gpu.busy", "off", "no number from 1 to 99"),
        ("gpu.quiet", "1", "no number from 2 to 3600"),
        ("gpu.hot", "151", "from 1 to 150"),
        ("gpu.watch", "maybe", "neither `on` nor `off`"),
        ("gpu.list", "neoclouds", "did you mean `neocloud`"),
        ("gpu.kwh", "-1", "no number of dollars"),
        ("gpu.idle_cost", "off", "no number of dollars"),
        ("gpu.idel", "3", "did you mean `idle`"),
        ("gpu_prices.H200", "free", "no number of dollars"),
        ("gpu_prices.H200", "-3", "no number of dollars"),
        ("gpu_prices.H200", "NaN", "no number of dollars"),
        ("gpu_prices.H200", "price:1800", "needs `price` and `years`"),
        ("gpu_prices.H200", "price:1800,years:0", "at least a year"),
        ("gpu_prices.H200", "price:100,resale:200,years:3", "not sold for more than it cost"),
        ("gpu_prices.H200", "price:100,years:3,colour:red", "colour"),
        ("gpu_hosts.n1", "n1:9400", "no address such as http://n1:9400"),
        ("gpu_hosts.n1", "ftp://n1", "no address"),
        ("gpu_hosts.n1", "http://", "is no address"),
        ("gpu_hosts.n1", "http:// n1", "no plain address"),
        ("gpu_hosts.n1", "http://ann:secret@n1:9400", "no plain address"),
        ("gpu_hosts.n1", "http://n1/?token=1", "no plain address"),
        ("gpu_hosts.n1", "url:http://n1:9400,token_env:GPU_KEY", "would send its key over http:// for everybody to read"),
        ("gpu_hosts.n1", "url:https://n1,token_env:A,token_file:/b", "at most one of"),
        ("gpu_hosts.n1", "url:https://n1,token:abc", "unknown"),
        ("gpu_hosts.gateway.x", "http://n1:9400", "gateway"),
    ] {
        let (code, error) = host.refusal(&["config", "set", "--", key, value]);
        let message = error["message"].as_str().unwrap();
        assert!(code != 0 && message.contains(words), "{key} {value}: {error}");
        assert_eq!(host.config(), before, "{key} {value}");
    }
    assert!(!host.refusal(&["config", "set", "gpu_hosts.n1", "http://ann:secret@n1"]).1.to_string().contains("secret"));
}

#[test]
fn a_wrong_flag_is_a_mistake_of_the_command_and_a_wrong_variable_is_told() {
    let host = Host::new();
    for flag in [["--gpu-host", "bad"], ["--gpu-host", "n1=n1:9400"], ["--gpu", "idle"], ["--gpu", "idle=x"], ["--gpu-price", "H200"]] {
        let (code, error) = host.refusal(&[&["gpu"][..], &flag].concat());
        assert_eq!((code, error["code"].as_str()), (2, Some("usage")), "{flag:?}: {error}");
    }
    for (name, value, word) in [
        ("AIFINOPS_GPU_HOSTS", "n1=http://n1:9400,token_env:KEY;bad", "gpu_hosts"),
        ("AIFINOPS_GPU_PRICES", "H200=free", "free"),
        ("AIFINOPS_GPU", "idle=never", "never"),
    ] {
        let run = Run::of(host.command(&["gpu", "prices"]).env(name, value).output().unwrap());
        assert!(run.code == 0 && run.err.contains(name) && run.err.contains(word) && run.out.contains("H200"), "{}{}", run.err, run.out);
    }
    let run = Run::of(host.command(&["gpu", "prices", "--json"]).env("AIFINOPS_GPU_PRICES", "H200=3.10;host:n1=2").output().unwrap());
    assert!(run.err.is_empty() && run.out.contains("host:n1"), "{}{}", run.err, run.out);
}
