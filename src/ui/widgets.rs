//! Small things that several panels draw.

pub mod bars;
pub mod line;
