//! The `keepsake` program as its users run it, against a node that is the same program; and that program killed
//! and crowded.

mod again;
mod behind;
mod bulk;
mod clock;
mod crowd;
mod download;
mod flat_memory;
mod interruption;
mod output_gone;
mod proxy;
mod road;
mod round_trip;
mod serving;
mod sharing;
mod site;
mod slow_line;
mod soak;
mod support;
mod told;
mod trust;
