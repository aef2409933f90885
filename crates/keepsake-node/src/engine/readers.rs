//! Queries and asset requests, in parallel, each on the newest durable snapshot.
//!
//! Owns their bounds and their threads; changes nothing.

use crate::engine::application::{Application, Reading};
use crate::engine::asset_stream::{AssetBytes, AssetStream};
use crate::engine::clock::Clock;
use crate::engine::committer::Shared;
use crate::engine::guard::{Fault, guarded};
use crate::engine::message::{EngineError, Rejection};
use crate::storage::epochs::EpochGuard;
use crate::storage::fault::StorageError;
use crate::storage::heap_memory::SnapshotHeap;
use crate::storage::snapshot::SnapshotMemory;
use keepsake_service::http::{AssetRequest, AssetResponse};
use keepsake_service::{Call, Principal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often a reader tries, and the pause between, when the records are being opened again.
const ATTEMPTS: u32 = 4;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);

/// Runs readers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    pub(crate) shared: Shared,
    pub(crate) application: Arc<dyn Application>,
    pub(crate) clock: Clock,
    /// Permits for running or waiting; without one a query is refused.
    pub(crate) admitted: Arc<Semaphore>,
    /// Permits for running.
    pub(crate) running: Arc<Semaphore>,
}

/// Why a reader has no answer.
enum ReadFault {
    Overloaded,
    Storage(StorageError),
    Trapped,
}

impl Readers {
    pub(crate) async fn query(
        &self,
        caller: Principal,
        method: String,
        arg: Vec<u8>,
    ) -> Result<Vec<u8>, Rejection> {
        let answer = self.read(caller, move |program, call| program.query(call, &method, &arg)).await;
        match answer {
            Ok((Ok(reply), _)) => Ok(reply.bytes),
            Ok((Err(reject), _)) => Err(reject.into()),
            Err(ReadFault::Overloaded) => Err(Rejection::overloaded()),
            Err(ReadFault::Storage(_)) => Err(Rejection::storage_failed()),
            Err(ReadFault::Trapped) => Err(Rejection::trapped()),
        }
    }

    pub(crate) async fn asset(&self, request: AssetRequest) -> Result<AssetStream, EngineError> {
        let answer =
            self.read(Principal::anonymous(), move |program, call| program.asset(call, &request)).await;
        match answer {
            Ok((response, guard)) => Ok(self.stream(response, guard)),
            Err(ReadFault::Overloaded) => Err(EngineError::Overloaded),
            Err(ReadFault::Storage(error)) => Err(error.into()),
            Err(ReadFault::Trapped) => Err(EngineError::Trapped),
        }
    }

    fn stream(&self, response: AssetResponse, guard: EpochGuard) -> AssetStream {
        let AssetResponse { status, headers, body } = response;
        AssetStream { status, headers, body: AssetBytes::new(body, Arc::clone(&self.shared.heap), guard) }
    }

    /// Runs `work` on a blocking thread over the newest snapshot. The guard keeps its extents.
    async fn read<T: Send + 'static>(
        &self,
        caller: Principal,
        work: impl Fn(&dyn Reading, &Call) -> T + Send + 'static,
    ) -> Result<(T, EpochGuard), ReadFault> {
        let permits = self.admit().await?;
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let _permits = permits;
            readers.read_patiently(caller, &work)
        });
        task.await.unwrap_or(Err(ReadFault::Trapped))
    }

    /// Reads again when the records were closed meanwhile: a failed commit opens them anew.
    fn read_patiently<T>(
        &self,
        caller: Principal,
        work: &impl Fn(&dyn Reading, &Call) -> T,
    ) -> Result<(T, EpochGuard), ReadFault> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = guarded(|| self.read_now(caller, work)).unwrap_or_else(|fault| Err(fault.into()));
            match answer {
                Err(ReadFault::Storage(error)) if attempt < ATTEMPTS => {
                    tracing::debug!(%error, "a query reads again");
                    std::thread::sleep(ATTEMPT_PAUSE);
                }
                Err(ReadFault::Storage(error)) => {
                    tracing::warn!(%error, "a query could not read");
                    return Err(ReadFault::Storage(error));
                }
                answer => return answer,
            }
        }
    }

    async fn admit(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), ReadFault> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| ReadFault::Overloaded)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| ReadFault::Overloaded)?;
        Ok((admitted, running))
    }

    fn read_now<T>(
        &self,
        caller: Principal,
        work: &impl Fn(&dyn Reading, &Call) -> T,
    ) -> Result<(T, EpochGuard), ReadFault> {
        // Before the snapshot: see `Epochs`.
        let guard = self.shared.epochs.register();
        let snapshot = self.shared.records.snapshot().map_err(ReadFault::Storage)?;
        let state = snapshot.state();
        let heap = SnapshotHeap::new(Arc::clone(&self.shared.heap), state.heap_pages);
        let program = self
            .application
            .open_snapshot(SnapshotMemory::new(snapshot), heap)
            .map_err(|error| ReadFault::Storage(StorageError::Damaged(error.to_string())))?;
        let call = Call { caller, now_ns: self.clock.now_ns(), epoch: state.epoch, reusable_through: 0 };
        Ok((work(&*program, &call), guard))
    }
}

impl From<Fault> for ReadFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Storage(error) => Self::Storage(error),
            Fault::Panic(text) => {
                tracing::error!(panic = %text, "a query panicked");
                Self::Trapped
            }
        }
    }
}
