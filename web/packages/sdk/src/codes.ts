// The service's error codes and what they mean, as crates/keepsake-api/src/codes.rs lists them.
// Owns nothing else; a test holds the two lists equal.

/** Code, and what to do about it. */
export const MEANINGS = {
  expected_chunks_out_of_range: "expected_chunks must be 1..=limit; the data names the limit",
  total_len_out_of_range: "total_len cannot be cut into expected_chunks chunks",
  sha256_length: "a SHA-256 has 32 bytes",
  chunk_too_large: "cut the file into smaller chunks; the data names the limit",
  chunk_empty: "a chunk has at least one byte",
  chunk_index_out_of_range: "the index is not below expected_chunks",
  chunk_length_differs: "all chunks but the last have the same length; the last is not longer",
  chunks_missing: "send the missing chunks, then finish again",
  total_len_differs: "the length received is not the one given; the session stays pending",
  sha256_differs: "the bytes received do not have the SHA-256 given; the session stays pending",
  chunk_differs: "other bytes were received for this index before",
  session_finished: "the session is finished and takes no other bytes",
  hash_pending: "the hash still advances over chunks that came out of order: finish again",
  idem_reused: "the idempotency key was used with other arguments",
  idem_length: "an idempotency key has 1 to 256 bytes",
  sessions_count: "a publish takes one to four sessions",
  session_repeated: "each session of a publish is named once",
  session_in_other_capsule: "the session was begun in another capsule",
  blob_too_large: "read it with blob_read_chunk; the data names the limit",
  chunk_index_beyond_end: "the index is not below chunk_count",
  range_beyond_end: "the offset is beyond the end",
  range_too_large: "ask for fewer bytes; the data names the limit",
  blob_referenced: "a memory refers to the blob: remove the asset or the memory first",
  blob_in_other_capsule: "a memory can only refer to blobs of its own capsule",
  subject_empty: "name the person, or leave the subject null for the caller's own capsule",
  last_owner: "a capsule keeps at least one owner",
  role_not_for_anonymous: "the anonymous principal can only be Guest",
  id_too_long: "no id is that long; the data names the field and the limit in bytes",
  text_too_long: "the data names the field and its limit in bytes",
  too_many_items: "the data names the list and its limit",
  assets_count: "a memory has one to four assets",
  asset_kind_taken: "the memory has an asset of this kind already",
  inline_too_large: "upload it as a blob; the data names the limit",
  inline_empty: "an inline asset has at least one byte",
  bytes_source: "give exactly one source of bytes: inline, blob, or location with storage_key",
  asset_index_out_of_range: "the index is not below the number of assets",
  cursor_malformed: "pass next_cursor back as it was given",
  limit_out_of_range: "a page has at least one row",
  site_path_malformed: "the data names the path and says what a path may be",
  site_path_repeated: "each file of the site has a path of its own",
  site_file_too_large: "a file of the site fits one answer; the data names the limit in bytes",
  variant_unknown: "variants are original, display, thumbnail, placeholder, preview, derivative, metadata",
  token_scope_empty: "name variants or asset_ids, or leave asset_ids null to cover all assets",
  token_secret_pending: "the host waits for its random secret: try again in a few seconds",
  ttl_out_of_range: "the data names the limits in seconds",
  no_put_road: "this host takes chunks by uploads_put_chunk only",
  ticket_missing: "send `Authorization: Bearer` with a ticket of mint_upload_ticket",
  ticket_wrong: "no ticket of this host: mint one",
  ticket_expired: "mint another ticket and go on",
  ticket_for_another_session: "each session has tickets of its own",
  chunk_index_malformed: "say by the header `Keepsake-Chunk` which chunk it is: a number",
  digest_malformed: "`Content-Digest: sha-256=:…:` has a SHA-256 in base64, as in RFC 9530",
  digest_differs: "the bytes that came are not those of `Content-Digest`: send them again",
  body_cut_off: "the body ended before its length: send it again",
  length_required: "send `Content-Length`",
  body_too_slow: "fewer chunks at once are faster; the data names the least rate",
  overloaded: "there is no room now: try again after `Retry-After`",
  storage_failed: "the node's files failed it and nothing was written: try again after `Retry-After`",
  stopped: "the node stopped writing after a fault: its operator has to restart it",
  trapped: "the service failed on this chunk and nothing was written: see the node's log",
  sessions_per_caller: "your unfinished uploads: finish or give up some of them, or wait until they expire",
  bytes_in_flight_per_caller:
    "bytes of your unfinished uploads: finish or give up some of them, or wait until they expire",
  capsules_per_caller: "capsules that you made: delete one that you no longer need",
  capsule_bytes:
    "bytes of the capsule's files and of unfinished uploads into it: delete memories, or give up uploads",
  inline_bytes_per_capsule:
    "bytes of the capsule's inline assets: delete memories, or upload assets as blobs",
  capsule_record_bytes: "bytes of the texts and records of the capsule's memories: delete memories",
  members_per_capsule: "members of the capsule: take a role away from somebody",
  heap_bytes: "bytes of all files on this host: its operator can set a larger limit",
  host_bytes: "disk or memory of this host, or what it can pay for: its operator can give it more",
  record_bytes: "bytes of all records on this host: its operator can set a larger limit",
} as const;

/** A stable code of the service. */
export type ErrorCode = keyof typeof MEANINGS;

/** What a code means; undefined where a newer service sent one that is not known here. */
export function meaningOf(code: string): string | undefined {
  return Object.hasOwn(MEANINGS, code) ? MEANINGS[code as ErrorCode] : undefined;
}
