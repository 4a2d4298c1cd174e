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
//! | 4 | [`engine`] | what runs, on threads of its own: see below |
//! | 4 | [`guards`] | makes agents ask before they spend; one file per agent |
//! | 3 | [`query`] | questions to the store in the words of the house |
//! | 3 | [`tail`] | which files there are, what is new in them |
//! | 3 | [`demo`] | a made-up workday, written as the agents would |
//! | 3 | [`alerts`] | telling a person; one file per way |
//! | 3 | [`config`] | settings, each knowing where it comes from |
//! | 2 | [`store`] | `SQLite`: every call once, sums per quarter of an hour; beside it decisions, gateways' books, GPUs' minutes |
//! | 2 | [`sources`] | agents' logs; one file per agent, and the registry |
//! | 1 | [`gateways`] | what a team's gateway is asked and what it answers; one file per gateway, and the registry |
//! | 1 | [`gpus`] | ways to see GPUs and the servers on them; one file per way, and the registry |
//! | 1 | [`wires`] | how agents talk to models over HTTP; one file per wire, and the registry |
//! | 1 | [`attribution`] | what a session was for: rules, tags, parents; pure |
//! | 1 | [`budgets`] | caps, what was spent, and the verdict; pure |
//! | 1 | [`insight`] | what numbers mean: loop lengths, waste, forecasts; pure |
//! | 1 | [`pricing`] | what a call costs |
//! | 0 | [`disk`] | files that are their owner's alone, replaced whole or not at all; locks |
//! | 0 | [`proc`] | the system's table of processes: who runs, who started whom, who has locked what |
//! | 0 | [`model`] | the words: money, tokens, time, keys, sessions, calls |
//!
//! A module uses floors below it only; `tests/it/architecture.rs` holds the house to that, and says which package may
//! be named where.
//!
//! What there may be more of is one file each, and one line in a registry: an agent in `sources/`, a wire in `wires/` (how an
//! agent is pointed at the proxy: `engine/launch/`), a guard in `guards/`, a gateway in `gateways/`, a way to see a GPU or a
//! server in `gpus/`, a way to tell a person in `alerts/`, a panel in `ui/panels/`, a theme in `themes/`. `CONTRIBUTING.md` says
//! what comes with each.
//!
//! Everything that runs is in [`engine`]:
//!
//! | module | what runs there |
//! |---|---|
//! | [`ingest`](engine::ingest), [`live`](engine::live) | the thread that reads logs, writes the store and publishes the picture of the present |
//! | [`view`](engine::view) and the looks beside it | that picture in the making: sessions, caps, loops, where the day ends, the team |
//! | [`judge`](engine::judge), [`gate`](engine::gate) | the verdict on caps, for a hook and before each call of a proxy |
//! | [`warden`](engine::warden) | watches while something runs: [`watchman`](engine::watchman) and [`lookout`](engine::lookout) see what there is to tell, [`enforcer`](engine::enforcer) ends what goes on past a cap |
//! | [`proxy`](engine::proxy), [`launch`](engine::launch), `child` | `run`: the metering proxy, and the agent below it |
//! | [`gateways`](engine::gateways) | asks gateways, the one place where their keys meet the network; compares their books with the logs |
//! | [`gpus`](engine::gpus) | watches GPUs and servers, and writes down what they did and whose it was |
//! | [`glance`](engine::glance) | the few figures of a status line, in milliseconds |
//! | [`process`](engine::process), `stop`, [`hand`](engine::hand) | an agent's process: found, ended, paused |
//!
//! Three promises shape the rest. **The numbers are right**: a call is kept once under the agent's own id, the fullest
//! version of it, and money is integer nano-dollars ([`model::money`]). **It survives anything**: a batch, the sums it
//! changes and the file's new offset are one transaction ([`store`]), and reading something again changes nothing.
//! **It is instant**: screens and hooks ask for sums that are kept ([`query`]); what must look at single calls (where one
//! session's money went, today in two ledgers) is asked for only while it is looked at, and no frame waits for it.

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
pub mod proc;
pub mod query;
pub mod sources;
pub mod store;
pub mod tail;
pub mod ui;
pub mod wires;
