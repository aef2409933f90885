//! One stranger's worst hour on the canister: what each message costs in cycles, and what of it stays, held to the
//! bounds of [`keepsake_conformance::burden`]. Prints the table that `docs/canister.md` shows:
//! `cargo test -p keepsake-conformance --test it burden -- --nocapture`.

use super::host::Module;
use candid::Principal;
use keepsake_conformance::burden::{Answer, CASES, Case, Sender, Things};
use keepsake_wasm_host::{Canister, Rejection};

/// Messages that are sent before it is measured, and those that are.
const BEFORE: u64 = 4;
const MEASURED: u64 = 16;
/// After each message, ns: timers do what it left to them.
const ROUND_NS: u64 = 1_000_000_000;

/// What messages took.
#[derive(Debug, Default)]
struct Taken {
    sent_bytes: u64,
    /// Of stable memory, in pages of 4 KiB that hold something.
    stays_bytes: u64,
    heap_bytes: u64,
    instructions: u64,
    cycles: u128,
}

fn resident() -> Principal {
    Principal::self_authenticating(b"a resident")
}

fn sender(case: &Case, nth: u64) -> Principal {
    match case.sender {
        Sender::Anonymous => Principal::anonymous(),
        Sender::NewKey => Principal::self_authenticating(nth.to_le_bytes()),
        Sender::Resident => resident(),
    }
}

fn became(answer: &Result<Vec<u8>, Rejection>, taken_in: bool) -> Answer {
    match answer {
        Err(_) if !taken_in => Answer::TurnedAway,
        Err(rejection) => panic!("it trapped: {rejection}"),
        Ok(reply) if is_refusal(reply) => Answer::Refused,
        Ok(_) => Answer::Done,
    }
}

fn is_refusal(reply: &[u8]) -> bool {
    use keepsake_conformance::api::Answer as Wire;
    candid::decode_one::<Wire<candid::Reserved>>(reply).is_ok_and(|answer| answer.is_err())
}

fn send(canister: &mut Canister, case: &Case, things: &Things, nth: u64, taken: &mut Taken) {
    let (caller, arg) = (sender(case, nth), (case.arg)(things, nth));
    let taken_in = canister.inspect(caller, case.method, &arg).is_ok();
    let answer = canister.update(caller, case.method, &arg);
    assert_eq!(became(&answer, taken_in), case.answer, "{}: {}", case.method, case.what);
    taken.sent_bytes += arg.len() as u64;
    if taken_in {
        let instructions = canister.last_cost().total();
        taken.instructions += instructions;
        taken.cycles +=
            canister.subnet().ingress(arg.len() as u64) + canister.subnet().execution(instructions);
    }
    if canister.advance(ROUND_NS) > 0 {
        taken.instructions += canister.last_cost().total();
        taken.cycles += canister.subnet().execution(canister.last_cost().total());
    }
    assert_eq!(canister.printed().into_iter().find(|line| line.contains("timer")), None);
}

fn measure(canister: &mut Canister, case: &Case, things: &Things) -> Taken {
    (0..BEFORE).for_each(|nth| send(canister, case, things, nth, &mut Taken::default()));
    let (stable, heap) = (canister.stable().held_bytes(), canister.heap_bytes());
    let mut taken = Taken::default();
    (BEFORE..BEFORE + MEASURED).for_each(|nth| send(canister, case, things, nth, &mut taken));
    taken.stays_bytes = canister.stable().held_bytes() - stable;
    taken.heap_bytes = canister.heap_bytes() - heap;
    taken
}

#[expect(clippy::cast_precision_loss, reason = "a table")]
fn row(case: &Case, taken: &Taken) -> String {
    format!(
        "| {} `{}`, {:?} | {:?} | {} | {:.1} | {} |",
        case.what,
        case.method,
        case.sender,
        case.answer,
        taken.sent_bytes / MEASURED,
        taken.cycles as f64 / MEASURED as f64 / 1e6,
        taken.stays_bytes / MEASURED,
    )
}

#[tokio::test]
async fn what_a_stranger_can_take_is_bounded_by_what_it_sent() {
    let host = Module::start();
    let things = Things::make(&host.client_of(resident())).await;
    host.canister().advance(60 * ROUND_NS);
    println!("| message | answer | bytes sent | million cycles, 13 nodes | bytes that stay |");
    println!("| --- | --- | --- | --- | --- |");
    let mut broken = Vec::new();
    for case in CASES {
        let mut canister = host.canister().fork();
        let taken = measure(&mut canister, case, &things);
        println!("{}", row(case, &taken));
        let stays_max = MEASURED * case.stays_bytes_max
            + if case.stays_bytes_max > 0 { taken.sent_bytes } else { 65_536 };
        if taken.stays_bytes > stays_max {
            broken.push(format!(
                "{} {}: {} bytes stay of {MEASURED}, at most {stays_max}",
                case.method, case.what, taken.stays_bytes
            ));
        }
        if taken.instructions > MEASURED * case.instructions_max + MEASURED * TIMER_INSTRUCTIONS {
            broken.push(format!(
                "{} {}: {} instructions each",
                case.method,
                case.what,
                taken.instructions / MEASURED
            ));
        }
        if taken.heap_bytes > 4 << 20 {
            broken.push(format!("{} {}: the heap grew by {}", case.method, case.what, taken.heap_bytes));
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// A timer that finds nothing to do.
const TIMER_INSTRUCTIONS: u64 = 200_000;
