//! NVIDIA's cards by `nvidia-smi`: what its rows say, and how the program is kept running, and ended.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use aifinops::gpus::nvidia_smi::rows::{Row, fields, process};
use aifinops::gpus::nvidia_smi::{KNOWN, SmiProbe};
use aifinops::gpus::{Places, Probe, ProbeError};
use aifinops::model::gpu::{GpuProcess, GpuReading, Health, Throttle};

use super::fake::{ALL, Machine, QUICK};

const MIB: u64 = 1 << 20;

fn fixture(name: &str) -> String {
    fs::read_to_string(fixture_path(name)).unwrap()
}

fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gpus/nvidia_smi").join(name)
}

fn cards(name: &str) -> Vec<GpuReading> {
    let fields = fields(&fixture("help-query-gpu.txt"));
    fixture(name).lines().map(|line| Row::read(line, &fields).unwrap().card).collect()
}

/// A machine with such a program.
struct Smi {
    machine: Machine,
}

impl Smi {
    fn new() -> Self {
        let smi = Self { machine: Machine::new() };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/fake_nvidia_smi.sh");
        symlink(script, smi.machine.path().join("nvidia-smi")).unwrap();
        smi.prints("help.txt", &fixture("help-query-gpu.txt"));
        smi.prints("cards.csv", &fixture("discrete.csv"));
        smi.prints("processes.csv", &fixture("processes.csv"));
        smi
    }

    /// At once, as the program may be reading.
    fn prints(&self, name: &str, text: &str) {
        let path = self.machine.path().join(name);
        fs::write(path.with_extension("new"), text).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }

    fn places(&self) -> Places {
        Places { nvidia_smi: Some(self.machine.path().join("nvidia-smi")), ..self.machine.places() }
    }

    fn calls(&self, with: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.machine.path().join("calls.txt")).unwrap_or_default();
        calls.lines().filter(|line| line.starts_with(with)).map(str::to_owned).collect()
    }

    fn pid(&self) -> u32 {
        fs::read_to_string(self.machine.path().join("pid")).unwrap().trim().parse().unwrap()
    }
}

/// Whether a process is there and does something.
fn lives(pid: u32) -> bool {
    std::process::Command::new("kill").args(["-0", &pid.to_string()]).stderr(std::process::Stdio::null()).status().unwrap().success()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn rows_of_cards_arrive_in_the_house_s_units() {
    let seen = cards("discrete.csv");
    let (busy, idle) = (&seen[0], &seen[1]);
    assert_eq!((busy.id.as_str(), busy.pci.as_deref()), ("7a10c0de-0001-4000-8000-00000000ab01", Some("0000:83:00.0")));
    assert_eq!((busy.index, busy.name.as_str(), busy.used), (Some(0), "NVIDIA H200", Some(970)));
    assert_eq!((busy.memory_used, busy.memory_total), (Some(114_688 * MIB), Some(143_771 * MIB)));
    assert_eq!((busy.power, busy.power_cap, busy.temperature, busy.clock), (Some(512_350), Some(700_000), Some(61), Some(1980)));
    assert_eq!((busy.throttle, busy.driver_idle), (Some(Throttle { power: true, ..Throttle::default() }), Some(false)));
    assert_eq!((idle.used, idle.memory_used, idle.driver_idle, idle.ecc), (Some(0), Some(0), Some(true), Some(3)));
}

#[test]
fn a_divided_card_has_no_use_of_its_own() {
    let card = &cards("mig.csv")[0];
    assert_eq!((card.used, card.power, card.driver_idle), (None, Some(295_100), Some(false)));
    let fields = ["index", "utilization.gpu", "mig.mode.current", "name"];
    assert_eq!(Row::read("0, 0, Enabled, NVIDIA H200", &fields).unwrap().card.used, None, "what it says then is no answer");
}

#[test]
fn what_stands_in_brackets_is_missing_and_not_zero() {
    let uma = &cards("uma.csv")[0];
    assert_eq!((uma.memory_used, uma.memory_total, uma.power_cap, uma.ecc), (None, None, None, None));
    assert_eq!((uma.used, uma.power, uma.is_unified), (Some(410), Some(38_200), true));
    let wddm = &cards("wddm.csv")[0];
    assert_eq!(
        (wddm.name.as_str(), wddm.power_cap, wddm.throttle, wddm.driver_idle),
        ("NVIDIA GeForce RTX 4090, Laptop", None, None, None)
    );
    let seen = cards("deprecated-field.csv");
    let (odd, lost) = (&seen[0], &seen[1]);
    assert_eq!((odd.used, odd.memory_used, odd.power, odd.temperature, odd.clock), (None, None, None, None, None));
    assert_eq!((odd.driver_idle, odd.ecc, odd.memory_total, odd.health), (None, None, Some(24_576 * MIB), Health::Well));
    assert_eq!((lost.health, lost.id.as_str(), lost.used), (Health::Lost, "0000:3c:00.0", None));
}

#[test]
fn rows_of_processes_keep_the_commas_of_names() {
    let read = |name: &str| fixture(name).lines().map(|line| process(line).unwrap()).collect::<Vec<_>>();
    let one = |pid, memory, name: Option<&str>| GpuProcess { pid, memory, name: name.map(str::to_owned), ..GpuProcess::default() };
    let seen = read("processes.csv");
    assert_eq!(seen[0], ("7a10c0de-0001-4000-8000-00000000ab01".to_owned(), one(4242, Some(113_664 * MIB), Some("/opt/venv/bin/python3"))));
    assert_eq!(seen[1].1, one(4300, Some(512 * MIB), Some("trainer, the second")));
    assert_eq!(seen[2].1, one(4401, None, None));
    let wddm: Vec<GpuProcess> = read("wddm_processes.csv").into_iter().map(|(_, process)| process).collect();
    assert_eq!(wddm, [one(4711, None, Some(r"C:\Program Files\Work, and Play\python.exe")), one(4712, None, None)]);
}

#[test]
fn only_fields_that_the_driver_knows_are_asked_for() {
    let all = fields(&fixture("help-query-gpu.txt"));
    assert_eq!(all.len(), 15);
    assert!(all.contains(&"clocks_event_reasons.active") && all.first() == Some(&"index") && all.last() == Some(&"name"));
    let old = "\"index\"\n\"gpu_name\"\n\"clocks_throttle_reasons.active\"\nmemory.used is \"memory.used\"\n\"x\" or \"clocks.sm\"";
    assert_eq!(fields(old), ["index", "clocks.sm", "clocks_throttle_reasons.active", "gpu_name"]);
    for nothing in ["", "no such option", "\"\"\"\"\n\"", "\"name\""] {
        assert_eq!(fields(nothing).first(), Some(&"index"), "{nothing}");
        assert!(fields(nothing).contains(&"utilization.gpu"), "{nothing}: what every driver knows");
    }
}

#[test]
fn what_is_no_row_is_none() {
    let fields = fields(&fixture("help-query-gpu.txt"));
    let row = fixture("discrete.csv").lines().next().unwrap().to_owned();
    for end in (0..row.len()).filter(|end| row[..*end].matches(',').count() < fields.len() - 1) {
        assert_eq!(Row::read(&row[..end], &fields), None, "{end}");
    }
    for line in [
        "",
        ",",
        "No devices were found",
        &",".repeat(14),
        &format!("-1{}", &row[1..]),
        &format!("99999999999{}", &row[1..]),
        "\0\u{1b}[2J",
    ] {
        assert_eq!(Row::read(line, &fields), None, "{line}");
    }
    for line in ["", "a,b,c", "GPU-1, -4, 1, x", "[N/A], 4, 1, x", "GPU-1, 4294967296, 1, x"] {
        assert_eq!(process(line), None, "{line}");
    }
    for wrong in ["nan", "inf", "-1", "1e300", "0x10", "9999999999999999999999"] {
        let seen =
            Row::read(&format!("0, {wrong}, {wrong}, {wrong}"), &["index", "utilization.gpu", "memory.used", "temperature.gpu"]).unwrap();
        assert_eq!((seen.card.used, seen.card.memory_used), (None, None), "{wrong}");
    }
}

#[test]
fn one_child_tells_of_the_cards_as_they_change() {
    let smi = Smi::new();
    let mut probe = SmiProbe::new(&smi.places()).unwrap();
    let seen = probe.poll(ALL).unwrap();
    assert_eq!(
        seen.iter().map(|r| (r.used, r.processes.as_ref().map(Vec::len))).collect::<Vec<_>>(),
        [(Some(970), Some(2)), (Some(0), Some(1))]
    );
    assert_eq!(probe.about(), "driver 580.95.05, nvidia-smi");
    smi.prints("cards.csv", &fixture("discrete.csv").replace("97, 114688", "3, 114688"));
    until("the load is seen", || probe.poll(QUICK).unwrap()[0].used == Some(30));
    assert_eq!(smi.calls("--query-gpu=").len(), 1, "however often it is looked");
    let query = &smi.calls("--query-gpu=")[0];
    assert!(query.starts_with("--query-gpu=index,uuid,") && query.ends_with(",name --format=csv,noheader,nounits -lms 2000"), "{query}");
    assert_eq!(smi.calls("--help-query-gpu").len(), 1);
}

#[test]
fn a_line_without_an_end_is_none_and_does_not_grow() {
    let smi = Smi::new();
    smi.prints("cards.csv", &format!("{}\n{}", "0, x".repeat(100_000), fixture("mig.csv")));
    let seen = SmiProbe::new(&smi.places()).unwrap().poll(QUICK).unwrap();
    assert_eq!((seen.len(), seen[0].name.as_str()), (1, "NVIDIA H200"));
}

#[test]
fn who_uses_the_cards_is_asked_every_five_seconds_at_most() {
    let smi = Smi::new();
    let mut probe = SmiProbe::new(&smi.places()).unwrap();
    let start = Instant::now();
    assert_eq!(probe.poll_at(QUICK, start).unwrap()[0].processes, None, "nobody has asked: that is not nobody");
    for seconds in 0..12 {
        assert!(probe.poll_at(ALL, start + Duration::from_secs(seconds)).unwrap()[0].processes.is_some());
    }
    assert_eq!(smi.calls("--query-compute-apps=").len(), 3);
    smi.prints("processes.csv", "");
    assert_eq!(probe.poll_at(ALL, start + Duration::from_mins(1)).unwrap()[0].processes, Some(Vec::new()));
}

#[test]
fn a_card_without_memory_of_its_own_has_the_machine_s() {
    let smi = Smi::new();
    smi.machine.proc("meminfo", "MemTotal: 1024 kB\n");
    smi.prints("cards.csv", &fixture("uma.csv"));
    smi.prints("processes.csv", "GPU-other, 5, 3, a\nGPU-other, 6, 4, b\n");
    let card = SmiProbe::new(&smi.places()).unwrap().poll(ALL).unwrap().remove(0);
    assert_eq!((card.memory_used, card.memory_total, card.is_unified), (Some(7 * MIB), Some(MIB), true));
}

#[test]
fn the_child_ends_with_the_probe() {
    let smi = Smi::new();
    let probe = SmiProbe::new(&smi.places()).unwrap();
    let pid = smi.pid();
    assert!(lives(pid));
    drop(probe);
    assert!(!lives(pid));
}

#[test]
fn a_child_that_ends_is_started_again_after_ten_seconds() {
    let smi = Smi::new();
    let mut probe = SmiProbe::new(&smi.places()).unwrap();
    let start = Instant::now();
    fs::remove_file(smi.machine.path().join("cards.csv")).unwrap();
    until("it is seen that it has ended", || probe.poll_at(QUICK, start).is_err());
    smi.prints("cards.csv", &fixture("mig.csv"));
    for seconds in 1..9 {
        assert!(matches!(probe.poll_at(QUICK, start + Duration::from_secs(seconds)), Err(ProbeError::Broken(_))));
    }
    assert_eq!(probe.poll_at(QUICK, start + Duration::from_secs(11)).unwrap().len(), 1);
    assert_eq!(smi.calls("--query-gpu=").len(), 2);
}

#[test]
fn why_it_says_nothing_is_said() {
    let refusal = |places: &Places| (KNOWN.open)(places).err().unwrap();
    assert_eq!(refusal(&Machine::new().places()), ProbeError::Absent("there is no nvidia-smi".to_owned()));
    let smi = Smi::new();
    let failed = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
    smi.prints("fail.txt", &format!("\n{failed} Make sure\n"));
    assert!(matches!(refusal(&smi.places()), ProbeError::Absent(text) if text.contains(failed)));
    smi.prints("fail.txt", "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error\n");
    assert!(matches!(refusal(&smi.places()), ProbeError::Broken(text) if text.contains("device handle")));
    let nowhere = Places { nvidia_smi: Some(smi.machine.path().join("nothing")), ..smi.places() };
    assert!(matches!(refusal(&nowhere), ProbeError::Broken(_)));
    assert_eq!((KNOWN.name, KNOWN.instead_of), ("nvidia-smi", Some("nvml")));
}

#[test]
fn no_card_is_woken_or_kept_awake_by_it() {
    let smi = Smi::new();
    smi.machine.card("0000:83:00.0", "auto", "suspended");
    let mut probe = SmiProbe::new(&smi.places()).unwrap();
    let start = Instant::now();
    let seen = probe.poll_at(ALL, start).unwrap();
    assert_eq!((seen[0].health, seen[0].id.as_str(), seen.len()), (Health::Asleep, "0000:83:00.0", 1));
    assert_eq!(smi.calls(""), Vec::<String>::new(), "the program is not run");
    // Somebody wakes it, uses nothing, and it is let go.
    smi.machine.card("0000:83:00.0", "auto", "active");
    smi.prints("cards.csv", &fixture("discrete.csv").replace("97, 114688", "0, 0").replacen("\n1, ", "\nno row, ", 1));
    smi.prints("processes.csv", "");
    assert_eq!(probe.poll_at(QUICK, start).unwrap()[0].used, Some(0));
    let pid = smi.pid();
    assert!(lives(pid));
    assert_eq!(probe.poll_at(QUICK, start + Duration::from_secs(30)).unwrap()[0].used, Some(0));
    assert!(!lives(pid));
    let reading = &probe.poll_at(QUICK, start + Duration::from_secs(32)).unwrap()[0];
    assert_eq!((reading.used, reading.name.as_str(), reading.id.as_str()), (None, "NVIDIA H200", "7a10c0de-0001-4000-8000-00000000ab01"));
}
