//! What a hook is told: may its agent go on? In milliseconds, and by the setting `on_failure` where nobody can tell.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::GlobalArgs;
use super::catch_up::{self, Errand};
use super::clock::Clock;
use super::context::{Context, variable};
use super::error::CliError;
use super::out::{FAINT, note};
use super::rules;
use crate::budgets;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::judge::{Judgement, Question, judge};
use crate::engine::rules::Rules;
use crate::model::cap::OnFailure;
use crate::model::{AgentId, Millis, label};
use crate::pricing::Pricer;
use crate::store::{Store, StoreError};

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
        OnFailure::Open => Duration::from_millis(35),
        OnFailure::Closed => Duration::from_millis(200),
    }
}

/// How much longer it waits for its own log, near a cap.
const LATE: Duration = Duration::from_millis(450);
/// How long the ledger is waited for by who has its answer.
const LEDGER: Duration = Duration::from_millis(20);

/// What was read of a question: nothing where it is none to be judged, a reason where it is no question.
pub type Read = Result<Option<Question>, String>;

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
/// This thread works, and first takes the question from `read`, which may wait for the agent to finish it. Another thread
/// watches the clock, and gives its answer to `late` where it is first: that has to speak, then to do what is left to do, and
/// to end the process. What was being written then is undone by the store itself.
#[must_use]
pub fn verdict(
    global: &GlobalArgs,
    agent: AgentId,
    read: impl FnOnce() -> Read,
    late: impl FnOnce(Answer, &dyn Fn()) + Send + 'static,
) -> Answer {
    let global = GlobalArgs { quiet: true, ..global.clone() };
    // Only a flag could be wrong here, and a hook has none.
    let Ok(context) = Context::load(&global, global.flags()) else { return Answer::Go };
    let policy = rules::policy(&context.settings);
    let on_failure = rules::on_failure(&context.settings, &policy);
    let rules = rules::rules(&context.settings, &policy);
    let (dir, now) = (context.settings.data_dir.value.clone(), context.now);
    let seen = variables(&rules);
    let is_idle = rules.are_none();
    let clock = Clock::start(deadline(on_failure), {
        let (global, dir) = (global.clone(), dir.clone());
        move |waited| {
            let why = format!("no answer within {} ms", waited.as_millis());
            if is_idle {
                late(Answer::Go, &|| ());
            } else {
                // The store may be of an earlier release, and more to bring up to date than there is time for here.
                late(without_knowing(on_failure, &why), &|| write_down(&global, &dir, now, agent, &why, on_failure, &[Errand::Read]));
            }
        }
    });
    let question = read();
    let found = match &question {
        Ok(Some(question)) if !is_idle => work(&context, &rules, question, on_failure, &|| clock.wait_for(LATE))
            .map(Some)
            .map_err(|error| (matches!(error, CliError::Store(StoreError::Partial)) || error.is_damage(), reason(&error))),
        Err(why) if !is_idle => Err((false, why.clone())),
        _ => Ok(None),
    };
    if !clock.stop() {
        // The other thread speaks; this one must not say something else.
        loop {
            std::thread::park();
        }
    }
    if let Ok(Some(question)) = &question {
        // Nobody is stopped for this: it has no deadline.
        remember(&dir, question, &seen, now);
    }
    match found {
        Ok(None) => Answer::Go,
        Ok(Some((answer, judgement))) => {
            leave(&global, &dir, now, agent, &judgement);
            answer
        }
        Err((is_mended, why)) => {
            // Nobody may look for days, and every hook until then would fail as this one did.
            let more = if is_mended { [Errand::Read].as_slice() } else { &[] };
            write_down(&global, &dir, now, agent, &why, on_failure, more);
            without_knowing(on_failure, &why)
        }
    }
}

/// Why nobody can tell, in words for who runs the agent.
fn reason(error: &CliError) -> String {
    match error {
        CliError::Store(error) if error.is_busy() => "other processes kept the store busy for too long".to_owned(),
        error => error.to_string(),
    }
}

/// The variables that rules ask for, as they are here: a hook is started by its agent, so they are the agent's own.
fn variables(rules: &Rules) -> Vec<(&str, Arc<str>)> {
    rules.attribution.variables().into_iter().filter_map(|name| Some((name, label::value(&variable(name)?)?))).collect()
}

/// Remembers them for the session. What cannot be remembered only leaves a dimension without a value: nobody is stopped for it.
fn remember(dir: &Path, question: &Question, seen: &[(&str, Arc<str>)], now: Millis) {
    let Some(session) = question.session.as_deref().filter(|_| !seen.is_empty()) else { return };
    let noted = journal::ledger(dir, LEDGER, now).and_then(|ledger| ledger.note_variables(question.agent, session, seen, now));
    if let Err(error) = noted {
        journal::note(dir, now, &format!("the variables of a session of {} could not be remembered: {error}", question.agent));
    }
}

/// Leaves for later what no agent should wait for.
fn leave(global: &GlobalArgs, dir: &Path, now: Millis, agent: AgentId, judgement: &Judgement) {
    let tell = !judgement.reached.is_empty() || judgement.halt.is_some();
    let late = judgement.halt.as_ref().filter(|_| judgement.unrecorded);
    let why = late.map(|standing| format!("stopped by the cap {}, which is written down late: the ledger was busy", standing.cap.name));
    let asked = [(judgement.behind, Errand::Read), (judgement.untidy, Errand::Tidy), (tell, Errand::Tell)];
    let mut errands: Vec<Errand> = asked.into_iter().filter_map(|(is_due, errand)| is_due.then_some(errand)).collect();
    errands.extend(why.map(|why| Errand::Failure { at: now, agent: agent.to_owned(), why }));
    if !errands.is_empty() {
        catch_up::leave(global, dir, &errands);
    }
}

/// What an agent is told where nobody can tell.
fn without_knowing(on_failure: OnFailure, why: &str) -> Answer {
    match on_failure {
        OnFailure::Open => Answer::Go,
        OnFailure::Closed => Answer::Halt(format!(
            "aifinops: blocked, since what was spent cannot be told ({}). `aifinops doctor` looks closer; on_failure = \"open\" lets agents go on",
            crate::model::text::clean(why)
        )),
    }
}

/// Writes down that nobody could tell, and why: one line here, and the record by a process that has time for a disk, which may
/// do more.
fn write_down(global: &GlobalArgs, dir: &Path, now: Millis, agent: AgentId, why: &str, on_failure: OnFailure, more: &[Errand]) {
    let what = match on_failure {
        OnFailure::Open => "lets it go on",
        OnFailure::Closed => "blocks it",
    };
    let text = format!("the guard of {agent} cannot tell what was spent and {what} (on_failure = {on_failure}): {why}");
    if journal::write(dir, now, &text).is_err() {
        // Where nothing can be written, the agent's own log may keep it.
        note(FAINT, &text);
    }
    let failure = Errand::Failure { at: now, agent: agent.to_owned(), why: format!("{what}: {why}") };
    catch_up::leave(global, dir, &[more, &[failure]].concat());
}

fn work(
    context: &Context,
    rules: &Rules,
    question: &Question,
    on_failure: OnFailure,
    waiting: &dyn Fn(),
) -> Result<(Answer, Judgement), CliError> {
    let dir = &context.settings.data_dir.value;
    let mut store = Store::open_beside(dir, patience(on_failure))?;
    // One that has just been begun knows nothing of what was spent, if anything was.
    if store.is_untouched()? && context.catalog().has_others(&question.transcript.iter().cloned().collect::<BTreeSet<_>>()) {
        store.set_partial(true)?;
    }
    if store.is_partial() {
        return Err(StoreError::Partial.into());
    }
    // Not before: whoever reads the logs for the first time is to have the right to write.
    store.become_writer();
    let (book, _) = context.prices();
    let mut ingest = Ingest::new(store, Pricer::new(book), context.catalog_of(|agent| agent == question.agent), 1);
    let judgement = judge(&mut ingest, dir, rules, question, context.now, &rules::who(), waiting)?;
    let answer = match &judgement.halt {
        Some(standing) => Answer::Halt(budgets::halt_text(standing, rules.zone)),
        None => Answer::Go,
    };
    Ok((answer, judgement))
}
