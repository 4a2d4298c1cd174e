//! Inference servers: what their pages of metrics, and what else they answer, mean.
//!
//! All pages and answers were written for these tests, in the forms that the servers' own sources specify.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aifinops::gpus::exposition::{Exposition, Sample};
use aifinops::gpus::llama_cpp::LlamaCpp;
use aifinops::gpus::ollama::Ollama;
use aifinops::gpus::sglang::Sglang;
use aifinops::gpus::tgi::Tgi;
use aifinops::gpus::triton::Triton;
use aifinops::gpus::vllm::Vllm;
use aifinops::gpus::{SERVERS, Server};
use aifinops::model::gpu::{ServerReading, Timing};

const VLLM: &[u8] = include_bytes!("../../fixtures/gpus/vllm.prom");
const VLLM_V0: &[u8] = include_bytes!("../../fixtures/gpus/vllm_v0.prom");
const SGLANG: &[u8] = include_bytes!("../../fixtures/gpus/sglang.prom");
const TGI: &[u8] = include_bytes!("../../fixtures/gpus/tgi.prom");
const LLAMA_CPP: &[u8] = include_bytes!("../../fixtures/gpus/llama_cpp.prom");
const TRITON: &[u8] = include_bytes!("../../fixtures/gpus/triton.prom");
const OLLAMA_PS: &[u8] = include_bytes!("../../fixtures/gpus/ollama_ps.json");
const LLAMA_MODELS: &[u8] = include_bytes!("../../fixtures/gpus/llama_models.json");
const LLAMA_SLOTS: &[u8] = include_bytes!("../../fixtures/gpus/llama_slots.json");
const TGI_INFO: &[u8] = include_bytes!("../../fixtures/gpus/tgi_info.json");

/// The pages, and whose each is.
const PAGES: [(&str, &[u8]); 6] =
    [("vllm", VLLM), ("vllm", VLLM_V0), ("sglang", SGLANG), ("tgi", TGI), ("llama-cpp", LLAMA_CPP), ("triton", TRITON)];
/// Figures that cannot be true.
const HOSTILE: [f64; 5] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300];

fn read(server: &dyn Server, page: &[u8], more: &[(&str, &[u8])]) -> Vec<ServerReading> {
    server.read(&Exposition::parse(page), more)
}

/// The one reading of a page.
fn one(server: &dyn Server, page: &str) -> ServerReading {
    let mut readings = read(server, page.as_bytes(), &[]);
    assert_eq!(readings.len(), 1, "{page}");
    readings.remove(0)
}

fn of(kind: &'static str, model: &str) -> ServerReading {
    ServerReading { kind, model: Some(model.to_owned()), ..ServerReading::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "a time as readings have it")]
fn timing(micros: u64, count: u64) -> Option<Timing> {
    Some(Timing { micros, count })
}

#[test]
fn vllm_adds_up_its_engines_and_tells_the_fullest_cache() {
    let expected = ServerReading {
        prompt: Some(1_000_123),
        cached: Some(620_000),
        generated: Some(918_300),
        progress: Some(1_918_423),
        running: Some(8),
        waiting: Some(2),
        kv: Some(912),
        first_token: timing(23_000_000, 110),
        next_token: timing(9_181_000_000, 918_020),
        ..of("vllm", "qwen3-32b")
    };
    assert_eq!(read(&Vllm, VLLM, &[]), [expected]);
}

#[test]
fn vllm_s_older_engine_has_other_names_for_the_same() {
    let expected = ServerReading {
        prompt: Some(5120),
        generated: Some(640),
        progress: Some(5760),
        running: Some(1),
        waiting: Some(4),
        kv: Some(63),
        first_token: timing(500_000, 8),
        next_token: timing(12_640_000, 632),
        ..of("vllm", "llama-8b")
    };
    assert_eq!(read(&Vllm, VLLM_V0, &[]), [expected]);
    let older = one(&Vllm, "vllm:prefix_cache_hits_total{model_name=\"m\",engine=\"0\"} 12\n");
    assert_eq!(older.cached, Some(12));
}

#[test]
fn vllm_s_models_are_told_apart() {
    let page = "vllm:num_requests_running{model_name=\"b\"} 1\nvllm:num_requests_running{model_name=\"a\"} 2\n";
    let expected = [("a", 2), ("b", 1)].map(|(model, count)| ServerReading { running: Some(count), ..of("vllm", model) });
    assert_eq!(read(&Vllm, page.as_bytes(), &[]), expected);
}

#[test]
fn what_no_model_is_named_for_is_all_of_one_model() {
    for (server, prefix, waiting) in [(&Vllm as &dyn Server, "vllm:", "num_requests_waiting"), (&Sglang, "sglang:", "num_queue_reqs")] {
        let page = format!("{prefix}generation_tokens_total 16\n{prefix}{waiting} 2\n");
        assert!(server.is_it(&Exposition::parse(page.as_bytes())), "{page}");
        let found = one(server, &page);
        assert_eq!((found.model, found.generated, found.waiting), (None, Some(16), Some(2)), "{page}");
        // Where there are names, what has none is about no model.
        let named = one(server, &format!("{page}{prefix}generation_tokens_total{{model_name=\"m\"}} 9\n"));
        assert_eq!((named.model.as_deref(), named.generated, named.waiting), (Some("m"), Some(9), None), "{page}");
    }
}

#[test]
fn vllm_sleeps_when_every_engine_says_so() {
    /// An engine, a state, and whether it is in that.
    type Says = (&'static str, &'static str, u8);
    let cases: [(&[Says], bool); 8] = [
        (&[], false),
        (&[("0", "awake", 1), ("0", "weights_offloaded", 0)], false),
        (&[("0", "awake", 0), ("0", "weights_offloaded", 1)], true),
        (&[("0", "awake", 0), ("0", "discard_all", 1)], true),
        (&[("0", "weights_offloaded", 1), ("1", "awake", 1)], false),
        (&[("0", "weights_offloaded", 1), ("1", "discard_all", 1)], true),
        (&[("0", "weights_offloaded", 1), ("1", "awake", 0)], false),
        (&[("0", "dreams", 1)], false),
    ];
    for (states, sleeps) in cases {
        let mut page = "vllm:num_requests_running{model_name=\"m\"} 0\n".to_owned();
        for (engine, state, is) in states {
            let labels = format!("model_name=\"m\",engine=\"{engine}\",sleep_state=\"{state}\"");
            writeln!(page, "vllm:engine_sleep_state{{{labels}}} {is}.0").unwrap();
        }
        assert_eq!(one(&Vllm, &page).is_asleep, sleeps, "{page}");
    }
}

#[test]
fn sglang_hears_one_scheduler_of_each_data_parallel_rank() {
    let expected = ServerReading {
        prompt: Some(21_300),
        cached: Some(11_500),
        generated: Some(5600),
        progress: Some(15_000),
        running: Some(9),
        waiting: Some(1),
        kv: Some(815),
        first_token: timing(10_250_000, 42),
        next_token: timing(55_500_000, 5550),
        ..of("sglang", "glm")
    };
    assert_eq!(read(&Sglang, SGLANG, &[]), [expected]);
}

#[test]
fn sglang_without_its_schedulers_counts_moves_with_the_times_from_token_to_token() {
    let page = "sglang:generation_tokens_total{model_name=\"m\"} 9\n\
                sglang:time_to_first_token_seconds_count{model_name=\"m\"} 3\n\
                sglang:time_to_first_token_seconds_sum{model_name=\"m\"} 1\n\
                sglang:inter_token_latency_seconds_count{model_name=\"m\"} 40\n\
                sglang:inter_token_latency_seconds_sum{model_name=\"m\"} 1\n";
    assert_eq!(one(&Sglang, page).progress, Some(43));
    let only_counts_of_ended_requests = "sglang:generation_tokens_total{model_name=\"m\"} 9\n";
    assert_eq!(one(&Sglang, only_counts_of_ended_requests).progress, None);
}

#[test]
fn tgi_tells_tokens_as_sums_and_no_progress() {
    let expected = ServerReading {
        prompt: Some(205_371),
        generated: Some(88_123),
        running: Some(16),
        waiting: Some(2),
        next_token: timing(10_250_000, 410),
        ..of("tgi", "acme/chat-7b")
    };
    assert_eq!(read(&Tgi, TGI, &[("/info", TGI_INFO)]), [expected]);
    assert_eq!(read(&Tgi, TGI, &[])[0].model, None);
}

#[test]
fn llama_cpp_s_prompts_include_what_came_from_the_cache() {
    let expected = ServerReading {
        prompt: Some(25_417),
        cached: Some(5000),
        generated: Some(1_234_570),
        progress: Some(1_240_010),
        running: Some(1),
        waiting: Some(3),
        seconds: Some((61_250, 30_864_200)),
        ..of("llama-cpp", "tiny-chat")
    };
    assert_eq!(read(&LlamaCpp, LLAMA_CPP, &[("/v1/models", LLAMA_MODELS), ("/slots", LLAMA_SLOTS)]), [expected]);
    let older = one(&LlamaCpp, "llamacpp:prompt_tokens_total 20417\n");
    assert_eq!((older.prompt, older.cached, older.progress), (Some(20_417), None, None));
}

#[test]
fn llama_cpp_s_slots_tell_what_its_page_does_not_and_never_what_was_said() {
    let readings = read(&LlamaCpp, b"llamacpp:tokens_predicted_total 7\n", &[("/slots", LLAMA_SLOTS)]);
    assert_eq!((readings[0].running, readings[0].progress, readings[0].kv), (Some(1), Some(340), None));
    let told = format!("{readings:?}");
    assert!(!told.contains("nobody should see"), "{told}");
}

#[test]
fn triton_s_models_have_vllm_s_series_or_only_a_queue() {
    let chat = ServerReading {
        prompt: Some(910),
        generated: Some(16),
        progress: Some(926),
        running: Some(2),
        waiting: Some(8),
        kv: Some(500),
        first_token: timing(2_500_000, 42),
        next_token: timing(45_000, 15),
        ..of("triton", "chat")
    };
    let resnet = ServerReading { waiting: Some(6), ..of("triton", "resnet50") };
    assert_eq!(read(&Triton, TRITON, &[]), [chat, resnet]);
}

#[test]
fn every_page_is_of_one_server_only() {
    for (owner, page) in PAGES {
        let said = Exposition::parse(page);
        assert_eq!(said.bad_lines, 0, "{owner}");
        let owners: Vec<_> = SERVERS.iter().filter(|server| server.is_it(&said)).map(|server| server.name()).collect();
        assert_eq!(owners, [owner]);
    }
    let nothing = Exposition::parse(b"up 1\nprocess_open_fds 12\nnv_gpu_utilization{gpu_uuid=\"GPU-aa\"} 0.5\n");
    assert!(!SERVERS.iter().any(|server| server.is_it(&nothing)));
    let names: BTreeSet<_> = SERVERS.iter().map(|server| server.name()).collect();
    assert_eq!(names, BTreeSet::from(["llama-cpp", "ollama", "sglang", "tgi", "triton", "vllm"]));
}

#[test]
fn vllm_s_series_with_triton_s_label_are_triton_s() {
    for (label, is_vllm) in [("model_name", true), ("model", false)] {
        let page = format!("nv_gpu_utilization{{gpu_uuid=\"GPU-aa\"}} 0.8\nvllm:generation_tokens_total{{{label}=\"m\"}} 16\n");
        let said = Exposition::parse(page.as_bytes());
        assert_eq!((Vllm.is_it(&said), Triton.is_it(&said)), (is_vllm, !is_vllm), "{page}");
    }
}

#[test]
fn ollama_tells_loaded_models_their_memory_and_when_they_go() {
    let expected = [
        ServerReading { memory: Some(5_654_289_920), unloads_at: Some(1_795_689_296_789), ..of("ollama", "qwen3:8b") },
        // It is to stay for good, which Ollama says as a year far away.
        ServerReading { memory: Some(0), ..of("ollama", "nomic-embed-text:latest") },
    ];
    assert_eq!((Ollama.knock(), Ollama.answers(OLLAMA_PS)), (Some("/api/ps"), true));
    assert_eq!(read(&Ollama, b"", &[("/api/ps", OLLAMA_PS)]), expected);
    assert_eq!(read(&Ollama, b"", &[("/api/ps", br#"{"models":[]}"#)]), []);
    assert!(Ollama.answers(br#"{"models":[]}"#));
}

#[test]
fn ollama_s_times_are_of_any_zone() {
    let cases = [
        ("2026-11-26T10:34:56Z", Some(1_795_689_296_000)),
        ("2026-11-26T10:34:56.789Z", Some(1_795_689_296_789)),
        ("2026-11-26T16:04:56.789123456+05:30", Some(1_795_689_296_789)),
        ("2026-11-25T23:34:56-11:00", Some(1_795_689_296_000)),
        ("2028-02-29T00:00:00Z", Some(1_835_395_200_000)),
        ("2027-02-29T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2199-12-31T23:59:59Z", Some(7_258_118_399_000)),
        ("2200-01-01T00:00:00Z", None),
        ("2026-11-26T10:34:56", None),
        ("2026-11-26", None),
        ("soon", None),
        ("", None),
    ];
    for (text, at) in cases {
        let body = format!(r#"{{"models":[{{"name":"m","expires_at":"{text}"}}]}}"#);
        assert_eq!(read(&Ollama, b"", &[("/api/ps", body.as_bytes())])[0].unloads_at, at, "{text}");
    }
}

#[test]
fn figures_that_cannot_be_true_are_not_known() {
    let servers: [&dyn Server; 6] = [&Vllm, &Vllm, &Sglang, &Tgi, &LlamaCpp, &Triton];
    for (server, (name, page)) in servers.into_iter().zip(PAGES) {
        let said = Exposition::parse(page);
        for value in HOSTILE {
            let samples = said.iter().map(|sample| Sample { value, ..sample.clone() }).collect();
            for reading in server.read(&Exposition::of(samples, 0), &[]) {
                let nothing = ServerReading { kind: reading.kind, model: reading.model.clone(), ..ServerReading::default() };
                assert_eq!(reading, nothing, "{name} {value}");
            }
        }
    }
}

#[test]
fn a_sum_is_not_known_where_a_part_of_it_is_not() {
    for value in HOSTILE {
        let page = format!(
            "vllm:generation_tokens_total{{model_name=\"m\",engine=\"0\"}} 5\n\
             vllm:generation_tokens_total{{model_name=\"m\",engine=\"1\"}} {value}\n\
             vllm:kv_cache_usage_perc{{model_name=\"m\",engine=\"0\"}} 0.5\n\
             vllm:kv_cache_usage_perc{{model_name=\"m\",engine=\"1\"}} {value}\n"
        );
        let llama = format!("llamacpp:prompt_tokens_total 5\nllamacpp:prompt_tokens_cached_total {value}\n");
        assert_eq!(one(&LlamaCpp, &llama).prompt, None, "{value}");
        let reading = one(&Vllm, &page);
        assert_eq!((reading.generated, reading.kv), (None, Some(500)), "{value}");
    }
}

#[test]
fn a_server_has_no_more_models_than_anybody_serves() {
    for (server, name, label) in [
        (&Vllm as &dyn Server, "vllm:num_requests_running", "model_name"),
        (&Sglang, "sglang:num_running_reqs", "model_name"),
        (&Triton, "nv_inference_pending_request_count", "model"),
    ] {
        let labels = |model: u32| vec![(label.to_owned(), format!("m{model:06}"))];
        let sample = |model| Sample { name: name.to_owned(), labels: labels(model), value: 1.0, at: None };
        let readings = server.read(&Exposition::of((0..100_000).rev().map(sample).collect(), 0), &[]);
        assert_eq!((readings.len(), readings[0].model.as_deref()), (64, Some("m000000")), "{name}");
    }
    let body = format!(r#"{{"models":[{}{{"name":"last"}}]}}"#, r#"{"name":"m"},"#.repeat(100_000));
    assert!(Ollama.answers(body.as_bytes()));
    assert_eq!(read(&Ollama, b"", &[("/api/ps", body.as_bytes())]).len(), 64);
}

#[test]
fn json_of_the_wrong_kind_tells_nothing_and_spoils_nothing() {
    for body in ["", "null", "7", "[]", "{}", "{\"models\":7}", "{\"models\":null}", "{\"models\":[7]}", "{\"models\":[{}]}"] {
        assert!(!Ollama.answers(body.as_bytes()), "{body}");
        assert_eq!(read(&Ollama, b"", &[("/api/ps", body.as_bytes())]), [], "{body}");
    }
    let body = br#"{"models":[7,{"name":8},{"name":"a","size_vram":"much","expires_at":1},{"name":"b","size_vram":-1},
        {"name":"c","size_vram":1e300},{"name":"d","size_vram":12}]}"#;
    let told: Vec<_> = read(&Ollama, b"", &[("/api/ps", body)]).into_iter().map(|r| (r.model.unwrap(), r.memory)).collect();
    assert_eq!(told, [("a", None), ("b", None), ("c", None), ("d", Some(12))].map(|(name, memory)| (name.to_owned(), memory)));
    for body in ["[]", "{}", "{\"data\":7}", "{\"data\":[]}", "{\"data\":[7]}", "{\"data\":[{\"id\":7}]}", "{\"data\":[{\"id\":\"\"}]}"] {
        assert_eq!(read(&LlamaCpp, LLAMA_CPP, &[("/v1/models", body.as_bytes())])[0].model, None, "{body}");
    }
    for body in ["7", "{}", "[7]", "[{}]", "[{\"is_processing\":1}]", "[{\"next_token\":7}]", "[{\"next_token\":[{\"n_decoded\":-1}]}]"] {
        let reading = &read(&LlamaCpp, b"", &[("/slots", body.as_bytes())])[0];
        assert_eq!((reading.running, reading.progress), (None, None), "{body}");
    }
    for body in ["[]", "{}", "{\"model_id\":7}", "\"model_id\""] {
        assert_eq!(read(&Tgi, TGI, &[("/info", body.as_bytes())])[0].model, None, "{body}");
    }
}

#[test]
fn answers_that_break_off_anywhere_are_borne() {
    for (path, body) in [("/api/ps", OLLAMA_PS), ("/v1/models", LLAMA_MODELS), ("/slots", LLAMA_SLOTS), ("/info", TGI_INFO)] {
        let body = body.trim_ascii();
        for end in 0..body.len() {
            for server in SERVERS {
                let readings = read(*server, b"", &[(path, &body[..end])]);
                assert!(readings.iter().all(|reading| reading.model.is_none()), "{path} {end}");
            }
        }
    }
}
