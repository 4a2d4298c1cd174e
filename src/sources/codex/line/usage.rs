//! Counters of tokens as Codex tells them.

use crate::sources::json::{Bad, Cursor};

use super::Usage;

/// Reads an object of counters; none of one that holds what cannot be, or is no object.
pub(super) fn usage(c: &mut Cursor<'_>) -> Result<Option<Usage>, Bad> {
    if c.peek() != Some(b'{') {
        c.skip()?;
        return Ok(None);
    }
    let (mut usage, mut sound) = (Usage::default(), true);
    c.object(|key, c| {
        let field = match key {
            b"input_tokens" => &mut usage.input,
            b"cached_input_tokens" => &mut usage.cached,
            b"cache_write_input_tokens" => &mut usage.written,
            b"output_tokens" => &mut usage.output,
            b"reasoning_output_tokens" => &mut usage.reasoning,
            b"total_tokens" => &mut usage.total,
            _ => return Ok(()),
        };
        let is_null = c.peek() == Some(b'n');
        let told = c.counter()?;
        sound &= is_null || told.is_some();
        *field = told.unwrap_or(0);
        Ok(())
    })?;
    // Counters that cannot be are none: the next ones would seem to have risen from nothing.
    Ok(sound.then_some(usage))
}
