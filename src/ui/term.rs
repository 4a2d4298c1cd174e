//! The terminal: taken over, given back, whatever happens in between.

use std::io::{self, Write as _, stdout};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

use crate::model::text::clean;

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal in full-screen mode; dropping it gives it back.
pub struct Screen {
    /// Ratatui's side of it.
    pub terminal: Terminal<CrosstermBackend<io::Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before it is reported.
    pub fn open(mouse: bool) -> io::Result<Screen> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave();
            before(info);
        }));
        let opened = enter(mouse).and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match opened {
            Ok(terminal) => Ok(Screen { terminal, mouse }),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// Draws one frame inside a synchronized update, so that a terminal never shows half of it.
    pub fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            // Another thread has panicked and the hook has given the terminal back: do not draw over its message.
            return Err(io::Error::other("a part of the program has failed"));
        }
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(render).map(|_| ());
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Gives the terminal to somebody else for a while.
    pub fn lend<T>(&mut self, borrower: impl FnOnce() -> T) -> io::Result<T> {
        leave();
        let result = borrower();
        enter(self.mouse)?;
        self.redraw()?;
        Ok(result)
    }

    /// Empties the terminal, so that the next frame draws every cell. Ratatui's own `clear` asks the terminal where the
    /// cursor is, and fails where nobody answers.
    pub fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect { x: 0, y: 0, width: size.width, height: size.height })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn enter(mouse: bool) -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    if mouse {
        execute!(stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Undoes everything that [`enter`] did, once: leaving twice would put the cursor back over what was said since.
fn leave() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = disable_raw_mode();
    let _ = execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    );
    let _ = stdout().flush();
}

/// Writes bytes that move no cursor.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(bytes)?;
    out.flush()
}

/// Puts a text on the clipboard of the terminal in front of the user, also over SSH (OSC 52). It may come from a log and be
/// pasted into a shell: it is cleaned, so that nothing in it is taken for a key.
pub fn copy(text: &str) -> io::Result<()> {
    execute!(stdout(), clipboard(text))
}

fn clipboard(text: &str) -> CopyToClipboard<String> {
    CopyToClipboard::to_clipboard_from(clean(text))
}

/// Shows a file with the user's program: `open_with`, else `$PAGER`, else `less`.
pub fn show(path: &Path, open_with: &str) -> io::Result<ExitStatus> {
    let program = if open_with.trim().is_empty() { std::env::var("PAGER").unwrap_or_default() } else { open_with.to_owned() };
    let words = program.split_whitespace();
    // Without -R: a log's own escape sequences are shown, not obeyed.
    let mut command = Command::new(program_of(&program));
    command.args(words.skip(1)).arg(path);
    let fail = |error: io::Error| io::Error::new(error.kind(), format!("cannot run `{}`: {error}", program_of(&program)));
    command.status().map_err(fail)
}

fn program_of(words: &str) -> &str {
    words.split_whitespace().next().unwrap_or("less")
}

/// Whether ctrl-c has ended a program, or what a shell ran for it.
#[must_use]
pub fn was_interrupted(status: &ExitStatus) -> bool {
    const SIGINT: i32 = 2;
    #[cfg(unix)]
    if std::os::unix::process::ExitStatusExt::signal(status) == Some(SIGINT) {
        return true;
    }
    status.code() == Some(128 + SIGINT)
}

/// Stops this process as ctrl-z does; returns when the shell has brought it back.
pub fn suspend() {
    let _ = Command::new("kill").args(["-TSTP", &std::process::id().to_string()]).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_has_no_control_characters() {
        let id = "3f2a91c0\nrm -rf ~\r\u{1b}[201~\t\u{9b}31m\u{7f}\u{202e}\u{2028}end";
        assert_eq!(clipboard(id).content, "3f2a91c0\u{fffd}rm -rf ~\u{fffd}\u{fffd}[201~\u{fffd}\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}end");
        assert_eq!(clipboard("3f2a91c0-データ").content, "3f2a91c0-データ");
    }
}
