//! Promises about the results, as one program. Those about memory have a program of their own, `memory.rs`: it counts what
//! the whole process allocates.

#![allow(clippy::pedantic, reason = "pictures are made by casts that fit")]

#[path = "../support/images.rs"]
mod images;

mod derive;
mod hostile;
