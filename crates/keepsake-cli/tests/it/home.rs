//! What docs/home.md and docs/proxy.md say, done: their files for Caddy and nginx and their commands, under other names and
//! ports, with the real programs.

use crate::secure::{carries_everything, get, json};
use crate::support::{Node, User, fresh_dir, path, private, text};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No program takes this long to start.
const LONG: Duration = Duration::from_secs(60);

/// Where Debian's packages have their programs.
const PLACES: [&str; 4] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// The program; none where it is not installed, which is no excuse in CI. `variable` may name it.
fn installed(name: &str, variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let found =
        named.or_else(|| PLACES.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists()));
    if found.is_none() {
        let what = format!("needs {name}: install it, or name one in {variable}");
        assert!(std::env::var_os("CI").is_none(), "{what}");
        eprintln!("left out: {what}");
    }
    found
}

/// The block of `language` under a heading of a page in docs/.
fn block(page: &str, heading: &str, language: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let text = fs::read_to_string(&file).unwrap();
    let (_, section) =
        text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{heading} in {page}"));
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let blocks: Vec<_> =
        section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    // The last: commands come before the files that they need.
    (*blocks.last().unwrap_or_else(|| panic!("{language} under {heading} in {page}"))).to_owned()
}

/// `text` with all pairs replaced, each of which it must have.
fn with(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} in {text}");
        text.replace(from, to)
    })
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server beside the node. Stopped when dropped.
struct Server(Child);

impl Server {
    /// Starts and waits until it answers at all of `addresses`.
    fn start(command: &mut Command, addresses: &[SocketAddr], log: &Path) -> Self {
        let (out, told) = (fs::File::create(log).unwrap(), || fs::read_to_string(log).unwrap());
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let mut server = Self(command.spawn().unwrap());
        let deadline = Instant::now() + LONG;
        while addresses.iter().any(|address| TcpStream::connect(address).is_err()) {
            assert!(server.0.try_wait().unwrap().is_none() && Instant::now() < deadline, "{}", told());
            sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Caddy with a file, in a folder of its own: it changes nothing of this machine.
fn caddy(program: &Path, dir: &Path, sites: &str, addresses: &[SocketAddr]) -> Server {
    let file = dir.join("Caddyfile");
    let storage = dir.join("caddy");
    let own = format!(
        "{{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system {}\n}}\n",
        storage.display()
    );
    fs::write(&file, own + sites).unwrap();
    let mut command = Command::new(program);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", dir);
    Server::start(&mut command, addresses, &dir.join("caddy.log"))
}

fn authority(dir: &Path) -> PathBuf {
    dir.join("caddy/pki/authorities/local/root.crt")
}

fn node_address(node: &Node) -> &str {
    node.url.strip_prefix("http://").unwrap()
}

#[test]
fn caddy_with_its_own_authority_carries_everything_and_hands_out_its_certificate() {
    let Some(program) = installed("caddy", "CADDY") else { return };
    let dir = fresh_dir();
    let node =
        Node::start_with(&dir.path().join("data"), &["--host", "nas.local", "--admission", "everybody"]);
    let (secure, plain) = (free_address(), free_address());
    let authorities = authority(dir.path()).parent().unwrap().display().to_string();
    let sites = with(
        &block("home.md", "Caddy with its own authority", "caddyfile"),
        &[
            ("http://nas.local", &format!("http://localhost:{}", plain.port())),
            ("nas.local", &format!("localhost:{}", secure.port())),
            ("127.0.0.1:4943", node_address(&node)),
            ("/var/lib/caddy/.local/share/caddy/pki/authorities/local", &authorities),
        ],
    );
    let _caddy = caddy(&program, dir.path(), &sites, &[secure, plain]);
    let url = format!("https://localhost:{}", secure.port());
    let handed = plain_get(plain, "/root.crt");
    let (head, certificate) = handed.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("application/x-x509-ca-cert"), "{head}");
    assert!(plain_get(plain, "/root.key").starts_with("HTTP/1.1 302 "), "nothing else is handed out");
    // As the phone gets it.
    let trusted = dir.path().join("trusted.pem");
    fs::write(&trusted, certificate).unwrap();
    carries_everything(dir.path(), &url, &trusted);
}

#[test]
fn caddy_with_a_public_name_needs_no_more_than_is_said() {
    let Some(program) = installed("caddy", "CADDY") else { return };
    let mut files = Vec::new();
    for (page, heading) in [("home.md", "Caddy with a public name"), ("proxy.md", "Caddy")] {
        files.push(block(page, heading, "caddyfile"));
    }
    assert_eq!(files[0], files[1]);
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let secure = free_address();
    // For this name Caddy takes its own authority.
    let name = format!("localhost:{}", secure.port());
    let sites = with(&files[0], &[("photos.example", &name), ("127.0.0.1:4943", node_address(&node))]);
    let _caddy = caddy(&program, dir.path(), &sites, &[secure]);
    let url = format!("https://{name}");
    assert!(get(&url, &authority(dir.path()), "/health").contains("\"status\":\"ok\""));
    // Its word for a node that is away is understood.
    drop(node);
    let user = User { home: dir.path().join("ann"), url };
    let output = crate::secure::run(&user, &authority(dir.path()), &["ls"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
}

fn plain_get(address: SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = format!("localhost:{}", address.port());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    text(&answer)
}

#[test]
fn nginx_carries_everything() {
    let Some(program) = installed("nginx", "NGINX") else { return };
    let dir = fresh_dir();
    let node =
        Node::start_with(&dir.path().join("data"), &["--host", "photos.example", "--admission", "everybody"]);
    let home = crate::authority::Authority::new(dir.path(), "home");
    let (files, address) = (home.certificate("node"), free_address());
    let certificate = format!(
        "ssl_certificate {}; ssl_certificate_key {};",
        files.certificate.display(),
        files.key.display()
    );
    let server = with(
        &block("proxy.md", "nginx", "nginx"),
        &[
            ("listen 443 ssl", &format!("listen {address} ssl")),
            ("photos.example", "localhost"),
            ("# ssl_certificate …, ssl_certificate_key …", &certificate),
            ("http://127.0.0.1:4943", &node.url),
        ],
    );
    let folder = path(dir.path());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
        .join("\n");
    let own = format!(
        "daemon off; user root; pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\n"
    );
    let file = dir.path().join("nginx.conf");
    fs::write(&file, own + &server + "}\n").unwrap();
    let mut command = Command::new(program);
    command.args(["-p", folder, "-e", "stderr", "-c"]).arg(&file);
    let _nginx = Server::start(&mut command, &[address], &dir.path().join("nginx.log"));
    carries_everything(dir.path(), &format!("https://localhost:{}", address.port()), &home.file());
}

#[test]
fn openssl_makes_a_certificate_that_serves_by_the_file_of_options() {
    let Some(openssl) = installed("openssl", "OPENSSL") else { return };
    let dir = fresh_dir();
    let commands = with(&block("home.md", "A certificate of your own", "sh"), &[("nas.local", "localhost")]);
    let mut shell = Command::new("sh");
    let made =
        shell.args(["-eu", "-c", &with(&commands, &[("openssl ", &format!("{} ", openssl.display()))])]);
    let made = made.current_dir(dir.path()).stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let (data, file, folder) = (dir.path().join("data"), dir.path().join("keepsake.toml"), path(dir.path()));
    let options = with(
        &block("home.md", "A file for the options", "toml"),
        &[
            ("/srv/keepsake", path(&data)),
            ("0.0.0.0:4943", "127.0.0.1:0"),
            ("nas.local", "localhost"),
            ("/etc/keepsake", folder),
        ],
    );
    private(&file, &options);
    let node = Node::start_by(&["--config", path(&file)], &data);
    assert!(node.url.starts_with("https://localhost:"), "{}", node.url);
    let user = User::new(dir.path(), "ann", &node);
    json(&user, &dir.path().join("ca.pem"), &["capsule", "create"]);
}
