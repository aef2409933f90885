//! The IC HTTPS interface and the HTTP surface of a running node, over a real socket; and the engine below them, with
//! the real service and real files.

mod agents;
mod assets;
mod certificates;
mod engine_store;
mod envelopes;
mod fsck;
mod handshakes;
mod hostile;
mod link_page;
mod node;
mod origins;
mod put_road;
mod s3;
mod slow;
mod surface;
mod uploads;
mod web_app;
