//! Ways to see GPUs, and the inference servers on them. One file each.
//!
//! Three kinds. A **probe** looks at this machine's own cards: it asks a driver or reads the system's files, on a thread
//! that may wait. An **exporter** and a **server** are only ways to read: what a monitoring exporter or an inference server
//! has answered is text, and who fetched it, and how long that may take, is decided in one place, the engine.
//!
//! A new way is one file here and one line in [`PROBES`], [`EXPORTERS`] or [`SERVERS`].

use std::path::PathBuf;

use crate::model::gpu::{GpuReading, ServerReading};

pub mod all_smi;
pub mod amd_exporter;
pub mod amdgpu;
pub mod apple;
pub mod cards;
pub mod dcgm;
pub mod drm;
pub mod exposition;
pub mod intel;
pub mod llama_cpp;
pub mod number;
pub mod nvidia_gpu_exporter;
pub mod nvidia_smi;
pub mod nvml;
pub mod ollama;
pub mod prometheus;
mod serving;
pub mod sglang;
pub mod sysfs;
pub mod tgi;
pub mod triton;
pub mod vllm;

pub use exposition::Exposition;

/// The ways to see this machine's own cards, in the order in which they are tried.
pub const PROBES: &[Known] = &[nvml::KNOWN, nvidia_smi::KNOWN, amdgpu::KNOWN, intel::KNOWN, drm::KNOWN, apple::KNOWN];

/// The exporters that are known by what they say.
pub const EXPORTERS: &[&dyn Exporter] =
    &[&dcgm::Dcgm, &nvidia_gpu_exporter::NvidiaGpuExporter, &all_smi::AllSmi, &amd_exporter::AmdExporter];

/// The inference servers that are known by what they say.
pub const SERVERS: &[&dyn Server] = &[&vllm::Vllm, &sglang::Sglang, &tgi::Tgi, &llama_cpp::LlamaCpp, &triton::Triton, &ollama::Ollama];

/// Where a machine's own files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `/sys`
    pub sys: PathBuf,
    /// `/proc`
    pub proc: PathBuf,
    /// NVIDIA's library, where it is not where the system looks for it.
    pub nvml: Option<PathBuf>,
    /// The program `nvidia-smi`, where there is one.
    pub nvidia_smi: Option<PathBuf>,
}

/// How much a probe is to look at. What it is not to look at it says as it was when it looked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Who uses the cards, too: that costs most.
    pub processes: bool,
    /// What hardly ever changes, too: limits, errors, instances.
    pub slow: bool,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// There is nothing to look at: no such card, or no such driver.
    #[error("{0}")]
    Absent(String),
    /// There is something, and it cannot be looked at.
    #[error("{0}")]
    Broken(String),
}

/// A way to see this machine's own cards.
pub trait Probe: Send {
    /// Looks. May take as long as a driver takes.
    fn poll(&mut self, ask: Ask) -> Result<Vec<GpuReading>, ProbeError>;

    /// What it is, for `doctor`: the driver and its version.
    fn about(&self) -> String;
}

/// A probe, by its name.
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it looks at, for a list of them.
    pub about: &'static str,
    /// The probe that makes it superfluous.
    pub instead_of: Option<&'static str>,
    /// Opens it.
    pub open: fn(&Places) -> Result<Box<dyn Probe>, ProbeError>,
}

/// A monitoring exporter's way to speak of cards.
pub trait Exporter: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Whether this is its.
    fn is_it(&self, said: &Exposition) -> bool;

    /// The cards that it speaks of; a label of it says the host, where there is one.
    fn read(&self, said: &Exposition) -> Vec<GpuReading>;
}

/// An inference server's way to speak of what it does.
pub trait Server: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Whether this is its.
    fn is_it(&self, said: &Exposition) -> bool;

    /// Where it is found that has no `/metrics`: a path of its own.
    fn knock(&self) -> Option<&'static str> {
        None
    }

    /// Whether the answer to [`Server::knock`] is its.
    fn answers(&self, _body: &[u8]) -> bool {
        false
    }

    /// Where else it says more, as JSON: paths of the same address.
    fn more(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it does, for each model; `more` are the answers to [`Server::more`], as far as there were any.
    fn read(&self, said: &Exposition, more: &[(&str, &[u8])]) -> Vec<ServerReading>;
}
