//! The broker as a process: settings in layers, command line, log, health, start and stop.

pub mod admin;
pub mod cli;
mod connection_rate;
mod declared;
pub mod format;
mod listener;
pub mod logging;
pub mod service;
pub mod settings;
pub mod tools;
