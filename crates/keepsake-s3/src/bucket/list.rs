//! What is in the bucket below the prefix: objects and unfinished uploads, page by page.

use super::Bucket;
use super::ask::Ask;
use crate::error::Error;
use crate::xml;
use rusty_s3::Method;

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Without the prefix. Whoever else writes to the bucket may have made it: it need not be a [`Key`](crate::Key).
    pub key: String,
    /// In bytes.
    pub len: u64,
}

/// A page of objects, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most 1000.
    pub objects: Vec<Listed>,
    /// For the next page; none after the last.
    pub next: Option<String>,
}

/// An upload in parts that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Without the prefix; it need not be a [`Key`](crate::Key).
    pub key: String,
    /// Names it.
    pub upload_id: String,
    /// As the server writes it, such as `2026-12-01T10:00:00.000Z`.
    pub initiated: Option<String>,
}

/// A page of unfinished uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedPage {
    /// At most 1000.
    pub uploads: Vec<Unfinished>,
    /// The last key and upload, for the next page; none after the last.
    pub next: Option<(String, String)>,
}

impl Bucket {
    /// A page of the objects whose keys, without the bucket's prefix, begin with `prefix`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn list(&self, prefix: &str, next: Option<&str>) -> Result<Page, Error> {
        let mut ask = Ask::new("s3:ListBucket", Method::Get, None)
            .query("list-type", "2")
            .query("encoding-type", "url")
            .query("prefix", format!("{}{prefix}", self.signer.prefix()));
        if let Some(next) = next {
            ask = ask.query("continuation-token", next);
        }
        let answered = self.read(&ask).await?;
        read_page(&answered.text, self.signer.prefix())
    }

    /// A page of unfinished uploads whose keys begin with `prefix`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn list_multipart(
        &self,
        prefix: &str,
        next: Option<&(String, String)>,
    ) -> Result<UnfinishedPage, Error> {
        let own = self.signer.prefix();
        let mut ask = Ask::new("s3:ListBucketMultipartUploads", Method::Get, None)
            .query("uploads", "")
            .query("encoding-type", "url")
            .query("prefix", format!("{own}{prefix}"));
        if let Some((key, upload_id)) = next {
            ask = ask.query("key-marker", format!("{own}{key}")).query("upload-id-marker", upload_id);
        }
        let answered = self.read(&ask).await?;
        read_unfinished(&answered.text, own)
    }
}

fn read_page(text: &str, prefix: &str) -> Result<Page, Error> {
    let answer = xml::Answer::read(text)?;
    let root = answer.root();
    let encoded = is_encoded(root);
    let mut objects = Vec::new();
    for object in root.all("Contents") {
        let key = key(object, "Key", encoded)?;
        let key = below(&key, prefix)?;
        objects.push(Listed { key, len: object.number("Size")? });
    }
    let next = root.text("NextContinuationToken").filter(|_| root.is_true("IsTruncated"));
    Ok(Page { objects, next: next.map(str::to_owned) })
}

fn read_unfinished(text: &str, prefix: &str) -> Result<UnfinishedPage, Error> {
    let answer = xml::Answer::read(text)?;
    let root = answer.root();
    let encoded = is_encoded(root);
    let mut uploads = Vec::new();
    for upload in root.all("Upload") {
        let key = key(upload, "Key", encoded)?;
        uploads.push(Unfinished {
            key: below(&key, prefix)?,
            upload_id: upload.needed("UploadId")?,
            initiated: upload.text("Initiated").map(str::to_owned),
        });
    }
    let last = uploads.last().map(|last| (last.key.clone(), last.upload_id.clone()));
    let next = last.filter(|_| root.is_true("IsTruncated"));
    Ok(UnfinishedPage { uploads, next })
}

/// Not all servers know that keys may be encoded: those that do say so.
fn is_encoded(root: xml::Element<'_>) -> bool {
    root.text("EncodingType").is_some_and(|kind| kind == "url")
}

fn key(element: xml::Element<'_>, name: &'static str, encoded: bool) -> Result<String, Error> {
    let key = element.needed(name)?;
    if !encoded {
        return Ok(key);
    }
    // As in a form: a space is a `+`.
    let pair = format!("k={key}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    Ok(decoded.map(|(_, key)| key.into_owned()).unwrap_or_default())
}

fn below(key: &str, prefix: &str) -> Result<String, Error> {
    let below = key.strip_prefix(prefix).map(str::to_owned);
    below.ok_or_else(|| Error::answer("it lists keys that were not asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_keys_encoded_or_not() {
        let page = |encoding: &str, key: &str| {
            format!(
                "<ListBucketResult><IsTruncated>true</IsTruncated>{encoding}<Contents><Key>{key}</Key><Size>3</Size></Contents>\
                 <NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
            )
        };
        let plain = read_page(&page("", "p/a+b%2Fc"), "p/").unwrap();
        assert_eq!(plain.objects, [Listed { key: "a+b%2Fc".into(), len: 3 }]);
        assert_eq!(plain.next.as_deref(), Some("t"));
        let url = "<EncodingType>url</EncodingType>";
        let encoded = read_page(&page(url, "p%2Fa+b%26c"), "p/").unwrap();
        assert_eq!(encoded.objects[0].key, "a b&c");
        assert!(read_page(&page("", "other/a"), "p/").is_err());
    }

    #[test]
    fn unfinished_uploads_go_on_after_the_last() {
        let text = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><Upload><Key>p/a</Key>\
                    <UploadId>u</UploadId></Upload></ListMultipartUploadsResult>";
        let page = read_unfinished(text, "p/").unwrap();
        assert_eq!(page.next, Some(("a".into(), "u".into())));
        let last = read_unfinished(&text.replace("true", "false"), "p/").unwrap();
        assert_eq!(last.next, None);
    }
}
