//! What keys, clicks and news do to the state of the screen.

mod caps;
mod columns;
mod freeze;
mod full;
mod keys;
mod loops;
mod mouse;
mod rows;
