//! The setting, and what follows from it.

use std::process::Command;

use aifinops::alerts::{ALL, Setup, ways};
use aifinops::config::{Alerts, Flags, Loaded, Origin, describe, load};
use aifinops::model::Money;

fn loaded(env: &[(&str, &str)], flags: &[&str]) -> Loaded {
    let mut all = Flags::default();
    for text in flags {
        assert!(all.set("alerts", text));
    }
    load(&all, &|name| {
        let given = env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| (name == "HOME").then(|| "/nowhere".to_owned()))
    })
}

fn alerts(env: &[(&str, &str)], flags: &[&str]) -> Alerts {
    let loaded = loaded(env, flags);
    assert_eq!(loaded.problems, []);
    loaded.settings.alerts.value
}

#[test]
fn by_default_whatever_fits_tells_of_sessions_over_twenty_dollars_at_any_hour() {
    let alerts = alerts(&[], &[]);
    assert_eq!((alerts.ways(), alerts.webhook(), alerts.quiet()), (&["auto".to_owned()][..], None, None));
    assert_eq!(alerts.session_over(), Money::parse_usd("20"));
}

#[test]
fn each_part_can_be_set_for_itself_and_knows_where_it_comes_from() {
    let env =
        [("AIFINOPS_ALERTS", "ways=desktop,webhook;session_over=$7.50"), ("AIFINOPS_WEBHOOK", "https://hooks.example.com/T0/secret;x=1")];
    let loaded = loaded(&env, &["quiet=22:00-07:00", "session_over=off"]);
    assert_eq!(loaded.problems, []);
    let rows = describe(&loaded.settings);
    let row = |key: &str, value: &str, origin: Origin| {
        assert!(rows.contains(&(key.to_owned(), value.to_owned(), origin)), "{key}: {rows:?}");
    };
    row("alerts.ways", "desktop,webhook", Origin::Env("AIFINOPS_ALERTS".to_owned()));
    row("alerts.webhook", "https://hooks.example.com/…", Origin::Env("AIFINOPS_WEBHOOK".to_owned()));
    row("alerts.quiet", "22:00-07:00", Origin::Flag("--alert".to_owned()));
    row("alerts.session_over", "off", Origin::Flag("--alert".to_owned()));
    assert_eq!(loaded.settings.alerts.webhook().unwrap().secret(), "https://hooks.example.com/T0/secret;x=1");
    assert!(!format!("{:?}", loaded.settings).contains("secret"), "not even where settings are dumped");
}

#[test]
fn what_cannot_be_used_is_told_without_the_secret_and_leaves_the_rest_be() {
    let table = [
        ("ways=desktp", "alerts.ways: `desktp` is no way, did you mean `desktop`?"),
        ("ways=none,desktop", "alerts.ways: `none` stands alone"),
        ("quiet=22-7", "alerts.quiet: `22-7` is not two times such as `22:00-07:00`"),
        ("session_over=0", "alerts.session_over: `0` is neither a positive number of dollars nor `off`"),
        (
            "webhook=http://example.com/secret",
            "alerts.webhook: is http:// and not to this machine; only https:// keeps it secret on its way",
        ),
        ("sound=loud", "alerts.sound: unknown key"),
        ("loud", "alerts: should look like `ways=desktop,terminal;quiet=22:00-07:00`"),
    ];
    for (flag, told) in table {
        let loaded = loaded(&[], &["quiet=01:00-02:00", flag]);
        let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&format!("--alert: {told}; allowed: ")), "{problems:?}");
        assert!(!problems[0].contains("com/secret"), "{problems:?}");
        if !flag.starts_with("quiet") {
            assert!(loaded.settings.alerts.quiet().is_some(), "{flag}");
        }
    }
}

#[test]
fn a_slip_in_the_file_does_not_give_the_secret_away() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    for text in
        ["webhook = https://hooks.example.com/secret", "webhook = ['https://hooks.example.com/secret']", "webhook = 'htps://x/secret'"]
    {
        std::fs::write(&file, format!("[alerts]\n{text}\nquiet = '22:00-07:00'\n")).unwrap();
        let loaded = loaded(&[("AIFINOPS_CONFIG", file.to_str().unwrap())], &[]);
        let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(problems.len() == 1 && problems[0].contains(":2: alerts.webhook: ") && !problems[0].contains("secret"), "{problems:?}");
        assert!(loaded.settings.alerts.quiet().is_some());
    }
}

#[test]
fn over_ssh_the_terminal_is_the_way() {
    let names = |names: &[&str], given: &[(&str, &str)]| {
        let env = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let webhook = env("hook").map(|url| aifinops::model::Webhook::parse(&url).unwrap());
        ways(&names, &mut Setup { env: &env, webhook, screen: None }).iter().map(|way| way.name()).collect::<Vec<_>>()
    };
    let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    assert_eq!(names(&["auto"], &[bus]), ["desktop", "terminal"]);
    assert_eq!(names(&["auto"], &[bus, ("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")]), ["terminal"]);
    assert_eq!(names(&["auto"], &[bus, ("hook", "https://example.com/x")]), ["desktop", "terminal", "webhook"]);
    assert_eq!(names(&["none"], &[bus]), Vec::<&str>::new());
    assert_eq!(names(&["webhook", "desktop"], &[]), ["desktop", "webhook"], "in the order of the registry");
    assert_eq!(ALL.len(), 3);
}

/// The program on a machine where nothing is set.
pub(super) fn program(home: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    command.args(args).env_clear().env("AIFINOPS_HOME", home).env("HOME", home).env("XDG_RUNTIME_DIR", home);
    command
}

#[test]
fn a_trial_without_any_way_says_so() {
    let home = tempfile::tempdir().unwrap();
    let out = program(home.path(), &["alerts", "test", "--alert", "ways=none"]).output().unwrap();
    assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(0), &b"No way is in use: `alerts.ways` is `none`.\n"[..]));
    let out = program(home.path(), &["alerts", "test", "--alert", "ways=none", "--json"]).output().unwrap();
    assert_eq!(out.stdout, b"{\"ways\":[]}\n");
}
