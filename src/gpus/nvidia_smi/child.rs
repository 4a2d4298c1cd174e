//! The program `nvidia-smi`, as a child: one that goes on printing, and others that print once. Neither is waited for without
//! an end: with a broken driver it hangs for minutes, and not even a signal ends it then.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::rows::Row;

/// So long a program that prints once may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What it may print, in bytes.
const MOST_OUTPUT: u64 = 4 << 20;
/// A line that is longer is none.
const MOST_LINE: u64 = 8192;
/// More cards are not kept.
const MOST_ROWS: usize = 256;
/// A row that is older is not told: the program hangs, or the card is gone.
const STALE: Duration = Duration::from_secs(10);
/// After the first row so long others may follow.
const SETTLE: Duration = Duration::from_millis(150);
/// So long an ended child may take to be gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// What it prints once; what it complains of where it fails.
pub(super) fn output(program: &Path, args: &[&str]) -> Result<String, String> {
    let (mut child, stdout) = spawn(program, args)?;
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.take(MOST_OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    let text = receiver.recv_timeout(LIMIT);
    let succeeded = text.is_ok() && waited(&mut child);
    end(&mut child);
    let text = text.map_err(|_| "it does not answer".to_owned())?;
    if succeeded { Ok(text) } else { Err(complaint(&text)) }
}

fn spawn(program: &Path, args: &[&str]) -> Result<(Child, ChildStdout), String> {
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or_else(|| "it prints nothing".to_owned())?;
    Ok((child, stdout))
}

/// Whether it has ended well, within a moment of its last word.
fn waited(child: &mut Child) -> bool {
    let until = Instant::now() + FAREWELL;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
            _ => return false,
        }
    }
}

/// Ends it.
fn end(child: &mut Child) {
    let _ = child.kill();
    waited(child);
}

fn complaint(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing");
    line.chars().take(200).collect()
}

#[derive(Default)]
struct Latest {
    rows: BTreeMap<u32, (Instant, Row)>,
    complaint: Option<String>,
    is_over: bool,
}

/// What the reader of a child's lines and whoever asks have in common.
#[derive(Default)]
struct Shared {
    latest: Mutex<Latest>,
    changed: Condvar,
}

impl Shared {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: &str, fields: &[&str]) {
        let mut latest = self.latest();
        match Row::read(line, fields) {
            Some(row) => {
                let index = row.card.index.unwrap_or_default();
                if latest.rows.len() < MOST_ROWS || latest.rows.contains_key(&index) {
                    latest.rows.insert(index, (Instant::now(), row));
                }
            }
            None if latest.complaint.is_none() && !line.trim().is_empty() => latest.complaint = Some(complaint(line)),
            None => {}
        }
        self.changed.notify_all();
    }
}

/// A child that goes on printing rows about cards.
pub(super) struct Stream {
    child: Child,
    shared: Arc<Shared>,
}

impl Stream {
    /// Starts it, and waits until it has said something.
    pub(super) fn start(program: &Path, fields: Vec<&'static str>) -> Result<Self, String> {
        let query = format!("--query-gpu={}", fields.join(","));
        let (child, stdout) = spawn(program, &[&query, "--format=csv,noheader,nounits", "-lms", "2000"])?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn(move || listen(stdout, &fields, &theirs));
        let stream = Self { child, shared };
        stream.settle();
        Ok(stream)
    }

    fn settle(&self) {
        let guard = self.shared.latest();
        let waiting = |latest: &mut Latest| latest.rows.is_empty() && !latest.is_over;
        let waited = self.shared.changed.wait_timeout_while(guard, LIMIT, waiting);
        let mut guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        loop {
            let before = guard.rows.len();
            let more = |latest: &mut Latest| latest.rows.len() == before && !latest.is_over;
            guard = self.shared.changed.wait_timeout_while(guard, SETTLE, more).unwrap_or_else(PoisonError::into_inner).0;
            if guard.rows.len() == before || guard.is_over {
                return;
            }
        }
    }

    /// The rows of the last seconds; why there are none, where there are none.
    pub(super) fn rows(&self) -> Result<Vec<Row>, String> {
        let latest = self.shared.latest();
        let fresh: Vec<Row> = latest.rows.values().filter(|(at, _)| at.elapsed() < STALE).map(|(_, row)| row.clone()).collect();
        if !fresh.is_empty() && !latest.is_over {
            return Ok(fresh);
        }
        Err(latest.complaint.clone().unwrap_or_else(|| if latest.is_over { "it has ended" } else { "it does not answer" }.to_owned()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn listen(stdout: ChildStdout, fields: &[&str], shared: &Shared) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut is_rest = false;
    loop {
        line.clear();
        match stdout.by_ref().take(MOST_LINE).read_until(b'\n', &mut line) {
            Ok(read) if read > 0 => {}
            _ => break,
        }
        // What is longer than any line is passed over up to its end.
        let is_whole = line.ends_with(b"\n");
        if is_whole && !is_rest {
            shared.line(&String::from_utf8_lossy(&line), fields);
        }
        is_rest = !is_whole;
    }
    shared.latest().is_over = true;
    shared.changed.notify_all();
}
