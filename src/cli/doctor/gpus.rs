//! `doctor gpu`: every way to see a GPU, found or why not.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::gpu::answer::{SourceJson, sources};
use crate::cli::gpu::watch;
use crate::cli::out::{FAINT, Out, STRONG};
use crate::engine::gpus::words::OFF;
use crate::engine::gpus::{GpuPicture, SourceState, SourceView};
use crate::model::text::clean;

#[derive(Serialize)]
struct Answer {
    sources: Vec<SourceJson>,
    notices: Vec<String>,
}

/// Looks at every way.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    context.note_problems();
    let picture = watch::sources(context)?;
    if context.json {
        Out::json(&Answer { sources: sources(&picture), notices: picture.notices.clone() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    print(context, &picture, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(context: &Context, picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    if !context.settings.gpu.setup().watch {
        return out.line(OFF);
    }
    out.styled(STRONG, "This machine")?;
    for source in picture.sources.iter().filter(|source| !source.is_remote) {
        line(source, out)?;
    }
    out.line("")?;
    out.styled(STRONG, "Other machines and servers")?;
    let mut any = false;
    for source in picture.sources.iter().filter(|source| source.is_remote) {
        any = true;
        line(source, out)?;
    }
    if !any {
        out.line("· none is asked: `aifinops config set gpu_hosts.NAME http://HOST:PORT` asks an exporter, a Prometheus or a server")?;
    }
    let hidden: u32 = picture.cards.iter().map(|card| card.reading.hidden).max().unwrap_or(0);
    if hidden > 0 {
        out.line(&format!("· {hidden} processes of other users cannot be looked at; what they do on a card is not in their figures"))?;
    }
    let foreign = picture.processes.iter().filter(|view| !view.is_visible).count();
    if foreign > 0 {
        out.line(&format!("! {foreign} processes on cards have numbers of another namespace: this is a container, or they are in one"))?;
    }
    for card in picture.cards.iter().filter(|card| card.reading.slice.is_some()) {
        let slice = card.reading.slice.as_ref().map(|slice| clean(&slice.profile)).unwrap_or_default();
        out.line(&format!("· MIG: {slice} of {}", card.reading.slice.as_ref().map(|slice| clean(&slice.parent)).unwrap_or_default()))?;
    }
    for notice in &picture.notices {
        out.line(&format!("! {notice}"))?;
    }
    out.styled(FAINT, "nothing is linked or installed for any of these; what is not there is looked for again every minute")
}

fn line(source: &SourceView, out: &mut Out) -> io::Result<()> {
    let (name, about) = (clean(&source.name), clean(&source.about));
    let why = source.why.as_deref().map(clean).unwrap_or_default();
    let took = source.took.map_or_else(String::new, |millis| format!(", {millis} ms a look"));
    match source.state {
        SourceState::Well => {
            let (cards, servers) = source.sees;
            let servers = if servers > 0 { format!(", servers: {servers}") } else { String::new() };
            out.line(&format!("✓ {name}: {about}; GPUs: {cards}{servers}{took}"))
        }
        SourceState::Absent => out.line(&format!("· {name}: {why}")),
        SourceState::Broken => out.line(&format!("! {name}: {why}")),
        SourceState::Stale => out.line(&format!("! {name}: stale: {why}")),
        SourceState::Waiting => out.line(&format!("? {name}: has not answered yet ({about})")),
    }
}
