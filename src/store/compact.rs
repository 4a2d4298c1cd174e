//! Giving back the space that the store does not need.

use super::{Store, StoreError};

impl Store {
    /// Writes the database anew without gaps, and its log back into it. Nobody else may be writing; others who read go on.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.checkpoint();
        // The copy that is made on the way is as large as the store: it belongs on the disk.
        let written = self.conn.execute_batch("PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY");
        self.checkpoint();
        written.map_err(self.fail("compacting it"))
    }
}
