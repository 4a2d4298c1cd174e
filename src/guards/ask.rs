//! What an agent asks: the few fields of its question that matter.
//!
//! The question also carries what the tool is to do and what it said, or the whole conversation: megabytes, none of it
//! looked at or kept. A question that breaks off is read as far as it goes, for the fields that matter come first.

use std::path::PathBuf;

use crate::sources::json::{Bad, Cursor};

use super::GuardError;

/// When the agent asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Moment {
    /// A person has sent a prompt; no model call has been made for it.
    Prompt,
    /// In the middle of a task, before the next model call.
    Step,
    /// Anything else: never a reason to stop.
    #[default]
    Other,
}

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// When.
    pub moment: Moment,
    /// The agent's own id of the session.
    pub session: Option<String>,
    /// The log in which the last model call is, or will soon be.
    pub transcript: Option<PathBuf>,
    /// Where the agent works.
    pub cwd: Option<PathBuf>,
    /// The subagent that asks; `None` for the session itself.
    pub subagent: Option<String>,
    /// A tool call of the last model call: once its id is in the transcript, so is that call.
    pub tool_use: Option<String>,
}

/// The fields that agents share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) event: Option<String>,
    pub(super) ask: Ask,
}

/// Reads the fields of a JSON object. What does not begin like one is an error, and what breaks off before it has said at which
/// event it asks; `event` is what the command line says of that.
pub(super) fn fields(event: Option<&str>, stdin: &[u8]) -> Result<Fields, GuardError> {
    let mut cursor = Cursor::new(stdin);
    if cursor.peek() != Some(b'{') {
        return Err(GuardError::Question);
    }
    let mut found = Fields::default();
    // A question that breaks off has said what matters.
    let whole = cursor.object(|key, value| {
        match key {
            b"hook_event_name" => found.event = text(value)?,
            b"session_id" => found.ask.session = text(value)?,
            b"transcript_path" => found.ask.transcript = text(value)?.map(PathBuf::from),
            b"cwd" => found.ask.cwd = text(value)?.map(PathBuf::from),
            b"agent_id" => found.ask.subagent = text(value)?,
            b"tool_use_id" => found.ask.tool_use = text(value)?,
            b"tool_calls" => {
                let last = last_tool_use(value)?;
                found.ask.tool_use = last.or(found.ask.tool_use.take());
            }
            _ => {}
        }
        Ok(())
    });
    if whole.is_err() && event.is_none() && found.event.is_none() {
        return Err(GuardError::Question);
    }
    Ok(found)
}

fn text(value: &mut Cursor<'_>) -> Result<Option<String>, Bad> {
    let text = value.string()?.map(|raw| raw.text().into_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

fn last_tool_use(value: &mut Cursor<'_>) -> Result<Option<String>, Bad> {
    let mut last = None;
    value.array(|item| {
        item.object(|key, value| {
            if key == b"tool_use_id" {
                last = text(value)?.or(last.take());
            }
            Ok(())
        })
    })?;
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_breaks_off_is_read_as_far_as_it_goes() {
        let found =
            fields(None, br#"{"session_id":"s","cwd":"/w","hook_event_name":"BeforeModel","llm_request":{"messages":[{"a":"b"#).unwrap();
        assert_eq!((found.event.as_deref(), found.ask.session.as_deref()), (Some("BeforeModel"), Some("s")));
        assert!(fields(None, b"").is_err());
        assert!(fields(None, b"[1]").is_err());
    }

    #[test]
    fn only_the_question_s_own_fields_count() {
        let asked = br#"{"tool_input":{"session_id":"not this","agent_id":"nor this"},"session_id":"this","tool_calls":[{"tool_use_id":"a"},{"tool_input":{"tool_use_id":"x"},"tool_use_id":"b"}]}"#;
        let ask = fields(None, asked).unwrap().ask;
        assert_eq!((ask.session.as_deref(), ask.subagent, ask.tool_use.as_deref()), (Some("this"), None, Some("b")));
    }
}
