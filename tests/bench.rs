//! The hot paths: `cargo bench`. Figures, not tests: nothing here fails because a machine is slow.
#![expect(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use aifinops::config;
use aifinops::engine::gpus::{CardView, GpuPicture, ProcessView, ServerView};
use aifinops::engine::ingest::Ingest;
use aifinops::engine::{Snapshot, Span};
use aifinops::model::gpu::{GpuProcess, GpuReading};
use aifinops::model::{Money, Speed, Tier, Tokens, Window, Zone};
use aifinops::pricing::{Book, Pricer};
use aifinops::query::{self, Asking, Living};
use aifinops::sources::{self, Places};
use aifinops::store::gpus::{CardRow, MinuteRow};
use aifinops::store::{GpuBook, Store};
use aifinops::tail::Catalog;
use aifinops::ui::app::{App, Options, View, default_columns};
use aifinops::ui::columns::Column;
use aifinops::ui::keymap::Keymap;
use aifinops::ui::theme::Theme;
use aifinops::ui::view;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Now, for everything that asks.
const NOW: i64 = 1_795_000_000_000;

fn main() {
    divan::main();
}

/// A Claude Code transcript of this many tasks: tool results make up most of its bytes, as in real ones.
fn claude(session: &str, tasks: usize) -> String {
    let mut text = String::new();
    let body = "    let mut state = self.inner.lock();\\n".repeat(80);
    for task in 0..tasks {
        let stamp = |second: usize| format!("2026-11-18T{:02}:{:02}:{:02}.000Z", task / 60 % 24, task % 60, second % 60);
        let common = format!(r#""sessionId":"{session}","version":"2.1.241","cwd":"/w/api","gitBranch":"main","userType":"external""#);
        writeln!(text, r#"{{"type":"user","uuid":"{session}-p{task}","parentUuid":null,"isSidechain":false,"timestamp":"{}",{common},"message":{{"role":"user","content":"go on"}}}}"#, stamp(0)).unwrap();
        for step in 0..8 {
            let (id, tool) = (format!("msg_{session}_{task}_{step}"), format!("toolu_{session}_{task}_{step}"));
            for (line, block) in [
                r#"{"type":"thinking","thinking":"","signature":"abcdefghijklmnopqrstuvwxyz"}"#.to_owned(),
                format!(r#"{{"type":"tool_use","id":"{tool}","name":"Bash","input":{{"command":"cargo test"}}}}"#),
            ]
            .iter()
            .enumerate()
            {
                writeln!(text, r#"{{"type":"assistant","uuid":"{id}-{line}","parentUuid":"x","isSidechain":false,"timestamp":"{}",{common},"requestId":"req_{id}","message":{{"id":"{id}","model":"claude-opus-5","role":"assistant","content":[{block}],"stop_reason":"tool_use","usage":{{"input_tokens":3,"cache_creation_input_tokens":900,"cache_read_input_tokens":{},"output_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":900,"ephemeral_1h_input_tokens":0}},"service_tier":"standard","speed":"standard"}}}}}}"#, stamp(step * 3 + line), 20_000 + step * 900, 40 + step).unwrap();
            }
            writeln!(text, r#"{{"type":"user","uuid":"{id}-r","parentUuid":"{id}","isSidechain":false,"timestamp":"{}",{common},"message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{tool}","content":"{body}","is_error":false}}]}},"toolUseResult":{{"stdout":"{body}","stderr":""}}}}"#, stamp(step * 3 + 2)).unwrap();
        }
    }
    text
}

/// A rollout of this many calls.
fn codex(calls: usize) -> String {
    let mut text = String::new();
    let body = "warning: unused variable: `offset`\\n".repeat(60);
    writeln!(text, r#"{{"timestamp":"2026-11-18T08:00:00.000Z","type":"session_meta","payload":{{"id":"t1","timestamp":"2026-11-18T08:00:00.000Z","cwd":"/w/web","cli_version":"0.156.1","source":"cli","git":{{"branch":"main"}}}}}}"#).unwrap();
    writeln!(
        text,
        r#"{{"timestamp":"2026-11-18T08:00:01.000Z","type":"turn_context","payload":{{"turn_id":"r1","cwd":"/w/web","model":"gpt-5.5"}}}}"#
    )
    .unwrap();
    for call in 1..=calls {
        let (input, output) = (call * 9000, call * 120);
        writeln!(text, r#"{{"timestamp":"2026-11-18T08:{:02}:{:02}.000Z","type":"response_item","payload":{{"type":"function_call_output","call_id":"c{call}","output":"Exit code: 0\nOutput:\n{body}"}}}}"#, call / 60 % 60, call % 60).unwrap();
        writeln!(text, r#"{{"timestamp":"2026-11-18T08:{:02}:{:02}.500Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":{input},"cached_input_tokens":{},"output_tokens":{output},"reasoning_output_tokens":0,"total_tokens":{}}},"last_token_usage":{{"input_tokens":9000,"cached_input_tokens":8000,"output_tokens":120,"reasoning_output_tokens":0,"total_tokens":9120}},"model_context_window":258400}}}}}}"#, call / 60 % 60, call % 60, call * 8000, input + output).unwrap();
    }
    text
}

#[divan::bench]
fn skim_claude_code(bencher: Bencher<'_, '_>) {
    let text = claude("s", 100);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| sources::claude_code::ClaudeCode.skim_bytes(text.as_bytes()));
}

#[divan::bench]
fn skim_codex(bencher: Bencher<'_, '_>) {
    let text = codex(1000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| sources::codex::Codex.skim_bytes(text.as_bytes()));
}

/// Rows of `OpenCode` as lines: this many steps, each with a tool.
fn opencode(steps: usize) -> String {
    let mut text = String::new();
    let body = "warning: unused variable: `offset`\\n".repeat(60);
    for step in 0..steps {
        let at = 1_795_000_000_000_u64 + step as u64 * 4000;
        let session = r#""session":{"directory":"/w/web","version":"1.18.33","time_created":1795000000000}"#;
        let message = format!(
            r#""message":{{"data":{{"role":"assistant","parentID":"msg_1","mode":"build","agent":"build","modelID":"gpt-5.5","providerID":"openai","time":{{"created":{at}}},"cost":0}}}}"#
        );
        for data in [
            format!(r#"{{"type":"tool","tool":"bash","callID":"call_{step:08}","state":{{"status":"completed","input":{{"command":"cargo test"}},"output":"{body}","title":"","metadata":{{"exit":0}},"time":{{"start":{at},"end":{at}}}}}}}"#),
            r#"{"reason":"tool-calls","snapshot":"5d","type":"step-finish","tokens":{"total":9120,"input":1000,"output":120,"reasoning":0,"cache":{"write":0,"read":8000}},"cost":0.0125}"#.to_owned(),
        ] {
            writeln!(text, r#"{{"table":"part","id":"prt_{step}","session_id":"ses_1","message_id":"msg_{step}","time_created":{at},{session},{message},"data":{data}}}"#).unwrap();
        }
    }
    text
}

#[divan::bench]
fn skim_opencode(bencher: Bencher<'_, '_>) {
    let text = opencode(1000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| sources::opencode::OpenCode.skim_bytes(text.as_bytes()));
}

/// All go through the trait that the reader uses.
trait SkimBytes {
    fn skim_bytes(&self, bytes: &[u8]) -> sources::Skim;
}

impl<T: sources::Source> SkimBytes for T {
    fn skim_bytes(&self, bytes: &[u8]) -> sources::Skim {
        self.skim(bytes)
    }
}

#[divan::bench]
fn price_a_call(bencher: Bencher<'_, '_>) {
    let mut prices = Pricer::new(Book::embedded());
    let tokens = Tokens { input: 3, cache_read: 141_000, cache_write_5m: 900, cache_write_1h: 12, output: 512, reasoning: 0 };
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| prices.cost("claude-opus-5", divan::black_box(&tokens), 0, Tier::Standard, Speed::default()));
}

fn home(sessions: usize, tasks: usize) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join(".claude/projects/-w-api");
    std::fs::create_dir_all(&dir).unwrap();
    for i in 0..sessions {
        let id = format!("00000000-0000-4000-8000-{i:012}");
        std::fs::write(dir.join(format!("{id}.jsonl")), claude(&id, tasks)).unwrap();
    }
    home
}

fn ingest(home: &Path) -> Ingest {
    let nothing = |_: &str| None;
    let places = Places { home, env: &nothing };
    let roots = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|root| (s.agent(), root))).collect();
    Ingest::new(Store::in_memory().unwrap(), Pricer::new(Book::embedded()), Catalog::new(roots), 0)
}

fn scan(ingest: &mut Ingest) {
    ingest.scan_quietly().unwrap();
}

/// Everything read, priced and stored, from an empty store.
#[divan::bench(sample_count = 10)]
fn first_scan(bencher: Bencher<'_, '_>) {
    let home = home(40, 10);
    let bytes: u64 = walkdir::WalkDir::new(home.path()).into_iter().flatten().filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum();
    bencher.counter(BytesCount::new(bytes)).with_inputs(|| ingest(home.path())).bench_local_values(|mut ingest| {
        scan(&mut ingest);
        ingest
    });
}

/// Nothing has changed in a thousand files.
#[divan::bench]
fn idle_scan(bencher: Bencher<'_, '_>) {
    let home = home(1000, 1);
    let mut ingest = ingest(home.path());
    scan(&mut ingest);
    bencher.bench_local(|| scan(&mut ingest));
}

/// One line was appended to one log: from the path to the sums.
#[divan::bench]
fn appended_line(bencher: Bencher<'_, '_>) {
    use std::io::Write as _;
    let home = home(50, 5);
    let mut ingest = ingest(home.path());
    scan(&mut ingest);
    let path = home.path().join(".claude/projects/-w-api/00000000-0000-4000-8000-000000000001.jsonl");
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        writeln!(file, r#"{{"type":"assistant","uuid":"n{n}","sessionId":"00000000-0000-4000-8000-000000000001","timestamp":"2026-11-18T09:00:00.000Z","message":{{"id":"msg_new_{n}","model":"claude-opus-5","content":[],"stop_reason":"end_turn","usage":{{"input_tokens":3,"output_tokens":9,"cache_read_input_tokens":50000}}}}}}"#).unwrap();
        ingest.look(&BTreeSet::from([path.clone()])).unwrap()
    });
}

fn snapshot(ingest: &mut Ingest) -> Snapshot {
    let living = Living::new();
    let asking = Asking { window: Window::ALL, now: NOW, zone: Zone::UTC, living: &living, hour: None };
    let sessions = query::sessions(&ingest.store, &mut ingest.prices, &asking).unwrap();
    Snapshot { at: NOW, span: Span::All, sessions: sessions.into_iter().map(Arc::new).collect(), ..Snapshot::default() }
}

/// A hook from its start to its end: a line is new in the log, a cap is asked about. Behind it lies a history of `sessions`.
#[divan::bench(args = [10, 2000], sample_count = 1000, sample_size = 1)]
fn hook(bencher: Bencher<'_, '_>, sessions: usize) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let home = home(sessions, 2);
    let log = home.path().join(".claude/projects/-p/hook.jsonl");
    std::fs::write(&log, claude("hook", 5)).unwrap();
    let config = home.path().join("config.toml");
    std::fs::write(&config, "[caps.day]\nlimit = \"$1000000\"\n[caps.month]\nlimit = \"$1000000\"\n").unwrap();
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env("AIFINOPS_HOME", home.path()).env("AIFINOPS_CONFIG", &config).env("AIFINOPS_ALERTS", "ways=none");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(program(&["report", "daily", "--all"]).status().unwrap().success());
    let question = format!(
        r#"{{"session_id":"hook","transcript_path":"{}","cwd":"/p","hook_event_name":"PostToolBatch","tool_calls":[]}}"#,
        log.display()
    );
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            let line = claude("hook", 2).lines().nth(1).unwrap().replace("msg_", &format!("msg_{n}_"));
            std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        })
        .bench_local_values(|()| {
            let mut child = program(&["hook", "claude-code"]).spawn().unwrap();
            child.stdin.take().unwrap().write_all(question.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        });
}

/// A status line from its start to its end: a line is new in the log, two caps are asked about, the limits change.
#[divan::bench(args = [10, 2000], sample_count = 1000, sample_size = 1)]
fn statusline(bencher: Bencher<'_, '_>, sessions: usize) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let home = home(sessions, 2);
    let log = home.path().join(".claude/projects/-p/line.jsonl");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    std::fs::write(&log, claude("line", 5)).unwrap();
    let config = home.path().join("config.toml");
    std::fs::write(&config, "[caps.day]\nlimit = \"$1000000\"\n[caps.month]\nlimit = \"$1000000\"\n").unwrap();
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env("AIFINOPS_HOME", home.path()).env("AIFINOPS_CONFIG", &config).env("AIFINOPS_ALERTS", "ways=none");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(program(&["report", "daily", "--all"]).status().unwrap().success());
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            let line = claude("line", 2).lines().nth(1).unwrap().replace("msg_", &format!("msg_{n}_"));
            std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
            format!(
                r#"{{"session_id":"line","transcript_path":"{}","cwd":"/p","context_window":{{"used_percentage":34}},"rate_limits":{{"five_hour":{{"used_percentage":{},"resets_at":4100000000}}}}}}"#,
                log.display(),
                n % 100
            )
        })
        .bench_local_values(|handed| {
            let mut child = program(&["statusline"]).spawn().unwrap();
            child.stdin.take().unwrap().write_all(handed.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
        });
}

/// All sessions of a history, as the screen asks for them.
#[divan::bench]
fn list_a_thousand_sessions(bencher: Bencher<'_, '_>) {
    let home = home(1000, 1);
    let mut ingest = ingest(home.path());
    scan(&mut ingest);
    bencher.bench_local(|| snapshot(&mut ingest));
}

/// Eight cards, a minute each for thirty days.
fn gpu_month(dir: &Path) -> GpuBook {
    let mut book = GpuBook::open(dir, std::time::Duration::from_secs(1)).unwrap().0;
    let last = NOW.div_euclid(60_000);
    for number in 0..8 {
        let uid = format!("card-{number}");
        let id = book.note_card(&CardRow { uid, name: "NVIDIA H200".to_owned(), seen_at: NOW, ..CardRow::default() }).unwrap();
        let minute = |at: i64| MinuteRow {
            at,
            states: [40_000, 20_000, 0, 0, 0, 0],
            used: (at % 1000 * 60_000, 60_000),
            cost: Some(Money::from_nanos(58_333_333)),
            idle_cost: Some(Money::from_nanos(19_444_444)),
            ..MinuteRow::default()
        };
        let minutes: Vec<MinuteRow> = (last - 30 * 1440..last).map(minute).collect();
        book.write(id, &minutes, &[]).unwrap();
    }
    book
}

/// A week of eight cards, hour by hour, out of thirty days of minutes.
#[divan::bench(sample_count = 50)]
fn gpu_heat_map(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let book = gpu_month(dir.path());
    bencher.bench_local(|| aifinops::query::gpus::heat(&book, NOW, 7).unwrap());
}

/// What the keeper asks once a minute: today and the last day of eight cards.
#[divan::bench(sample_count = 50)]
fn gpu_sums(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let book = gpu_month(dir.path());
    bencher.bench_local(|| book.sums(Window { from: NOW - 86_400_000, to: NOW }).unwrap());
}

/// A page of an exporter with 200 000 figures.
#[divan::bench(sample_count = 20)]
fn gpu_exposition(bencher: Bencher<'_, '_>) {
    let line = |i: u32| format!("DCGM_FI_DEV_GPU_UTIL{{gpu=\"{i}\",UUID=\"GPU-{i}\",modelName=\"NVIDIA H200\"}} {}\n", i % 100);
    let text: String = (0..200_000).map(line).collect();
    bencher.bench_local(|| aifinops::gpus::Exposition::parse(text.as_bytes()));
}

/// One frame of the GPUs: sixteen cards, forty processes, eight servers and their week.
#[divan::bench(args = [(80, 24), (120, 40), (240, 70)])]
fn gpu_frame(bencher: Bencher<'_, '_>, (width, height): (u16, u16)) {
    let dir = tempfile::tempdir().unwrap();
    let heat = aifinops::query::gpus::heat(&gpu_month(dir.path()), NOW, 7).unwrap();
    let card = |number: u32| CardView {
        reading: GpuReading {
            id: format!("card-{number}"),
            index: Some(number),
            name: "NVIDIA H200".to_owned(),
            used: Some(820),
            memory_used: Some(112 << 30),
            memory_total: Some(141 << 30),
            power: Some(512_000),
            power_cap: Some(700_000),
            temperature: Some(61),
            ..GpuReading::default()
        },
        history: (0..60).map(|i| Some(i * 16)).collect(),
        ..CardView::default()
    };
    let process = |number: u32| ProcessView {
        card: format!("card-{}", number % 16),
        process: GpuProcess { pid: 1000 + number, memory: Some(7 << 30), ..GpuProcess::default() },
        is_visible: true,
        command: "python train.py --config large.yaml".to_owned(),
        ..ProcessView::default()
    };
    let server = |number: u32| ServerView { name: format!(":{}", 8000 + number), ..ServerView::default() };
    let picture = GpuPicture {
        at: NOW,
        cards: (0..16).map(card).collect(),
        processes: (0..40).map(process).collect(),
        servers: (0..8).map(server).collect(),
        heat: Arc::new(heat),
        ..GpuPicture::default()
    };
    let (mut app, snapshot) = (app(), Snapshot::default());
    app.view = View::Gpus;
    app.take_gpus(&Arc::new(picture));
    let area = Rect::new(0, 0, width, height);
    bencher.bench_local(|| {
        let mut buf = Buffer::empty(area);
        view::draw(&app, &snapshot, NOW, area, &mut buf);
        buf
    });
}

/// A screen at its start.
fn app() -> App {
    App::new(Options {
        columns: default_columns(),
        sort: (Column::Session, false),
        group: config::Group::None,
        filter: String::new(),
        span: Span::All,
        theme: Theme::default(),
        themes: Vec::new(),
        keys: Keymap::new(&std::collections::BTreeMap::new()).0,
        currency: config::load(&config::Flags::default(), &|_| None).settings.currency.value.clone(),
        zone: Zone::UTC,
        problems: Vec::new(),
    })
}

/// One frame of the sessions table.
#[divan::bench(args = [(80, 24), (120, 40), (240, 70)])]
fn frame(bencher: Bencher<'_, '_>, (width, height): (u16, u16)) {
    let home = home(1000, 1);
    let mut ingest = ingest(home.path());
    scan(&mut ingest);
    let snapshot = snapshot(&mut ingest);
    let mut app = app();
    app.take(&snapshot);
    let area = Rect::new(0, 0, width, height);
    bencher.bench_local(|| {
        let mut buf = Buffer::empty(area);
        view::draw(&app, &snapshot, NOW, area, &mut buf);
        buf
    });
}
