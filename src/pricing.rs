//! What a model call costs: a table of prices, the name under which a model is listed there, and the arithmetic.
//!
//! The table comes from `LiteLLM`'s public price list (MIT, <https://github.com/BerriAI/litellm>), turned into a
//! compact text that starts with the program ([`book`]). Prices are exact integers from the digits in that list to
//! the one rounding of a call ([`rate`]). A model that is not listed has no price: never a guess, never zero.

pub mod book;
pub mod class;
pub mod gpu;
mod line;
pub mod litellm;
pub mod lookup;
pub mod pricer;
pub mod rate;

pub use book::{Book, BookError, Override};
pub use class::{Class, Target};
pub use pricer::Pricer;
pub use rate::{Card, Effective, Rates, Variant};
