//! What keys, clicks and news do to the state of the screen.

mod columns;
mod full;
mod keys;
mod mouse;
mod pause;
mod rows;
