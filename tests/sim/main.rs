//! The broker's logic under seeds and crashes; a failure prints the seed to run again.

#[path = "../consistency/mod.rs"]
mod consistency;
mod consistency_planted;
mod consistency_storage;
mod controller;
mod group;
mod group_clients;
mod storage;
mod storage_compaction;
mod storage_points;
