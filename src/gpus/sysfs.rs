//! The system's own files on cards: small readers, all of them below a root that a test can choose.
//!
//! **A sleeping card stays asleep.** To read nearly any file of a card that is suspended resumes it first, and to read one
//! often enough keeps it from ever being suspended (kernel documentation, `power/runtime_pm.rst`). What never wakes it are the
//! files of the PCI core and of power management itself: `uevent`, `power/control` and `power/runtime_status`. So
//! [`Rest::glance`] comes before everything else.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::number;
use crate::model::gpu::{Permille, Vendor, plain_pci};

/// Bytes of a file that are read: a file of the system that is longer is not one of those meant here.
pub const LARGEST: u64 = 64 * 1024;
/// Entries of a directory that are looked at.
const MOST_ENTRIES: usize = 4096;
/// How long a card has to be quiet before it is left alone.
const QUIET: Duration = Duration::from_secs(30);
/// For how long it is left alone then: longer than drivers wait before they suspend, which is 10 s for i915, 5 s for amdgpu.
const PAUSE: Duration = Duration::from_secs(15);
/// A card that is used less is quiet: to look at it is some use, too.
const STIRS: Permille = 10;

/// A file's text without the blanks around it.
#[must_use]
pub fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// A file's text where there is any.
#[must_use]
pub fn word(path: &Path) -> Option<String> {
    text(path).filter(|text| !text.is_empty())
}

/// A file that is one number, as nearly all of sysfs are.
#[must_use]
pub fn number(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}

/// A file that is a percentage.
#[must_use]
pub fn percent(path: &Path) -> Option<Permille> {
    number::percent(text(path)?.parse().ok()?)
}

/// A power of hwmon, in milliwatts: the file says microwatts (kernel documentation, hwmon/sysfs-interface.rst).
#[must_use]
pub fn power(path: &Path) -> Option<u64> {
    number(path).map(|micro| micro / 1000)
}

/// A temperature of hwmon, in degrees Celsius: the file says thousandths.
#[must_use]
pub fn celsius(path: &Path) -> Option<i32> {
    let milli: i32 = text(path)?.parse().ok()?;
    number::celsius(f64::from(milli) / 1000.0)
}

/// What is called `<prefix><number>` in a directory, by number: `card0` and `card10`, but not `card0-DP-1`.
#[must_use]
pub fn numbered(dir: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_ENTRIES);
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let digits = name.to_str()?.strip_prefix(prefix)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().map(|number| (number, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// The directory of a device's sensors, by what they call themselves.
#[must_use]
pub fn hwmon(device: &Path, is: fn(&str) -> bool) -> Option<PathBuf> {
    let all = numbered(&device.join("hwmon"), "hwmon");
    all.into_iter().map(|(_, dir)| dir).find(|dir| text(&dir.join("name")).is_some_and(|name| is(&name)))
}

/// Bytes of memory that the machine has, of `meminfo`.
#[must_use]
pub fn machine_memory(proc: &Path) -> Option<u64> {
    let text = text(&proc.join("meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A card that the kernel's graphics drivers know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The number that it has among them.
    pub number: u32,
    /// Its own directory: `/sys/class/drm/card0`.
    pub dir: PathBuf,
    /// Its driver.
    pub driver: String,
    /// Vendor and device, where it is on a PCI bus.
    pub ids: Option<(u16, u16)>,
    /// Its address there: `0000:03:00.0`.
    pub pci: Option<String>,
    /// The files in `/dev/dri` that are its: `card0`, `renderD128`.
    pub nodes: Vec<String>,
}

impl Card {
    /// The directory of the device that it is on.
    #[must_use]
    pub fn device(&self) -> PathBuf {
        self.dir.join("device")
    }

    /// What tells it apart on this machine.
    #[must_use]
    pub fn key(&self) -> String {
        self.pci.clone().unwrap_or_else(|| format!("card{}", self.number))
    }

    /// Who made it, by the PCI id.
    #[must_use]
    pub fn vendor(&self) -> Vendor {
        match self.ids.map(|(vendor, _)| vendor) {
            Some(0x10de) => Vendor::Nvidia,
            Some(0x1002) => Vendor::Amd,
            Some(0x8086) => Vendor::Intel,
            Some(0x106b) => Vendor::Apple,
            _ => Vendor::Other,
        }
    }

    /// Whether programs can compute or draw with it: a card that only shows pictures has no render node.
    #[must_use]
    pub fn renders(&self) -> bool {
        self.nodes.iter().any(|node| node.starts_with("renderD"))
    }
}

/// The cards of this machine, by number. Reads nothing that could wake one.
#[must_use]
pub fn cards(sys: &Path) -> Vec<Card> {
    numbered(&sys.join("class/drm"), "card").into_iter().filter_map(|(number, dir)| card(number, dir)).collect()
}

fn card(number: u32, dir: PathBuf) -> Option<Card> {
    let uevent = text(&dir.join("device/uevent"))?;
    let value = |key: &str| uevent.lines().find_map(|line| line.split_once('=').filter(|(name, _)| *name == key)).map(|(_, value)| value);
    let nodes = ["card", "renderD"]
        .iter()
        .flat_map(|prefix| numbered(&dir.join("device/drm"), prefix).into_iter().map(move |(number, _)| format!("{prefix}{number}")));
    Some(Card {
        number,
        driver: value("DRIVER")?.to_owned(),
        ids: value("PCI_ID").and_then(|ids| {
            let (vendor, device) = ids.split_once(':')?;
            Some((u16::from_str_radix(vendor, 16).ok()?, u16::from_str_radix(device, 16).ok()?))
        }),
        pci: value("PCI_SLOT_NAME").map(plain_pci),
        nodes: nodes.collect(),
        dir,
    })
}

/// What may be done with a card now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It sleeps: nothing.
    Asleep,
    /// Nobody seems to use it, and it could go to sleep if it were left alone: nothing for the moment.
    Rests,
    /// It can be looked at.
    Awake,
}

/// Sees to it that looking at a card neither wakes it nor keeps it awake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rest {
    quiet: Option<Instant>,
    looked: Option<Instant>,
}

impl Rest {
    /// What may be done with the card of this device.
    pub fn glance(&mut self, device: &Path, now: Instant) -> Glance {
        let power = device.join("power");
        if text(&power.join("runtime_status")).is_some_and(|status| matches!(status.as_str(), "suspended" | "suspending")) {
            *self = Self::default();
            return Glance::Asleep;
        }
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        let is_due = since(self.quiet).is_none_or(|quiet| quiet < QUIET) || since(self.looked).is_none_or(|looked| looked >= PAUSE);
        // "on" forbids the kernel to suspend it, as on every card of a data centre.
        let may_sleep = || text(&power.join("control")).is_some_and(|control| control == "auto");
        if is_due || !may_sleep() { Glance::Awake } else { Glance::Rests }
    }

    /// It was looked at, and used so much.
    pub fn looked(&mut self, used: Option<Permille>, now: Instant) {
        self.looked = Some(now);
        self.quiet = (used.unwrap_or(0) < STIRS).then(|| self.quiet.unwrap_or(now));
    }
}
