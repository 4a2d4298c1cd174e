//! The one way to standard output and the one way to standard error.
//!
//! Colours leave by themselves where they are not wanted: pipes, `NO_COLOR`, `--no-color`.

use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::AutoStream;
use anstyle::Style;
use serde::Serialize;

use crate::export::json;

/// What is of less weight: headings, notes.
pub const FAINT: Style = Style::new().dimmed();
/// What is of more weight: totals, names.
pub const STRONG: Style = Style::new().bold();

/// Standard output, buffered.
#[derive(Debug)]
pub struct Out {
    inner: BufWriter<AutoStream<StdoutLock<'static>>>,
}

impl Out {
    /// Text for people, with colours where they can be seen.
    #[must_use]
    pub fn text() -> Out {
        Out { inner: BufWriter::with_capacity(64 * 1024, AutoStream::auto(io::stdout().lock())) }
    }

    /// Bytes as they are: JSON, scripts, manual pages.
    #[must_use]
    pub fn bytes() -> Out {
        Out { inner: BufWriter::with_capacity(64 * 1024, AutoStream::always_ansi(io::stdout().lock())) }
    }

    /// One line.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.inner, "{text}")
    }

    /// One line in a style.
    pub fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        writeln!(self.inner, "{style}{text}{style:#}")
    }

    /// Writes one JSON document and is done.
    pub fn json(value: &impl Serialize) -> io::Result<()> {
        let mut out = Out::bytes();
        json::write(&mut out, value)?;
        out.flush()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// One line on standard error; that it cannot be written is nobody's business.
pub fn note(style: Style, text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{style}{text}{style:#}");
}
