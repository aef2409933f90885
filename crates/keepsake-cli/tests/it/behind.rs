//! A node, or its bucket, behind the fault proxy. Asserts nothing.

use crate::support::Node;
use keepsake_fault_proxy::{Counts, Plan, Proxy};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// A proxy before a server, until it is dropped.
pub(crate) struct Faults {
    proxy: Proxy,
    // Dropped last: the proxy runs on it.
    _runtime: Runtime,
}

impl Faults {
    pub(crate) fn before(node: &Node, plan: Plan) -> Self {
        let upstream = node.url.strip_prefix("http://").expect("the address is http");
        Self::at(upstream.parse().expect("the node tells an address"), plan)
    }

    /// Before whatever listens at `upstream`.
    pub(crate) fn at(upstream: SocketAddr, plan: Plan) -> Self {
        let runtime = Runtime::new().expect("threads start");
        let listen = "127.0.0.1:0".parse().expect("this is an address");
        let proxy = runtime.block_on(async { Proxy::start(listen, upstream) }).expect("a port is free");
        proxy.line.set(plan);
        Self { proxy, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        self.proxy.url()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.proxy.line.counts()
    }

    pub(crate) fn set(&self, plan: Plan) {
        self.proxy.line.set(plan);
    }
}
