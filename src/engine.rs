//! Where things run: bringing logs into the store, keeping the picture of the present, and telling the screen.

pub mod ingest;
pub mod journal;
pub mod judge;
pub mod live;
pub mod snapshot;
pub mod view;

pub use live::{Command, Engine, Setup};
pub use snapshot::{Snapshot, Span};
