//! One test binary: linked once, and every module says in its name what it holds the program to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a test may fail where it stands"
)]

mod alerts;
mod architecture;
mod attribution;
mod cap_days;
mod caps;
mod cli;
mod config;
mod content;
mod crash;
mod dedup;
mod demo;
mod forecast;
mod gateway_cli;
mod gateways;
mod gateways_others;
mod gpus;
mod guards;
mod home;
mod hostile;
mod live;
mod logs;
mod loops;
mod money;
mod opencode;
mod opencode_db;
mod papers;
mod parsers;
mod pricing;
mod proxy;
mod pty;
mod reconcile;
mod run;
mod screens;
mod sources;
mod store_faults;
mod tailer;
mod theme;
mod time;
mod trends;
mod update;
mod waste;
mod wires;
