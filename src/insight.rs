//! What numbers mean: how long loops run, where money goes, what the month will cost. Pure: numbers in, numbers out.

pub mod forecast;
pub mod gpu;
pub mod loops;
pub mod reconcile;
pub mod spread;
pub mod unusual;
pub mod waste;
