//! The rules that a bucket needs: who may ask from pages (CORS), and that unfinished uploads end (lifecycle). Owns their two
//! forms, JSON as the AWS command line takes it and XML as S3 does, and never sets them over rules of somebody else.

use super::Bucket;
use super::ask::{Ask, Payload};
use crate::error::Error;
use crate::xml;
use data_encoding::BASE64;
use md5::{Digest, Md5};
use rusty_s3::Method;
use serde_json::json;

/// Names the rule as ours.
const UNFINISHED_ID: &str = "keepsake-unfinished-uploads";
const METHODS: [&str; 3] = ["GET", "HEAD", "PUT"];
/// Those that are signed, and what readers of ranges send.
const REQUEST_HEADERS: [&str; 6] =
    ["content-type", "content-md5", "if-none-match", "if-match", "range", "x-amz-checksum-sha256"];
const ANSWER_HEADERS: [&str; 6] =
    ["ETag", "Content-Length", "Content-Range", "Accept-Ranges", "x-amz-checksum-sha256", "x-amz-version-id"];
const MAX_AGE_S: u32 = 3600;
const DAYS: u32 = 7;

/// How the rules that are there compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// What is needed is there.
    Right,
    /// There are none at all.
    None,
    /// There are some, and they lack what is needed.
    Others,
}

/// Which pages may read and write, given a signed URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRules {
    /// Such as `https://photos.example.com`.
    pub origins: Vec<String>,
}

/// That uploads in parts which nobody finishes end after a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRules {
    /// What keys begin with; with its `/`.
    pub prefix: String,
}

impl CorsRules {
    /// As `aws s3api put-bucket-cors --cors-configuration` takes it.
    pub fn json(&self) -> String {
        let rule = json!({
            "AllowedOrigins": self.origins,
            "AllowedMethods": METHODS,
            "AllowedHeaders": REQUEST_HEADERS,
            "ExposeHeaders": ANSWER_HEADERS,
            "MaxAgeSeconds": MAX_AGE_S,
        });
        format!("{:#}", json!({ "CORSRules": [rule] }))
    }

    fn xml(&self) -> String {
        let mut text =
            String::from("<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule>");
        let origins = self.origins.iter().map(String::as_str);
        let lines = origins
            .map(|origin| ("AllowedOrigin", origin))
            .chain(METHODS.map(|method| ("AllowedMethod", method)))
            .chain(REQUEST_HEADERS.map(|header| ("AllowedHeader", header)))
            .chain(ANSWER_HEADERS.map(|header| ("ExposeHeader", header)));
        for (name, value) in lines {
            xml::put(&mut text, name, value);
        }
        xml::put(&mut text, "MaxAgeSeconds", &MAX_AGE_S.to_string());
        text.push_str("</CORSRule></CORSConfiguration>");
        text
    }

    /// Whether each origin has a rule that lets it do all of it.
    fn are_in(&self, text: &str) -> Result<Rules, Error> {
        let answer = xml::Answer::read(text)?;
        let rules: Vec<_> = answer.root().all("CORSRule").collect();
        if rules.is_empty() {
            return Ok(Rules::None);
        }
        let lets = |rule: &xml::Element<'_>, origin: &str| {
            let has = |name, wanted: &str| {
                rule.all(name).any(|value| {
                    matches!(value.own_text(), "*") || value.own_text().eq_ignore_ascii_case(wanted)
                })
            };
            has("AllowedOrigin", origin)
                && METHODS.iter().all(|method| has("AllowedMethod", method))
                && REQUEST_HEADERS.iter().all(|header| has("AllowedHeader", header))
        };
        let right = self.origins.iter().all(|origin| rules.iter().any(|rule| lets(rule, origin)));
        Ok(if right { Rules::Right } else { Rules::Others })
    }
}

impl LifecycleRules {
    /// As `aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration` takes it.
    pub fn json(&self) -> String {
        let rule = json!({
            "ID": UNFINISHED_ID,
            "Status": "Enabled",
            "Filter": { "Prefix": self.prefix },
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": DAYS },
        });
        format!("{:#}", json!({ "Rules": [rule] }))
    }

    fn xml(&self) -> String {
        let mut text =
            String::from("<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>");
        xml::put(&mut text, "ID", UNFINISHED_ID);
        text.push_str("<Filter>");
        xml::put(&mut text, "Prefix", &self.prefix);
        text.push_str("</Filter>");
        xml::put(&mut text, "Status", "Enabled");
        text.push_str("<AbortIncompleteMultipartUpload>");
        xml::put(&mut text, "DaysAfterInitiation", &DAYS.to_string());
        text.push_str("</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>");
        text
    }

    /// Whether a rule, whoever made it, ends unfinished uploads of all our keys.
    fn are_in(&self, text: &str) -> Result<Rules, Error> {
        let answer = xml::Answer::read(text)?;
        let rules: Vec<_> = answer.root().all("Rule").collect();
        if rules.is_empty() {
            return Ok(Rules::None);
        }
        let ends = |rule: &xml::Element<'_>| {
            let filter = rule.one("Filter").and_then(|filter| filter.text("Prefix"));
            let prefix = filter.or(rule.text("Prefix")).unwrap_or_default();
            let filters_more = rule
                .one("Filter")
                .is_some_and(|filter| filter.one("Tag").is_some() || filter.one("And").is_some());
            rule.one("AbortIncompleteMultipartUpload").is_some()
                && rule.text("Status") == Some("Enabled")
                && self.prefix.starts_with(prefix)
                && !filters_more
        };
        Ok(if rules.iter().any(ends) { Rules::Right } else { Rules::Others })
    }
}

impl Bucket {
    /// The rule for this bucket's prefix.
    pub fn lifecycle_rules(&self) -> LifecycleRules {
        LifecycleRules { prefix: self.signer.prefix().to_owned() }
    }

    /// How the CORS rules of the bucket compare.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn cors(&self, wanted: &CorsRules) -> Result<Rules, Error> {
        self.cors_there().await?.map_or(Ok(Rules::None), |text| wanted.are_in(&text))
    }

    /// The CORS rules that are there, as the server writes them: XML. None where there are none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn cors_there(&self) -> Result<Option<String>, Error> {
        self.rules("s3:GetBucketCORS", "cors", "NoSuchCORSConfiguration").await
    }

    /// Sets them, where there are none.
    ///
    /// # Errors
    /// [`Error::OtherRules`] where there are others, as setting them would delete those.
    pub async fn set_cors(&self, wanted: &CorsRules) -> Result<(), Error> {
        match self.cors(wanted).await? {
            Rules::Right => Ok(()),
            Rules::None => self.set_rules("s3:PutBucketCORS", "cors", wanted.xml()).await,
            Rules::Others => Err(Error::OtherRules { bucket: self.signer.bucket().to_owned(), what: "CORS" }),
        }
    }

    /// How the lifecycle rules of the bucket compare.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn lifecycle(&self) -> Result<Rules, Error> {
        let text = self.lifecycle_there().await?;
        text.map_or(Ok(Rules::None), |text| self.lifecycle_rules().are_in(&text))
    }

    /// The lifecycle rules that are there, likewise.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn lifecycle_there(&self) -> Result<Option<String>, Error> {
        self.rules("s3:GetLifecycleConfiguration", "lifecycle", "NoSuchLifecycleConfiguration").await
    }

    /// Sets them, where there are none.
    ///
    /// # Errors
    /// [`Error::OtherRules`] where there are others, as setting them would delete those.
    pub async fn set_lifecycle(&self) -> Result<(), Error> {
        match self.lifecycle().await? {
            Rules::Right => Ok(()),
            Rules::None => {
                self.set_rules("s3:PutLifecycleConfiguration", "lifecycle", self.lifecycle_rules().xml())
                    .await
            }
            Rules::Others => {
                Err(Error::OtherRules { bucket: self.signer.bucket().to_owned(), what: "lifecycle" })
            }
        }
    }

    async fn rules(
        &self,
        action: &'static str,
        which: &'static str,
        none: &str,
    ) -> Result<Option<String>, Error> {
        match self.read(&Ask::new(action, Method::Get, None).query(which, "")).await {
            Ok(answered) if answered.text.contains("Configuration") => Ok(Some(answered.text)),
            // Some pass over what they do not know, and list the bucket.
            Ok(_) => Err(Error::Unsupported { code: format!("it has no {which} rules") }),
            Err(Error::Refused { code, .. }) if code == none => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn set_rules(&self, action: &'static str, which: &'static str, text: String) -> Result<(), Error> {
        // S3 wants a checksum of rules; all servers know this one.
        let md5 = BASE64.encode(&Md5::digest(text.as_bytes()));
        let ask = Ask::new(action, Method::Put, None)
            .query(which, "")
            .header("content-type", "application/xml")
            .header("content-md5", md5);
        self.read(&Ask { body: Payload::Bytes(text.into()), ..ask }).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> CorsRules {
        CorsRules { origins: origins.iter().map(|origin| (*origin).to_owned()).collect() }
    }

    #[test]
    fn cors_rules_are_right_where_each_origin_may_do_all() {
        let two = cors(&["https://a.example", "https://b.example"]);
        assert_eq!(two.are_in(&two.xml()).unwrap(), Rules::Right);
        assert_eq!(two.are_in(&cors(&["https://a.example"]).xml()).unwrap(), Rules::Others);
        assert_eq!(two.are_in(&cors(&["*"]).xml()).unwrap(), Rules::Right);
        assert_eq!(two.are_in("<CORSConfiguration/>").unwrap(), Rules::None);
        let no_put = two.xml().replace("<AllowedMethod>PUT</AllowedMethod>", "");
        assert_eq!(two.are_in(&no_put).unwrap(), Rules::Others);
        let no_hash = two.xml().replace("<AllowedHeader>x-amz-checksum-sha256</AllowedHeader>", "");
        assert_eq!(two.are_in(&no_hash).unwrap(), Rules::Others);
    }

    #[test]
    fn a_rule_for_unfinished_uploads_is_right_where_it_covers_our_keys() {
        let rules = |prefix: &str| LifecycleRules { prefix: prefix.into() };
        let ours = rules("keepsake/");
        assert_eq!(ours.are_in(&ours.xml()).unwrap(), Rules::Right);
        assert_eq!(ours.are_in(&rules("").xml()).unwrap(), Rules::Right);
        assert_eq!(ours.are_in(&rules("other/").xml()).unwrap(), Rules::Others);
        assert_eq!(ours.are_in(&ours.xml().replace("Enabled", "Disabled")).unwrap(), Rules::Others);
        let tagged = ours.xml().replace("<Filter>", "<Filter><Tag><Key>a</Key><Value>b</Value></Tag>");
        assert_eq!(ours.are_in(&tagged).unwrap(), Rules::Others);
    }

    #[test]
    fn the_json_is_what_the_command_line_takes() {
        let json: serde_json::Value = serde_json::from_str(&cors(&["https://a.example"]).json()).unwrap();
        assert_eq!(json["CORSRules"][0]["AllowedOrigins"][0], "https://a.example");
        let json = LifecycleRules { prefix: "p/".into() }.json();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["Rules"][0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    }
}
