//! The IC HTTPS interface and the HTTP surface of a running node, over a real socket.

#[path = "ic_interface/agents.rs"]
mod agents;
#[path = "ic_interface/assets.rs"]
mod assets;
#[path = "ic_interface/certificates.rs"]
mod certificates;
#[path = "ic_interface/envelopes.rs"]
mod envelopes;
#[path = "ic_interface/hostile.rs"]
mod hostile;
#[path = "ic_interface/node.rs"]
mod node;
#[path = "ic_interface/surface.rs"]
mod surface;
#[path = "ic_interface/uploads.rs"]
mod uploads;
#[path = "ic_interface/web_app.rs"]
mod web_app;
