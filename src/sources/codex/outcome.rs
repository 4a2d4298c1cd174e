//! Whether a tool failed, told by the text that it gave back: no field says so.

use memchr::memmem;

/// How far into a tool's output its header with the exit code reaches.
const HEADER: usize = 400;

/// Whether a tool's output says that it failed; of a list of blocks the first text tells.
pub(super) fn has_failed(text: &[u8]) -> bool {
    let head = text.get(..HEADER).unwrap_or(text);
    // Behind this word stands what the command itself printed.
    let head = memmem::find(head, b"Output:").and_then(|i| head.get(..i)).unwrap_or(head);
    if head.starts_with(b"Script failed") {
        return true;
    }
    if let Some(code) = after(head, b"Process exited with code ") {
        return code_of(code) != 0;
    }
    if head.starts_with(b"Exit code: ") {
        return after(head, b"Exit code: ").is_some_and(|code| code_of(code) != 0);
    }
    // The older form: {"output":"…","metadata":{"exit_code":1,…}} as a string, its quotes escaped.
    if head.starts_with(b"{") {
        let tail = text.get(text.len().saturating_sub(HEADER)..).unwrap_or(text);
        let found = memmem::rfind(tail, br#"\"exit_code\":"#).and_then(|i| tail.get(i + 14..));
        return found.is_some_and(|code| code_of(code.trim_ascii_start()) != 0);
    }
    false
}

fn after<'a>(text: &'a [u8], marker: &[u8]) -> Option<&'a [u8]> {
    memmem::find(text, marker).and_then(|i| text.get(i + marker.len()..))
}

fn code_of(text: &[u8]) -> i64 {
    let negative = text.first() == Some(&b'-');
    let digits = if negative { text.get(1..).unwrap_or_default() } else { text };
    let code =
        digits.iter().take_while(|c| c.is_ascii_digit()).fold(0_i64, |n, c| n.saturating_mul(10).saturating_add(i64::from(c - b'0')));
    if negative { -code } else { code }
}
