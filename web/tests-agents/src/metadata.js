// The least that a caller has to say about a memory and its assets.
// Owns no rule: every optional field is left out.

/** Metadata of a memory. */
export function metadataOf(title) {
  return {
    title: [title],
    description: [],
    tags: ["tested"],
    content_type: "application/octet-stream",
    memory_type: { Document: null },
    date_of_memory: [],
    file_created_at: [],
    people_in_memory: [],
    location: [],
    memory_notes: [],
    parent_folder_id: [],
    created_by: [],
    created_at: 0n,
    updated_at: 0n,
    uploaded_at: 0n,
  };
}

/** Metadata of an original. */
export function originalOf(name) {
  const base = {
    name,
    mime_type: "application/octet-stream",
    description: [],
    tags: [],
    asset_type: { Original: null },
    bytes: 0n,
    sha256: [],
    width: [],
    height: [],
    url: [],
    storage_key: [],
    bucket: [],
    asset_location: [],
    processing_status: [],
    processing_error: [],
    created_at: 0n,
    updated_at: 0n,
    deleted_at: [],
  };
  return { Document: { base } };
}
