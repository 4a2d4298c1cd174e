//! The desktop, over a real session bus.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use aifinops::alerts::{Hours, Setup, Teller, Urgency, ways};
use aifinops::model::{Millis, Zone};

use super::bus::Bus;
use super::setting::program;
use super::{Files, alert};

const PATIENCE: Duration = Duration::from_secs(20);
/// Nothing more comes within this.
const SILENCE: Duration = Duration::from_millis(300);
/// Names the directory of the shared memory to a process that is to tell.
const TELL: &str = "AIFINOPS_TEST_TELL";

#[test]
fn the_command_s_sample_is_shown_by_the_desktop() {
    let Some(bus) = Bus::start() else { return };
    let shown = bus.serve(false);
    let home = tempfile::tempdir().unwrap();
    let mut command = program(home.path(), &["alerts", "test", "--way", "desktop", "--json"]);
    let out = command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!((out.status.code(), text.as_str()), (Some(0), "{\"ways\":[{\"way\":\"desktop\",\"ok\":true,\"error\":null}]}\n"));
    let sample = shown.recv_timeout(PATIENCE).unwrap();
    assert_eq!((sample.app.as_str(), sample.summary.as_str()), ("aifinops", "A sample from aifinops"));
    assert_eq!(sample.body, "This is how you will be told of caps, costly sessions and stopped loops.");
    assert_eq!((sample.urgency, sample.icon.as_str()), (Some(1), "dialog-warning"));
}

#[test]
fn what_is_wrong_with_the_bus_is_said_in_words() {
    let home = tempfile::tempdir().unwrap();
    let said = |address: Option<&str>| {
        let mut command = program(home.path(), &["alerts", "test", "--way", "desktop"]);
        command.envs(address.map(|address| ("DBUS_SESSION_BUS_ADDRESS", address)));
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(said(None), "✗ desktop   no session bus (DBUS_SESSION_BUS_ADDRESS is not set)\n");
    let nowhere = said(Some("unix:path=/nowhere/bus"));
    assert!(nowhere.starts_with("✗ desktop   no session bus (DBUS_SESSION_BUS_ADDRESS leads nowhere: "), "{nowhere}");
    let Some(bus) = Bus::start() else { return };
    let nobody = said(Some(&bus.address));
    assert!(nobody.starts_with("✗ desktop   no notification server is on the session bus"), "{nobody}");
    let _shown = bus.serve(true);
    let begin = Instant::now();
    assert_eq!(said(Some(&bus.address)), "✗ desktop   the desktop did not answer within 5 s\n");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

/// No test by itself: a process that tells the same alerts as its siblings, over the bus of its environment.
#[test]
fn a_process_of_several_that_tell() {
    let Some(dir) = std::env::var_os(TELL) else { return };
    let env = |name: &str| std::env::var(name).ok();
    let ways = ways(&["desktop".to_owned()], &mut Setup { env: &env, webhook: None, screen: None });
    let clock = || Millis::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let hours = Hours { quiet: None, zone: Zone::UTC };
    let teller = Teller::start(ways, Box::new(Files(Path::new(&dir).to_owned())), hours, clock).unwrap();
    for level in [50, 80, 100] {
        let mut alert = alert(&format!("cap:daily:2026-11-25:{level}"), clock());
        alert.urgency = if level == 100 { Urgency::Critical } else { Urgency::Normal };
        teller.tell(alert);
    }
    assert!(teller.flush(PATIENCE));
    assert_eq!(teller.take_news(), Vec::<String>::new());
}

#[test]
fn each_alert_is_shown_once_by_several_processes_and_after_a_restart() {
    let Some(bus) = Bus::start() else { return };
    let shown = bus.serve(false);
    let memory = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "alerts::desktop::a_process_of_several_that_tell"]);
        command.env(TELL, memory.path()).env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut together = [start(), start()];
    assert!(together.iter_mut().all(|process| process.wait().unwrap().success()));
    assert!(start().wait().unwrap().success(), "and once more, after them");
    let mut told: Vec<_> = (0..3).map(|_| shown.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(shown.recv_timeout(SILENCE).is_err(), "no fourth one");
    told.sort_by(|a, b| a.summary.cmp(&b.summary));
    let told: Vec<_> = told.iter().map(|one| (one.summary.as_str(), one.body.as_str(), one.urgency)).collect();
    let body = "80% of $20.00";
    assert_eq!(
        told,
        [
            ("title of cap:daily:2026-11-25:100", body, Some(2)),
            ("title of cap:daily:2026-11-25:50", body, Some(1)),
            ("title of cap:daily:2026-11-25:80", body, Some(1)),
        ]
    );
}
