//! `keepsake s3 check`: can a node keep originals in this bucket? Owns the report for people, what counts as wrong, and the rules
//! that are set; what S3 does is tried by `keepsake-s3`.

use crate::args::S3Check;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};
use anyhow::{Context as _, Result};
use keepsake_s3::{Bucket, CorsRules, Error as S3Error, Finding, Findings, Found, Key, Rules};
use serde_json::{Value, json};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    /// It lacks something that a node does without.
    Weak,
    /// A node cannot use it so, or would leave something behind.
    Wrong,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Wrong => "wrong",
        }
    }
}

/// One line of the report.
#[derive(Debug)]
struct Row {
    state: State,
    text: String,
}

impl Row {
    fn new(state: State, text: impl Into<String>) -> Self {
        Self { state, text: text.into() }
    }
}

/// Rules of a bucket.
#[derive(Debug)]
struct Ruled {
    row: Row,
    /// As JSON, where it is known what is needed.
    needed: Option<String>,
    /// As the server writes them.
    there: Option<String>,
    /// The command of AWS that takes what is needed.
    by_hand: &'static str,
}

/// Tries, prints, and fails with [`Exit::Failed`] where something is wrong.
pub(crate) async fn check(args: S3Check, output: Output) -> Result<()> {
    let (options, credentials) = args.s3.bucket()?.context("no bucket is named")?;
    let bucket = Bucket::open(&options, credentials)?;
    let findings = bucket.canary().await?;
    let mut rows = rows(&findings);
    rows.extend(rights(&bucket).await?);
    let bucket = bucket.with_abilities(findings.abilities());
    let rules = [cors(&bucket, &args).await, lifecycle(&bucket, args.set).await];
    let place = json!({
        "bucket": options.bucket, "endpoint": options.endpoint.as_str(), "prefix": options.prefix, "region": options.region,
    });
    let all = || rows.iter().chain(rules.iter().map(|ruled| &ruled.row));
    let is_right = all().all(|row| row.state != State::Wrong);
    let printed = if output.json {
        output::json(&shape(&place, is_right, &rows, &rules))
    } else {
        print(&options.bucket, options.endpoint.as_str(), &rows, &rules)
    };
    // Also where nobody reads on: the exit code says whether it is right.
    if is_right { printed } else { Err(Failure::already_reported(Exit::Failed).into()) }
}

fn rows(findings: &Findings) -> Vec<Row> {
    let demanded = [
        &findings.objects_private,
        &findings.list_private,
        &findings.clock,
        &findings.removal,
        &findings.public_address,
    ];
    let row = |finding: &Finding| {
        let is_demanded = demanded.iter().any(|one| std::ptr::eq(*one, finding));
        let text = &finding.text;
        match finding.found {
            Found::Right => Row::new(State::Ok, text),
            Found::Missing if is_demanded => Row::new(State::Wrong, text),
            Found::Missing => Row::new(State::Weak, text),
            Found::Unknown => Row::new(State::Wrong, format!("it cannot be told {text}")),
        }
    };
    findings.all().into_iter().map(row).collect()
}

/// What a node needs beside, to finish uploads in parts and to remove what is nobody's.
async fn rights(bucket: &Bucket) -> Result<Vec<Row>> {
    let listed = bucket.list("keepsake-canary/", None).await.map(drop);
    let unfinished = bucket.list_multipart("keepsake-canary/", None).await.map(drop);
    let parts = parts_listed(bucket).await?;
    let row = |found: Result<(), S3Error>, what: &str| match found {
        Ok(()) => Row::new(State::Ok, format!("{what} can be listed")),
        Err(error) => Row::new(State::Wrong, format!("{what} cannot be listed: {error}")),
    };
    Ok(vec![
        row(listed, "objects"),
        row(unfinished, "unfinished uploads"),
        row(parts, "parts of an unfinished upload"),
    ])
}

async fn parts_listed(bucket: &Bucket) -> Result<Result<(), S3Error>> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("there are no random bytes")?;
    let key = Key::new(format!("keepsake-canary/{}-listed", keepsake_client::upload::hex(&random)))?;
    let upload = match bucket.create_multipart(&key, "text/plain").await {
        Ok(upload) => upload,
        Err(error) => return Ok(Err(error)),
    };
    let listed = bucket.list_parts(&key, &upload).await.map(drop);
    let aborted = bucket.abort(&key, &upload).await;
    Ok(listed.and(aborted))
}

async fn cors(bucket: &Bucket, args: &S3Check) -> Ruled {
    let wanted = CorsRules { origins: args.origin.clone() };
    let there = bucket.cors_there().await;
    if args.origin.is_empty() {
        let row = Row::new(
            State::Weak,
            "CORS was compared with nothing: name the origins whose pages write here by --origin https://…",
        );
        return Ruled { row, needed: None, there: there.ok().flatten(), by_hand: CORS_BY_HAND };
    }
    let mut found = bucket.cors(&wanted).await;
    let mut refused = None;
    if args.set && matches!(found, Ok(Rules::None)) {
        refused = bucket.set_cors(&wanted).await.err();
        found = bucket.cors(&wanted).await;
    }
    let right = "the CORS rules let pages of these origins read and write";
    let row = row_of_rules(found, refused, "CORS", right, State::Wrong);
    Ruled { row, needed: Some(wanted.json()), there: now(bucket.cors_there().await), by_hand: CORS_BY_HAND }
}

async fn lifecycle(bucket: &Bucket, set: bool) -> Ruled {
    let mut found = bucket.lifecycle().await;
    let mut refused = None;
    if set && matches!(found, Ok(Rules::None)) {
        refused = bucket.set_lifecycle().await.err();
        found = bucket.lifecycle().await;
    }
    let right = "a lifecycle rule ends unfinished uploads in parts";
    // The node ends them too: the rule is for the day on which there is no node.
    let row = row_of_rules(found, refused, "lifecycle", right, State::Weak);
    let needed = Some(bucket.lifecycle_rules().json());
    Ruled { row, needed, there: now(bucket.lifecycle_there().await), by_hand: LIFECYCLE_BY_HAND }
}

const CORS_BY_HAND: &str = "aws s3api put-bucket-cors --cors-configuration";
const LIFECYCLE_BY_HAND: &str = "aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration";

fn now(there: Result<Option<String>, S3Error>) -> Option<String> {
    there.ok().flatten()
}

/// `unsupported`: how bad it is where the server has no such rules.
fn row_of_rules(
    found: Result<Rules, S3Error>,
    refused: Option<S3Error>,
    what: &str,
    right: &str,
    unsupported: State,
) -> Row {
    if let Some(error) = refused {
        return Row::new(State::Wrong, format!("the {what} rules cannot be set: {error}"));
    }
    match found {
        Ok(Rules::Right) => Row::new(State::Ok, right),
        Ok(Rules::None) => {
            Row::new(State::Wrong, format!("there are no {what} rules: --set makes those below"))
        }
        Ok(Rules::Others) => Row::new(
            State::Wrong,
            format!("there are {what} rules, and they lack what is needed: add those below to them by hand"),
        ),
        // A node needs no right for it.
        Err(error @ S3Error::Permission { .. }) => {
            Row::new(State::Weak, format!("the {what} rules cannot be seen: {error}, or look by hand"))
        }
        Err(error) => Row::new(unsupported, format!("the {what} rules cannot be read: {error}")),
    }
}

fn shape(place: &Value, is_right: bool, rows: &[Row], both: &[Ruled; 2]) -> Value {
    let row = |row: &Row| json!({ "state": row.state.word(), "text": row.text });
    let ruled = |ruled: &Ruled| {
        let needed = ruled.needed.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        json!({ "state": ruled.row.state.word(), "text": ruled.row.text, "needed": needed, "there": ruled.there })
    };
    let [cors, lifecycle] = both;
    json!({
        "ok": is_right,
        "place": place,
        "found": rows.iter().map(row).collect::<Vec<_>>(),
        "cors": ruled(cors),
        "lifecycle": ruled(lifecycle),
    })
}

fn print(bucket: &str, endpoint: &str, rows: &[Row], both: &[Ruled; 2]) -> Result<()> {
    output::line(format_args!("bucket {bucket} at {endpoint}"))?;
    for row in rows.iter().chain(both.iter().map(|ruled| &ruled.row)) {
        output::line(format_args!("{:<7}{}", row.state.word(), row.text))?;
    }
    for ruled in both.iter().filter(|ruled| ruled.row.state != State::Ok) {
        if let Some(needed) = &ruled.needed {
            output::line(format_args!(""))?;
            output::line(format_args!("needed, as `{}` takes it:", ruled.by_hand))?;
            needed.lines().try_for_each(|line| output::line(format_args!("{line}")))?;
        }
        if let Some(there) = &ruled.there {
            output::line(format_args!(""))?;
            output::line(format_args!("there now:"))?;
            there.lines().try_for_each(|line| output::line(format_args!("{line}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_nobody_may_see_are_no_fault_and_those_that_lack_are() {
        let of = |found| row_of_rules(found, None, "CORS", "right", State::Wrong).state;
        assert_eq!(of(Ok(Rules::Right)), State::Ok);
        assert_eq!(of(Ok(Rules::None)), State::Wrong);
        assert_eq!(of(Ok(Rules::Others)), State::Wrong);
        let denied = || S3Error::Permission { action: "s3:GetBucketCORS", bucket: "photos".to_owned() };
        assert_eq!(of(Err(denied())), State::Weak);
        assert_eq!(of(Err(S3Error::Unsupported { code: String::new() })), State::Wrong);
        let set = row_of_rules(Ok(Rules::None), Some(denied()), "CORS", "right", State::Wrong);
        assert!(set.state == State::Wrong && set.text.contains("s3:GetBucketCORS"), "{}", set.text);
    }
}
