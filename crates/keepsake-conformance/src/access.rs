//! Part 1: who may do what. Walks the whole table, and holds that a caller who may not know of a thing gets the
//! same bytes as for a thing that is not there, and that a refusal changed nothing.

pub mod table;

use crate::api::{Answer, BulkDeleteResult, Error, HttpResponse, MemoryPresenceResult, MintedToken};
use crate::host::{Host, Who};
use crate::samples::unique;
use crate::snapshot::Snapshot;
use crate::verdict::{allowed, known};
use crate::world::{Things, World};
use candid::{Principal, Reserved};
use keepsake_client::{Client, Transport, TransportError};
use keepsake_service::Kind;
use keepsake_service::endpoints::{self, METHODS};
use std::collections::{BTreeMap, BTreeSet};
use table::{Of, ROLE_LOST, Row, TABLE};

use crate::api::{LinkOptions, Role};

/// State of the thing that a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// There.
    Exists,
    /// There, in a public capsule.
    Public,
    /// Not there.
    Missing,
    /// Its id is none.
    Malformed,
}

/// Every method is in the table, and the table names no other.
pub fn the_table_is_complete() {
    for method in METHODS {
        assert!(TABLE.iter().any(|row| row.method == *method), "{method} is not in the access table");
    }
    for row in TABLE {
        assert!(METHODS.contains(&row.method), "the access table names {}, which is no method", row.method);
        let Rights4(letters) = letters(row);
        assert_eq!(letters.map(str::len), [8, 3, 8, 8], "{}: one letter per caller", row.method);
    }
}

struct Rights4([&'static str; 4]);

fn letters(row: &Row) -> Rights4 {
    Rights4([row.rights.exists, row.rights.public, row.rights.missing, row.rights.malformed])
}

/// Walks the table.
pub async fn everybody_may_what_the_table_says<H: Host>(host: &H) {
    the_table_is_complete();
    let mut walk = Walk::start(host).await;
    for row in TABLE {
        walk.row(row).await;
    }
}

/// Walks the rows of the method that puts a chunk.
pub async fn chunks_come_from_whom_the_table_says<H: Host>(host: &H) {
    let mut walk = Walk::start(host).await;
    for row in TABLE.iter().filter(|row| row.method == "uploads_put_chunk") {
        walk.row(row).await;
    }
}

/// A session stays its caller's to look at and to abort, whatever becomes of the caller's role; nothing else does.
pub async fn a_session_outlives_its_callers_role<H: Host>(host: &H) {
    let world = World::new(host, "role-lost").await;
    let (owner, member) = (world.owner(), world.member());
    let before = allowed(member.sessions_stats().await);
    for (at, role) in [Some(Role::Guest), None].into_iter().enumerate() {
        for (method, letters) in ROLE_LOST {
            let capsule = world.another_capsule("role-lost").await.id;
            let things = world.things_in(&capsule).await;
            match role {
                Some(role) => allowed(owner.capsules_grant(&capsule, member.principal(), role).await),
                None => allowed(owner.capsules_revoke(&capsule, member.principal()).await),
            }
            let row = TABLE.iter().find(|row| row.method == method && row.of == Of::Session);
            let arg = (row.expect("the table has every method").args)(&things, &unique("role-lost"));
            let reply = if endpoints::kind(method) == Some(Kind::Update) {
                member.transport().update(method, arg).await
            } else {
                member.transport().query(method, arg).await
            };
            let place = format!("{method} by the session's caller, now {role:?}");
            let got = judge(method, &reply.unwrap_or_else(|error| panic!("{place}: {error}")));
            assert_eq!(got, Ok(offered(&world, method, letters[at])), "{place}");
            let pending = allowed(member.sessions_list().await);
            let seen = pending.iter().any(|session| session.session_id == things.session);
            assert_eq!(seen, method != "uploads_abort", "{place}: sessions_list");
            if seen {
                allowed(member.uploads_abort(things.session).await);
            }
        }
    }
    let after = allowed(member.sessions_stats().await);
    let open = |stats: &crate::api::SessionStats| (stats.pending, stats.bytes_in_flight);
    assert_eq!(open(&after), open(&before), "an aborted session takes from no quota");
}

struct Walk<T> {
    world: World<T>,
    private: Things,
    public: Things,
    /// Who stands in for others.
    stand_ins: Vec<(Who, Client<T>)>,
    /// What was seen last of each; none where something was allowed since.
    seen: BTreeMap<bool, Snapshot>,
}

impl<T: Transport> Walk<T> {
    async fn start<H: Host<Transport = T>>(host: &H) -> Self {
        let world = World::new(host, "access").await;
        let private = world.things().await;
        let public = public_things(&world).await;
        let mut stand_ins = Vec::new();
        for (who, ..) in Who::STAND_INS {
            stand_ins.push((who, host.client(who).await));
        }
        let walk = Self { world, private, public, stand_ins, seen: BTreeMap::new() };
        for (who, account) in [(Who::Device, Who::Member), (Who::Removed, Who::Admin)] {
            let code = allowed(walk.world.by(account).devices_invite("").await);
            allowed(walk.client(who).devices_join(&code, "", None).await);
        }
        allowed(walk.world.by(Who::Admin).devices_remove(walk.client(Who::Removed).principal()).await);
        let blocked = walk.client(Who::Blocked).principal();
        allowed(walk.world.by(Who::Controller).admin_block(blocked, None).await);
        walk.let_look().await;
        walk
    }

    fn client(&self, who: Who) -> &Client<T> {
        let found = self.stand_ins.iter().find(|(one, _)| *one == who);
        found.map_or_else(|| self.world.by(who), |(_, client)| client)
    }

    /// The link is into the capsule of the private things, and who is blocked has a role there.
    async fn let_look(&self) {
        let (owner, capsule) = (self.world.owner(), &self.private.capsule);
        let blocked = self.client(Who::Blocked).principal();
        allowed(owner.capsules_grant(capsule, blocked, Role::Admin).await);
        allowed(owner.links_create(capsule, &Who::Link.public_key(), &LinkOptions::default()).await);
    }

    async fn row(&mut self, row: &Row) {
        let mut replies = BTreeMap::new();
        for state in [State::Exists, State::Public, State::Missing, State::Malformed] {
            if row.of == Of::Nothing && state != State::Exists {
                continue;
            }
            for (column, who) in Who::COLUMNS.into_iter().enumerate() {
                if let Some(letter) = letter(row, state, column) {
                    let reply = self.ask(row, state, who, letter).await;
                    replies.insert((column, state), (letter, reply));
                }
            }
        }
        for (who, column, only_looks) in Who::STAND_INS {
            let state = if row.of == Of::Nothing { State::Exists } else { State::Missing };
            for state in [State::Exists, state].into_iter().collect::<BTreeSet<_>>() {
                let is_update = endpoints::kind(row.method) == Some(Kind::Update);
                let column = if only_looks && is_update { Who::Anonymous } else { column };
                let column = Who::COLUMNS.into_iter().position(|one| one == column).expect("it is a column");
                if let Some(letter) = letter(row, state, column) {
                    // A removed key may be asked in again: the code is looked at before the key is.
                    let may_join = who == Who::Removed && row.method == "devices_join";
                    self.ask(row, state, who, if may_join { 'c' } else { letter }).await;
                }
            }
        }
        for (column, who) in Who::COLUMNS.into_iter().enumerate() {
            assert_no_leak(row, who, &replies, column);
        }
    }

    /// Asks, judges, and makes new things where the old ones were used up.
    async fn ask(&mut self, row: &Row, state: State, who: Who, expected: char) -> Vec<u8> {
        let place = format!("{} of {:?} ({state:?}) by {who:?}", row.method, row.of);
        let public = state == State::Public;
        let things = if public { &self.public } else { &self.private };
        let arg = (row.args)(&with_state(things, row.of, state), &unique("access"));
        let is_update = endpoints::kind(row.method) == Some(Kind::Update);
        if is_update && !self.seen.contains_key(&public) {
            self.seen.insert(public, Snapshot::take(&self.world, things).await);
        }
        let transport = self.client(who).transport();
        let reply = if is_update {
            transport.update(row.method, arg).await
        } else {
            transport.query(row.method, arg).await
        };
        // A host may turn those away before the service hears of them.
        if is_update && reply.is_err() && matches!(who, Who::Link | Who::Blocked | Who::Removed) {
            return Vec::new();
        }
        let reply = reply.unwrap_or_else(|error: TransportError| panic!("{place}: {error}"));
        let got = judge(row.method, &reply).unwrap_or_else(|wrong| panic!("{place}: {wrong}"));
        let expected = offered(&self.world, row.method, expected);
        assert_eq!(got, expected, "{place}: expected '{expected}', got '{got}'");
        if is_update && matches!(got, 'o' | 'p') {
            self.seen.clear();
            self.renew(state).await;
        } else if is_update {
            let after = Snapshot::take(&self.world, things).await;
            assert_eq!(
                self.seen[&public].changes(&after),
                Vec::<&str>::new(),
                "{place}: a refusal changed this"
            );
        }
        reply
    }

    async fn renew(&mut self, state: State) {
        if state == State::Public {
            self.public = public_things(&self.world).await;
        } else {
            // The key of a link is another's once the capsule is gone that it was into.
            let _ = self.world.by(Who::Controller).admin_remove(&self.private.capsule).await;
            let capsule = self.world.another_capsule("access").await;
            self.private = self.world.things_in(&capsule.id).await;
            self.let_look().await;
        }
    }
}

/// The letter of a method that not every host has, where this one has it.
fn offered<T>(world: &World<T>, method: &str, letter: char) -> char {
    if method == "mint_upload_ticket" && world.put_road.is_none() { 'i' } else { letter }
}

async fn public_things<T: Transport>(world: &World<T>) -> Things {
    let capsule = world.another_capsule("access-public").await;
    let everybody = Principal::anonymous();
    allowed(world.owner().capsules_grant(&capsule.id, everybody, Role::Guest).await);
    world.things_in(&capsule.id).await
}

fn letter(row: &Row, state: State, column: usize) -> Option<char> {
    let at = |letters: &str, index: usize| letters.chars().nth(index);
    match state {
        State::Exists => at(row.rights.exists, column),
        State::Public => at(row.rights.public, column.checked_sub(5)?),
        State::Missing => at(row.rights.missing, column),
        State::Malformed => at(row.rights.malformed, column),
    }
}

/// The things, with the id of one of them replaced by `id`; a session has no text to be malformed.
pub fn with_id(things: &Things, of: Of, id: &str, session: u64) -> Things {
    let mut things = things.clone();
    match of {
        Of::Nothing => {}
        Of::Capsule => things.capsule = id.into(),
        Of::Memory => things.memory = id.into(),
        Of::Asset => things.asset = id.into(),
        Of::Blob => things.blob = id.into(),
        Of::Session => things.session = session,
    }
    things
}

/// What an id of this thing begins with.
pub fn prefix(of: Of) -> &'static str {
    match of {
        Of::Nothing | Of::Session => "",
        Of::Capsule => "capsule_",
        Of::Memory => "mem_",
        Of::Asset => "asset_",
        Of::Blob => "blob_",
    }
}

fn with_state(things: &Things, of: Of, state: State) -> Things {
    match state {
        State::Exists | State::Public => things.clone(),
        State::Missing => with_id(things, of, &format!("{}987654321", prefix(of)), 987_654_321),
        State::Malformed => with_id(things, of, &format!("{}01", prefix(of)), u64::MAX),
    }
}

/// The letter of a reply.
fn judge(method: &str, reply: &[u8]) -> Result<char, String> {
    match method {
        "capsules_list" | "upload_config" | "_probe_sessions" | "site_list" | "whoami" => return Ok('o'),
        "http_request" | "http_request_update" => {
            let status = decode::<HttpResponse>(reply)?.status_code;
            return match status {
                200 => Ok('o'),
                401 => Ok('4'),
                other => Err(format!("HTTP status {other}")),
            };
        }
        _ => {}
    }
    if let Err(error) = decode::<Answer<Reserved>>(reply)? {
        known(&error)?;
        return match error {
            Error::NotFound => Ok('n'),
            Error::Unauthorized => Ok('u'),
            Error::NotImplemented(_) => Ok('i'),
            // A key that was removed has no right, and is told why.
            Error::Conflict(_) if error.code() == "device_removed" => Ok('u'),
            Error::Conflict(_) => Ok('c'),
            Error::InvalidArgument(_) => Ok('e'),
            other => Err(format!("{other:?}")),
        };
    }
    let done = match method {
        "memories_ping" => decode::<Answer<Vec<MemoryPresenceResult>>>(reply)?
            .is_ok_and(|rows| rows.iter().all(|row| row.metadata_present && row.asset_present)),
        "mint_http_tokens_bulk" => decode::<Answer<Vec<MintedToken>>>(reply)?
            .is_ok_and(|rows| rows.iter().all(|row| row.token.is_some())),
        "memories_delete_bulk" => {
            decode::<Answer<BulkDeleteResult>>(reply)?.is_ok_and(|done| done.deleted_count == 1)
        }
        _ => return Ok('o'),
    };
    Ok(if done { 'p' } else { 'a' })
}

fn decode<T: candid::CandidType + for<'a> candid::Deserialize<'a>>(reply: &[u8]) -> Result<T, String> {
    candid::decode_one(reply).map_err(|error| format!("the answer does not decode: {error}"))
}

type Replies = BTreeMap<(usize, State), (char, Vec<u8>)>;

/// A thing that the caller may not know of, and one that is not there: the same bytes.
fn assert_no_leak(row: &Row, who: Who, replies: &Replies, column: usize) {
    let Some((letter, exists)) = replies.get(&(column, State::Exists)) else { return };
    if matches!(letter, 'o' | 'p') || !matches!(who, Who::Stranger | Who::Anonymous | Who::Controller) {
        return;
    }
    for state in [State::Missing, State::Malformed] {
        let Some((other, reply)) = replies.get(&(column, state)) else { continue };
        let same = anonymised(row.method, exists) == anonymised(row.method, reply);
        // Nobody has rights to an id that cannot be: there is nothing to tell apart.
        let may_differ = state == State::Malformed && who == Who::Anonymous && *other == 'n';
        assert!(
            same || may_differ,
            "{} of {:?} by {who:?}: the answers for existing and {state:?} things differ",
            row.method,
            row.of
        );
    }
}

/// The answer without the id that it repeats from the question.
fn anonymised(method: &str, reply: &[u8]) -> Vec<u8> {
    let text = match method {
        "memories_ping" => candid::decode_one::<Answer<Vec<MemoryPresenceResult>>>(reply).map(|answer| {
            format!(
                "{:?}",
                answer.map(|rows| rows
                    .into_iter()
                    .map(|r| (r.metadata_present, r.asset_present))
                    .collect::<Vec<_>>())
            )
        }),
        "mint_http_tokens_bulk" => candid::decode_one::<Answer<Vec<MintedToken>>>(reply).map(|answer| {
            format!("{:?}", answer.map(|rows| rows.into_iter().map(|r| r.token).collect::<Vec<_>>()))
        }),
        _ => return reply.to_vec(),
    };
    text.expect("it was judged before").into_bytes()
}
