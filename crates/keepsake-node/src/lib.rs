//! Native host: the service behind the IC HTTPS interface, with its own files, sync and clock
