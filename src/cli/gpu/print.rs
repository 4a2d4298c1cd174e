//! The GPUs as text: cards, servers, processes, and what there is to tell.

use std::io;

use crate::cli::context::Context;
use crate::cli::out::{FAINT, Out, STRONG};
use crate::cli::table::{Column, Table};
use crate::engine::gpus::words::{OFF, UNKNOWN, an_hour, memory, number, owner, percent, rate, seconds, state, use_of, watts};
use crate::engine::gpus::{GpuPicture, ServerView, SourceState};
use crate::insight::gpu::State;
use crate::model::Money;
use crate::model::text::clean;
use crate::model::time::span;

/// Prints everything.
pub fn print(context: &Context, picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    if picture.is_empty() {
        return nothing(picture, out);
    }
    if picture.cards.is_empty() {
        out.styled(STRONG, picture.no_card())?;
    } else {
        out.styled(STRONG, &summary(context, picture))?;
        cards(context, picture, out)?;
    }
    servers(context, picture, out)?;
    processes(context, picture, out)?;
    for alert in &picture.alerts {
        out.line(&format!("! {}", clean(&alert.title)))?;
        out.styled(FAINT, &format!("  {}", clean(&alert.body)))?;
    }
    for source in picture.sources.iter().filter(|source| matches!(source.state, SourceState::Broken | SourceState::Stale)) {
        let why = source.why.as_deref().unwrap_or_default();
        out.styled(FAINT, &format!("{} ({}): {}", clean(&source.name), source.state.word(), clean(why)))?;
    }
    for notice in &picture.notices {
        out.styled(FAINT, notice)?;
    }
    Ok(())
}

/// That there is nothing is an answer, not an error.
fn nothing(picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    if picture.is_off {
        return out.line(OFF);
    }
    out.line(picture.no_card())?;
    for source in picture.sources.iter().filter(|source| !matches!(source.state, SourceState::Absent)) {
        let why = source.why.as_deref().unwrap_or("has not answered yet");
        out.line(&format!("! {}: {}", clean(&source.name), clean(why)))?;
    }
    out.styled(
        FAINT,
        "`aifinops doctor gpu` says where it was looked; `aifinops config set gpu_hosts.NAME http://HOST:PORT` asks another machine.",
    )
}

/// `4 GPUs: 1 busy, 1 idle · $7.00/h + 1 unpriced · idle today $2.85 · 41% used`
fn summary(context: &Context, picture: &GpuPicture) -> String {
    let states: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| Some(picture.count(state)).filter(|count| *count > 0).map(|count| format!("{count} {}", state.word())))
        .collect();
    let count = picture.whole().count();
    let mut parts = vec![format!("{count} GPU{}: {}", if count == 1 { "" } else { "s" }, states.join(", "))];
    parts.push(an_hour(picture.per_hour(), |money| context.money(money)));
    parts.extend(picture.cost_today().map(|cost| format!("today {}", context.money(cost))));
    parts.extend(picture.idle_today().map(|idle| format!("idle today {}", context.money(idle))));
    parts.extend(picture.used().map(|used| format!("{} used", percent(Some(used)))));
    parts.join(" · ")
}

fn money(context: &Context, money: Option<Money>) -> String {
    money.map_or_else(|| UNKNOWN.to_owned(), |money| context.money(money))
}

fn cards(context: &Context, picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![
        Column::text("#"),
        Column::text("GPU"),
        Column::text("STATE"),
        Column::number("USED"),
        Column::number("SM").expendable(5),
        Column::number("MEMORY"),
        Column::number("POWER").expendable(3),
        Column::number("TEMP").expendable(4),
        Column::number("$/H").expendable(1),
        Column::number("IDLE TODAY").expendable(1),
        Column::text("OWNER").expendable(2),
    ]);
    for card in &picture.cards {
        let reading = &card.reading;
        let host = reading.host.as_deref().map_or_else(String::new, |host| format!("{}/", clean(host)));
        let uma = if reading.is_unified { " UMA" } else { "" };
        table.row(vec![
            number(card),
            format!("{host}{}{uma}", clean(&card.short_name())),
            state(card, picture.at),
            use_of(reading),
            percent(reading.sm),
            memory(reading.memory_used, reading.memory_total),
            watts(reading.power, reading.power_cap),
            reading.temperature.map_or_else(|| UNKNOWN.to_owned(), |degrees| format!("{degrees}°")),
            money(context, card.price.as_ref().map(|price| price.per_hour)),
            money(context, card.today.idle_cost),
            card.owner.as_deref().map(clean).unwrap_or_default(),
        ]);
    }
    table.write(out)?;
    let basis = picture.whole().filter_map(|card| card.price.as_ref()).find_map(|price| price.as_of);
    if let Some(as_of) = basis {
        out.styled(FAINT, &format!("list prices of {as_of}; `aifinops gpu prices` says whose"))?;
    }
    Ok(())
}

fn servers(context: &Context, picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    if picture.servers.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(vec![
        Column::text("SERVER"),
        Column::text("MODEL"),
        Column::number("OUT/S"),
        Column::number("IN/S").expendable(4),
        Column::number("RUN").expendable(3),
        Column::number("WAIT").expendable(3),
        Column::number("KV").expendable(5),
        Column::number("FIRST TOKEN").expendable(6),
        Column::number("$/1M OUT"),
        Column::number("1 HOUR").expendable(1),
        Column::number("AT LOAD").expendable(2),
    ]);
    for server in &picture.servers {
        let reading = &server.reading;
        let count = |n: Option<u64>| n.map_or_else(|| UNKNOWN.to_owned(), |n| n.to_string());
        table.row(vec![
            format!("{} {}{}", reading.kind, clean(&server.name), if server.is_stale { " (stale)" } else { "" }),
            reading.model.as_deref().map_or_else(|| UNKNOWN.to_owned(), clean),
            rate(server.now.made_a_second(), reading.generated.is_some()),
            rate(server.now.read_a_second(), reading.prompt.is_some()),
            count(reading.running),
            count(reading.waiting),
            percent(reading.kv),
            seconds(server.now.first_token()),
            per_million(context, server),
            money(context, server.hour.per_million()),
            money(context, server.hour.per_million_at_load()),
        ]);
    }
    table.write(out)
}

fn per_million(context: &Context, server: &ServerView) -> String {
    match (server.now.per_million(), server.per_hour) {
        (Some(money), _) => context.money(money),
        (None, Some(per_hour)) if server.reading.generated.is_some() => format!("{UNKNOWN} ({}/h)", context.money(per_hour)),
        (None, _) => UNKNOWN.to_owned(),
    }
}

fn processes(context: &Context, picture: &GpuPicture, out: &mut Out) -> io::Result<()> {
    if picture.processes.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(vec![
        Column::number("PID"),
        Column::text("GPU"),
        Column::number("MEMORY"),
        Column::number("USED").expendable(4),
        Column::number("AGE").expendable(3),
        Column::text("OWNER").expendable(1),
        Column::number("TODAY").expendable(2),
        Column::text("COMMAND"),
    ]);
    for view in &picture.processes {
        let card = picture.card(&view.card);
        table.row(vec![
            view.process.pid.to_string(),
            card.and_then(|card| card.reading.index).map_or_else(|| clean(&view.card), |index| index.to_string()),
            memory(view.process.memory, None),
            percent(view.process.used),
            view.started_at.map_or_else(|| UNKNOWN.to_owned(), |at| span((picture.at - at).max(0))),
            owner(view, picture.at),
            money(context, view.burnt),
            if view.is_visible { clean(&view.command) } else { format!("{} (not visible here: a container)", clean(&view.command)) },
        ]);
    }
    table.write(out)
}
