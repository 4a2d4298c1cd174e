//! Rules in the configuration, `tag`, and where both are seen: in `session`, in filters, in the configuration's own words.

use std::fs;

use super::{CODEX, FORK, MAIN, Machine, OTHER, call, codex, holds};

const RULES: &str = r#"
[[attribution]]
branch = '(?P<ticket>[A-Z]+-\d+)'
set = { feature = "${ticket}" }

[[attribution]]
project = "shop"
set = { team = "payments", customer = "acme" }

[[attribution]]
remote = "github.com/acme/*"
agent = "codex"
set = { team = "web", feature = "site" }
"#;

#[test]
fn rules_say_what_sessions_were_for() {
    let machine = Machine::new(RULES);
    assert_eq!(machine.labels(MAIN), "team=payments feature=PAY-7 customer=acme");
    assert_eq!(machine.labels(CODEX), "team=web feature=site");
    assert_eq!(machine.labels(OTHER), "");
    assert!(machine.ok(&["session", MAIN]).contains("for        team payments · feature PAY-7 · customer acme\n"));
    let all = machine.json(&["sessions", "--all"])["sessions"].clone();
    let one = all.as_array().unwrap().iter().find(|session| session["id"] == CODEX).unwrap();
    assert_eq!(one["dimensions"].to_string(), r#"{"customer":null,"environment":null,"experiment":null,"feature":"site","team":"web"}"#);
    assert_eq!(one["remote"], "github.com/acme/web");
}

#[test]
fn the_password_in_a_remote_is_stored_nowhere() {
    let machine = Machine::new(RULES);
    assert!(machine.ok(&["session", CODEX]).contains("remote     github.com/acme/web\n"));
    assert!(holds(&machine.path("data"), "github.com/acme/web"));
    assert!(!holds(&machine.path("data"), "hunter2"));
    let hostile = Machine::new(RULES);
    hostile.write(
        &format!("home/.codex/sessions/2026/11/02/rollout-2026-11-02T12-00-00-{CODEX}.jsonl"),
        &codex(Some(r"git@github.com:acme/\u001b[31mred.git")),
    );
    assert_eq!(hostile.json(&["session", CODEX])["remote"], "github.com/acme/\u{fffd}[31mred");
}

#[test]
fn a_tag_goes_before_every_rule_and_its_removal_lets_rules_decide_again() {
    let machine = Machine::new(RULES);
    let told = machine.json(&["tag", MAIN, "feature=checkout", "experiment=router"]);
    assert_eq!(told["tags"].to_string(), r#"{"customer":null,"environment":null,"experiment":"router","feature":"checkout","team":null}"#);
    assert_eq!(told["why"][0].to_string(), r#"{"dimension":"team","from":"rule","value":"payments"}"#);
    assert_eq!(told["why"][1].to_string(), r#"{"dimension":"feature","from":"tag","value":"checkout"}"#);
    assert_eq!(machine.labels(MAIN), "team=payments feature=checkout customer=acme experiment=router");
    assert_eq!(machine.json(&["tag", "--list"])["tags"].as_array().unwrap().len(), 2);
    machine.ok(&["tag", &MAIN[..8], "feature=", "experiment="]);
    assert_eq!(machine.labels(MAIN), "team=payments feature=PAY-7 customer=acme");
    assert_eq!(machine.json(&["tag", "--list"])["tags"].to_string(), "[]");
    machine.ok(&["tag", MAIN, "feature=none"]);
    assert_eq!(machine.labels(MAIN), "team=payments customer=acme", "for no feature, whatever the rule says");
}

#[test]
fn tags_outlive_the_store() {
    let machine = Machine::new("");
    machine.ok(&["tag", OTHER, "team=docs"]);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(machine.path(&format!("data/aifinops.db{suffix}")));
    }
    assert_eq!(machine.labels(OTHER), "team=docs");
}

#[test]
fn subagents_follow_their_session_and_forks_do_unless_they_have_their_own() {
    let machine = Machine::new(RULES);
    let sub = format!("{MAIN}/a7");
    // Its own branch names another ticket; it is a part of its session's work all the same.
    assert_eq!(machine.labels(&sub), "team=payments feature=PAY-7 customer=acme");
    machine.ok(&["tag", MAIN, "feature=checkout"]);
    assert_eq!(machine.labels(&sub), "team=payments feature=checkout customer=acme");
    let why = machine.json(&["tag", &sub])["why"].clone();
    assert!(why.as_array().unwrap().iter().all(|one| one["from"] == "parent"), "{why}");
    machine.ok(&["tag", &sub, "feature=search"]);
    assert_eq!(machine.labels(&sub), "team=payments feature=search customer=acme");
    assert_eq!(machine.labels(MAIN), "team=payments feature=checkout customer=acme");
}

#[test]
fn a_fork_of_codex_has_its_parents_labels_where_no_rule_has_others() {
    let machine = Machine::new("[[attribution]]\nproject = \"forked\"\nset = { team = \"own\" }\n");
    let fork = FORK.replacen("aaaa2222", "019e0000", 1);
    let lines: Vec<String> = codex(None)
        .into_iter()
        .map(|line| {
            line.replace(CODEX, &fork)
                .replace("\"cwd\":\"/code/web\"", "\"cwd\":\"/code/forked\"")
                .replace("\"source\":\"cli\"", &format!("\"source\":\"cli\",\"forked_from_id\":\"{CODEX}\""))
        })
        .collect();
    machine.write(&format!("home/.codex/sessions/2026/11/02/rollout-2026-11-02T13-00-00-{fork}.jsonl"), &lines);
    machine.ok(&["tag", CODEX, "team=web", "customer=acme"]);
    assert_eq!(machine.labels(&fork), "team=own customer=acme");
}

#[test]
fn a_filter_finds_sessions_by_what_they_were_for() {
    let machine = Machine::new(RULES);
    let ids = |args: &[&str]| {
        let found = machine.json(args)["sessions"].clone();
        let mut ids: Vec<String> = found.as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let sub = format!("{MAIN}/a7");
    assert_eq!(ids(&["sessions", "--all", "feature:pay-7"]), [MAIN, sub.as_str()]);
    assert_eq!(ids(&["sessions", "--all", "team:web"]), [CODEX]);
    assert_eq!(ids(&["sessions", "--all", "team:none"]), [OTHER]);
    assert_eq!(ids(&["sessions", "--all", "acme"]), [MAIN, sub.as_str()], "a word alone looks there too");
    assert_eq!(ids(&["top", "--once", "--all", "customer:acme", "agent:claude"]), [MAIN, sub.as_str()]);
    let report = machine.json(&["report", "agents", "--all", "team:web"]);
    assert_eq!(report["total"]["cost"]["usd"], 1);
}

#[test]
fn what_a_variable_says_is_known_of_sessions_whose_guard_has_seen_it() {
    let machine = Machine::new(
        "[[attribution]]\nenv = \"CUSTOMER=acme-*\"\nset = { customer = \"${env:CUSTOMER}\", environment = \"${env:DEPLOY}\" }\n",
    );
    assert_eq!(machine.labels(CODEX), "");
    assert_eq!(machine.ask("codex", CODEX, "/code/web", &[("CUSTOMER", "acme-eu"), ("SECRET", "hunter3")]), "");
    assert_eq!(machine.labels(CODEX), "customer=acme-eu");
    machine.ask("codex", CODEX, "/code/web", &[("CUSTOMER", "acme-us"), ("DEPLOY", "staging\u{1b}[2J")]);
    assert_eq!(machine.labels(CODEX), "customer=acme-us environment=staging\u{fffd}[2J");
    assert!(!holds(&machine.path("data"), "hunter3"), "what no rule asks for is not kept");
    let without = Machine::new("");
    without.ask("codex", CODEX, "/code/web", &[("CUSTOMER", "acme-eu")]);
    assert!(!without.path("data/ledger.db").exists(), "a hook without rules and caps opens nothing");
}

#[test]
fn a_broken_rule_is_told_by_its_line_and_costs_only_itself() {
    let machine = Machine::new(
        r#"
[[attribution]]
branch = '('
set = { feature = "$1" }

[[attribution]]
project = "shop"
set = { team = "payments", feature = "$1" }

[[attribution]]
project = "shop"
sett = { team = "x" }

[[attribution]]
project = "shop"
set = { teem = "x" }

[[attribution]]
set = { customer = "house" }
"#,
    );
    let output = machine.run(&["session", MAIN]);
    let told = String::from_utf8(output.stderr).unwrap();
    for (line, key, why) in [
        (3, "attribution.1.branch", "`(` is no regular expression: unclosed group"),
        (8, "attribution.2.set.feature", "asks for `$1`, and the rule has no `branch`"),
        (12, "attribution.3.sett", "did you mean `set`?"),
        (16, "attribution.4.set.teem", "did you mean `team`?"),
    ] {
        assert!(told.lines().any(|one| one.contains(&format!("config.toml:{line}: {key}: ")) && one.contains(why)), "{line} {key}: {told}");
    }
    assert!(String::from_utf8(output.stdout).unwrap().contains("for        customer house\n"));
}

#[test]
fn of_a_rule_that_lost_a_line_nothing_is_left() {
    // Without its branch the first rule would match everything.
    let machine = Machine::new(
        "[[attribution]]\nproject = \"*\"\nbranch = 'never\nset = { team = \"wrong\" }\n\n[[attribution]]\nset = { team = \"all\" }\n",
    );
    let output = machine.run(&["session", MAIN]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("config.toml:3: attribution.branch: is not TOML"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("for        team all\n"));
}

#[test]
fn what_cannot_be_a_tag_is_refused_and_changes_nothing() {
    let machine = Machine::new("");
    for (args, why) in [
        (&["tag", MAIN, "feature=a", "sprint=3"][..], "`sprint` is no dimension"),
        (&["tag", MAIN, "feature"], "has no `=`"),
        (&["tag", MAIN, "feature=a\u{1b}[2Jb"], "control character"),
        (&["tag", "nothing-of-this-name", "feature=a"], "nothing-of-this-name"),
        (&["tag", "--list", MAIN], "cannot be used with"),
        (&["tag"], "required"),
    ] {
        let output = machine.run(args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(why), "{args:?}: {told}");
    }
    assert_eq!(machine.json(&["tag", "--list"])["tags"].to_string(), "[]");
}

#[test]
fn a_log_that_comes_later_is_attributed_as_well() {
    let machine = Machine::new(RULES);
    machine.ok(&["sessions"]);
    machine.write(&format!("home/.claude/projects/-code-shop/{FORK}.jsonl"), &[call(FORK, "m9", 9, "shop", "fix/PAY-8")]);
    assert_eq!(machine.labels(FORK), "team=payments feature=PAY-8 customer=acme");
}
