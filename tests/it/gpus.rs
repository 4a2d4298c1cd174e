//! GPUs: every way to see them, what follows from what was seen, and what is shown of it.

mod caps;
mod cli;
mod exporters;
mod expositions;
mod fake;
mod nvidia_smi;
mod nvml;
mod picture;
mod pty;
mod screens;
mod servers;
mod sysfs;
