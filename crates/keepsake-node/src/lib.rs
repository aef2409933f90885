//! Native host: the service behind the IC HTTPS interface, with its own files, sync and clock

pub mod data_dir;
pub mod engine;
mod http;
pub mod ic;
pub mod serve;
pub mod storage;
