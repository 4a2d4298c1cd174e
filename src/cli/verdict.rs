//! What a hook is told: may its agent go on? In milliseconds, and by the setting `on_failure` where nobody can tell.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::GlobalArgs;
use super::catch_up::{self, CatchUpArgs};
use super::context::Context;
use super::error::CliError;
use super::out::{FAINT, note};
use super::rules;
use crate::budgets;
use crate::engine::ingest::Ingest;
use crate::engine::journal;
use crate::engine::judge::{Judgement, Question, Rules, judge};
use crate::model::Millis;
use crate::model::cap::OnFailure;
use crate::pricing::Pricer;
use crate::store::Store;

/// An agent waits no longer than this; then `on_failure` decides. Where it would block, a busy machine is not to be the
/// reason: it waits as long as a person does not mind.
const fn deadline(on_failure: OnFailure) -> Duration {
    match on_failure {
        OnFailure::Open => Duration::from_millis(50),
        OnFailure::Closed => Duration::from_secs(1),
    }
}

/// How long the store is waited for while another process holds it: a little less.
const fn patience(on_failure: OnFailure) -> Duration {
    match on_failure {
        OnFailure::Open => Duration::from_millis(40),
        OnFailure::Closed => Duration::from_millis(800),
    }
}

/// How much longer it waits for its own log, near a cap.
const LATE: Duration = Duration::from_millis(450);

/// What the agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may go on.
    Go,
    /// It may not, and why, in words for its person.
    Halt(String),
}

/// What the worker says.
enum Word {
    /// The agent writes its log late, and what is missing may decide: it is worth a wait.
    Wait,
    /// The end of it.
    Done(Result<(Answer, Judgement), CliError>),
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
    let (send, receive) = mpsc::sync_channel(2);
    let waiting = send.clone();
    std::thread::spawn(move || {
        let wait = move || {
            let _ = waiting.send(Word::Wait);
        };
        let _ = send.send(Word::Done(work(&context, &rules, &question, on_failure, &wait)));
    });
    let mut patience = deadline(on_failure);
    let why = loop {
        match receive.recv_timeout(patience) {
            Ok(Word::Wait) => patience += LATE,
            Ok(Word::Done(Ok((answer, judgement)))) => {
                leave(&global, &judgement);
                return answer;
            }
            Ok(Word::Done(Err(error))) => {
                if error.is_damage() {
                    // Nobody may look for days, and every hook until then would fail as this one did.
                    catch_up::start(&global, &CatchUpArgs { read: true, tell: false });
                }
                break error.to_string();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => break format!("no answer within {} ms", patience.as_millis()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break "the guard broke down".to_owned(),
        }
    };
    failed(&dir, now, agent, &why, on_failure)
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
    let mut ingest = Ingest::new(store, Pricer::new(book), context.catalog(), 1);
    let judgement = judge(&mut ingest, dir, rules, question, context.now, &rules::who(), waiting)?;
    let answer = match &judgement.halt {
        Some(standing) => Answer::Halt(budgets::halt_text(standing, rules.zone)),
        None => Answer::Go,
    };
    Ok((answer, judgement))
}
