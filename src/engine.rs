//! Where things run: bringing logs into the store, keeping the picture of the present, and telling the screen.

pub mod ingest;
