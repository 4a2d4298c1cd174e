//! GPUs: what one look at a card, at a process on it, or at an inference server has said.
//!
//! **Absent is not zero.** Every figure is an `Option`: a driver that does not tell how busy a card is has not said that it
//! is idle. Figures are whole numbers in small units, so that two looks can be compared and no `NaN` gets further than the
//! file that read it.

use super::time::Millis;

/// Thousandths: 1000 is all of it.
pub type Permille = u16;

/// Who made a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Apple.
    Apple,
    /// Anybody else.
    #[default]
    Other,
}

impl Vendor {
    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Vendor::Nvidia => "nvidia",
            Vendor::Amd => "amd",
            Vendor::Intel => "intel",
            Vendor::Apple => "apple",
            Vendor::Other => "other",
        }
    }
}

/// What a figure of use means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UseKind {
    /// The share of time in which anything at all ran on the card.
    #[default]
    Kernel,
    /// The share of time in which the busiest of its engines was at work.
    Engine,
    /// The share of time in which it was awake: it was busy for that long at most.
    Awake,
}

impl UseKind {
    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            UseKind::Kernel => "kernel",
            UseKind::Engine => "engine",
            UseKind::Awake => "awake",
        }
    }
}

/// How a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It answers.
    #[default]
    Well,
    /// It sleeps, and is not woken to be looked at.
    Asleep,
    /// It has fallen off the bus, or has to be reset.
    Lost,
}

/// Why a card runs slower than it could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttle {
    /// It is too hot.
    pub heat: bool,
    /// It is at its power limit.
    pub power: bool,
    /// The hardware itself has braked: heat, a power brake, a bad supply.
    pub hardware: bool,
}

impl Throttle {
    /// In words; empty where nothing holds it back.
    #[must_use]
    pub fn words(self) -> String {
        let words = [(self.heat, "heat"), (self.power, "power cap"), (self.hardware, "hardware brake")];
        words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
    }
}

/// The part of a card that an instance of it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slice {
    /// The id of the whole card.
    pub parent: String,
    /// Its name: `3g.71gb`.
    pub profile: String,
    /// The compute slices that it has, and those of a whole card.
    pub of: Option<(u16, u16)>,
}

/// A process that uses a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpuProcess {
    /// Its number, as the source says it: inside a container that may be one of the machine's.
    pub pid: u32,
    /// The memory of the card that it holds, in bytes.
    pub memory: Option<u64>,
    /// How much of the card's time it takes.
    pub used: Option<Permille>,
    /// Whether it only draws.
    pub is_graphics: bool,
    /// What the source calls it.
    pub name: Option<String>,
}

/// One look at one card, or at one instance of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpuReading {
    /// What tells it apart: the UUID without `GPU-`, else the PCI address, else its number; what there can be on several machines
    /// has its host before it.
    pub id: String,
    /// The machine; this one where there is none.
    pub host: Option<String>,
    /// Its number there.
    pub index: Option<u32>,
    /// Who made it.
    pub vendor: Vendor,
    /// Its name.
    pub name: String,
    /// Its PCI address, as sysfs writes it: `0000:83:00.0`.
    pub pci: Option<String>,
    /// What it is a part of.
    pub slice: Option<Slice>,
    /// How it is.
    pub health: Health,
    /// How much it is used.
    pub used: Option<Permille>,
    /// What that means.
    pub used_kind: UseKind,
    /// How many of its multiprocessors are at work, on average.
    pub sm: Option<Permille>,
    /// How much its tensor units are used.
    pub tensor: Option<Permille>,
    /// How much of its memory's bandwidth is used.
    pub bandwidth: Option<Permille>,
    /// Bytes of memory in use.
    pub memory_used: Option<u64>,
    /// Bytes of memory that it has.
    pub memory_total: Option<u64>,
    /// Whether that is the machine's own memory.
    pub is_unified: bool,
    /// Milliwatts that it draws.
    pub power: Option<u64>,
    /// Milliwatts that it may draw.
    pub power_cap: Option<u64>,
    /// Millijoules since some beginning: begins anew when the driver does.
    pub energy: Option<u64>,
    /// Degrees Celsius.
    pub temperature: Option<i32>,
    /// Megahertz of its multiprocessors.
    pub clock: Option<u32>,
    /// What holds it back.
    pub throttle: Option<Throttle>,
    /// What the driver itself says of its being idle.
    pub driver_idle: Option<bool>,
    /// Errors of memory that could not be corrected, since the driver began.
    pub ecc: Option<u64>,
    /// The code of the last error that the driver has reported.
    pub xid: Option<u64>,
    /// Who uses it; nothing where that is not known.
    pub processes: Option<Vec<GpuProcess>>,
    /// Processes of others that may not be looked at.
    pub hidden: u32,
    /// What the machine's own labels say of who has it: a pod, a job.
    pub labels: Vec<(String, String)>,
    /// When the figures are from, where the source is not the card itself.
    pub at: Option<Millis>,
    /// Who has said it to the source, where that is an exporter.
    pub via: Option<Via>,
}

/// Who speaks of a card: two of them count energy from different moments on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Via {
    /// The exporter.
    pub exporter: &'static str,
    /// Where a Prometheus server has it from, `host:port`; nothing where it was asked itself.
    pub target: Option<String>,
}

/// How long something took, each time: a histogram's sum and count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Microseconds altogether.
    pub micros: u64,
    /// How many times.
    pub count: u64,
}

/// One look at an inference server, for one model of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerReading {
    /// What it is: `vllm`.
    pub kind: &'static str,
    /// The model that it serves.
    pub model: Option<String>,
    /// The machine, as the server's own labels say.
    pub host: Option<String>,
    /// Tokens of prompts since it began, those from the cache among them.
    pub prompt: Option<u64>,
    /// Those from the cache.
    pub cached: Option<u64>,
    /// Tokens that it has made since it began.
    pub generated: Option<u64>,
    /// A count that moves while a request is answered; nothing where all counts move at its end only.
    pub progress: Option<u64>,
    /// Requests that are being answered.
    pub running: Option<u64>,
    /// Requests that wait.
    pub waiting: Option<u64>,
    /// How full the cache of keys and values is.
    pub kv: Option<Permille>,
    /// From a request to its first token.
    pub first_token: Option<Timing>,
    /// From a token to the next one.
    pub next_token: Option<Timing>,
    /// Milliseconds spent on prompts, and on making tokens.
    pub seconds: Option<(u64, u64)>,
    /// Whether it sleeps: its model is not on the card.
    pub is_asleep: bool,
    /// Bytes of a card that its model takes.
    pub memory: Option<u64>,
    /// When it lets go of the model.
    pub unloads_at: Option<Millis>,
}

/// A UUID in the one shape that all sources agree on: without `GPU-`, in small letters.
#[must_use]
pub fn plain_uuid(text: &str) -> String {
    let text = text.trim();
    let bare = text.strip_prefix("GPU-").or_else(|| text.strip_prefix("gpu-")).unwrap_or(text);
    bare.to_ascii_lowercase()
}

/// A PCI address in the one shape that all sources agree on: `0000:83:00.0`, whatever the width of the domain was.
#[must_use]
pub fn plain_pci(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    match text.split_once(':') {
        Some((domain, rest)) if rest.contains(':') => {
            let digits = domain.trim_start_matches('0');
            format!("{digits:0>4}:{rest}")
        }
        _ => format!("0000:{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_different_sources_are_the_same() {
        assert_eq!(plain_uuid("GPU-AA-11"), "aa-11");
        assert_eq!(plain_uuid(" aa-11 "), "aa-11");
        assert_eq!(plain_uuid("MIG-AA"), "mig-aa");
        for text in ["00000000:83:00.0", "0000:83:00.0", "83:00.0"] {
            assert_eq!(plain_pci(text), "0000:83:00.0");
        }
        assert_eq!(plain_pci("00010000:83:00.0"), "10000:83:00.0");
    }
}
