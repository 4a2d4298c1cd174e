//! The service files that `watch --install` writes: a systemd user unit, or a launchd agent on macOS.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::context::{Context, variable};
use crate::cli::guard;
use crate::config::Origin;
use crate::disk;

/// A service file, where it belongs, and what starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it belongs.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
    /// The command that starts it now and at every login.
    pub start: String,
    /// The command that ends it.
    pub stop: String,
}

/// The name of the unit.
const UNIT: &str = "aifinops-watch.service";
/// The label of the launchd agent.
const LABEL: &str = "dev.aifinops.watch";

/// The service of this system: launchd on macOS, systemd elsewhere.
#[must_use]
pub fn of_system(home: &Path, config_home: &Path, command: &[String]) -> Service {
    if cfg!(target_os = "macos") { launchd(home, command) } else { systemd(config_home, command) }
}

/// A systemd user unit.
#[must_use]
pub fn systemd(config_home: &Path, command: &[String]) -> Service {
    let path = config_home.join("systemd/user").join(UNIT);
    let words: Vec<String> = command.iter().map(|word| systemd_word(word)).collect();
    let text = format!(
        "[Unit]\n\
         Description=Watches what coding agents spend, and holds caps\n\
         Documentation=man:aifinops(1)\n\
         \n\
         [Service]\n\
         ExecStart={}\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         Nice=10\n\
         UMask=0077\n\
         NoNewPrivileges=yes\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        words.join(" ")
    );
    Service {
        path,
        text,
        start: format!("systemctl --user daemon-reload && systemctl --user enable --now {UNIT}"),
        stop: format!("systemctl --user disable --now {UNIT}"),
    }
}

/// A word as systemd's command lines take it (systemd.service(5), "Command lines").
fn systemd_word(word: &str) -> String {
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '%' => out.push_str("%%"),
            '$' => out.push_str("$$"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A launchd agent.
#[must_use]
pub fn launchd(home: &Path, command: &[String]) -> Service {
    let path = home.join("Library/LaunchAgents").join(format!("{LABEL}.plist"));
    let words: Vec<String> = command.iter().map(|word| format!("        <string>{}</string>\n", xml(word))).collect();
    let words = words.concat();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n\
         <dict>\n    <key>Label</key>\n    <string>{LABEL}</string>\n    <key>ProgramArguments</key>\n    <array>\n{words}    </array>\n    \
         <key>RunAtLoad</key>\n    <true/>\n    <key>KeepAlive</key>\n    <dict>\n        <key>SuccessfulExit</key>\n        <false/>\n    </dict>\n    \
         <key>Nice</key>\n    <integer>10</integer>\n    <key>Umask</key>\n    <integer>63</integer>\n</dict>\n</plist>\n"
    );
    let shown = path.display();
    Service { start: format!("launchctl load -w \"{shown}\""), stop: format!("launchctl unload -w \"{shown}\""), path, text }
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the service runs: this program with the places that were set by hand.
#[must_use]
pub fn command(context: &Context) -> Vec<String> {
    let program = guard::own_path(&variable).unwrap_or_else(|_| PathBuf::from("aifinops"));
    let mut words = vec![program.display().to_string(), "watch".to_owned()];
    let settings = &context.settings;
    let places = [("--home", &settings.home), ("--config", &settings.config_file), ("--data-dir", &settings.data_dir)];
    for (flag, place) in places {
        if !matches!(place.origin, Origin::Default | Origin::File) {
            words.extend([flag.to_owned(), place.value.display().to_string()]);
        }
    }
    words
}

/// Writes the service file. Gives whether anything changed.
pub fn write(service: &Service) -> io::Result<bool> {
    if std::fs::read_to_string(&service.path).is_ok_and(|text| text == service.text) {
        return Ok(false);
    }
    disk::replace(&disk::target(&service.path), service.text.as_bytes()).map(|()| true)
}

/// Removes the service file. Gives whether there was one.
pub fn remove(service: &Service) -> io::Result<bool> {
    match std::fs::remove_file(&service.path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_unit_are_what_they_were() {
        let command = ["/opt/my tools/aifi\"nops".to_owned(), "watch".to_owned(), "--home".to_owned(), "/home/100%$HOME\\x".to_owned()];
        let service = systemd(Path::new("/c"), &command);
        assert_eq!(service.path, Path::new("/c/systemd/user/aifinops-watch.service"));
        assert!(
            service.text.contains(r#"ExecStart="/opt/my tools/aifi\"nops" "watch" "--home" "/home/100%%$$HOME\\x""#),
            "{}",
            service.text
        );
    }

    #[test]
    fn words_of_a_plist_are_what_they_were() {
        let service = launchd(Path::new("/Users/me"), &["/a&b/<x>".to_owned(), "watch".to_owned()]);
        assert_eq!(service.path, Path::new("/Users/me/Library/LaunchAgents/dev.aifinops.watch.plist"));
        assert!(service.text.contains("<string>/a&amp;b/&lt;x&gt;</string>"), "{}", service.text);
    }

    #[test]
    fn a_service_is_written_once_and_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let service = systemd(dir.path(), &["/bin/aifinops".to_owned(), "watch".to_owned()]);
        assert!(write(&service).unwrap());
        assert!(!write(&service).unwrap());
        assert_eq!(std::fs::read_to_string(&service.path).unwrap(), service.text);
        assert!(remove(&service).unwrap());
        assert!(!remove(&service).unwrap());
    }
}
