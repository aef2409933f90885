//! Errors in the words of users: what could not be done, and why. Owns the table from methods to words.

use anyhow::Error;
use keepsake_client::{CallError, DownloadError, UploadError};
use std::io::ErrorKind;

/// The whole chain of an error, without names of methods.
pub(crate) fn told(error: &Error) -> String {
    let causes = error.chain().map(|cause| match (call_of(cause), own_disk_full(cause)) {
        (Some(call), _) => told_call(call),
        (None, Some(told)) => told,
        (None, None) => cause.to_string(),
    });
    causes.collect::<Vec<_>>().join(": ")
}

/// That this computer has no room for a download, not the service for an upload.
pub(crate) fn own_disk_full(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let (place, reason) = match cause.downcast_ref()? {
        DownloadError::File { path, reason } => (path.display().to_string(), reason),
        DownloadError::Write(reason) => ("to standard output".to_owned(), reason),
        _ => return None,
    };
    match reason.kind() {
        ErrorKind::StorageFull => Some(format!("cannot write {place}: the disk of this computer is full")),
        ErrorKind::QuotaExceeded => {
            Some(format!("cannot write {place}: your quota on the disk of this computer is used up"))
        }
        _ => None,
    }
}

/// The call that failed, if that is what the cause is.
pub(crate) fn call_of<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a CallError> {
    if let Some(UploadError::Call(call)) = cause.downcast_ref() {
        return Some(call);
    }
    if let Some(DownloadError::Call(call)) = cause.downcast_ref() {
        return Some(call);
    }
    cause.downcast_ref()
}

fn told_call(call: &CallError) -> String {
    match call {
        // A node that does not answer would not answer any other question.
        CallError::Transport { .. } => call.told(),
        CallError::Refused { .. } | CallError::Decode { .. } => {
            format!("{}: {}", attempt(call.method()), call.told())
        }
    }
}

fn attempt(method: &str) -> &'static str {
    match method {
        "uploads_begin" | "uploads_put_chunk" | "uploads_status" | "uploads_finish" | "uploads_grant"
        | "uploads_parts" | "mint_upload_ticket" => "cannot upload",
        "uploads_publish" => "cannot publish",
        "uploads_abort" => "cannot give the upload up",
        "sessions_list" | "sessions_stats" | "sessions_cleanup_expired" => "cannot look after the uploads",
        "usage" => "cannot read what is used",
        "memories_read" | "memories_list_assets" => "cannot read the memory",
        "memories_list" => "cannot list the memories",
        "memories_find" => "cannot ask which files are there",
        "memories_delete" => "cannot delete the memory",
        "capsules_create" => "cannot make the capsule",
        "capsules_delete" => "cannot delete the capsule",
        "capsules_list" | "capsules_read_basic" | "capsules_read_full" => "cannot read the capsule",
        "capsules_grant" => "cannot give the role",
        "capsules_revoke" => "cannot take the role away",
        "blob_read" | "blob_read_chunk" | "blob_read_range" | "blob_get_meta" => "cannot download",
        "site_set" => "cannot change the site",
        "site_list" => "cannot read the site",
        "mint_http_token" => "cannot make addresses",
        _ => "the service refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_client::TransportError;
    use keepsake_client::api::Error as Refusal;

    #[test]
    fn messages_name_no_method_however_deep_the_call_is() {
        let call = || CallError::Refused { method: "uploads_begin", error: Refusal::NotFound };
        let why = "cannot upload: not found, or not yours to see";
        assert_eq!(told(&call().into()), why);
        assert_eq!(told(&Error::from(UploadError::from(call())).context("a.jpg")), format!("a.jpg: {why}"));
        let read = CallError::Refused { method: "blob_read_range", error: Refusal::Unauthorized };
        let told_read = told(&DownloadError::from(read).into());
        assert_eq!(told_read, "cannot download: your role does not allow this");
    }

    #[test]
    fn a_node_that_does_not_answer_is_told_as_that() {
        let error = TransportError::Unreachable { reason: "refused".into(), maybe_sent: false };
        let told = told(&CallError::Transport { method: "upload_config", error: error.clone() }.into());
        assert_eq!(told, error.to_string());
    }
}
