//! A home directory with agents' logs in it, and the ordinary way of reading them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aifinops::engine::ingest::Ingest;
use aifinops::model::{Millis, Window, Zone};
use aifinops::pricing::{Book, Pricer};
use aifinops::query::{self, Asking, Living, SessionView};
use aifinops::sources::{self, Places};
use aifinops::store::Store;
use aifinops::tail::Catalog;
use tempfile::TempDir;

/// A temporary home, and where each agent's logs go in it.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { dir: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Adds bytes to the end of a file, which need not exist.
    pub(crate) fn append(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    /// A reader of this home that keeps what it reads in this store.
    pub(crate) fn reader(&self, store: Store) -> Ingest {
        let places = Places { home: self.path(), env: &|_| None };
        let roots: Vec<(_, PathBuf)> =
            sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|root| (s.agent(), root))).collect();
        Ingest::new(store, Pricer::new(book()), Catalog::new(roots), 2)
    }

    /// A reader that forgets everything with the test.
    pub(crate) fn fresh_reader(&self) -> Ingest {
        self.reader(Store::in_memory().unwrap())
    }
}

/// Reads whatever is new; gives the number of files that were looked into.
pub(crate) fn scan(ingest: &mut Ingest) -> usize {
    let report = ingest.scan_quietly().unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    report.files_read
}

/// All sessions with all they ever did.
pub(crate) fn sessions(ingest: &mut Ingest, now: Millis) -> Vec<SessionView> {
    let living = Living::default();
    let asking = Asking { window: Window::ALL, now, zone: Zone::UTC, living: &living, hour: None };
    query::sessions(&ingest.store, &mut ingest.prices, &asking).unwrap()
}

/// The embedded prices, read once for all tests.
fn book() -> Book {
    static BOOK: OnceLock<Book> = OnceLock::new();
    BOOK.get_or_init(Book::embedded).clone()
}
