//! Notifications of the desktop.
//!
//! On Linux and the BSDs they go over the session bus to whoever answers for `org.freedesktop.Notifications` (Desktop
//! Notifications Specification 1.3), on macOS and Windows to the system.

use std::path::Path;

use notify_rust::{Notification, Timeout};

use super::{Alert, Known, Setup, Urgency, Way, WayError, is_remote, wait};
use crate::model::text::clean;

/// The name that notifications come under.
const APP: &str = "aifinops";
/// Where the bus is, says the D-Bus specification.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";

/// The way's line in the registry.
pub(super) const KNOWN: Known = Known {
    name: "desktop",
    about: "a notification of the desktop",
    fits: |setup| !is_remote(setup) && has_session(setup),
    make: |setup| Box::new(Desktop { bus: (setup.env)(BUS).is_some() }),
};

/// The desktop.
#[derive(Debug, Clone, Copy)]
pub struct Desktop {
    /// Whether the environment says where the bus is.
    bus: bool,
}

/// Whether there is a desktop's session, as far as can be told without asking it.
fn has_session(setup: &Setup<'_>) -> bool {
    let socket = || (setup.env)("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists());
    let shown = || (setup.env)("DISPLAY").is_some() || (setup.env)("WAYLAND_DISPLAY").is_some();
    cfg!(any(target_os = "macos", windows)) || (setup.env)(BUS).is_some() || (socket() && shown())
}

impl Way for Desktop {
    fn name(&self) -> &'static str {
        KNOWN.name
    }

    fn tell(&self, alert: &Alert) -> Result<(), WayError> {
        let notification = notification(alert);
        wait("the desktop", async move { show(&notification).await.map_err(|error| self.because(&error.to_string())) })
    }
}

impl Desktop {
    /// What went wrong, in words. The library tells kinds of errors apart by text only.
    fn because(self, text: &str) -> WayError {
        let nobody = ["ServiceUnknown", "NameHasNoOwner", "Spawn."].iter().any(|name| text.contains(name));
        let answered = text.contains("org.freedesktop.") || text.contains("org.gtk.");
        match (nobody, answered, self.bus) {
            (true, ..) => WayError::NoServer,
            (false, true, _) => WayError::Desktop(clean(text)),
            (false, false, false) => WayError::NoBus(format!("{BUS} is not set")),
            (false, false, true) => WayError::NoBus(format!("{BUS} leads nowhere: {}", clean(text))),
        }
    }
}

/// The notification for an alert.
fn notification(alert: &Alert) -> Notification {
    let mut out = Notification::new();
    out.appname(APP).summary(&clean(&alert.title)).body(&plain(&alert.body));
    out.timeout(Timeout::Default);
    #[cfg(not(target_os = "macos"))]
    out.urgency(match alert.urgency {
        Urgency::Low => notify_rust::Urgency::Low,
        Urgency::Normal => notify_rust::Urgency::Normal,
        Urgency::Critical => notify_rust::Urgency::Critical,
    });
    // Names that every theme of icons has (freedesktop.org's Icon Naming Specification).
    out.icon(match alert.urgency {
        Urgency::Low => "dialog-information",
        Urgency::Normal => "dialog-warning",
        Urgency::Critical => "dialog-error",
    });
    out
}

/// Text without markup: servers may read a body as a little HTML, and a project's name must not become a link.
fn plain(text: &str) -> String {
    let lines = text.lines().map(clean).collect::<Vec<_>>().join("\n");
    lines
        .chars()
        .map(|c| {
            if c == '<' {
                '‹'
            } else if c == '>' {
                '›'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(all(unix, not(target_os = "macos")))]
async fn show(notification: &Notification) -> Result<(), notify_rust::error::Error> {
    notification.show_async().await.map(drop)
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
#[expect(clippy::unused_async, reason = "elsewhere it waits")]
async fn show(notification: &Notification) -> Result<(), notify_rust::error::Error> {
    notification.show().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::AlertKind;

    #[test]
    fn markup_and_control_characters_become_harmless() {
        let alert = Alert {
            kind: AlertKind::CapHit,
            key: String::new(),
            at: 0,
            until: 0,
            title: "a\u{1b}]0;b".to_owned(),
            body: "<a href='x'>R&D</a>\nnext\u{7}".to_owned(),
            urgency: Urgency::Critical,
        };
        let shown = notification(&alert);
        assert_eq!((shown.appname.as_str(), shown.summary.as_str()), ("aifinops", "a\u{fffd}]0;b"));
        assert_eq!(shown.body, "‹a href='x'›R&D‹/a›\nnext\u{fffd}");
    }

    #[test]
    fn errors_are_told_in_words() {
        let because = |bus, text: &str| Desktop { bus }.because(text).to_string();
        assert_eq!(because(false, "I/O error"), "no session bus (DBUS_SESSION_BUS_ADDRESS is not set)");
        assert_eq!(because(true, "refused"), "no session bus (DBUS_SESSION_BUS_ADDRESS leads nowhere: refused)");
        assert!(because(true, "org.freedesktop.DBus.Error.ServiceUnknown: The name").starts_with("no notification server"));
        assert_eq!(because(true, "org.freedesktop.DBus.Error.LimitsExceeded: x"), "org.freedesktop.DBus.Error.LimitsExceeded: x");
    }

    #[test]
    fn over_ssh_and_without_a_session_the_desktop_is_not_chosen() {
        let fits = |given: &'static [(&'static str, &'static str)]| {
            let env = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            (KNOWN.fits)(&Setup { env: &env, webhook: None, screen: None })
        };
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert!(!fits(&[]));
        }
        assert!(fits(&[(BUS, "unix:path=/x")]));
        assert!(!fits(&[(BUS, "unix:path=/x"), ("SSH_CONNECTION", "1 2 3 4")]));
    }
}
