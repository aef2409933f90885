//! The short life of a store that fuzzers' messages come into: files, memories, and people in every state that there is. Owns its
//! messages, and who is who in it.

use crate::access::table::TABLE;
use crate::api::{Answer, LinkOptions, Passkey, Role};
use crate::model::in_process::{Saved, World};
use crate::model::{Carried, Claim, Delivery, Operation, Subject, controller, person, public_key, replay};
use crate::samples::link_key;
use crate::world::Things;
use candid::Principal;
use candid::utils::ArgumentEncoder;
use keepsake_service::Kind;
use keepsake_service::endpoints;
use serde_bytes::ByteBuf;
use std::cell::RefCell;
use std::sync::OnceLock;

const HOUR_NS: u64 = 3_600_000_000_000;

/// A message that was sent to a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) who: Principal,
    pub(super) update: bool,
    pub(super) method: &'static str,
    pub(super) arg: Vec<u8>,
}

/// Who signs: a key, by what the host thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// Owns the capsule.
    Owner,
    /// A device of the owner.
    Device,
    /// Was one.
    Removed,
    /// The key that an account began with, which removed it.
    RemovedFirst,
    /// A device of the account that [`Self::RemovedFirst`] began.
    Member,
    /// Shut out; it has a role.
    Blocked,
    /// A device of who is shut out.
    BlockedDevice,
    /// A link to the capsule.
    Link,
    /// A link to one memory, without originals.
    LinkToOne,
    /// A link whose time ran out.
    LinkExpired,
    /// Controls the host.
    Controller,
    /// A key that nothing is known of.
    Stranger,
    /// No key.
    Nobody,
}

impl Signer {
    pub(super) const ALL: [Self; 13] = [
        Self::Owner,
        Self::Device,
        Self::Removed,
        Self::RemovedFirst,
        Self::Member,
        Self::Blocked,
        Self::BlockedDevice,
        Self::Link,
        Self::LinkToOne,
        Self::LinkExpired,
        Self::Controller,
        Self::Stranger,
        Self::Nobody,
    ];

    /// The number of its key, as [`person`] counts them.
    fn number(self) -> u8 {
        match self {
            Self::Owner => 0,
            Self::RemovedFirst => 1,
            Self::Blocked => 2,
            Self::Stranger => 3,
            Self::Nobody => 4,
            Self::Device => 5,
            Self::Removed => 6,
            Self::Member => 7,
            Self::Controller => 8,
            Self::Link => 9,
            Self::LinkToOne => 10,
            Self::LinkExpired => 11,
            Self::BlockedDevice => 12,
        }
    }

    pub(super) fn principal(self) -> Principal {
        match self {
            Self::Controller => controller(),
            Self::BlockedDevice => Principal::self_authenticating([13; 32]),
            other => person(other.number()),
        }
    }
}

/// What was recorded.
struct Life {
    /// The world after it.
    saved: Saved,
    /// Those that a fuzzer begins with.
    known: Vec<Message>,
}

fn life() -> &'static Life {
    static LIFE: OnceLock<Life> = OnceLock::new();
    LIFE.get_or_init(record)
}

/// A world after that life, and messages that it understands. The life is lived once; each world is a restart of it.
pub(super) fn lived_in() -> (World, &'static [Message]) {
    let Life { saved, known } = life();
    (World::again(saved), known)
}

/// The same for messages that change nothing: a world of each thread, and not one for each message.
pub(super) fn looked_at<T>(look: impl FnOnce(&mut World, &'static [Message]) -> T) -> T {
    thread_local! {
        static WORLD: RefCell<World> = RefCell::new(lived_in().0);
    }
    WORLD.with_borrow_mut(|world| look(world, &life().known))
}

/// The session that a chunk was put into, and by whom.
pub(super) fn session_of(message: &Message) -> Option<(Principal, u64)> {
    if message.method != "uploads_put_chunk" {
        return None;
    }
    let (session, _, _) = candid::decode_args::<(u64, u32, ByteBuf)>(&message.arg).ok()?;
    Some((message.who, session))
}

/// First the files, as the model has them; then the people; last, of every method, messages about what is there.
fn record() -> Life {
    let mut recorder = Recorder { world: World::new(World::bounds_of(3)), messages: Vec::new() };
    replay(&files(), 1, &mut recorder).expect("the model's own run holds");
    let (_, session) = recorder.messages.iter().rev().find_map(session_of).expect("a session is there");
    recorder.messages.retain(|message| message.update);
    let codes = recorder.meet();
    let things = Things {
        capsule: "capsule_1".to_owned(),
        memory: "mem_1".to_owned(),
        asset: "asset_1".to_owned(),
        referenced: "blob_1".to_owned(),
        blob: "blob_1".to_owned(),
        session,
    };
    let known = recorder.messages.into_iter().chain(of_table(&things)).chain(about_people(&codes));
    Life { known: known.collect(), saved: recorder.world.save() }
}

/// Two files, one published, one half there, and a photo in one message, twice.
fn files() -> Vec<Delivery> {
    let file = |key| Operation::Begin { who: 0, capsule: 0, key, announce: 2 };
    let publish = |sessions, key, carried, find| Operation::Publish {
        who: 0,
        capsule: 0,
        sessions,
        claim: Claim::Right,
        key,
        inline: 2,
        carried,
        find,
    };
    let nothing = u8::MAX;
    let life = [
        Operation::CreateCapsule { who: 0, subject: 0 },
        Operation::Grant { who: 0, capsule: 0, to: 1, role: 2 },
        file(1),
        Operation::PutNext { session: 0 },
        Operation::PutNext { session: 0 },
        Operation::PutNext { session: 0 },
        publish([0, nothing], 1, Carried::None, false),
        publish([nothing; 2], 2, Carried::Alone, false),
        publish([nothing; 2], 7, Carried::Alone, true),
        Operation::Update { who: 0, memory: 0, title: 1 },
        file(2),
        Operation::PutNext { session: 0 },
    ];
    life.into_iter().map(|operation| Delivery { operation, twice: false }).collect()
}

/// A message for each row of the access table.
fn of_table(things: &Things) -> impl Iterator<Item = Message> {
    TABLE.iter().map(|row| Message {
        who: Signer::Owner.principal(),
        update: endpoints::kind(row.method) == Some(Kind::Update),
        method: row.method,
        arg: (row.args)(things, "fuzz"),
    })
}

/// Codes that nobody used yet.
struct Codes {
    device: String,
    capsule: String,
    host: String,
}

/// What the table says only of people who are not there.
fn about_people(codes: &Codes) -> Vec<Message> {
    let update = |who: Signer, method, arg| Message { who: who.principal(), update: true, method, arg };
    let query = |who: Signer, method, arg| Message { update: false, ..update(who, method, arg) };
    let some = LinkOptions {
        memories: Some(vec!["mem_2".to_owned()]),
        expires_at: Some(u64::MAX),
        label: Some("For the cousins".to_owned()),
        ..LinkOptions::default()
    };
    let new = link_key("a new link");
    vec![
        update(Signer::Stranger, "devices_join", args((&codes.device, "Tablet", None::<Passkey>))),
        update(Signer::Stranger, "devices_join", args((&codes.device, "", Some(passkey(Signer::Stranger))))),
        update(Signer::Stranger, "invitations_redeem", args((&codes.capsule,))),
        update(Signer::Stranger, "invitations_redeem", args((&codes.host,))),
        query(Signer::Stranger, "invitations_read", args((&codes.capsule,))),
        query(Signer::Stranger, "invitations_read", args((&codes.device,))),
        update(Signer::Owner, "invitations_revoke", args((1_u64,))),
        update(Signer::Owner, "devices_rename", args((Signer::Device.principal(), "Old phone"))),
        update(Signer::Device, "devices_remove", args((Signer::Owner.principal(),))),
        update(Signer::Owner, "devices_remove", args((Signer::Device.principal(),))),
        update(Signer::Device, "passkeys_register", args((passkey(Signer::Device),))),
        query(Signer::Nobody, "passkeys_find", args((passkey(Signer::Owner).credential_id,))),
        update(Signer::Owner, "people_name", args((Signer::Member.principal(), None::<String>, None::<u32>))),
        update(Signer::Owner, "links_create", args(("capsule_1", new, Some(some)))),
        update(Signer::Owner, "links_revoke", args(("capsule_1", Signer::Link.principal()))),
        update(Signer::Owner, "capsules_revoke", args(("capsule_1", Signer::RemovedFirst.principal()))),
        update(Signer::Controller, "admin_block", args((Signer::Device.principal(), Some("spam")))),
        update(Signer::Controller, "admin_unblock", args((Signer::BlockedDevice.principal(),))),
        update(Signer::Controller, "admin_quota", args((Signer::Device.principal(), None::<u64>))),
        update(Signer::Controller, "admin_give", args(("capsule_1", Signer::Member.principal()))),
        update(Signer::Controller, "admin_remove", args(("capsule_1",))),
    ]
}

/// A passkey with the key of who signs.
fn passkey(who: Signer) -> Passkey {
    Passkey { credential_id: ByteBuf::from([who.number(); 16]), public_key: public_key(who.number()) }
}

fn args(values: impl ArgumentEncoder) -> Vec<u8> {
    candid::encode_args(values).expect("samples encode")
}

/// Writes down what is sent.
struct Recorder {
    world: World,
    messages: Vec<Message>,
}

impl Recorder {
    /// People in every state.
    fn meet(&mut self) -> Codes {
        let (owner, capsule) = (Signer::Owner, "capsule_1");
        for (account, device) in
            [(owner, Signer::Device), (owner, Signer::Removed), (Signer::RemovedFirst, Signer::Member)]
        {
            self.join(account, device);
        }
        self.done(owner, "devices_remove", (Signer::Removed.principal(),));
        self.done(Signer::Member, "devices_remove", (Signer::RemovedFirst.principal(),));
        self.done(owner, "passkeys_register", (passkey(owner),));
        self.done(owner, "profile_set", (Some("Anna"), Some(7_u32)));
        self.done(owner, "people_name", (Signer::RemovedFirst.principal(), Some("Aunt"), None::<u32>));
        self.done(owner, "capsules_grant", (capsule, Signer::Blocked.principal(), Role::Admin));
        self.join(Signer::Blocked, Signer::BlockedDevice);
        self.done(Signer::Controller, "admin_block", (Signer::Blocked.principal(), Some("spam")));
        let ends = self.world.now_ns() + HOUR_NS;
        let one = LinkOptions {
            memories: Some(vec!["mem_1".to_owned()]),
            download: Some(false),
            ..LinkOptions::default()
        };
        let short = LinkOptions { expires_at: Some(ends), ..LinkOptions::default() };
        for (link, options) in
            [(Signer::Link, LinkOptions::default()), (Signer::LinkToOne, one), (Signer::LinkExpired, short)]
        {
            self.done(owner, "links_create", (capsule, public_key(link.number()), Some(options)));
        }
        self.world.advance(2 * HOUR_NS);
        let args = (capsule, Role::Guest, 2_u32, None::<u64>, Some("Cousins"));
        Codes {
            capsule: self.told(owner, "invitations_create", args),
            device: self.told(owner, "devices_invite", ("Tablet",)),
            host: self.told(
                Signer::Controller,
                "admin_invite",
                (2_u32, None::<u64>, None::<String>, Some(1_u64)),
            ),
        }
    }

    fn join(&mut self, account: Signer, device: Signer) {
        let code: String = self.told(account, "devices_invite", ("Phone",));
        let _: Principal = self.told(device, "devices_join", (code, "", None::<Passkey>));
    }

    fn done(&mut self, who: Signer, method: &'static str, values: impl ArgumentEncoder) {
        let _: candid::Reserved = self.told(who, method, values);
    }

    /// What a message that must be allowed is answered.
    fn told<T>(&mut self, who: Signer, method: &'static str, values: impl ArgumentEncoder) -> T
    where
        T: candid::CandidType + serde::de::DeserializeOwned,
    {
        let reply = self.update(who.principal(), method, &args(values)).expect("it is understood");
        let answer: Answer<T> = candid::decode_one(&reply).expect("the answer has its type");
        answer.unwrap_or_else(|error| panic!("{method} by {who:?}: {error}"))
    }
}

impl Subject for Recorder {
    fn update(&mut self, who: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        self.messages.push(Message { who, update: true, method, arg: arg.to_vec() });
        self.world.update(who, method, arg)
    }

    fn query(&mut self, who: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        self.messages.push(Message { who, update: false, method, arg: arg.to_vec() });
        self.world.query(who, method, arg)
    }

    fn put(
        &mut self,
        ticket: &str,
        session: u64,
        index: u32,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        self.world.put(ticket, session, index, bytes)
    }

    fn now_ns(&self) -> u64 {
        self.world.now_ns()
    }

    fn advance(&mut self, by_ns: u64) {
        self.world.advance(by_ns);
    }

    fn restart(&mut self) {
        self.world.restart();
    }

    fn violations(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn bounds(&self) -> crate::model::Bounds {
        self.world.bounds()
    }
}
