//! GPUs: every way to see them, what follows from what was seen, and what is shown of it.

mod alerts;
mod book;
mod caps;
mod cli;
mod exporters;
mod expositions;
mod fake;
mod hosts;
mod keeper;
mod meter;
mod metrics;
mod nvidia_smi;
mod nvml;
mod owners;
mod picture;
mod pty;
mod screens;
mod servers;
mod sysfs;
mod watching;
