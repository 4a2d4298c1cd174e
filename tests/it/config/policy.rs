//! The machine's policy: what an administrator mistypes lifts no cap that was there.

use std::path::Path;

use aifinops::config::keep::{POLICY_FILE, settle_policy};
use aifinops::config::policy::{Policy, parse};
use aifinops::model::cap::OnFailure;

const FILE: &str = "/etc/aifinops/policy.toml";

/// The policy of a text, settled beside what was remembered.
fn settled(text: &str, data_dir: &Path) -> Policy {
    let mut policy = parse(text, Path::new(FILE));
    settle_policy(&mut policy, data_dir);
    policy
}

fn caps(policy: &Policy) -> Vec<(String, String)> {
    let mut caps: Vec<_> = policy.caps.iter().map(|cap| (cap.name.clone(), cap.limit.text())).collect();
    caps.sort();
    caps
}

const SOUND: &str = "on_failure = 'closed'\n[caps.day]\nlimit = '$20'\n[caps.loop]\nlimit = '50 steps'\nper = 'task'\n";

#[test]
fn a_broken_policy_keeps_the_last_good_one_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let sound = settled(SOUND, dir.path());
    assert!(sound.problems.is_empty(), "{:?}", sound.problems);
    for broken in [
        "on_failure = 7\n[caps.day\nlimit = '$900'\n[caps.loop]\nlimit = '50 steps'\nper = 'task'\n",
        "caps = 7\non_failure = 'ajar'\n",
        // What is left of a name is none of theirs.
        "on_failure = 'closed'\n[caps.d\nlimit = '$20'\n[caps.loop]\nlimit = '50 steps'\nper = 'task'\n",
        "on_failure = 'closed'\n[cap.day]\nlimit = '$20'\n[caps.loop]\nlimit = '50 steps'\nper = 'task'\n",
        "on_failure = 3\n[caps.day]\nlimit = 'plenty'\n[caps.loop]\nlimit = '-1'\n",
    ] {
        let policy = settled(broken, dir.path());
        assert_eq!(caps(&policy), caps(&sound), "{broken}");
        assert!(policy.caps.iter().all(|cap| cap.managed));
        assert_eq!(policy.on_failure, Some(OnFailure::Closed), "{broken}");
        let told = policy.problems.iter().any(|p| p.to_string().contains("until it is mended, what was there before holds: policy.day"));
        assert!(told, "{broken}: {:?}", policy.problems);
    }
}

#[test]
fn a_sound_part_of_a_broken_policy_is_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    settled(SOUND, dir.path());
    let policy = settled("on_failure = 'open'\n[caps.day]\nlimit = 'x'\n[caps.loop]\nlimit = '9 steps'\nper = 'task'\n", dir.path());
    assert_eq!(caps(&policy), [("policy.day".to_owned(), "$20".to_owned()), ("policy.loop".to_owned(), "9 steps".to_owned())]);
    assert_eq!(policy.on_failure, Some(OnFailure::Open));
}

#[test]
fn a_policy_that_was_taken_away_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    settled(SOUND, dir.path());
    assert!(dir.path().join(POLICY_FILE).exists());
    let mut none = Policy::default();
    settle_policy(&mut none, dir.path());
    assert!(none.caps.is_empty() && !dir.path().join(POLICY_FILE).exists());
    assert!(caps(&settled("[caps.day", dir.path())).is_empty());
}
