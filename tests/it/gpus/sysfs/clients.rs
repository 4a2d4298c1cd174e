//! Who uses a card, by what drivers say of the files that processes have open; and how busy that makes a card whose driver
//! does not say it.

use std::fs;
use std::time::Instant;

use aifinops::gpus::Probe;
use aifinops::gpus::drm::{Drm, parse};
use aifinops::model::gpu::{UseKind, Vendor};
use tempfile::TempDir;

use super::{ALL, FIGURES, I915, MIB, intel_of, later, link, one, places, plant, process, tree, write};

/// What a process has open, with the driver's own words.
fn open_file(root: &TempDir, pid: u32, fd: u32, node: &str, info: &str) {
    let path = format!("proc/{pid}/fd/{fd}");
    if !root.path().join(&path).is_symlink() {
        link(root, &path, node);
    }
    write(root, &format!("proc/{pid}/fdinfo/{fd}"), info);
}

fn i915_client(root: &TempDir, pid: u32, client: u32, render: u64) {
    let info = format!("drm-driver: i915\ndrm-pdev: 0000:00:02.0\ndrm-client-id: {client}\ndrm-engine-render: {render} ns");
    open_file(root, pid, 30, "/dev/dri/renderD128", &info);
}

#[test]
fn intels_graphics_are_used_as_much_as_their_busiest_engine() {
    let root = tree("i915-igpu");
    let start = Instant::now();
    let mut probe = intel_of(&root);
    let first = one(probe.poll_at(ALL, start));
    assert_eq!((first.id.as_str(), first.name.as_str(), first.vendor), ("0000:00:02.0", "Intel 46a6", Vendor::Intel));
    assert_eq!((first.used, first.clock, first.is_unified), (None, Some(1150), true), "one look says nothing of a time");
    assert_eq!((first.memory_total, first.memory_used), (Some(16_316_412 * 1024), Some(210 * MIB)));
    assert_eq!(first.processes, Some(vec![process(610, 210 * MIB, None)]), "611 has it open and does not use it");
    // In two seconds: 0.8 s of drawing for 610 and 0.4 s for 611, and 3 s of video on two engines.
    let info = fs::read_to_string(root.path().join("proc/610/fdinfo/20")).unwrap();
    let info = info.replace("4000000000 ns", "4800000000 ns").replace("6000000000 ns", "9000000000 ns");
    write(&root, "proc/610/fdinfo/20", &info);
    let other = "drm-driver: i915\ndrm-client-id: 34\ndrm-pdev: 0000:00:02.0\ndrm-total-system0: 0\ndrm-engine-render: 400000000 ns";
    write(&root, "proc/611/fdinfo/4", other);
    write(&root, &format!("{I915}/gt/gt0/rc6_residency_ms"), "100300");
    let second = one(probe.poll_at(ALL, later(start, 2)));
    assert_eq!((second.used, second.used_kind), (Some(750), UseKind::Engine));
    assert_eq!(second.processes, Some(vec![process(610, 210 * MIB, Some(750)), process(611, 0, Some(200))]));
    assert_eq!(one(probe.poll_at(FIGURES, later(start, 3))).used, Some(750), "as it was, where it is not asked");
}

#[test]
fn intels_graphics_are_awake_at_most_so_long_where_somebody_cannot_be_looked_at() {
    let root = tree("i915-igpu");
    // Another user's process: its open files cannot be listed.
    write(&root, "proc/1/fd", "");
    // A thread of the kernel and a dead process cannot be listed either, and have no files.
    write(&root, "proc/2/fd", "");
    write(&root, "proc/2/stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0");
    write(&root, "proc/3/fd", "");
    write(&root, "proc/3/stat", "3 (sh) R (x)) Z 1 3 3 0 -1 4194304 0 0");
    let start = Instant::now();
    let mut probe = intel_of(&root);
    let first = one(probe.poll_at(ALL, start));
    assert_eq!((first.hidden, first.used), (1, None));
    i915_client(&root, 612, 40, 0);
    write(&root, &format!("{I915}/gt/gt0/rc6_residency_ms"), "101500");
    let second = one(probe.poll_at(ALL, later(start, 2)));
    assert_eq!((second.used, second.used_kind, second.hidden), (Some(250), UseKind::Awake, 1));
    write(&root, &format!("{I915}/gt/gt0/rc6_residency_ms"), "7");
    assert_eq!(one(probe.poll_at(ALL, later(start, 4))).used, None, "the counter has begun anew");
    fs::remove_dir_all(root.path().join("proc/1")).unwrap();
    let alone = one(probe.poll_at(ALL, later(start, 10)));
    assert_eq!((alone.used, alone.used_kind, alone.hidden), (Some(0), UseKind::Engine, 0));
}

#[test]
fn a_card_with_the_driver_xe_counts_cycles_and_energy() {
    let root = tree("xe-bmg");
    let (card, start) = ("sys/class/drm/card1/device", Instant::now());
    let mut probe = intel_of(&root);
    let first = one(probe.poll_at(ALL, start));
    assert_eq!((first.name.as_str(), first.is_unified, first.clock), ("Intel e20b", false, Some(2850)));
    assert_eq!((first.power, first.energy, first.power_cap), (None, Some(1_000_000), Some(190_000)), "a cap of 0 is switched off");
    assert_eq!((first.temperature, first.memory_used, first.memory_total), (Some(48), Some(4 * MIB), None), "not that of the disk");
    let cycles = |rcs: u64, ccs: u64, total: u64| {
        let text = format!(
            "drm-driver: xe\ndrm-client-id: 3\ndrm-pdev: 0000:03:00.0\ndrm-cycles-rcs: {rcs}\ndrm-total-cycles-rcs: {total}\n\
             drm-cycles-ccs: {ccs}\ndrm-total-cycles-ccs: {total}\ndrm-engine-capacity-ccs: 4"
        );
        write(&root, "proc/77/fdinfo/6", &text);
    };
    cycles(101_000, 1_602_000, 2_000_000);
    write(&root, &format!("{card}/hwmon/hwmon5/energy1_input"), "1300000000");
    let second = one(probe.poll_at(ALL, later(start, 2)));
    assert_eq!((second.used, second.used_kind), (Some(400), UseKind::Engine), "1.6 of 4 engines, and a tenth of another one");
    assert_eq!((second.power, second.energy), (Some(150_000), Some(1_300_000)));
    // The card has slept in between: its clock and its counter of energy begin anew, and nothing is known of that time.
    cycles(102_000, 1_603_000, 5_000);
    write(&root, &format!("{card}/hwmon/hwmon5/energy1_input"), "1000000");
    write(&root, &format!("{card}/tile0/gt0/gtidle/idle_residency_ms"), "51500");
    write(&root, &format!("{card}/tile0/gt1/gtidle/idle_residency_ms"), "91900");
    let third = one(probe.poll_at(ALL, later(start, 4)));
    assert_eq!((third.power, third.used, third.used_kind), (None, Some(250), UseKind::Awake), "the part that was awake most");
    cycles(302_000, 1_603_000, 1_005_000);
    assert_eq!(one(probe.poll_at(ALL, later(start, 6))).used, Some(200));
}

#[test]
fn a_client_counts_once_and_stays_with_its_larger_figure() {
    let root = tree("i915-igpu");
    for pid in [610, 611] {
        fs::remove_dir_all(root.path().join(format!("proc/{pid}"))).unwrap();
    }
    let start = Instant::now();
    let mut probe = intel_of(&root);
    // A child and a copy of the same file.
    let all = |render: u64| {
        i915_client(&root, 50, 7, render);
        i915_client(&root, 51, 7, render);
        let info = fs::read_to_string(root.path().join("proc/50/fdinfo/30")).unwrap();
        open_file(&root, 50, 31, "/dev/dri/renderD128", &info);
    };
    let mut used = |second: u64| {
        let reading = one(probe.poll_at(ALL, later(start, second)));
        let users: Vec<(u32, Option<u16>)> = reading.processes.unwrap().iter().map(|user| (user.pid, user.used)).collect();
        (reading.used, users)
    };
    all(5_000_000_000);
    assert_eq!(used(0), (None, vec![(50, None)]));
    all(5_500_000_000);
    assert_eq!(used(1), (Some(500), vec![(50, Some(500))]));
    all(5_100_000_000);
    assert_eq!(used(2), (Some(0), vec![(50, Some(0))]), "a step back is no work");
    all(5_600_000_000);
    assert_eq!(used(3), (Some(100), vec![(50, Some(100))]), "and what is caught up was counted before");
    all(9_600_000_000);
    assert_eq!(used(4), (Some(1000), vec![(50, Some(1000))]), "never more than all of the time");
    i915_client(&root, 49, 8, 0);
    all(9_700_000_000);
    assert_eq!(used(5), (Some(100), vec![(49, None), (50, Some(100))]), "a new one has no past");
    fs::remove_dir_all(root.path().join("proc/50")).unwrap();
    i915_client(&root, 51, 7, 9_800_000_000);
    i915_client(&root, 49, 8, 300_000_000);
    assert_eq!(used(6), (Some(400), vec![(49, Some(300)), (51, Some(100))]), "clients of an engine add up");
}

#[test]
fn a_file_that_can_be_seen_and_not_read_is_hidden() {
    let root = tree("i915-igpu");
    i915_client(&root, 700, 50, 0);
    fs::remove_file(root.path().join("proc/700/fdinfo/30")).unwrap();
    fs::create_dir(root.path().join("proc/700/fdinfo/30")).unwrap();
    let start = Instant::now();
    let mut probe = intel_of(&root);
    assert_eq!(one(probe.poll_at(ALL, start)).hidden, 1);
    fs::remove_dir_all(root.path().join("proc/700")).unwrap();
    assert_eq!(one(probe.poll_at(ALL, later(start, 1))).hidden, 0, "it has ended since its files were listed");
}

#[test]
fn drivers_words_are_read_as_the_kernel_specifies_them() {
    let told = |lines: &str| parse(&format!("drm-driver:\tx\ndrm-client-id:\t1\n{lines}"));
    let memory = |lines: &str| told(lines).map(|info| (info.vram, info.system)).unwrap();
    for (lines, expected) in [
        ("drm-total-vram0: 4096", (Some(4096), None)),
        ("drm-memory-vram: 3 MiB\ndrm-total-vram: 2 KiB\ndrm-resident-vram: 1 KiB", (Some(1024), None)),
        ("drm-resident-vram0: 1 KiB\ndrm-resident-vram1: 2 KiB\ndrm-total-local0: 1", (Some(3073), None)),
        ("drm-resident-memory: 7 MiB\ndrm-shared-memory: 9 MiB\ndrm-purgeable-memory: 9", (None, Some(7 * MIB))),
        ("drm-resident-system: 1\ndrm-resident-gtt: 2\ndrm-resident-stolen-system0: 4\ndrm-memory-cpu: 8", (None, Some(3))),
        ("drm-total-vram: 5 GB\ndrm-total-system: -5", (None, None)),
        ("drm-total-vram: 99999999999999999999\ndrm-total-gtt: 18446744073709551615 KiB", (None, None)),
    ] {
        assert_eq!(memory(lines), expected, "{lines}");
    }
    let engines = told("drm-engine-gfx: 12 ns\ndrm-engine-capacity-gfx: 2\ndrm-maxfreq-gfx: 9 MHz\ndrm-engine-dec: soon").unwrap().engines;
    assert_eq!((engines["gfx"].busy, engines["gfx"].capacity, engines["dec"].busy, engines.len()), (Some(12), Some(2), None, 2));
    assert_eq!(parse("pos: 0\nflags: 02\n"), None, "not a card's file");
    assert_eq!(parse("drm-driver: x\ndrm-client-id: none"), None, "nobody can tell it from another one");
    let flood: Vec<String> = (0..9000).map(|n| format!("drm-engine-e{n}: 1 ns\ndrm-total-vram{n}: 1\n")).collect();
    let flood = told(&flood.concat()).unwrap();
    assert_eq!((flood.engines.len(), flood.vram), (64, Some(64)));
}

#[test]
fn cards_of_other_drivers_are_seen_by_who_uses_them() {
    let root = plant(
        "sys/class/drm/card0/device/uevent = DRIVER=ast\\nPCI_ID=1A03:2000\\nPCI_SLOT_NAME=0000:02:00.0\n\
         sys/class/drm/card0/device/drm/card0/dev = 226:0\n\
         sys/class/drm/card1/device/uevent = DRIVER=nouveau\\nPCI_ID=10DE:1F08\\nPCI_SLOT_NAME=0000:01:00.0\n\
         sys/class/drm/card1/device/drm/renderD128/dev = 226:128\n\
         sys/class/drm/card2/device/uevent = DRIVER=panfrost\\nOF_NAME=gpu\n\
         sys/class/drm/card2/device/drm/renderD129/dev = 226:129\n\
         sys/class/drm/card3/device/uevent = DRIVER=nvidia\\nPCI_ID=10DE:2330\\nPCI_SLOT_NAME=0000:09:00.0\n\
         sys/class/drm/card3/device/drm/renderD130/dev = 226:130\n\
         proc/12/fd/0 -> /dev/dri/renderD129",
    );
    let mali = |ns: u64| format!("drm-driver: panfrost\ndrm-client-id: 5\ndrm-resident-memory: 8 MiB\ndrm-engine-fragment: {ns} ns");
    let client = |ns: u64| open_file(&root, 12, 0, "/dev/dri/renderD129", &mali(ns));
    client(0);
    let start = Instant::now();
    let mut probe = Drm::open(&places(&root)).unwrap();
    assert_eq!(probe.about(), "nouveau, panfrost: 2 cards", "a card without a render node only shows pictures");
    let readings = probe.poll_at(ALL, start).unwrap();
    let names: Vec<(&str, &str, Vendor)> = readings.iter().map(|card| (card.id.as_str(), card.name.as_str(), card.vendor)).collect();
    assert_eq!(names, [("0000:01:00.0", "nouveau 10de:1f08", Vendor::Nvidia), ("card2", "panfrost", Vendor::Other)]);
    client(600_000_000);
    let readings = probe.poll_at(ALL, later(start, 2)).unwrap();
    assert_eq!((readings[1].used, readings[1].used_kind, readings[1].memory_used), (Some(300), UseKind::Engine, Some(8 * MIB)));
    assert_eq!((readings[0].used, readings[0].processes.clone()), (None, Some(Vec::new())), "nobody to ask");
    // With somebody hidden, some use is at least that much, and none is nothing.
    write(&root, "proc/13/fd", "");
    client(1_200_000_000);
    assert_eq!(probe.poll_at(ALL, later(start, 6)).unwrap()[1].used, Some(150));
    let readings = probe.poll_at(ALL, later(start, 8)).unwrap();
    assert_eq!((readings[1].used, readings[1].hidden), (None, 1));
}
