//! `gateway add`, `status` and `remove`: what is found out, where the key comes from, and that a slip leaves nothing behind.

use std::fs;

use serde_json::json;

use super::Machine;
use super::ledger::{ADMIN, ALICE, Ledger, MASTER, VIEWER, WORDS};
use super::server::{Asked, Mood, Server};

#[test]
fn a_gateway_is_found_out_and_told_in_plain_words() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let url = server.url();
    let out = machine.ok(&["gateway", "add", "team", &url, "--token-env", "VIEWER"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("team is LiteLLM 1.106.2 at {url}; the key comes from the variable VIEWER"));
    assert_eq!(lines[1], "the key belongs to Monitor (proxy_admin_viewer)");
    assert_eq!(lines[2], "- this key sees the spend, budgets and calls of everybody (proxy_admin_viewer)");
    assert!(lines[3].starts_with("- `aifinops gateway cap set` needs a key of a proxy_admin"), "{out}");
    assert!(out.contains("proven against the real server") && out.contains("next: `aifinops team`"), "{out}");
    assert_eq!(machine.config().unwrap().trim(), format!("[gateways.team]\nurl = \"{url}\"\nkind = \"litellm\"\ntoken_env = \"VIEWER\""));

    // What is there is asked without the key; nothing is asked twice, and no call is read before somebody wants it.
    let asked = server.news();
    let places = [
        "/health/liveliness",
        "/key/info",
        "/v2/user/info",
        "/user/daily/activity/aggregated",
        "/tag/daily/activity/aggregated",
        "/key/list",
        "/user/list",
        "/team/list",
        "/customer/list",
        "/tag/list",
        "/public/model_hub/info",
    ];
    assert_eq!(asked.iter().map(Asked::place).collect::<Vec<_>>(), places);
    assert!(!asked[0].head.contains("sk-"), "{}", asked[0].head);
    assert!(asked.iter().skip(1).all(|asked| asked.key.as_deref() == Some(VIEWER)));
    assert!(asked.iter().all(|asked| asked.method == "GET" && !asked.path.contains("sk-")));
}

#[test]
fn each_key_is_told_what_it_is_good_for() {
    let table = [
        ("ALICE", "Alice (internal_user)", "- this key sees your own spend, budget and calls, and the budgets of your teams"),
        ("ALICE", "Alice (internal_user)", "- to see everybody's, a key of a user with the role proxy_admin_viewer does"),
        ("ADMIN", "Chief (proxy_admin)", "- `aifinops gateway cap set` can set budgets with this key"),
        ("ADMIN", "Chief (proxy_admin)", "- for looking on, fewer rights do"),
        ("MASTER", "nobody in particular (master key)", "- this is the master key: it sees and may change everything"),
    ];
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    for (variable, owner, advice) in table {
        let out = machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", variable]);
        assert!(out.contains(&format!("\nthe key belongs to {owner}\n")) && out.contains(&format!("\n{advice}")), "{out}");
    }
    let keys: Vec<String> = server.news().into_iter().filter_map(|asked| asked.key).collect();
    assert!([ALICE, ADMIN, MASTER].iter().all(|key| keys.iter().any(|sent| sent == key)));
}

#[test]
fn a_script_gets_the_same_as_one_object() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    server.change(|ledger| ledger.denied = vec!["/customer/list", "/tag/daily/activity/aggregated", "/tag/daily/activity"]);
    let told = machine.json(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER", "--user", "alice"]);
    assert_eq!((&told["name"], &told["url"], &told["kind"]), (&json!("team"), &json!(server.url()), &json!("litellm")));
    assert_eq!((&told["version"], &told["key_from"]), (&json!("1.106.2"), &json!("the variable VIEWER")));
    let me = json!({
        "user": "monitor", "name": "Monitor", "key_alias": "watching", "role": "proxy_admin_viewer", "sees_all": true,
        "may_write": false, "may_spend": false,
    });
    assert_eq!(told["me"], me);
    assert_eq!(told["cannot"], json!(["spend by tag", "budgets of customers"]));
    assert!(machine.config().unwrap().contains("user = \"alice\""));
    // What a key does not see is said to people as well.
    let out = machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    assert!(out.contains("\n- not to be seen with this key: budgets of customers\n"), "{out}");
}

#[test]
fn what_is_said_to_be_there_is_not_looked_for() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER", "--kind", "litellm", "--every", "60"]);
    assert_eq!(server.news()[0].place(), "/key/info");
    assert!(machine.config().unwrap().contains("every = \"60\"") || machine.config().unwrap().contains("every = 60"));
}

#[test]
fn an_older_release_is_asked_in_its_own_way() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    server.change(|ledger| ledger.is_old = true);
    let out = machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    assert!(out.contains("\nthe key belongs to Monitor (proxy_admin_viewer)\n") && !out.contains("not to be seen"), "{out}");
    let places: Vec<String> = server.news().iter().map(|asked| asked.place().to_owned()).collect();
    for place in ["/user/info", "/user/daily/activity", "/tag/daily/activity"] {
        assert!(places.iter().any(|asked| asked == place), "{place}: {places:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_key_comes_from_a_variable_a_command_or_a_file() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let file = machine.key_file("key", &format!("  {ALICE}\nwhat follows is no part of it\n"), 0o600);
    let command = format!("cat '{file}'; echo ignored; echo hidden >&2");
    let table: [([&str; 2], String, &str); 3] = [
        (["--token-env", "ALICE"], "the variable ALICE".to_owned(), "token_env"),
        (["--token-command", &command], "token_command".to_owned(), "token_command"),
        (["--token-file", &file], format!("the file {file}"), "token_file"),
    ];
    for ([flag, value], words, key) in table {
        let told = machine.json(&["gateway", "add", "team", &server.url(), flag, value]);
        assert_eq!(told["key_from"], json!(words));
        let config = machine.config().unwrap();
        assert!(config.contains(&format!("\n{key} = ")) && config.matches("token_").count() == config.matches(key).count(), "{config}");
        assert!(server.news().iter().skip(1).all(|asked| asked.key.as_deref() == Some(ALICE)), "{flag}");
        // It is looked up again each time.
        machine.ok(&["gateway", "sync"]);
        assert!(server.news().iter().all(|asked| asked.key.as_deref() == Some(ALICE)), "{flag}");
    }
}

#[cfg(unix)]
#[test]
fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let file = machine.key_file("key", ALICE, 0o600);
    let begun = std::time::Instant::now();
    machine.ok(&["gateway", "add", "team", &server.url(), "--token-command", &format!("sleep 15 & cat '{file}'; echo; seq 40000")]);
    assert!(begun.elapsed().as_secs() < 12, "{:?}", begun.elapsed());
    assert!(server.news().iter().skip(1).all(|asked| asked.key.as_deref() == Some(ALICE)));
}

/// Nothing was sent with a key, nothing is remembered.
fn nothing_happened(server: &Server, machine: &Machine, what: &str) {
    assert!(server.news().iter().all(|asked| asked.key.is_none() && !asked.head.contains("sk-")), "{what}");
    assert_eq!(machine.config(), None, "{what}");
    assert_eq!(machine.kept(), Vec::<String>::new(), "{what}");
    assert_eq!(machine.json(&["gateway", "status"]), json!({"gateways": []}), "{what}");
}

#[cfg(unix)]
#[test]
fn a_key_that_cannot_be_had_is_an_error_and_nothing_is_remembered() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let file = |name: &str, text: &str, mode: u32| machine.key_file(name, text, mode);
    let (open, group) = (file("open", ALICE, 0o644), file("group", ALICE, 0o640));
    let (empty, odd) = (file("empty", "\n\n", 0o600), file("odd", &format!("Bearer {ALICE}"), 0o600));
    let missing = format!("{empty}-is-not-there");
    let failing = format!("cat '{open}' >&2; exit 3");
    let table: [(&str, &str, &str); 9] = [
        ("--token-file", &open, "can be read by others; `chmod 600` it"),
        ("--token-file", &group, "can be read by others; `chmod 600` it"),
        ("--token-file", &missing, "cannot be read: No such file or directory"),
        ("--token-file", "/", "it is no file"),
        ("--token-file", &empty, "the key is empty"),
        ("--token-file", &odd, "the key has blanks or characters in it that no key has"),
        ("--token-command", &failing, "token_command gave no key: it ended with exit status: 3"),
        ("--token-command", "true", "the key is empty"),
        ("--token-env", "NOBODY", "the variable NOBODY is not set"),
    ];
    for (flag, value, why) in table {
        let run = machine.run(&["gateway", "add", "team", &server.url(), flag, value]);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{flag} {value}");
        assert!(run.err.contains(why) && run.err.contains("\n hint: ") && !run.err.contains("sk-"), "{flag} {value}: {}", run.err);
        nothing_happened(&server, &machine, value);
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn where_there_is_no_keyring_that_is_said() {
    use std::io::Write as _;
    use std::process::Stdio;

    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let mut add = machine.command(&["gateway", "add", "team", &server.url(), "--keyring"]);
    let mut child = add.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{ALICE}\n").as_bytes()).unwrap();
    let run = super::Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("the keyring gave no key: there is none to speak with") && run.err.contains("\n hint: "), "{}", run.err);
    assert!(!run.err.contains("sk-"), "{}", run.err);
    nothing_happened(&server, &machine, "--keyring");
}

#[test]
fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let url = server.url();
    let with_password = url.replace("http://", "http://somebody:pass-word@");
    let with_key = format!("{url}/?key=pass-word");
    let env = ["--token-env", "VIEWER"];
    let table: [(&str, &[&str], &str); 12] = [
        ("http://gateway.example.com", &env, "is http:// and not to this machine"),
        ("http://127.0.0.1.example.com", &env, "is http:// and not to this machine"),
        ("https://somebody:pass-word@gateway.example.com", &env, "has a user name, a password or a query in it"),
        (&with_password, &env, "has a user name, a password or a query in it"),
        (&with_key, &env, "has a user name, a password or a query in it"),
        ("ftp://gateway.example.com", &env, "is no address"),
        ("gateway.example.com", &env, "is no address"),
        (&url, &[], "where is the key? Not on the command line"),
        (&url, &["--token-env", ALICE], "takes the name of a variable, in capital letters, and not a key"),
        (&url, &["--token-env", "VIEWER", "--token-file", "x"], "cannot be used with"),
        (&url, &["--token-env", "VIEWER", "--kind", "abacus"], "invalid value 'abacus'"),
        (&url, &["--token-env", "VIEWER", "--every", "1"], "invalid value '1'"),
    ];
    for (address, more, why) in table {
        let run = machine.run(&[&["gateway", "add", "team", address], more].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{address} {more:?}");
        assert!(run.err.contains(why), "{address} {more:?}: {}", run.err);
        assert!(!run.err.contains("pass-word") && !run.err.contains("sk-"), "{}", run.err);
        let run = machine.run(&[&["gateway", "add", "team", address], more, &["--json"]].concat());
        assert_eq!((run.code, &run.error()["code"]), (2, &json!("usage")), "{address} {more:?}");
        assert!(!run.err.contains("pass-word") && !run.err.contains("sk-"), "{}", run.err);
    }
    assert!(server.news().is_empty() && machine.config().is_none() && !machine.path("data").exists());
}

#[test]
fn a_key_that_could_be_the_name_of_a_variable_is_not_repeated_either() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    for key in ["key_4f1c9a7be2d05836aa91c3e87d42b6f05519ce73d8a04b6e", "4f1c9a7be2d05836aa91c3e87d42b6f05519ce73d8a04b6e"] {
        let run = machine.run(&["gateway", "add", "team", &server.url(), "--token-env", key]);
        assert!(run.code != 0 && !run.all().contains(key), "{}", run.all());
        let data = fs::read_dir(machine.path("data")).into_iter().flatten();
        for file in data.map(|entry| entry.unwrap().path()) {
            let bytes = fs::read(&file).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(key), "{}", file.display());
        }
        nothing_happened(&server, &machine, key);
    }
}

#[test]
fn a_bad_name_is_refused_before_the_key_is_sent() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    for name in ["two words", "", "a\u{1b}[31mb", "policy.team", &"long".repeat(11)] {
        let run = machine.run(&["gateway", "add", name, &server.url(), "--token-env", "VIEWER"]);
        assert!(run.code != 0 && run.out.is_empty(), "{name:?}: {}", run.all());
        assert!(run.err.starts_with("error: ") && !run.err.contains('\u{1b}'), "{name:?}: {:?}", run.err);
        nothing_happened(&server, &machine, name);
    }
}

#[test]
fn nothing_is_written_where_the_key_is_refused() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    let url = server.url();
    let add = ["gateway", "add", "team", &url, "--token-env", "VIEWER", "--kind", "litellm"];
    for (status, why, hint) in [
        (401, "the gateway does not accept the key (401): Not today.", "check the key: it may be of another gateway"),
        (403, "the key may not do this (403): Not today.", "this needs a key with more rights"),
    ] {
        server.be(Mood::Says(status, WORDS));
        let run = machine.run(&add);
        assert_eq!((run.code, run.out.as_str()), (1, ""));
        assert!(run.err.contains(why) && run.err.contains(hint) && !run.err.contains("sk-"), "{}", run.err);
        assert_eq!((machine.config(), machine.kept()), (None, Vec::new()));
    }
    // A gateway that is known already stays as it was.
    server.be(Mood::Usual);
    machine.ok(&add);
    let (config, known) = (machine.config(), machine.json(&["team"])["rows"].clone());
    server.be(Mood::Says(401, WORDS));
    assert_eq!(machine.run(&["gateway", "add", "team", &url, "--token-env", "ALICE"]).code, 1);
    server.be(Mood::Usual);
    assert_eq!((machine.config(), machine.json(&["team"])["rows"].clone()), (config, known));
}

#[test]
fn something_else_at_the_address_is_no_gateway() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    server.be(Mood::Page);
    let run = machine.run(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(
        run.err.contains("answers, and not like any gateway that is known") && run.err.contains("`--kind` says what it is"),
        "{}",
        run.err
    );
    nothing_happened(&server, &machine, "a web page");
}

#[test]
fn a_name_can_be_given_to_another_gateway() {
    let (first, second, machine) = (Server::new(Ledger::new()), Server::new(Ledger::new()), Machine::new());
    second.change(|ledger| ledger.users[0]["user_alias"] = json!("Another Alice"));
    for server in [&first, &second] {
        machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    }
    let team = machine.json(&["team"]);
    let names: Vec<&str> = team["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(team["gateway"]["url"], json!(second.url()));
    assert!(names.contains(&"Another Alice") && !names.contains(&"Alice"), "{names:?}");
    let config = machine.config().unwrap();
    assert!(config.matches("url = ").count() == 1 && config.contains(&second.url()), "{config}");
}

#[test]
fn status_says_how_gateways_stand() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    assert_eq!(machine.json(&["gateway", "status"]), json!({"gateways": []}));
    let said = machine.run(&["gateway", "status"]).all();
    assert!(said.contains("here is no gateway") && said.contains("`aifinops gateway add NAME URL --token-env VARIABLE`"), "{said}");

    machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    server.news();
    let status = machine.json(&["gateway", "status", "team"])["gateways"][0].clone();
    for (name, value) in [
        ("name", json!("team")),
        ("kind", json!("litellm")),
        ("version", json!("1.106.2")),
        ("url", json!(server.url())),
        ("key_from", json!("the variable VIEWER")),
        ("state", json!("ok")),
        ("problem", json!(null)),
        ("next_at", json!(null)),
        ("cannot", json!([])),
    ] {
        assert_eq!(status[name], value, "{name}");
    }
    assert!(status["as_of"].is_string() && status["as_of"] == status["tried_at"]);
    let out = machine.ok(&["gateway", "status"]);
    let row = out.lines().nth(1).unwrap();
    assert!(row.starts_with("team") && row.contains("LiteLLM 1.106.2") && row.contains("Monitor") && row.ends_with("ok"), "{out}");

    // Nobody is asked for it, and an unknown name is one.
    assert!(server.news().is_empty());
    let run = machine.run(&["gateway", "status", "nobody", "--json"]);
    assert_eq!((run.code, &run.error()["code"], &run.error()["hint"]), (3, &json!("no_gateway"), &json!("there are: team")));
}

#[test]
fn remove_forgets_everything_and_leaves_the_rest() {
    let (server, machine) = (Server::new(Ledger::new()), Machine::new());
    fs::write(machine.path("config.toml"), "# mine\ntheme = \"nord\"\n").unwrap();
    for name in ["team", "other"] {
        machine.ok(&["gateway", "add", name, &server.url(), "--token-env", "VIEWER"]);
    }
    server.news();
    assert_eq!(machine.run(&["gateway", "remove", "nobody"]).code, 3);
    let run = machine.run(&["team"]);
    assert!(run.code == 2 && run.err.contains("there are 2 gateways: ") && run.err.contains("--gateway NAME"), "{}", run.err);

    assert!(machine.ok(&["gateway", "remove", "team"]).starts_with("team is forgotten"));
    assert_eq!(machine.kept(), ["other"]);
    assert_eq!(machine.json(&["gateway", "remove", "other"]), json!({"removed": "other"}));
    assert_eq!((machine.kept(), machine.config().unwrap().trim()), (Vec::new(), "# mine\ntheme = \"nord\""));
    assert_eq!(machine.json(&["gateway", "status"]), json!({"gateways": []}));
    let run = machine.run(&["team", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("no_gateway")));
    assert!(server.news().is_empty(), "at the gateway nothing changes");
}
