//! Where things run: bringing logs into the store, keeping the picture of the present, and telling the screen.

pub mod caps;
#[cfg(unix)]
pub mod child;
pub mod enforcer;
pub mod gate;
pub mod gateways;
pub mod glance;
pub mod gpus;
pub mod hand;
mod hour;
pub mod ingest;
pub mod journal;
pub mod judge;
pub mod launch;
pub mod live;
pub mod lookout;
pub mod loops;
mod outlook;
pub mod process;
pub mod proxy;
pub mod rules;
pub mod snapshot;
#[cfg(unix)]
pub mod stop;
pub mod team;
pub mod view;
pub mod warden;
mod watched;
pub mod watchman;

pub use live::{Command, Engine, Setup};
pub use snapshot::{Snapshot, Span};
