//! What every command needs: the settings, the clock, the prices, and a store that has read what is new.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{self, Flags, Loaded, Origin, Problem, Settings};
use crate::disk;
use crate::engine::ingest::{Ingest, Progress, ScanReport, Watcher};
use crate::engine::view::living;
use crate::model::cap::Amount;
use crate::model::text::{clean, without_number};
use crate::model::{AgentId, Cost, Millis, Money, Zone};
use crate::pricing::{Book, Pricer};
use crate::query::{Asking, Labeler, Living};
use crate::sources::{self, Places};
use crate::store::FileStat;
use crate::store::Store;
use crate::store::files::path_key;
use crate::tail::{Catalog, Found};

use super::GlobalArgs;
use super::bar::Bar;
use super::error::CliError;
use super::modes;
use super::out::{FAINT, note};
use super::table::count;

/// How long another process may read logs without having written anything.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(3);
/// After so long it is looked whether the last ones can be read at all.
const PATIENCE_WITH_FEW: Duration = Duration::from_millis(100);
/// So many at most, of so many bytes.
const FEW: usize = 16;
const SMALL: u64 = 16 << 20;

/// Prices fetched by `prices update`, in the data directory.
pub const PRICES: &str = Book::FILE;

/// The clock of the machine.
#[must_use]
pub fn clock() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| Millis::try_from(d.as_millis()).unwrap_or(Millis::MAX))
}

/// The settings and the moment of a command.
#[derive(Debug, Clone)]
pub struct Context {
    /// The settings in force.
    pub settings: Settings,
    /// What is wrong with the configuration.
    pub problems: Vec<Problem>,
    /// The moment that all figures are for.
    pub now: Millis,
    flags: Flags,
    /// Whether the answer is JSON.
    pub json: bool,
    /// Whether notes are left unsaid.
    pub quiet: bool,
    /// What was done to databases that were damaged: `doctor` tells it, whatever else is unsaid.
    pub mended: RefCell<Vec<String>>,
}

impl Context {
    /// Loads the configuration and looks at the clock.
    pub fn load(global: &GlobalArgs, flags: Flags) -> Result<Context, CliError> {
        let loaded = load(&flags);
        if let Some(problem) = loaded.problems.iter().find(|problem| problem.place.starts_with("--")) {
            return Err(CliError::usage(problem.to_string(), "`aifinops --help` lists the flags"));
        }
        let now = clock();
        Ok(Context {
            settings: loaded.settings,
            problems: loaded.problems,
            now,
            flags,
            json: global.json,
            quiet: global.quiet,
            mended: RefCell::default(),
        })
    }

    /// The configuration as it is now on disk, the same flags in force.
    #[must_use]
    pub fn reload(&self) -> Loaded {
        load(&self.flags)
    }

    /// After the settings have been written: a broken edit that comes next falls back to what is in force now.
    pub fn remember(&self) {
        let _ = self.reload();
    }

    /// The settings as they are on disk when it is called, for whoever runs for long. What an edit breaks stays as it was.
    pub fn again(&self) -> impl FnMut() -> Settings + Send + use<> {
        let (flags, mut known) = (self.flags.clone(), self.settings.clone());
        move || {
            let mut loaded = load(&flags);
            config::keep::hold(&mut loaded, &known);
            known.clone_from(&loaded.settings);
            loaded.settings
        }
    }

    /// The same with the settings as they are on disk now.
    #[must_use]
    pub fn renewed(&self) -> Context {
        Context { settings: self.again()(), ..self.clone() }
    }

    /// The settings of this configuration file and this directory, whatever the user's own say.
    #[must_use]
    pub fn elsewhere(&self, config_file: &Path, data_dir: &Path) -> Context {
        let text = |path: &Path| Some(path.display().to_string());
        let mut context = self.clone();
        (context.flags.config_file, context.flags.data_dir) = (text(config_file), text(data_dir));
        context.settings = context.reload().settings;
        context
    }

    /// The viewer's zone.
    #[must_use]
    pub fn zone(&self) -> Zone {
        self.settings.timezone.value
    }

    /// The configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.settings.config_file.value.clone()
    }

    /// A note to the person at the terminal. Programs that asked for JSON are not told: for them standard error is
    /// where one error object is.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            note(FAINT, &clean(&without_number(text)));
        }
    }

    /// Says what was done to a database.
    pub fn note_mended(&self, notice: String) {
        self.note(&notice);
        self.mended.borrow_mut().push(notice);
    }

    /// Says what is wrong with the configuration.
    pub fn note_problems(&self) {
        for problem in &self.problems {
            self.note(&format!("config: {problem}"));
        }
    }

    /// The prices in force; what is wrong with them is said.
    #[must_use]
    pub fn book(&self) -> Book {
        let (book, problems) = self.prices();
        for problem in &problems {
            self.note(problem);
        }
        book
    }

    /// The fetched book where there is a sound one, else the embedded one, and the user's own prices; and what of it could
    /// not be used.
    #[must_use]
    pub fn prices(&self) -> (Book, Vec<String>) {
        let path = self.settings.data_dir.join(PRICES);
        let mut problems = Vec::new();
        let mut unusable = |why: &dyn std::fmt::Display| {
            problems.push(format!("{}: {why}; using the built-in prices", path.display()));
            Book::embedded()
        };
        let base = match disk::read_text(&path) {
            Ok(text) => Book::parse(&text).unwrap_or_else(|error| unusable(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Book::embedded(),
            Err(error) => unusable(&format!("cannot be read: {error}")),
        };
        // One impossible price of the user's must not cost him the others.
        let mut sound = Vec::new();
        for price in self.settings.prices.iter() {
            match base.clone().with_overrides(vec![price.clone()]) {
                Ok(_) => sound.push(price.clone()),
                Err(error) => problems.push(format!("config: {error}")),
            }
        }
        let book = if sound.is_empty() { base } else { base.clone().with_overrides(sound).unwrap_or(base) };
        (book, problems)
    }

    /// Where programs of the desktop keep their settings: below the home if that has been moved.
    #[must_use]
    pub fn config_home(&self) -> PathBuf {
        let home = &self.settings.home;
        let given = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
        given.filter(|dir| home.origin == Origin::Default || dir.starts_with(&home.value)).unwrap_or_else(|| home.join(".config"))
    }

    /// Every directory to look for logs in.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.catalog_of(|_| true)
    }

    /// Every directory to look for the logs of some agents in.
    #[must_use]
    pub fn catalog_of(&self, wanted: impl Fn(AgentId) -> bool) -> Catalog {
        let home = &self.settings.home;
        let moved = home.origin != Origin::Default;
        // Who has moved the home is not to meet the real logs by way of a variable of the desktop's.
        let env = |name: &str| variable(name).filter(|dir| !moved || !name.starts_with("XDG_") || Path::new(dir).starts_with(&home.value));
        let places = Places { home, env: &env };
        let mut roots = Vec::new();
        for source in sources::ALL.iter().filter(|source| wanted(source.agent())) {
            let agent = source.agent();
            match self.settings.roots.get(agent) {
                Some(given) => roots.extend(given.iter().map(|path| (agent, path.clone()))),
                None => roots.extend(source.roots(&places).into_iter().map(|path| (agent, path))),
            }
        }
        Catalog::new(roots)
    }

    /// The store as it is, nothing read.
    pub fn store(&self) -> Result<Store, CliError> {
        let _ = modes::tighten(&self.settings.data_dir); // `doctor` tells of it
        let opened = Store::open(&self.settings.data_dir)?;
        if let Some(notice) = opened.notice {
            self.note_mended(notice);
        }
        Ok(opened.store)
    }

    /// The store with everything new in the logs read and priced.
    pub fn open(&self) -> Result<Fresh, CliError> {
        self.note_problems();
        let fresh = self.read()?;
        fresh.problems.iter().for_each(|problem| self.note(problem));
        let failed = fresh.report.failed.len();
        if failed > 0 {
            let files = count(failed, "log file", "log files");
            self.note(&format!("{files} could not be read; `aifinops doctor` says why"));
        }
        if let Some((path, why)) = fresh.unread().next() {
            let more = match fresh.unread().count() {
                1 => String::new(),
                all => format!(", and {} more", all - 1),
            };
            self.note(&format!("not read: {}: {why}{more}; `aifinops doctor` says more", path.display()));
        }
        Ok(fresh)
    }

    /// As [`Context::open`], for who tells himself what could not be read.
    pub fn read(&self) -> Result<Fresh, CliError> {
        let store = self.store()?;
        let (book, problems) = self.prices();
        let mut ingest = Ingest::new(store, Pricer::new(book), self.catalog(), self.settings.threads.value);
        if !ingest.store.is_writer()
            && let Some(failed) = self.wait_for_writer(&mut ingest)
        {
            let (_, roots) = ingest.catalog.walk();
            return Ok(Fresh { ingest, report: ScanReport { roots, failed, ..ScanReport::default() }, problems, labeler: self.labeler() });
        }
        let mut bar = Bar::new(self, "reading logs {bar:30} {bytes} of {total_bytes}, {msg}");
        let mut show = |at: Progress| {
            bar.show(at.bytes_done, at.bytes);
            bar.say(|| format!("{} of {} files", at.files_done, at.files));
            ControlFlow::Continue(())
        };
        let mut scanned = ingest.store.reprice(&mut ingest.prices).and_then(|_| ingest.scan(&mut Watcher::Bar(&mut show)));
        if scanned.as_ref().is_err_and(crate::store::StoreError::is_damage) {
            self.note_mended(ingest.heal()?);
            scanned = ingest.scan(&mut Watcher::Bar(&mut show));
        }
        drop(bar);
        let report = match scanned {
            Ok(report) => report,
            Err(error) if error.is_passing() => {
                self.note(&format!("showing what was read before: {error}"));
                ScanReport::default()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Fresh { ingest, report, problems, labeler: self.labeler() })
    }

    /// The store as it is and what it takes to read what is new.
    pub fn unread(&self) -> Result<Ingest, CliError> {
        let (book, problems) = self.prices();
        for problem in &problems {
            self.note(problem);
        }
        Ok(Ingest::new(self.store()?, Pricer::new(book), self.catalog(), self.settings.threads.value))
    }

    /// The roots as they are, and no store: where there is none that can be used.
    pub fn without_store(&self) -> Result<Fresh, CliError> {
        let (book, problems) = self.prices();
        let ingest = Ingest::new(Store::in_memory()?, Pricer::new(book), self.catalog(), self.settings.threads.value);
        let (_, roots) = ingest.catalog.walk();
        Ok(Fresh { ingest, report: ScanReport { roots, ..ScanReport::default() }, problems, labeler: Labeler::default() })
    }

    /// Another process reads the logs: waits until it has read all that can be read, and gives what cannot; nothing, where it has ended
    /// and this one is to read in its place.
    fn wait_for_writer(&self, ingest: &mut Ingest) -> Option<Vec<(PathBuf, String)>> {
        let mut moved = (Instant::now(), 0);
        // Since when a file is behind as it is, and what cannot be read: that stays behind for ever, however busy the other one is.
        let mut since: HashMap<PathBuf, (FileStat, Instant)> = HashMap::new();
        let mut failed: Vec<(PathBuf, String)> = Vec::new();
        loop {
            if ingest.store.become_writer() {
                return None;
            }
            let (mut behind, _) = ingest.catalog.walk();
            let known = ingest.store.file_stats().unwrap_or_default();
            behind.retain(|file| known.get(&path_key(&file.path)) != Some(&file.stat) && failed.iter().all(|(path, _)| *path != file.path));
            if behind.is_empty() {
                return Some(failed);
            }
            let version = ingest.store.data_version();
            let now = Instant::now();
            let waits = |file: &Found, since: &mut HashMap<PathBuf, (FileStat, Instant)>| {
                let known = since.entry(file.path.clone()).or_insert((file.stat, now));
                if known.0 != file.stat {
                    *known = (file.stat, now);
                }
                file.stat.size <= SMALL && now.saturating_duration_since(known.1) > PATIENCE_WITH_FEW
            };
            let late: Vec<Found> = behind.iter().take(FEW).filter(|file| waits(file, &mut since)).cloned().collect();
            if !late.is_empty() {
                failed.extend(ingest.unreadable(late.clone()).unwrap_or_default());
                // What can be read is waited for.
                since.extend(late.into_iter().map(|file| (file.path, (file.stat, now + PATIENCE_WITH_OTHERS))));
            }
            if version != moved.1 {
                moved = (now, version);
            } else if moved.0.elapsed() > PATIENCE_WITH_OTHERS {
                self.note(&format!("another aifinops is reading the logs and has {} to go", count(behind.len(), "file", "files")));
                return Some(failed);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Money in the viewer's currency.
    #[must_use]
    pub fn money(&self, money: Money) -> String {
        self.settings.currency.show(money)
    }

    /// A cost in the viewer's currency: `≥` where it is a lower bound, `?` where it is unknown.
    #[must_use]
    pub fn cost(&self, cost: &Cost) -> String {
        self.settings.currency.cost(cost)
    }

    /// What a cap counts, money in the viewer's currency.
    #[must_use]
    pub fn amount(&self, amount: Amount) -> String {
        self.settings.currency.amount(amount)
    }
}

fn load(flags: &Flags) -> Loaded {
    let mut loaded = config::load(flags, &variable);
    config::keep::settle(&mut loaded);
    loaded
}

/// A variable of the environment; an empty one is none.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The store and what the scan found.
#[derive(Debug)]
pub struct Fresh {
    /// The store, the prices and the roots.
    pub ingest: Ingest,
    /// What the scan found.
    pub report: ScanReport,
    /// What is wrong with the prices.
    pub problems: Vec<String>,
    /// Who says what sessions were for.
    pub labeler: Labeler,
}

impl Drop for Fresh {
    /// The answer is given: now there is time to leave the store tidy for the next process.
    fn drop(&mut self) {
        self.ingest.store.tidy();
    }
}

impl Fresh {
    /// Which sessions have a living process.
    #[must_use]
    pub fn living(&self) -> Living {
        living(&self.ingest)
    }

    /// What could not be looked into.
    pub fn unread(&self) -> impl Iterator<Item = &(PathBuf, String)> {
        self.report.roots.iter().flat_map(|root| &root.problems)
    }

    /// Whether there is no log on this machine and never was. Of what cannot be looked into nobody knows.
    pub fn is_empty(&self) -> Result<bool, CliError> {
        let files: usize = self.report.roots.iter().map(|root| root.files).sum();
        Ok(files == 0 && self.unread().next().is_none() && self.ingest.store.session_places()?.is_empty())
    }

    /// The sessions of a question.
    pub fn sessions(&mut self, asking: &Asking<'_>) -> Result<Vec<crate::query::SessionView>, CliError> {
        let mut views = crate::query::sessions(&self.ingest.store, &mut self.ingest.prices, asking)?;
        self.labeler.fill(&self.ingest.store, &mut views)?;
        Ok(views)
    }

    /// What to say where there are no logs.
    #[must_use]
    pub fn nothing_found(&self) -> String {
        let roots = self.ingest.catalog.roots().iter().map(|(agent, path)| format!("  {agent}  {}", path.display()));
        let roots: Vec<String> = roots.collect();
        format!("No agent logs found. Looked in:\n{}\nTry `aifinops top --demo` to see the screen with made-up sessions.", roots.join("\n"))
    }
}
