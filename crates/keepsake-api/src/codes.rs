//! The table of error codes, in the one place that lists them all. Owns names and meanings; the conformance exam
//! holds every refusal of the service to it.

/// Which variant of [`crate::Error`] carries a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// `InvalidArgument`.
    InvalidArgument,
    /// `Conflict`.
    Conflict,
    /// `NotImplemented`.
    NotImplemented,
    /// No variant: an answer to the `PUT` of a chunk says it, with this HTTP status.
    Http(u16),
    /// `Internal`.
    Internal,
    /// `ResourceExhausted`, which has no text: `usage` names these codes, with what is used and left.
    ResourceExhausted,
}

/// One stable code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The text before the colon.
    pub name: &'static str,
    /// The variant that carries it.
    pub variant: Variant,
    /// What it means and what to do.
    pub meaning: &'static str,
}

const fn invalid(name: &'static str, meaning: &'static str) -> Code {
    Code { name, variant: Variant::InvalidArgument, meaning }
}

const fn conflict(name: &'static str, meaning: &'static str) -> Code {
    Code { name, variant: Variant::Conflict, meaning }
}

const fn absent(name: &'static str, meaning: &'static str) -> Code {
    Code { name, variant: Variant::NotImplemented, meaning }
}

const fn http(status: u16, name: &'static str, meaning: &'static str) -> Code {
    Code { name, variant: Variant::Http(status), meaning }
}

const fn room(name: &'static str, meaning: &'static str) -> Code {
    Code { name, variant: Variant::ResourceExhausted, meaning }
}

/// All codes. A code keeps its name and meaning for ever; new ones may be added.
pub const CODES: &[Code] = &[
    // Uploads
    invalid("expected_chunks_out_of_range", "expected_chunks must be 1..=limit; the data names the limit"),
    invalid("total_len_out_of_range", "total_len cannot be cut into expected_chunks chunks"),
    invalid("sha256_length", "a SHA-256 has 32 bytes"),
    invalid("chunk_too_large", "cut the file into smaller chunks; the data names the limit"),
    invalid("chunk_empty", "a chunk has at least one byte"),
    invalid("chunk_index_out_of_range", "the index is not below expected_chunks"),
    invalid("chunk_length_differs", "all chunks but the last have the same length; the last is not longer"),
    invalid("chunks_missing", "send the missing chunks, then finish again"),
    invalid("total_len_differs", "the length received is not the one given; the session stays pending"),
    invalid("sha256_differs", "the bytes received do not have the SHA-256 given; the session stays pending"),
    conflict("chunk_differs", "other bytes were received for this index before"),
    conflict("session_finished", "the session is finished and takes no other bytes"),
    conflict("hash_pending", "the hash still advances over chunks that came out of order: finish again"),
    conflict("idem_reused", "the idempotency key was used with other arguments"),
    invalid("idem_length", "an idempotency key has 1 to 256 bytes"),
    invalid("sessions_count", "a publish takes one to four sessions, or none where files come along in it"),
    invalid("session_repeated", "each session of a publish is named once"),
    conflict("session_in_other_capsule", "the session was begun in another capsule"),
    invalid(
        "carried_too_large",
        "files that come along are too long together: upload the largest by a session",
    ),
    invalid("carried_empty", "a file that comes along has at least one byte"),
    // Blobs
    invalid("blob_too_large", "read it with blob_read_chunk; the data names the limit"),
    invalid("chunk_index_beyond_end", "the index is not below chunk_count"),
    invalid("range_beyond_end", "the offset is beyond the end"),
    invalid("range_too_large", "ask for fewer bytes; the data names the limit"),
    conflict("blob_referenced", "a memory refers to the blob: remove the asset or the memory first"),
    conflict("blob_in_other_capsule", "a memory can only refer to blobs of its own capsule"),
    // Capsules
    invalid("subject_empty", "name the person, or leave the subject null for the caller's own capsule"),
    conflict("last_owner", "a capsule keeps at least one owner who accepted"),
    invalid("role_not_for_anonymous", "the anonymous principal can only be Guest"),
    invalid("role_not_for_link", "the key of a link only looks: give the role to a person"),
    invalid("name_empty", "a name has at least one letter; the data says of what"),
    invalid("colour_out_of_range", "a colour is 0xrrggbb, at most 16777215"),
    conflict("not_admitted", "this host is by invitation: ask whoever runs it for a code, and redeem it"),
    // Devices, invitations, links
    invalid("code_malformed", "a code has 22 letters, digits, '-' and '_'"),
    conflict("code_unknown", "nobody made this code, or it was taken back: ask for another one"),
    conflict("code_used", "this code was used already: ask for another one"),
    conflict("code_expired", "the time of this code ran out: ask for another one"),
    conflict(
        "code_of_another_kind",
        "a device's code is for devices_join, an invitation's for invitations_redeem",
    ),
    conflict("device_taken", "this key is a device of another account: remove it there first"),
    conflict(
        "device_removed",
        "this key was removed from its account: it comes back by a new code from there",
    ),
    conflict("device_is_controller", "this key controls the host: invite the other device from here"),
    conflict("device_busy", "this key has unfinished uploads: let them end or give them up, then join"),
    conflict("device_has_too_much", "this key has a role in too many capsules: leave some"),
    conflict("last_device", "nothing else could sign for this account: add another device first"),
    invalid("credential_id_length", "a credential id has 1 to 1,023 bytes"),
    invalid("public_key_differs", "the public key is not the one that signed the message"),
    conflict("credential_taken", "another passkey is known by this credential id"),
    invalid("uses_out_of_range", "an invitation is for 1 to 1,000 uses"),
    invalid("expires_in_the_past", "give a time to come, or none"),
    invalid("link_key_malformed", "give the principal of a key that only the link's secret makes"),
    conflict("link_key_taken", "this key is known here: make the link with a fresh secret"),
    // Operators
    conflict("block_of_controller", "take it off the controllers first"),
    conflict("controller_is_device", "this key is a device of an account: name that account as controller"),
    invalid("not_a_person", "give the principal of a person, which is not the key of a link"),
    // Memories and assets
    invalid("id_too_long", "no id is that long; the data names the field and the limit in bytes"),
    invalid("text_too_long", "the data names the field and its limit in bytes"),
    invalid("too_many_items", "the data names the list and its limit"),
    invalid("assets_count", "a memory has one to four assets"),
    conflict("contents_pending", "a file that was not found may be there: ask again in some seconds"),
    conflict("asset_kind_taken", "the memory has an asset of this kind already"),
    invalid("inline_too_large", "upload it as a blob; the data names the limit"),
    invalid("inline_empty", "an inline asset has at least one byte"),
    invalid("bytes_source", "give exactly one source of bytes: inline, blob, or location with storage_key"),
    invalid("asset_index_out_of_range", "the index is not below the number of assets"),
    invalid("cursor_malformed", "pass next_cursor back as it was given"),
    invalid("limit_out_of_range", "a page has at least one row"),
    // Site
    invalid("site_path_malformed", "the data names the path and says what a path may be"),
    invalid("site_path_repeated", "each file of the site has a path of its own"),
    invalid("site_file_too_large", "a file of the site fits one answer; the data names the limit in bytes"),
    // HTTP tokens
    invalid(
        "variant_unknown",
        "variants are original, display, thumbnail, placeholder, preview, derivative, metadata",
    ),
    invalid("token_scope_empty", "name variants or asset_ids, or leave asset_ids null to cover all assets"),
    conflict("token_secret_pending", "the host waits for its random secret: try again in a few seconds"),
    invalid("ttl_out_of_range", "the data names the limits in seconds"),
    // Originals in a bucket
    absent("s3_not_configured", "this host has no bucket: leave `hosting` out"),
    absent("hosting_not_offered", "choose `S3`, or leave `hosting` out"),
    absent("bytes_elsewhere", "the bytes are in the host's bucket: read them at /asset/"),
    invalid("announcement_missing", "a file that goes to the bucket is begun with total_len and sha256"),
    invalid("object_length_out_of_range", "the data names the limits in bytes"),
    invalid("attested_differs", "the object has another length or SHA-256 than what was announced"),
    invalid("upload_ticket_wrong", "no ticket of this host: its owner mints one with mint_upload_ticket"),
    invalid("upload_ticket_expired", "its owner mints another one, and goes on"),
    conflict("session_elsewhere", "its bytes go to the bucket, by addresses that the host signs"),
    conflict("session_not_elsewhere", "its bytes come here, in chunks"),
    conflict("object_pending", "the host has not found all bytes in the bucket yet: finish at /s3/ first"),
    conflict("blob_not_movable", "its bytes are not here, or they are no capsule's"),
    http(
        400,
        "parts_malformed",
        "name parts by `{\"parts\":[{\"number\":1,\"sha256\":\"…base64…\"}]}`; the data says what is wrong",
    ),
    http(409, "object_missing", "the bucket has not got it yet: send its bytes by `grant`, then finish"),
    http(409, "parts_missing", "the data names the parts that the bucket lacks: send them, then finish"),
    http(409, "object_differs", "the bucket has other bytes than were announced: begin anew"),
    http(409, "object_gone", "the bucket dropped the parts of this upload: begin anew"),
    http(503, "bucket_away", "the bucket does not answer: try again after `Retry-After`"),
    http(502, "bucket_refused", "the bucket refuses the host; the data says why, for whoever runs it"),
    // Chunks by PUT
    absent("no_put_road", "this host takes chunks by uploads_put_chunk only"),
    http(401, "ticket_missing", "send `Authorization: Bearer` with a ticket of mint_upload_ticket"),
    http(401, "ticket_wrong", "no ticket of this host: mint one"),
    http(401, "ticket_expired", "mint another ticket and go on"),
    http(403, "ticket_for_another_session", "each session has tickets of its own"),
    http(400, "chunk_index_malformed", "say by the header `Keepsake-Chunk` which chunk it is: a number"),
    http(400, "digest_malformed", "`Content-Digest: sha-256=:…:` has a SHA-256 in base64, as in RFC 9530"),
    http(400, "digest_differs", "the bytes that came are not those of `Content-Digest`: send them again"),
    http(400, "body_cut_off", "the body ended before its length: send it again"),
    http(411, "length_required", "send `Content-Length`"),
    http(408, "body_too_slow", "fewer chunks at once are faster; the data names the least rate"),
    http(503, "overloaded", "there is no room now: try again after `Retry-After`"),
    http(
        503,
        "storage_failed",
        "the node's files failed it and nothing was written: try again after `Retry-After`",
    ),
    http(500, "stopped", "the node stopped writing after a fault: its operator has to restart it"),
    http(500, "trapped", "the service failed on this chunk and nothing was written: see the node's log"),
    // Limits of room: the codes of `usage`
    room(
        "sessions_per_caller",
        "your unfinished uploads: finish or give up some of them, or wait until they expire",
    ),
    room(
        "bytes_in_flight_per_caller",
        "bytes of your unfinished uploads: finish or give up some of them, or wait until they expire",
    ),
    room("capsules_per_caller", "capsules that you made: delete one that you no longer need"),
    room(
        "capsule_bytes",
        "bytes of the capsule's files and of unfinished uploads into it: delete memories, or give up uploads",
    ),
    room(
        "account_bytes",
        "bytes of all capsules of whoever made this one: delete memories, or ask the operator",
    ),
    room(
        "inline_bytes_per_capsule",
        "bytes of the capsule's inline assets: delete memories, or upload assets as blobs",
    ),
    room("capsule_record_bytes", "bytes of the texts and records of the capsule's memories: delete memories"),
    room("members_per_capsule", "members of the capsule: take a role away from somebody"),
    room("heap_bytes", "bytes of all files on this host: its operator can set a larger limit"),
    room("host_bytes", "disk or memory of this host, or what it can pay for: its operator can give it more"),
    room("record_bytes", "bytes of all records on this host: its operator can set a larger limit"),
];

/// Looks a code up.
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_snake_case_and_listed_once() {
        for code in CODES {
            assert!(
                code.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                code.name
            );
            assert_eq!(CODES.iter().filter(|other| other.name == code.name).count(), 1, "{}", code.name);
            assert!(!code.meaning.is_empty());
        }
    }
}
