//! The `keepsake` program as its users run it, against a node that is the same program.

#[path = "program/again.rs"]
mod again;
#[path = "program/crowd.rs"]
mod crowd;
#[path = "program/download.rs"]
mod download;
#[path = "program/flat_memory.rs"]
mod flat_memory;
#[path = "program/interruption.rs"]
mod interruption;
#[path = "program/round_trip.rs"]
mod round_trip;
#[path = "program/serving.rs"]
mod serving;
#[path = "program/sharing.rs"]
mod sharing;
#[path = "program/site.rs"]
mod site;
#[path = "program/support.rs"]
mod support;
#[path = "program/told.rs"]
mod told;
