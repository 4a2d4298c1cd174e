//! `gpu prices`: what an hour of each card costs, and who says so.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::watch;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out};
use crate::cli::table::{Column, Table};
use crate::export::json::Usd;
use crate::model::Money;
use crate::model::text::clean;
use crate::pricing::gpu::{AS_OF, LISTED, Tariff};

#[derive(Serialize)]
struct Row {
    gpu: String,
    usd_per_hour: Option<Usd>,
    source: String,
    as_of: Option<&'static str>,
    list: &'static str,
    in_force: bool,
}

#[derive(Serialize)]
struct Answer {
    list: &'static str,
    prices: Vec<Row>,
}

fn rows(tariff: &Tariff) -> Vec<Row> {
    let own = tariff.own.iter().map(|own| Row {
        gpu: clean(&own.name),
        usd_per_hour: Some(Usd(own.per_hour)),
        source: if own.is_owned { "owned: what it loses in value, and its place".to_owned() } else { "yours".to_owned() },
        as_of: None,
        list: "yours",
        in_force: true,
    });
    let listed = LISTED.iter().flat_map(|row| {
        let name = row.words.join(" ").to_uppercase();
        [("neocloud", row.neocloud), ("aws", row.aws)].into_iter().filter_map(move |(list, price)| {
            let (nanos, source) = price?;
            Some((list, name.clone(), nanos, source))
        })
    });
    let listed = listed.map(|(list, gpu, nanos, source)| Row {
        gpu,
        usd_per_hour: Some(Usd(Money::from_nanos(nanos))),
        source: source.to_owned(),
        as_of: Some(AS_OF),
        list,
        in_force: tariff.list.word() == list,
    });
    own.chain(listed).collect()
}

/// Shows them.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    context.note_problems();
    let tariff = watch::settings(&context.settings).tariff;
    let rows = rows(&tariff);
    if context.json {
        Out::json(&Answer { list: tariff.list.word(), prices: rows })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let mut table = Table::new(vec![
        Column::text(""),
        Column::text("GPU"),
        Column::number("$/HOUR"),
        Column::text("LIST"),
        Column::text("AS OF").expendable(2),
        Column::text("SOURCE").expendable(1),
    ]);
    for row in &rows {
        let sign = if row.in_force { "✓" } else { "·" };
        let price = row.usd_per_hour.map_or_else(|| "—".to_owned(), |usd| context.money(usd.0));
        let as_of = row.as_of.unwrap_or("·").to_owned();
        table.row(vec![sign.to_owned(), row.gpu.clone(), price, row.list.to_owned(), as_of, row.source.clone()]);
    }
    table.write(&mut out)?;
    out.styled(
        FAINT,
        &format!("in force: yours, then the list `{}` (`gpu.list`); a card in neither has no price, shown as —", tariff.list.word()),
    )?;
    out.styled(
        FAINT,
        "the lists are rows of SkyPilot's public catalog, on demand; `aifinops config set 'gpu_prices.H200' 3.10` sets yours",
    )?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
