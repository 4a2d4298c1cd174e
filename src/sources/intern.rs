//! Strings that repeat from line to line, kept once.

use std::sync::Arc;

use super::json::RawStr;

/// Remembers the last few strings of one field, by their raw bytes.
#[derive(Debug, Default)]
pub struct Interner {
    recent: Vec<(Vec<u8>, Arc<str>)>,
}

/// How many different strings of one field are remembered: models, directories and sessions alternate among few.
const RECENT: usize = 8;

impl Interner {
    /// The string of these raw bytes, shared with the earlier lines that had the same.
    pub fn get(&mut self, raw: RawStr<'_>) -> Arc<str> {
        if let Some((_, text)) = self.recent.iter().find(|(bytes, _)| bytes == raw.0) {
            return text.clone();
        }
        let text: Arc<str> = Arc::from(raw.text().as_ref());
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push((raw.0.to_vec(), text.clone()));
        text
    }

    /// As [`Interner::get`]; an empty string is no string.
    pub fn non_empty(&mut self, raw: Option<RawStr<'_>>) -> Option<Arc<str>> {
        raw.filter(|r| !r.0.is_empty()).map(|r| self.get(r))
    }
}
