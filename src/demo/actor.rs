//! What all on stage have in common.

use std::io;

use crate::model::Millis;

/// An agent that works through tasks.
pub(super) trait Actor: Send {
    /// Does the next thing, at this instant; how long until the one after it.
    fn act(&mut self, at: Millis) -> Millis;

    /// Whether it has answered and waits for its human.
    fn waits(&self) -> bool;

    /// Sets the speed from here on, and the steps of the next task.
    fn set(&mut self, pace: Pace, goal: u64);

    /// Writes the lines gathered so far; whether there were any.
    fn flush(&mut self) -> io::Result<bool>;

    /// Writes the lines of a session that was over at that instant.
    fn close(self: Box<Self>, at: Millis) -> io::Result<()>;
}

/// Lets an actor do whole tasks, one after another; when it would begin the next.
pub(super) fn run(actor: &mut dyn Actor, mut at: Millis, tasks: u64) -> Millis {
    for _ in 0..tasks {
        loop {
            at += actor.act(at).max(1);
            if actor.waits() {
                break;
            }
        }
    }
    at
}

/// What an actor does next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its human types the next prompt.
    Rest,
    /// The model answers.
    Think,
    /// A tool comes back.
    Tool,
    /// A subagent goes on.
    Child,
}

/// How fast and how much: spans of milliseconds, tokens and steps.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Until the model has answered.
    pub think: (u64, u64),
    /// Until a tool has run.
    pub tool: (u64, u64),
    /// Until the human has read the answer.
    pub rest: (u64, u64),
    /// Steps of a task.
    pub goal: (u64, u64),
    /// Tokens of a tool's output.
    pub grow: (u64, u64),
    /// Tokens of an answer.
    pub output: (u64, u64),
    /// Tool calls that fail, of a thousand.
    pub fail: u64,
}

impl Pace {
    /// As people really work.
    pub(super) const PAST: Pace = Pace {
        think: (5_000, 22_000),
        tool: (400, 14_000),
        rest: (30_000, 240_000),
        goal: (5, 12),
        grow: (700, 4_200),
        output: (180, 900),
        fail: 70,
    };

    /// Quick enough for somebody who watches for ten seconds.
    pub(super) const LIVE: Pace = Pace {
        think: (1_300, 2_900),
        tool: (500, 1_700),
        rest: (9_000, 22_000),
        goal: (12, 24),
        grow: (500, 2_400),
        output: (200, 800),
        fail: 60,
    };

    /// A small model that searches.
    pub(super) const EXPLORE: Pace =
        Pace { think: (700, 1_400), tool: (200, 700), goal: (10, 15), grow: (900, 3_800), output: (90, 320), fail: 30, ..Pace::LIVE };

    /// The same call again and again, without end.
    pub(super) const RUNAWAY: Pace = Pace {
        think: (560, 720),
        tool: (480, 640),
        goal: (u64::MAX, u64::MAX),
        grow: (400, 900),
        output: (420, 900),
        fail: 1000,
        ..Pace::LIVE
    };
}

/// Who works where, on what.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The directory's last name.
    pub project: &'static str,
    /// The git branch.
    pub branch: &'static str,
    /// The model.
    pub model: &'static str,
    /// What its human asks, in turn.
    pub prompts: &'static [&'static str],
    /// The tokens that the first prompt has.
    pub context: u64,
}

impl Part {
    /// The working directory.
    pub(super) fn cwd(&self) -> String {
        format!("/home/dev/{}", self.project)
    }
}
