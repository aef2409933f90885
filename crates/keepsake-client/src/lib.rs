//! Rust SDK: two upload lanes, resume, retry, progress; generic over its transport
