//! What happens to log files while they are read: nothing is lost, nothing is counted twice.
//!
//! Faults are numbered as in the reliability table: splits (R2), half lines (R3), truncation (R4), rotation and
//! replacement (R5), reused inodes (R6), sizes (R7), hostile lines (R8), and things that are no logs (R12).

mod change;
mod document;
mod hostile;
mod model;
mod program;
mod split;
