//! What was before: sessions that are over.

use std::io;
use std::path::Path;

use chrono::Datelike as _;

use crate::model::Millis;
use crate::model::time::{DAY, MINUTE, utc};

use super::actor::{Actor, Part, run};
use super::claude::Claude;
use super::codex::Codex;
use super::rng::Rng;
use super::words;

/// A model that no price list has: its calls are counted and their price is unknown.
const UNLISTED: &str = "orchard-coder-v3";

const fn part(project: &'static str, branch: &'static str, model: &'static str, context: u64) -> Part {
    Part { project, branch, model, prompts: words::ANY, context }
}

/// The parts of the last weeks; Codex plays those of `OpenAI`.
const MONTH: [Part; 9] = [
    part("api-server", "main", "claude-opus-4-7", 46_000),
    part("api-server", "feat/search", "claude-opus-4-7", 61_000),
    part("web", "main", "gpt-5.5", 38_000),
    part("web", "redesign", "gpt-5.5", 52_000),
    part("mobile-app", "main", "claude-sonnet-4-5", 33_000),
    part("infra", "main", "claude-sonnet-4-5", 29_000),
    part("docs", "main", "claude-haiku-4-5", 24_000),
    part("data-pipeline", "backfill", "claude-opus-4-6", 57_000),
    part("design-system", "main", "gpt-5.4", 31_000),
];

/// A whole session.
fn session(home: &Path, part: Part, start: Millis, tasks: u64, rng: &mut Rng) -> io::Result<()> {
    let luck = rng.fork();
    let mut actor: Box<dyn Actor> = if part.model.starts_with("gpt-") {
        Box::new(Codex::new(home, part, luck, start, 120))
    } else {
        Box::new(Claude::new(home, part, luck))
    };
    let end = run(actor.as_mut(), start + 2_000, tasks);
    actor.close(end)
}

/// Some sessions on each of the last thirty days, at the hours of today's, fewer at weekends.
pub(super) fn month(home: &Path, now: Millis, rng: &mut Rng) -> io::Result<()> {
    for day in 1..=30 {
        let now = now - day * DAY;
        let weekend = utc(now).weekday().number_from_monday() > 5;
        let sessions = if weekend { rng.within((0, 1)) } else { rng.within((3, 6)) };
        for _ in 0..sessions {
            let start = now - rng.millis((50, 470)) * MINUTE;
            let which = usize::try_from(rng.within((0, 8))).unwrap_or(0);
            let tasks = rng.within((2, 4));
            if let Some(part) = MONTH.get(which) {
                let prompts = usize::try_from(rng.within((0, 3))).ok().and_then(|first| words::ANY.get(first..)).unwrap_or(words::ANY);
                session(home, Part { prompts, ..*part }, start, tasks, rng)?;
            }
        }
    }
    Ok(())
}

/// What has been finished today.
pub(super) fn today(home: &Path, now: Millis, rng: &mut Rng) -> io::Result<()> {
    let parts = [
        (465, 2, part("mobile-app", "fix/login", "claude-sonnet-4-5", 174_000)), // nearly full: it will be summarized
        (390, 2, part("design-system", "main", "gpt-5.4", 36_000)),
        (330, 1, part("data-pipeline", "backfill", UNLISTED, 58_000)),
        (270, 2, Part { prompts: words::DOCS, ..part("docs", "main", "claude-haiku-4-5", 27_000) }),
    ];
    for (minutes, tasks, part) in parts {
        session(home, part, now - minutes * MINUTE, tasks, rng)?;
    }
    Ok(())
}
