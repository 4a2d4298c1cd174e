//! The terminal: its bell, and notifications by escape sequences, which reach the desktop also over SSH.
//!
//! `OSC 9` is iTerm2's sequence, `OSC 777;notify` is urxvt's; kitty, foot, Ghostty and `WezTerm` know both. A terminal
//! that is known gets the one that it shows best, another one both: those who know neither ignore them.

use std::io::Write as _;
use std::sync::mpsc;
use std::thread;

use super::{Alert, Known, PATIENCE, Way, WayError};
use crate::model::text::fit;

/// Columns of a title and of a body; a notification has no room for more.
const TITLE: usize = 80;
/// See [`TITLE`].
const BODY: usize = 200;

/// Takes bytes for the terminal and says whether it has taken them. They are whole sequences and move no cursor: a
/// screen writes them as they are, between two pictures.
pub type Hand = Box<dyn Fn(Vec<u8>) -> bool + Send>;

/// The way's line in the registry.
pub(super) const KNOWN: Known = Known {
    name: "terminal",
    about: "the terminal's bell and its own notification, also over SSH",
    fits: |_| true,
    make: |setup| Box::new(Terminal { dress: Dress::of(setup.env), hand: setup.screen.take() }),
};

/// The terminal that the process runs in.
pub struct Terminal {
    dress: Dress,
    hand: Option<Hand>,
}

impl Way for Terminal {
    fn name(&self) -> &'static str {
        KNOWN.name
    }

    fn tell(&self, alert: &Alert) -> Result<(), WayError> {
        let bytes = self.dress.bytes(alert);
        match &self.hand {
            Some(hand) => hand(bytes).then_some(()).ok_or(WayError::Full),
            None => write(bytes),
        }
    }
}

/// Writes to the controlling terminal, wherever the process's own output goes. One that has been stopped with `ctrl-s`
/// takes nothing: then the thread is left waiting.
fn write(bytes: Vec<u8>) -> Result<(), WayError> {
    let path = if cfg!(windows) { "CONOUT$" } else { "/dev/tty" };
    let mut tty = std::fs::OpenOptions::new().write(true).open(path).map_err(WayError::Terminal)?;
    let (done, written) = mpsc::sync_channel(1);
    let write = move || drop(done.send(tty.write_all(&bytes).and_then(|()| tty.flush())));
    thread::Builder::new().name("terminal".to_owned()).spawn(write).map_err(WayError::System)?;
    match written.recv_timeout(PATIENCE) {
        Ok(outcome) => outcome.map_err(WayError::Terminal),
        Err(_) => Err(WayError::Late("the terminal".to_owned())),
    }
}

/// What stands between the process and the terminal, and what the terminal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dress {
    /// A multiplexer, which lets sequences through only if they are wrapped.
    wrap: Wrap,
    osc9: bool,
    osc777: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrap {
    Bare,
    /// tmux 3.3 and later do so only with `set -g allow-passthrough on`.
    Tmux,
    Screen,
}

impl Dress {
    /// What the environment says about the terminal.
    #[must_use]
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Dress {
        let wrap = match (env("TMUX"), env("STY")) {
            (Some(_), _) => Wrap::Tmux,
            (None, Some(_)) => Wrap::Screen,
            (None, None) => Wrap::Bare,
        };
        // A multiplexer replaces TERM and TERM_PROGRAM; `LC_` variables usually go through SSH and through it.
        let word = |name: &str| env(name).unwrap_or_default().to_ascii_lowercase();
        let names = [word("LC_TERMINAL"), word("TERM_PROGRAM"), word("TERM")];
        let is = |word: &str| names.iter().any(|name| name.contains(word));
        let (osc9, osc777) = if is("iterm") {
            (true, false)
        } else if ["wezterm", "ghostty", "kitty", "foot", "rxvt"].into_iter().any(is) {
            (false, true)
        } else {
            (true, true)
        };
        Dress { wrap, osc9, osc777 }
    }

    /// The bytes of an alert: the bell, then what the terminal shows as a notification.
    #[must_use]
    pub fn bytes(self, alert: &Alert) -> Vec<u8> {
        let (title, body) = (fit(&one_line(&alert.title), TITLE), fit(&one_line(&alert.body), BODY));
        // The bell is the multiplexer's own matter.
        let mut out = "\u{7}".to_owned();
        if self.osc9 {
            // Begun with a name: `9;4;…` would be a progress bar elsewhere.
            let text = if body.is_empty() { title.clone() } else { format!("{title}: {body}") };
            out.push_str(&self.wrapped(&format!("\u{1b}]9;aifinops: {text}\u{7}")));
        }
        if self.osc777 {
            let part = |text: &str| text.replace(';', ",");
            out.push_str(&self.wrapped(&format!("\u{1b}]777;notify;{};{}\u{7}", part(&title), part(&body))));
        }
        out.into_bytes()
    }

    fn wrapped(self, sequence: &str) -> String {
        match self.wrap {
            Wrap::Bare => sequence.to_owned(),
            Wrap::Tmux => format!("\u{1b}Ptmux;{}\u{1b}\\", sequence.replace('\u{1b}', "\u{1b}\u{1b}")),
            Wrap::Screen => format!("\u{1b}P{sequence}\u{1b}\\"),
        }
    }
}

/// Words with single blanks between them. [`fit`] replaces what is left of control characters.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{AlertKind, Urgency};

    fn alert(title: &str, body: &str) -> Alert {
        let (title, body) = (title.to_owned(), body.to_owned());
        Alert { kind: AlertKind::CapLevel, key: "k".to_owned(), at: 0, until: 1, title, body, urgency: Urgency::Normal }
    }

    fn dress(given: &[(&str, &str)]) -> Dress {
        Dress::of(&|name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn text(given: &[(&str, &str)], title: &str, body: &str) -> String {
        String::from_utf8(dress(given).bytes(&alert(title, body))).unwrap_or_default()
    }

    #[test]
    fn each_terminal_hears_what_it_knows() {
        let nine = "\u{1b}]9;aifinops: cap: 80%\u{7}";
        let notify = "\u{1b}]777;notify;cap;80%\u{7}";
        assert_eq!(text(&[("TERM", "xterm-256color")], "cap", "80%"), format!("\u{7}{nine}{notify}"));
        assert_eq!(text(&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")], "cap", "80%"), format!("\u{7}{nine}"));
        assert_eq!(text(&[("TERM", "foot")], "cap", "80%"), format!("\u{7}{notify}"));
    }

    #[test]
    fn a_multiplexer_is_asked_to_let_them_through() {
        let foot = [("TERM_PROGRAM", "foot"), ("TMUX", "/tmp/x,1,0")];
        assert_eq!(text(&foot, "cap", "80%"), "\u{7}\u{1b}Ptmux;\u{1b}\u{1b}]777;notify;cap;80%\u{7}\u{1b}\\");
        let screen = [("LC_TERMINAL", "iTerm2"), ("STY", "1.pts")];
        assert_eq!(text(&screen, "cap", "80%"), "\u{7}\u{1b}P\u{1b}]9;aifinops: cap: 80%\u{7}\u{1b}\\");
    }

    #[test]
    fn nothing_in_a_text_ends_or_begins_a_sequence() {
        let hostile = "a;b\u{7}c\u{1b}\\d\u{9c}e\n\tf;g";
        let said = text(&[("TERM", "foot")], hostile, hostile);
        assert_eq!(said, "\u{7}\u{1b}]777;notify;a,b\u{fffd}c\u{fffd}\\d\u{fffd}e f,g;a,b\u{fffd}c\u{fffd}\\d\u{fffd}e f,g\u{7}");
        let long = text(&[("TERM", "foot")], &"x".repeat(1000), &"y ".repeat(1000));
        assert!(long.chars().count() < TITLE + BODY + 40, "{long}");
    }

    #[test]
    fn a_screen_is_handed_the_bytes() {
        let (hand, taken) = mpsc::sync_channel(1);
        let hand: Hand = Box::new(move |bytes| hand.try_send(bytes).is_ok());
        let way = Terminal { dress: dress(&[("TERM", "foot")]), hand: Some(hand) };
        assert!(way.tell(&alert("a", "b")).is_ok());
        assert!(matches!(way.tell(&alert("a", "b")), Err(WayError::Full)));
        assert_eq!(taken.recv().unwrap_or_default(), dress(&[("TERM", "foot")]).bytes(&alert("a", "b")));
    }
}
