//! The command that stands in an agent's settings, and how it is known again.

use std::path::Path;

use crate::model::AgentId;

/// Seconds that an agent waits for an answer. Agents go on without one after that.
pub const PATIENCE_SECONDS: u64 = 5;

/// `BINARY hook AGENT`, as a shell reads it.
#[must_use]
pub fn plain(binary: &Path, agent: AgentId) -> String {
    format!("{} hook {agent}", quoted(binary))
}

/// The same for agents that take a missing program for a "no": without the program there is no question.
#[must_use]
pub fn guarded(binary: &Path, agent: AgentId) -> String {
    let binary = quoted(binary);
    format!("test -x {binary} || exit 0; exec {binary} hook {agent}")
}

/// `BINARY statusline`, as a shell reads it.
#[must_use]
pub fn status_line(binary: &Path) -> String {
    format!("{} statusline", quoted(binary))
}

/// Whether a status line in somebody's settings is one of ours, with whatever flags he has given it.
#[must_use]
pub fn is_our_status_line(command: &str, binary: &Path) -> bool {
    let Some((program, flags)) = command.trim().split_once(" statusline") else { return false };
    // What stands between single quotes is for us, whatever it is.
    let bare: String = flags.split('\'').step_by(2).collect();
    let is_whole = flags.matches('\'').count() % 2 == 0;
    let is_plain = flags.is_empty() || (flags.starts_with(" --") && is_whole && !bare.contains(|c: char| "|&;<>$`\\\n".contains(c)));
    is_plain && is_our_program(program, binary)
}

/// Whether a command in somebody's settings is one of ours: of any binary of ours, or of this one under another name.
#[must_use]
pub fn is_ours(command: &str, binary: &Path, agent: AgentId) -> bool {
    let Some(before) = command.trim_end().strip_suffix(&format!(" hook {agent}")) else { return false };
    let program = match before.rsplit_once("|| exit 0; exec ") {
        Some((test, program)) if test.starts_with("test -x ") => program,
        _ => before,
    };
    is_our_program(program, binary)
}

/// Whether the first word of a command is a binary of ours, or this one under another name.
fn is_our_program(program: &str, binary: &Path) -> bool {
    if program == quoted(binary) {
        return true;
    }
    // Whatever else a person's own line does, it is theirs.
    let name = unquoted(program).and_then(|program| Some(Path::new(&program).file_name()?.to_str()?.to_owned()));
    name.is_some_and(|name| name == "aifinops" || name.starts_with("aifinops-") || name.starts_with("aifinops."))
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The one word that a shell would read; `None` for anything that is more than one.
fn unquoted(word: &str) -> Option<String> {
    if let Some(inner) = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        let inner = inner.replace(r"'\''", "\u{0}");
        return (!inner.contains('\'')).then(|| inner.replace('\u{0}', "'"));
    }
    let plain = !word.contains(|c: char| c.is_whitespace() || "'\"\\;&|<>()$`".contains(c));
    plain.then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_status_line_is_known_with_its_flags_and_no_other_is() {
        let here = Path::new("/here/aifinops");
        for path in ["/usr/bin/aifinops", "/a b/aifinops", "/it's/aifinops", "/here/aifinops"] {
            assert!(is_our_status_line(&status_line(Path::new(path)), here), "{path}");
        }
        for format in ["{session} {5h}", "{today} | {burn}/h; $"] {
            assert!(is_our_status_line(&format!("aifinops statusline --format '{format}' --plain"), here), "{format}");
        }
        for theirs in [
            "other statusline",
            "aifinops statusline | tr a b",
            "x; aifinops statusline",
            "aifinops statusline; beep",
            "aifinops statusline --format '{today}' | tr a b",
            "aifinops statusline --format \"$(beep '|')\"",
            "aifinops statusline --format '",
            "aifinops statuslines",
            "~/line.sh",
        ] {
            assert!(!is_our_status_line(theirs, here), "{theirs}");
        }
    }

    #[test]
    fn our_own_command_is_known_under_any_path() {
        for path in ["/usr/bin/aifinops", "/a b/aifinops", "/it's/aifinops", "/ä/aifinops", "/x/other-name"] {
            let path = Path::new(path);
            assert!(is_ours(&plain(path, "codex"), path, "codex"), "{}", path.display());
            assert!(is_ours(&guarded(path, "codex"), path, "codex"), "{}", path.display());
            assert!(!is_ours(&plain(path, "codex"), path, "claude-code"));
        }
        let here = Path::new("/here/aifinops");
        assert!(is_ours("/elsewhere/aifinops hook codex", here, "codex"));
        assert!(is_ours("'/else where/aifinops' hook codex", here, "codex"));
        for theirs in ["echo aifinops hook codex", "aifinops hook codex; beep", "/x/other hook codex", "beep && /x/aifinops hook codex", ""]
        {
            assert!(!is_ours(theirs, here, "codex"), "{theirs}");
        }
    }
}
