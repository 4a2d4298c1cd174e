//! One moment of the screen as text: its columns, its groups, its words.

use super::{FIRST, Machine, Run, SECOND, answer, prompt};

fn agent_log(machine: &Machine) {
    let line = |text: String| text.replacen('{', r#"{"isSidechain":true,"agentId":"a1b2c3d4","#, 1);
    let dir = format!("home/.claude/projects/-work-api/{FIRST}/subagents");
    let lines = [
        line(prompt(FIRST, "p7", "2026-11-01T10:00:06.000Z", "/code/api")),
        line(answer(FIRST, "m7", "2026-11-01T10:00:07.000Z", "/code/api", "house", r#"{"type":"text","text":"hi"}"#)),
    ];
    machine.write(&format!("{dir}/agent-a1b2c3d4.jsonl"), &lines.join("\n"));
    machine.write(&format!("{dir}/agent-a1b2c3d4.meta.json"), r#"{"agentType":"Explore"}"#);
}

#[test]
fn columns_and_groups_are_those_of_the_settings() {
    let machine = Machine::new();
    agent_log(&machine);
    let run = machine.run(&["top", "--once", "--all", "--columns", "agent,project,today", "--group", "agent"]);
    let lines: Vec<&str> = run.out.lines().map(str::trim_end).collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines[1]), ["AGENT", "PROJECT", "ALL", "ID"]);
    assert!(lines[2].contains("claude-code · 3 sessions") && lines[2].ends_with("≥0.03"), "{}", run.out);
    let below = lines.iter().find(|line| line.starts_with("└ subagent")).unwrap();
    assert!(below.contains("…Explore"), "{}", run.out);
    assert!(lines.iter().any(|line| line.contains("codex · 1 session ")), "{}", run.out);
    assert!(lines.last().unwrap().trim_start().starts_with("total"), "{}", run.out);
    let set = |name: &str, value: &str| Run::of(machine.command(&["top", "--once", "--all"]).env(name, value).output().unwrap());
    assert!(set("AIFINOPS_GROUP", "project").out.contains("web · 1 session"));
    assert!(set("AIFINOPS_COLUMNS", "age,steps").out.contains("LAST  STEPS  ID"));
    assert!(set("AIFINOPS_GROUP", "projct").err.contains("AIFINOPS_GROUP: group: `projct` is none of them"));
    for args in [["--group", "projct"], ["--columns", "colour"], ["--range", "week"]] {
        let run = machine.run(&[&["top", "--once", "--json"], &args[..]].concat());
        assert_eq!((run.code, run.error()["code"].as_str()), (2, Some("usage")), "{args:?}");
    }
}

#[test]
fn hints_name_flags_that_there_are_and_were_not_given() {
    let machine = Machine::new();
    for command in [&["top", "--once"][..], &["sessions"]] {
        let empty = machine.run(&[command, &["agent:nobody"]].concat());
        assert!(empty.out.contains("--all looks at all time"), "{}", empty.out);
        let all = machine.run(&[command, &["--all", "agent:nobody"]].concat());
        assert_eq!(all.code, 0, "{}", all.err);
        assert!(all.out.contains("(all time). The filter may be too narrow.") && !all.out.contains("--all"), "{}", all.out);
    }
    assert_eq!(machine.run(&["top", "--once", "--all", "--range", "7d"]).code, 2);
}

#[test]
fn subagents_are_called_so() {
    let machine = Machine::new();
    agent_log(&machine);
    for args in [&["sessions", "--all"][..], &["session", FIRST]] {
        let out = machine.run(args).out;
        let line = out.lines().find(|line| line.contains("subagent")).unwrap_or_else(|| panic!("{out}"));
        assert!(line.contains("└ subagent") && line.contains("…Explore") && !line.contains("claude-code"), "{line}");
    }
    let out = machine.run(&["session", SECOND]).out;
    assert!(out.contains("1 task · 1 step (longest loop 1) · 0 tool calls, 0 failed · 0 retries · 0 compactions"), "{out}");
}

#[test]
fn help_and_completions_know_the_words() {
    let machine = Machine::empty();
    let help = machine.run(&["help", "report"]);
    assert!(help.code == 0 && help.out.contains("Usage: aifinops report"), "{}", help.out);
    assert!(machine.run(&["help"]).out.contains("Usage: aifinops"));
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(&["completions", shell]).out;
        assert!(!script.contains("build-book"), "{shell}");
        for word in ["catppuccin-latte", "claude-code", "30d", "project", "started"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let run = machine.run(&["sessions", "--agent", "codexx"]);
    assert!(run.code == 2 && run.err.contains("a similar value exists: 'codex'"), "{}", run.err);
    assert_eq!(machine.run(&["sessions", "--agent", "Claude"]).code, 0, "a part of a name is enough");
}
