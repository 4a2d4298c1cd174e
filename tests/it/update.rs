//! What keys, clicks and news do to the state of the screen.

mod columns;
mod keys;
mod mouse;
mod pause;
mod rows;
