//! Asking gateways: the one place where a key meets the network.
//!
//! **Why so.** A gateway's file says what to ask and reads what comes; how it travels is decided here for all of them. A key
//! goes to the address that it was given for and nowhere else: no redirect is followed. Everything that is told is written
//! down an answer at a time, so that a round that breaks off has lost nothing, and the next one doubles nothing.

mod client;
mod compare;
mod order;
mod poll;
mod round;
mod secret;

pub use client::{Client, Limits, Reply, Trouble, recognize};
pub use compare::{Drift, EDGE, compare, drift_of, ledgers, local_calls, remote_calls, settle};
pub use order::{Order, Outcome};
pub use poll::{LOOK_BACK, Poller};
pub use round::{Ask, Report, round};
pub use secret::{KeyError, Secret, forget, keep, look_up};
