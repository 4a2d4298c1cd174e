//! A keeper that watches a machine of a test's own, on a clock of a test's own.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use aifinops::engine::gpus::{Clue, GpuPicture, GpuSettings, Keeper, ProcessView, Setup, SourceView};
use aifinops::gpus::Places;
use aifinops::model::gpu_setup::GpuHost;
use aifinops::model::{Millis, Zone};
use aifinops::pricing::gpu::{For, OwnPrice};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::meter::{NOON, usd};

/// A picture is waited for so long, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(1);

static SHIFTS: [AtomicI64; 20] = [const { AtomicI64::new(0) }; 20];

/// The clock of a test: `N` is its own, so that what one test sets is no other's time.
pub(crate) fn clock<const N: usize>() -> Millis {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let passed = BEGAN.get_or_init(Instant::now).elapsed();
    NOON + i64::try_from(passed.as_millis()).unwrap() + SHIFTS[N].load(Ordering::SeqCst)
}

/// From now on it is so much later.
pub(crate) fn passes<const N: usize>(millis: Millis) {
    SHIFTS[N].fetch_add(millis, Ordering::SeqCst);
}

/// It is this time now.
pub(crate) fn sets<const N: usize>(to: Millis) {
    passes::<N>(to - clock::<N>());
}

/// What a keeper is started with.
pub(crate) struct Stage {
    dir: TempDir,
    places: Places,
    clock: fn() -> Millis,
    settings: Arc<Mutex<GpuSettings>>,
    clues: Arc<Mutex<Vec<Clue>>>,
}

impl Stage {
    /// These files are the machine's.
    pub(crate) fn at(places: Places, clock: fn() -> Millis) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, places, clock, settings: Arc::default(), clues: Arc::default() }
    }

    /// The directory of the store.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self) -> PathBuf {
        self.dir().join("config.toml")
    }

    /// Before it is started, or while it runs: then the file is another one as well.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut GpuSettings)) {
        let mut settings = self.settings.lock().unwrap();
        edit(&mut settings);
        fs::write(self.file(), format!("{settings:?}")).unwrap();
    }

    /// These hosts are to be asked.
    pub(crate) fn asks(&self, hosts: &[GpuHost]) {
        self.edit(|settings| settings.hosts.extend_from_slice(hosts));
    }

    /// These are the sessions that are known.
    pub(crate) fn knows(&self, clues: Vec<Clue>) {
        *self.clues.lock().unwrap() = clues;
    }

    pub(crate) fn start(&self) -> Watching {
        let (settings, clues) = (self.settings.clone(), self.clues.clone());
        let setup = Setup {
            dir: self.dir().to_owned(),
            zone: Zone::UTC,
            places: self.places.clone(),
            settings: Box::new(move || settings.lock().unwrap().clone()),
            files: vec![self.file()],
            clues: Box::new(move || clues.lock().unwrap().clone()),
            clock: self.clock,
        };
        Watching { keeper: Keeper::start(setup).unwrap() }
    }
}

/// A keeper at work. Dropped, it ends.
pub(crate) struct Watching {
    keeper: Keeper,
}

impl Watching {
    /// The newest picture.
    pub(crate) fn picture(&self) -> Arc<GpuPicture> {
        self.keeper.pictures.borrow().clone()
    }

    /// The first picture that is so: the present one, or one that comes.
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut(&GpuPicture) -> bool) -> Arc<GpuPicture> {
        let mut pictures = self.keeper.pictures.clone();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let found = runtime.block_on(async {
            let seen = tokio::time::timeout(PATIENCE, pictures.wait_for(|picture| is_so(picture))).await;
            seen.ok().map(|picture| picture.unwrap().clone())
        });
        found.unwrap_or_else(|| panic!("in vain it was waited until {what}: {:#?}", self.picture()))
    }

    /// The picture after this one; also where there is nothing to show, and nobody is told of it.
    pub(crate) fn next(&self) -> Arc<GpuPicture> {
        let (before, begun) = (self.picture().at, Instant::now());
        loop {
            let picture = self.picture();
            if picture.at != before {
                return picture;
            }
            assert!(begun.elapsed() < PATIENCE, "no picture comes after {before}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The first picture with all of these processes.
    pub(crate) fn with(&self, pids: &[u32]) -> Arc<GpuPicture> {
        self.until("the processes are seen", |picture| pids.iter().all(|pid| picture.processes.iter().any(|p| p.process.pid == *pid)))
    }
}

/// The source of a name.
pub(crate) fn source<'a>(picture: &'a GpuPicture, name: &str) -> &'a SourceView {
    picture.sources.iter().find(|source| source.name == name).unwrap_or_else(|| panic!("no {name}: {:#?}", picture.sources))
}

/// The process of a number.
pub(crate) fn process(picture: &GpuPicture, pid: u32) -> &ProcessView {
    picture.processes.iter().find(|view| view.process.pid == pid).unwrap_or_else(|| panic!("no {pid}: {:#?}", picture.processes))
}

/// A price of one's own.
pub(crate) fn own_price(name: &str, dollars: &str) -> OwnPrice {
    OwnPrice { name: name.to_owned(), of: For::parse(name), per_hour: usd(dollars), is_owned: false }
}

/// A host of the settings.
pub(crate) fn host(name: &str, url: &str) -> GpuHost {
    GpuHost { name: name.to_owned(), url: url.to_owned(), gpus: Vec::new(), key: None }
}

/// A process on its own: not one of the tests' children, whose other children and open ports would be taken for its own.
/// Dropped, it is ended.
pub(crate) struct Running(pub(crate) u32);

impl Running {
    /// Starts it in a directory, with nothing of the environment of whoever runs the tests.
    pub(crate) fn start(cwd: &Path, env: &[(&str, &str)], command: &[&str]) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.env_clear().env("PATH", std::env::var("PATH").unwrap()).envs(env.iter().copied()).current_dir(cwd);
        // Its parent is the inner shell, which is gone once the outer one knows its number.
        let script = "child=$(\"$@\" </dev/null >/dev/null 2>&1 & echo $!); echo $child";
        let said = shell.args(["-c", script, "sh"]).args(command).output().unwrap().stdout;
        Self(String::from_utf8(said).unwrap().trim().parse().unwrap())
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        let pid = nix::unistd::Pid::from_raw(self.0.try_into().unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }

    pub(crate) fn lives(&self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.0)).is_ok_and(|stat| !stat.contains(") Z "))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that goes on for a while, and whose parent has ended.
pub(crate) fn orphan(cwd: &Path, env: &[(&str, &str)]) -> Running {
    Running::start(cwd, env, &["sleep", "600"])
}

/// An agent that goes on, and the process that it has started.
pub(crate) struct Agent {
    pub(crate) agent: Running,
    pub(crate) child: Running,
}

/// An agent's program: a script of this name, as agents are scripts, too.
pub(crate) fn agent(program: &str, cwd: &Path, env: &[(&str, &str)]) -> Agent {
    let script = cwd.join(program);
    fs::write(&script, "sleep 600 &\necho $! > child.new\nmv child.new child\nwait\n").unwrap();
    let agent = Running::start(cwd, env, &["sh", script.to_str().unwrap()]);
    Agent { agent, child: Running(told(&cwd.join("child")).parse().unwrap()) }
}

/// What a process writes into a file, once it has.
pub(crate) fn told(file: &Path) -> String {
    let begun = Instant::now();
    loop {
        match fs::read_to_string(file) {
            Ok(text) => return text.trim().to_owned(),
            Err(_) => assert!(begun.elapsed() < PATIENCE, "{} does not come", file.display()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
