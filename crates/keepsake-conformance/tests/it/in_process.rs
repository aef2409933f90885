//! The exam, taken by the service in this process.

use keepsake_conformance::in_process::InProcess;

async fn start() -> InProcess {
    std::future::ready(InProcess::start()).await
}

keepsake_conformance::exam!(start, moves_clock: true, restarts: true);
