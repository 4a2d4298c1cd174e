//! Files: readable by their owner only, replaced whole or not at all, never a link replaced by a file; and locks on them.

pub mod lock;

pub use lock::Lock;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Puts `bytes` in the place of a file: written beside it and renamed over it, so that a crash leaves the old one. Its rights
/// are kept; a new file, and a new directory, are their owner's alone.
///
/// # Errors
/// What the system says; then the old file is as it was.
pub fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_directory().create(directory)?;
    let beside = beside(target)?;
    let written = fill(&beside, target, bytes).and_then(|()| fs::rename(&beside, target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(beside: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = private_file().open(beside)?;
    out.write_all(bytes)?;
    let old = fs::metadata(target).ok();
    own(&out, old.as_ref(), beside);
    // Whoever opened the file to others meant it.
    if let Some(old) = old {
        out.set_permissions(old.permissions())?;
    }
    out.sync_all()
}

/// What the administrator writes into somebody's directory is that person's: in the place of a file it belongs to whom that belonged
/// to, and a new one to whom the directory belongs to.
#[cfg(unix)]
fn own(out: &File, old: Option<&fs::Metadata>, beside: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let Ok(new) = out.metadata() else { return };
    let directory = || fs::metadata(beside.parent()?).ok().filter(|directory| directory.uid() != new.uid());
    let wanted = match old {
        Some(old) => Some((old.uid(), old.gid())),
        None => directory().map(|directory| (directory.uid(), directory.gid())),
    };
    if let Some((user, group)) = wanted.filter(|wanted| *wanted != (new.uid(), new.gid())) {
        // Nobody else may give files away, and then it stays his who writes it.
        let _ = fchown(out, Some(user), Some(group));
    }
}

/// Where there is no administrator, whoever writes a file owns it.
#[cfg(not(unix))]
const fn own(_: &File, _: Option<&fs::Metadata>, _: &Path) {}

/// Where a link leads, even when nothing is there yet: settings are often links into a repository of dotfiles.
#[must_use]
pub fn target(file: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(file) {
        return path;
    }
    let mut path = file.to_owned();
    // As many links as systems follow.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&path) else { break };
        path = path.parent().map_or_else(|| next.clone(), |parent| parent.join(&next));
    }
    path
}

/// A file that takes its name once it is whole. Until then it lies beside it, and is gone again if nobody kept it.
#[derive(Debug)]
pub struct Beside {
    out: File,
    /// Where it lies until then; nothing for what cannot be replaced, a pipe or a device, which is written at once.
    place: Option<PathBuf>,
    target: PathBuf,
    over: bool,
}

impl Beside {
    /// Begins a file; whether it can be written shows here, before there is anything to write. With `over`, one that is there
    /// will be replaced and its rights kept; a link stays, what it leads to is replaced.
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` where there is a file that is not to be replaced.
    pub fn create(file: &Path, over: bool) -> io::Result<Beside> {
        let target = target(file);
        match fs::metadata(&target) {
            Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(old) if !old.is_file() => {
                let out = OpenOptions::new().write(true).open(&target)?;
                return Ok(Beside { out, place: None, target, over });
            }
            Ok(_) if !over => return Err(io::ErrorKind::AlreadyExists.into()),
            // Replacing a file is writing it: one that is write-protected stays.
            Ok(_) => drop(OpenOptions::new().append(true).open(&target)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Where no file can ever be, such as behind a link to itself or under too long a name.
            Err(error) => return Err(error),
        }
        let beside = beside(&target)?;
        let out = private_file().open(&beside)?;
        Ok(Beside { out, place: Some(beside), target, over })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` where a file has come up meanwhile that is not to be replaced.
    pub fn keep(mut self) -> io::Result<()> {
        let Some(beside) = &self.place else { return self.out.flush() };
        if let Some(old) = self.over.then(|| fs::metadata(&self.target).ok()).flatten() {
            own(&self.out, Some(&old), beside);
            self.out.set_permissions(old.permissions())?;
        }
        self.out.sync_all()?;
        if self.over {
            fs::rename(beside, &self.target)?;
        } else {
            match fs::hard_link(beside, &self.target) {
                // A second name never takes the place of a file, as a new name would.
                Ok(()) => fs::remove_file(beside)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                // Not every file system has second names.
                Err(_) if fs::symlink_metadata(&self.target).is_ok() => return Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => fs::rename(beside, &self.target)?,
            }
        }
        self.place = None;
        Ok(())
    }
}

impl io::Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(beside) = &self.place {
            let _ = fs::remove_file(beside);
        }
    }
}

/// A name beside a file for what shall take its place. It is never longer than the file's own, unless that is short: how
/// long a name may be is not the same everywhere.
fn beside(target: &Path) -> io::Result<PathBuf> {
    const SHORT: usize = 100;
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    // `name/` and `name/.` can only be directories.
    if !target.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes()) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let ending = format!(".{}.tmp", std::process::id());
    let room = name.len().max(SHORT) - ending.len() - 1;
    let name = name.to_string_lossy();
    let begin = name.get(..name.floor_char_boundary(room)).unwrap_or_default();
    let beside = directory.join(format!(".{begin}{ending}"));
    // Left behind by a crash of a process with the same number.
    let _ = fs::remove_file(&beside);
    Ok(beside)
}

/// What makes directories, with those above them, that only their owner may enter.
#[must_use]
pub fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// What makes a file that was not there, which only its owner may read.
#[must_use]
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// An error for a pipe in the place of a file, which whoever opens it would wait for: there is a deadline. What the shell puts in the
/// place of a file is none, since it has a writer.
///
/// # Errors
/// That it is a pipe.
pub fn no_pipe(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let is_pipe = fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        if is_pipe && !path.starts_with("/dev") {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe, and no file"));
        }
    }
    Ok(())
}

/// Which file stands there: its device and its inode, or when it was made; nothing where there is none.
#[must_use]
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    #[cfg(unix)]
    return Some((std::os::unix::fs::MetadataExt::dev(&meta), std::os::unix::fs::MetadataExt::ino(&meta)));
    #[cfg(not(unix))]
    return meta.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok().map(|at| (at.as_secs(), u64::from(at.subsec_nanos())));
}

/// The text of a small file.
///
/// # Errors
/// What the system says, and [`no_pipe`].
pub fn read_text(path: &Path) -> io::Result<String> {
    no_pipe(path)?;
    fs::read_to_string(path)
}

/// Opens a file to write at its end. It is made if need be, its owner's alone.
///
/// # Errors
/// What the system says, and [`no_pipe`].
pub fn append(path: &Path) -> io::Result<File> {
    no_pipe(path)?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_up_while_another_is_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.csv");
        let mut late = Beside::create(&target, false).unwrap();
        late.write_all(b"late").unwrap();
        fs::write(&target, "first").unwrap();
        assert_eq!(late.keep().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&target).unwrap(), "first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_name_as_long_as_names_may_be_has_room_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["n".repeat(255), "é".repeat(127), "漢".repeat(85), "🦀".repeat(63), "n".repeat(99), "n".to_owned()] {
            let target = dir.path().join(&name);
            let beside = beside(&target).unwrap();
            let length = beside.file_name().unwrap().len();
            assert!(length <= name.len().max(100), "{length} bytes beside {} bytes", name.len());
            replace(&target, b"new").unwrap();
            replace(&target, b"newer").unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), "newer");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6, "nothing is left beside them");
    }

    #[test]
    fn where_no_file_can_be_none_is_begun() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["new/", "new/.", "new/..", "..", "\0", "a\0.csv", "", "a/b", &"n".repeat(256), &"é".repeat(128), &"n".repeat(5000)] {
            for over in [false, true] {
                assert!(Beside::create(&dir.path().join(name), over).is_err(), "{name:?}");
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_somebody_lays_meanwhile_lead_nowhere() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let text = |name: &str| fs::read_to_string(path(name)).unwrap();
        for name in ["victim", "old"] {
            fs::write(path(name), name).unwrap();
        }
        // Under the name that is used until the file is whole.
        symlink(path("victim"), beside(&path("new")).unwrap()).unwrap();
        let mut new = Beside::create(&path("new"), false).unwrap();
        new.write_all(b"new").unwrap();
        // Under its own name.
        symlink(path("victim"), path("new")).unwrap();
        assert_eq!(new.keep().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        // In the place of a link that led elsewhere when it was begun.
        symlink(path("old"), path("link")).unwrap();
        let mut new = Beside::create(&path("link"), true).unwrap();
        new.write_all(b"new").unwrap();
        fs::remove_file(path("link")).unwrap();
        symlink(path("victim"), path("link")).unwrap();
        new.keep().unwrap();
        assert_eq!((text("victim").as_str(), text("old").as_str()), ("victim", "new"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_waits_at_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read_text(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(append(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(Lock::take(&pipe).is_err());
    }

    #[test]
    fn what_is_not_kept_is_gone_and_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.csv");
        fs::write(&target, "old").unwrap();
        let mut new = Beside::create(&target, true).unwrap();
        new.write_all(b"half").unwrap();
        drop(new);
        assert_eq!((fs::read_to_string(&target).unwrap().as_str(), fs::read_dir(dir.path()).unwrap().count()), ("old", 1));
    }
}
