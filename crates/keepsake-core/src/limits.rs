//! Every limit, each with its reason. Owns the numbers; the rules that apply them live with their data.

/// Largest chunk, bytes: with its envelope it fits the IC's 2 MiB ingress message, and two fit one 4 MiB block.
pub const CHUNK_BYTES_MAX: u32 = 1_800_000;
/// Chunks of one session that did not say its length: its bitset stays within four pages.
pub const CHUNKS_MAX: u32 = 16_384;
/// Chunks of one session that gave its length: 1.8 TB in largest chunks, a bitset of 128 KiB.
pub const CHUNKS_MAX_WITH_TOTAL_LEN: u32 = 1 << 20;
/// Where the length is known, more than [`CHUNKS_MAX`] chunks must be at least this long on average, bytes:
/// a small file does not need a large bitset.
pub const CHUNK_BYTES_MIN_BEYOND: u64 = 65_536;

/// Largest inline asset, bytes: four of them fit one answer, and a record page stays small.
pub const INLINE_BYTES_MAX: u32 = 32_768;
/// All inline assets of one capsule, bytes: about 100,000 placeholders of the largest size.
pub const INLINE_BUDGET_PER_CAPSULE_BYTES: u32 = 1 << 30;

/// Pending sessions of one caller: a day of interrupted uploads, yet one caller cannot fill the index.
pub const SESSIONS_PER_CALLER_MAX: u32 = 1_000;
/// Aborted sessions of one caller that still answer a repeated abort: as many as may be pending by default, so that
/// begin and abort in turns leave a bounded trace.
pub const ABORTED_PER_CALLER_MAX: u32 = 1_000;
/// Finished sessions of one caller that still answer a repeated finish, for each one that may be pending: a million by default,
/// more than anybody uploads in a day, so that hardly a message forgets one. A stranger leaves no more rows than that, and none
/// that it did not send more bytes for.
pub const FINISHED_PER_PENDING_MAX: u64 = 1_000;
/// Bytes of the pending sessions of one caller, announced or received, by default.
pub const BYTES_IN_FLIGHT_PER_CALLER_MAX: u64 = 256 << 30;
/// Bytes of one capsule, by default: the whole of what one canister can hold.
pub const CAPSULE_BYTES_MAX: u64 = 500 << 30;
/// Bytes of the blob heap on the IC, where stable memory ends at 500 GiB and records need room too.
pub const HEAP_BYTES_MAX: u64 = 480 << 30;

/// Records of one capsule's memories and blobs, bytes, by default: a million photos with ordinary texts.
pub const CAPSULE_RECORD_BYTES_MAX: u64 = 2 << 30;
/// All records and indexes, bytes, by default: they fit beside the largest heap of a canister.
pub const RECORD_BYTES_MAX: u64 = 16 << 30;
/// Of them, bytes that only what gives room back may use: a thousand times what one such message adds.
pub const RECORDS_RESERVE_BYTES: u64 = 64 << 20;
/// Where the operator allows few records, only this part of them is kept back.
pub const RECORDS_RESERVE_PART: u64 = 8;

/// A pending session not touched for this long is evicted, ns: one day, so that a phone can sleep over it.
pub const SESSION_TTL_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// A finished or aborted session answers repeated messages for this long, ns.
pub const ENDED_TTL_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// An unreferenced blob is collected after this long, ns.
pub const BLOB_TTL_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Bytes of chunks that came early which one put may hash beyond its own: four chunks, so that the work of
/// one message stays below a billion instructions.
pub const HASH_CATCH_UP_PUT_BYTES: u64 = 4 * CHUNK_BYTES_MAX as u64;
/// Bytes that one finish or publish may hash: half of the IC's 40 billion instructions.
pub const HASH_CATCH_UP_FINISH_BYTES: u64 = 256 << 20;

/// Longest object that goes into the bucket by one address, bytes: its SHA-256 is checked by the bucket itself, and a phone sends
/// it again in a minute where it fails.
pub const OBJECT_PUT_BYTES_MAX: u64 = 100 << 20;
/// Shortest part of a longer one but for the last, bytes. Source: S3 takes 5 MiB; few parts mean few signatures.
pub const OBJECT_PART_BYTES_MIN: u64 = 16 << 20;
/// Parts of one object. Source: S3.
pub const OBJECT_PARTS_MAX: u32 = 10_000;
/// Longest object, bytes. Source: S3.
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;
/// What a bucket calls parts or a version, bytes: those of the known servers have up to 300.
pub const OBJECT_TEXT_BYTES_MAX: usize = 400;
/// An address by which something may be written works for at most so long, ns.
pub const GRANT_TTL_NS: u64 = 3_600 * 1_000_000_000;
/// An address by which something may be read works for at most so long, ns.
pub const READ_TTL_NS: u64 = 300 * 1_000_000_000;
/// The clocks of host and bucket may be apart by so much, ns: what nobody needs goes so much later.
pub const GRANT_MARGIN_NS: u64 = 300 * 1_000_000_000;
/// Objects of one answer, and of one message that forgets some.
pub const OBJECTS_LISTED_MAX: usize = 1_000;
/// Blobs that one query looks at for those that could move into the bucket.
pub const MOVES_LOOKED_AT_MAX: usize = 1_000;

/// Room that a run of chunks gets at once beyond the chunk that opens it, bytes: a large file takes few runs, and an upload
/// that stops leaves little unused.
pub const ROOM_BYTES_MAX: u64 = 32 << 20;
/// Runs that one message frees of one file; the tick frees the others, slice by slice. More than most files have.
pub const RUNS_SLICE: usize = 16;
/// Idle runs of the heap that `begin` counts one by one, to tell whether a file can fit.
pub const IDLE_RUNS_COUNTED: usize = 64;

/// Extents of one allocation: a fragmented heap may cut a blob, but records stay small and frees cheap.
pub const EXTENTS_PER_ALLOCATION_MAX: usize = 8;
/// Freed extents moved from limbo to the free list in one go: more than one message usually frees.
pub const LIMBO_SLICE: usize = 64;
/// Slices of limbo that one allocation goes through before it says that the heap is full: 4,096 extents, so that
/// a put into a full heap costs no more than the hash of its chunk.
pub const LIMBO_SLICES_PER_ALLOCATION: usize = 64;

/// Bytes of one answer: 2 MiB less its envelope.
pub const RESPONSE_BYTES_MAX: u32 = 2_000_000;
/// Argument of a message that carries no more than ids, keys and short texts, bytes: a thousand ids fit. What a method
/// carries beyond that is in the endpoint table of `keepsake-service`.
pub const ARGUMENT_BYTES_MAX: usize = 65_536;
/// An id on the wire, bytes: the longest one is a prefix and twenty digits.
pub const ID_BYTES_MAX: usize = 32;
/// Missing ranges shown by a status.
pub const MISSING_RANGES_MAX: usize = 1_000;
/// Rows of `sessions_list`, and of `_probe_sessions` times ten.
pub const SESSIONS_LISTED_MAX: usize = 1_000;
/// Ids shown by `_probe_sessions`.
pub const SESSIONS_PROBED_MAX: usize = 10_000;
/// Rows of one page of memories.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// Records that one page of memories is made from, bytes as they are charged: a query holds no more than 4 MiB for one
/// answer, and the records of ordinary photos take a quarter of this.
pub const PAGE_RECORD_BYTES_MAX: u64 = 1 << 20;
/// Rows of a page where the caller does not say.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;

/// Capsules that one caller may make, and rows of `capsules_list`; the order of the rows says which come first.
pub const CAPSULES_PER_CALLER_MAX: u32 = 1_000;
/// Members of one capsule.
pub const MEMBERS_PER_CAPSULE_MAX: u32 = 1_000;
/// Devices of one account: more than a family has, and the list stays one short answer.
pub const DEVICES_PER_ACCOUNT_MAX: usize = 50;
/// Keys that were removed from one account, with which no new one joins it any more: all of them stay known, since one that was
/// forgotten would be somebody again, and a controller where it is named as one. Twenty times as many as it has devices.
pub const REMOVED_PER_ACCOUNT_MAX: usize = 1_000;
/// Codes for devices of one account that were not used yet; a further one ends the oldest.
pub const DEVICE_CODES_MAX: usize = 10;
/// A code for a device is good for this long, ns: as long as it takes to fetch the phone.
pub const DEVICE_CODE_TTL_NS: u64 = 15 * 60 * 1_000_000_000;
/// A code whose time ran out is known for this much longer, ns, so that whoever comes late is told why.
pub const CODE_KNOWN_AFTER_NS: u64 = 7 * 24 * 3_600 * 1_000_000_000;
/// Capsules that a key brings along into an account: as many as it lists.
pub const CAPSULES_BROUGHT_MAX: usize = CAPSULES_PER_CALLER_MAX as usize;
/// Invitations into one capsule that are kept, and those onto the host.
pub const INVITATIONS_PER_CAPSULE_MAX: usize = 200;
/// Invitations onto the host that are kept.
pub const INVITATIONS_ONTO_HOST_MAX: usize = 1_000;
/// How often one invitation may be redeemed.
pub const INVITATION_USES_MAX: u32 = 1_000;
/// Links into one capsule.
pub const LINKS_PER_CAPSULE_MAX: usize = 200;
/// Memories that one link names.
pub const LINK_MEMORIES_MAX: usize = 1_000;
/// Names that one account gives to others: as many as a capsule has members.
pub const NAMES_PER_ACCOUNT_MAX: usize = 1_000;
/// A passkey's credential id, bytes, as the standard for it allows.
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1_023;
/// A passkey's public key in DER, bytes: RSA of 4096 bits fits, P-256 takes 91.
pub const PUBLIC_KEY_BYTES_MAX: usize = 1_024;
/// Entries of the operators' log; the oldest go first.
pub const LOG_ENTRIES_MAX: u64 = 10_000;
/// Entries of one page of that log.
pub const LOG_PAGE_MAX: usize = 200;

/// Assets of one memory: original, display, thumbnail, placeholder.
pub const ASSETS_PER_MEMORY_MAX: usize = 4;
/// Sessions of one publish.
pub const SESSIONS_PER_PUBLISH_MAX: usize = 4;
/// Files that come along with one publish, bytes of all together: as much as a chunk, for the same reason.
pub const CARRIED_BYTES_MAX: u32 = CHUNK_BYTES_MAX;
/// Memories named in one bulk message. A host with little room deletes fewer, see [`crate::Call::rows_max`].
pub const BULK_ITEMS_MAX: usize = 1_000;
/// Memories that `memories_delete_all` deletes in one message: about 5 billion instructions.
pub const DELETE_ALL_SLICE: u32 = 10_000;
/// Runs that `memories_delete_all` frees in one message before it leaves the rest to the next: files that came in the worst
/// order have many, and each costs about as much as a row of a table.
pub const DELETE_ALL_RUNS: u64 = 16_000;
/// Rows that one slice of housekeeping works off.
pub const TICK_SLICE: u32 = 200;
/// Pages of an evicted session's bitset that count as one more row: removing them costs about as much.
pub const BITS_PAGES_PER_ROW: usize = 8;

/// Bytes of a piece of a large asset that is certified by itself: what one answer holds.
pub const PIECE_BYTES: u64 = RESPONSE_BYTES_MAX as u64;
/// Pieces of one asset that are certified: an HTTP gateway asks for no more, and their digests stay a record of 32 KB.
pub const PIECES_MAX: usize = 1_000;

/// Files of the site: all of them are looked through for each answer.
pub const SITE_FILES_MAX: usize = 500;
/// Path of a file of the site, bytes.
pub const SITE_PATH_BYTES_MAX: usize = 256;

/// Idempotency key, bytes.
pub const IDEM_BYTES_MAX: usize = 256;
/// Short texts (title, name, MIME type, cursor, keys), bytes.
pub const TEXT_SHORT_BYTES_MAX: usize = 1_024;
/// Long texts (description, notes, EXIF, addresses), bytes.
pub const TEXT_LONG_BYTES_MAX: usize = 16_384;
/// All texts of one memory and of its assets together, bytes: a thousand times what people write, and a stranger cannot
/// fill the records with it.
pub const MEMORY_TEXT_BYTES_MAX: usize = 65_536;
/// Tags, or people, of one memory.
pub const TAGS_MAX: usize = 64;
/// One tag or person, bytes.
pub const TAG_BYTES_MAX: usize = 128;
/// Name of a person, a device, a capsule, or the label of an invitation or a link, bytes.
pub const PERSON_BYTES_MAX: usize = 256;

/// Longest life of an HTTP token, and of an upload ticket, seconds: one day.
pub const TOKEN_TTL_SECS_MAX: u32 = 86_400;
/// Asset ids in one HTTP token.
pub const TOKEN_ASSET_IDS_MAX: usize = 16;
