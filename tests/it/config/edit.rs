//! `config set` and `config unset`: one value changes and nothing else.

use std::fs;

use super::{Machine, ok};
use aifinops::config::{ConfigError, default_text, describe, keep, set, unset};

/// The file after one edit that must work.
fn after(text: &str, key: &str, value: &str) -> String {
    let machine = Machine::with_file(text);
    set(&machine.file(), key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
    machine.settings();
    ok(fs::read_to_string(machine.file()))
}

/// The file after one removal that must work.
fn without(text: &str, key: &str) -> String {
    let machine = Machine::with_file(text);
    unset(&machine.file(), key).unwrap_or_else(|error| panic!("{key}: {error}"));
    ok(fs::read_to_string(machine.file()))
}

/// Why an edit is refused, after making sure that the file is untouched.
fn refused(text: &str, key: &str, value: &str) -> ConfigError {
    let machine = Machine::with_file(text);
    let Err(error) = set(&machine.file(), key, value) else { panic!("{key}: {value} was taken") };
    assert_eq!(ok(fs::read_to_string(machine.file())), text);
    error
}

#[test]
fn a_new_value_keeps_comments_order_and_layout() {
    let text = "# mine\nrange = '7d'\n\n# nice colours\ntheme   = 'nord' # since spring\n\n[keys]\nquit = 'q'\n";
    assert_eq!(after(text, "theme", "light"), text.replace("'nord'", "\"light\""));
    assert_eq!(after(text, "keys.help", "?,F1"), format!("{text}help = [\"?\", \"F1\"]\n"));
}

#[test]
fn a_key_of_the_default_file_is_uncommented_where_it_stands() {
    let text = default_text();
    assert_eq!(after(&text, "theme", "nord"), text.replace("\n#theme = \"dark\"\n", "\ntheme = \"nord\"\n"));
    assert_eq!(after(&text, "columns", "agent,age"), {
        let line = text.lines().find(|line| line.starts_with("#columns")).unwrap();
        text.replace(line, "columns = [\"agent\", \"age\"]")
    });
}

#[test]
fn a_new_table_comes_last_so_that_no_commented_key_falls_into_it() {
    let text = default_text();
    let edited = after(&text, "currency", "EUR:0.92");
    assert_eq!(edited, format!("{text}\n[currency]\ncode = \"EUR\"\nrate = \"0.92\"\n"));
    assert!(after(&edited, "prices.gpt-4.1.input", "3").ends_with("rate = \"0.92\"\n\n[prices.\"gpt-4.1\"]\ninput = \"3\"\n"));
}

/// A value for every key, and for parts of those that have parts.
const VALUES: &[(&str, &str)] = &[
    ("data_dir", "/data"),
    ("timezone", "UTC"),
    ("theme", "mono"),
    ("range", "all"),
    ("sort", "-age"),
    ("group", "agent"),
    ("columns", "['age', \"agent\"]"),
    ("mouse", "false"),
    ("open_with", "bat --paging always"),
    ("threads", "3"),
    ("week_start", "sunday"),
    ("on_failure", "closed"),
    ("attribution", "[{ project = 'web', branch = '(a+)', set = { team = 'x', feature = '$1' } }]"),
    ("currency", "GBP:0.8:£"),
    ("currency.symbol", "GBP "),
    ("assumed_price", "input:1,output:2"),
    ("caps.day", "limit:20,per:day"),
    ("caps.loops", "limit:60 steps,per:task,agent:codex,action:stop"),
    ("caps.loops.notify", "[80, 100]"),
    ("experiments.router", "budget:200,owner:ana,ends:2026-12-31"),
    ("experiments.router.action", "block"),
    ("gateways.team", "url:https://gateway.example.com,kind:litellm,token_env:LITELLM_KEY"),
    ("gateways.team.user", "ana"),
    ("gateways.team.every", "60"),
    ("alerts.ways", "terminal,webhook"),
    ("alerts.webhook", "https://hooks.example.com/T0/secret"),
    ("alerts.quiet", "22:00-07:00"),
    ("alerts.session_over", "7.50"),
    ("lookout.same_call", "8"),
    ("lookout.burn", "off"),
    ("lookout.drift", "10"),
    ("lookout.mute", "scratch*,same_call@api"),
    ("gpu.idle", "30"),
    ("gpu.kwh", "0.15"),
    ("gpu_prices.H200", "3.10"),
    ("gpu_prices.host:n1", "2.40"),
    ("gpu_prices.RTX 4090", "price:2628,years:3"),
    ("gpu_hosts.n1", "http://n1:9400"),
    ("gpu_hosts.llm", "url:http://127.0.0.1:8000,gpus:GPU-aa"),
    ("keys.quit", "q,ctrl-c"),
    ("roots.codex", "/a:/b"),
    ("prices.\"acme/m.1\"", "input:3,output:15"),
    ("prices.\"acme/m.1\".context_window", "1000"),
];

#[test]
fn every_key_can_be_set_and_is_in_force_then() {
    let machine = Machine::new();
    for (key, value) in VALUES {
        set(&machine.file(), key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    let rows = describe(&machine.settings());
    let shown: Vec<_> = rows.iter().map(|(key, value, origin)| format!("{key} = {value} ({origin})")).skip(2).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    data_dir = /data (config file)
    timezone = UTC (config file)
    theme = mono (config file)
    range = all (config file)
    sort = -age (config file)
    group = agent (config file)
    columns = age,agent (config file)
    mouse = false (config file)
    open_with = bat --paging always (config file)
    threads = 3 (config file)
    week_start = sunday (config file)
    on_failure = closed (config file)
    attribution = [{ project = "web", branch = "(a+)", set = { team = "x", feature = "$1" } }] (config file)
    tier_target = workhorse=70-80 (default)
    tier_models =  (default)
    currency = GBP:0.8:GBP  (config file)
    assumed_price = input:1,output:2 (config file)
    caps.day = limit:$20,per:day (config file)
    caps.loops = limit:60 steps,per:task,agent:codex,notify:80/100,action:stop (config file)
    experiments.router = budget:$200,owner:ana,ends:2026-12-31,action:block (config file)
    gateways.team = https://gateway.example.com (litellm, key from the variable LITELLM_KEY) (config file)
    alerts.ways = terminal,webhook (config file)
    alerts.webhook = https://hooks.example.com/… (config file)
    alerts.quiet = 22:00-07:00 (config file)
    alerts.session_over = 7.5 (config file)
    lookout.burn = off (config file)
    lookout.drift = 10 (config file)
    lookout.flagship = 10 (default)
    lookout.loop_p99 = on (default)
    lookout.loop_steps = off (default)
    lookout.mute = scratch*,same_call@api (config file)
    lookout.prompt_growth = 50 (default)
    lookout.retries = 10 (default)
    lookout.same_call = 8 (config file)
    lookout.task_cost = 200 (default)
    gpu.busy = 5 (default)
    gpu.hot = 87 (default)
    gpu.idle = 30 (config file)
    gpu.idle_cost = 1 (default)
    gpu.kv = 95 (default)
    gpu.kwh = 0.15 (config file)
    gpu.list = neocloud (default)
    gpu.quiet = 60 (default)
    gpu.reserved = 30 (default)
    gpu.stalled = 5 (default)
    gpu.target = 60 (default)
    gpu.ttl = off (default)
    gpu.watch = on (default)
    gpu.zombie = 10 (default)
    gpu_prices.H200 = 3.1 (config file)
    gpu_prices."host:n1" = 2.4 (config file)
    gpu_prices."RTX 4090" = 0.1 (owned) (config file)
    gpu_hosts.n1 = http://n1:9400 (config file)
    gpu_hosts.llm = http://127.0.0.1:8000 on GPU-aa (config file)
    keys.quit = q,ctrl-c (config file)
    roots.codex = /a:/b (config file)
    prices."acme/m.1" = input:3,output:15,context_window:1000 (config file)
    "#);
}

#[test]
fn whatever_key_an_edit_breaks_what_held_before_still_holds() {
    let machine = Machine::new();
    for (key, value) in VALUES {
        set(&machine.file(), key, value).unwrap();
    }
    let sound = machine.settings();
    let text = ok(fs::read_to_string(machine.file()));
    let tops: std::collections::BTreeSet<&str> = VALUES.iter().filter_map(|(key, _)| key.split('.').next()).collect();
    for key in tops.into_iter().filter(|key| !["caps", "experiments"].contains(key)) {
        // A date is what no key wants.
        let mut doc: toml_edit::DocumentMut = text.parse().unwrap();
        doc.insert(key, toml_edit::value("2026-01-01".parse::<toml_edit::Datetime>().unwrap()));
        ok(fs::write(machine.file(), doc.to_string()));
        let mut broken = machine.load();
        assert!(!broken.problems.is_empty(), "{key}");
        assert!(keep::hold(&mut broken, &sound), "{key}");
        let values = |settings| describe(settings).into_iter().map(|(key, value, _)| (key, value)).collect::<Vec<_>>();
        assert_eq!(values(&broken.settings), values(&sound), "{key}");
    }
    ok(fs::write(machine.file(), b"range = \xff\xfe"));
    let mut broken = machine.load();
    assert!(keep::hold(&mut broken, &sound), "a file that is none");
    assert_eq!((&broken.settings.gateways, &broken.settings.lookout), (&sound.gateways, &sound.lookout));
}

#[test]
fn caps_hold_from_the_first_look_on_whatever_is_left_of_them() {
    const WEEK: &str = "[caps.week]\nlimit = '$50'\nper = 'week'\n";
    let machine = Machine::with_file(&format!("[caps.day]\nlimit = '$1.5'\n{WEEK}"));
    let settled = || {
        let mut loaded = machine.load();
        keep::settle(&mut loaded);
        let mut caps: Vec<_> = loaded.settings.caps.iter().map(|cap| format!("{} {}", cap.name, cap.limit.text())).collect();
        caps.sort();
        caps
    };
    let both = ["day $1.5", "week $50"];
    assert_eq!(settled(), both);
    for begin in ["[caps.day]\nlimit = 'x'\n", "[caps.d\nlimit = '$1.5'\n", "[cap.day]\nlimit = '$1.5'\n", "[caps.day\nlimit = '$9'\n"] {
        ok(fs::write(machine.file(), format!("{begin}{WEEK}")));
        assert_eq!(settled(), both, "{begin}");
    }
    ok(fs::write(machine.file(), format!("{WEEK}[gpuu]\nx = 1\n")));
    assert_eq!(settled(), ["week $50"], "what is taken away is gone, whatever else is wrong");
}

#[test]
fn a_key_that_is_none_and_an_action_that_is_none_are_refused() {
    let machine = Machine::with_file("theme = 'nord'\n");
    for (key, value, told) in [
        ("keys.quit", "zzz", "`zzz` is no key; write it like `q`"),
        ("keys.quit", "q,zzz", "`zzz` is no key"),
        ("keys.nope", "q", "there is no such action"),
        ("keys.quti", "q", "did you mean `quit`?"),
    ] {
        let refused = set(&machine.file(), key, value).unwrap_err().to_string();
        assert!(refused.contains(told) && refused.contains(key), "{key} {value}: {refused}");
        assert_eq!(fs::read_to_string(machine.file()).unwrap(), "theme = 'nord'\n");
    }
    set(&machine.file(), "keys.theme", "T").unwrap();
    assert_eq!(machine.settings().keys.get("theme").unwrap(), &["T"]);
}

#[test]
fn a_currency_on_one_line_replaces_all_of_the_old_one() {
    let text = "[currency]\ncode = 'EUR' # home\nrate = '0.9'\nsymbol = '€'\n";
    assert_eq!(after(text, "currency", "CHF:0.8"), "[currency]\ncode = \"CHF\" # home\nrate = \"0.8\"\n");
    assert_eq!(after("currency = { code = 'EUR', rate = 1 }\n", "currency.rate", "0.9"), "currency = { code = 'EUR', rate = \"0.9\" }\n");
}

#[test]
fn what_would_be_a_problem_is_refused_and_the_file_is_untouched() {
    assert!(matches!(refused("", "range", "week"), ConfigError::Refused(_)));
    assert!(matches!(refused("", "threads", "many"), ConfigError::Refused(_)));
    assert!(refused("", "currency.code", "EUR").to_string().contains("`aifinops config set currency EUR:RATE` sets both"));
    assert!(refused("", "thme", "nord").to_string().contains("did you mean `theme`?"));
    assert!(refused("", "home", "/x").to_string().contains("AIFINOPS_HOME"));
    assert!(refused("", "theme", "nordd").to_string().contains("did you mean `nord`?; allowed: dark, light, "));
    assert!(refused("", "prices.new-model.input", "3").to_string().contains("give it at least an input and an output price"));
    assert!(refused("", "theme.dark", "1").to_string().starts_with("theme.dark: unknown key"));
    assert!(refused("", "prices.m", "3").to_string().contains("should look like `input:3,output:15`"));
    assert!(refused("currency = 'EUR'", "currency.rate", "2").to_string().contains("config unset currency"));
    let broken = refused("theme = \n", "theme", "nord");
    assert!(broken.to_string().contains(":1: theme: is not TOML") && broken.to_string().ends_with("mend the file first"), "{broken}");
}

#[test]
fn a_problem_elsewhere_in_the_file_is_not_in_the_way() {
    let machine = Machine::with_file("range = 'week'\n");
    set(&machine.file(), "theme", "nord").unwrap();
    set(&machine.file(), "range", "7d").unwrap();
    assert_eq!(machine.settings().theme.as_str(), "nord");
}

#[test]
fn unset_takes_the_line_and_leaves_every_comment() {
    let text = "# colours\ntheme = 'nord'\n# days\nrange = '7d'\n[keys]\n# out\nquit = [\n  'q', # q\n]\n[prices.m]\ninput = 3\n";
    assert_eq!(without(text, "theme"), text.replace("theme = 'nord'\n", ""));
    assert_eq!(without(text, "keys.quit"), text.replace("quit = [\n  'q', # q\n]\n", ""));
    assert_eq!(without(text, "prices.m"), text.replace("[prices.m]\ninput = 3\n", ""));
    assert_eq!(without(text, "mouse"), text);
    assert_eq!(without("keys = { quit = 'q', help = '?' }\n", "keys.quit"), "keys = { help = '?' }\n");
    assert_eq!(without("thme = 'nord'\n", "thme"), "");
    let machine = Machine::with_file("[currency]\ncode = 'EUR'\nrate = '0.9'\n");
    assert!(matches!(unset(&machine.file(), "currency.rate"), Err(ConfigError::Refused(_))));
    assert!(matches!(unset(&machine.file(), "thme"), Err(ConfigError::UnknownKey { .. })));
}

#[test]
fn unset_of_a_table_leaves_the_comments_before_it() {
    let text = "theme = 'nord'\n\n# a note of mine\n\n[caps.day]\nlimit = '20'\nper = 'day'\n\n# about week\n[caps.week]\nlimit = '100'\nper = 'week'\n# the end\n";
    let without_day = "theme = 'nord'\n\n# a note of mine\n\n# about week\n[caps.week]\nlimit = '100'\nper = 'week'\n# the end\n";
    assert_eq!(without(text, "caps.day"), without_day);
    assert_eq!(without(without_day, "caps.week"), "theme = 'nord'\n\n# a note of mine\n\n# about week\n# the end\n");
    let all = without(text, "caps");
    assert!(["# a note of mine", "# about week", "# the end"].iter().all(|note| all.contains(note)), "{all}");
    // Whoever begins with the file that explains everything gets it back.
    let machine = Machine::with_file(&aifinops::config::default_text());
    set(&machine.file(), "currency", "EUR:0.92").unwrap();
    unset(&machine.file(), "currency").unwrap();
    assert_eq!(fs::read_to_string(machine.file()).unwrap(), aifinops::config::default_text());
}

proptest::proptest! {
    #[test]
    fn whatever_text_is_set_is_read_back_or_refused_and_the_file_stays_whole(value: String) {
        let machine = Machine::with_file("# top\nthreads = 2\n");
        let taken = set(&machine.file(), "open_with", &value).is_ok();
        assert_eq!(taken, !value.chars().any(char::is_control));
        let settings = machine.settings();
        assert_eq!((settings.open_with.as_str(), settings.threads.value), (if taken { value.as_str() } else { "" }, 2));
        let _ = set(&machine.file(), &value, "1");
        let _ = set(&machine.file(), "keys", &value);
        assert_eq!(machine.problems(), Vec::<String>::new());
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only_and_an_old_one_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let machine = Machine::new();
    set(&machine.file(), "theme", "nord").unwrap();
    assert_eq!((mode(&machine.file()), mode(machine.file().parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(machine.file(), fs::Permissions::from_mode(0o644)).unwrap();
    set(&machine.file(), "theme", "light").unwrap();
    assert_eq!(mode(&machine.file()), 0o644);
    assert_eq!(fs::read_dir(machine.file().parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_the_file_it_leads_to_is_written() {
    let machine = Machine::with_file("");
    let real = machine.at("dotfiles.toml");
    fs::remove_file(machine.file()).unwrap();
    std::os::unix::fs::symlink("../../dotfiles.toml", machine.file()).unwrap();
    for theme in ["nord", "light"] {
        set(&machine.file(), "theme", theme).unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), format!("theme = \"{theme}\"\n"));
        assert!(fs::symlink_metadata(machine.file()).unwrap().is_symlink());
    }
}
