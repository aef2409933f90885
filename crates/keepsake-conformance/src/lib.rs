//! The exam that every host of the service must pass.
//!
//! Owns the questions: each part is a public async function over a [`Host`], and a wrong answer is a panic that
//! names the method, the caller and the state of the thing asked for. Owns one host, [`in_process::InProcess`];
//! others live with their tests. The parts make capsules of their own, so they can share a host, one after the
//! other.
//!
//! What is asked comes from the interface's text; where it leaves a choice, from the documentation of the core.

// An exam has one way to say "wrong": it panics. Every function here may.
#![allow(clippy::missing_panics_doc)]

pub mod access;
pub mod bad_arguments;
pub mod barrier;
pub mod blobs;
pub mod burden;
pub mod capsules;
pub mod contents;
pub mod exam;
pub mod fuzz;
pub mod host;
pub mod http;
pub mod in_process;
pub mod memories;
pub mod model;
pub mod objects;
pub mod people;
pub mod publish;
pub mod samples;
pub mod site;
pub mod snapshot;
pub mod uploads;
pub mod verdict;
pub mod world;

pub use host::{Host, Who};
pub use keepsake_client::api;
pub use world::World;
