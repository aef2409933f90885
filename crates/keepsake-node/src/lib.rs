//! Native host: the service behind the IC HTTPS interface, with its own files, sync and clock

pub mod admission;
pub mod data_dir;
pub mod engine;
pub mod fsck;
mod http;

pub mod ic;
pub(crate) mod lane;
pub mod offline;
pub mod serve;
pub mod storage;
pub mod tls;
pub mod web_app;
