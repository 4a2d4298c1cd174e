//! CSV: one line of names, one line a row, by RFC 4180. Numbers are numbers, money is exact dollars, what is not known is
//! empty, and no text is a formula.

use std::io::{self, Write};

use crate::model::time::rfc3339;
use crate::model::{Cost, Money, Tokens};

use super::table::{Column, Kind, Sheet, Value, harmless};

const TOKENS: [&str; 6] =
    ["input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens"];
const COST: [&str; 4] = ["cost_usd", "cost_basis", "cost_is_lower_bound", "unpriced_calls"];

/// A CSV file that is being written.
pub struct Csv<W: Write> {
    out: csv::Writer<W>,
    columns: &'static [Column],
}

impl<W: Write> Csv<W> {
    /// Begins a file.
    pub fn begin(out: W, columns: &'static [Column]) -> io::Result<Csv<W>> {
        let mut sheet = Csv { out: csv::Writer::from_writer(out), columns };
        for column in columns {
            match column.kind {
                Kind::Tokens => TOKENS.iter().try_for_each(|name| sheet.cell(name))?,
                Kind::Cost => COST.iter().try_for_each(|name| sheet.cell(name))?,
                _ => sheet.cell(column.key)?,
            }
        }
        sheet.end_line()?;
        Ok(sheet)
    }

    fn cell(&mut self, text: &str) -> io::Result<()> {
        self.out.write_field(text).map_err(failure)
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.out.write_record(None::<&[u8]>).map_err(failure)
    }

    fn tokens(&mut self, t: &Tokens) -> io::Result<()> {
        let counts = [t.input, t.cache_read, t.cache_write_5m, t.cache_write_1h, t.output, t.reasoning];
        counts.iter().try_for_each(|n| self.cell(&n.to_string()))
    }

    fn cost(&mut self, cost: &Cost) -> io::Result<()> {
        self.cell(&cost.money().map(Money::exact).unwrap_or_default())?;
        self.cell(cost.basis().word())?;
        self.cell(flag(cost.is_lower_bound()))?;
        self.cell(&cost.unpriced_calls.to_string())
    }
}

impl<W: Write> Sheet for Csv<W> {
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        debug_assert_eq!(values.len(), self.columns.len(), "one value per column");
        for value in values {
            match value {
                Value::Null => self.cell("")?,
                Value::Text(text) => self.cell(&harmless(text))?,
                Value::List(texts) => self.cell(&harmless(&texts.join("; ")))?,
                Value::Number(n) => self.cell(&n.to_string())?,
                Value::Money(money) => self.cell(&money.exact())?,
                Value::Time(at) => self.cell(&rfc3339(*at))?,
                Value::Flag(yes) => self.cell(flag(*yes))?,
                Value::Tokens(tokens) => self.tokens(tokens)?,
                Value::Cost(cost) => self.cost(cost)?,
            }
        }
        self.end_line()
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(super) const fn flag(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

/// What the writer says, as what the system said.
pub(super) fn failure(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
