//! What `doctor` finds, as its JSON says it.

use std::path::Path;

use serde::Serialize;

use crate::cli::context::{Context, Fresh, PRICES};
use crate::cli::error::CliError;
use crate::config;
use crate::model::text::{clean, without_number};
use crate::proc::Table;
use crate::sources;
use crate::store::Store;
use crate::store::health::{self, Health};
use crate::store::rebuild::RebuildReport;

use super::gateways::{self, GatewayFound};
use super::holds::{self, GuardState, PolicyState};

/// Everything.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Findings {
    pub version: &'static str,
    pub roots: Vec<Root>,
    pub files: Vec<LogFile>,
    pub failed: Vec<Failed>,
    pub unpriced: Vec<Unpriced>,
    pub parsers: Vec<Parser>,
    pub prices: Prices,
    pub store: StoreState,
    pub databases: Vec<Database>,
    pub moved_aside: Vec<String>,
    pub guards: Vec<GuardState>,
    pub policy: PolicyState,
    pub gateways: Vec<GatewayFound>,
    pub settings: Vec<Row>,
    pub problems: Vec<String>,
    pub inotify: Option<Inotify>,
    pub rebuild: Option<Rebuild>,
}

/// A directory that logs are looked for in.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Root {
    pub agent: &'static str,
    pub path: String,
    pub exists: bool,
    pub files: usize,
    pub problems: Vec<String>,
}

/// A log file and how far it is read.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct LogFile {
    pub agent: String,
    pub path: String,
    pub size: u64,
    pub offset: u64,
    pub lines: u64,
    pub malformed: u64,
    pub first_malformed: Option<String>,
    pub parser_version: u32,
    pub generation: u32,
    /// Whether it is still there.
    pub exists: bool,
}

/// A file that could not be read.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Failed {
    pub path: String,
    pub error: String,
}

/// A model without a price.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Unpriced {
    pub model: String,
    pub calls: u64,
    /// Whether the model is in the price list: then it is what is special about these calls that has no price.
    pub listed: bool,
}

/// The version of an agent's reader.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Parser {
    pub agent: &'static str,
    pub version: u32,
}

/// The price book in force.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Prices {
    pub date: String,
    pub source: String,
    pub models: usize,
    pub overrides: usize,
    /// The fetched list, where there is one.
    pub file: Option<String>,
}

/// A database in the data directory.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Database {
    pub path: String,
    pub schema: Option<i64>,
    /// The version that it was brought up to date from, where it was.
    pub came_from: Option<i64>,
    /// What `SQLite`'s own check found; `null` where all is sound.
    pub damage: Option<String>,
}

/// The store.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct StoreState {
    pub path: String,
    pub size: u64,
    pub sqlite: &'static str,
    pub sessions: usize,
    /// Whether this process may write; `false` where another one does.
    pub writer: bool,
    /// What `SQLite`'s own check found; `null` where all is sound.
    pub damage: Option<String>,
    /// Whether it could not even be opened.
    #[serde(skip)]
    pub unusable: bool,
}

impl StoreState {
    /// A store that could not be opened, and why.
    #[must_use]
    pub fn unusable(data_dir: &Path, why: &str) -> StoreState {
        let path = data_dir.join(crate::store::open::FILE);
        StoreState {
            size: std::fs::metadata(&path).map_or(0, |meta| meta.len()),
            path: shown(&path),
            sqlite: Store::sqlite_version(),
            sessions: 0,
            writer: false,
            damage: Some(clean(&without_number(why))),
            unusable: true,
        }
    }
}

/// A setting and where it came from.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Row {
    pub key: String,
    pub value: String,
    pub origin: String,
}

/// The kernel's limits on watching files.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Inotify {
    pub max_user_watches: Option<u64>,
    pub max_user_instances: Option<u64>,
}

/// What recomputing the sums changed.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct Rebuild {
    pub calls: u64,
    pub facts: u64,
    pub wrong_slots: u64,
    pub wrong_tasks: u64,
    pub wrong_tools: u64,
}

impl Rebuild {
    /// Whether no sum was wrong.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.wrong_slots == 0 && self.wrong_tasks == 0 && self.wrong_tools == 0
    }
}

/// The settings in force, each with its origin.
#[must_use]
pub fn settings(context: &Context) -> Vec<Row> {
    let row = |(key, value, origin): (String, String, config::Origin)| Row {
        key: clean(&key),
        value: clean(&value),
        origin: clean(&origin.to_string()),
    };
    config::describe(&context.settings).into_iter().map(row).collect()
}

impl Findings {
    /// Looks at everything.
    pub fn of(context: &Context, fresh: &Fresh, rebuilt: Option<&RebuildReport>) -> Result<Findings, CliError> {
        let store = &fresh.ingest.store;
        let prices = fresh.ingest.prices.book();
        let fetched = context.settings.data_dir.join(PRICES);
        Ok(Findings {
            version: env!("CARGO_PKG_VERSION"),
            roots: roots(fresh),
            files: files(store)?,
            failed: fresh
                .unread()
                .chain(&fresh.report.failed)
                .map(|(path, error)| Failed { path: shown(path), error: clean(&words(path, error)) })
                .collect(),
            unpriced: store
                .unpriced()?
                .into_iter()
                .map(|(model, calls)| Unpriced { listed: prices.find(&model).is_some(), model: clean(&model), calls })
                .collect(),
            parsers: sources::ALL.iter().map(|s| Parser { agent: s.agent(), version: s.version() }).collect(),
            prices: Prices {
                date: clean(prices.date()),
                source: clean(prices.source()),
                models: prices.names().count(),
                overrides: prices.overrides().count(),
                file: fetched.exists().then(|| shown(&fetched)),
            },
            store: StoreState {
                path: shown(store.path()),
                size: store.size(),
                sqlite: Store::sqlite_version(),
                sessions: store.session_places()?.len(),
                writer: store.is_writer(),
                damage: store.integrity().map(|word| clean(&word)),
                unusable: false,
            },
            databases: health::databases(&context.settings.data_dir).into_iter().map(database).collect(),
            moved_aside: health::set_aside(&context.settings.data_dir).iter().map(|path| shown(path)).collect(),
            guards: holds::guards(context)?,
            gateways: gateways::gateways(context),
            policy: holds::policy(context),
            settings: settings(context),
            problems: context.problems.iter().map(ToString::to_string).chain(fresh.problems.clone()).map(|p| clean(&p)).collect(),
            inotify: inotify(),
            rebuild: rebuilt.map(|r| Rebuild {
                calls: r.calls,
                facts: r.facts,
                wrong_slots: r.wrong_slots,
                wrong_tasks: r.wrong_tasks,
                wrong_tools: r.wrong_tools,
            }),
        })
    }
}

fn database(found: Health) -> Database {
    let newer = found.schema.filter(|schema| *schema > found.known);
    let too_new = newer.map(|schema| format!("its schema {schema} is of a newer aifinops; this one knows {}", found.known));
    Database {
        path: shown(&found.path),
        schema: found.schema,
        came_from: found.came_from,
        damage: found.damage.or(too_new).map(|word| clean(&word)),
    }
}

/// Why a log could not be read, for people.
fn words(path: &Path, error: &str) -> String {
    // What the system says of a file is clear; what a decoder says of its frames is not.
    let decoding = path.extension().is_some_and(|e| e == "zst") && !error.contains("(os error");
    match decoding {
        true if error.contains("UnexpectedEof") || error.contains("fill whole buffer") => "the compressed log is cut off".to_owned(),
        true => "the compressed log is damaged".to_owned(),
        false => without_number(error),
    }
}

fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

fn roots(fresh: &Fresh) -> Vec<Root> {
    let root = |r: &crate::tail::RootReport| Root {
        agent: r.agent,
        path: shown(&r.path),
        exists: r.exists,
        files: r.files,
        problems: r.problems.iter().map(|(path, why)| clean(&format!("{}: {}", path.display(), words(path, why)))).collect(),
    };
    fresh.report.roots.iter().map(root).collect()
}

fn files(store: &Store) -> Result<Vec<LogFile>, CliError> {
    let file = |f: crate::store::FileRow| LogFile {
        agent: clean(&f.agent),
        path: shown(&f.path),
        size: f.stat.size,
        offset: f.offset,
        lines: f.lines,
        malformed: f.malformed,
        first_malformed: f.first_malformed.as_deref().map(clean),
        parser_version: f.stat.version,
        generation: f.generation,
        // Of what may not be looked at nobody knows that it is gone.
        exists: f.path.try_exists().unwrap_or(true),
    };
    Ok(store.files()?.into_iter().map(file).collect())
}

fn inotify() -> Option<Inotify> {
    let limit = |name: &str| Table::default().text(&format!("sys/fs/inotify/{name}"))?.trim().parse().ok();
    cfg!(target_os = "linux")
        .then(|| Inotify { max_user_watches: limit("max_user_watches"), max_user_instances: limit("max_user_instances") })
}
