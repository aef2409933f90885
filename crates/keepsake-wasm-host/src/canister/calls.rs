//! Call contexts: an update call with all messages that its calls lead to, run until nothing is outstanding.
//!
//! Owns the queue and whom an answer goes to. Each message commits or rolls back by itself.
//!
//! A canister may call itself, and `raw_rand` of the management canister; any other call is rejected.

use std::collections::VecDeque;

use candid::Principal;
use sha2::{Digest, Sha256};

use super::Canister;
use crate::error::Rejection;
use crate::instance::Entry;
use crate::system::{Answer, Call, Closure, Kind, Message};

/// Most calls that one message may lead to: the length of the IC's queue between two canisters.
const CALLS_MAX: usize = 500;

/// A call that is not finished: who waits for it, and what it waits for.
struct Context {
    caller: Principal,
    /// The context and the functions that get the answer; none for a user and for the system.
    parent: Option<(usize, Closures)>,
    answer: Option<Answer>,
    outstanding: usize,
    instructions: u64,
}

#[derive(Clone, Copy)]
struct Closures {
    reply: Closure,
    reject: Closure,
    cleanup: Option<Closure>,
}

/// What is to be done.
enum Step {
    Call { from: usize, call: Call },
    Answer { to: usize, closures: Closures, answer: Answer },
}

#[derive(Default)]
struct Work {
    contexts: Vec<Context>,
    queue: VecDeque<Step>,
}

impl Canister {
    /// An update call by `caller`, to its answer.
    pub(super) fn drive(&mut self, caller: Principal, method: &str, arg: Vec<u8>) -> Answer {
        let mut work = Work::default();
        work.open(caller, None);
        self.receive(&mut work, 0, method, arg);
        self.finish(work).unwrap_or_else(|| Err(Rejection::no_reply()))
    }

    /// The global timer's message.
    pub(super) fn drive_timer(&mut self) -> Result<(), Rejection> {
        let mut work = Work::default();
        let system = Principal::management_canister();
        work.open(system, None);
        let entry = Entry::Export("canister_global_timer".into());
        let result = self.step(&mut work, 0, &entry, Message::new(Kind::Timer, system, vec![]));
        self.finish(work);
        result
    }

    fn finish(&mut self, mut work: Work) -> Option<Answer> {
        while let Some(step) = work.queue.pop_front() {
            match step {
                Step::Call { from, call } => self.call(&mut work, from, call),
                Step::Answer { to, closures, answer } => self.answer(&mut work, to, closures, answer),
            }
        }
        work.contexts.swap_remove(0).answer
    }

    /// A method call arrives in its context.
    fn receive(&mut self, work: &mut Work, context: usize, method: &str, arg: Vec<u8>) {
        let candidates = [("update", Kind::Update), ("query", Kind::ReplicatedQuery)];
        let found = candidates.into_iter().find_map(|(kind, mode)| {
            let export = format!("canister_{kind} {method}");
            self.module.has(&export).then_some((export, mode))
        });
        let result = match found {
            None => Err(Rejection::no_method("update", method)),
            Some((export, mode)) => {
                let message = Message::new(mode, work.contexts[context].caller, arg).named(method);
                self.step(work, context, &Entry::Export(export), message)
            }
        };
        work.settle(context, result);
    }

    /// Runs a message of a context and notes its answer and its calls.
    fn step(
        &mut self,
        work: &mut Work,
        context: usize,
        entry: &Entry,
        mut message: Message,
    ) -> Result<(), Rejection> {
        let keep = message.kind != Kind::ReplicatedQuery;
        message.earlier_instructions = work.contexts[context].instructions;
        let result = self.run(entry, message, keep);
        let message = &mut self.system_mut().message;
        let open = &mut work.contexts[context];
        open.instructions += message.cost.total();
        result?;
        if let Some(answer) = message.answer.take() {
            open.answer = Some(answer);
        }
        for call in std::mem::take(&mut message.calls) {
            open.outstanding += 1;
            work.queue.push_back(Step::Call { from: context, call });
        }
        Ok(())
    }

    /// A call leaves: to this canister, or to the management canister.
    fn call(&mut self, work: &mut Work, from: usize, call: Call) {
        let closures = Closures { reply: call.on_reply, reject: call.on_reject, cleanup: call.on_cleanup };
        let own = self.system().id;
        if work.contexts.len() > CALLS_MAX {
            let answer = Err(Rejection::too_many_calls());
            return work.queue.push_back(Step::Answer { to: from, closures, answer });
        }
        if call.callee == own {
            let context = work.open(own, Some((from, closures)));
            return self.receive(work, context, &call.method, call.payload);
        }
        let management = call.callee == Principal::management_canister();
        let answer = if management && call.method == "raw_rand" {
            Ok(self.raw_rand())
        } else {
            Err(Rejection::no_destination(&format!("{}.{}", call.callee, call.method)))
        };
        work.queue.push_back(Step::Answer { to: from, closures, answer });
    }

    /// An answer arrives in the context that called.
    fn answer(&mut self, work: &mut Work, to: usize, closures: Closures, answer: Answer) {
        let context = &mut work.contexts[to];
        context.outstanding -= 1;
        let caller = context.caller;
        let (kind, closure) = match answer {
            Ok(_) => (Kind::Reply, closures.reply),
            Err(_) => (Kind::Reject, closures.reject),
        };
        let mut message = Message::new(kind, caller, vec![]);
        message.may_answer = context.answer.is_none();
        match answer {
            Ok(reply) => message.arg = reply,
            Err(rejection) => message.rejection = Some(rejection),
        }
        let result = self.step(work, to, &Entry::Table(closure), message);
        if let (Err(_), Some(cleanup)) = (&result, closures.cleanup) {
            let message = Message::new(Kind::Cleanup, caller, vec![]);
            if let Err(rejection) = self.step(work, to, &Entry::Table(cleanup), message) {
                self.system_mut().print(format!("cleanup: {rejection}"));
            }
        }
        work.settle(to, result);
    }

    /// 32 bytes in Candid, other ones each time.
    fn raw_rand(&mut self) -> Vec<u8> {
        let system = self.system_mut();
        system.random_calls += 1;
        let digest = Sha256::new_with_prefix(b"raw_rand").chain_update(system.seed.to_be_bytes());
        let bytes = digest.chain_update(system.random_calls.to_be_bytes()).finalize().to_vec();
        candid::encode_one(bytes).expect("bytes are Candid")
    }
}

impl Work {
    fn open(&mut self, caller: Principal, parent: Option<(usize, Closures)>) -> usize {
        self.contexts.push(Context { caller, parent, answer: None, outstanding: 0, instructions: 0 });
        self.contexts.len() - 1
    }

    /// After a message: is the context answered, or can it never be? The one who waits is told once.
    fn settle(&mut self, at: usize, result: Result<(), Rejection>) {
        let context = &mut self.contexts[at];
        if context.answer.is_none() && context.outstanding == 0 {
            context.answer = Some(Err(result.err().unwrap_or_else(Rejection::no_reply)));
        }
        let Some(answer) = &context.answer else { return };
        if let Some((to, closures)) = context.parent.take() {
            self.queue.push_back(Step::Answer { to, closures, answer: answer.clone() });
        }
    }
}
