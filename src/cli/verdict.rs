//! What a hook is told: may its agent go on? In milliseconds, and by the setting `on_failure` where nobody can tell.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::GlobalArgs;
use super::catch_up::{self, CatchUpArgs};
use super::context::Context;
use super::error::CliError;
use super::rules;
use crate::budgets;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::judge::{Judgement, Question, judge};
use crate::model::Millis;
use crate::model::cap::OnFailure;
use crate::pricing::Pricer;
use crate::store::Store;

/// An agent waits no longer than this; then `on_failure` decides.
const DEADLINE: Duration = Duration::from_millis(50);
/// How long the store is waited for while another process holds it.
const PATIENCE: Duration = Duration::from_millis(40);

/// What the agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may go on.
    Go,
    /// It may not, and why, in words for its person.
    Halt(String),
}

/// What the worker found.
struct Found {
    answer: Answer,
    judgement: Judgement,
}

/// Judges, with a deadline. Never fails and never panics: an agent's session is not to break because of us.
#[must_use]
pub fn verdict(global: &GlobalArgs, question: Question) -> Answer {
    let global = GlobalArgs { quiet: true, ..global.clone() };
    let context = match Context::load(&global, global.flags()) {
        Ok(context) => context,
        // Only a flag of the hook's own command line can be wrong here.
        Err(_) => return Answer::Go,
    };
    let policy = rules::policy();
    let on_failure = rules::on_failure(&context.settings, &policy);
    let rules = rules::rules(&context.settings, &policy);
    if rules.caps.is_empty() {
        return Answer::Go;
    }
    let (dir, now, agent) = (context.settings.data_dir.value.clone(), context.now, question.agent);
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let found = work(&context, &rules, &question);
        let _ = send.send(found);
    });
    let why = match receive.recv_timeout(DEADLINE) {
        Ok(Ok(found)) => {
            if found.judgement.behind || found.judgement.untidy {
                catch_up::start(&global, &CatchUpArgs { read: found.judgement.behind });
            }
            return found.answer;
        }
        Ok(Err(error)) => error.to_string(),
        Err(mpsc::RecvTimeoutError::Timeout) => format!("no answer within {} ms", DEADLINE.as_millis()),
        Err(mpsc::RecvTimeoutError::Disconnected) => "the guard broke down".to_owned(),
    };
    failed(&dir, now, agent, &why, on_failure)
}

/// Decides without knowing, and writes down why.
fn failed(dir: &Path, now: Millis, agent: &str, why: &str, on_failure: OnFailure) -> Answer {
    let what = match on_failure {
        OnFailure::Open => "lets it go on",
        OnFailure::Closed => "blocks it",
    };
    journal::note(dir, now, &format!("the guard of {agent} cannot tell what was spent and {what} (on_failure = {on_failure}): {why}"));
    match on_failure {
        OnFailure::Open => Answer::Go,
        OnFailure::Closed => Answer::Halt(format!(
            "aifinops: blocked, since what was spent cannot be told ({}). `aifinops doctor` looks closer; on_failure = \"open\" lets agents go on",
            crate::model::text::clean(why)
        )),
    }
}

fn work(context: &Context, rules: &crate::engine::judge::Rules, question: &Question) -> Result<Found, CliError> {
    let dir = &context.settings.data_dir.value;
    let store = Store::open_quickly(dir, PATIENCE)?;
    let (book, _) = context.prices();
    let mut ingest = Ingest::new(store, Pricer::new(book), context.catalog(), 1);
    let judgement = judge(&mut ingest, dir, rules, question, context.now, &rules::who())?;
    let answer = match &judgement.halt {
        Some(standing) => Answer::Halt(budgets::halt_text(standing, rules.zone)),
        None => Answer::Go,
    };
    Ok(Found { answer, judgement })
}
