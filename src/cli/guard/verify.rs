//! `guard verify`: runs what stands in each agent's settings as the agent would, halted, and looks at the answer.

use std::io::Write as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::{CliError, FAILURE};
use crate::cli::hook;
use crate::cli::out::Out;
use crate::guards::command::PATIENCE_SECONDS;
use crate::guards::{Guard, Sample, Site, State, Verdict};
use crate::model::text::clean;

use super::status::GuardJson;
use super::{AgentsArgs, chosen};

/// What the agent is told in the self-test.
const TEXT: &str = "aifinops: this is a self-test";

#[derive(Serialize)]
struct Answer {
    guards: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    guard: GuardJson,
    /// Whether the guard was seen to hold.
    proved: bool,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    event: &'static str,
    ok: bool,
    milliseconds: u64,
    why: Option<String>,
}

/// Proves the guards.
pub fn run(context: &Context, site: &Site<'_>, args: &AgentsArgs) -> Result<ExitCode, CliError> {
    let rows: Vec<Row> = chosen(site, &args.agents).into_iter().map(|guard| row(site, guard)).collect();
    // Nobody has promised anything for an agent without a guard, unless he asked for it by name.
    let is_sound = |row: &Row| row.proved || args.agents.is_empty() && row.guard.state == State::NotInstalled.word();
    let sound = rows.iter().all(is_sound);
    if context.json {
        Out::json(&Answer { guards: rows })?;
    } else {
        print(&rows)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn row(site: &Site<'_>, guard: &'static dyn Guard) -> Row {
    let mut status = guard.status(site);
    let mut checks = Vec::new();
    if status.state == State::Installed {
        checks.extend(guard.samples(site).iter().map(|sample| check(guard, sample)));
        if let Some(opinion) = guard.second_opinion(site) {
            status.state = opinion;
        }
    }
    let proved = status.state == State::Installed && !checks.is_empty() && checks.iter().all(|check| check.ok);
    Row { guard: GuardJson::of(guard, &status), proved, checks }
}

/// Asks once, and compares with the answer that halts this agent.
fn check(guard: &dyn Guard, sample: &Sample) -> Check {
    let begun = Instant::now();
    let why = match guard.read(None, &sample.stdin) {
        Err(error) => Some(error.to_string()),
        Ok(ask) => {
            let wanted = guard.speak(&ask, Verdict::Halt(TEXT)).stdout;
            match said(sample) {
                Err(why) => Some(why),
                Ok(said) if said == wanted => None,
                Ok(said) if said.is_empty() => Some("it said nothing, so the agent would go on".to_owned()),
                Ok(said) => Some(format!("it said {}", clean(String::from_utf8_lossy(&said).trim()))),
            }
        }
    };
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Check { event: sample.event, ok: why.is_none(), milliseconds, why }
}

/// What the command answers when it must halt.
fn said(sample: &Sample) -> Result<Vec<u8>, String> {
    let mut command = Command::new("sh");
    command.args(["-c", &sample.command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    hook::force_halt(&mut command, TEXT);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    // A program that does not read is told by its answer, not by this.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(&sample.stdin));
    let code = wait(&mut child)?;
    let mut said = Vec::new();
    let _ = child.stdout.take().map(|mut out| std::io::Read::read_to_end(&mut out, &mut said));
    if code == Some(0) { Ok(said) } else { Err(format!("it ended with code {}", code.unwrap_or(-1))) }
}

/// Waits as long as the agent would. The answer is far smaller than a pipe.
fn wait(child: &mut Child) -> Result<Option<i32>, String> {
    let deadline = Instant::now() + Duration::from_secs(PATIENCE_SECONDS);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.code()),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            outcome => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(outcome
                    .err()
                    .map_or_else(|| format!("it took more than {PATIENCE_SECONDS} seconds"), |error| error.to_string()));
            }
        }
    }
}

fn print(rows: &[Row]) -> Result<(), CliError> {
    let mut out = Out::text();
    if rows.is_empty() {
        out.line("No agent that can be guarded was found on this machine.")?;
    }
    for row in rows {
        let GuardJson { agent, state, why, .. } = &row.guard;
        if row.proved {
            let events: Vec<String> = row.checks.iter().map(|check| format!("{} {} ms", check.event, check.milliseconds)).collect();
            out.line(&format!("✓ {agent}: holds ({})", events.join(", ")))?;
            continue;
        }
        if *state != State::Installed.word() {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let mark = if *state == State::NotInstalled.word() { '·' } else { '!' };
            out.line(&format!("{mark} {agent}: {}{why}", state.replace('_', " ")))?;
        }
        for check in row.checks.iter().filter(|check| !check.ok) {
            let why = check.why.as_deref().unwrap_or("it does not halt");
            out.line(&format!("! {agent}: at {} {why}", check.event))?;
        }
    }
    Ok(out.flush()?)
}
