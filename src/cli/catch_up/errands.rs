//! What hooks leave for later: a line each in a file, which one process after another does and deletes.
//!
//! Hooks come by the hundred where agents are at work or something is broken, so not each can have a process of its own. One
//! works, at most one waits to begin after it, and whoever would be a third leaves its errand to the one that waits.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::disk::{Lock, append};
use crate::model::Millis;
use crate::model::text::clean;

/// The errands.
const FILE: &str = "catch-up.todo";
/// Those that somebody has taken.
const TAKEN: &str = "catch-up.taken";
/// Held by the process that works.
const WORKING: &str = "catch-up.working";
/// Held by the one that waits to begin after it.
const WAITING: &str = "catch-up.waiting";
/// Where nobody does errands for long, no more are added.
const MOST: u64 = 256 << 10;
/// How long the one that works is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause between two looks at a lock.
const PAUSE: Duration = Duration::from_millis(2);
/// How long somebody may need who has opened the file just before it was taken.
const SETTLED: Duration = Duration::from_millis(20);

/// Something to do later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Read all logs.
    Read,
    /// Tell what there is to tell.
    Tell,
    /// Write the store's log back.
    Tidy,
    /// Record that a guard could not tell what was spent.
    Failure {
        /// When that was.
        at: Millis,
        /// The agent's name.
        agent: String,
        /// What was done, and why.
        why: String,
    },
}

impl Errand {
    fn line(&self) -> String {
        match self {
            Errand::Read => "read\n".to_owned(),
            Errand::Tell => "tell\n".to_owned(),
            Errand::Tidy => "tidy\n".to_owned(),
            // Clean text has no tabs and no line ends.
            Errand::Failure { at, agent, why } => format!("failure\t{at}\t{}\t{}\n", clean(agent), clean(why)),
        }
    }

    fn parse(line: &str) -> Option<Errand> {
        let mut parts = line.splitn(4, '\t');
        match parts.next()? {
            "read" => Some(Errand::Read),
            "tell" => Some(Errand::Tell),
            "tidy" => Some(Errand::Tidy),
            "failure" => {
                Some(Errand::Failure { at: parts.next()?.parse().ok()?, agent: parts.next()?.to_owned(), why: parts.next()?.to_owned() })
            }
            _ => None,
        }
    }
}

/// The lock, if it is free before then.
fn taken(path: &Path, until: Instant) -> io::Result<Option<Lock>> {
    loop {
        let lock = Lock::take(path)?;
        if lock.is_some() || Instant::now() > until {
            return Ok(lock);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Leaves errands; gives whether a process is needed for them, or one that waits will do them.
pub(super) fn leave(dir: &Path, errands: &[Errand]) -> io::Result<bool> {
    let mut file = append(&dir.join(FILE))?;
    if file.metadata()?.len() < MOST {
        let text: String = errands.iter().map(Errand::line).collect();
        file.write_all(text.as_bytes())?;
    }
    // Shared, so that those who ask this at the same time do not take each other for somebody who waits.
    Lock::share(&dir.join(WAITING)).map(|nobody_waits| nobody_waits.is_some())
}

/// The right to do errands. Others wait while it is held.
#[derive(Debug)]
pub(super) struct Turn {
    dir: PathBuf,
    _working: Lock,
}

/// Waits for the turn; nothing where another one waits already, or whoever works does not come to an end.
pub(super) fn turn(dir: &Path) -> io::Result<Option<Turn>> {
    let begun = Instant::now();
    // Those who leave errands hold it for a moment.
    let Some(waiting) = taken(&dir.join(WAITING), begun + SETTLED)? else { return Ok(None) };
    let Some(working) = taken(&dir.join(WORKING), begun + PATIENCE)? else { return Ok(None) };
    // From here on who comes needs a process again: what it leaves may come too late for this one.
    drop(waiting);
    Ok(Some(Turn { dir: dir.to_owned(), _working: working }))
}

impl Turn {
    /// Takes what there is to do, also what somebody took who did not come to an end.
    pub(super) fn take(&self) -> io::Result<Vec<Errand>> {
        let mut text = read(&self.dir.join(TAKEN))?;
        match std::fs::rename(self.dir.join(FILE), self.dir.join(TAKEN)) {
            Ok(()) => {
                std::thread::sleep(SETTLED);
                text.push_str(&read(&self.dir.join(TAKEN))?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(text.lines().filter_map(Errand::parse).collect())
    }

    /// What was taken is done.
    pub(super) fn done(&self) {
        let _ = std::fs::remove_file(self.dir.join(TAKEN));
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MOST * 2).read_to_end(&mut bytes).map(|_| ())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(n: i64) -> Errand {
        Errand::Failure { at: n, agent: "codex".to_owned(), why: "lets it go on: busy".to_owned() }
    }

    #[test]
    fn errands_are_done_once_and_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        assert!(leave(dir.path(), &[Errand::Read, failure(1)]).unwrap(), "nobody is there to do them");
        let hostile = Errand::Failure { at: 2, agent: "a\tb".to_owned(), why: "x\nread\n\u{1b}[2J".to_owned() };
        assert!(leave(dir.path(), &[hostile]).unwrap());
        let turn = turn(dir.path()).unwrap().unwrap();
        let all = turn.take().unwrap();
        assert_eq!(all[..2], [Errand::Read, failure(1)]);
        assert!(
            matches!(&all[2], Errand::Failure { at: 2, agent, why } if !agent.contains('\t') && !why.contains(['\n', '\u{1b}'])),
            "{all:?}"
        );
        assert_eq!(all.len(), 3);
        turn.done();
        assert_eq!(turn.take().unwrap(), []);
    }

    #[test]
    fn what_was_taken_by_somebody_who_did_not_end_is_done_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), &[failure(1)]).unwrap();
        turn(dir.path()).unwrap().unwrap().take().unwrap();
        leave(dir.path(), &[failure(2)]).unwrap();
        assert_eq!(turn(dir.path()).unwrap().unwrap().take().unwrap(), [failure(1), failure(2)]);
    }

    #[test]
    fn one_works_one_waits_and_nobody_else_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let first = turn(dir.path()).unwrap().unwrap();
        assert!(leave(dir.path(), &[Errand::Tell]).unwrap(), "the one that works may have looked already");
        let path = dir.path().to_owned();
        let second = std::thread::spawn(move || turn(&path).unwrap().unwrap().take().unwrap());
        while leave(dir.path(), &[Errand::Read]).unwrap() {
            std::thread::yield_now();
        }
        assert!(turn(dir.path()).unwrap().is_none(), "a third goes home");
        drop(first);
        let done = second.join().unwrap();
        assert!(done.first() == Some(&Errand::Tell) && done.last() == Some(&Errand::Read), "{done:?}");
        assert!(leave(dir.path(), &[Errand::Read]).unwrap());
    }
}
