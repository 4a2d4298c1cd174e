//! Processes that compute by way of `ROCm`. They put their work into queues that the graphics side of the driver does not
//! see, so the memory that they hold is told elsewhere: `/sys/class/kfd/kfd/proc/<pid>/vram_<gpu_id>`, in bytes. Which card
//! an id means is in `topology/nodes/<n>/properties` there: `location_id` is bus, device and function as PCI packs them
//! (the kernel's drivers/gpu/drm/amd/amdkfd, `kfd_process.c` and `kfd_topology.c`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gpus::sysfs;

/// The side of amdgpu that `ROCm` uses.
pub(super) struct Kfd {
    root: PathBuf,
    /// The ids of its cards, and where on the PCI bus they are: domain, bus and device.
    cards: BTreeMap<u64, String>,
}

impl Kfd {
    /// That of this `/sys`.
    #[must_use]
    pub(super) fn new(sys: &Path) -> Self {
        let mut kfd = Self { root: sys.join("class/kfd/kfd"), cards: BTreeMap::new() };
        kfd.find();
        kfd
    }

    /// Finds the cards anew.
    pub(super) fn find(&mut self) {
        let nodes = sysfs::numbered(&self.root.join("topology/nodes"), "");
        self.cards = nodes.into_iter().filter_map(|(_, dir)| node(&dir)).collect();
    }

    /// The processes that compute, and how many bytes of this card each of them holds: none of it, perhaps.
    #[must_use]
    pub(super) fn processes(&self, pci: Option<&str>) -> BTreeMap<u32, u64> {
        // The function is that of a partition, where a card is divided into some.
        let place = pci.and_then(|pci| pci.split_once('.')).map(|(place, _)| place);
        let ids: Vec<u64> = self.cards.iter().filter(|(_, card)| Some(card.as_str()) == place).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return BTreeMap::new();
        }
        let bytes = |dir: &Path| ids.iter().filter_map(|id| sysfs::number(&dir.join(format!("vram_{id}")))).reduce(u64::saturating_add);
        let processes = sysfs::numbered(&self.root.join("proc"), "");
        processes.into_iter().filter_map(|(pid, dir)| Some((pid, bytes(&dir)?))).collect()
    }
}

/// The id of a node's card and its place; a node without an id is a processor.
fn node(dir: &Path) -> Option<(u64, String)> {
    let id = sysfs::number(&dir.join("gpu_id")).filter(|id| *id != 0)?;
    let text = sysfs::text(&dir.join("properties"))?;
    let property = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.find_map(|(key, value)| (key == name).then(|| value.trim().parse::<u64>().ok())).flatten()
    };
    let (domain, place) = (property("domain").unwrap_or(0), property("location_id")?);
    Some((id, format!("{domain:04x}:{:02x}:{:02x}", (place >> 8) & 0xff, (place >> 3) & 0x1f)))
}
