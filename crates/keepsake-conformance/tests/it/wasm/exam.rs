//! The exam, taken by the module. It answers HTTP as a gateway asks: by `http_request`, and where
//! that says so, by `http_request_update`.

use super::host::Module;

async fn start() -> Module {
    std::future::ready(Module::start()).await
}

keepsake_conformance::exam!(start, moves_clock: true, restarts: true);

mod with_gate {
    use super::Module;

    async fn start() -> Module {
        std::future::ready(Module::start_with_gate()).await
    }

    keepsake_conformance::exam!(bucket: start, moves_clock: true);
}
