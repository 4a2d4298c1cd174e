//! A thing that the model was given or gave back: a message, a tool call, a tool's result.

use std::sync::Arc;

use crate::model::Key;
use crate::sources::json::{Bad, Cursor};
use crate::sources::recent;

use super::super::{AGENT, outcome};
use super::{Body, Names};

pub(super) fn item(c: &mut Cursor<'_>, names: &mut Names) -> Result<Body, Bad> {
    let (mut kind, mut role): (&[u8], &[u8]) = (b"", b"");
    let (mut call, mut id) = (None, None);
    let (mut name, mut text, mut early) = (None, None, None);
    let mut failed = false;
    let (mut arguments, mut action): (&[u8], &[u8]) = (b"", b"");
    c.object(|key, c| {
        match key {
            b"type" => kind = c.string()?.map_or(b"", |s| s.0),
            b"arguments" | b"input" => arguments = c.raw()?,
            b"action" => {
                action = kind_of(&mut c.clone())?;
                arguments = c.raw()?;
            }
            b"role" => role = c.string()?.map_or(b"", |s| s.0),
            b"name" => name = names.tool.non_empty(c.string()?),
            b"call_id" => call = c.string()?.map(|s| call_key(s.0)),
            b"id" => id = c.string()?.map(|s| call_key(s.0)),
            b"content" if role == b"user" => text = prompt_text(c)?,
            b"content" if role.is_empty() => {
                early = Some(c.clone());
                c.skip()?;
            }
            b"output" => failed = first_text(c)?.is_some_and(outcome::has_failed),
            _ => {}
        }
        Ok(())
    })?;
    if let (Some(mut c), b"user") = (early, role) {
        text = prompt_text(&mut c)?; // the role came after the content
    }
    // A call without an id (web searches of some releases) has only its place in the file: the fold gives it one.
    let tool = |call: Option<Key>, fallback: &str, search: bool| {
        let name = name.clone().unwrap_or_else(|| Arc::from(fallback));
        let same = recent::same(name.as_bytes(), arguments);
        Body::Tool { call: call.unwrap_or(Key(0)), name, same, search }
    };
    Ok(match kind {
        b"message" if role == b"assistant" => Body::Output,
        b"reasoning" => Body::Output,
        b"message" => text.map_or(Body::Other, |text| Body::Input(text_key(text))),
        b"function_call" | b"custom_tool_call" => tool(call.or(id), "?", false),
        b"local_shell_call" => tool(call.or(id), "shell", false),
        // To open a page that was found and to look for something in it is free: only searches are billed.
        b"web_search_call" => tool(call.or(id), "web_search", matches!(action, b"" | b"search")),
        b"tool_search_call" => tool(call.or(id), "tool_search", false),
        b"function_call_output" | b"custom_tool_call_output" => call.map_or(Body::Other, |call| Body::Result { call, failed }),
        _ => Body::Other,
    })
}

/// The type of an object; empty where there is none.
fn kind_of<'a>(c: &mut Cursor<'a>) -> Result<&'a [u8], Bad> {
    let mut kind: &[u8] = b"";
    c.object(|key, c| {
        if key == b"type" {
            kind = c.string()?.map_or(b"", |s| s.0);
        }
        Ok(())
    })?;
    Ok(kind)
}

/// Each text of a list of content blocks, until `take` wants no more; a plain string is a list of one. Gives how many
/// blocks there were.
fn each_text<'a>(c: &mut Cursor<'a>, mut take: impl FnMut(&'a [u8]) -> bool) -> Result<usize, Bad> {
    if c.peek() == Some(b'"') {
        if let Some(text) = c.string()? {
            take(text.0);
        }
        return Ok(1);
    }
    let (mut blocks, mut wants) = (0, true);
    c.array(|c| {
        blocks += 1;
        c.object(|key, c| {
            if key == b"text"
                && let Some(text) = c.string()?
            {
                wants = wants && take(text.0);
            }
            Ok(())
        })
    })?;
    Ok(blocks)
}

/// The first text of a list of content blocks.
fn first_text<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    let mut first = None;
    each_text(c, |text| {
        first = Some(text);
        false
    })?;
    Ok(first)
}

/// The first text that Codex did not put there itself.
fn prompt_text<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    let mut typed = None;
    each_text(c, |text| {
        typed = Some(text).filter(|text| !is_injected(text));
        typed.is_none()
    })?;
    Ok(typed)
}

/// All texts as the legacy dialect writes them, in one string; a prompt of images alone has an empty one.
pub(super) fn texts(c: &mut Cursor<'_>) -> Result<Option<Key>, Bad> {
    let mut all: Vec<u8> = Vec::new();
    let blocks = each_text(c, |text| {
        if !all.is_empty() {
            all.extend_from_slice(br"\n");
        }
        all.extend_from_slice(text);
        true
    })?;
    Ok((blocks > 0).then(|| text_key(&all)))
}

/// Messages that Codex itself puts into the conversation in the user's role.
fn is_injected(text: &[u8]) -> bool {
    text.first() == Some(&b'<')
        || text.starts_with(b"# AGENTS.md")
        || text.starts_with(b"The following is the Codex agent history")
        || text.is_empty()
}

pub(super) fn call_key(id: &[u8]) -> Key {
    Key::of(&[AGENT.as_bytes(), b"tool", id])
}

pub(super) fn text_key(text: &[u8]) -> Key {
    Key::of(&[AGENT.as_bytes(), b"text", text])
}
