//! Ending what goes on past a cap whose action is `stop`. Guards halt the agents that ask; this is for those that do not:
//! no guard, one that is switched off, a loop in which no hook fires.

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;

use super::hand;
use super::process::{self, Process};
use super::rules;
use super::warden::News;
use crate::budgets::Standing;
use crate::model::cap::{Action, Span};
use crate::model::{Millis, SessionKind, SessionState};
use crate::query::{Living, SessionView};
use crate::store::ledger::{Decision, Kind};
use crate::store::{Ledger, Store, StoreError};

/// An agent that asks has stopped by itself after so long.
const GRACE: Millis = 10_000;
/// An agent that was signalled is not signalled again for so long, by any process.
const AGAIN: Millis = 60_000;

/// Remembers since when caps are reached.
#[derive(Debug, Default)]
pub struct Enforcer {
    reached: HashMap<String, Millis>,
}

/// What the enforcer looks at.
pub struct Scene<'a> {
    /// How caps stand.
    pub standings: &'a [Standing],
    /// The sessions of the picture.
    pub sessions: &'a [std::sync::Arc<SessionView>],
    /// What lives.
    pub living: &'a Living,
    /// Now.
    pub now: Millis,
    /// Whose name the decision is signed with.
    pub who: &'a str,
}

/// A session that goes on past a cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The session in the store.
    pub session: i64,
    /// The cap.
    pub cap: Standing,
}

impl Enforcer {
    /// The sessions that go on although a cap is to stop them, and have for longer than any agent that asks.
    pub fn culprits(&mut self, scene: &Scene<'_>) -> Vec<Culprit> {
        let stops = |standing: &&Standing| standing.halts() && standing.cap.action == Action::Stop;
        let key = |standing: &Standing| {
            format!("{}:{}:{}", standing.cap.name, standing.window.from, standing.subject.as_deref().unwrap_or_default())
        };
        let halting: Vec<&Standing> = scene.standings.iter().filter(stops).collect();
        self.reached.retain(|known, _| halting.iter().any(|standing| key(standing) == *known));
        let mut out: Vec<Culprit> = Vec::new();
        for standing in halting {
            let since = self.reached.entry(key(standing)).or_insert(scene.now);
            // A clock that was set back: what the logs say from now on is dated before, and counts all the same.
            *since = scene.now.min(*since);
            let since = *since;
            if scene.now - since < GRACE {
                continue;
            }
            for session in scene.sessions {
                if goes_on(session, standing, since) && out.iter().all(|other| other.session != session.id) {
                    out.push(Culprit { session: session.id, cap: standing.clone() });
                }
            }
        }
        out
    }

    /// Ends them, each in a thread of its own, and writes it down.
    pub fn enforce(&mut self, scene: &Scene<'_>, store: &Store, ledger: &Ledger, news: &SyncSender<News>) -> Result<(), StoreError> {
        for culprit in self.culprits(scene) {
            let Some(subject) = hand::subject(culprit.session, store, scene.living)? else { continue };
            let name = &culprit.cap.cap.name;
            let process = match process::find(&subject.clues) {
                Ok(process) => process,
                Err(missing) => {
                    let key = format!("stop-missing:{}:{name}", culprit.session);
                    if ledger.first(&key, scene.now + 10 * AGAIN, scene.now)? {
                        let text = format!("the cap `{name}` is to stop an agent in {}, and: {missing}", subject.name);
                        let _ = news.try_send(News::Trouble(text));
                    }
                    continue;
                }
            };
            // One of all processes signals it.
            if !ledger.first(&format!("stop:{}:{:?}", process.pid, process.started), scene.now + AGAIN, scene.now)? {
                continue;
            }
            ledger.record(&decision(&culprit, scene, store, &process)?)?;
            end(process, subject.name, news.clone());
        }
        Ok(())
    }
}

/// Whether a session has spent after the cap was reached, and is at it still.
fn goes_on(session: &SessionView, standing: &Standing, since: Millis) -> bool {
    let covered = standing.cap.scope.covers(&session.agent, session.cwd.as_deref(), session.model.as_deref());
    let its_own = match standing.cap.span {
        // What a subagent does goes on in its session.
        Span::Session | Span::Task => standing.subject.as_deref().is_some_and(|root| root == &*session.uid || is_below(session, root)),
        Span::Day | Span::Week | Span::Month => true,
    };
    covered && its_own && session.state == SessionState::Working && session.last_at.is_some_and(|last| last > since)
}

/// Whether a session is a subagent of another one.
fn is_below(session: &SessionView, root: &str) -> bool {
    session.kind == SessionKind::Subagent && session.parent.as_deref() == Some(root)
}

fn decision(culprit: &Culprit, scene: &Scene<'_>, store: &Store, process: &Process) -> Result<Decision, StoreError> {
    let who = store.who(culprit.session)?;
    Ok(Decision {
        agent: who.as_ref().map(|who| who.agent.to_string()),
        session: who.as_ref().map(|who| who.uid.to_string()),
        why: Some(format!("it went on past the cap: process {}", process.pid)),
        ..rules::decision(&culprit.cap, Kind::Stop, scene.now, scene.who)
    })
}

#[cfg(unix)]
fn end(process: Process, name: String, news: SyncSender<News>) {
    use super::stop::{Waits, ladder};

    std::thread::spawn(move || {
        let pid = process.pid;
        let text = match ladder(hand::target(&process), &Waits::default()) {
            Ok(Some(step)) => format!("the agent in {name} (process {pid}) has ended after {}", step.word()),
            Ok(None) => format!("the agent in {name} (process {pid}) had ended already"),
            Err(error) => format!("the agent in {name} could not be stopped: {error}"),
        };
        let _ = news.try_send(News::Stopped(text));
    });
}

#[cfg(not(unix))]
fn end(_: Process, name: String, news: SyncSender<News>) {
    let _ = news.try_send(News::Trouble(format!("the agent in {name} cannot be stopped on this system")));
}
