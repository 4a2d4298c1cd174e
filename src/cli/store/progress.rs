//! A file that shows how much of it has been read.

use std::io::{self, Read};

use crate::cli::bar::Bar;

/// The file, and the bar that shows it.
#[derive(Debug)]
pub struct Reading<R> {
    file: R,
    read: u64,
    all: u64,
    bar: Bar,
}

impl<R: Read> Reading<R> {
    /// A file of so many bytes.
    pub fn new(file: R, all: u64, bar: Bar) -> Reading<R> {
        Reading { file, read: 0, all, bar }
    }
}

impl<R: Read> Read for Reading<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.bar.show(self.read, self.all);
        Ok(read)
    }
}
