//! What a hook is told: may its agent go on? In milliseconds, and by the setting `on_failure` where nobody can tell.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::GlobalArgs;
use super::catch_up::{self, CatchUpArgs};
use super::clock::Clock;
use super::context::{Context, variable};
use super::error::CliError;
use super::out::{FAINT, note};
use super::rules;
use crate::budgets;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::judge::{Judgement, Question, Rules, judge};
use crate::model::cap::OnFailure;
use crate::model::{Millis, label};
use crate::pricing::Pricer;
use crate::store::ledger::{Decision, Kind};
use crate::store::{Ledger, Store};

/// An agent waits no longer than this; then `on_failure` decides. Where it would block, a busy machine is not to be the
/// reason: it waits as long as a person does not mind.
const fn deadline(on_failure: OnFailure) -> Duration {
    match on_failure {
        OnFailure::Open => Duration::from_millis(50),
        OnFailure::Closed => Duration::from_millis(250),
    }
}

/// How long the store is waited for while another process holds it: a little less.
const fn patience(on_failure: OnFailure) -> Duration {
    match on_failure {
        OnFailure::Open => Duration::from_millis(40),
        OnFailure::Closed => Duration::from_millis(200),
    }
}

/// How much longer it waits for its own log, near a cap.
const LATE: Duration = Duration::from_millis(450);
/// How long the ledger is waited for where the store has failed.
const LEDGER: Duration = Duration::from_millis(20);

/// What the agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may go on.
    Go,
    /// It may not, and why, in words for its person.
    Halt(String),
}

/// Judges, with a deadline. Never fails and never panics: an agent's session is not to break because of us.
///
/// This thread works; another one watches the clock, and gives its answer to `late` where it is first: that has to speak
/// and to end the process. What was being written then is undone by the store itself.
#[must_use]
pub fn verdict(global: &GlobalArgs, question: &Question, late: impl FnOnce(Answer) + Send + 'static) -> Answer {
    let global = GlobalArgs { quiet: true, ..global.clone() };
    // Only a flag could be wrong here, and a hook has none.
    let Ok(context) = Context::load(&global, global.flags()) else { return Answer::Go };
    let policy = rules::policy(&context.settings);
    let on_failure = rules::on_failure(&context.settings, &policy);
    let rules = rules::rules(&context.settings, &policy);
    let (dir, now, agent) = (context.settings.data_dir.value.clone(), context.now, question.agent);
    let seen = variables(&rules);
    if rules.are_none() {
        remember(&dir, question, &seen, now);
        return Answer::Go;
    }
    let clock = Clock::start(deadline(on_failure), {
        let dir = dir.clone();
        move |waited| late(failed(&dir, now, agent, &format!("no answer within {} ms", waited.as_millis()), on_failure))
    });
    let found = work(&context, &rules, question, on_failure, &|| clock.wait_for(LATE));
    if !clock.stop() {
        // The other thread speaks; this one must not say something else.
        loop {
            std::thread::park();
        }
    }
    // Nobody is stopped for this: it has no deadline.
    remember(&dir, question, &seen, now);
    match found {
        Ok((answer, judgement)) => {
            leave(&global, &judgement);
            answer
        }
        Err(error) => {
            if error.is_damage() {
                // Nobody may look for days, and every hook until then would fail as this one did.
                catch_up::start(&global, &CatchUpArgs { read: true, tell: false });
            }
            failed(&dir, now, agent, &error.to_string(), on_failure)
        }
    }
}

/// The variables that rules ask for, as they are here: a hook is started by its agent, so they are the agent's own.
fn variables(rules: &Rules) -> Vec<(&str, Arc<str>)> {
    rules.attribution.variables().into_iter().filter_map(|name| Some((name, label::value(&variable(name)?)?))).collect()
}

/// Remembers them for the session. What cannot be remembered only leaves a dimension without a value: nobody is stopped for it.
fn remember(dir: &Path, question: &Question, seen: &[(&str, Arc<str>)], now: Millis) {
    let Some(session) = question.session.as_deref().filter(|_| !seen.is_empty()) else { return };
    let noted = Ledger::open(dir, LEDGER).and_then(|(ledger, _)| ledger.note_variables(question.agent, session, seen, now));
    if let Err(error) = noted {
        journal::note(dir, now, &format!("the variables of a session of {} could not be remembered: {error}", question.agent));
    }
}

/// Leaves for later what no agent should wait for.
fn leave(global: &GlobalArgs, judgement: &Judgement) {
    let tell = !judgement.reached.is_empty() || judgement.halt.is_some();
    if judgement.behind || judgement.untidy || tell {
        catch_up::start(global, &CatchUpArgs { read: judgement.behind, tell });
    }
}

/// Decides without knowing, and writes down why.
fn failed(dir: &Path, now: Millis, agent: &str, why: &str, on_failure: OnFailure) -> Answer {
    let what = match on_failure {
        OnFailure::Open => "lets it go on",
        OnFailure::Closed => "blocks it",
    };
    let text = format!("the guard of {agent} cannot tell what was spent and {what} (on_failure = {on_failure}): {why}");
    if journal::write(dir, now, &text).is_err() {
        // Where nothing can be written, the agent's own log may keep it.
        note(FAINT, &text);
    }
    let decision = Decision {
        at: now,
        kind: Kind::Failure,
        cap: String::new(),
        agent: Some(agent.to_owned()),
        session: None,
        unit: String::new(),
        spent: 0,
        amount: 0,
        until: None,
        who: rules::who(),
        why: Some(format!("{what}: {why}")),
    };
    // The ledger may be what failed; the journal has said it already.
    let _ = Ledger::open(dir, LEDGER).and_then(|(ledger, _)| ledger.record(&decision));
    match on_failure {
        OnFailure::Open => Answer::Go,
        OnFailure::Closed => Answer::Halt(format!(
            "aifinops: blocked, since what was spent cannot be told ({}). `aifinops doctor` looks closer; on_failure = \"open\" lets agents go on",
            crate::model::text::clean(why)
        )),
    }
}

fn work(
    context: &Context,
    rules: &Rules,
    question: &Question,
    on_failure: OnFailure,
    waiting: &dyn Fn(),
) -> Result<(Answer, Judgement), CliError> {
    let dir = &context.settings.data_dir.value;
    let store = Store::open_quickly(dir, patience(on_failure))?;
    let (book, _) = context.prices();
    let mut ingest = Ingest::new(store, Pricer::new(book), context.catalog_of(|agent| agent == question.agent), 1);
    let judgement = judge(&mut ingest, dir, rules, question, context.now, &rules::who(), waiting)?;
    let answer = match &judgement.halt {
        Some(standing) => Answer::Halt(budgets::halt_text(standing, rules.zone)),
        None => Answer::Go,
    };
    Ok((answer, judgement))
}
