//! What has been told already.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::Millis;

/// What has been told, by any process and in any run.
pub trait Memory: Send {
    /// Whether a key is told for the first time. Of all callers in all processes exactly one hears `true`, until the
    /// memory of it may be forgotten at `until`.
    fn first(&self, key: &str, until: Millis, now: Millis) -> bool;

    /// Takes it back that a key is told: whoever claimed it could not tell it.
    fn forget(&self, key: &str);
}

/// A memory that lasts as long as it is held; for tests, and for who has no store.
#[derive(Debug, Default)]
pub struct InMemory {
    told: Mutex<HashMap<String, Millis>>,
}

impl Memory for InMemory {
    fn first(&self, key: &str, until: Millis, now: Millis) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, until| *until > now);
        if told.contains_key(key) {
            return false;
        }
        told.insert(key.to_owned(), until);
        true
    }

    fn forget(&self, key: &str) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl<M: Memory + Sync> Memory for std::sync::Arc<M> {
    fn first(&self, key: &str, until: Millis, now: Millis) -> bool {
        (**self).first(key, until, now)
    }

    fn forget(&self, key: &str) {
        (**self).forget(key);
    }
}
