//! A terminal that a program runs in: keys go in, a screen and every byte come out.

use std::fs;
use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};
use tempfile::TempDir;

/// The longest that anything may take, also on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the screen is looked at while waiting.
const LOOK: Duration = Duration::from_millis(20);

/// A home, a store, a configuration and a directory for temporary files that are nobody else's.
pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Machine { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// What the program has left among the temporary files.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// The program's environment: this machine and a terminal of 256 colours.
    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("HOME", self.path("home")),
            ("AIFINOPS_HOME", self.path("home")),
            ("AIFINOPS_DATA_DIR", self.path("data")),
            ("AIFINOPS_CONFIG", self.path("config.toml")),
            // Nobody is to be told of what tests spend.
            ("AIFINOPS_ALERTS", "ways=none".into()),
            ("TMPDIR", self.path("tmp")),
            ("TZ", "UTC".into()),
            ("TERM", "xterm-256color".into()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default().into()),
        ]
    }

    /// The program with its output in a pipe instead of a terminal.
    pub(crate) fn piped(&self, args: &[&str]) -> std::process::Output {
        self.command(args).output().unwrap()
    }

    /// The program, to be started without a terminal.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env_clear().envs(self.environment());
        command
    }

    /// The program in a terminal of this size.
    pub(crate) fn run(&self, args: &[&str], columns: u16, rows: u16) -> Terminal {
        self.run_with(Path::new(env!("CARGO_BIN_EXE_aifinops")), args, &[], columns, rows)
    }

    pub(crate) fn run_with(&self, program: &Path, args: &[&str], env: &[(&str, &str)], columns: u16, rows: u16) -> Terminal {
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        command.cwd(self.dir.path());
        Terminal::start(command, columns, rows)
    }
}

/// What has arrived.
struct Received {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

/// A running program and its terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    // Kept open, so that the terminal outlives the program and can be asked for its settings.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn Write + Send>,
    received: Arc<Mutex<Received>>,
    settings: String,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn nonzero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Terminal {
    fn start(command: CommandBuilder, columns: u16, rows: u16) -> Terminal {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let settings = format!("{:?}", pair.master.get_termios());
        let mut output = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let screen = vt100::Parser::new(nonzero(rows), nonzero(columns), 0);
        let received = Arc::new(Mutex::new(Received { screen, bytes: Vec::new() }));
        let arrives = received.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                let mut received = arrives.lock().unwrap();
                received.screen.process(&buffer[..n]);
                received.bytes.extend_from_slice(&buffer[..n]);
            }
        });
        let child = pair.slave.spawn_command(command).unwrap();
        Terminal { child, master: pair.master, _slave: pair.slave, keys, received, settings }
    }

    /// Sends bytes as a keyboard would.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.received.lock().unwrap().screen.screen_mut().set_size(nonzero(rows), nonzero(columns));
        self.master.resize(size(columns, rows)).unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// The lines of the screen.
    pub(crate) fn lines(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        let screen = received.screen.screen();
        screen.rows(0, screen.size().1.get()).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Every byte so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.received.lock().unwrap().bytes.clone()
    }

    /// Waits until the screen is as wished.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, wish: impl Fn(&[String]) -> bool) -> Duration {
        let begin = Instant::now();
        loop {
            let lines = self.lines();
            if wish(&lines) {
                return begin.elapsed();
            }
            assert!(begin.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}:\n{}", lines.join("\n"));
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until all words are on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, words: &[&str]) -> Duration {
        self.until(&format!("{words:?}"), |lines| words.iter().all(|word| lines.iter().any(|line| line.contains(word))))
    }

    /// Waits until a word is gone from the screen.
    #[track_caller]
    pub(crate) fn shows_no(&self, word: &str) {
        self.until(&format!("screen without {word:?}"), |lines| !lines.iter().any(|line| line.contains(word)));
    }

    /// Waits until the program has ended and everything it wrote has arrived.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE, "the program does not end:\n{}", self.text());
            std::thread::sleep(LOOK);
        };
        let mut before = usize::MAX;
        while self.bytes().len() != before {
            before = self.bytes().len();
            std::thread::sleep(LOOK * 2);
        }
        status
    }

    /// Nothing of the full-screen mode is left, and the settings are those of the beginning.
    #[track_caller]
    pub(crate) fn is_restored(&self) {
        {
            let received = self.received.lock().unwrap();
            let screen = received.screen.screen();
            assert!(!screen.alternate_screen(), "the alternate screen is left");
            assert!(!screen.hide_cursor(), "the cursor is shown");
            assert!(!screen.bracketed_paste(), "pastes are plain again");
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is free");
        }
        let bytes = self.bytes();
        let last = |sequence: &str| bytes.windows(sequence.len()).rposition(|window| window == sequence.as_bytes());
        // A program that ends before its first picture has opened none of them.
        let is_closed = |close: &str, open: &str| last(close) >= last(open);
        // Synchronized updates: the last one is closed.
        assert!(is_closed("\u{1b}[?2026l", "\u{1b}[?2026h"));
        for mode in ["1049", "1000", "1002", "1003", "1006", "2004"] {
            assert!(is_closed(&format!("\u{1b}[?{mode}l"), &format!("\u{1b}[?{mode}h")), "mode {mode} is still set");
        }
        assert!(is_closed("\u{1b}[?25h", "\u{1b}[?25l"));
        assert_eq!(format!("{:?}", self.master.get_termios()), self.settings, "the terminal's settings");
    }

    /// Whether keys arrive one by one and unechoed, as a screen needs them.
    pub(crate) fn is_raw(&self) -> bool {
        format!("{:?}", self.master.get_termios()) != self.settings
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
