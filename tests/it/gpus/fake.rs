//! A machine with NVIDIA cards that are not there: a stand-in for their driver's library (`tests/gpu/fake_nvml.c`) in a folder
//! of its own, beside a `sys` and a `proc` as a kernel would show them.

#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "there is no such library there"))]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::OnceLock;

use aifinops::gpus::{Ask, Places};
use tempfile::TempDir;

/// Everything is looked at.
pub(crate) const ALL: Ask = Ask { processes: true, slow: true };
/// What changes from look to look.
pub(crate) const QUICK: Ask = Ask { processes: false, slow: false };
/// That, and who uses the cards.
pub(crate) const USERS: Ask = Ask { processes: true, slow: false };

/// A machine's own files.
pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    /// One without any card.
    pub(crate) fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for dir in ["sys", "proc"] {
            fs::create_dir(machine.path().join(dir)).unwrap();
        }
        machine
    }

    /// A folder of its own.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where a probe finds its files.
    pub(crate) fn places(&self) -> Places {
        Places { sys: self.path().join("sys"), proc: self.path().join("proc"), nvml: None, nvidia_smi: None }
    }

    /// A card as sysfs shows it: `control` is `on` or `auto`, `status` is `active` or `suspended`.
    pub(crate) fn card(&self, pci: &str, control: &str, status: &str) -> PathBuf {
        let dir = self.path().join("sys/bus/pci/devices").join(pci);
        fs::create_dir_all(dir.join("power")).unwrap();
        for (file, text) in [("vendor", "0x10de"), ("class", "0x030200"), ("power/control", control), ("power/runtime_status", status)] {
            fs::write(dir.join(file), format!("{text}\n")).unwrap();
        }
        dir
    }

    /// A file below `proc`.
    pub(crate) fn proc(&self, name: &str, text: &str) {
        fs::write(self.path().join("proc").join(name), text).unwrap();
    }
}

/// A machine with such a driver.
pub(crate) struct Fake {
    /// Its files.
    pub(crate) machine: Machine,
    lines: BTreeMap<String, String>,
}

impl Fake {
    /// One with a driver of today; nothing where no C compiler is there to make it.
    pub(crate) fn new() -> Option<Self> {
        static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
        Self::with(BUILT.get_or_init(|| build("new", &[])).as_deref())
    }

    /// One whose driver is from before 510.
    pub(crate) fn old_driver() -> Option<Self> {
        static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
        Self::with(BUILT.get_or_init(|| build("old", &["-DOLD_DRIVER"])).as_deref())
    }

    fn with(library: Option<&Path>) -> Option<Self> {
        let Some(library) = library else {
            eprintln!("skipped: no C compiler");
            return None;
        };
        let fake = Self { machine: Machine::new(), lines: BTreeMap::new() };
        // A copy and no link: the linker knows a library by its inode, and each test needs one of its own.
        fs::copy(library, fake.library()).unwrap();
        Some(fake)
    }

    fn library(&self) -> PathBuf {
        self.machine.path().join("libnvidia-ml.so.1")
    }

    /// Where a probe finds it.
    pub(crate) fn places(&self) -> Places {
        Places { nvml: Some(self.library()), ..self.machine.places() }
    }

    /// From now on the library says so: `fake.set("gpu0.util", 97)`. A number below zero is the error of that number.
    pub(crate) fn set(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.lines.insert(key.to_owned(), value.to_string());
        self.write();
        self
    }

    /// Several at once.
    pub(crate) fn says(&mut self, lines: &[(&str, i64)]) -> &mut Self {
        self.lines.extend(lines.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())));
        self.write();
        self
    }

    /// From now on the library does not know it.
    pub(crate) fn forget(&mut self, key: &str) -> &mut Self {
        self.lines.remove(key);
        self.write();
        self
    }

    fn write(&self) {
        let lines: Vec<String> = self.lines.iter().map(|(key, value)| format!("{key} {value}")).collect();
        // At once: the library may be reading it.
        let (file, unfinished) = (self.machine.path().join("scenario.txt"), self.machine.path().join("scenario.new"));
        fs::write(&unfinished, lines.join("\n")).unwrap();
        fs::rename(unfinished, file).unwrap();
    }

    /// How often the library has been called altogether.
    pub(crate) fn calls(&self) -> usize {
        self.called(|_| true)
    }

    /// How often a function has been called.
    pub(crate) fn calls_of(&self, name: &str) -> usize {
        self.called(|line| line == name)
    }

    fn called(&self, is_it: impl Fn(&str) -> bool) -> usize {
        let calls = fs::read_to_string(self.machine.path().join("calls.txt")).unwrap_or_default();
        calls.lines().filter(|line| is_it(line)).count()
    }
}

/// Builds the library, once for a run of tests: several at once do not see each other's half of it.
fn build(name: &str, flags: &[&str]) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(dir).ok()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/fake_nvml.c");
    let (built, unfinished) = (dir.join(format!("fake-nvml-{name}.so")), dir.join(format!("fake-nvml-{name}-{}.so", id())));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1"]).args(flags).arg("-o").arg(&unfinished).arg(source).arg("-ldl");
    let out = compiler.output().ok()?;
    assert!(out.status.success(), "the stand-in does not compile: {}", String::from_utf8_lossy(&out.stderr));
    fs::rename(&unfinished, &built).ok()?;
    Some(built)
}
