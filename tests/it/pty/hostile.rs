//! Every control character that there is, in every place where a log has text, reaches neither the screen nor a table as
//! itself (S1).

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use super::logs::now;
use super::terminal::Machine;

/// C0, DEL, C1 and what turns the direction of text.
fn controls() -> Vec<char> {
    let ranges = ['\0'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}', '\u{200e}'..='\u{200f}'];
    ranges.into_iter().flatten().collect()
}

/// What terminals obey, begun by one or by two bytes.
const ORDERS: [&str; 12] = [
    "\u{1b}[2J",
    "\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;aGk=\u{7}",
    "\u{1b}P1$q\u{1b}\\",
    "\u{1b}_apc\u{1b}\\",
    "\u{1b}^pm\u{1b}\\",
    "\u{1b}c",
    "\u{9b}2J",
    "\u{9d}0;title\u{9c}",
    "\u{90}q\u{9c}",
    "\u{1b}[6n",
];

/// A text of place `tag`: each control and order stands before a mark, so that one that comes through is known by it.
fn poison(tag: &str, part: usize) -> String {
    let all: Vec<String> = controls().iter().map(char::to_string).chain(ORDERS.iter().map(ToString::to_string)).collect();
    let some = all.iter().enumerate().skip(part * 10).take(10);
    some.fold(tag.to_owned(), |text, (i, control)| text + control + &mark(tag, i))
}

fn mark(tag: &str, i: usize) -> String {
    format!("{tag}q{i}z")
}

/// How many texts take all of them.
const PARTS: usize = 10;
/// The places.
const TAGS: [&str; 10] = ["Cwd", "Bra", "Mod", "Too", "Ses", "Fil", "Ver", "Err", "Rol", "Raw"];

/// Every byte that was written holds no control before a mark.
fn is_innocent(what: &str, bytes: &[u8]) {
    let holds = |part: &[u8]| memchr::memmem::find(bytes, part).is_some();
    for tag in TAGS {
        for (i, control) in controls().into_iter().enumerate() {
            let mut utf8 = [0; 4];
            let mut found = vec![control.encode_utf8(&mut utf8).as_bytes().to_vec()];
            // The same as one byte, for terminals that are not of UTF-8.
            found.extend(u8::try_from(u32::from(control)).ok().map(|byte| vec![byte]));
            for control in found {
                assert!(!holds(&[&control, mark(tag, i).as_bytes()].concat()), "{what}: {control:?} of {tag} came through");
            }
        }
        for (i, order) in ORDERS.iter().enumerate() {
            assert!(!holds(format!("{order}{}", mark(tag, controls().len() + i)).as_bytes()), "{what}: {order:?} of {tag} came through");
        }
    }
}

/// Sessions whose every name is hostile, each with a share of what there is.
fn logs(machine: &Machine) -> Vec<String> {
    let mut ids = Vec::new();
    for part in 0..PARTS {
        let text = |tag: &str| poison(tag, part);
        let id = format!("aaaa1111-0000-4000-8000-{part:012}{}", text("Ses"));
        let common = |kind: &str, uuid: &str, message: serde_json::Value| {
            json!({"type": kind, "sessionId": id, "uuid": format!("{uuid}-{part}"), "requestId": uuid, "timestamp": now(), "cwd": format!("/code/{}", text("Cwd").replace(['/', '\0'], "")),
                "gitBranch": text("Bra"), "version": text("Ver"), "message": message})
            .to_string()
        };
        let call = json!({"id": format!("m{part}"), "role": "assistant", "model": text("Mod"), "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": format!("t{part}"), "name": text("Too"), "input": {}}],
            "usage": {"input_tokens": 1_000_000, "output_tokens": 5}});
        let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": format!("t{part}"), "is_error": true, "content": text("Err")}]});
        let lines = [
            common("user", "p", json!({"role": "user", "content": "do it"})),
            common("assistant", "a", call),
            common("user", "r", result),
            text("Raw"),
            String::from("{\"type\":") + &text("Raw"),
        ];
        // A file's name may hold anything but the slash and NUL; 255 bytes at most.
        let name: String = text("Fil").replace(['/', '\0'], "");
        let path = machine.path("home/.claude/projects/-code-x").join(format!("{name}.jsonl"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = lines.join("\n").into_bytes();
        bytes.push(b'\n');
        // Bytes that are no UTF-8 at all.
        bytes.extend(b"{\"type\":\"user\",\"cwd\":\"\x9b2JRawq0z\xff\"}\n");
        fs::write(path, bytes).unwrap();
        ids.push(id);
    }
    ids
}

#[test]
fn no_control_character_of_a_log_reaches_the_screen() {
    let machine = Machine::new();
    machine.write("config.toml", "assumed_price = \"input:1,output:1\"\n");
    logs(&machine);
    let mut top = machine.run(&["top"], 200, 60);
    top.shows(&["Mod", "Cwd", "Bra"]);
    for view in ["1", "2", "4", "5", "6", "7", "1"] {
        top.press(view);
        std::thread::sleep(std::time::Duration::from_millis(300));
        for key in ["j", "k", "\t", "s", "g", "?", "?"] {
            top.press(key);
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
    }
    top.press("/Mod");
    top.shows(&["filter Mod"]);
    top.press("\r");
    top.resize(80, 24);
    top.press("jj\rq");
    top.press("q");
    assert!(top.ended().success(), "{}", top.text());
    top.is_restored();
    let sent = top.bytes();
    assert!(memchr::memmem::find(&sent, b"Modq").is_some(), "the names themselves are shown");
    is_innocent("top", &sent);
}

#[test]
fn no_control_character_of_a_log_reaches_a_table_an_error_or_an_export() {
    let machine = Machine::new();
    machine.write("config.toml", "[caps.day]\nlimit = \"0.5\"\nper = \"day\"\n");
    let ids = logs(&machine);
    let id = ids[3].as_str();
    let commands: &[&[&str]] = &[
        &["sessions", "--all"],
        &["sessions", "--all", "--json"],
        &["session", id],
        &["session", id, "--json"],
        &["session", "no-such\u{1b}[2JSesq27z"],
        &["report", "daily", "--all"],
        &["report", "model", "--all"],
        &["report", "project", "--all"],
        &["report", "model", "--all", "--model", "\u{1b}[31mModq27z"],
        &["loops", "--all"],
        &["waste", "--all"],
        &["trends"],
        &["forecast"],
        &["top", "--once"],
        &["top", "--once", "--json"],
        &["doctor", "--files"],
        &["doctor", "--json"],
        &["cap"],
        &["cap", "log"],
        &["alerts", "list"],
        &["watch", "--once"],
        &["watch", "--once", "--json"],
        &["prices", "show", "\u{1b}[31mModq27z"],
        &["tag", id],
        &["export", "sessions", "--all", "--format", "csv"],
        &["export", "calls", "--all", "--format", "csv"],
        &["export", "tasks", "--all", "--format", "markdown"],
        &["export", "session", id],
        &["export", "focus", "--all"],
        &["config", "set", "theme", "\u{1b}[31mModq27z"],
        &["completions", "\u{1b}[31mModq27z"],
        &["\u{1b}[31mModq27z"],
    ];
    let mut named = 0;
    for args in commands {
        let output = machine.piped(args);
        let all = [output.stdout, output.stderr].concat();
        named += usize::from(TAGS.iter().any(|tag| memchr::memmem::find(&all, format!("{tag}q").as_bytes()).is_some()));
        is_innocent(&format!("{args:?}"), &all);
    }
    assert!(named > 20, "the names themselves are shown by {named}");
    // What an agent is told goes to a terminal, too.
    let question =
        json!({"session_id": id, "hook_event_name": "UserPromptSubmit", "cwd": poison("Cwd", 2), "transcript_path": poison("Fil", 2)})
            .to_string();
    for (args, stdin) in
        [(&["hook", "claude-code"][..], question.as_str()), (&["statusline"], &question.replace("hook_event_name", "model"))]
    {
        let mut child = machine.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        is_innocent(&format!("{args:?}"), &[output.stdout, output.stderr].concat());
    }
}

/// A million lines of chance: whatever is shown of them is harmless.
#[test]
fn a_million_lines_of_chance_hold_nothing_that_is_shown() {
    use aifinops::model::text::{clean, is_hostile, shown};

    let mut rng = crate::logs::Rng(20_260_326);
    let pool: Vec<char> = controls().into_iter().chain("ab c[]0;m漢é🦀👩\u{200d}".chars()).collect();
    for _ in 0..1_000_000 {
        let text: String = (0..rng.below(12)).map(|_| pool[rng.below(pool.len())]).collect();
        assert!(!clean(&text).chars().any(is_hostile) && !shown(&text).chars().any(is_hostile), "{text:?}");
    }
}
