//! The rules of parts that go to the host's bucket, `parts.json`.

use super::{Then, cases, failed, only, then};
use crate::bucket::{LaneAnswer, PartEnd, Present, bucket_name, understand, understand_host};
use crate::faults::told_in_content_type;
use crate::transport::{Transience, TransportError};
use crate::upload::bucket::parts::{PartCut, part_bytes};
use crate::upload::window::in_time;
use ic_agent::agent::agent_error::HttpErrorPayload;
use keepsake_api::S3Lane;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

#[derive(Deserialize)]
struct Cases {
    cuts: Vec<CutCase>,
    missing: Vec<MissingCase>,
    slow: Vec<SlowCase>,
    host: Vec<HostCase>,
    bucket: Vec<BucketCase>,
    names: Vec<NameCase>,
}

#[derive(Deserialize)]
struct CutCase {
    bytes: u64,
    put_bytes_max: u64,
    part_bytes_min: u64,
    parts_max: u32,
    part_bytes: u64,
    parts: u32,
    last_bytes: u64,
}

#[derive(Deserialize)]
struct MissingCase {
    note: String,
    bytes: u64,
    part_bytes: u64,
    found: bool,
    there: Vec<(u32, u64)>,
    send: Vec<u32>,
}

#[derive(Deserialize)]
struct SlowCase {
    note: String,
    bytes: u64,
    took_ms: u64,
    late: bool,
}

#[derive(Deserialize)]
struct HostCase {
    status: u16,
    body: String,
    retry_after: Option<String>,
    then: super::RoadThen,
}

#[derive(Deserialize)]
struct BucketCase {
    status: u16,
    body: String,
    retry_after: Option<String>,
    then: super::RoadThen,
}

#[derive(Deserialize)]
struct NameCase {
    address: String,
    name: String,
}

#[test]
fn a_file_has_the_parts_of_the_rules_and_the_bucket_lacks_those() {
    let cases: Cases = cases("parts.json");
    for CutCase { bytes, put_bytes_max, part_bytes_min, parts_max, part_bytes: each, parts, last_bytes } in
        cases.cuts
    {
        let (path, url, from_len) = (String::new(), None, 0);
        let lane = S3Lane { from_len, put_bytes_max, part_bytes_min, parts_max, path, url };
        assert_eq!(part_bytes(bytes, &lane), each, "{bytes}");
        let cut = PartCut::new(bytes, each).unwrap();
        assert_eq!((cut.parts(), cut.len(parts)), (parts, last_bytes), "{bytes}");
    }
    for MissingCase { note, bytes, part_bytes, found, there, send } in cases.missing {
        let present = Present { is_found: found, parts: there.into_iter().collect() };
        assert_eq!(PartCut::new(bytes, part_bytes).unwrap().missing(&present), send, "{note}");
    }
    for SlowCase { note, bytes, took_ms, late } in cases.slow {
        assert_eq!(Duration::from_millis(took_ms) > in_time(bytes), late, "{note}");
    }
    for NameCase { address, name } in cases.names {
        assert_eq!(bucket_name(&address.parse().unwrap()), name);
    }
}

fn head(retry_after: Option<&String>) -> HeaderMap {
    retry_after.iter().map(|value| (RETRY_AFTER, HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn the_host_is_understood_by_the_rules() {
    for case in cases::<Cases>("parts.json").host {
        let content_type =
            told_in_content_type(&head(case.retry_after.as_ref())).to_str().ok().map(str::to_owned);
        let content = case.body.clone().into_bytes();
        let answer = HttpErrorPayload { status: case.status, content_type, content };
        let met = match understand_host(&answer, &super::url()) {
            Ok(LaneAnswer::Done(_) | LaneAnswer::Later(..)) => only("answered"),
            Ok(LaneAnswer::Ticket(_)) => only("ticket"),
            Ok(LaneAnswer::Refused(error)) => failed(Then {
                transience: super::word(Transience::Permanent).to_owned(),
                code: error.code().to_owned(),
                slow: false,
                retry_after_ms: None,
            }),
            Err(error) => failed(then(&error)),
        };
        assert_eq!(met, case.then, "{} {}", case.status, case.body);
    }
}

#[test]
fn the_bucket_is_understood_by_the_rules() {
    let url: Url = "http://127.0.0.1:8333/photos/capsule_1/7-ab?X-Amz-Signature=secret".parse().unwrap();
    for case in cases::<Cases>("parts.json").bucket {
        let met = match understand(&url, 3, case.status, &head(case.retry_after.as_ref()), &case.body) {
            PartEnd::Stored => only("stored"),
            PartEnd::Refused(why) => super::RoadThen { why: Some(why), ..only("refused") },
            PartEnd::Differs(why) => super::RoadThen { why: Some(why), ..only("differs") },
            PartEnd::Failed(fault) => {
                assert!(!fault.to_string().contains("secret"), "{fault}");
                failed(then(&TransportError::Bucket(fault)))
            }
        };
        assert_eq!(met, case.then, "{} {}", case.status, case.body);
    }
}
