//! Configuration: what holds, where it came from, and what happens when it is wrong.

mod broken;
mod edit;
mod policy;

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use aifinops::config::{Currency, Flags, Group, Loaded, Origin, Range, default_text, describe, load};
use aifinops::model::{Money, Rate, Zone};
use tempfile::TempDir;

/// The value of what must work.
fn ok<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}

/// A home of its own, with what the file, the variables and the flags say.
struct Machine {
    home: TempDir,
    env: HashMap<String, String>,
    flags: Flags,
}

impl Machine {
    fn new() -> Machine {
        let home = ok(tempfile::tempdir());
        let env = HashMap::from([("HOME".to_owned(), home.path().display().to_string()), ("TZ".to_owned(), "Asia/Tokyo".to_owned())]);
        Machine { home, env, flags: Flags::default() }
    }

    fn with_file(text: &str) -> Machine {
        let machine = Machine::new();
        ok(std::fs::create_dir_all(machine.at(".config/aifinops")));
        ok(std::fs::write(machine.file(), text));
        machine
    }

    fn env(mut self, name: &str, value: &str) -> Machine {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Machine {
        assert!(self.flags.set(key, value), "{key}");
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn file(&self) -> PathBuf {
        self.at(".config/aifinops/config.toml")
    }

    fn load(&self) -> Loaded {
        load(&self.flags, &|name| self.env.get(name).cloned())
    }

    /// The problems as they are shown.
    fn problems(&self) -> Vec<String> {
        self.load().problems.iter().map(ToString::to_string).collect()
    }

    /// Loads and insists on there being no problem.
    fn settings(&self) -> aifinops::config::Settings {
        let loaded = self.load();
        assert_eq!(loaded.problems, []);
        loaded.settings
    }
}

fn env(name: &str) -> Origin {
    Origin::Env(name.to_owned())
}

fn flag(name: &str) -> Origin {
    Origin::Flag(name.to_owned())
}

#[test]
fn without_any_configuration_every_key_has_its_default() {
    let machine = Machine::new();
    let settings = machine.settings();
    assert_eq!(settings.home.value, machine.home.path());
    assert_eq!(settings.data_dir.value, machine.at(".local/share/aifinops"));
    assert_eq!(settings.config_file.value, machine.file());
    assert_eq!(settings.timezone.value, Zone::named("Asia/Tokyo").unwrap());
    assert_eq!((settings.theme.as_str(), settings.range.value, settings.group.value), ("dark", Range::Today, Group::None));
    assert_eq!((settings.mouse.value, settings.threads.value, settings.open_with.as_str()), (true, 0, ""));
    assert_eq!(settings.columns.len(), 12);
    assert_eq!(settings.currency.value, Currency::default());
    assert!(settings.keys.is_empty() && settings.roots.is_empty() && settings.prices.is_empty());
    assert!(describe(&settings).iter().all(|(_, _, origin)| *origin == Origin::Default));
}

#[test]
fn the_default_file_is_all_comments_and_names_every_key_with_its_variable_and_flag() {
    let text = default_text();
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')));
    let below = |key: &str| {
        let Some((table, part)) = key.split_once('.') else { return false };
        text.split("\n\n").any(|section| section.contains(&format!("#[{table}]\n")) && section.contains(&format!("\n#{part} = ")))
    };
    for (key, _, _) in describe(&Machine::new().settings()) {
        assert!(
            text.contains(&format!("\n#{key} = "))
                || text.contains(&format!("\n#[{key}]"))
                || text.contains(&format!("({key}:"))
                || below(&key),
            "{key}"
        );
    }
    for name in [
        "AIFINOPS_HOME",
        "--config",
        "AIFINOPS_ROOTS_CLAUDE_CODE",
        "AIFINOPS_ROOTS_CODEX",
        "AIFINOPS_ROOTS_GEMINI_CLI",
        "--price",
        "today, 7d, 30d, all",
    ] {
        assert!(text.contains(name), "{name}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 140));
}

#[test]
fn the_default_file_with_every_key_uncommented_changes_nothing() {
    let uncomment =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let text: Vec<_> = default_text().lines().map(uncomment).collect();
    let machine = Machine::with_file(&text.join("\n"));
    let rows = describe(&machine.settings());
    assert!(rows.iter().any(|(key, _, origin)| key == "currency" && *origin == Origin::File));
    std::fs::remove_file(machine.file()).unwrap();
    let values = |rows: Vec<(String, String, Origin)>| rows.into_iter().map(|(key, value, _)| (key, value)).collect::<Vec<_>>();
    assert_eq!(values(rows), values(describe(&machine.settings())));
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file() {
    let machine =
        Machine::with_file("theme = 'nord'\nrange = '7d'\ngroup = 'model'").env("AIFINOPS_THEME", "light").env("AIFINOPS_RANGE", "30d");
    let settings = machine.flag("theme", "mono").settings();
    assert_eq!((settings.theme.as_str(), &settings.theme.origin), ("mono", &flag("--theme")));
    assert_eq!((settings.range.value, &settings.range.origin), (Range::Days30, &env("AIFINOPS_RANGE")));
    assert_eq!((settings.group.value, &settings.group.origin), (Group::Model, &Origin::File));
    assert_eq!(settings.group.origin.to_string(), "config file");
}

#[test]
fn an_empty_variable_is_no_variable() {
    assert_eq!(Machine::new().env("AIFINOPS_THEME", "").settings().theme.origin, Origin::Default);
}

#[test]
fn a_replaced_home_takes_the_store_and_the_file_with_it() {
    let other = Machine::with_file("theme = 'nord'");
    let home = other.home.path().to_str().unwrap();
    let machine = Machine::new().env("XDG_DATA_HOME", "/real/data").env("XDG_CONFIG_HOME", "/real/config").env("AIFINOPS_HOME", home);
    let settings = machine.settings();
    assert_eq!(settings.data_dir.value, other.at(".local/share/aifinops"));
    assert_eq!(settings.config_file.value, other.file());
    assert_eq!(settings.theme.as_str(), "nord");
    let settings = machine.flag("data_dir", "/tmp/elsewhere").settings();
    assert_eq!(settings.data_dir.value, Path::new("/tmp/elsewhere"));
}

#[test]
fn the_base_directories_of_the_desktop_are_respected() {
    let settings = Machine::new().env("XDG_DATA_HOME", "/data").env("XDG_CONFIG_HOME", "relative").settings();
    assert_eq!(settings.data_dir.value, Path::new("/data/aifinops"));
    assert!(settings.config_file.ends_with(".config/aifinops/config.toml"));
}

#[test]
fn a_time_zone_is_local_or_a_name_in_any_case() {
    let zone = |name: &str| Machine::new().flag("timezone", name).settings().timezone.value;
    assert_eq!(zone("local"), Zone::named("Asia/Tokyo").unwrap());
    assert_eq!(zone("europe/zurich"), Zone::named("Europe/Zurich").unwrap());
    for (text, name) in
        [(":UTC", "UTC"), ("/usr/share/zoneinfo/Europe/Rome", "Europe/Rome"), (":/usr/share/zoneinfo/Asia/Kolkata", "Asia/Kolkata")]
    {
        assert_eq!(Machine::new().env("TZ", text).settings().timezone.value, Zone::named(name).unwrap_or(Zone::UTC), "{text}");
    }
    for text in ["UTC-3", "<+03>-3", "Nope/Nope"] {
        let problems = Machine::new().env("TZ", text).problems();
        assert!(matches!(problems.as_slice(), [one] if one.contains("names no time zone")), "{text}: {problems:?}");
        Machine::new().env("TZ", text).flag("timezone", "UTC").settings(); // whoever says it otherwise needs no TZ
    }
}

#[test]
fn lists_and_tables_are_read_from_variables_and_flags() {
    let machine = Machine::new()
        .env("AIFINOPS_COLUMNS", "agent, project")
        .env("AIFINOPS_KEYS", "quit=q;help=?,F1;down=,")
        .env("AIFINOPS_CURRENCY", "eur:0.92")
        .env("AIFINOPS_ROOTS_CLAUDE_CODE", "/a:/b")
        .env("AIFINOPS_PRICES", "us.acme-1:0=input:3,output:15")
        .flag("keys", "quit=ctrl-q");
    let settings = machine.settings();
    assert_eq!(settings.columns.value, ["agent", "project"]);
    assert_eq!(settings.keys.get("quit").unwrap(), &["ctrl-q"]);
    assert_eq!(settings.keys.get("help").unwrap(), &["?", "F1"]);
    assert_eq!(settings.keys.get("down").unwrap(), &[","]);
    assert_eq!((settings.currency.code.as_str(), settings.currency.symbol.as_str(), settings.currency.rate), ("EUR", "€", 920_000));
    assert_eq!(settings.roots.get("claude-code").unwrap(), &[PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(settings.prices.first().unwrap().model, "us.acme-1:0");
}

#[test]
fn each_part_of_a_table_knows_its_own_origin() {
    let machine = Machine::with_file("[roots]\nclaude-code = ['~/logs']\ncodex = '/old'\n").env("AIFINOPS_ROOTS_CODEX", "/new");
    let machine = machine.flag("roots", "claude-code=/one").flag("roots", "claude-code=/two");
    let rows = describe(&machine.settings());
    assert!(rows.contains(&("roots.claude-code".to_owned(), "/one:/two".to_owned(), flag("--root"))));
    assert!(rows.contains(&("roots.codex".to_owned(), "/new".to_owned(), env("AIFINOPS_ROOTS_CODEX"))));
    let rows = describe(&Machine { flags: Flags::default(), env: machine.env.clone(), ..machine }.settings());
    assert!(rows.iter().any(|(key, value, origin)| key == "roots.claude-code" && value.ends_with("/logs") && *origin == Origin::File));
}

#[test]
fn prices_are_exact_whether_written_as_numbers_or_as_text() {
    let text = "[prices.'acme-1.5']\ninput = 0.1\noutput = '15'\ncache_read = 0.000000001\ncache_write_1h = 1e1\ncontext_window = 200_000";
    let settings = Machine::with_file(text).settings();
    let price = settings.prices.first().unwrap();
    assert_eq!(price.input, Some(Rate::from_nanos_per_million(100_000_000)));
    assert_eq!(price.output, Some(Rate::from_nanos_per_million(15_000_000_000)));
    assert_eq!(price.cache_read, Some(Rate::from_nanos_per_million(1)));
    assert_eq!(price.cache_write_1h, Some(Rate::from_nanos_per_million(10_000_000_000)));
    assert_eq!((price.cache_write_5m, price.context_window), (None, Some(200_000)));
    let rows = describe(&settings);
    assert!(rows.iter().any(|(key, value, _)| key == "prices.\"acme-1.5\"" && value.starts_with("input:0.1,output:15,")));
}

#[test]
fn dollars_are_shown_unchanged_and_other_currencies_by_integer_arithmetic() {
    let money = |text| Money::parse_usd(text).unwrap();
    let dollars = Currency::default();
    for text in ["0", "0.0042", "1234.5", "-3.999"] {
        assert_eq!((dollars.show(money(text)), dollars.cents(money(text))), (money(text).display(), money(text).cents()));
    }
    let euros = Machine::new().env("AIFINOPS_CURRENCY", "EUR:0.92").settings().currency.value;
    assert_eq!(euros.show(money("100")), "€92.00");
    assert_eq!(euros.show(money("-0.0042")), "-€0.0039");
    assert_eq!(euros.cents(money("1234567.89")), "1,135,802.46");
    let yen = Machine::new().env("AIFINOPS_CURRENCY", "JPY:150").settings().currency.value;
    assert_eq!((yen.show(money("12.345")), yen.cents(money("12.345"))), ("¥1,852".to_owned(), "1,852".to_owned()));
    assert_eq!((yen.show(money("-2")), yen.show(money("0")), yen.show(money("0.0001"))), ("-¥300".into(), "¥0".into(), "¥0.02".into()));
    let francs = Machine::with_file("currency = { code = 'CHF', rate = 0.8 }").settings().currency.value;
    assert_eq!(francs.show(money("-10")), "-CHF 8.00");
}

#[test]
fn ranges_and_groups_step_through_all_their_values_and_back() {
    let steps: Vec<_> =
        std::iter::successors(Some(Range::Today), |range| Some(range.next())).take(5).map(|range| range.to_string()).collect();
    assert_eq!(steps, ["today", "7d", "30d", "all", "today"]);
    assert_eq!("project".parse(), Ok(Group::Project));
    assert_eq!("week".parse::<Range>().unwrap_err().to_string(), "is not one of the allowed values: today, 7d, 30d, all");
}
