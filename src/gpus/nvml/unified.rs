//! Cards that have no memory of their own: `GB10`, and the `Jetson`s.
//!
//! NVIDIA's library does not tell their memory, for it is the machine's. What their processes hold is told, and how much the
//! machine has stands in `/proc/meminfo`. They are known by their names, and not by the missing figure alone: a card that has
//! fallen off the bus tells no memory either.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::model::gpu::GpuProcess;

/// Words of the names of such chips. `GH200` and `GB200` are not among them: those have memory of their own.
const CHIPS: [&str; 6] = ["GB10", "Orin", "Thor", "Xavier", "Tegra", "Jetson"];

/// Whether a card of this name is one of them.
pub(crate) fn is_integrated(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| CHIPS.iter().any(|chip| chip.eq_ignore_ascii_case(word)))
}

/// What the processes hold, in bytes: nothing where that of none of them is known.
pub(crate) fn held(processes: &[GpuProcess]) -> Option<u64> {
    let known = processes.iter().filter_map(|process| process.memory);
    let some = processes.is_empty() || known.clone().next().is_some();
    some.then(|| known.fold(0, u64::saturating_add))
}

/// The machine's memory, in bytes: `MemTotal` of `meminfo`, whose unit is KiB.
pub(crate) fn machine_total(proc: &Path) -> Option<u64> {
    let mut text = String::new();
    File::open(proc.join("meminfo")).ok()?.take(4096).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrated_chips_are_known_by_a_word_of_their_names() {
        for name in ["NVIDIA GB10", "Orin (nvgpu)", "NVIDIA Thor", "NVIDIA Jetson AGX Orin", "Tegra X1"] {
            assert!(is_integrated(name), "{name}");
        }
        for name in ["NVIDIA GB100", "NVIDIA GH200 480GB", "NVIDIA GB200", "NVIDIA GeForce RTX 4090", ""] {
            assert!(!is_integrated(name), "{name}");
        }
    }

    #[test]
    fn what_no_process_tells_is_not_known() {
        let of = |memory: &[Option<u64>]| memory.iter().map(|m| GpuProcess { memory: *m, ..GpuProcess::default() }).collect::<Vec<_>>();
        assert_eq!(held(&of(&[])), Some(0));
        assert_eq!(held(&of(&[None])), None);
        assert_eq!(held(&of(&[Some(3), None, Some(4)])), Some(7));
    }
}
