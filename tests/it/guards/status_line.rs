//! The status line in Claude Code's settings: put in with care, taken out without a trace, beside the hooks or without.

use aifinops::guards::{GuardError, Plan, State, status_line};
use proptest::prelude::*;

use super::{BINARY, Home, guard};

const FILE: &str = ".claude/settings.json";

impl Home {
    fn line_in(&self) -> Result<Plan, GuardError> {
        self.with(BINARY, |site| status_line::install(site).inspect(|plan| plan.apply().unwrap()))
    }

    fn line_out(&self) -> Result<Plan, GuardError> {
        self.with(BINARY, |site| status_line::uninstall(site).inspect(|plan| plan.apply().unwrap()))
    }

    fn line_state(&self) -> State {
        self.with(BINARY, |site| status_line::status(site).state)
    }
}

const SHAPES: [&str; 10] = [
    "",
    "\n",
    "{}",
    "{\n}\n",
    "  {\t}\n\n",
    "{\"model\":\"opus\"}",
    "{\n\t\"model\": \"opus\",\n\t\"env\": {\n\t\t\"A\": \"1\"\n\t}\n}",
    "{\r\n    \"model\": \"opus\"\r\n}\r\n",
    "{\n  \"a\": 1\n , \"b\": 2 }\n",
    "{\n  \"hooks\": {},\n  \"z\": {\"statusLine\": 1}\n}\n",
];

#[test]
fn settings_as_people_write_them_are_what_they_were() {
    for text in SHAPES {
        let home = Home::new();
        home.write(FILE, text);
        assert!(!home.line_in().unwrap().is_nothing());
        assert_eq!(home.line_state(), State::Installed, "{text:?}");
        let installed = home.read(FILE).unwrap();
        let value: serde_json::Value = serde_json::from_str(&installed).unwrap();
        assert_eq!(value["statusLine"]["type"], "command");
        assert_eq!(value["statusLine"]["command"], r"'/opt/it'\''s here/aifinops' statusline");
        assert!(home.line_in().unwrap().is_nothing(), "{installed}");
        assert!(!home.line_out().unwrap().is_nothing());
        assert_eq!(home.read(FILE).unwrap(), text, "by way of\n{installed}");
        assert!(home.line_out().unwrap().is_nothing());
        assert!(home.everything().iter().all(|(path, _)| path.ends_with(FILE)), "{:?}", home.everything());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Hooks and line, put in and taken out in any order: the copy that is kept is of before both.
    #[test]
    fn hooks_and_line_do_not_get_into_each_others_way(steps in prop::collection::vec(0..4_u8, 0..8), shape in 0..=SHAPES.len()) {
        let home = Home::new();
        let before = SHAPES.get(shape).map(|text| { home.write(FILE, text); (*text).to_owned() });
        for step in steps {
            match step {
                0 => { home.install(guard("claude-code")); }
                1 => { home.uninstall(guard("claude-code")); }
                2 => { home.line_in().unwrap(); }
                _ => { home.line_out().unwrap(); }
            }
        }
        home.install(guard("claude-code"));
        home.line_in().unwrap();
        prop_assert_eq!((home.state(guard("claude-code")), home.line_state()), (State::Installed, State::Installed));
        home.uninstall(guard("claude-code"));
        home.line_out().unwrap();
        prop_assert_eq!(home.read(FILE), before);
        prop_assert!(home.everything().iter().all(|(path, _)| path.ends_with(FILE)), "{:?}", home.everything());
    }
}

#[test]
fn a_line_of_ours_that_is_brought_up_to_date_leaves_the_copy_of_before_us() {
    let home = Home::new();
    let (mine, copy) = ("{\n  \"model\": \"opus\"\n}\n", ".claude/settings.json.aifinops.bak");
    home.write(FILE, mine);
    home.with("/old/aifinops", |site| status_line::install(site).unwrap().apply().unwrap());
    assert_eq!(home.read(copy).as_deref(), Some(mine));
    assert!(!home.line_in().unwrap().is_nothing());
    assert_eq!(home.read(copy).as_deref(), Some(mine));
    home.line_out().unwrap();
    assert_eq!(home.read(FILE).as_deref(), Some(mine));
}

#[test]
fn somebody_elses_line_stays_and_is_named() {
    for line in [
        r#"{"type": "command", "command": "~/my line.sh"}"#,
        r#""odd""#,
        r#"{"type": "command", "command": "aifinops statusline | tr a b"}"#,
    ] {
        let home = Home::new();
        let text = format!("{{\n  \"a\": 1,\n  \"statusLine\": {line}\n}}\n");
        home.write(FILE, &text);
        let told = home.line_in().unwrap_err().to_string();
        assert!(told.contains("settings.json: line 3: another status line is set: "), "{told}");
        assert!(home.line_out().unwrap().is_nothing());
        assert_eq!((home.line_state(), home.read(FILE).unwrap()), (State::NotInstalled, text));
    }
}

#[test]
fn our_own_line_of_another_place_is_brought_up_to_date_and_flags_are_the_persons() {
    let home = Home::new();
    home.write(
        FILE,
        "{\n  \"statusLine\": {\"type\": \"command\", \"command\": \"/old/aifinops statusline --color never\"},\n  \"a\": 1\n}\n",
    );
    assert!(matches!(home.line_state(), State::Stale(why) if why.contains("/old/aifinops")));
    home.line_in().unwrap();
    assert_eq!(home.line_state(), State::Installed);
    home.line_out().unwrap();
    assert_eq!(home.read(FILE).unwrap(), "{\n  \"a\": 1\n}\n");
}

#[test]
fn what_is_no_settings_file_is_left_alone_and_what_is_switched_off_is_told() {
    let home = Home::new();
    home.write(FILE, "{\n  \"a\": 1,\n}\n");
    let told = home.line_in().unwrap_err().to_string();
    assert!(told.contains("settings.json: line 3: "), "{told}");
    assert!(matches!(home.line_state(), State::Broken(_)));
    assert_eq!(home.read(FILE).unwrap(), "{\n  \"a\": 1,\n}\n");
    home.write(FILE, "{\"disableAllHooks\": true}");
    home.line_in().unwrap();
    assert!(matches!(home.line_state(), State::Disabled(why) if why.contains("disableAllHooks")));
}
