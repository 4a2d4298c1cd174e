//! Small things that several panels draw.

pub mod bars;
pub mod gauge;
pub mod line;
pub mod table;
