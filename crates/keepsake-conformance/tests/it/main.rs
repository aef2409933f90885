//! The exam, the runs held to the model, and the bodies of the fuzz targets, on every host, as one program.

mod by_put;
mod fuzz_bodies;
mod in_process;
mod model;
mod node;
mod node_model;
mod sign_in;
mod wasm;
