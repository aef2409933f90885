//! From an error to a message and an exit code. Owns the table of exit codes.

use crate::args::Verbosity;
use crate::output;
use crate::shapes::ErrorShape;
use crate::terminal::{self, NotPrinted};
use crate::words::{call_of, own_disk_full, told};
use keepsake_client::api::{Error as Refusal, Principal};
use keepsake_client::{CallError, DownloadError, Transience, TransportError, UploadError};
use keepsake_node::serve::DEFAULT_CANISTER_ID;
use keepsake_s3::Error as S3Error;
use std::io;
use std::process::ExitCode;

/// Exit codes, as `keepsake --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Unauthorized = 4,
    Conflict = 5,
    Exhausted = 6,
    Unreachable = 7,
    Partial = 8,
    Interrupted = 130,
}

impl Exit {
    /// The kind of failure as a word, for JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Conflict => "conflict",
            Self::Exhausted => "exhausted",
            Self::Unreachable => "unreachable",
            Self::Partial => "partial",
            Self::Interrupted => "interrupted",
        }
    }

    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Unauthorized,
        Self::Conflict,
        Self::Exhausted,
        Self::Unreachable,
        Self::Partial,
        Self::Interrupted,
    ];
}

/// A failure of this program itself, with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    is_of_shut_out: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), is_of_shut_out: false }
    }

    /// The key that signs is shut out, and `message` says what is to be done.
    pub(crate) fn of_shut_out(message: impl Into<String>) -> Self {
        Self { is_of_shut_out: true, ..Self::new(Exit::Unauthorized, message) }
    }

    /// Failures that were reported one by one already.
    pub(crate) fn already_reported(exit: Exit) -> Self {
        Self::new(exit, String::new())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints the error, with `json` also as an object to standard output, then the advice that was asked for, else one that fits;
/// and gives the exit code.
pub(crate) fn report(
    error: &anyhow::Error,
    asked: Option<&str>,
    verbosity: Verbosity,
    json: bool,
) -> ExitCode {
    if is_reader_gone(error) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    let message = told(error);
    let fitting = advice(error).filter(|_| !message.is_empty());
    let advice = asked.or(fitting.as_deref());
    if !message.is_empty() {
        if json {
            // Nobody may read it any more; the exit code tells the same.
            output::json_line(&ErrorShape::new(error, advice)).ok();
        }
        terminal::say(format_args!("keepsake: {message}"));
    }
    if let Some(advice) = advice.filter(|_| verbosity > Verbosity::Quiet) {
        advice.lines().for_each(|line| terminal::say(format_args!("{line}")));
    }
    ExitCode::from(exit_of(error) as u8)
}

/// The exit code of an error.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_cause).unwrap_or(Exit::Failed)
}

/// One exit code for several failures: theirs, if they agree.
pub(crate) fn combined(exits: &[Exit]) -> Option<Exit> {
    let first = *exits.first()?;
    Some(if exits.iter().all(|exit| *exit == first) { first } else { Exit::Failed })
}

fn exit_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    if let Some(error) = cause.downcast_ref::<CallError>() {
        return Some(exit_of_call(error));
    }
    if let Some(error) = cause.downcast_ref::<UploadError>() {
        return Some(exit_of_upload(error));
    }
    if let Some(error) = cause.downcast_ref::<DownloadError>() {
        return Some(exit_of_download(error));
    }
    if let Some(error) = cause.downcast_ref::<S3Error>() {
        return Some(exit_of_bucket(error));
    }
    cause.downcast_ref::<TransportError>().map(exit_of_transport)
}

/// Of whoever asks a bucket themselves.
fn exit_of_bucket(error: &S3Error) -> Exit {
    match error {
        S3Error::Options(_) | S3Error::NoCredentials(_) => Exit::Usage,
        S3Error::Credentials { .. } | S3Error::Permission { .. } => Exit::Unauthorized,
        S3Error::NoBucket { .. } => Exit::NotFound,
        S3Error::Away { .. } => Exit::Unreachable,
        S3Error::Full { .. } => Exit::Exhausted,
        _ => Exit::Failed,
    }
}

fn exit_of_call(error: &CallError) -> Exit {
    match error {
        CallError::Refused { error, .. } => match error {
            Refusal::NotFound => Exit::NotFound,
            Refusal::Unauthorized => Exit::Unauthorized,
            Refusal::ResourceExhausted => Exit::Exhausted,
            Refusal::Conflict(_) => Exit::Conflict,
            Refusal::InvalidArgument(_) | Refusal::NotImplemented(_) | Refusal::Internal(_) => Exit::Failed,
        },
        CallError::Transport { error, .. } => exit_of_transport(error),
        CallError::Decode { .. } => Exit::Failed,
    }
}

fn exit_of_transport(error: &TransportError) -> Exit {
    match error {
        TransportError::Unreachable { .. }
        | TransportError::Away { .. }
        | TransportError::Timeout(_)
        | TransportError::Busy { .. } => Exit::Unreachable,
        TransportError::Bucket(_) if error.transience() != Transience::Permanent => Exit::Unreachable,
        TransportError::LinkOnlyLooks
        | TransportError::SignedOut(_)
        | TransportError::SignInElsewhere(_)
        | TransportError::SignInInvalid(_) => Exit::Unauthorized,
        TransportError::OtherCanister { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

fn exit_of_upload(error: &UploadError) -> Exit {
    match error {
        UploadError::Call(error) => exit_of_call(error),
        UploadError::Cancelled => Exit::Interrupted,
        UploadError::File { reason, .. } => exit_of_io(reason),
        UploadError::Changed { .. } | UploadError::Stale { .. } => Exit::Conflict,
        UploadError::Empty { .. } | UploadError::TooLarge { .. } => Exit::Failed,
        UploadError::NoRoom { .. } => Exit::Exhausted,
    }
}

fn exit_of_download(error: &DownloadError) -> Exit {
    match error {
        DownloadError::Call(error) => exit_of_call(error),
        DownloadError::Exists { .. } | DownloadError::InProgress { .. } => Exit::Conflict,
        DownloadError::File { reason, .. } | DownloadError::Write(reason) => exit_of_io(reason),
        DownloadError::Differs { .. } | DownloadError::Short { .. } => Exit::Failed,
    }
}

fn exit_of_io(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Exit::Exhausted,
        _ => Exit::Failed,
    }
}

fn is_reader_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref::<DownloadError>() {
        Some(DownloadError::Write(error)) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => cause.downcast_ref::<NotPrinted>().is_some_and(NotPrinted::is_reader_gone),
    })
}

/// The service refused for want of room; of several failures, all.
pub(crate) fn is_out_of_room(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let refused = match call_of(cause) {
            Some(CallError::Refused { error, .. }) => *error == Refusal::ResourceExhausted,
            _ => false,
        };
        let reported = cause.downcast_ref::<Failure>();
        refused || reported.is_some_and(|failure| failure.exit == Exit::Exhausted)
    })
}

/// Why no other file can fare better than the one that met this error; none where one can.
pub(crate) fn ends_a_run(error: &anyhow::Error) -> Option<String> {
    error.chain().filter_map(call_of).find_map(|call| match call {
        // A rule about this one message: its length, or its content.
        CallError::Transport {
            error: TransportError::BodyLimit { .. } | TransportError::Rejected { .. },
            ..
        } => None,
        CallError::Transport { error, .. } => Some(error.to_string()),
        CallError::Refused { error: error @ Refusal::Unauthorized, .. } => Some(error.to_string()),
        // It was waited for, and holds for all files.
        CallError::Refused { error, .. } if error.code() == "contents_pending" => Some(error.to_string()),
        CallError::Refused { .. } | CallError::Decode { .. } => None,
    })
}

/// Whom no role would let in.
fn is_shut_out(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| failure.is_of_shut_out)
}

fn is_about_the_site(error: &anyhow::Error) -> bool {
    error.chain().filter_map(call_of).any(|call| call.method() == "site_set")
}

/// Never to delete what somebody is just saving.
const ROOM_HERE: &str = "Make room there, or save it on another disk with -o PATH. What came is kept beside the file: the same \
                         command goes on from there.";

/// What helps where the node's bucket is in the way, and not the node.
pub(crate) fn advice_on_bucket(error: &anyhow::Error) -> Option<&'static str> {
    is_of_the_nodes_bucket(error).then_some(BUCKET)
}

const BUCKET: &str = "What was sent is kept: the same command goes on from there. `keepsake s3 check` tells whoever runs the node what \
                      is wrong with its bucket; with --hosting host originals go to the node itself.";

fn is_of_the_nodes_bucket(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(call_of)
        .any(|call| matches!(call, CallError::Transport { error: TransportError::Bucket(_), .. }))
}

/// It says itself what to do.
fn is_about_a_bucket(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<S3Error>())
}

/// What to do, where the message itself does not say it.
fn advice(error: &anyhow::Error) -> Option<String> {
    if let Some(here) = other_canister(error) {
        return Some(advice_on_canister(&here.to_text()));
    }
    if error.chain().any(|cause| own_disk_full(cause).is_some()) {
        return Some(ROOM_HERE.to_owned());
    }
    if is_about_a_bucket(error) {
        return None;
    }
    let advice = match exit_of(error) {
        Exit::Unreachable => {
            "Start a node with `keepsake serve --data DIR`, or give its address with --node URL."
        }
        Exit::Unauthorized if is_about_the_site(error) => {
            "Only controllers set it: start the node with `--controller PRINCIPAL`, or name it in the canister's settings; \
             `keepsake identity show` says who you are."
        }
        Exit::Unauthorized if is_shut_out(error) => return None,
        Exit::Unauthorized => {
            "`keepsake identity show` says who you are; an owner can give you a role: `keepsake capsule grant`."
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

/// The canister that the host has instead of the one that was asked for.
fn other_canister(error: &anyhow::Error) -> Option<Principal> {
    error.chain().filter_map(call_of).find_map(|call| match call {
        CallError::Transport { error: TransportError::OtherCanister { here, .. }, .. } => Some(*here),
        _ => None,
    })
}

fn advice_on_canister(here: &str) -> String {
    if here == DEFAULT_CANISTER_ID {
        return format!("Leave out --canister and KEEPSAKE_CANISTER: {here} is asked for without them.");
    }
    format!("If that is the one you mean, give --canister {here}; else give another address with --node URL.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(error: Refusal) -> anyhow::Error {
        anyhow::Error::from(CallError::Refused { method: "m", error })
    }

    #[test]
    fn refusals_have_their_exit_codes() {
        assert_eq!(exit_of(&refused(Refusal::NotFound)), Exit::NotFound);
        assert_eq!(exit_of(&refused(Refusal::Unauthorized)), Exit::Unauthorized);
        assert_eq!(exit_of(&refused(Refusal::Conflict("last_owner".into()))), Exit::Conflict);
        assert_eq!(exit_of(&refused(Refusal::ResourceExhausted)), Exit::Exhausted);
        assert_eq!(exit_of(&refused(Refusal::InvalidArgument("x".into()))), Exit::Failed);
    }

    #[test]
    fn who_is_shut_out_is_not_sent_for_a_role() {
        let shut_out = anyhow::Error::from(Failure::of_shut_out("this key was removed"));
        assert_eq!(advice(&shut_out), None);
        assert_eq!(advice(&shut_out.context("a.jpg")), None);
        assert!(advice(&refused(Refusal::Unauthorized)).is_some_and(|advice| advice.contains("grant")));
    }

    #[test]
    fn an_error_keeps_its_exit_code_under_more_context() {
        let error = refused(Refusal::NotFound).context("mem_1");
        assert_eq!(exit_of(&error), Exit::NotFound);
        let inner = CallError::Refused { method: "m", error: Refusal::NotFound };
        assert_eq!(exit_of(&anyhow::Error::from(UploadError::from(inner))), Exit::NotFound);
    }

    #[test]
    fn an_absent_node_and_a_stop_have_their_own_codes() {
        let error = TransportError::Unreachable { reason: "refused".into(), maybe_sent: false };
        let error = anyhow::Error::from(CallError::Transport { method: "m", error });
        assert_eq!(exit_of(&error), Exit::Unreachable);
        assert_eq!(exit_of(&UploadError::Cancelled.into()), Exit::Interrupted);
    }

    #[test]
    fn a_full_disk_of_ones_own_is_not_the_services() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::from(DownloadError::Write(full()));
        assert_eq!(exit_of(&error), Exit::Exhausted);
        assert!(!is_out_of_room(&error));
        let error = DownloadError::File { path: "a.jpg".into(), reason: full() };
        let error = anyhow::Error::from(error).context("mem_1");
        assert_eq!(told(&error), "mem_1: cannot write a.jpg: the disk of this computer is full");
        assert_eq!(advice(&error).as_deref(), Some(ROOM_HERE));
        assert!(is_out_of_room(&refused(Refusal::ResourceExhausted).context("a.jpg")));
        assert!(is_out_of_room(&Failure::already_reported(Exit::Exhausted).into()));
    }

    #[test]
    fn only_what_every_other_file_would_meet_too_ends_a_run() {
        let transport = |error| anyhow::Error::from(CallError::Transport { method: "m", error });
        let gone = TransportError::Unreachable { reason: "refused".into(), maybe_sent: false };
        assert!(ends_a_run(&transport(gone).context("a.jpg")).is_some());
        assert!(ends_a_run(&refused(Refusal::Unauthorized)).is_some());
        let too_long = TransportError::BodyLimit { url: String::new() };
        for goes_on in [
            transport(too_long),
            refused(Refusal::InvalidArgument("x".into())),
            refused(Refusal::ResourceExhausted),
            UploadError::Changed { name: "a.jpg".into() }.into(),
        ] {
            assert_eq!(ends_a_run(&goes_on), None, "{goes_on}");
        }
    }

    #[test]
    fn several_failures_agree_or_give_the_general_code() {
        assert_eq!(combined(&[]), None);
        assert_eq!(combined(&[Exit::NotFound, Exit::NotFound]), Some(Exit::NotFound));
        assert_eq!(combined(&[Exit::NotFound, Exit::Conflict]), Some(Exit::Failed));
    }
}
