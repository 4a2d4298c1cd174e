//! Which store the thread keeps: as the one that writes it, as one that follows who does, or in memory until it can be opened.

use std::time::{Duration, Instant};

use crate::store::{Store, StoreError, open};

use super::Worker;

/// How often it is tried to open a store that could not be opened.
pub(super) const HOME: Duration = Duration::from_secs(3);

impl Worker {
    /// Reads the logs in the place of whoever has done so until now, if that one has ended (or this one was stopped, and
    /// goes on): beginning with what it wrote, and then with everything that is new.
    pub(super) fn take_over(&mut self) -> bool {
        if !self.ingest.store.become_writer() {
            return false;
        }
        self.rescan_at = Instant::now();
        self.refresh_all();
        true
    }

    /// Another process writes: look what it wrote.
    pub(super) fn follow(&mut self) {
        if self.ingest.store.is_writer() {
            return;
        }
        self.go_home();
        if self.take_over() {
            return;
        }
        let version = self.ingest.store.data_version();
        if version != self.data_version {
            self.data_version = version;
            if self.view.draft.roots.iter().all(|r| r.files == 0) {
                self.rescan_at = Instant::now();
            }
            self.refresh_all();
        }
    }

    /// Where the store could not be opened, tries that again: what was read meanwhile is read once more, into it. A store whose file was
    /// moved aside or deleted is left for the one that stands there now.
    pub(super) fn go_home(&mut self) {
        if self.homeless.is_none() && self.ingest.store.is_displaced() {
            self.ingest.store.stop_writing();
            self.homeless = Some((self.ingest.store.dir(), Instant::now()));
        }
        let Some((dir, at)) = &mut self.homeless else { return };
        if Instant::now() < *at {
            return;
        }
        *at = Instant::now() + HOME;
        if let Ok(opened) = Store::open_on_disk(dir) {
            self.homeless = None;
            self.ingest.move_to(opened.store);
            self.view.notices.retain(|notice| !notice.starts_with(open::FORGETFUL));
            self.view.notices.extend(opened.notice);
            self.view.forget();
            self.refresh_all();
            self.rescan_at = Instant::now();
        }
    }

    /// What could not be written is read again later: nothing is lost, since no offset has moved.
    pub(super) fn fail(&mut self, error: &StoreError) {
        // Who only follows leaves that to who writes; and a sound file in the place of a damaged one is none.
        let is_mine = self.ingest.store.is_writer() && !self.ingest.store.is_in_memory() && !self.ingest.store.is_displaced();
        if error.is_damage() && is_mine {
            let dir = self.ingest.store.dir();
            match self.ingest.heal() {
                Ok(notice) => {
                    self.view.notices.insert(0, notice);
                    self.view.forget();
                    self.rescan_at = Instant::now();
                    return;
                }
                // Until it can be begun anew, this goes on in memory.
                Err(_) => self.homeless = Some((dir, Instant::now() + HOME)),
            }
        }
        self.failing = Some(error.to_string());
        self.rescan_at = Instant::now() + Duration::from_secs(2);
    }
}
