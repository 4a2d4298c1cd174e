//! How the program is linked: at a fixed address, where the system is Linux with the GNU C library.
//!
//! An agent waits for `aifinops hook` before each of its steps, so the time from the start of the process to its answer is
//! what counts. A position-independent executable has some 24 000 pointers in its tables, each of which the loader writes
//! anew at every start, on pages that are copied for it: a tenth of a hook's time. What that buys is that the program's own
//! code lies at an address nobody can guess. It is written in Rust without `unsafe`, its libraries, stack and heap are still
//! placed at random, and the pages are never writable and executable at once.

#![expect(clippy::print_stdout, reason = "a build script speaks to cargo by its standard output")]

fn main() {
    println!("cargo::rerun-if-changed=.cargo/link.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("CARGO_CFG_TARGET_ARCH", "x86_64") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
