//! Telling a person: what there is to tell, and the ways to tell it.
//!
//! **Why so.** Whoever judges spend must never wait for a desktop, a network or a terminal: a [`Teller`] takes an
//! [`Alert`] at once and tells it on a thread of its own. What has been told is kept in a [`Memory`] that all processes
//! share, so that an alert is told once, whoever noticed it. A new way is one file here and one line in [`ALL`].

mod desk;
pub mod desktop;
pub mod memory;
pub mod teller;
pub mod terminal;
pub mod webhook;

use std::time::Duration;

use crate::model::time::DAY;
use crate::model::{Millis, Webhook};

pub use memory::{InMemory, Memory};
pub use teller::{Hours, Teller};

/// How long a way may take for one alert.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is remembered at most that a person has been told of something that comes but once.
pub const REMEMBERED: Millis = 31 * DAY;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// Spend has reached a share of a cap.
    CapLevel,
    /// Spend has reached a cap: agents are stopped.
    CapHit,
    /// An experiment has reached a share of its budget, is over it, or has ended.
    Experiment,
    /// One session has cost more than `alerts.session_over`.
    SessionOver,
    /// A task that went on and on was stopped.
    LoopStopped,
    /// A guard in an agent no longer works: a cap there would not hold.
    GuardBroken,
    /// A model has no price, so that its calls count nothing.
    Unpriced,
    /// A running task has more steps than nearly all others, or than a set number.
    LoopLong,
    /// A running task makes the same tool call again and again.
    SameCall,
    /// Many model calls of a running task failed and were tried again.
    RetryStorm,
    /// The last hour cost far more than the hour usually does.
    BurnRate,
    /// Prompts have grown.
    PromptGrowth,
    /// A task costs far more than the week before.
    TaskCost,
    /// A model made for more did many short tasks without a tool.
    Flagship,
    /// What a gateway has counted differs from what the logs say.
    GatewayDrift,
    /// A GPU costs money and does nothing.
    GpuIdle,
    /// A GPU does nothing, and somebody holds its memory.
    GpuReserved,
    /// A process on a GPU whose session has ended.
    GpuZombie,
    /// A process has held a GPU for longer than was meant.
    GpuTtl,
    /// An inference server works and gets nowhere.
    GpuStalled,
    /// A GPU was used less than its target over a day.
    GpuLowUse,
    /// The cache of an inference server is full.
    GpuKvFull,
    /// A GPU is hot.
    GpuHot,
    /// A GPU reports errors.
    GpuFault,
    /// A GPU is gone.
    GpuLost,
    /// A GPU has no known price.
    GpuUnpriced,
    /// Several alerts that quiet hours held back.
    HeldBack,
    /// A trial by `aifinops alerts test`.
    Test,
}

impl AlertKind {
    /// Those that can be switched off for a while, in the order of the manual.
    pub const TOLD: [AlertKind; 26] = [
        AlertKind::CapLevel,
        AlertKind::CapHit,
        AlertKind::Experiment,
        AlertKind::SessionOver,
        AlertKind::LoopStopped,
        AlertKind::GuardBroken,
        AlertKind::Unpriced,
        AlertKind::LoopLong,
        AlertKind::SameCall,
        AlertKind::RetryStorm,
        AlertKind::BurnRate,
        AlertKind::PromptGrowth,
        AlertKind::TaskCost,
        AlertKind::Flagship,
        AlertKind::GatewayDrift,
        AlertKind::GpuIdle,
        AlertKind::GpuReserved,
        AlertKind::GpuZombie,
        AlertKind::GpuTtl,
        AlertKind::GpuStalled,
        AlertKind::GpuLowUse,
        AlertKind::GpuKvFull,
        AlertKind::GpuHot,
        AlertKind::GpuFault,
        AlertKind::GpuLost,
        AlertKind::GpuUnpriced,
    ];

    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AlertKind::CapLevel => "cap_level",
            AlertKind::CapHit => "cap_hit",
            AlertKind::Experiment => "experiment",
            AlertKind::SessionOver => "session_over",
            AlertKind::LoopStopped => "loop_stopped",
            AlertKind::GuardBroken => "guard_broken",
            AlertKind::Unpriced => "unpriced",
            AlertKind::LoopLong => "loop_long",
            AlertKind::SameCall => "same_call",
            AlertKind::RetryStorm => "retry_storm",
            AlertKind::BurnRate => "burn_rate",
            AlertKind::PromptGrowth => "prompt_growth",
            AlertKind::TaskCost => "task_cost",
            AlertKind::Flagship => "flagship",
            AlertKind::GatewayDrift => "gateway_drift",
            AlertKind::GpuIdle => "gpu_idle",
            AlertKind::GpuReserved => "gpu_reserved",
            AlertKind::GpuZombie => "gpu_zombie",
            AlertKind::GpuTtl => "gpu_ttl",
            AlertKind::GpuStalled => "gpu_stalled",
            AlertKind::GpuLowUse => "gpu_low_use",
            AlertKind::GpuKvFull => "gpu_kv_full",
            AlertKind::GpuHot => "gpu_hot",
            AlertKind::GpuFault => "gpu_fault",
            AlertKind::GpuLost => "gpu_lost",
            AlertKind::GpuUnpriced => "gpu_unpriced",
            AlertKind::HeldBack => "held_back",
            AlertKind::Test => "test",
        }
    }
}

/// How much an alert matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Good to know.
    Low,
    /// To be looked at.
    Normal,
    /// Something has stopped, or fails to.
    Critical,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// What it is told once for: kind, subject, window and level, such as `cap:daily:2026-11-25:80`.
    pub key: String,
    /// When it came about.
    pub at: Millis,
    /// When it may be forgotten that it was told: usually the end of its window.
    pub until: Millis,
    /// One line.
    pub title: String,
    /// The rest, in a few lines at most.
    pub body: String,
    /// How much it matters.
    pub urgency: Urgency,
}

/// Why a way failed.
#[derive(Debug, thiserror::Error)]
pub enum WayError {
    /// There is no session bus.
    #[error("no session bus ({0})")]
    NoBus(String),
    /// There is a bus, and nobody on it who shows notifications.
    #[error("no notification server is on the session bus (nobody answers for org.freedesktop.Notifications)")]
    NoServer,
    /// The desktop refused.
    #[error("{0}")]
    Desktop(String),
    /// The terminal cannot be written to.
    #[error("no terminal to write to: {0}")]
    Terminal(std::io::Error),
    /// The screen takes no more.
    #[error("the screen takes no more")]
    Full,
    /// There is no address.
    #[error("no address is set; set `alerts.webhook`, or the variable AIFINOPS_WEBHOOK")]
    NoAddress,
    /// The address leads nowhere.
    #[error("{host}: {why}")]
    Network {
        /// Where to.
        host: String,
        /// Why.
        why: String,
    },
    /// Whoever is there did not want it.
    #[error("{host} answered {status}")]
    Answer {
        /// Where to.
        host: String,
        /// The status of HTTP.
        status: u16,
    },
    /// It took longer than [`PATIENCE`].
    #[error("{0} did not answer within {secs} s", secs = PATIENCE.as_secs())]
    Late(String),
    /// Something that is always there was not.
    #[error("{0}")]
    System(std::io::Error),
}

/// A way to tell a person.
pub trait Way: Send {
    /// Its name in settings.
    fn name(&self) -> &'static str;

    /// Tells one alert, in [`PATIENCE`] at most. Called on a thread that may wait.
    fn tell(&self, alert: &Alert) -> Result<(), WayError>;
}

/// What ways are made from.
pub struct Setup<'a> {
    /// Looks up variables of the environment; empty ones do not exist.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Where the webhook leads, if anywhere.
    pub webhook: Option<Webhook>,
    /// Takes what is for the terminal, where a screen draws on it; without, it is written to the terminal at once.
    pub screen: Option<terminal::Hand>,
}

/// A way, by its name.
pub struct Known {
    /// Its name in settings.
    pub name: &'static str,
    /// What it does, for a list of them.
    pub about: &'static str,
    /// Whether it makes sense here where nobody has chosen.
    pub fits: fn(&Setup<'_>) -> bool,
    /// Makes it.
    pub make: fn(&mut Setup<'_>) -> Box<dyn Way>,
}

/// All ways, in the order in which they are tried.
pub const ALL: &[Known] = &[desktop::KNOWN, terminal::KNOWN, webhook::KNOWN];

/// The word for whatever fits; and the one for no way at all.
pub const AUTO: &str = "auto";
/// See [`AUTO`].
pub const NONE: &str = "none";

/// The ways of the settings, each once. `auto` stands for those that fit here: the desktop where there is a session and
/// this is not SSH, the terminal always, the webhook where it has an address.
#[must_use]
pub fn ways(names: &[String], setup: &mut Setup<'_>) -> Vec<Box<dyn Way>> {
    let mut out: Vec<Box<dyn Way>> = Vec::new();
    for known in ALL {
        let asked = names.iter().any(|name| name == known.name);
        let auto = names.iter().any(|name| name == AUTO) && (known.fits)(setup);
        if asked || auto {
            out.push((known.make)(setup));
        }
    }
    out
}

/// Whether this is a session over SSH: the desktop at hand, if there is one, is not the one that is looked at.
fn is_remote(setup: &Setup<'_>) -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].iter().any(|name| (setup.env)(name).is_some())
}

/// Runs what waits for a desktop or a network to its end, for [`PATIENCE`] at most; `who` is who may be late.
fn wait<T: Send>(who: &str, what: impl Future<Output = Result<T, WayError>> + Send) -> Result<T, WayError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(WayError::System)?;
        let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, what).await });
        // Looking up a host's name cannot be broken off: nobody waits for it.
        runtime.shutdown_background();
        done.unwrap_or_else(|_| Err(WayError::Late(who.to_owned())))
    };
    // A runtime cannot be started inside another one.
    if tokio::runtime::Handle::try_current().is_err() {
        return run();
    }
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|_| Err(WayError::System(std::io::Error::other("it broke off"))))
}
