//! Uploads of the client against the service in this process, with every message counted.

mod host;
mod one_message;
mod which_file;
