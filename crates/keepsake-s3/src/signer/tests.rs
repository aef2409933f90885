//! What is signed, without a server.

use super::*;

const AT_S: u64 = 1_800_000_000;

fn options() -> Options {
    Options {
        endpoint: "http://inner:9000".parse().unwrap(),
        public: Some("https://s3.example.com".parse().unwrap()),
        bucket: "photos".into(),
        region: "eu-central-1".into(),
        prefix: "keepsake".into(),
        path_style: true,
    }
}

fn signer() -> Signer {
    Signer::new(&options(), Credentials::new("AKID", "very-secret")).unwrap()
}

fn key() -> Key {
    Key::new("cap_1/ses_2-00ff").unwrap()
}

fn content() -> Content {
    Content { len: 5, sha256: [7; 32], md5: Some([9; 16]) }
}

fn query(request: &SignedRequest, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn header(request: &SignedRequest, name: &str) -> Option<String> {
    request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
}

#[test]
fn a_put_signs_length_hash_type_and_that_it_writes_once() {
    let request = signer().sign_put(&key(), &content(), "image/jpeg", AT_S, 600);
    assert_eq!(
        query(&request, "X-Amz-SignedHeaders").unwrap(),
        "content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    );
    assert_eq!(header(&request, "content-length").unwrap(), "5");
    assert_eq!(header(&request, "content-type").unwrap(), "image/jpeg");
    assert_eq!(header(&request, "if-none-match").unwrap(), "*");
    assert_eq!(header(&request, "x-amz-checksum-sha256").unwrap(), BASE64.encode(&[7; 32]));
    assert_eq!(header(&request, "content-md5"), None);
    assert_eq!((request.method, request.expires_at_s), ("PUT", AT_S + 600));
    assert_eq!(query(&request, "X-Amz-Expires").unwrap(), "600");
    assert!(!request.url.query().unwrap().contains("checksum-sha256="), "servers pass over it in the query");
}

#[test]
fn presigned_requests_name_the_public_address_and_own_ones_the_inner() {
    let request = signer().sign_put(&key(), &content(), "image/jpeg", AT_S, 600);
    assert!(request.url.as_str().starts_with("https://s3.example.com/photos/keepsake/cap_1/ses_2-00ff?"));
    let none = BTreeMap::new();
    let own = signer().sign_own(Method::Get, Some(&key()), &none, &none, AT_S);
    assert!(own.as_str().starts_with("http://inner:9000/photos/keepsake/cap_1/ses_2-00ff?"), "{own}");
    assert_eq!(signer().public_origin(), "https://s3.example.com");
}

#[test]
fn a_bucket_may_be_in_the_name_of_the_host() {
    let options = Options { path_style: false, ..options() };
    let signer = Signer::new(&options, Credentials::new("AKID", "very-secret")).unwrap();
    let request = signer.sign_get(&key(), ReadMethod::Get, &Shown::default(), AT_S);
    assert!(
        request.url.as_str().starts_with("https://photos.s3.example.com/keepsake/cap_1/"),
        "{}",
        request.url
    );
    assert_eq!(signer.public_origin(), "https://photos.s3.example.com");
}

#[test]
fn without_checksums_md5_is_signed_where_it_was_given() {
    let signer = signer().with_abilities(Abilities::NONE);
    let request = signer.sign_put(&key(), &content(), "image/jpeg", AT_S, 600);
    assert_eq!(header(&request, "content-md5").unwrap(), BASE64.encode(&[9; 16]));
    assert_eq!(header(&request, "x-amz-checksum-sha256"), None);
    let bare = signer.sign_part(&key(), "up", 3, &Content { md5: None, ..content() }, AT_S, 600);
    assert_eq!(query(&bare, "X-Amz-SignedHeaders").unwrap(), "content-length;host");
}

#[test]
fn a_part_names_its_upload_and_number() {
    let request = signer().sign_part(&key(), "up/+ =", 3, &content(), AT_S, 600);
    assert_eq!(query(&request, "partNumber").unwrap(), "3");
    assert!(request.url.as_str().contains("uploadId=up%2F%2B%20%3D"), "{}", request.url);
    assert_eq!(query(&request, "X-Amz-SignedHeaders").unwrap(), "content-length;host;x-amz-checksum-sha256");
}

#[test]
fn if_none_match_is_left_out_where_the_server_refuses_it() {
    let signer = signer().with_abilities(Abilities { if_none_match: false, ..Abilities::ALL });
    let request = signer.sign_put(&key(), &content(), "image/jpeg", AT_S, 600);
    assert_eq!(header(&request, "if-none-match"), None);
    assert!(header(&request, "x-amz-checksum-sha256").is_some());
}

#[test]
fn keys_that_hold_for_a_session_sign_their_token() {
    let variables = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKID".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("very-secret".to_owned()),
        "AWS_SESSION_TOKEN" => Some("a token/+".to_owned()),
        _ => None,
    };
    let signer = Signer::new(&options(), Credentials::from_variables(variables).unwrap()).unwrap();
    let request = signer.sign_get(&key(), ReadMethod::Get, &Shown::default(), AT_S);
    assert_eq!(query(&request, "X-Amz-Security-Token").unwrap(), "a token/+");
}

#[test]
fn no_write_holds_longer_than_an_hour() {
    let request = signer().sign_put(&key(), &content(), "image/jpeg", AT_S, u64::MAX);
    assert_eq!(request.expires_at_s, AT_S + 3600);
    assert_eq!(signer().sign_part(&key(), "up", 1, &content(), AT_S, 0).expires_at_s, AT_S + 1);
}

#[test]
fn a_read_is_the_same_url_within_a_window_and_always_holds_a_minute() {
    let shown = Shown {
        content_type: Some("image/jpeg".into()),
        content_disposition: Some("inline; filename=\"a b.jpg\"".into()),
        cache_control: Some("private, max-age=300".into()),
        version: None,
    };
    let at = |at_s| signer().sign_get(&key(), ReadMethod::Get, &shown, at_s);
    let begin = AT_S - AT_S % READ_WINDOW_S;
    let first = at(begin);
    let mut later = begin;
    while later < begin + 2 * READ_WINDOW_S {
        let request = at(later);
        assert_eq!(request.url == first.url, later < begin + READ_WINDOW_S, "{later}");
        let left = request.expires_at_s - later;
        assert!((60..=300).contains(&left), "{left}");
        later += 1;
    }
    assert!(
        first.url.as_str().contains("response-content-disposition=inline%3B%20filename%3D%22a%20b.jpg%22")
    );
    assert_eq!(query(&first, "response-content-type").unwrap(), "image/jpeg");
    assert_eq!(query(&first, "X-Amz-Expires").unwrap(), "300");
}

#[test]
fn a_signature_for_get_is_none_for_head() {
    let sign = |method| signer().sign_get(&key(), method, &Shown::default(), AT_S);
    let signature = |request: &SignedRequest| query(request, "X-Amz-Signature").unwrap();
    let (get, head) = (sign(ReadMethod::Get), sign(ReadMethod::Head));
    assert_eq!((get.method, head.method), ("GET", "HEAD"));
    assert_ne!(signature(&get), signature(&head));
}

#[test]
fn no_signature_and_no_secret_is_shown() {
    let request = signer().sign_put(&key(), &content(), "image/jpeg", AT_S, 600);
    let shown = format!("{request:?} {:?}", signer());
    let signature = query(&request, "X-Amz-Signature").unwrap();
    assert!(!shown.contains(&signature) && !shown.contains("very-secret"), "{shown}");
    assert!(!request.url.as_str().contains("very-secret"));
}

#[test]
fn a_type_that_cannot_be_sent_as_it_was_signed_is_not_signed() {
    for odd in ["", "a\nb", "imäge/jpeg", " a/b", "a/b;  c=d", &"a".repeat(256)] {
        assert_eq!(sound_type(odd), "application/octet-stream", "{odd:?}");
    }
    assert_eq!(sound_type("text/plain; charset=utf-8"), "text/plain; charset=utf-8");
}

/// The example of [AWS's documentation](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
#[test]
fn the_signature_is_that_of_the_documentation() {
    let options = Options {
        endpoint: "https://s3.amazonaws.com".parse().unwrap(),
        public: None,
        bucket: "examplebucket".into(),
        region: "us-east-1".into(),
        prefix: String::new(),
        path_style: false,
    };
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let signer = Signer::new(&options, credentials).unwrap();
    let none = BTreeMap::new();
    let url = signer.unsigned(Some(&Key::new("test.txt").unwrap()));
    let request = signer.sign(url, Method::Get, &none, &none, 1_369_353_600, 86_400);
    let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    assert!(request.as_str().ends_with(&format!("X-Amz-Signature={signature}")), "{request}");
}
