//! Who is on stage now.

use std::path::Path;

use crate::model::Millis;
use crate::model::time::MINUTE;

use super::Role;
use super::actor::{Actor, Pace, Part, run};
use super::claude::Claude;
use super::codex::Codex;
use super::rng::Rng;
use super::words;

const API: Part = Part { project: "api-server", branch: "feat/billing", model: "claude-opus-4-7", prompts: words::API, context: 52_000 };
const WEB: Part = Part { project: "web", branch: "main", model: "gpt-5.5", prompts: words::WEB, context: 34_000 };
const FLAKY: Part =
    Part { project: "checkout-flaky-test", branch: "fix/checkout", model: "claude-sonnet-4-5", prompts: words::FLAKY, context: 20_000 };
const INFRA: Part = Part { project: "infra", branch: "staging", model: "claude-sonnet-4-5", prompts: words::INFRA, context: 38_000 };

/// How an actor came to be where it is.
struct Story {
    /// Minutes since its session began.
    since: Millis,
    /// Tasks done before the present one.
    tasks: u64,
    /// Milliseconds since the present task began, its speed and its steps.
    began: Millis,
    pace: Pace,
    goal: u64,
}

impl Story {
    /// Plays it up to now.
    fn tell(&self, mut actor: Box<dyn Actor>, now: Millis) -> Role {
        run(actor.as_mut(), now - self.since * MINUTE + 1_000, self.tasks);
        actor.set(self.pace, self.goal);
        let mut role = Role { actor, next: now - self.began };
        role.play(now);
        role
    }
}

/// Everybody, each in the middle of what they do.
pub(super) fn cast(home: &Path, now: Millis, rng: &mut Rng) -> Vec<Role> {
    let steady = Story { since: 160, tasks: 3, began: 70_000, pace: Pace::LIVE, goal: 34 };
    let api = Claude::new(home, API, rng.fork()).with_hiccup().delegating(now + 3_500);
    let other = Story { since: 115, tasks: 3, began: 55_000, pace: Pace::LIVE, goal: 26 };
    let web = Codex::new(home, WEB, rng.fork(), now - other.since * MINUTE, 310);
    let stuck = Story { since: 25, tasks: 1, began: 57_000, pace: Pace::RUNAWAY, goal: u64::MAX };
    let flaky = Claude::new(home, FLAKY, rng.fork());
    let mut infra: Box<dyn Actor> = Box::new(Claude::new(home, INFRA, rng.fork()));
    run(infra.as_mut(), now - 80 * MINUTE, 2);
    infra.set(Pace::LIVE, 6);
    run(infra.as_mut(), now - 80_000, 1);
    let waiting = Role { actor: infra, next: now + 32_000 }; // its human comes back then

    vec![steady.tell(Box::new(api), now), other.tell(Box::new(web), now), stuck.tell(Box::new(flaky), now), waiting]
}
