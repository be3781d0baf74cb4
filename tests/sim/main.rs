//! The broker's logic under seeds and crashes; a failure prints the seed to run again.

mod controller;
mod group;
mod group_clients;
mod storage;
mod storage_compaction;
