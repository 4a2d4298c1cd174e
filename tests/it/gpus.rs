//! GPUs: every way to see them, what follows from what was seen, and what is shown of it.

mod exporters;
mod expositions;
mod fake;
mod nvidia_smi;
mod nvml;
mod servers;
mod sysfs;
