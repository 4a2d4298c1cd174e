//! The last tool calls of a task, so that one that comes again is known: the sign of a loop going in circles.

use rapidhash::v3::rapidhash_v3;
use serde::{Deserialize, Serialize};

use crate::model::Key;

/// How many calls are remembered. Loops go in small circles, and this is kept with every log that is read.
const REMEMBERED: usize = 16;

/// The hash of a tool call's name and arguments: all that is ever kept of them.
#[must_use]
pub fn same(name: &[u8], arguments: &[u8]) -> u32 {
    // Arguments may be whole files: their own hash is made for long texts.
    let [a, b, c, d, ..] = Key::of(&[b"same", name, &rapidhash_v3(arguments).to_le_bytes()]).0.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The last calls of the running task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    task: u64,
    /// The hash of each, and half of its key.
    calls: Vec<(u32, u32)>,
}

impl Recent {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Remembers a call; gives its hash where an earlier call of the task was the same. A line that is written again is
    /// the same call, not another one.
    pub fn meet(&mut self, task: Key, call: Key, same: u32) -> Option<u32> {
        if self.task != task.0 {
            *self = Recent { task: task.0, calls: Vec::new() };
        }
        let [a, b, c, d, ..] = call.0.to_le_bytes();
        let id = u32::from_le_bytes([a, b, c, d]);
        let place = self.calls.iter().position(|(_, known)| *known == id).unwrap_or(self.calls.len());
        let comes_again = self.calls.iter().take(place).any(|(known, _)| *known == same);
        if let Some(known) = self.calls.get_mut(place) {
            known.0 = same;
        } else {
            if self.calls.len() == REMEMBERED {
                self.calls.remove(0);
            }
            self.calls.push((same, id));
        }
        comes_again.then_some(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Key = Key(7);

    #[test]
    fn a_call_that_comes_again_is_known_and_the_same_line_is_no_other_call() {
        let mut recent = Recent::default();
        let read = same(b"Read", b"{\"file_path\":\"a\"}");
        assert_ne!(read, same(b"Read", b"{\"file_path\":\"b\"}"));
        assert_ne!(read, same(b"Write", b"{\"file_path\":\"a\"}"));
        assert_eq!(recent.meet(TASK, Key(1), read), None);
        assert_eq!(recent.meet(TASK, Key(1), read), None);
        assert_eq!(recent.meet(TASK, Key(2), read), Some(read));
        assert_eq!(recent.meet(TASK, Key(2), read), Some(read));
        assert_eq!(recent.meet(Key(8), Key(3), read), None);
    }

    #[test]
    fn only_the_last_calls_are_remembered() {
        let mut recent = Recent::default();
        recent.meet(TASK, Key(0), 7);
        for n in 1..=16 {
            recent.meet(TASK, Key(n), u32::try_from(100 + n).unwrap());
        }
        assert_eq!(recent.meet(TASK, Key(99), 7), None);
    }
}
