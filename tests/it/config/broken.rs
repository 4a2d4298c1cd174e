//! Broken configuration: named by file, line, key and allowed values; never in the way of a start.

use super::{Machine, env};
use aifinops::config::{Origin, Range};

#[test]
fn a_wrong_value_names_file_line_key_and_what_is_allowed_and_the_default_holds() {
    let machine = Machine::with_file("# mine\ntheme = 'nord'\n\nrange = 'week'\n");
    assert_eq!(machine.problems(), ["~/.config/aifinops/config.toml:4: range: `week` is none of them; allowed: today, 7d, 30d, all"]);
    let loaded = machine.load();
    assert_eq!((loaded.settings.range.value, &loaded.settings.range.origin), (Range::Today, &Origin::Default));
    assert_eq!(loaded.settings.theme.as_str(), "nord");
    let problem = loaded.problems.first().unwrap();
    assert_eq!((problem.file.as_ref(), problem.line, problem.key.as_str()), (Some(&machine.file()), Some(4), "range"));
}

#[test]
fn a_wrong_variable_or_flag_is_named_and_the_place_below_holds() {
    let machine = Machine::with_file("range = '7d'").env("AIFINOPS_RANGE", "week").flag("threads", "-1");
    assert_eq!(
        machine.problems(),
        [
            "AIFINOPS_RANGE: range: `week` is none of them; allowed: today, 7d, 30d, all",
            "--threads: threads: `-1` is out of range; allowed: 0 to 1024"
        ]
    );
    assert_eq!(machine.load().settings.range.value, Range::Days7);
}

#[test]
fn an_unknown_key_is_told_with_the_one_that_was_probably_meant() {
    let machine = Machine::with_file("themes = 'nord'\n[currency]\nsimbol = '€'\n[roots]\nclaudecode = []\n[prices.m]\ninptu = 3\n");
    let problems = machine.problems();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (line, key, near) in
        [(3, "currency.simbol", "symbol"), (5, "roots.claudecode", "claude-code"), (7, "prices.m.inptu", "input"), (1, "themes", "theme")]
    {
        let meant =
            |p: &&String| p.contains(&format!("config.toml:{line}: {key}: ")) && p.contains(&format!("did you mean `{near}`?; allowed: "));
        assert!(problems.iter().any(|p| meant(&p)), "{key}: {problems:#?}");
    }
}

#[test]
fn what_decides_where_the_file_lies_cannot_stand_in_it() {
    let problems = Machine::with_file("home = '/x'").problems();
    assert_eq!(
        problems,
        ["~/.config/aifinops/config.toml:1: home: is not kept in the file, which it helps to find; use AIFINOPS_HOME or --home"]
    );
}

#[test]
fn every_kind_of_wrong_value_is_told_at_its_line_and_never_stops_the_start() {
    for (text, line, key) in [
        ("theme = '../etc'", 1, "theme"),
        ("theme = 5", 1, "theme"),
        ("[theme]", 1, "theme"),
        ("timezone = 'Europe/Zuric'", 1, "timezone"),
        ("mouse = 'maybe'", 1, "mouse"),
        ("threads = 1025", 1, "threads"),
        ("sort = '-colour'", 1, "sort"),
        ("columns = []", 1, "columns"),
        ("columns = [\n 'agent',\n 'colour',\n]", 3, "columns"),
        ("columns = ['agent', 'agent']", 1, "columns"),
        ("data_dir = 'here'", 1, "data_dir"),
        ("open_with = \"less\\u001b\"", 1, "open_with"),
        ("currency = 'EUR'", 1, "currency"),
        ("[currency]\ncode = 'EUR'", 1, "currency.rate"),
        ("[currency]\nrate = 2", 1, "currency.code"),
        ("[currency]\ncode = 'EUR'\nrate = -1", 3, "currency.rate"),
        ("[currency]\ncode = 'EUR'\nrate = 0.1234567", 3, "currency.rate"),
        ("[currency]\nsymbol = \"\\u202e\"", 2, "currency.symbol"),
        ("[keys]\nquit = 'q'\nhelp = 1", 3, "keys.help"),
        ("[keys]\nquit = [\n'q',\n'zzz']", 4, "keys.quit"),
        ("[keys]\nquit = 'q'\nnope = 'q'", 3, "keys.nope"),
        ("[roots]\n\ncodex = 'relative'", 3, "roots.codex"),
        ("[[prices]]\ninput = 3", 1, "prices"),
        ("prices.m = 3", 1, "prices.m"),
        ("[prices.m]\ninput = -3\noutput = 1", 2, "prices.m.input"),
        ("[prices.m]\ninput = inf", 2, "prices.m.input"),
        ("[prices.m]\ninput = 0.0000000001", 2, "prices.m.input"),
        ("[prices.\"m.1\"]\ninput = 1000001\noutput = 3", 1, "prices.\"m.1\""),
        ("[prices.m]\ncontext_window = 0", 2, "prices.m.context_window"),
    ] {
        let problems = Machine::with_file(text).load().problems;
        let found: Vec<_> = problems.iter().map(|problem| (problem.line, problem.key.as_str())).collect();
        assert_eq!(found, [(Some(line), key)], "{text}: {problems:?}");
        assert!(problems.iter().all(|p| p.message.contains("; allowed: ") && !p.message.contains('\u{1b}')), "{problems:?}");
    }
}

#[test]
fn a_wrong_part_of_a_table_leaves_the_other_parts_in_force() {
    let text = "[roots]\nnobody = '/n'\ncodex = '/c'\n[keys]\nquit = 1\nhelp = '?'\n[prices.a]\ninput = 'x'\noutput = 1\n[prices.b]\ninput = 1\noutput = 1\n";
    let settings = Machine::with_file(text).load().settings;
    assert_eq!(settings.roots.keys().collect::<Vec<_>>(), ["codex"]);
    assert_eq!(settings.keys.keys().collect::<Vec<_>>(), ["help"]);
    assert_eq!(settings.prices.iter().map(|price| price.model.as_str()).collect::<Vec<_>>(), ["b"]);
}

/// What is wrong with a text as the file: line and key of each problem.
fn faults(text: &str) -> Vec<(Option<usize>, String)> {
    Machine::with_file(text).load().problems.into_iter().map(|p| (p.line, p.key)).collect()
}

#[test]
fn a_line_that_is_no_toml_is_told_with_its_key_and_the_other_keys_hold() {
    let machine = Machine::with_file("theme = 'nord'\nrange = today\n[keys]\nquit = 'q'\n").env("AIFINOPS_GROUP", "model");
    let loaded = machine.load();
    let problem = loaded.problems.first().unwrap();
    assert_eq!((loaded.problems.len(), problem.line, problem.key.as_str()), (1, Some(2), "range"));
    assert_eq!(
        problem.to_string(),
        "~/.config/aifinops/config.toml:2: range: is not TOML: `today` should be text in quotes; allowed: today, 7d, 30d, all"
    );
    assert_eq!((loaded.settings.theme.as_str(), loaded.settings.range.value), ("nord", Range::Today));
    assert_eq!(loaded.settings.group.origin, env("AIFINOPS_GROUP"));
    assert!(loaded.settings.keys.contains_key("quit"));
}

#[test]
fn no_more_is_left_out_than_the_value_or_the_table_with_the_fault() {
    let at = |line, key: &str| (Some(line), key.to_owned());
    assert_eq!(faults("range = \ntheme = \n"), [at(1, "range"), at(2, "theme")]);
    assert_eq!(faults("columns = [\n 'agent',\ntheme = 'nord'\nrange = '7d'"), [at(1, "columns")], "a list without an end");
    assert_eq!(faults("columns = [\n 'agent',\n age,\n 'today',\n]\ntheme = 'nord'"), [at(1, "columns")], "never half a list");
    assert_eq!(faults("theme = 'nord'\nwhat is this\nrange = '7d'"), [at(2, "")]);
    assert_eq!(faults("[currency]\ncode = EUR\nsymbol = '$'"), [at(2, "currency.code")]);
    assert_eq!(faults("theme = 'nord'\ntheme = 'light'"), [at(2, "theme")]);
    let text = "[prices.a]\ninput = 1\noutput = 2\n[prices.b\ninput = 3\noutput = 4\n[roots]\ncodex = '/c'\n";
    let machine = Machine::with_file(text);
    assert_eq!(faults(text), [at(4, "prices.b")], "the prices of b must not become those of a");
    let settings = machine.load().settings;
    assert_eq!(
        settings.prices.iter().map(|p| (p.model.as_str(), p.input.unwrap().per_million())).collect::<Vec<_>>(),
        [("a", "1".to_owned())]
    );
    assert!(settings.roots.contains_key("codex"));
    let junk = Machine::with_file(&"\u{1}?\n".repeat(200)).problems();
    assert!(junk.len() == 1 && junk[0].contains("no value of the file is used until it is mended"), "{junk:?}");
}

#[test]
fn no_forgotten_sign_makes_a_value_that_nobody_wrote() {
    let text = "theme = 'nord'\ncolumns = [\n  'agent',\n  'today',\n]\nrange = '7d'\n\n[currency]\ncode = 'EUR'\nrate = '0.9'\n\n\
                [roots]\ncodex = ['/a', '/b']\n\n[prices.one]\ninput = '1'\noutput = '2'\n\n[prices.\"two.1\"]\ncache_read = '3'\ninput = '3'\noutput = '4'\n";
    let rows = |text: &str| {
        let loaded = Machine::with_file(text).load();
        let rows = aifinops::config::describe(&loaded.settings).into_iter().skip(3);
        (rows.map(|(key, value, _)| (key, value)).collect::<Vec<_>>(), loaded.problems.len())
    };
    let (written, none) = rows(text);
    let (usual, _) = rows("");
    assert_eq!(none, 0);
    for (at, sign) in text.char_indices().filter(|(_, c)| "'\"[]=,\n".contains(*c)) {
        let (found, problems) = rows(&format!("{}{}", &text[..at], &text[at + 1..]));
        let lost = written.iter().filter(|row| !found.contains(row)).count();
        // Without the end of a line two values are one.
        assert!(lost <= 1 + usize::from(sign == '\n'), "{sign:?} at {at} costs {lost} values: {found:?}");
        assert!(lost == 0 || problems > 0, "{sign:?} at {at} is told");
        let made = found.iter().find(|row| !written.contains(row) && !usual.contains(row));
        assert_eq!(made, None, "{sign:?} at {at}");
    }
}

#[test]
fn an_unknown_theme_is_told_with_the_names_there_are() {
    let machine = Machine::with_file("theme = 'nordd'");
    std::fs::create_dir_all(machine.at(".config/aifinops/themes")).unwrap();
    std::fs::write(machine.at(".config/aifinops/themes/mine.toml"), "").unwrap();
    let problems = machine.problems();
    assert!(
        problems[0].starts_with(
            "~/.config/aifinops/config.toml:1: theme: no theme is named `nordd`, did you mean `nord`?; allowed: dark, light, "
        ) && problems[0].ends_with(", mono, mine"),
        "{problems:?}"
    );
    assert_eq!(machine.load().settings.theme.as_str(), "dark");
    let machine = machine.env("AIFINOPS_THEME", "drakula").flag("theme", "mine");
    assert_eq!(machine.load().settings.theme.as_str(), "mine");
    assert!(machine.problems().iter().any(|p| p.starts_with("AIFINOPS_THEME: theme: no theme is named `drakula`")));
    let built_in: Vec<&str> = aifinops::ui::theme::EMBEDDED.iter().map(|(name, _)| *name).collect();
    assert_eq!(aifinops::config::THEMES, built_in, "settings know the themes of the screen");
}

#[test]
fn a_price_that_is_half_of_one_is_told_with_its_line() {
    let text = "[prices.a]\ninput = 1\noutput = 2\n[prices.new-model]\ninput = 3\n[prices.claude-opus-4-6]\ninput = 4\n";
    let machine = Machine::with_file(text);
    let problems = machine.problems();
    assert_eq!(problems.len(), 1, "a listed model needs no more than a rate: {problems:?}");
    assert!(
        problems[0].starts_with("~/.config/aifinops/config.toml:4: prices.new-model: `new-model` is in no price list: give it at least ")
            && problems[0].contains("`aifinops config set prices.new-model input:USD,output:USD` sets both; allowed: "),
        "{problems:?}"
    );
    assert_eq!(machine.load().settings.prices.len(), 2);
    assert_eq!(Machine::new().env("AIFINOPS_PRICES", "new-model=input:3").problems().len(), 1);
    // The list that was fetched counts, wherever the store lies.
    let data = machine.at("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("prices.tsv"), "# aifinops prices 1\n# models: 2\nclaude-opus-4-6\t5,25\nnew-model\t1,2\n").unwrap();
    assert_eq!(machine.flag("data_dir", data.to_str().unwrap()).problems(), Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_defaults_hold() {
    let machine = Machine::new();
    std::fs::create_dir_all(machine.file()).unwrap();
    assert!(machine.problems().first().unwrap().starts_with("~/.config/aifinops/config.toml: cannot be read: "));
    assert_eq!(Machine::new().flag("config_file", "/nowhere/config.toml").load().problems.len(), 1);
    assert_eq!(Machine::new().env("AIFINOPS_CONFIG", "/nowhere/config.toml").load().problems, []);
}

#[test]
fn flags_and_variables_that_are_laid_out_wrongly_show_how_it_goes() {
    let machine = Machine::new().env("AIFINOPS_KEYS", "quit").flag("roots", "/logs").flag("prices", "m=3");
    let problems = machine.problems();
    for (place, example) in [("AIFINOPS_KEYS", "action=key,key"), ("--root", "agent=/path"), ("--price", "input:3,output:15")] {
        let told = |p: &&String| p.starts_with(place) && p.contains(&format!("should look like `{example}`"));
        assert!(problems.iter().any(|p| told(&p)), "{problems:#?}");
    }
}
