//! A session bus of our own, run by the real `dbus-daemon`, and a notification server on it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use futures_util::StreamExt as _;
use tempfile::TempDir;
use zbus::OwnedVariant;

/// The bus; it ends with the test.
pub(super) struct Bus {
    daemon: Child,
    pub(super) address: String,
    _dir: TempDir,
}

/// A notification as it came over the bus (Desktop Notifications Specification, `Notify`).
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) app: String,
    pub(super) icon: String,
    pub(super) summary: String,
    pub(super) body: String,
    pub(super) urgency: Option<u8>,
}

impl Bus {
    /// Starts it; `None`, and a word about it, where there is no `dbus-daemon`.
    pub(super) fn start() -> Option<Bus> {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bus.conf");
        let text = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
            "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig><type>session</type><listen>unix:dir={}</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#,
            dir.path().display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg("--config-file").arg(&config).args(["--print-address", "--nofork", "--nopidfile"]);
        let mut daemon = match command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() {
            Ok(daemon) => daemon,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: there is no `dbus-daemon` here; Debian's package `dbus` brings it");
                return None;
            }
            Err(error) => panic!("dbus-daemon: {error}"),
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:"), "{address}");
        Some(Bus { daemon, address: address.trim_end().to_owned(), _dir: dir })
    }

    /// Starts a notification server on it, which never answers where it is to be `deaf`.
    pub(super) fn serve(&self, deaf: bool) -> Receiver<Shown> {
        let (tell, told) = channel();
        let (ready, is_ready) = channel();
        let address = self.address.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connection = zbus::connection::Builder::address(address.as_str()).build().await.unwrap();
                let mut calls = zbus::MessageStream::from(&connection);
                connection.request_name("org.freedesktop.Notifications").await.unwrap();
                ready.send(()).unwrap();
                let mut id = 0_u32;
                // The bus goes away with the test, and the stream with it.
                while let Some(Ok(message)) = calls.next().await {
                    let header = message.header();
                    let called = header.member().map(|name| name.as_str().to_owned());
                    let is_call = message.message_type() == zbus::message::Type::MethodCall;
                    let is_ours = header.interface().is_some_and(|name| name == "org.freedesktop.Notifications");
                    if deaf || !is_call || !is_ours {
                        continue;
                    }
                    match called.as_deref() {
                        Some("Notify") => {
                            id += 1;
                            let shown = read(&message);
                            connection.reply(&header, &id).await.unwrap();
                            if tell.send(shown).is_err() {
                                return;
                            }
                        }
                        Some("GetCapabilities") => connection.reply(&header, &vec!["body"]).await.unwrap(),
                        Some("GetServerInformation") => connection.reply(&header, &("test", "aifinops", "1", "1.2")).await.unwrap(),
                        _ => {}
                    }
                }
            });
        });
        is_ready.recv_timeout(Duration::from_secs(10)).unwrap();
        told
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// App, id to replace, icon, summary, body, actions, hints, timeout.
type Notify = (String, u32, String, String, String, Vec<String>, HashMap<String, OwnedVariant>, i32);

fn read(message: &zbus::Message) -> Shown {
    let (app, _, icon, summary, body, _, hints, _): Notify = message.body().deserialize().unwrap();
    let urgency = hints.get("urgency").and_then(|value| u8::try_from(value).ok());
    Shown { app, icon, summary, body, urgency }
}
