//! What a store remembers of itself.

use super::{Store, StoreError};

/// The name of the note that not all logs have been read yet.
const PARTIAL: &str = "partial";

impl Store {
    /// A remembered value.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<String> {
        self.conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |r| r.get(0)).ok()
    }

    /// Remembers a value.
    pub fn set_meta(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.conn
            .execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [name, value])
            .map(|_| ())
            .map_err(self.fail("remembering a setting"))
    }

    /// Whether its logs have never been read to their end: then it knows less than was spent.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.meta(PARTIAL).is_some()
    }

    /// Notes whether that is so. Only of a store that nobody has read a log into, which is looked at in the same breath: who
    /// notes it late, behind whoever has read everything meanwhile, would stop all judgements until all is looked at again.
    pub fn set_partial(&self, partial: bool) -> Result<(), StoreError> {
        let done = self.conn.execute(
            if partial {
                "INSERT INTO meta SELECT ?1, '1' WHERE NOT EXISTS (SELECT 1 FROM file) ON CONFLICT (name) DO NOTHING"
            } else {
                "DELETE FROM meta WHERE name = ?1"
            },
            [PARTIAL],
        );
        done.map(|_| ()).map_err(self.fail("remembering a setting"))
    }

    /// Whether nobody has read any log into it.
    pub fn is_untouched(&self) -> Result<bool, StoreError> {
        let none = self.conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM file)", [], |r| r.get(0));
        none.map_err(self.fail("looking whether logs have been read"))
    }
}
