//! `hook`: what agents run; the whole way from their question to the answer that they obey.
//!
//! An agent waits for this before each step, so it is as short as it can be: no screen, no walk through the logs, and the
//! command line is read by hand. What goes wrong is decided by the setting `on_failure`, see [`verdict`].

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock, mpsc};

use clap::Args;

use crate::engine::judge::{self, Question};
use crate::guards::{self, Ask, Guard, Moment, Verdict, process};
use crate::model::AgentId;

use super::GlobalArgs;
use super::error::FAILURE;
use super::out::{FAINT, note};
use super::verdict::{self, Answer, Read};

/// Questions can hold a whole conversation; the fields that matter come first.
const LONGEST: u64 = 4 << 20;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops guard install --all      writes this command into the agents' settings
  aifinops guard verify             asks it as the agents would, and looks at the answers
  aifinops hook codex < question.json";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct HookArgs {
    /// The agent that asks
    pub agent: String,
    /// The agent's name of the event, where the question does not say it
    pub event: Option<String>,
}

/// The variable by which a self-test makes every hook that it starts halt, with its value as the reason.
const SELF_TEST: &str = "AIFINOPS_HOOK_HALT";

/// Makes every hook that a command starts halt with this text, whatever has been spent.
pub fn force_halt(command: &mut Command, text: &str) {
    command.env(SELF_TEST, text);
}

/// Ends the process for the thread that watches the clock: the other one may be waiting for a disk or a lock for as long as
/// it likes.
pub fn end(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// Answers at once if the command line is `hook AGENT [EVENT]`; `None` for any other, which is read in the usual way.
#[must_use]
pub fn quick() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != "hook" {
        return None;
    }
    let rest: Vec<String> = args.map(std::ffi::OsString::into_string).collect::<Result<_, _>>().ok()?;
    match rest.as_slice() {
        [agent] if !agent.starts_with('-') => Some(answer(agent, None)),
        [agent, event] if !agent.starts_with('-') && !event.starts_with('-') => Some(answer(agent, Some(event))),
        _ => None,
    }
}

/// Reads the question from standard input, judges and answers.
#[must_use]
pub fn run(args: &HookArgs) -> ExitCode {
    answer(&args.agent, args.event.as_deref())
}

fn answer(agent: &str, event: Option<&str>) -> ExitCode {
    let Some(guard) = guards::by_agent(agent) else {
        let known: Vec<&str> = guards::ALL.iter().map(|guard| guard.agent()).collect();
        note(FAINT, &format!("there is no guard for this agent; there are some for {}", known.join(", ")));
        // 1 halts no agent; 2 would.
        return ExitCode::from(FAILURE);
    };
    if let Some(text) = std::env::var(SELF_TEST).ok().filter(|text| !text.is_empty()) {
        let ask = guard.read(event, &question()).unwrap_or_default();
        let answer = if ask.moment == Moment::Other { Answer::Go } else { Answer::Halt(text) };
        return ExitCode::from(say(guard, &ask, &answer));
    }
    // The question is read while the settings are, and the clock runs for both.
    let (send, asked) = mpsc::sync_channel(1);
    let reading = std::thread::Builder::new().name("question".to_owned()).stack_size(256 << 10);
    let reading = reading.spawn(move || drop(send.send(question())));
    let known: Arc<OnceLock<Ask>> = Arc::default();
    let event = event.map(str::to_owned);
    // One that cannot be read may be any: it is answered as one in the middle of a task.
    let unread = Ask { moment: Moment::Step, ..Ask::default() };
    let read = {
        let known = known.clone();
        move || -> Read {
            let bytes = if reading.is_ok() { asked.recv().unwrap_or_default() } else { question() };
            let ask = guard.read(event.as_deref(), &bytes).map_err(|error| error.to_string())?;
            let question = question_of(guard.agent(), &ask);
            let _ = known.set(ask);
            Ok(question)
        }
    };
    let late = {
        let (known, unread) = (known.clone(), unread.clone());
        move |answer: Answer, after: &dyn Fn()| {
            let code = say(guard, known.get().unwrap_or(&unread), &answer);
            after();
            end(code)
        }
    };
    let answer = verdict::verdict(&GlobalArgs::default(), guard.agent(), read, late);
    ExitCode::from(say(guard, known.get().unwrap_or(&unread), &answer))
}

/// What is judged; nothing where the agent asks at a moment at which it is never stopped.
fn question_of(agent: AgentId, ask: &Ask) -> Option<Question> {
    let moment = match ask.moment {
        Moment::Prompt => judge::Moment::Prompt,
        Moment::Step => judge::Moment::Step,
        Moment::Other => return None,
    };
    let Ask { session, transcript, cwd, tool_use, .. } = ask.clone();
    Some(Question { agent, session, transcript, cwd, moment, tool_use })
}

/// Says it in the agent's own tongue; gives the exit code that belongs to it.
fn say(guard: &'static dyn Guard, ask: &Ask, answer: &Answer) -> u8 {
    let verdict = match answer {
        Answer::Go => Verdict::Go,
        Answer::Halt(text) => Verdict::Halt(text),
    };
    let reply = guard.speak(ask, verdict);
    // Nobody is left to tell that this could not be told.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&reply.stdout).and_then(|()| out.flush());
    let _ = std::io::stderr().lock().write_all(&reply.stderr);
    if let Some(pid) = reply.interrupt {
        process::interrupt(pid);
    }
    reply.code
}

/// What the agent wrote, as far as it is read. The rest is taken and dropped, so that the agent can finish writing.
fn question() -> Vec<u8> {
    let mut stdin = std::io::stdin().lock();
    let mut bytes = Vec::new();
    if !std::io::stdin().is_terminal() {
        let _ = stdin.by_ref().take(LONGEST).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut stdin, &mut std::io::sink());
    }
    bytes
}
