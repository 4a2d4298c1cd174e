//! x
pub mod config;
pub mod demo;
pub mod engine;
pub mod model;
pub mod pricing;
pub mod query;
pub mod sources;
pub mod store;
pub mod tail;
pub mod ui;
