//! The crate against real servers. Where they are not here, each test says so and passes.

mod anybody;
mod canary;
mod lines;
mod multipart;
mod objects;
mod presigned;
mod refusing;
mod replies;
mod rules;
mod world;
