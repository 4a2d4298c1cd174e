//! `aifinops`: see the library for the map of the house.

use std::process::ExitCode;

fn main() -> ExitCode {
    aifinops::cli::main()
}
