//! `aifinops`: what coding agents spend, live.
//!
//! This page is the map of the house. Data goes one way, from an agent's log to a pixel:
//!
//! ```text
//!  agent logs ─► tail ─► sources ─► engine ─► store ─► query ─► ui · cli · export
//!               bytes    records    price,    SQLite,  answers  a screen, a table,
//!                        → events   batch     the truth         JSON
//! ```
//!
//! | floor | module | what it does |
//! |---|---|---|
//! | 6 | [`cli`] | what can be typed; one file per subcommand |
//! | 5 | [`ui`] | the screen; one file per panel |
//! | 5 | [`export`] | answers as bytes; one file per format |
//! | 4 | [`engine`] | the thread that reads, writes and publishes the picture of the present; agents below a proxy |
//! | 4 | [`guards`] | makes agents ask before they spend; one file per agent |
//! | 3 | [`query`] | questions to the store in the words of the house |
//! | 3 | [`tail`] | which files there are, what is new in them |
//! | 3 | [`demo`] | a made-up workday, written as the agents would |
//! | 3 | [`alerts`] | telling a person; one file per way |
//! | 3 | [`config`] | settings, each knowing where it comes from |
//! | 2 | [`store`] | `SQLite`: every call once, sums per quarter of an hour |
//! | 2 | [`sources`] | agents' logs; one file per agent, and the registry |
//! | 1 | [`gateways`] | what a team's gateway is asked and what it answers; one file per gateway, and the registry |
//! | 1 | [`gpus`] | ways to see GPUs and the servers on them; one file per way, and the registry |
//! | 1 | [`wires`] | how agents talk to models over HTTP; one file per wire, and the registry |
//! | 1 | [`attribution`] | what a session was for: rules, tags, parents; pure |
//! | 1 | [`budgets`] | caps, what was spent, and the verdict; pure |
//! | 1 | [`insight`] | what numbers mean: loop lengths, waste, forecasts; pure |
//! | 1 | [`pricing`] | what a call costs |
//! | 0 | [`disk`] | files that are replaced: whole or not at all |
//! | 0 | [`model`] | the words: money, tokens, time, keys, sessions, calls |
//!
//! A module uses floors below it only; `tests/it/architecture.rs` holds the house to that, and says which package may
//! be named where. A new agent is one file in `sources/` and one line in its registry; a new panel one file in
//! `ui/panels/`; a new gateway one file in `gateways/` and one line in its registry; a new way to tell a person one file in `alerts/` and one line in its registry.
//!
//! Three promises shape the rest. **The numbers are right**: a call is kept once under the agent's own id, the fullest
//! version of it, and money is integer nano-dollars ([`model::money`]). **It survives anything**: a batch, the sums it
//! changes and the file's new offset are one transaction ([`store`]), and reading something again changes nothing.
//! **It is instant**: every screen is drawn from sums that are kept, never from a scan ([`query`]).

pub mod alerts;
pub mod attribution;
pub mod budgets;
pub mod cli;
pub mod config;
pub mod demo;
pub mod disk;
pub mod engine;
pub mod export;
pub mod gateways;
pub mod gpus;
pub mod guards;
pub mod insight;
pub mod model;
pub mod pricing;
pub mod query;
pub mod sources;
pub mod store;
pub mod tail;
pub mod ui;
pub mod wires;
