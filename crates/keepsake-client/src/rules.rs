//! The rules that every client follows, held against this one: `fixtures/client/README.md` says what each case means. Owns the
//! reading of the cases.

mod parts;
mod secrets;

use crate::agent::{certificate_refused, understand};
use crate::faults::{of_status, told_in_content_type};
use crate::line::Line;
use crate::put_road::{self, PutError};
use crate::retry::{Attempts, RetryPolicy};
use crate::transport::{Transience, TransportError};
use crate::upload::carried::carried_kinds;
use crate::upload::display::{Picture, is_original, is_plain};
use crate::upload::idem::{Identity, UploadKey};
use crate::upload::media::{Media, memory_type};
use crate::upload::plan::{Cut, Missing, smaller};
use crate::upload::sample::sample;
use crate::upload::source::OpenSource;
use crate::upload::window::Limit;
use ic_agent::agent::agent_error::HttpErrorPayload;
use keepsake_api::{AssetType, SessionState, UploadStatus};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use url::Url;

fn cases<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/client").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[derive(Deserialize)]
struct CutCases {
    cuts: Vec<CutCase>,
    missing: Vec<MissingCase>,
    smaller: Vec<SmallerCase>,
}

#[derive(Deserialize)]
struct CutCase {
    bytes: u64,
    chunk_bytes: u32,
    chunks: u32,
    last_bytes: u32,
}

#[derive(Deserialize)]
struct MissingCase {
    bytes: u64,
    chunk_bytes: u32,
    shown: Vec<(u32, u32)>,
    truncated: bool,
    send: Vec<u32>,
    present: u64,
}

#[derive(Deserialize)]
struct SmallerCase {
    refused: u32,
    bytes: u64,
    chunks_max: u32,
    next: Option<u32>,
}

#[test]
fn files_are_cut_and_gone_on_with_by_the_rules() {
    let cases: CutCases = cases("cut.json");
    for CutCase { bytes, chunk_bytes, chunks, last_bytes } in cases.cuts {
        let cut = Cut::new(bytes, chunk_bytes).unwrap();
        assert_eq!((cut.chunks(), cut.len(chunks - 1)), (chunks, last_bytes), "{bytes} by {chunk_bytes}");
    }
    for case in cases.missing {
        let cut = Cut::new(case.bytes, case.chunk_bytes).unwrap();
        let status = UploadStatus {
            expected_chunks: cut.chunks(),
            received_chunks: 0,
            bytes_received: 0,
            chunk_size: None,
            missing: case.shown,
            missing_truncated: case.truncated,
            expires_at: 0,
            state: SessionState::Pending,
            capsule_id: String::new(),
        };
        let missing = Missing::new(&status, &cut);
        let send: Vec<_> = (0..cut.chunks()).filter(|index| missing.contains(*index)).collect();
        assert_eq!((send, missing.bytes_present(&cut)), (case.send, case.present));
    }
    for SmallerCase { refused, bytes, chunks_max, next } in cases.smaller {
        assert_eq!(smaller(refused, bytes, chunks_max), next, "{refused} of {bytes}, at most {chunks_max}");
    }
}

#[derive(Deserialize)]
struct KeyCase {
    name: String,
    size: u64,
    last_modified: u64,
    seed: u64,
    sample: String,
    chunk_bytes: u32,
    sessions: Vec<SessionCase>,
}

#[derive(Deserialize)]
struct SessionCase {
    kind: String,
    sha256: Option<String>,
    idem: String,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn sessions_are_known_again_by_the_rules() {
    for case in cases::<Vec<KeyCase>>("keys.json") {
        let byte = |i: u64| u8::try_from((i * i + i / 256 + case.seed) % 256).unwrap();
        let content: Vec<u8> = (0..case.size).map(byte).collect();
        let sample = sample(&OpenSource::of_bytes(&case.name, content.into(), None)).unwrap();
        assert_eq!(crate::upload::hex(&sample), case.sample, "{}", case.name);
        let key = UploadKey::new(&Identity {
            name: &case.name,
            sample: &sample,
            len: case.size,
            modified_at_ms: case.last_modified,
            chunk_bytes: case.chunk_bytes.into(),
        });
        for session in case.sessions {
            let kind = match session.kind.as_str() {
                "original" => AssetType::Original,
                "display" => AssetType::Display,
                "thumbnail" => AssetType::Thumbnail,
                other => panic!("{other}"),
            };
            let content = session.sha256.map(|text| <[u8; 32]>::try_from(unhex(&text)).unwrap());
            assert_eq!(key.session(kind, content.as_ref()), session.idem, "{}", case.name);
        }
    }
}

#[derive(Deserialize)]
struct TypeCase {
    name: String,
    r#type: String,
    bytes: String,
    mime: String,
    misnamed: Option<String>,
    memory: String,
}

#[test]
fn files_are_what_the_rules_say() {
    for case in cases::<Vec<TypeCase>>("types.json") {
        // Here no system says what a file is: names alone do.
        let by_name = mime_guess::from_path(&case.name).first_raw().unwrap_or_default();
        if !case.r#type.is_empty() && case.r#type != by_name {
            continue;
        }
        let media = Media::of(&unhex(&case.bytes), &case.name);
        let memory = format!("{:?}", memory_type(&media.mime_type)).to_ascii_lowercase();
        assert_eq!(
            (media.mime_type, media.misnamed, memory),
            (case.mime, case.misnamed, case.memory),
            "{}",
            case.name
        );
    }
}

#[derive(Deserialize)]
struct RetryCases {
    faults: Vec<FaultCase>,
    pauses: Vec<PauseCase>,
}

#[derive(Deserialize)]
struct FaultCase {
    status: Option<u16>,
    #[serde(default)]
    body: String,
    retry_after: Option<String>,
    failure: Option<String>,
    then: Then,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Then {
    transience: String,
    code: String,
    slow: bool,
    retry_after_ms: Option<u128>,
}

fn then(error: &TransportError) -> Then {
    Then {
        transience: word(error.transience()).to_owned(),
        code: error.code().to_owned(),
        slow: error.is_slow(),
        retry_after_ms: error.retry_after().map(|wait| wait.as_millis()),
    }
}

fn word(transience: Transience) -> &'static str {
    match transience {
        Transience::Permanent => "permanent",
        Transience::Passing => "passing",
        Transience::Unreachable => "unreachable",
    }
}

fn url() -> Url {
    Url::parse("http://127.0.0.1:1/").unwrap()
}

fn fault(case: &FaultCase) -> TransportError {
    let unreachable = |maybe_sent| TransportError::Unreachable { reason: "connection".into(), maybe_sent };
    match (case.status, case.failure.as_deref()) {
        (Some(status), _) => {
            let head =
                case.retry_after.iter().map(|value| (RETRY_AFTER, HeaderValue::from_str(value).unwrap()));
            let wait = crate::faults::retry_after(&head.collect::<HeaderMap>(), SystemTime::now());
            of_status(status, case.body.as_bytes(), wait, &url())
        }
        (None, Some("refused")) => unreachable(false),
        (None, Some("reset")) => unreachable(true),
        (None, Some("untrusted")) => {
            let told = "client error (Connect): invalid peer certificate: UnknownIssuer";
            certificate_refused(told, &url()).expect("it is about the certificate")
        }
        (None, Some("stalled")) => understand(Line::new(reqwest::Client::new()).stalled(), &url()),
        (None, other) => panic!("{other:?}"),
    }
}

#[test]
fn failures_mean_what_the_rules_say() {
    for case in cases::<RetryCases>("retry.json").faults {
        assert_eq!(then(&fault(&case)), case.then, "{:?} {:?} {}", case.status, case.failure, case.body);
    }
}

#[derive(Deserialize)]
struct RoadCase {
    status: u16,
    body: String,
    retry_after: Option<String>,
    then: RoadThen,
}

/// What it is, of a failure what kind, and of a refusal why.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct RoadThen {
    r#as: String,
    why: Option<String>,
    transience: Option<String>,
    code: Option<String>,
    slow: Option<bool>,
    retry_after_ms: Option<u128>,
}

fn only(what: &str) -> RoadThen {
    RoadThen { r#as: what.to_owned(), ..RoadThen::default() }
}

fn failed(Then { transience, code, slow, retry_after_ms }: Then) -> RoadThen {
    let (transience, code, slow) = (Some(transience), Some(code), Some(slow));
    RoadThen { transience, code, slow, retry_after_ms, ..only("failed") }
}

fn met(case: &RoadCase) -> RoadThen {
    if case.status == 204 {
        return only("stored");
    }
    let head = case.retry_after.iter().map(|value| (RETRY_AFTER, HeaderValue::from_str(value).unwrap()));
    let content_type = told_in_content_type(&head.collect()).to_str().ok().map(str::to_owned);
    let content = case.body.clone().into_bytes();
    match put_road::understand(&HttpErrorPayload { status: case.status, content_type, content }, &url()) {
        PutError::NoRoad => only("no_road"),
        PutError::Ticket(_) => only("ticket"),
        PutError::Refused(error) => failed(Then {
            transience: word(Transience::Permanent).to_owned(),
            code: error.code().to_owned(),
            slow: false,
            retry_after_ms: None,
        }),
        PutError::Transport(error) => failed(then(&error)),
    }
}

#[test]
fn chunks_without_envelopes_are_answered_by_the_rules() {
    for case in cases::<Vec<RoadCase>>("road.json") {
        assert_eq!(met(&case), case.then, "{} {}", case.status, case.body);
    }
}

#[derive(Deserialize)]
struct PauseCase {
    note: String,
    policy: PolicyCase,
    failures: Vec<FailureCase>,
}

#[derive(Deserialize)]
struct PolicyCase {
    attempts_max: u32,
    pause_first_ms: u64,
    pause_max_ms: u64,
    unreachable_max_ms: u64,
}

#[derive(Deserialize)]
struct FailureCase {
    transience: String,
    at_ms: u64,
    retry_after_ms: Option<u64>,
    pause_ms: Option<u128>,
}

#[test]
fn pauses_are_those_of_the_rules() {
    for case in cases::<RetryCases>("retry.json").pauses {
        let (start, mut attempts) = (Instant::now(), Attempts::default());
        let policy = RetryPolicy {
            attempts_max: case.policy.attempts_max,
            pause_first: Duration::from_millis(case.policy.pause_first_ms),
            pause_max: Duration::from_millis(case.policy.pause_max_ms),
            unreachable_max: Duration::from_millis(case.policy.unreachable_max_ms),
            ..RetryPolicy::default()
        };
        for failure in case.failures {
            let (reason, retry_after) = (String::new(), failure.retry_after_ms.map(Duration::from_millis));
            let error = match failure.transience.as_str() {
                "permanent" => TransportError::Protocol(reason),
                "passing" => TransportError::Busy { status: 429, reason, retry_after },
                "unreachable" => TransportError::Away { status: 503, reason, retry_after },
                other => panic!("{other}"),
            };
            let pause =
                attempts.pause_after(&policy, &error, start + Duration::from_millis(failure.at_ms), 1.0);
            let pause = pause.map(|pause| pause.as_millis());
            assert_eq!(pause, failure.pause_ms, "{}: at {} ms", case.note, failure.at_ms);
        }
    }
}

#[derive(Deserialize)]
struct WindowCase {
    note: String,
    max: u32,
    first: u32,
    events: Vec<WindowEvent>,
}

#[derive(Deserialize)]
struct WindowEvent {
    from_ms: u64,
    at_ms: u64,
    what: String,
    limit: u32,
}

#[test]
fn the_window_of_a_line_is_that_of_the_rules() {
    for case in cases::<Vec<WindowCase>>("window.json") {
        let (start, mut limit) = (Instant::now(), Limit::new(case.max));
        assert_eq!(limit.get(), case.first, "{}", case.note);
        for event in case.events {
            let at = |ms| start + Duration::from_millis(ms);
            match event.what.as_str() {
                "arrived" => limit.arrived(at(event.from_ms), at(event.at_ms), 1),
                "late" => limit.late(at(event.from_ms), at(event.at_ms)),
                other => panic!("{other}"),
            }
            assert_eq!(limit.get(), event.limit, "{}: at {} ms", case.note, event.at_ms);
        }
    }
}

#[derive(Deserialize)]
struct CarriedCase {
    note: String,
    bytes_max: u64,
    original: u64,
    derived: BTreeMap<String, u64>,
    carried: Vec<String>,
}

#[test]
fn what_goes_along_in_the_publish_is_that_of_the_rules() {
    let kind_of = |name: &str| match name {
        "original" => AssetType::Original,
        "display" => AssetType::Display,
        "thumbnail" => AssetType::Thumbnail,
        other => panic!("{other}"),
    };
    for case in cases::<Vec<CarriedCase>>("carried.json") {
        let mut assets = vec![(AssetType::Original, case.original)];
        assets.extend(case.derived.iter().map(|(name, bytes)| (kind_of(name), *bytes)));
        let found: BTreeSet<_> =
            carried_kinds(&assets, case.bytes_max).into_iter().map(|kind| kind as u8).collect();
        assert_eq!(found, case.carried.iter().map(|name| kind_of(name) as u8).collect(), "{}", case.note);
    }
}

#[derive(Deserialize)]
struct DisplayCases {
    plain: Vec<PlainCase>,
    choices: Vec<ChoiceCase>,
}

#[derive(Deserialize)]
struct PlainCase {
    note: String,
    bytes: String,
    is_plain: bool,
}

#[derive(Deserialize)]
struct ChoiceCase {
    note: String,
    original: OriginalCase,
    display: PictureCase,
    is_original: bool,
}

#[derive(Deserialize)]
struct OriginalCase {
    #[serde(flatten)]
    picture: PictureCase,
    orientation: u8,
    is_plain: bool,
}

#[derive(Deserialize)]
struct PictureCase {
    bytes: u64,
    width: u32,
    height: u32,
}

#[test]
fn which_display_is_the_original_is_that_of_the_rules() {
    let rules: DisplayCases = cases("display.json");
    for PlainCase { note, bytes, is_plain: plain } in rules.plain {
        assert_eq!(is_plain(&unhex(&bytes)), plain, "{note}");
    }
    let picture = |case: &PictureCase| Picture { bytes: case.bytes, size: (case.width, case.height) };
    for ChoiceCase { note, original, display, is_original: expected } in rules.choices {
        let OriginalCase { picture: shown, orientation, is_plain } = original;
        let found = is_original(picture(&shown), orientation, picture(&display), || is_plain);
        assert_eq!(found, expected, "{note}");
    }
}
