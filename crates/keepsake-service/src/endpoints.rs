//! The list of endpoints: name, kind, argument types, result type, handler. Owns decoding and encoding of
//! messages; the handlers in `endpoints/…` own the mapping of one method each.

mod blobs;
mod capsules;
mod gateway;
mod invitations;
mod memories;
mod objects;
mod operator;
mod people;
mod site;
mod types;
mod uploads;
mod usage;

use crate::host::{Event, Kind, Paths, Reject, Reply};
use crate::wire::people::code_in;
use candid::de::IDLDeserialize;
use candid::types::internal::TypeContainer;
use candid::types::{FuncMode, Function, TypeInner};
use candid::{CandidType, DecoderConfig, Principal};
use ic_stable_structures::Memory;
use keepsake_api as api;
use keepsake_api::Answer;
use keepsake_core::devices::DeviceError;
use keepsake_core::door::Standing;
use keepsake_core::ids::BlobId;
use keepsake_core::invitations::CodeError;
use keepsake_core::objects::ObjectRange;
use keepsake_core::{Call, Store, limits};
use serde_bytes::{ByteBuf, Bytes};
use types::Known;

/// What an update handler works on.
pub(crate) struct Update<'a, R: Memory, H: Memory> {
    pub(crate) store: &'a mut Store<R, H>,
    /// The message of whoever acts.
    pub(crate) call: &'a Call,
    /// The same message, of the key that signed it.
    pub(crate) signed: &'a Call,
    /// Paths of addresses that this host answers.
    pub(crate) paths: Paths,
    pub(crate) events: Vec<Event>,
}

/// What a query handler works on.
pub(crate) struct Query<'a, R: Memory, H: Memory> {
    pub(crate) store: &'a Store<R, H>,
    /// The message of whoever acts.
    pub(crate) call: &'a Call,
    /// The same message, of the key that signed it.
    pub(crate) signed: &'a Call,
    /// Paths of addresses that this host answers.
    pub(crate) paths: Paths,
}

/// There is a bucket: originals from this length on should go there, and who signs is there, where it is not the host.
pub(crate) fn bucket_of<R: Memory, H: Memory>(
    store: &Store<R, H>,
    paths: Paths,
) -> Option<(u64, Option<String>)> {
    let gate = store.config().gate.as_ref();
    paths
        .s3_from_len
        .map(|len| (len, None))
        .or_else(|| gate.map(|gate| (gate.from_len, Some(gate.url.clone()))))
}

/// Bounds on decoding, in candid's cost units (about bytes): a largest chunk fits eight times over.
const DECODING_QUOTA: usize = 16_000_000;
/// Bounds on data that is skipped because no argument takes it.
const SKIPPING_QUOTA: usize = 100_000;

/// Longest argument of an update by somebody whom the store does not know, bytes: enough for each rule to say what is
/// missing.
pub const STRANGER_ARGUMENT_BYTES_MAX: usize = 4_096;

/// What arguments carry beyond [`limits::ARGUMENT_BYTES_MAX`], bytes. A chunk has room to be a little too large, so that
/// its sender is told so by the rule and not by the door.
mod carried {
    use super::limits::{
        ASSETS_PER_MEMORY_MAX, BULK_ITEMS_MAX, CARRIED_BYTES_MAX, CHUNK_BYTES_MAX, ID_BYTES_MAX,
        INLINE_BYTES_MAX, MEMORY_TEXT_BYTES_MAX, SITE_FILES_MAX, SITE_PATH_BYTES_MAX, TAG_BYTES_MAX,
        TOKEN_ASSET_IDS_MAX,
    };

    pub(super) const CHUNK: usize = CHUNK_BYTES_MAX as usize + super::limits::ARGUMENT_BYTES_MAX;
    pub(super) const TEXTS: usize = MEMORY_TEXT_BYTES_MAX;
    pub(super) const INLINE: usize = TEXTS + ASSETS_PER_MEMORY_MAX * INLINE_BYTES_MAX as usize;
    pub(super) const PUBLISH: usize = INLINE + CARRIED_BYTES_MAX as usize;
    /// Of each request an id, the ids of its assets, and variants, whose names are shorter than ids.
    pub(super) const TOKENS: usize =
        BULK_ITEMS_MAX * (1 + TOKEN_ASSET_IDS_MAX + 2 * ASSETS_PER_MEMORY_MAX) * ID_BYTES_MAX;
    pub(super) const SITE: usize = SITE_FILES_MAX * (SITE_PATH_BYTES_MAX + ID_BYTES_MAX + TAG_BYTES_MAX);
}

macro_rules! endpoints {
    ($( $kind:ident $name:literal $([ $carried:ident ])? $module:ident :: $handler:ident ( $($arg:ty),* ) -> $result:ty ; )*) => {
        /// The kind of `method`, if there is such a method.
        pub fn kind(method: &str) -> Option<Kind> {
            match method {
                $( $name => Some(endpoints!(@kind $kind)), )*
                _ => None,
            }
        }

        /// Whether `method` makes room, and so has to run where there is none.
        pub fn is_freeing(method: &str) -> bool {
            match method {
                $( $name => endpoints!(@is_freeing $kind), )*
                _ => false,
            }
        }

        /// Longest argument of `method`, bytes. A host refuses what is longer before it pays for it. A method that is
        /// not there is refused anyway, and gets the least.
        pub fn argument_bytes_max(method: &str) -> usize {
            match method {
                $( $name => limits::ARGUMENT_BYTES_MAX $(+ carried::$carried)?, )*
                _ => limits::ARGUMENT_BYTES_MAX,
            }
        }

        /// The names of all methods, in the order of the table.
        pub const METHODS: &[&str] = &[$($name),*];

        /// Makes the Candid types of all update methods, for this thread. Without it, the first message of a method
        /// makes its types, as those of queries do.
        pub fn prepare() {
            $( if endpoints!(@is_update $kind) {
                $(types::prepare::<$arg>();)*
                types::prepare_reply::<$result>();
            } )*
        }

        pub(crate) fn update<R: Memory, H: Memory>(
            store: &mut Store<R, H>,
            call: &Call,
            paths: Paths,
            method: &str,
            arg: &[u8],
        ) -> Result<Reply, Reject> {
            if arg.len() > argument_bytes_max(method) {
                return Err(Reject::argument_too_long(method, arg.len()));
            }
            // As on the IC: a query method may be called as an update, and its answer is certified.
            if kind(method) == Some(Kind::Query) {
                return query(store, call, paths, method, arg);
            }
            let entered = store.enter_to_change(call);
            let mut context = Update { store, call: &entered, signed: call, paths, events: Vec::new() };
            let bytes = match method {
                $( $name if endpoints!(@is_update $kind) => endpoints!(@update $kind context, $name, arg, $module::$handler, ($($arg,)*)), )*
                _ => return Err(Reject::no_method(Kind::Update, method)),
            };
            Ok(Reply { bytes, events: context.events })
        }

        pub(crate) fn query<R: Memory, H: Memory>(
            store: &Store<R, H>,
            call: &Call,
            paths: Paths,
            method: &str,
            arg: &[u8],
        ) -> Result<Reply, Reject> {
            let entered = store.enter(call);
            let context = Query { store, call: &entered, signed: call, paths };
            let bytes = match method {
                $( $name if !endpoints!(@is_update $kind) => endpoints!(@query $kind context, $name, arg, $module::$handler, ($($arg,)*)), )*
                _ => return Err(Reject::no_method(Kind::Query, method)),
            };
            Ok(Reply { bytes, events: Vec::new() })
        }

        /// The service's interface as Candid text, from the types of this table.
        pub fn did() -> String {
            let mut types = TypeContainer::new();
            let mut methods = Vec::new();
            $(
                let function = Function {
                    modes: endpoints!(@modes $kind),
                    args: vec![$(types.add::<$arg>()),*],
                    rets: vec![types.add::<$result>()],
                };
                methods.push(($name.to_owned(), TypeInner::Func(function).into()));
            )*
            methods.sort_unstable_by(|a: &(String, candid::types::Type), b| a.0.cmp(&b.0));
            let service = TypeInner::Service(methods).into();
            candid::pretty::candid::compile(&types.env, &Some(service))
        }
    };
    (@kind query) => { Kind::Query };
    (@kind $update:ident) => { Kind::Update };
    (@is_freeing freeing) => { true };
    (@is_freeing $other:ident) => { false };
    (@is_update query) => { false };
    (@is_update $update:ident) => { true };
    (@modes query) => { vec![FuncMode::Query] };
    (@modes $update:ident) => { vec![] };
    (@update query $context:ident, $name:literal, $arg:ident, $handler:path, $args:tt) => { unreachable!() };
    (@update $update:ident $context:ident, $name:literal, $arg:ident, $handler:path, ($($type:ty,)*)) => {{
        let arguments = endpoints!(@decode $name, $arg, ($($type,)*));
        $handler(&mut $context, arguments).explained(|| why(&*$context.store, $context.signed, $name)).into_message()
    }};
    (@query query $context:ident, $name:literal, $arg:ident, $handler:path, ($($type:ty,)*)) => {{
        let arguments = endpoints!(@decode $name, $arg, ($($type,)*));
        $handler(&$context, arguments).explained(|| why($context.store, $context.signed, $name)).into_message()
    }};
    (@query $update:ident $context:ident, $name:literal, $arg:ident, $handler:path, $args:tt) => { unreachable!() };
    (@decode $name:literal, $arg:ident, ($($type:ty,)*)) => {
        decode($name, $arg, |_values| Ok(($(_values.get_value::<Known<$type>>()?.0,)*)))?
    };
}

/// Passes the table to the macro `$callback`: one `kind "name" module::handler(arguments) -> result;` for each
/// endpoint. A host that must name its entry points one by one makes them from this, so that nothing is listed twice.
/// Kinds are `query`, `update`, and `freeing`: an update that makes room, and so has to run where there is none. In
/// brackets is what the arguments carry, where that is more than a few ids and keys.
#[macro_export]
macro_rules! for_each_endpoint {
    ($callback:ident) => {
        $callback! {
            update "capsules_create" capsules::create(Option<api::PersonRef>) -> Answer<api::Capsule>;
            query "capsules_list" capsules::list() -> Vec<api::CapsuleHeader>;
            query "capsules_read_basic" capsules::read_basic(Option<String>) -> Answer<api::CapsuleInfo>;
            query "capsules_read_full" capsules::read_full(Option<String>) -> Answer<api::Capsule>;
            freeing "capsules_delete" capsules::delete(String) -> Answer<()>;
            update "capsules_grant" capsules::grant(String, Principal, api::Role) -> Answer<()>;
            freeing "capsules_revoke" capsules::revoke(String, Principal) -> Answer<()>;
            update "capsules_accept" capsules::accept(String) -> Answer<()>;
            freeing "capsules_leave" capsules::leave(String) -> Answer<()>;
            update "capsules_rename" capsules::rename(String, Option<String>) -> Answer<()>;

            query "whoami" people::whoami() -> api::WhoAmI;
            update "devices_invite" people::invite(String) -> Answer<String>;
            update "devices_join" people::join(String, String, Option<api::Passkey>) -> Answer<Principal>;
            query "devices_list" people::list() -> Answer<Vec<api::Device>>;
            update "devices_rename" people::rename(Principal, String) -> Answer<()>;
            freeing "devices_remove" people::remove(Principal) -> Answer<()>;
            update "passkeys_register" people::passkey_register(api::Passkey) -> Answer<()>;
            query "passkeys_find" people::passkey_find(ByteBuf) -> Answer<ByteBuf>;
            update "profile_set" people::profile_set(Option<String>, Option<u32>) -> Answer<()>;
            update "people_name" people::name(Principal, Option<String>, Option<u32>) -> Answer<()>;
            query "people_list" people::names() -> Answer<Vec<api::PersonName>>;

            update "invitations_create" invitations::create(
                String, api::Role, u32, Option<u64>, Option<String>
            ) -> Answer<String>;
            query "invitations_read" invitations::read(String) -> Answer<api::Invitation>;
            update "invitations_redeem" invitations::redeem(String) -> Answer<api::Redeemed>;
            query "invitations_list" invitations::list(Option<String>) -> Answer<Vec<api::Invitation>>;
            freeing "invitations_revoke" invitations::revoke(u64) -> Answer<()>;
            update "links_create" invitations::link_create(String, ByteBuf, Option<api::LinkOptions>) -> Answer<api::Link>;
            query "links_list" invitations::link_list(String) -> Answer<Vec<api::Link>>;
            freeing "links_revoke" invitations::link_revoke(String, Principal) -> Answer<()>;

            query "admin_settings" operator::settings() -> Answer<api::HostSettings>;
            freeing "admin_set" operator::set(api::Settings) -> Answer<()>;
            update "admin_invite" operator::invite(u32, Option<u64>, Option<String>, Option<u64>) -> Answer<String>;
            freeing "admin_evict" operator::evict(u64) -> Answer<()>;
            freeing "admin_remove" operator::remove(String) -> Answer<()>;
            freeing "admin_block" operator::block(Principal, Option<String>) -> Answer<()>;
            freeing "admin_unblock" operator::unblock(Principal) -> Answer<()>;
            freeing "admin_quota" operator::quota(Principal, Option<u64>) -> Answer<()>;
            freeing "admin_give" operator::give(String, Principal) -> Answer<()>;
            query "admin_log" operator::log(Option<u64>) -> Answer<Vec<api::LogEntry>>;

            query "usage" usage::usage(Option<String>) -> Answer<api::Usage>;
            query "upload_config" uploads::config() -> api::UploadConfig;
            update "uploads_begin" uploads::begin(String, u32, String, Option<api::BeginOptions>) -> Answer<u64>;
            update "uploads_put_chunk" [CHUNK] uploads::put_chunk(u64, u32, &Bytes) -> Answer<()>;
            query "uploads_status" uploads::status(u64) -> Answer<api::UploadStatus>;
            update "uploads_finish" uploads::finish(u64, ByteBuf, u64) -> Answer<api::UploadFinishResult>;
            freeing "uploads_abort" uploads::abort(u64) -> Answer<()>;
            update "uploads_publish" [PUBLISH] uploads::publish(api::PublishRequest) -> Answer<api::PublishResult>;
            query "sessions_list" uploads::list() -> Answer<Vec<api::SessionInfo>>;
            query "sessions_stats" uploads::stats() -> Answer<api::SessionStats>;
            freeing "sessions_cleanup_expired" uploads::cleanup_expired() -> Answer<u32>;
            query "_probe_sessions" uploads::probe() -> Vec<u64>;

            update "uploads_grant" objects::grant(String) -> Answer<api::ObjectGrant>;
            query "uploads_granted" objects::granted(String) -> Answer<api::ObjectGrant>;
            update "uploads_multipart" objects::multipart(u64, String) -> Answer<String>;
            update "uploads_attest" objects::attest(u64, api::Attestation) -> Answer<()>;
            query "objects_list" objects::list(Option<u64>) -> Answer<Vec<api::Object>>;
            query "objects_removable" objects::removable() -> Answer<Vec<api::Object>>;
            freeing "objects_removed" objects::removed(Vec<u64>) -> Answer<u64>;
            query "objects_movable" objects::movable(Option<String>, u64, u64) -> Answer<api::MovableBlobs>;
            update "objects_move" objects::move_begin(String) -> Answer<api::Object>;
            freeing "objects_moved" objects::moved(String, api::Attestation) -> Answer<()>;

            query "blob_get_meta" blobs::meta(String) -> Answer<api::BlobMeta>;
            query "blob_read" blobs::read(String) -> Answer<ByteBuf>;
            query "blob_read_chunk" blobs::read_chunk(String, u32) -> Answer<ByteBuf>;
            query "blob_read_range" blobs::read_range(String, u64, u32) -> Answer<ByteBuf>;
            freeing "blob_delete" blobs::delete(String) -> Answer<String>;

            update "memories_create" [INLINE] memories::create(
                String, Option<ByteBuf>, Option<api::BlobRef>, Option<api::BlobHosting>, Option<String>, Option<String>,
                Option<u64>, Option<ByteBuf>, api::AssetMetadata, String
            ) -> Answer<String>;
            update "memories_create_with_internal_blobs" [TEXTS] memories::create_with_blobs(
                String, api::MemoryMetadata, Vec<api::InternalBlobAssetInput>, String
            ) -> Answer<String>;
            update "memories_create_with_internal_blobs_and_inline_assets" [INLINE] memories::create_with_blobs_and_inline(
                String, api::MemoryMetadata, Vec<api::InternalBlobAssetInput>, Vec<api::InlineAssetInput>, String
            ) -> Answer<String>;
            update "memories_add_asset" [TEXTS] memories::add_asset(String, api::InternalBlobAssetInput, String) -> Answer<String>;
            update "memories_add_inline_asset" [INLINE] memories::add_inline_asset(String, api::InlineAssetInput, String) -> Answer<String>;
            query "memories_read" memories::read(String) -> Answer<api::Memory>;
            query "memories_read_asset" memories::read_asset(String, u32) -> Answer<api::MemoryAssetData>;
            query "asset_get_by_id" memories::asset_by_id(String, String) -> Answer<api::MemoryAssetData>;
            query "memories_list" memories::list(String, Option<String>, Option<u32>) -> Answer<api::Page>;
            query "memories_list_by_capsule" memories::list(String, Option<String>, Option<u32>) -> Answer<api::Page>;
            query "memories_list_assets" memories::list_assets(String) -> Answer<api::MemoryAssetsList>;
            query "memories_ping" memories::ping(Vec<String>) -> Answer<Vec<api::MemoryPresenceResult>>;
            query "memories_find" memories::find(String, Vec<ByteBuf>) -> Answer<Vec<Option<String>>>;
            update "memories_update" [TEXTS] memories::update(String, api::MemoryUpdateData) -> Answer<api::Memory>;
            freeing "memories_delete" memories::delete(String, bool) -> Answer<()>;
            freeing "memories_delete_bulk" memories::delete_bulk(String, Vec<String>, bool) -> Answer<api::BulkDeleteResult>;
            freeing "memories_delete_all" memories::delete_all(String, bool) -> Answer<api::BulkDeleteResult>;
            freeing "asset_remove_by_id" memories::asset_remove(String, String) -> Answer<api::AssetRemovalResult>;

            query "http_request" gateway::http_request(api::HttpRequest) -> api::HttpResponse;
            update "http_request_update" gateway::http_request_update(api::HttpRequest) -> api::HttpResponse;
            query "mint_http_token" gateway::mint(String, Vec<String>, Option<Vec<String>>, u32) -> Answer<String>;
            query "mint_http_tokens_bulk" [TOKENS] gateway::mint_bulk(Vec<api::TokenRequest>, u32) -> Answer<Vec<api::MintedToken>>;
            query "mint_upload_ticket" uploads::mint_ticket(u64, u32) -> Answer<String>;

            update "site_set" [SITE] site::set(Vec<api::SiteFileInput>) -> Answer<()>;
            query "site_list" site::list() -> Vec<api::SiteFile>;
        }
    };
}

for_each_endpoint!(endpoints);

/// `http_request` on a host whose answers a gateway checks against `certificate`.
pub(crate) fn certified_http<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    arg: &[u8],
    certificate: &[u8],
) -> Result<Reply, Reject> {
    let request = decode("http_request", arg, |values| Ok(values.get_value::<Known<api::HttpRequest>>()?.0))?;
    let answer = gateway::certified(
        &Query { store, call, signed: call, paths: Paths::default() },
        &request,
        certificate,
    );
    Ok(Reply { bytes: answer.into_message(), events: Vec::new() })
}

/// Whether the code opens something now that a message brings to a method that takes one; none where it brings none.
pub(crate) fn opens_door<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    method: &str,
    argument: impl FnOnce() -> Vec<u8>,
) -> Option<Result<(), CodeError>> {
    if !matches!(method, "invitations_redeem" | "devices_join") {
        return None;
    }
    let argument = argument();
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(STRANGER_ARGUMENT_BYTES_MAX * 4).set_skipping_quota(SKIPPING_QUOTA);
    let code = IDLDeserialize::new_with_config(&argument, &config)
        .and_then(|mut values| values.get_value::<String>());
    Some(store.opens_something(call, &code_in(&code.ok()?).ok()?))
}

/// Where the bytes that a query asks for lie in the host's bucket: for one that fetches them. None where it asks for none, where
/// they are here, and where the query is refused.
pub(crate) fn elsewhere<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    method: &str,
    arg: &[u8],
) -> Option<ObjectRange> {
    let (caller, mut values) = (store.enter(call).caller, IDLDeserialize::new(arg).ok()?);
    let locator: String = values.get_value().ok()?;
    let id = BlobId::parse(&locator)?;
    let part = match method {
        "blob_read" => store.blob_read(&caller, id),
        "blob_read_chunk" => store.blob_chunk(&caller, id, values.get_value().ok()?),
        "blob_read_range" => {
            store.blob_range(&caller, id, values.get_value().ok()?, values.get_value().ok()?)
        }
        _ => return None,
    };
    part.ok()?.elsewhere
}

/// A chunk that came without an envelope.
pub(crate) fn put<R: Memory, H: Memory>(
    store: &mut Store<R, H>,
    call: &Call,
    session: u64,
    index: u32,
    bytes: &[u8],
) -> Reply {
    let entered = store.enter_to_change(call);
    let paths = Paths::default();
    uploads::put(
        Update { store, call: &entered, signed: call, paths, events: Vec::new() },
        session,
        index,
        bytes,
    )
}

/// What `read` takes out of a message, which must not hold more.
fn decode<'a, A>(
    method: &str,
    arg: &'a [u8],
    read: impl FnOnce(&mut IDLDeserialize<'a>) -> candid::Result<A>,
) -> Result<A, Reject> {
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(DECODING_QUOTA).set_skipping_quota(SKIPPING_QUOTA);
    let decoded = IDLDeserialize::new_with_config(arg, &config).and_then(|mut values| {
        let arguments = read(&mut values)?;
        values.done()?;
        Ok(arguments)
    });
    decoded.map_err(|why| Reject::arguments(method, &why))
}

/// Why a key that signed has no right, where there is more to say than that.
fn why<R: Memory, H: Memory>(store: &Store<R, H>, signed: &Call, method: &str) -> Option<api::Error> {
    let key = &signed.caller;
    if store.standing(key, signed.now_ns) == Standing::Removed {
        return Some(api::Error::Conflict(DeviceError::Removed.to_string()));
    }
    let is_operators = method.starts_with("admin_") || method == "site_set";
    let account = store.controller_by_account(key).filter(|_| is_operators)?;
    Some(api::Error::Conflict(format!(
        "controller_is_device: {key} is a device of {account}; name that account as controller instead"
    )))
}

/// What a handler gives back, as a Candid message.
trait IntoMessage: Sized {
    fn into_message(self) -> Vec<u8>;

    /// Instead of "no right" what there is to say about it.
    fn explained(self, _why: impl FnOnce() -> Option<api::Error>) -> Self {
        self
    }
}

impl<T: CandidType> IntoMessage for Answer<T> {
    fn into_message(self) -> Vec<u8> {
        types::encode(&self)
    }

    fn explained(self, why: impl FnOnce() -> Option<api::Error>) -> Self {
        match self {
            Err(api::Error::Unauthorized) => Err(why().unwrap_or(api::Error::Unauthorized)),
            answer => answer,
        }
    }
}

impl<T: CandidType> IntoMessage for Vec<T> {
    fn into_message(self) -> Vec<u8> {
        types::encode(&self)
    }
}

macro_rules! whole_messages {
    ($($name:ty),*) => { $(impl IntoMessage for $name {
        fn into_message(self) -> Vec<u8> {
            types::encode(&self)
        }
    })* };
}

whole_messages!(api::WhoAmI, api::UploadConfig, api::HttpResponse);

impl IntoMessage for blobs::Message {
    fn into_message(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DID=1 cargo test -p keepsake-service` writes the file anew.
    #[test]
    fn the_exported_interface_is_the_checked_in_one() {
        let exported = format!(
            "// The Keepsake service, version 1. Written from the endpoint table; see interface docs in README.md.\n{}\n",
            did().trim_end()
        );
        if std::env::var_os("UPDATE_DID").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../keepsake-api/keepsake.did");
            std::fs::write(path, &exported).unwrap();
            return;
        }
        assert_eq!(
            exported,
            api::DID,
            "run UPDATE_DID=1 cargo test -p keepsake-service and review the difference"
        );
    }

    #[test]
    fn an_argument_may_be_as_long_as_what_its_method_carries() {
        assert_eq!(argument_bytes_max("capsules_list"), 65_536);
        assert_eq!(argument_bytes_max("http_request_update"), 65_536);
        assert_eq!(argument_bytes_max("no_such_method"), 65_536);
        assert!(
            argument_bytes_max("uploads_put_chunk") > 1_900_000,
            "the rule says that a chunk is too large"
        );
        assert!(
            METHODS.iter().all(|name| argument_bytes_max(name) < 2 << 20),
            "the IC takes no longer message"
        );
        let beyond = METHODS.iter().filter(|name| argument_bytes_max(name) > 65_536).count();
        assert_eq!(beyond, 10);
    }

    #[test]
    fn every_method_of_the_table_has_one_kind() {
        assert!(METHODS.iter().all(|name| kind(name).is_some()));
        assert_eq!(kind("uploads_put"), None);
    }
}
