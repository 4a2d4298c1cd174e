//! Cards that are seen by the system's own files: what AMD's, Intel's and other drivers say, in which unit, of a card and of
//! who uses it; and that a card which sleeps goes on sleeping.
//!
//! A fixture is a text, `path = value` or `path -> target` on each line, of which a directory with `sys` and `proc` is made.
//! All of them were written for these tests. Time is given to the probes, so that nothing here waits.

mod clients;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use aifinops::gpus::amdgpu::Amdgpu;
use aifinops::gpus::intel::Intel;
use aifinops::gpus::{Ask, Places, Probe, ProbeError, amdgpu, apple, drm, intel, sysfs};
use aifinops::model::gpu::{GpuProcess, GpuReading, Health, UseKind, Vendor};
use tempfile::TempDir;

const ALL: Ask = Ask { processes: true, slow: true };
const FIGURES: Ask = Ask { processes: false, slow: false };
const AMD: &str = "sys/class/drm/card1/device";
const I915: &str = "sys/class/drm/card0";
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn tree(name: &str) -> TempDir {
    let text = match name {
        "amd-dgpu" => include_str!("../../fixtures/gpus/sysfs/amd-dgpu.txt"),
        "amd-apu" => include_str!("../../fixtures/gpus/sysfs/amd-apu.txt"),
        "mi300x-kfd" => include_str!("../../fixtures/gpus/sysfs/mi300x-kfd.txt"),
        "i915-igpu" => include_str!("../../fixtures/gpus/sysfs/i915-igpu.txt"),
        "xe-bmg" => include_str!("../../fixtures/gpus/sysfs/xe-bmg.txt"),
        "suspended-dgpu" => include_str!("../../fixtures/gpus/sysfs/suspended-dgpu.txt"),
        _ => panic!("no fixture {name}"),
    };
    plant(text)
}

fn plant(text: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((path, target)) = line.split_once(" -> ") {
            link(&root, path, target);
        } else {
            let (path, value) = line.split_once(" =").unwrap();
            write(&root, path, &value.trim_start_matches(' ').replace("\\n", "\n"));
        }
    }
    root
}

fn write(root: &TempDir, path: &str, value: &str) {
    let path = root.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{value}\n")).unwrap();
}

fn link(root: &TempDir, path: &str, target: &str) {
    let path = root.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

fn places(root: &TempDir) -> Places {
    Places { sys: root.path().join("sys"), proc: root.path().join("proc"), nvml: None, nvidia_smi: None }
}

fn amd(root: &TempDir) -> Amdgpu {
    Amdgpu::open(&places(root)).unwrap()
}

fn intel_of(root: &TempDir) -> Intel {
    Intel::open(&places(root)).unwrap()
}

fn one(readings: Result<Vec<GpuReading>, ProbeError>) -> GpuReading {
    let readings = readings.unwrap();
    assert_eq!(readings.len(), 1, "{readings:?}");
    readings.into_iter().next().unwrap()
}

fn later(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn process(pid: u32, memory: u64, used: Option<u16>) -> GpuProcess {
    GpuProcess { pid, memory: Some(memory), used, is_graphics: false, name: None }
}

#[test]
fn a_card_of_amd_with_its_own_memory_says_all_in_the_units_of_the_house() {
    let root = tree("amd-dgpu");
    let mut probe = amd(&root);
    assert_eq!(probe.about(), "amdgpu of Linux 6.12.9: 1 card");
    let reading = one(probe.poll_at(ALL, Instant::now()));
    let playing = GpuProcess { is_graphics: true, ..process(4242, 2 * GIB + MIB, None) };
    let expected = GpuReading {
        id: "9c0ffee0deadbeef".to_owned(),
        index: Some(0),
        vendor: Vendor::Amd,
        name: "AMD 744c".to_owned(),
        pci: Some("0000:03:00.0".to_owned()),
        used: Some(370),
        used_kind: UseKind::Kernel,
        memory_used: Some(4 * GIB),
        memory_total: Some(25_753_026_560),
        power: Some(123_456),
        power_cap: Some(355_000),
        temperature: Some(55),
        clock: Some(2124),
        processes: Some(vec![playing]),
        ..GpuReading::default()
    };
    assert_eq!(reading, expected, "the child's copy of the file counts once, for its parent");
}

#[test]
fn a_processors_own_graphics_has_what_was_set_aside_and_what_it_takes() {
    let root = tree("amd-apu");
    let now = Instant::now();
    let reading = one(amd(&root).poll_at(ALL, now));
    assert!(reading.is_unified);
    assert_eq!((reading.memory_total, reading.memory_used), (Some(12 * GIB), Some(450 * MIB)));
    assert_eq!((reading.used, reading.power, reading.temperature, reading.clock), (Some(40), Some(9115), Some(41), Some(800)));
    assert_eq!((reading.id.as_str(), reading.name.as_str(), reading.power_cap), ("0000:c1:00.0", "AMD 15bf", None));
    assert_eq!(reading.processes, Some(vec![process(900, 120 * MIB, None)]), "resident before total before the key of old drivers");

    // Without the sensor that only such a one has, its size tells.
    fs::remove_file(root.path().join("sys/class/drm/card0/device/hwmon/hwmon3/in1_input")).unwrap();
    assert!(!one(amd(&root).poll_at(ALL, now)).is_unified);
    write(&root, "sys/class/drm/card0/device/mem_info_vram_total", "536870912");
    assert_eq!(one(amd(&root).poll_at(ALL, now)).memory_total, Some(8 * GIB + 512 * MIB));
}

#[test]
fn who_computes_with_rocm_is_seen_by_the_memory_that_he_holds_on_each_card() {
    let root = tree("mi300x-kfd");
    let readings = amd(&root).poll_at(ALL, Instant::now()).unwrap();
    let [first, second] = readings.as_slice() else { panic!("{readings:?}") };
    assert_eq!((first.name.as_str(), first.index, second.index), ("AMD Instinct MI300X OAM", Some(0), Some(1)));
    assert_eq!(second.pci.as_deref(), Some("0001:26:00.0"));
    assert_eq!((first.power, first.power_cap, first.clock), (Some(612_000), Some(750_000), Some(2105)));
    assert_eq!((first.temperature, first.ecc, first.is_unified), (Some(68), Some(2), false), "the hottest place, without an edge");
    assert_eq!((second.temperature, second.ecc, second.power), (None, None, None));
    assert_eq!(first.processes, Some(vec![process(7001, 140 * GIB, None)]));
    assert_eq!(second.processes, Some(vec![process(7003, 256 * MIB, None)]), "7001 has it open and uses nothing of it");
}

#[test]
fn no_use_that_was_seen_of_a_process_with_rocm_is_no_use_that_is_known() {
    let root = tree("mi300x-kfd");
    let start = Instant::now();
    let mut probe = amd(&root);
    let used = |readings: Vec<GpuReading>| readings[0].processes.clone().unwrap()[0].used;
    assert_eq!(used(probe.poll_at(ALL, start).unwrap()), None);
    assert_eq!(used(probe.poll_at(ALL, later(start, 2)).unwrap()), None, "its engines stand still in fdinfo");
    let info = "drm-driver: amdgpu\ndrm-pdev: 0000:05:00.0\ndrm-client-id: 8\ndrm-engine-compute: 500000077 ns";
    write(&root, "proc/7001/fdinfo/11", info);
    assert_eq!(used(probe.poll_at(ALL, later(start, 4)).unwrap()), Some(250));
}

#[test]
fn a_card_that_sleeps_is_named_and_no_file_of_it_is_read() {
    let root = tree("suspended-dgpu");
    // Whoever opens a pipe without a writer waits for ever.
    let device = root.path().join(AMD);
    let mut pipes = vec![root.path().join("proc/4242/fdinfo/7"), root.path().join("proc/4242/fdinfo/9")];
    for dir in [device.clone(), device.join("hwmon/hwmon4")] {
        pipes.extend(
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file() && !path.ends_with("uevent")),
        );
    }
    for pipe in &pipes {
        fs::remove_file(pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    assert!(pipes.len() > 12, "{pipes:?}");
    let mut probe = amd(&root);
    let (says, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || says.send(probe.poll_at(ALL, Instant::now())));
    let reading = one(said.recv_timeout(Duration::from_secs(20)).expect("it waits for a file of a card that sleeps"));
    let expected = GpuReading {
        id: "0000:03:00.0".to_owned(),
        index: Some(0),
        vendor: Vendor::Amd,
        name: "amdgpu".to_owned(),
        pci: Some("0000:03:00.0".to_owned()),
        health: Health::Asleep,
        ..GpuReading::default()
    };
    assert_eq!(reading, expected);
}

#[test]
fn a_card_that_wakes_and_falls_asleep_keeps_its_name_and_none_of_its_figures() {
    let root = tree("suspended-dgpu");
    let start = Instant::now();
    let mut probe = amd(&root);
    assert_eq!(one(probe.poll_at(ALL, start)).health, Health::Asleep);
    write(&root, &format!("{AMD}/power/runtime_status"), "active");
    let awake = one(probe.poll_at(FIGURES, later(start, 2)));
    assert_eq!((awake.health, awake.used, awake.power_cap), (Health::Well, Some(370), Some(355_000)), "what is slow was never read");
    write(&root, &format!("{AMD}/power/runtime_status"), "suspending");
    let asleep = one(probe.poll_at(ALL, later(start, 4)));
    assert_eq!((asleep.id.as_str(), asleep.name.as_str(), asleep.health), ("9c0ffee0deadbeef", "AMD 744c", Health::Asleep));
    assert_eq!((asleep.used, asleep.power_cap, asleep.memory_total, asleep.processes), (None, None, None, None));
    for root in [tree("i915-igpu"), tree("xe-bmg")] {
        let card = if root.path().join(I915).exists() { I915 } else { "sys/class/drm/card1" };
        write(&root, &format!("{card}/device/power/runtime_status"), "suspended");
        let reading = one(intel_of(&root).poll_at(ALL, start));
        assert_eq!((reading.health, reading.clock, reading.processes), (Health::Asleep, None, None));
    }
}

#[test]
fn of_the_time_in_which_a_card_slept_nothing_is_known() {
    let root = tree("xe-bmg");
    let (card, start) = ("sys/class/drm/card1/device", Instant::now());
    fs::remove_dir_all(root.path().join(card).join("tile0/gt1")).unwrap();
    let mut probe = intel_of(&root);
    let at = |micro: u64| {
        let text = format!("drm-driver: xe\ndrm-client-id: 3\ndrm-engine-rcs: {} ns", micro * 1000);
        write(&root, "proc/77/fdinfo/6", &text);
        write(&root, &format!("{card}/hwmon/hwmon5/energy1_input"), &micro.to_string());
        write(&root, &format!("{card}/tile0/gt0/gtidle/idle_residency_ms"), &(micro / 1000).to_string());
    };
    at(1_000_000);
    one(probe.poll_at(ALL, start));
    at(2_000_000);
    let before = one(probe.poll_at(ALL, later(start, 2)));
    assert_eq!((before.used, before.used_kind, before.power), (Some(500), UseKind::Engine, Some(500)));
    write(&root, &format!("{card}/power/runtime_status"), "suspended");
    assert_eq!(one(probe.poll_at(ALL, later(start, 4))).used, None);
    write(&root, &format!("{card}/power/runtime_status"), "active");
    at(3_000_000);
    let after = one(probe.poll_at(FIGURES, later(start, 6)));
    assert_eq!((after.health, after.used, after.power, after.processes), (Health::Well, None, None, None));
    at(4_000_000);
    let after = one(probe.poll_at(ALL, later(start, 8)));
    assert_eq!((after.used, after.used_kind, after.power), (Some(500), UseKind::Awake, Some(500)), "a client needs a second look");
}

#[test]
fn a_quiet_card_is_left_alone_for_so_long_that_it_can_fall_asleep() {
    let root = tree("amd-dgpu");
    let start = Instant::now();
    let busy = |percent: &str| write(&root, &format!("{AMD}/gpu_busy_percent"), percent);
    let mut probe = amd(&root);
    let mut used = |second: u64| one(probe.poll_at(ALL, later(start, second))).used;
    busy("0");
    assert_eq!(used(0), Some(0));
    assert_eq!(used(28), Some(0));
    busy("80");
    assert_eq!(used(31), Some(0), "quiet for half a minute, and looked at three seconds ago: it says what it said then");
    assert_eq!(used(42), Some(0));
    assert_eq!(used(43), Some(800), "a quarter of a minute is over");
    busy("0");
    assert_eq!((used(44), used(70)), (Some(0), Some(0)));
    write(&root, &format!("{AMD}/power/control"), "on");
    busy("80");
    assert_eq!(used(76), Some(800), "it may not sleep anyway");
}

#[test]
fn what_is_not_asked_is_said_as_it_was() {
    let root = tree("amd-dgpu");
    let start = Instant::now();
    let mut probe = amd(&root);
    let first = one(probe.poll_at(FIGURES, start));
    assert_eq!((first.power_cap, first.processes), (Some(355_000), None), "who uses it was never asked");
    let whole = one(probe.poll_at(ALL, later(start, 1)));
    write(&root, &format!("{AMD}/hwmon/hwmon4/power1_cap"), "100000000");
    fs::remove_dir_all(root.path().join("proc/4242")).unwrap();
    fs::remove_dir_all(root.path().join("proc/4300")).unwrap();
    write(&root, &format!("{AMD}/gpu_busy_percent"), "50");
    let figures = one(probe.poll_at(FIGURES, later(start, 10)));
    assert_eq!(figures, GpuReading { used: Some(500), ..whole });
    let again = one(probe.poll_at(ALL, later(start, 20)));
    assert_eq!((again.power_cap, again.processes), (Some(100_000), Some(Vec::new())));
}

#[test]
fn what_cannot_be_true_is_not_known() {
    let files = ["gpu_busy_percent", "mem_info_vram_total", "mem_info_vram_used", "pp_dpm_sclk", "unique_id", "ras/umc_err_count"];
    let sensors = ["power1_average", "power1_cap", "temp1_input", "temp2_input"];
    for wrong in ["", "-5", "N/A", "1e999", "99999999999999999999999", "0x12 *", "ue: many", "\u{1b}[2J", "* * *\n*"] {
        let root = tree("amd-dgpu");
        for path in files.iter().map(|name| (*name).to_owned()).chain(sensors.iter().map(|name| format!("hwmon/hwmon4/{name}"))) {
            write(&root, &format!("{AMD}/{path}"), wrong);
        }
        let reading = one(amd(&root).poll_at(ALL, Instant::now()));
        assert_eq!((reading.used, reading.memory_total, reading.memory_used, reading.clock), (None, None, None, None), "{wrong}");
        assert_eq!((reading.power, reading.power_cap, reading.ecc), (None, None, None), "{wrong}");
        assert!(reading.temperature.is_none_or(|degrees| degrees == 0 && wrong == "-5"), "{wrong}: a hundredth of a degree");
        assert_eq!(reading.id, "0000:03:00.0", "{wrong}");
    }
}

#[test]
fn where_there_is_no_card_a_sentence_says_so() {
    let nothing = places(&tempfile::tempdir().unwrap());
    let empty = places(&plant("sys/class/drm/version = drm 1.1.0"));
    for places in [nothing, empty] {
        for known in [amdgpu::KNOWN, intel::KNOWN, drm::KNOWN] {
            let Err(ProbeError::Absent(why)) = (known.open)(&places) else { panic!("{} has found one", known.name) };
            assert!(why.starts_with("no ") && why.contains("/sys/class/drm"), "{why}");
        }
    }
    let root = tree("amd-dgpu");
    let mut probe = amd(&root);
    assert!((drm::KNOWN.open)(&places(&root)).is_err() && (intel::KNOWN.open)(&places(&root)).is_err(), "each probe has its own cards");
    fs::remove_dir_all(root.path().join("sys/class/drm/card1")).unwrap();
    let gone = probe.poll_at(ALL, Instant::now());
    assert_eq!(gone, Err(ProbeError::Absent("no AMD card: /sys/class/drm has none with the driver amdgpu".to_owned())));
}

#[cfg(not(target_os = "macos"))]
#[test]
fn there_is_no_card_of_apple_elsewhere() {
    let places = places(&tempfile::tempdir().unwrap());
    let Err(why) = (apple::KNOWN.open)(&places) else { panic!("it has found one") };
    assert_eq!(why, ProbeError::Absent("no Apple GPU: this is not macOS".to_owned()));
}

#[test]
fn files_are_read_up_to_a_bound_and_cards_are_no_connectors() {
    let root = tree("amd-dgpu");
    let cards = sysfs::cards(&root.path().join("sys"));
    assert_eq!(cards.len(), 1);
    assert_eq!((cards[0].number, cards[0].ids, cards[0].nodes.len()), (1, Some((0x1002, 0x744c)), 2));
    let path = root.path().join("long");
    fs::write(&path, "x".repeat(1 << 20)).unwrap();
    assert_eq!(sysfs::text(&path).map(|text| text.len()), Some(1 << 16));
    assert_eq!(sysfs::text(Path::new("/no/such/file")), None);
}
