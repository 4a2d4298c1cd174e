//! What rules make of a session, and what a session gets from its parent.

use aifinops::attribution::{Attribution, Experiment, Facts, Pattern, Rule, Template, Variable, settle};
use aifinops::model::cap::Action;
use aifinops::model::label::{LONGEST, value as value_of};
use aifinops::model::{Dimension, Labels, Millis, Money, SessionKind, Zone, text, time};
use chrono::NaiveDate;

fn facts<'a>(cwd: &'a str, branch: &'a str) -> Facts<'a> {
    Facts { agent: "codex", cwd: Some(cwd), branch: Some(branch), remote: Some("github.com/acme/web"), env: &|_| None }
}

/// A rule for branches, with one value.
fn rule(branch: &str, dimension: Dimension, value: &str) -> Rule {
    let branch = Pattern::new(branch).unwrap();
    let template = Template::new(value, Some(&branch)).unwrap();
    Rule { branch: Some(branch), set: vec![(dimension, template)], ..Rule::default() }
}

fn always(dimension: Dimension, value: &str) -> Rule {
    Rule { set: vec![(dimension, Template::new(value, None).unwrap())], ..Rule::default() }
}

fn labels(rules: Vec<Rule>, facts: &Facts<'_>) -> String {
    let labels = Attribution { rules, experiments: Vec::new() }.labels(facts);
    labels.iter().map(|(dimension, value)| format!("{}={value}", dimension.word())).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_branch_holds_becomes_a_value() {
    let at = facts("/code/web", "feat/PAY-123-checkout");
    for (pattern, value, found) in [
        (r"([A-Z]+-\d+)", "$1", "feature=PAY-123"),
        (r"(?P<ticket>[A-Z]+-\d+)", "${ticket}", "feature=PAY-123"),
        (r"^(\w+)/([A-Z]+)", "$2 of $1", "feature=PAY of feat"),
        (r"^(\w+)/([A-Z]+)", "${2}x", "feature=PAYx"),
        (r"([A-Z]+)-(\d+)", "$0", "feature=PAY-123"),
        (r"pay", "$$", ""),
        (r"(?i)pay", "a$$b", "feature=a$b"),
        (r"^PAY", "x", ""),
    ] {
        assert_eq!(labels(vec![rule(pattern, Dimension::Feature, value)], &at), found, "{pattern} {value}");
    }
}

#[test]
fn a_group_that_found_nothing_leaves_the_dimension_to_the_next_rule() {
    let at = facts("/code/web", "main");
    let rules = vec![rule(r"main|(PAY-\d+)", Dimension::Feature, "ticket $1"), always(Dimension::Feature, "upkeep")];
    assert_eq!(labels(rules, &at), "feature=upkeep");
}

#[test]
fn the_first_match_of_each_dimension_wins() {
    let at = facts("/code/web", "main");
    let mut first = always(Dimension::Team, "web");
    first.project = Some("web*".to_owned());
    let mut second = always(Dimension::Team, "all");
    second.set.extend(always(Dimension::Customer, "acme").set);
    assert_eq!(labels(vec![first.clone(), second.clone()], &at), "team=web customer=acme");
    assert_eq!(labels(vec![second, first], &at), "team=all customer=acme");
}

/// A change to a rule, and whether it is met then.
type Case = (fn(&mut Rule), bool);

#[test]
fn every_condition_must_be_met_and_what_is_not_known_meets_none() {
    let met = |change: fn(&mut Rule), facts: &Facts<'_>| {
        let mut rule = always(Dimension::Team, "x");
        change(&mut rule);
        !labels(vec![rule], facts).is_empty()
    };
    let at = facts("/srv/clients/web", "main");
    let nothing = Facts { agent: "codex", cwd: None, branch: None, remote: None, env: &|_| None };
    let of = |name: &str| match name {
        "CUSTOMER" => Some("acme-eu"),
        _ => None,
    };
    let with = Facts { env: &of, ..at };
    let cases: [Case; 11] = [
        (|_| {}, true),
        (|rule| rule.project = Some("web".into()), true),
        (|rule| rule.project = Some("*/clients/*".into()), true),
        (|rule| rule.project = Some("clients".into()), false),
        (|rule| rule.agent = Some("codex".into()), true),
        (|rule| rule.agent = Some("claude-code".into()), false),
        (|rule| rule.remote = Some("web".into()), true),
        (|rule| rule.remote = Some("github.com/acme/*".into()), true),
        (|rule| rule.remote = Some("*/other/*".into()), false),
        (|rule| rule.branch = Pattern::new("^ma").ok(), true),
        (|rule| (rule.project, rule.agent) = (Some("web".into()), Some("claude-code".into())), false),
    ];
    for (number, (change, is_met)) in cases.into_iter().enumerate() {
        assert_eq!(met(change, &at), is_met, "case {number}");
        let needs_nothing = number == 0 || number == 4;
        assert_eq!(met(change, &nothing), needs_nothing, "case {number}, with nothing known");
    }
    for (pattern, is_met) in [(None, true), (Some("acme-*"), true), (Some("other"), false)] {
        let mut rule = always(Dimension::Customer, "${env:CUSTOMER}");
        rule.env = Some(Variable { name: "CUSTOMER".into(), pattern: pattern.map(Into::into) });
        assert_eq!(labels(vec![rule.clone()], &with), if is_met { "customer=acme-eu" } else { "" });
        assert_eq!(labels(vec![rule], &at), "", "no hook has seen it");
    }
}

#[test]
fn a_value_that_could_never_be_filled_is_refused() {
    let branch = Pattern::new(r"(?P<ticket>\d+)").unwrap();
    for (text, why) in [
        ("$", "has a `$` alone"),
        ("$x", "has a `$` alone"),
        ("${", "without its `}`"),
        ("${}", "has a `$` alone"),
        ("${a b}", "has a `$` alone"),
        ("${env:}", "has a `$` alone"),
        ("$2", "no such group"),
        ("${name}", "no such group"),
        ("$99999999999999999999", "asks for group"),
        ("", "is empty"),
    ] {
        let refused = Template::new(text, Some(&branch)).unwrap_err();
        assert!(refused.contains(why), "{text}: {refused}");
    }
    assert!(Template::new("$1", None).unwrap_err().contains("no `branch`"));
    assert!(Template::new("$1 ${ticket} ${env:A_1} $$ é", Some(&branch)).is_ok());
}

#[test]
fn an_expression_that_is_none_is_refused_in_one_line() {
    for text in ["(", "[a", "a{999999999}", r"(?P<x>a)(?P<x>b)"] {
        let why = Pattern::new(text).unwrap_err();
        assert!(!why.is_empty() && !why.contains('\n'), "{text}: {why}");
    }
}

#[test]
fn tags_go_before_rules_and_a_subagents_parent_before_its_own_rules() {
    let one = |value: &str| {
        let mut labels = Labels::default();
        labels.set(Dimension::Feature, value_of(value));
        labels
    };
    let none = Labels::default();
    let settled = |kind, tags: &str, ruled: &str, parent: &str| {
        settle(kind, &one(tags), &one(ruled), &one(parent)).get(Dimension::Feature).map(ToString::to_string)
    };
    for kind in [SessionKind::Main, SessionKind::Subagent, SessionKind::Fork] {
        assert_eq!(settled(kind, "tag", "rule", "parent").as_deref(), Some("tag"));
        assert_eq!(settled(kind, "", "rule", "").as_deref(), Some("rule"));
        assert_eq!(settled(kind, "", "", "parent").as_deref(), Some("parent"));
        assert_eq!(settle(kind, &none, &none, &none), none);
    }
    assert_eq!(settled(SessionKind::Subagent, "", "rule", "parent").as_deref(), Some("parent"));
    assert_eq!(settled(SessionKind::Fork, "", "rule", "parent").as_deref(), Some("rule"));
}

#[test]
fn an_experiment_ends_with_its_last_day_in_the_persons_zone() {
    let day = NaiveDate::from_ymd_opt(2026, 10, 25).unwrap();
    let trial = Experiment { name: "x".into(), owner: None, budget: Money::ZERO, ends: Some(day), action: Action::Warn };
    let zone = Zone::named("Europe/Zurich").unwrap();
    let end = trial.end(zone).unwrap();
    // The day has 25 hours there.
    assert_eq!(time::rfc3339(end), "2026-10-25T23:00:00.000Z");
    assert!(!trial.has_ended(end - 1, zone) && trial.has_ended(end, zone));
    assert!(!Experiment { ends: None, ..trial }.has_ended(Millis::MAX, zone));
}

proptest::proptest! {
    /// Whatever a log and a rule say, a value is harmless and bounded, and whoever is asked twice says the same.
    #[test]
    fn no_branch_makes_a_value_that_harms(branch in "\\PC*|[\u{0}-\u{1f}\u{202e}]{0,9}", pattern in "[a-z(.*)+?|]{1,8}") {
        if let Ok(pattern) = Pattern::new(&pattern) {
            let template = Template::new("$0", Some(&pattern)).unwrap();
            let rule = Rule { branch: Some(pattern), set: vec![(Dimension::Feature, template)], ..Rule::default() };
            let all = Attribution { rules: vec![rule], experiments: Vec::new() };
            let (once, twice) = (all.labels(&facts("/w", &branch)), all.labels(&facts("/w", &branch)));
            proptest::prop_assert_eq!(&once, &twice);
            for (_, value) in once.iter() {
                proptest::prop_assert!(!value.is_empty() && text::columns(value) <= LONGEST);
                proptest::prop_assert!(!value.chars().any(text::is_hostile));
            }
        }
    }

    /// Settling again changes nothing, and no value comes from nowhere.
    #[test]
    fn labels_are_settled_once(tags in proptest::option::of("[a-c]"), ruled in proptest::option::of("[a-c]"), parent in proptest::option::of("[a-c]"), kind in 0_i64..3) {
        let of = |value: &Option<String>| {
            let mut labels = Labels::default();
            labels.set(Dimension::Team, value.as_deref().and_then(value_of));
            labels
        };
        let (tags, ruled, parent, kind) = (of(&tags), of(&ruled), of(&parent), SessionKind::from_sql(kind));
        let settled = settle(kind, &tags, &ruled, &parent);
        proptest::prop_assert_eq!(&settle(kind, &tags, &ruled, &settled), &settled);
        proptest::prop_assert!([&tags, &ruled, &parent].contains(&&settled));
    }
}
