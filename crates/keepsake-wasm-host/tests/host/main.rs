//! The host, with small modules written by hand: what each system call does, and what a failed message leaves.

mod calls;
mod cost;
mod cycles;
mod loading;
mod messages;
mod state;
mod toolbox;
