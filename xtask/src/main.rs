//! Developer commands. Owns how the project is built, run and tested.
fn main() {}
