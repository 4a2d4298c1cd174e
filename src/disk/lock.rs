//! Locks on files, between processes.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::append;

/// A lock that is held until it is dropped.
///
/// The system ends one when the last process that has the file open closes it (flock(2)). A child that is about to become another
/// program has open what its parent had, so a lock whose file is only closed may outlive its holder by that moment. This one is
/// ended by its holder, whoever else has the file open.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // closing it comes next, which ends it as well
    }
}

impl Lock {
    /// Takes it, or gives nothing while anybody else has it. The file is made if need be, its owner's alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn take(path: &Path) -> io::Result<Option<Lock>> {
        given(append(path)?, File::try_lock)
    }

    /// As [`Lock::take`], beside others who share it.
    ///
    /// # Errors
    /// What the system says.
    pub fn share(path: &Path) -> io::Result<Option<Lock>> {
        given(append(path)?, File::try_lock_shared)
    }

    /// Takes it, after whoever has it.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(path: &Path) -> io::Result<Lock> {
        let file = append(path)?;
        file.lock()?;
        Ok(Lock(file))
    }

    /// Takes it beside others who share it, after whoever has it alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait_shared(path: &Path) -> io::Result<Lock> {
        let file = append(path)?;
        file.lock_shared()?;
        Ok(Lock(file))
    }
}

fn given(file: File, take: impl FnOnce(&File) -> Result<(), TryLockError>) -> io::Result<Option<Lock>> {
    match take(&file) {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shares_it_keeps_out_who_wants_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let alone = Lock::take(&path).unwrap().unwrap();
        assert!(Lock::take(&path).unwrap().is_none() && Lock::share(&path).unwrap().is_none());
        drop(alone);
        let shared = (Lock::share(&path).unwrap().unwrap(), Lock::wait_shared(&path).unwrap());
        assert!(Lock::take(&path).unwrap().is_none());
        drop(shared);
        assert!(Lock::take(&path).unwrap().is_some());
        drop(Lock::wait(&path).unwrap());
    }

    /// As between the two moments in which a process becomes two and the second one another program.
    #[cfg(unix)]
    #[test]
    fn a_child_that_has_the_file_open_does_not_keep_it_locked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lock");
        let lock = Lock::take(&path).unwrap().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").stdin(lock.0.try_clone().unwrap()).spawn().unwrap();
        drop(lock);
        let again = Lock::take(&path).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(again.is_some());
    }
}
