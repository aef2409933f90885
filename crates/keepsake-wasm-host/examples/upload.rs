//! Takes a file through a module of the service and prints what each step costs:
//! `cargo run -p keepsake-wasm-host --example upload target/canister/keepsake.wasm.gz [MIB]`.
//!
//! Owns nothing that others need: the types are the few fields that it sends and reads.

use std::time::Instant;

use candid::{CandidType, Decode, Deserialize, Encode, Principal};
use keepsake_wasm_host::{Canister, CanisterModule, Options};
use sha2::{Digest, Sha256};

type Failure = Box<dyn std::error::Error>;

const CHUNK_BYTES: usize = 1_800_000;

#[derive(CandidType, Deserialize, Debug)]
enum Error {
    NotFound,
    Unauthorized,
    ResourceExhausted,
    InvalidArgument(String),
    Conflict(String),
    NotImplemented(String),
    Internal(String),
}

#[derive(CandidType, Deserialize)]
struct Capsule {
    id: String,
}

#[derive(CandidType, Deserialize)]
struct Finished {
    blob_id: String,
}

#[derive(CandidType)]
struct BeginOptions {
    total_len: Option<u64>,
    sha256: Option<serde_bytes::ByteBuf>,
    mime_type: Option<String>,
}

struct Session {
    canister: Canister,
    user: Principal,
}

impl Session {
    fn update(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let begun = Instant::now();
        let reply = self.canister.update(self.user, method, arg)?;
        self.report(method, begun);
        Ok(reply)
    }

    fn query(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let begun = Instant::now();
        let reply = self.canister.query(self.user, method, arg)?;
        self.report(method, begun);
        Ok(reply)
    }

    fn report(&self, method: &str, begun: Instant) {
        let cost = self.canister.last_cost();
        println!("{method}: {} instructions, {:?}; {:?}", cost.total(), cost, begun.elapsed());
    }

    fn upload(&mut self, mib: usize) -> Result<(), Failure> {
        let none: Option<()> = None;
        let reply = self.update("capsules_create", &Encode!(&none)?)?;
        let capsule = Decode!(&reply, Result<Capsule, Error>)?.map_err(|error| format!("{error:?}"))?.id;
        // Bytes that do not repeat, so that every page really changes.
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_le_bytes()[7]
        })
        .take(mib << 20)
        .collect();
        let chunks: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES).collect();
        let options = BeginOptions {
            total_len: Some(bytes.len() as u64),
            sha256: None,
            mime_type: Some("image/jpeg".into()),
        };
        let count = u32::try_from(chunks.len())?;
        let reply = self.update("uploads_begin", &Encode!(&capsule, &count, &"key", &Some(options))?)?;
        let id = Decode!(&reply, Result<u64, Error>)?.map_err(|error| format!("{error:?}"))?;
        for (index, chunk) in (0_u32..).zip(&chunks) {
            let reply =
                self.update("uploads_put_chunk", &Encode!(&id, &index, &serde_bytes::Bytes::new(chunk))?)?;
            Decode!(&reply, Result<(), Error>)?.map_err(|error| format!("{error:?}"))?;
            println!("  {:.2} per byte", per_byte(self.canister.last_cost().total(), chunk.len()));
            if index == 0 {
                let begun = Instant::now();
                self.canister.upgrade(&[])?;
                self.report("upgrade in the middle of the file", begun);
            }
        }
        let hash = Sha256::digest(&bytes).to_vec();
        let len = bytes.len() as u64;
        let reply = self.update("uploads_finish", &Encode!(&id, &serde_bytes::ByteBuf::from(hash), &len)?)?;
        let blob = Decode!(&reply, Result<Finished, Error>)?.map_err(|error| format!("{error:?}"))?.blob_id;
        for (index, chunk) in (0_u32..).zip(&chunks) {
            let reply = self.query("blob_read_chunk", &Encode!(&blob, &index)?)?;
            let cost = self.canister.last_cost();
            println!("  {:.2} per byte", per_byte(cost.total() - cost.sent_bytes * 50, chunk.len()));
            let read = Decode!(&reply, Result<serde_bytes::ByteBuf, Error>)?
                .map_err(|error| format!("{error:?}"))?;
            assert!(read == *chunk, "chunk {index} came back changed");
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with two digits")]
fn per_byte(instructions: u64, bytes: usize) -> f64 {
    instructions as f64 / bytes as f64
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the module's file")?;
    let mib = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let begun = Instant::now();
    let module = CanisterModule::compile(&std::fs::read(path)?)?;
    println!("compiled in {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut canister = Canister::install(&module, &[], &Options::default())?;
    println!("installed in {:?}: {:?}", begun.elapsed(), canister.last_cost());
    println!("the timer ran {} times", canister.advance(1_000_000_000));
    let user = Principal::self_authenticating(b"user");
    let mut session = Session { canister, user };
    session.upload(mib)?;
    let canister = &mut session.canister;
    println!("heap {} bytes, stable {} bytes", canister.heap_bytes(), canister.stable_bytes());
    println!("printed: {:?}", canister.printed());
    Ok(())
}
