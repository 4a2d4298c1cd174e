//! NVIDIA's cards by their library, which a stand-in plays: what a driver says, what it does not say, and when it is not
//! even asked.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aifinops::gpus::nvml::{KNOWN, NvmlProbe};
use aifinops::gpus::{Ask, Places, Probe, ProbeError};
use aifinops::model::gpu::{GpuProcess, GpuReading, Health, Slice, Throttle, UseKind, Vendor};

use super::fake::{ALL, Fake, QUICK, USERS};

const GIB: u64 = 1 << 30;

/// A probe on a clock of its own.
struct Watch {
    probe: NvmlProbe,
    now: Instant,
}

impl Watch {
    fn over(fake: &Fake) -> Self {
        Self { probe: NvmlProbe::new(&fake.places()).unwrap(), now: Instant::now() }
    }

    fn look(&mut self, ask: Ask) -> Vec<GpuReading> {
        self.probe.poll_at(ask, self.now).unwrap()
    }

    fn one(&mut self, ask: Ask) -> GpuReading {
        let seen = self.look(ask);
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.into_iter().next().unwrap()
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }
}

fn refusal(places: &Places) -> ProbeError {
    let Err(error) = (KNOWN.open)(places) else { panic!("it opens") };
    error
}

/// An H200 at work.
const BUSY: &[(&str, i64)] = &[
    ("gpu0.util", 97),
    ("gpu0.mem.total", 141 << 30),
    ("gpu0.mem.used", 112 << 30),
    ("gpu0.power", 512_345),
    ("gpu0.limit", 700_000),
    ("gpu0.energy", 8_123_456_789),
    ("gpu0.temp", 61),
    ("gpu0.clock", 1980),
    ("gpu0.reasons", 0x4),
    ("gpu0.ecc", 2),
    ("gpu0.mig", 0),
    ("gpu0.compute", 1),
    ("gpu0.compute0.pid", 4242),
    ("gpu0.compute0.mem", 111 << 30),
];

#[test]
fn a_machine_without_a_driver_is_told_so_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let mut places = Places { sys: dir.path().into(), proc: dir.path().into(), nvml: Some(dir.path().join("none.so")), nvidia_smi: None };
    assert_eq!(refusal(&places), ProbeError::Absent("no NVIDIA driver: libnvidia-ml.so.1 was not found".to_owned()));
    places.nvml = Some(PathBuf::from(file!()).with_file_name("no library at all"));
    assert!(matches!(refusal(&places), ProbeError::Absent(_)));
    fs::write(dir.path().join("none.so"), "this is no library, but it is long enough to look like one to a linker, or nearly").unwrap();
    places.nvml = Some(dir.path().join("none.so"));
    assert!(matches!(refusal(&places), ProbeError::Broken(_)), "{:?}", refusal(&places));
}

#[test]
fn a_driver_that_cannot_be_asked_says_why() {
    let Some(mut fake) = Fake::new() else { return };
    let absent = "NVIDIA's library is there, its kernel driver is not loaded";
    let broken = "the driver was updated and not loaded anew: restart the machine, or reload the module";
    fake.set("init", 9);
    assert_eq!(refusal(&fake.places()), ProbeError::Absent(absent.to_owned()));
    fake.set("init", 18);
    assert_eq!(refusal(&fake.places()), ProbeError::Broken(broken.to_owned()));
    for code in [4, 15, 17, 999] {
        fake.set("init", code);
        assert!(matches!(refusal(&fake.places()), ProbeError::Broken(_)), "{code}");
    }
    fake.set("init", 0).set("count", 0);
    assert!(matches!(refusal(&fake.places()), ProbeError::Absent(_)));
}

#[test]
fn every_figure_of_a_card_arrives_in_the_house_s_units() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY).set("gpu0.name", "NVIDIA H200").set("gpu0.uuid", "GPU-AB12").set("gpu0.pci", "00000000:83:00.0");
    let mut watch = Watch::over(&fake);
    let expected = GpuReading {
        id: "ab12".to_owned(),
        index: Some(0),
        vendor: Vendor::Nvidia,
        name: "NVIDIA H200".to_owned(),
        pci: Some("0000:83:00.0".to_owned()),
        used: Some(970),
        used_kind: UseKind::Kernel,
        memory_used: Some(112 * GIB),
        memory_total: Some(141 * GIB),
        power: Some(512_345),
        power_cap: Some(700_000),
        energy: Some(8_123_456_789),
        temperature: Some(61),
        clock: Some(1980),
        throttle: Some(Throttle { power: true, ..Throttle::default() }),
        driver_idle: Some(false),
        ecc: Some(2),
        processes: Some(vec![GpuProcess { pid: 4242, memory: Some(111 * GIB), ..GpuProcess::default() }]),
        ..GpuReading::default()
    };
    assert_eq!(watch.one(ALL), expected);
    assert_eq!(watch.probe.about(), "driver 580.95.05, NVML; not told by this driver: GPM");
}

#[test]
fn load_is_seen_as_it_changes() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY);
    let mut watch = Watch::over(&fake);
    let mut seen = Vec::new();
    for (util, power, reasons) in [(0, 78_000, 1), (100, 627_000, 0), (0, 78_000, 1)] {
        fake.says(&[("gpu0.util", util), ("gpu0.power", power), ("gpu0.reasons", reasons)]);
        let reading = watch.after(2).one(QUICK);
        seen.push((reading.used, reading.power, reading.driver_idle));
    }
    let idle = (Some(0), Some(78_000), Some(true));
    assert_eq!(seen, [idle, (Some(1000), Some(627_000), Some(false)), idle]);
}

#[test]
fn what_is_not_told_is_missing_and_asked_for_again_after_a_minute() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.mem.total", 24 << 30), ("gpu0.power", -4), ("gpu0.energy", -999)]);
    let mut watch = Watch::over(&fake);
    for _ in 0..5 {
        let reading = watch.after(2).one(ALL);
        assert_eq!((reading.used, reading.power, reading.energy, reading.driver_idle, reading.clock), (None, None, None, None, None));
        assert_eq!(reading.health, Health::Well);
    }
    // Not supported and not permitted last; that something failed does not.
    assert_eq!(fake.calls_of("nvmlDeviceGetUtilizationRates"), 1);
    assert_eq!(fake.calls_of("nvmlDeviceGetPowerUsage"), 1);
    assert_eq!(fake.calls_of("nvmlDeviceGetTotalEnergyConsumption"), 5);
    let about = watch.probe.about();
    let lacking = "ECC errors, GPM, clock, power, power cap, temperature, throttle reasons, use";
    assert_eq!(about, format!("driver 580.95.05, NVML; not told by this driver: {lacking}"));
    fake.says(&[("gpu0.util", 5), ("gpu0.power", 60_000)]);
    let reading = watch.after(60).one(QUICK);
    assert_eq!((reading.used, reading.power), (Some(50), Some(60_000)));
}

#[test]
fn figures_that_cannot_be_true_are_missing() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 4_000_000), ("gpu0.temp", 65_535), ("gpu0.mem.total", 0), ("gpu0.mem.used", 7)]);
    let reading = Watch::over(&fake).one(ALL);
    assert_eq!((reading.used, reading.temperature, reading.memory_used, reading.memory_total), (None, None, None, None));
}

#[test]
fn a_card_without_memory_of_its_own_has_the_machine_s() {
    let Some(mut fake) = Fake::new() else { return };
    fake.machine.proc("meminfo", "MemTotal:       125829120 kB\nMemFree:         1000 kB\n");
    fake.set("gpu0.name", "NVIDIA GB10").says(&[
        ("gpu0.util", 40),
        ("gpu0.compute", 2),
        ("gpu0.compute0.mem", 3 << 30),
        ("gpu0.compute1.mem", 4 << 30),
    ]);
    let mut watch = Watch::over(&fake);
    let before = watch.one(QUICK);
    assert_eq!((before.memory_used, before.memory_total, before.is_unified), (None, Some(120 * GIB), true), "nobody has asked who uses it");
    let reading = watch.one(USERS);
    assert_eq!((reading.memory_used, reading.memory_total, reading.used), (Some(7 * GIB), Some(120 * GIB), Some(400)));
    // A card of another name that tells no memory does not borrow the machine's.
    for name in ["NVIDIA H200", "NVIDIA GH200 480GB"] {
        let Some(mut fake) = Fake::new() else { return };
        fake.machine.proc("meminfo", "MemTotal:       125829120 kB\n");
        fake.set("gpu0.name", name);
        let reading = Watch::over(&fake).one(ALL);
        assert_eq!((reading.memory_used, reading.memory_total, reading.is_unified), (None, None, false), "{name}");
    }
}

#[test]
fn a_divided_card_has_parts_and_no_use_of_its_own() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY).says(&[
        ("gpu0.mig", 1),
        ("gpu0.mig.max", 7),
        ("gpu0.gpm", 1),
        ("gpu0.mig0.mem.total", 70 << 30),
        ("gpu0.mig0.mem.used", 30 << 30),
        ("gpu0.mig0.slices", 3),
        ("gpu0.mig0.compute", 1),
        ("gpu0.mig0.compute0.pid", 4242),
        ("gpu0.mig0.compute0.mem", 29 << 30),
        ("gpu0.mig0.compute0.gi", 5),
        ("gpu0.mig3.mem.total", 35 << 30),
        ("gpu0.mig3.slices", 1),
        ("gpu0.mig3.gpu_slices", 2),
        ("gpu0.mig3.megabytes", 35 << 10),
    ]);
    fake.set("gpu0.name", "NVIDIA H200").set("gpu0.uuid", "GPU-AB").set("gpu0.mig0.uuid", "MIG-01").set("gpu0.mig3.uuid", "MIG-04");
    fake.set("gpu0.mig0.name", "NVIDIA H200 MIG 3g.71gb").set("gpu0.mig3.name", "NVIDIA H200");
    fake.says(&[("gpu0.gi5.graphics", 1000), ("gpu0.gi5.sm", 500), ("gpu0.gi5.bandwidth", 0), ("gpu0.gpm.sm", 10)]);
    let mut watch = Watch::over(&fake);
    let first = watch.look(ALL);
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!((first[0].used, first[0].power), (None, Some(512_345)), "it would say 97 %, and is not asked");
    assert_eq!(first[0].processes, Some(Vec::new()), "its processes are told where they run");

    fake.says(&[("gpu0.gi5.graphics", 1060), ("gpu0.gi5.sm", 542), ("gpu0.gi5.bandwidth", 7), ("gpu0.gpm.sm", 31)]);
    let seen = watch.after(2).look(QUICK);
    let (whole, part, other) = (&seen[0], &seen[1], &seen[2]);
    assert_eq!((whole.sm, whole.slice.as_ref()), (Some(210), None));
    let slice = |profile: &str, of| Some(Slice { parent: "ab".to_owned(), profile: profile.to_owned(), of: Some(of) });
    assert_eq!((part.id.as_str(), &part.slice), ("mig-01", &slice("3g.71gb", (3, 7))));
    assert_eq!((part.memory_used, part.memory_total), (Some(30 * GIB), Some(70 * GIB)));
    assert_eq!((part.used, part.sm, part.tensor, part.bandwidth), (Some(600), Some(420), None, Some(70)));
    assert_eq!((part.processes.as_ref().unwrap()[0].pid, part.power), (4242, None));
    assert_eq!((other.id.as_str(), &other.slice), ("mig-04", &slice("1c.2g.35gb", (1, 7))));
    assert_eq!((other.used, other.sm), (None, None), "nobody says which instance it is: not known is not idle");
    assert_eq!(fake.calls_of("nvmlDeviceGetUtilizationRates"), 0);
}

#[test]
fn parts_come_and_go() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.mig", 1), ("gpu0.mig.max", 4), ("gpu0.mig0.mem.total", 12 << 30), ("gpu0.mig1.mem.total", 6 << 30)]);
    fake.set("gpu0.name", "NVIDIA A30").set("gpu0.mig0.uuid", "MIG-0").set("gpu0.mig0.name", "NVIDIA A30 MIG 2g.12gb");
    let mut watch = Watch::over(&fake);
    let of = |seen: &[GpuReading]| seen.iter().map(|r| r.slice.as_ref().and_then(|s| s.of)).collect::<Vec<_>>();
    assert_eq!(of(&watch.look(QUICK)), [None, Some((2, 4))]);
    fake.set("gpu0.mig1.uuid", "MIG-1").set("gpu0.mig1.name", "NVIDIA A30 MIG 1g.6gb");
    assert_eq!(of(&watch.after(2).look(QUICK)), [None, Some((2, 4))], "new parts are looked for seldom");
    assert_eq!(of(&watch.after(2).look(ALL)), [None, Some((2, 4)), Some((1, 4))]);
    fake.forget("gpu0.mig0.uuid").set("gpu0.mig0.mem.total", -2);
    assert_eq!(of(&watch.after(2).look(QUICK)), [None, Some((1, 4))], "one that is gone is gone");
    fake.set("gpu0.mig", 0);
    assert_eq!(of(&watch.after(2).look(ALL)), [None]);
}

#[test]
fn use_by_process_is_joined_by_number_and_read_on_from_where_it_was() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 90), ("gpu0.compute", 2), ("gpu0.compute0.pid", 10), ("gpu0.compute1.pid", 11)]);
    let mut watch = Watch::over(&fake);
    let used = |reading: &GpuReading| reading.processes.as_ref().unwrap().iter().map(|p| (p.pid, p.used)).collect::<Vec<_>>();
    assert_eq!(used(&watch.one(USERS)), [(10, None), (11, None)], "no samples are no error, and no zero");
    let second = 1_000_000;
    fake.says(&[
        ("gpu0.samples", 5),
        // Left over in the driver's memory from long ago.
        ("gpu0.sample0.pid", 10),
        ("gpu0.sample0.at", second),
        ("gpu0.sample0.sm", 1),
        ("gpu0.sample1.pid", 10),
        ("gpu0.sample1.at", 50 * second),
        ("gpu0.sample1.sm", 40),
        ("gpu0.sample2.pid", 10),
        ("gpu0.sample2.at", 51 * second),
        ("gpu0.sample2.sm", 60),
        // A number of the machine's, not of this container's.
        ("gpu0.sample3.pid", 777),
        ("gpu0.sample3.at", 51 * second),
        ("gpu0.sample3.sm", 30),
        ("gpu0.sample4.pid", 11),
        ("gpu0.sample4.at", 51 * second),
        ("gpu0.sample4.sm", 4_000_000),
    ]);
    assert_eq!(used(&watch.after(4).one(USERS)), [(10, Some(500)), (11, None)]);
    assert_eq!(used(&watch.after(4).one(USERS)), [(10, None), (11, None)], "the same samples do not count twice");
    fake.says(&[("gpu0.sample2.at", 53 * second), ("gpu0.sample2.sm", 20)]);
    assert_eq!(used(&watch.after(4).one(USERS)), [(10, Some(200)), (11, None)]);
}

#[test]
fn each_card_has_its_own_clock_of_samples() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("count", 2), ("gpu0.util", 9), ("gpu1.util", 9), ("gpu0.compute", 1), ("gpu1.compute", 1)]);
    for (card, at) in [(0, 90_000_000), (1, 40_000_000)] {
        fake.says(&[
            (&format!("gpu{card}.compute0.pid"), 10 + card),
            (&format!("gpu{card}.samples"), 1),
            (&format!("gpu{card}.sample0.pid"), 10 + card),
            (&format!("gpu{card}.sample0.at"), at),
            (&format!("gpu{card}.sample0.sm"), 50 + card),
        ]);
    }
    let mut watch = Watch::over(&fake);
    let used = |seen: &[GpuReading]| seen.iter().map(|r| r.processes.as_ref().unwrap()[0].used).collect::<Vec<_>>();
    assert_eq!(used(&watch.look(USERS)), [Some(500), Some(510)]);
    fake.says(&[("gpu1.sample0.at", 42_000_000)]);
    assert_eq!(used(&watch.after(4).look(USERS)), [None, Some(510)]);
}

#[test]
fn who_computes_and_draws_is_one_process() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[
        ("gpu0.compute", 3),
        ("gpu0.compute0.pid", 10),
        ("gpu0.compute0.mem", 700),
        // Twice in one list: on two instances.
        ("gpu0.compute1.pid", 12),
        ("gpu0.compute1.mem", 1),
        ("gpu0.compute2.pid", 12),
        ("gpu0.compute2.mem", 2),
        ("gpu0.graphics", 2),
        ("gpu0.graphics0.pid", 10),
        ("gpu0.graphics0.mem", 700),
        ("gpu0.graphics1.pid", 11),
        // Other processes have come while it counted: it is asked again.
        ("gpu0.crowd", 2),
    ]);
    let process = |pid, memory, is_graphics| GpuProcess { pid, memory, is_graphics, ..GpuProcess::default() };
    let expected = vec![process(10, Some(700), false), process(11, None, true), process(12, Some(3), false)];
    assert_eq!(Watch::over(&fake).one(USERS).processes, Some(expected));
}

#[test]
fn what_is_not_asked_for_stays_as_it_was_and_costs_no_call() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY);
    let mut watch = Watch::over(&fake);
    assert_eq!(watch.one(QUICK).processes, None, "nobody has asked yet: that is not nobody");
    let seen = watch.after(2).one(ALL);
    fake.says(&[("gpu0.compute", 0), ("gpu0.limit", 500_000), ("gpu0.ecc", 9)]);
    let lists = fake.calls_of("nvmlDeviceGetComputeRunningProcesses_v3");
    let later = watch.after(2).one(QUICK);
    assert_eq!((&later.processes, later.power_cap, later.ecc), (&seen.processes, Some(700_000), Some(2)));
    assert_eq!(fake.calls_of("nvmlDeviceGetComputeRunningProcesses_v3"), lists);
    let last = watch.after(2).one(ALL);
    assert_eq!((last.processes, last.power_cap, last.ecc), (Some(Vec::new()), Some(500_000), Some(9)));
}

#[test]
fn how_much_of_the_chip_works_is_the_difference_of_two_samples() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 100), ("gpu0.gpm", 1), ("gpu0.gpm.sm", 300), ("gpu0.gpm.tensor", 100), ("gpu0.gpm.bandwidth", 7)]);
    let mut watch = Watch::over(&fake);
    let shares = |reading: &GpuReading| (reading.sm, reading.tensor, reading.bandwidth);
    assert_eq!(shares(&watch.one(QUICK)), (None, None, None));
    fake.says(&[("gpu0.gpm.sm", 301), ("gpu0.gpm.tensor", 190), ("gpu0.gpm.bandwidth", 7)]);
    let reading = watch.after(2).one(QUICK);
    assert_eq!((reading.used, shares(&reading)), (Some(1000), (Some(10), Some(900), Some(0))), "one kernel spins, the chip rests");
    assert_eq!(shares(&watch.one(QUICK)), (Some(10), Some(900), Some(0)), "too soon for another");
    assert_eq!(shares(&watch.after(90).one(QUICK)), (None, None, None), "that time is over");
    fake.says(&[("gpu0.gpm.sm", 1)]);
    assert_eq!(shares(&watch.after(2).one(QUICK)).0, None, "less than nothing is not known");
    let held = |fake: &Fake| fake.calls_of("nvmlGpmSampleAlloc") - fake.calls_of("nvmlGpmSampleFree");
    assert_eq!(held(&fake), 1);
    drop(watch);
    assert_eq!((held(&fake), fake.calls_of("nvmlShutdown")), (0, 1), "what was taken is given back");
}

#[test]
fn a_card_that_is_lost_says_so_and_the_others_go_on() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY).says(&[("count", 3), ("gpu1.util", 33), ("gpu2.lost", 1)]);
    let mut watch = Watch::over(&fake);
    let health = |seen: &[GpuReading]| seen.iter().map(|r| r.health).collect::<Vec<_>>();
    let seen = watch.look(ALL);
    assert_eq!(health(&seen), [Health::Well, Health::Well, Health::Lost]);
    assert_eq!((seen[2].id.as_str(), seen[2].used), ("nvidia-2", None), "it was never reached");
    let id = seen[0].id.clone();
    fake.says(&[("gpu0.lost", 1)]);
    let calls = fake.calls();
    let seen = watch.after(2).look(QUICK);
    assert_eq!(health(&seen), [Health::Lost, Health::Well, Health::Lost]);
    assert_eq!((seen[0].id.as_str(), seen[0].used, seen[0].power, seen[0].memory_used), (id.as_str(), None, None, None));
    assert_eq!(seen[1].used, Some(330));
    assert!(fake.calls() - calls < 20, "a lost card is asked once");
    fake.says(&[("gpu0.lost", 0), ("gpu2.lost", 0), ("gpu2.util", 1)]);
    let seen = watch.after(2).look(ALL);
    assert_eq!(health(&seen), [Health::Well; 3]);
    assert_eq!((seen[0].used, seen[2].used), (Some(970), Some(10)), "it is back");
}

#[test]
fn an_old_driver_tells_what_it_can() {
    let Some(mut fake) = Fake::old_driver() else { return };
    fake.says(BUSY);
    let mut watch = Watch::over(&fake);
    let reading = watch.one(ALL);
    assert_eq!((reading.used, reading.memory_used, reading.memory_total, reading.sm), (Some(970), None, None, None));
    assert_eq!(reading.processes.unwrap()[0].memory, Some(111 * GIB), "by the older list");
    assert_eq!(watch.probe.about(), "driver 580.95.05, NVML; not told by this driver: GPM, memory");
}

#[test]
fn a_card_that_sleeps_is_not_woken() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY).set("gpu0.pci", "00000000:01:00.0");
    fake.machine.card("0000:01:00.0", "auto", "suspended");
    let mut watch = Watch::over(&fake);
    for _ in 0..100 {
        let reading = watch.after(2).one(ALL);
        assert_eq!((reading.id.as_str(), reading.health, reading.name.as_str()), ("0000:01:00.0", Health::Asleep, "NVIDIA GPU (asleep)"));
        assert_eq!((reading.used, reading.power, reading.processes), (None, None, None));
    }
    assert!(watch.probe.about().contains("a card sleeps"));
    assert_eq!(fake.calls(), 0, "not one call");
    // Somebody else has woken it.
    fake.machine.card("0000:01:00.0", "auto", "active");
    let reading = watch.after(2).one(ALL);
    assert_eq!((reading.health, reading.used), (Health::Well, Some(970)));
}

#[test]
fn no_card_is_woken_for_the_sake_of_another() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY);
    fake.machine.card("0000:01:00.0", "auto", "suspended");
    fake.machine.card("0000:81:00.0", "on", "active");
    let mut watch = Watch::over(&fake);
    let seen = watch.look(ALL);
    assert_eq!(seen.iter().map(|r| (r.health, r.used)).collect::<Vec<_>>(), [(Health::Asleep, None), (Health::Well, None)]);
    assert_eq!(fake.calls(), 0);
}

#[test]
fn cards_of_other_drivers_and_other_devices_are_not_waited_for() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY);
    let given_away = fake.machine.card("0000:41:00.0", "auto", "suspended");
    std::os::unix::fs::symlink("../../../bus/pci/drivers/vfio-pci", given_away.join("driver")).unwrap();
    let sound = fake.machine.card("0000:01:00.1", "auto", "suspended");
    fs::write(sound.join("class"), "0x040300\n").unwrap();
    let amd = fake.machine.card("0000:03:00.0", "auto", "suspended");
    fs::write(amd.join("vendor"), "0x1002\n").unwrap();
    assert_eq!(Watch::over(&fake).one(QUICK).used, Some(970));
}

#[test]
fn a_card_that_nobody_uses_is_let_go_so_that_it_can_sleep() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 3), ("gpu0.mem.total", 8 << 30)]).set("gpu0.pci", "00000000:01:00.0");
    fake.set("gpu0.name", "NVIDIA Laptop GPU").set("gpu0.uuid", "GPU-EF");
    // A display server holds a little, and draws nothing.
    fake.says(&[("gpu0.graphics", 1), ("gpu0.graphics0.mem", 4 << 20)]);
    fake.machine.card("0000:01:00.0", "auto", "active");
    let mut watch = Watch::over(&fake);
    for _ in 0..60 {
        assert_eq!(watch.after(2).one(QUICK).used, Some(30), "it is in use");
    }
    fake.says(&[("gpu0.util", 0), ("gpu0.compute", 1)]);
    for _ in 0..60 {
        assert_eq!(watch.after(2).one(USERS).used, Some(0), "somebody holds it");
    }
    fake.says(&[("gpu0.compute", 0)]);
    for _ in 0..=15 {
        assert_eq!(watch.after(2).one(USERS).used, Some(0));
    }
    assert_eq!(fake.calls_of("nvmlShutdown"), 1, "after thirty seconds it is let go");
    let calls = fake.calls();
    let reading = watch.after(2).one(ALL);
    assert_eq!((reading.id.as_str(), reading.name.as_str(), reading.used, reading.health), ("ef", "NVIDIA Laptop GPU", None, Health::Well));
    fake.machine.card("0000:01:00.0", "auto", "suspended");
    for _ in 0..60 {
        let reading = watch.after(2).one(ALL);
        assert_eq!((reading.id.as_str(), reading.name.as_str(), reading.health), ("ef", "NVIDIA Laptop GPU", Health::Asleep));
        assert_eq!((reading.memory_total, reading.memory_used, reading.power), (Some(8 * GIB), None, None));
    }
    assert_eq!(fake.calls(), calls, "while it sleeps nothing is asked");
}

#[test]
fn a_card_that_somebody_else_keeps_awake_is_looked_at_again_and_let_go_ever_later() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 0)]).set("gpu0.pci", "00000000:01:00.0");
    fake.machine.card("0000:01:00.0", "auto", "active");
    let mut watch = Watch::over(&fake);
    let mut looked: Vec<(bool, u32)> = Vec::new();
    for _ in 0..300 {
        let is_looked_at = watch.after(2).one(USERS).used.is_some();
        match looked.last_mut() {
            Some((is, count)) if *is == is_looked_at => *count += 1,
            _ => looked.push((is_looked_at, 1)),
        }
    }
    let seconds: Vec<(bool, u32)> = looked.iter().map(|(is, count)| (*is, count * 2)).collect();
    assert_eq!(seconds[..6], [(true, 32), (false, 28), (true, 62), (false, 28), (true, 122), (false, 28)]);
}

#[test]
fn cards_that_never_sleep_are_never_let_go() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(&[("gpu0.util", 0)]);
    fake.machine.card("0000:81:00.0", "on", "active");
    let mut watch = Watch::over(&fake);
    for _ in 0..300 {
        assert_eq!(watch.after(2).one(QUICK).used, Some(0));
    }
    assert_eq!((fake.calls_of("nvmlInit_v2"), fake.calls_of("nvmlShutdown")), (1, 0));
}

#[test]
fn a_driver_that_goes_away_is_an_error_and_is_not_knocked_at_all_the_time() {
    let Some(mut fake) = Fake::new() else { return };
    fake.says(BUSY);
    let mut watch = Watch::over(&fake);
    assert_eq!(watch.one(ALL).used, Some(970));
    fake.says(&[("count", -9), ("init", 9)]);
    let mut look = |seconds| {
        let now = watch.after(seconds).now;
        watch.probe.poll_at(ALL, now).map(|seen| seen.len())
    };
    for _ in 0..4 {
        assert!(matches!(look(2), Err(ProbeError::Absent(_))));
    }
    assert_eq!(fake.calls_of("nvmlInit_v2"), 1);
    fake.says(&[("count", 1), ("init", 0)]);
    assert_eq!(look(10), Ok(1));
}
