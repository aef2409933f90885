//! A canister's module: unpacked, made observable, compiled once, its imports checked.
//!
//! Owns what is known of a module before it runs. Runs nothing.
//!
//! What a message changes in an instance is its memory and its mutable globals, and a call's answer goes to a function
//! in its table. Compilers export none of these but the memory, so this adds exports for all, as the IC does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};
use wasmtime::{Config, Engine, InstancePre, Linker, Module, OptLevel};

use crate::error::HostError;
use crate::system::System;
use crate::{ic0, weights};

/// Names of the exports that are added.
pub(crate) const MEMORY: &str = "wasm-host memory";
pub(crate) const TABLE: &str = "wasm-host table";

/// Name of the export of the n-th mutable global.
pub(crate) fn global_name(n: usize) -> String {
    format!("wasm-host global {n}")
}

/// Largest module after unpacking that is tried.
const MODULE_BYTES_MAX: u64 = 100 << 20;

/// Stack for wasm; a test's thread has 2 MiB.
const STACK_BYTES_MAX: usize = 1 << 20;

/// A compiled module; cheap to clone.
#[derive(Clone)]
pub struct CanisterModule {
    pub(crate) instance: InstancePre<System>,
    pub(crate) mutable_globals: usize,
    exports: Arc<BTreeSet<String>>,
    metadata: Arc<BTreeMap<String, Vec<u8>>>,
    sha256: [u8; 32],
    bytes: u64,
}

impl std::fmt::Debug for CanisterModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CanisterModule").field("exports", &self.exports).finish_non_exhaustive()
    }
}

impl CanisterModule {
    /// Compiles `bytes`, wasm or gzip of wasm. Seconds for a module of a megabyte: compile once and clone.
    ///
    /// # Errors
    /// [`HostError`] when it is no valid module or imports what this host does not offer.
    pub fn compile(bytes: &[u8]) -> Result<Self, HostError> {
        let wasm = unpack(bytes)?;
        let shape = Shape::read(&wasm)?;
        let module = Module::from_binary(engine(), &shape.observable).map_err(|e| invalid(&e))?;
        check_imports(&module)?;
        if shape.memories != 1 {
            return Err(HostError::Memories(shape.memories));
        }
        let instance =
            linker().instantiate_pre(&module).map_err(|error| HostError::ImportType(error.to_string()))?;
        Ok(Self {
            instance,
            mutable_globals: shape.mutable_globals.len(),
            exports: Arc::new(module.exports().map(|export| export.name().to_owned()).collect()),
            metadata: Arc::new(shape.metadata),
            sha256: Sha256::digest(bytes).into(),
            bytes: wasm.len() as u64,
        })
    }

    /// Length, unpacked.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes as given: the IC's module hash.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// A metadata section, such as `candid:service`, public or private.
    pub fn metadata(&self, name: &str) -> Option<&[u8]> {
        self.metadata.get(name).map(Vec::as_slice)
    }

    /// Whether the module exports a function of this name, such as `canister_query http_request`.
    pub fn has(&self, export: &str) -> bool {
        self.exports.contains(export)
    }

    /// Names of methods: `update` or `query`.
    pub fn methods(&self, kind: &str) -> Vec<&str> {
        let prefix = format!("canister_{kind} ");
        self.exports.iter().filter_map(|name| name.strip_prefix(&prefix)).collect()
    }
}

/// What is read from a module before it is compiled.
struct Shape {
    observable: Vec<u8>,
    mutable_globals: Vec<u32>,
    memories: usize,
    metadata: BTreeMap<String, Vec<u8>>,
}

impl Shape {
    fn read(wasm: &[u8]) -> Result<Self, HostError> {
        let mut shape =
            Self { observable: Vec::new(), mutable_globals: vec![], memories: 0, metadata: BTreeMap::new() };
        let (mut module, mut has_table) = (wasm_encoder::Module::new(), false);
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|e| invalid(&e))?;
            match &payload {
                Payload::TableSection(tables) => has_table = tables.count() > 0,
                Payload::MemorySection(memories) => {
                    let small = memories.clone().into_iter().flatten().filter(|memory| !memory.memory64);
                    shape.memories = small.count();
                }
                Payload::GlobalSection(globals) => {
                    for (index, global) in (0..).zip(globals.clone()) {
                        if global.map_err(|e| invalid(&e))?.ty.mutable {
                            shape.mutable_globals.push(index);
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    let observable = shape.exports(exports.clone(), has_table)?;
                    module.section(&observable);
                    continue;
                }
                Payload::CustomSection(section) => {
                    let name = section.name();
                    let name = name.strip_prefix("icp:public ").or(name.strip_prefix("icp:private "));
                    if let Some(name) = name {
                        shape.metadata.insert(name.to_owned(), section.data().to_vec());
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                module.section(&RawSection { id, data: &wasm[range] });
            }
        }
        shape.observable = module.finish();
        Ok(shape)
    }

    /// The module's exports and those that make its state observable.
    fn exports(
        &self,
        exports: wasmparser::ExportSectionReader<'_>,
        has_table: bool,
    ) -> Result<ExportSection, HostError> {
        let mut all = ExportSection::new();
        for export in exports {
            let export = export.map_err(|e| invalid(&e))?;
            let kind = match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
                ExternalKind::Table => ExportKind::Table,
                ExternalKind::Memory => ExportKind::Memory,
                ExternalKind::Global => ExportKind::Global,
                ExternalKind::Tag => ExportKind::Tag,
            };
            all.export(export.name, kind, export.index);
        }
        if self.memories == 1 {
            all.export(MEMORY, ExportKind::Memory, 0);
        }
        if has_table {
            all.export(TABLE, ExportKind::Table, 0);
        }
        for (n, index) in self.mutable_globals.iter().enumerate() {
            all.export(&global_name(n), ExportKind::Global, *index);
        }
        Ok(all)
    }
}

fn invalid(error: &dyn std::fmt::Display) -> HostError {
    HostError::Invalid(format!("{error:#}"))
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, HostError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut wasm = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .take(MODULE_BYTES_MAX)
        .read_to_end(&mut wasm)
        .map_err(HostError::Unpack)?;
    Ok(wasm)
}

fn check_imports(module: &Module) -> Result<(), HostError> {
    let offered = ic0::names();
    let names: Vec<String> = module
        .imports()
        .filter(|import| import.module() != "ic0" || !offered.contains(import.name()))
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    if names.is_empty() { Ok(()) } else { Err(HostError::UnknownImports { names }) }
}

/// One engine for all: it owns the compiler's settings and the weights of operators.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .operator_cost(weights::table())
            .cranelift_opt_level(OptLevel::Speed)
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .max_wasm_stack(STACK_BYTES_MAX);
        Engine::new(&config).expect("these settings fit together")
    })
}

fn linker() -> &'static Linker<System> {
    static LINKER: OnceLock<Linker<System>> = OnceLock::new();
    LINKER.get_or_init(|| ic0::linker(engine()))
}
