//! What readers must know besides the text: where the home is, and what the machine says.

use crate::model::Zone;
use std::path::{Path, PathBuf};

use super::choice::THEMES;

/// Looks up an environment variable; empty ones do not exist.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The places and the zone that hold where nothing is configured.
pub(super) struct Context {
    /// The home directory that `~` means.
    pub home: PathBuf,
    /// Where the store lies: unless told otherwise, and once that is known, in fact.
    pub data_dir: PathBuf,
    /// Where the configuration lies unless told otherwise.
    pub config_file: PathBuf,
    /// Where the themes of one's own lie: beside the configuration.
    pub themes: PathBuf,
    /// The machine's time zone.
    pub zone: Zone,
    /// Whether the text at hand stands in the file: a relative path there would depend on the caller's directory.
    pub in_file: bool,
}

/// Stands in for a home where there is none: the directory that one happens to be in must be taken neither for settings nor for a place to
/// write to. Debian's name of it (base-passwd, "nonexistent").
const NO_HOME: &str = "/nonexistent";

impl Context {
    /// What the environment and the machine say; `None` for the home where there is none.
    pub(super) fn new(env: Env<'_>) -> (Context, bool) {
        let home = env("HOME").map(PathBuf::from).or_else(|| etcetera::home_dir().ok());
        let known = home.is_some();
        let home = home.unwrap_or_else(|| PathBuf::from(NO_HOME));
        let data_dir = xdg(env, "XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("aifinops");
        let config_file = xdg(env, "XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("aifinops/config.toml");
        let themes = beside(&config_file);
        (Context { home, data_dir, config_file, themes, zone: zone(env), in_file: false }, known)
    }

    /// Says where the configuration lies after all.
    pub(super) fn settle(&mut self, config_file: &Path) {
        self.themes = beside(config_file);
    }

    /// The names of all themes: the built-in ones, then the files beside the configuration.
    pub(super) fn theme_names(&self) -> Vec<String> {
        let mut names: Vec<String> = THEMES.iter().map(|name| (*name).to_owned()).collect();
        let entries = std::fs::read_dir(&self.themes).into_iter().flatten().flatten();
        let own = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned));
        let mut own: Vec<String> = own.filter(|name| is_name(name) && !names.contains(name)).collect();
        own.sort();
        names.append(&mut own);
        names
    }

    /// Moves everything under another home, so that whoever replaces the home never meets the real files.
    pub(super) fn move_to(&mut self, home: &Path) {
        home.clone_into(&mut self.home);
        self.data_dir = home.join(".local/share/aifinops");
        self.config_file = home.join(".config/aifinops/config.toml");
    }

    /// A path as people write it: with `~` for the home.
    pub(super) fn shorten(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if !rest.as_os_str().is_empty() => Path::new("~").join(rest).display().to_string(),
            _ => path.display().to_string(),
        }
    }
}

/// Where themes lie for a configuration file.
fn beside(config_file: &Path) -> PathBuf {
    config_file.parent().unwrap_or(Path::new(".")).join("themes")
}

/// Whether a text can be a theme's name: it becomes part of a path, so it may not leave the directory.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// A base directory; the specification says that relative ones do not count.
fn xdg(env: Env<'_>, name: &str) -> Option<PathBuf> {
    env(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The zone that `TZ` names: by its name, or by its file in the system's database of zones, see tzset(3).
pub(super) fn zone_of(text: &str) -> Option<Zone> {
    let name = text.trim_start_matches(':');
    Zone::named(name.rsplit_once("/zoneinfo/").map_or(name, |(_, name)| name))
}

/// `TZ` where it names a zone, else the machine's.
fn zone(env: Env<'_>) -> Zone {
    let asked = env("TZ").and_then(|text| zone_of(&text));
    asked.or_else(|| Zone::named(&iana_time_zone::get_timezone().ok()?)).unwrap_or(Zone::UTC)
}
