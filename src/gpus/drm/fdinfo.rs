//! What a graphics driver says of one open file of a process: `/proc/<pid>/fdinfo/<fd>`, as the kernel documentation
//! specifies it (gpu/drm-usage-stats.rst).

use std::collections::BTreeMap;

use crate::model::gpu::plain_pci;

/// Engines and regions of memory that a driver may have: a text with more is not a driver's.
const MOST_NAMES: usize = 64;

/// One open file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fdinfo {
    /// The PCI address of the card, where it has one.
    pub pdev: Option<String>,
    /// The number that tells copies of the same open file from others of the card.
    pub client: u64,
    /// The work done for it so far, by the engine that did it.
    pub engines: BTreeMap<String, Engine>,
    /// Bytes of the card's own memory.
    pub vram: Option<u64>,
    /// Bytes of the machine's memory.
    pub system: Option<u64>,
}

/// The work of an engine for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Engine {
    /// Nanoseconds.
    pub busy: Option<u64>,
    /// The same in cycles.
    pub cycles: Option<u64>,
    /// All cycles that there have been.
    pub total: Option<u64>,
    /// How many engines of the kind the card has.
    pub capacity: Option<u64>,
}

impl Engine {
    /// Whether it has done anything at all.
    #[must_use]
    pub fn worked(&self) -> bool {
        self.busy.unwrap_or(0) > 0 || self.cycles.unwrap_or(0) > 0
    }
}

/// A region of memory. Drivers say one, two or all of these, and the first of them is the best one.
#[derive(Default)]
struct Region {
    resident: Option<u64>,
    total: Option<u64>,
    /// The key of old drivers.
    memory: Option<u64>,
}

/// Reads the text; nothing where it is not a graphics driver's, or where its client cannot be told from another.
#[must_use]
pub fn parse(text: &str) -> Option<Fdinfo> {
    let mut info = Fdinfo::default();
    let mut regions = BTreeMap::new();
    let (mut is_drm, mut client) = (false, None);
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let (Some(key), value) = (key.trim().strip_prefix("drm-"), value.trim()) else { continue };
        match key {
            "driver" => is_drm = true,
            "pdev" => info.pdev = Some(plain_pci(value)),
            "client-id" => client = value.parse().ok(),
            _ => {
                let _ = engine(&mut info.engines, key, value).or_else(|| region(&mut regions, key, value));
            }
        }
    }
    info.client = client.filter(|_| is_drm)?;
    info.vram = sum(&regions, &["vram", "local"]);
    info.system = sum(&regions, &["system", "gtt", "memory"]);
    Some(info)
}

fn engine(engines: &mut BTreeMap<String, Engine>, key: &str, value: &str) -> Option<()> {
    // The longer key first: `engine-capacity-render` is no engine called `capacity-render`.
    if let Some(name) = key.strip_prefix("engine-capacity-") {
        named(engines, name)?.capacity = value.parse().ok();
    } else if let Some(name) = key.strip_prefix("engine-") {
        named(engines, name)?.busy = value.strip_suffix("ns").unwrap_or(value).trim().parse().ok();
    } else if let Some(name) = key.strip_prefix("total-cycles-") {
        named(engines, name)?.total = value.parse().ok();
    } else {
        named(engines, key.strip_prefix("cycles-")?)?.cycles = value.parse().ok();
    }
    Some(())
}

fn region(regions: &mut BTreeMap<String, Region>, key: &str, value: &str) -> Option<()> {
    let (kind, name) = key.split_once('-')?;
    match kind {
        "resident" => named(regions, name)?.resident = bytes(value),
        "total" => named(regions, name)?.total = bytes(value),
        "memory" => named(regions, name)?.memory = bytes(value),
        _ => {}
    }
    Some(())
}

/// The entry of this name, which is made where there is room for it.
#[must_use]
pub(super) fn named<'a, T: Default>(all: &'a mut BTreeMap<String, T>, name: &str) -> Option<&'a mut T> {
    let has_room = all.len() < MOST_NAMES || all.contains_key(name);
    has_room.then(|| all.entry(name.to_owned()).or_default())
}

/// A number of bytes, in the two units that there are.
fn bytes(value: &str) -> Option<u64> {
    let mut words = value.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let unit = match words.next() {
        None => 1,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some(_) => return None,
    };
    number.checked_mul(unit)
}

fn sum(regions: &BTreeMap<String, Region>, prefixes: &[&str]) -> Option<u64> {
    let those = regions.iter().filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    those.filter_map(|(_, region)| region.resident.or(region.total).or(region.memory)).reduce(u64::saturating_add)
}
