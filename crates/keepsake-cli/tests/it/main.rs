//! The `keepsake` program as its users run it, against a node that is the same program; and that program killed
//! and crowded.

mod again;
mod authority;
mod behind;
mod bulk;
mod clock;
mod crowd;
mod download;
mod flat_memory;
mod home;
mod interruption;
mod output_gone;
mod people;
mod proxy;
mod road;
mod round_trip;
mod s3;
mod secure;
mod serving;
mod settings;
mod sharing;
mod site;
mod slow_line;
mod soak;
mod support;
mod tls;
mod told;
mod trust;
