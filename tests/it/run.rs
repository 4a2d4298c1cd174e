//! `run`: an agent below the proxy, its exit, its signals, and what is left of it.

#![cfg(unix)]

mod launch;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aifinops::engine::child::{self, Care, Ended, Watch};
use aifinops::engine::stop::{self, Step, StopError, Target, Waits};
use tempfile::TempDir;

/// What ignores every polite word, and so does its grandchild.
const STUBBORN: &str =
    "trap '' INT TERM HUP; sh -c 'echo $$ >> pids; while :; do sleep 0.05; done' & echo $$ >> pids; while :; do sleep 0.05; done";

const QUICK: Waits = Waits { interrupt: Duration::from_millis(200), terminate: Duration::from_millis(200), kill: Duration::from_secs(20) };

/// Starts a program as a person's terminal would. Tests that a script has started in the background ignore SIGINT, and so would
/// everything that they start.
pub(crate) fn hears_sigint(program: impl AsRef<OsStr>) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT").arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn aifinops(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    command.arg("run").args(args).env_clear().current_dir(dir).stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", dir);
    command.env("AIFINOPS_HOME", dir).env("AIFINOPS_DATA_DIR", dir.join("data")).env("AIFINOPS_CONFIG", dir.join("config.toml"));
    command
}

fn sh(script: &str, dir: &TempDir) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(dir.path()).stdin(Stdio::null());
    command
}

fn wait_for(what: &str, mut wish: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !wish() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Two processes have said who they are.
fn both(dir: &TempDir) -> Vec<u32> {
    let path = dir.path().join("pids");
    wait_for("two processes", || lines(&path).len() == 2);
    lines(&path).iter().map(|line| line.parse().unwrap()).collect()
}

fn is_there(pid: u32) -> bool {
    Target::Process(pid).is_there().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A program that says what it was started with: its arguments and its environment.
fn agent(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, "#!/bin/sh\nprintf '%s\\n' \"$@\" > args\nenv > env\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn arguments_come_through_as_they_are_though_they_are_no_words() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = TempDir::new().unwrap();
    agent(&dir, "codex");
    let odd = OsStr::from_bytes(b"caf\xe9");
    for flags in [&["--no-proxy", "--", "./codex"][..], &["--", "./codex"]] {
        let output = aifinops(dir.path(), flags).arg("exec").arg(odd).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        let args = fs::read(dir.path().join("args")).unwrap();
        assert!(args.ends_with(b"exec\ncaf\xe9\n"), "{}", String::from_utf8_lossy(&args));
    }
}

#[test]
fn exit_codes_are_passed_on() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("plain"), "no program").unwrap();
    let plain = dir.path().join("plain").display().to_string();
    let cases: [(&[&str], i32); 6] = [
        (&["sh", "-c", "exit 0"], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["there-is-no-such-program"], 127),
        (&[&plain], 126),
    ];
    for (command, code) in cases {
        for flags in [&["--no-proxy", "--"][..], &["--"]] {
            let output = aifinops(dir.path(), &[flags, command].concat()).output().unwrap();
            assert_eq!(output.status.code(), Some(code), "{command:?} {}", err(&output));
        }
    }
    let output = aifinops(dir.path(), &["--no-proxy", "--", "evil\u{1b}[2J"]).output().unwrap();
    assert!(!output.stderr.contains(&0x1b), "{}", err(&output));
}

#[test]
fn arguments_and_streams_are_the_agents_own() {
    let dir = TempDir::new().unwrap();
    let mut command = aifinops(dir.path(), &["--no-proxy", "--", "sh", "-c", "cat; echo \"$0 $1\" >&2", "--json", "-p"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"in\x00\xff").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.stdout.as_slice(), err(&output).as_str()), (b"in\x00\xff".as_slice(), "--json -p\n"));
}

#[test]
fn signals_reach_the_agent() {
    for (name, code) in [("INT", 41), ("TERM", 42), ("HUP", 43), ("QUIT", 44)] {
        let dir = TempDir::new().unwrap();
        let script =
            "trap 'exit 41' INT; trap 'exit 42' TERM; trap 'exit 43' HUP; trap 'exit 44' QUIT; echo > ready; while :; do sleep 0.05; done";
        let mut child = aifinops(dir.path(), &["--no-proxy", "--", "sh", "-c", script]).spawn().unwrap();
        wait_for("ready", || dir.path().join("ready").exists());
        assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
    }
}

#[test]
fn what_must_end_ends_with_all_that_it_has_started() {
    let dir = TempDir::new().unwrap();
    let mut said = Vec::new();
    let path = dir.path().join("pids");
    let mut over = || (lines(&path).len() == 2).then(|| "the cap".to_owned());
    let watch = Some(Watch { over: &mut over, pauses: false });
    let mut tell = |text: &str| said.push(text.to_owned());
    let care = Care { shares_terminal: false, waits: QUICK, watch, tell: &mut tell };
    let ended = child::run(&mut sh(STUBBORN, &dir), care).unwrap();
    assert_eq!((ended, ended.code()), (Ended::Signal(9), 137));
    assert_eq!(said, ["the cap"]);
    assert!(both(&dir).into_iter().all(|pid| !is_there(pid)));
}

#[test]
fn what_goes_by_itself_leaves_its_servers_running() {
    let dir = TempDir::new().unwrap();
    let care = Care { shares_terminal: false, waits: QUICK, watch: None, tell: &mut |_| {} };
    let script = "sh -c 'echo $$ >> pids; exec sleep 30' & while [ ! -s pids ]; do sleep 0.01; done; exit 3";
    assert_eq!(child::run(&mut sh(script, &dir), care).unwrap(), Ended::Exit(3));
    let pid = lines(&dir.path().join("pids"))[0].parse().unwrap();
    assert!(is_there(pid));
    assert_eq!(stop::ladder(Target::Process(pid), &QUICK), Ok(Some(Step::Terminate)), "a background process of a shell ignores SIGINT");
    assert!(!is_there(pid));
}

#[test]
fn a_pause_ends_and_everything_goes_on() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("dots");
    let size = || fs::metadata(&path).map_or(0, |meta| meta.len());
    let (mut looks, mut sizes) = (0, Vec::new());
    let mut said = Vec::new();
    let mut over = || {
        looks += usize::from(size() > 0);
        sizes.push((looks, size()));
        if looks > 4 && size() > sizes.iter().find(|(look, _)| *look == 4).unwrap().1 {
            fs::write(dir.path().join("enough"), "").unwrap();
        }
        (2..4).contains(&looks).then(|| "The cap is reached.".to_owned())
    };
    let watch = Some(Watch { over: &mut over, pauses: true });
    let mut tell = |text: &str| said.push(text.to_owned());
    let care = Care { shares_terminal: false, waits: QUICK, watch, tell: &mut tell };
    let script = "while [ ! -e enough ]; do printf . >> dots; sleep 0.02; done; exit 5";
    assert_eq!(child::run(&mut sh(script, &dir), care).unwrap(), Ended::Exit(5));
    let at = |look: usize| sizes.iter().find(|(n, _)| *n == look).unwrap().1;
    // The look at which it is paused comes before the pause; at the next two nothing has moved.
    assert_eq!(at(3), at(4), "{sizes:?}");
    assert_eq!(said, ["The agent is paused and goes on when there is room; Ctrl-C ends it. The cap is reached.", "The agent goes on."]);
}

#[test]
fn a_ladder_for_what_is_no_child_of_ours() {
    let dir = TempDir::new().unwrap();
    // Started by a shell that has gone.
    for (before, then, step) in [(":", "exec sleep 30", Step::Interrupt), ("trap '' INT", "while :; do sleep 0.05; done", Step::Terminate)]
    {
        let file = dir.path().join(format!("{step:?}"));
        let mut started =
            hears_sigint("sh").args(["-c", &format!("{before}; echo $$ > {}; {then}", file.display())]).process_group(0).spawn().unwrap();
        wait_for("started", || lines(&file).len() == 1);
        let pid = started.id();
        let reaper = std::thread::spawn(move || started.wait().unwrap());
        assert_eq!(stop::ladder(Target::Process(pid), &QUICK), Ok(Some(step)));
        reaper.join().unwrap();
        assert_eq!(stop::ladder(Target::Process(pid), &QUICK), Ok(None));
    }
    let mut stubborn = sh(STUBBORN, &dir).process_group(0).spawn().unwrap();
    let pids = both(&dir);
    let group = Target::Group(stubborn.id());
    let reaper = std::thread::spawn(move || stubborn.wait().unwrap());
    // What is paused hears nothing until it is woken.
    assert_eq!(stop::pause(group), Ok(true));
    assert_eq!(stop::ladder(group, &QUICK), Ok(Some(Step::Kill)));
    reaper.join().unwrap();
    assert!(pids.into_iter().all(|pid| !is_there(pid)));
    assert_eq!((stop::pause(group), stop::resume(group)), (Ok(false), Ok(false)));
}

#[test]
fn some_numbers_are_never_signalled() {
    for target in [Target::Process(0), Target::Process(1), Target::Group(0), Target::Group(1), Target::Group(u32::MAX)] {
        assert!(matches!(stop::ladder(target, &QUICK), Err(StopError::NoTarget(_))), "{target:?}");
        assert!(stop::pause(target).is_err());
    }
}

#[test]
fn the_agent_is_pointed_at_the_proxy_and_nothing_is_said_of_it() {
    let dir = TempDir::new().unwrap();
    let claude = agent(&dir, "claude").display().to_string();
    let mut command = aifinops(dir.path(), &["--", &claude, "-p", "a b"]);
    let output = command.env("ANTHROPIC_API_KEY", "sk-hidden").env("NO_PROXY", "example.org").output().unwrap();
    assert_eq!(err(&output), "aifinops: 0 model calls\n");
    assert_eq!(lines(&dir.path().join("args")), ["-p", "a b"]);
    let env = lines(&dir.path().join("env"));
    let var = |name: &str| env.iter().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
    assert!(var("ANTHROPIC_BASE_URL").starts_with("http://127.0.0.1:") && var("ANTHROPIC_BASE_URL").ends_with("/anthropic"));
    assert_eq!((var("ANTHROPIC_API_KEY"), var("NO_PROXY")), ("sk-hidden", "example.org,127.0.0.1,localhost"));
    let codex = agent(&dir, "codex").display().to_string();
    aifinops(dir.path(), &["--", "env", "A=1", &codex, "exec", "x"]).output().unwrap();
    let args = lines(&dir.path().join("args"));
    assert!(args[0] == "-c" && args[1].starts_with("openai_base_url=\"http://127.0.0.1:") && args[2..] == ["exec", "x"], "{args:?}");
    // The user's own address is where it goes on to, and it must be one.
    let wrong = aifinops(dir.path(), &["--", &claude]).env("ANTHROPIC_BASE_URL", "nonsense").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err(&wrong).contains("`nonsense` is no address"), "{}", err(&wrong));
}

#[test]
fn a_limit_stops_a_run() {
    let service = crate::proxy::streaming(&crate::proxy::STREAM);
    let dir = TempDir::new().unwrap();
    // Speaks HTTP with what bash has: a call after the other, until one is refused.
    let script = r#"
        address=${ANTHROPIC_BASE_URL#http://}; host=${address%%/*}; path=/${address#*/}/v1/messages
        body='{"model":"claude-sonnet-4-5","max_tokens":100,"secret-body":1}'
        for n in 1 2 3 4 5 6 7 8 9; do
            exec 3<>/dev/tcp/${host%:*}/${host#*:}
            printf 'POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: secret-header\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s' "$path" ${#body} "$body" >&3
            answer=$(cat <&3); exec 3>&-
            case $answer in *' 402 '*) echo "$answer" | tail -n 1; exit 9;; esac
        done"#;
    let upstream = service.url();
    let args = ["--agent", "claude-code", "--upstream", &upstream, "--max-usd", "0.01", "--", "bash", "-c", script];
    let output = aifinops(dir.path(), &args).output().unwrap();
    let out = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(9), "{out}{}", err(&output));
    assert!(out.contains("the limit of $0.01 for this run is used up ($0.01 spent)"), "{out}");
    // 3 × $0.0045, and the one that was refused.
    let told = "aifinops: 3 model calls · 3.3k tokens · $0.01 · 1 refused\n3 of these are calls that the agent's log does not show\n";
    assert_eq!(err(&output), told);
    assert!(!out.contains("secret") && service.asked().len() == 3);
}

#[test]
fn what_cannot_go_together_is_said() {
    let dir = TempDir::new().unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["--max-usd", "1", "--no-proxy", "--", "true"], "cannot be used with"),
        (&["--max-usd", "0", "--", "true"], "not an amount above zero"),
        (&["--agent", "nobody", "--", "true"], "possible values"),
        (&["--"], "required"),
        (&["--max-usd", "1", "--agent", "codex", "--", "true", "--oss"], "--max-usd needs the proxy"),
    ];
    for (args, what) in cases {
        let output = aifinops(dir.path(), args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains(what), "{}", err(&output));
    }
}
