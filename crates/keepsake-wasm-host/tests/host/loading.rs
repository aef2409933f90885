//! Which modules are loaded, and what is said of the others.

use crate::toolbox::{canister, module, options, query};
use keepsake_wasm_host::{Canister, CanisterModule, HostError};
use std::io::Write;

fn compile(text: &str) -> Result<CanisterModule, HostError> {
    CanisterModule::compile(&wat::parse_str(text).unwrap())
}

#[test]
fn an_import_that_is_not_offered_is_named() {
    let text = r#"(module (import "ic0" "sign_with_wish" (func)) (import "env" "memory" (memory 1))
        (import "ic0" "time" (func (result i64))) (export "x" (func 0)))"#;
    match compile(text).unwrap_err() {
        HostError::UnknownImports { names } => assert_eq!(names, ["ic0.sign_with_wish", "env.memory"]),
        other => panic!("{other}"),
    }
}

#[test]
fn an_import_of_another_type_is_named() {
    let text = r#"(module (import "ic0" "time" (func (result i32))) (memory 1) (export "x" (func 0)))"#;
    let error = compile(text).unwrap_err();
    assert!(matches!(error, HostError::ImportType(_)) && error.to_string().contains("time"), "{error}");
}

#[test]
fn what_is_no_module_is_refused() {
    assert!(matches!(CanisterModule::compile(b"hello"), Err(HostError::Invalid(_))));
    assert!(matches!(CanisterModule::compile(&[0x1f, 0x8b, 0, 0]), Err(HostError::Unpack(_))));
    let no_memory = r#"(module (func) (export "x" (func 0)))"#;
    assert!(matches!(compile(no_memory), Err(HostError::Memories(0))));
}

#[test]
fn a_packed_module_runs_and_shows_its_metadata() {
    let text = r#"(module (memory 1) (func) (export "canister_query nothing" (func 0))
        (@custom "icp:public candid:service" "service : {}"))"#;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&wat::parse_str(text).unwrap()).unwrap();
    let module = CanisterModule::compile(&packed.finish().unwrap()).unwrap();
    assert_eq!(module.metadata("candid:service"), Some(b"service : {}".as_slice()));
    assert_eq!(module.metadata("other"), None);
    assert_eq!(module.methods("query"), ["nothing"]);
    let mut canister = Canister::install(&module, b"", &options()).unwrap();
    let rejection = query(&mut canister, "nothing").unwrap_err();
    assert_eq!((rejection.code, rejection.error_code), (5, "IC0506"));
}

#[test]
fn a_failing_init_installs_nothing_and_says_why() {
    let module = module(
        r#"(data (i32.const 0) "no quota")
        (func (export "canister_init") (call $trap (i32.const 0) (i32.const 8)))"#,
    );
    let error = Canister::install(&module, b"", &options()).unwrap_err();
    assert!(error.to_string().contains("canister_init") && error.to_string().contains("no quota"), "{error}");
}

#[test]
fn init_gets_its_argument() {
    let body = r#"(func (export "canister_init") (drop (call $arg)))
        (func (export "canister_query it") (call $reply_bytes (i32.const 32768) (i32.const 5)))"#;
    let mut canister = Canister::install(&module(body), b"hello", &options()).unwrap();
    assert_eq!(query(&mut canister, "it").unwrap(), b"hello");
}

#[test]
fn a_method_that_is_not_there_is_told() {
    let mut canister = canister("");
    let rejection = query(&mut canister, "nothing").unwrap_err();
    assert_eq!((rejection.code, rejection.error_code), (5, "IC0536"));
    assert!(rejection.message.contains("'nothing'"));
    assert_eq!(canister.update(crate::toolbox::user(), "nothing", b"").unwrap_err().error_code, "IC0536");
}
