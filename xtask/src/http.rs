//! The least of an HTTP client: one GET at a time, the body handed on as it comes.
//!
//! Owns nothing of HTTP beyond what a node on this machine answers. Speaks HTTP/1.0, so that bodies
//! are never cut into chunks ([RFC 9112, 6](https://www.rfc-editor.org/rfc/rfc9112#section-6)).

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SILENCE_MAX: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 1 << 20;

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    authority: String,
    path: String,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("not an http:// address: {url}"))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        Ok(Self { authority: authority.to_owned(), path: path.to_owned() })
    }
}

/// Gets `url`, hands the body to `take` piece by piece, and returns the status.
pub(crate) fn get(url: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<u16> {
    let address = Address::parse(url)?;
    let mut stream = TcpStream::connect(&address.authority)
        .with_context(|| format!("cannot connect to {}", address.authority))?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    write!(stream, "GET {} HTTP/1.0\r\nhost: {}\r\n\r\n", address.path, address.authority)?;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, stream);
    let (status, len) = head(&mut reader).with_context(|| format!("GET {}", address.path))?;
    let mut read = 0;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        take(piece)?;
        let used = piece.len();
        read += used as u64;
        reader.consume(used);
    }
    match len {
        Some(len) if len != read => bail!("GET {}: {read} bytes of {len} came", address.path),
        _ => Ok(status),
    }
}

/// Gets `url` with its whole body.
pub(crate) fn get_all(url: &str) -> Result<(u16, Vec<u8>)> {
    let mut body = Vec::new();
    let status = get(url, |piece| {
        body.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((status, body))
}

/// Status and content length.
fn head(reader: &mut impl BufRead) -> Result<(u16, Option<u64>)> {
    let mut reader = reader.take(64 << 10);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("not an HTTP answer: {}", line.trim_end()))?;
    let mut len = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            bail!("the answer's head ends early");
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok((status, len)) };
        if name.eq_ignore_ascii_case("content-length") {
            len = Some(value.trim().parse().context("content-length")?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a?b", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut line).unwrap() > 2 {}
            stream.write_all(answer).unwrap();
        });
        url
    }

    #[test]
    fn status_and_body_are_told_apart() {
        let url = answering(b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(get_all(&url).unwrap(), (206, b"abc".to_vec()));
    }

    #[test]
    fn a_body_that_ends_early_is_an_error() {
        let url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc");
        assert!(get_all(&url).unwrap_err().to_string().contains("3 bytes of 4"));
    }

    #[test]
    fn addresses_without_a_path_ask_for_the_root() {
        let address = Address::parse("http://127.0.0.1:1").unwrap();
        assert_eq!((address.authority.as_str(), address.path.as_str()), ("127.0.0.1:1", "/"));
        assert!(Address::parse("ftp://x").is_err());
    }
}
