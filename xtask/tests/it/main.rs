//! What no single crate can hold: the direction of dependencies, their licences, and the form of source files.

mod dependencies;
mod sources;
