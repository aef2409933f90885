//! A proxy that passes HTTP on, counts what chunks go in, and does to a PUT what it is told. Asserts nothing.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// What becomes of a PUT.
pub(super) enum Act {
    /// It goes on as it is.
    Pass,
    /// It goes on with another ticket, which opens nothing.
    ForgeTicket,
    /// The proxy answers in the node's stead.
    Answer(u16),
    /// The connection ends.
    HangUp,
}

#[derive(Default)]
struct Counts {
    puts: AtomicU32,
    envelopes: AtomicU32,
    tickets: AtomicU32,
}

/// Runs until the test's process ends.
pub(super) struct Proxy {
    pub(super) url: String,
    counts: Arc<Counts>,
}

struct Message {
    head: String,
    body: Vec<u8>,
}

impl Proxy {
    /// `act` is asked for each PUT, by its number from 0 on.
    pub(super) fn start(node_url: &str, act: impl Fn(u32) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let node = node_url.strip_prefix("http://").unwrap().to_owned();
        let (act, counts) = (Arc::new(act), Arc::<Counts>::default());
        let counted = Arc::clone(&counts);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, node) = (client.unwrap(), node.clone());
                let (act, counts) = (Arc::clone(&act), Arc::clone(&counted));
                // A client that is gone is no fault.
                thread::spawn(move || pass(client, &node, &*act, &counts).ok());
            }
        });
        Self { url, counts }
    }

    /// How many chunks were put.
    pub(super) fn puts(&self) -> u32 {
        self.counts.puts.load(Ordering::SeqCst)
    }

    /// How many messages put a chunk.
    pub(super) fn envelopes(&self) -> u32 {
        self.counts.envelopes.load(Ordering::SeqCst)
    }

    /// How many messages asked for a ticket.
    pub(super) fn tickets(&self) -> u32 {
        self.counts.tickets.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, node: &str, act: &dyn Fn(u32) -> Act, counts: &Counts) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut node = BufReader::new(TcpStream::connect(node)?);
    while let Some(mut message) = read(&mut client)? {
        if message.head.starts_with("PUT ") {
            match act(counts.puts.fetch_add(1, Ordering::SeqCst)) {
                Act::Pass => {}
                Act::ForgeTicket => message.head = forged(&message.head),
                Act::Answer(status) => {
                    let text = "no answer of the node";
                    let head =
                        format!("HTTP/1.1 {status} By-The-Proxy\r\ncontent-length: {}\r\n\r\n", text.len());
                    client.get_mut().write_all((head + text).as_bytes())?;
                    continue;
                }
                Act::HangUp => return Ok(()),
            }
        }
        counts.envelopes.fetch_add(message.names("uploads_put_chunk"), Ordering::SeqCst);
        counts.tickets.fetch_add(message.names("mint_upload_ticket"), Ordering::SeqCst);
        message.write(node.get_mut())?;
        let Some(answer) = read(&mut node)? else { return Ok(()) };
        answer.write(client.get_mut())?;
    }
    Ok(())
}

impl Message {
    /// 1 where the body holds the name of a method.
    fn names(&self, method: &str) -> u32 {
        u32::from(self.body.windows(method.len()).any(|window| window == method.as_bytes()))
    }

    fn write(&self, to: &mut TcpStream) -> Result<()> {
        to.write_all(self.head.as_bytes())?;
        to.write_all(&self.body)
    }
}

/// The next request or answer; none at the end. Each says its length, or has no body.
fn read(from: &mut BufReader<TcpStream>) -> Result<Option<Message>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    Ok(Some(Message { head, body }))
}

fn forged(head: &str) -> String {
    let lines = head.split_inclusive("\r\n").map(|line| {
        if line.to_ascii_lowercase().starts_with("authorization:") {
            format!("authorization: Bearer {}\r\n", "A".repeat(106))
        } else {
            line.to_owned()
        }
    });
    lines.collect()
}
