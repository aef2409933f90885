//! The exam, taken by the module. Its answers over HTTP are those of `http_request`, as a gateway asks it.

use crate::host::Module;

async fn start() -> Module {
    std::future::ready(Module::start()).await
}

keepsake_conformance::exam!(start, moves_clock: true, restarts: true);
