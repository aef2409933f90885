//! A server that ends with whoever started it. Owns the shell that watches over it: a test process may be killed, and values in
//! statics are never dropped.

use anyhow::{Context, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Its input ends when the process that has the other end does; each line until then kills the server and starts it again. SIGTERM
/// is too slow for some servers.
const WATCH: &str = r#"
data=$1; sockets=$2; shift 2
start() {
    "$@" </dev/null >>"$data/log" 2>&1 &
    server=$!
    ( wait_for() { while kill -0 "$server" 2>/dev/null; do sleep 1; done; }; wait_for; : >"$data/ended" ) 2>/dev/null &
    watch=$!
}
end() {
    kill -9 "$watch" "$server" 2>/dev/null
    wait "$watch" "$server" 2>/dev/null
}
start "$@"
while read -r _; do end; start "$@"; done
end
rm -rf "$data"
for port in $sockets; do rm -f /tmp/seaweedfs-*-"$port".sock; done
"#;

#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    data: PathBuf,
}

impl Guard {
    /// Runs `arguments`. `data` and the sockets that `SeaweedFS` names by its ports are removed afterwards.
    pub(crate) fn start(arguments: &[String], data: &Path, ports: &[u16]) -> Result<Self> {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCH, "sh"]).arg(data).arg(ports.join(" ")).args(arguments);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // An interrupt from the terminal goes to all of its group: the shell has to outlive the test to clean up.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let shell = shell.spawn().context("cannot start sh")?;
        Ok(Self { shell, data: data.to_owned() })
    }

    /// Has the server killed and started again, over the same data.
    pub(crate) fn restart(&self) -> Result<()> {
        let mut input = self.shell.stdin.as_ref().context("its input is closed")?;
        input.write_all(b"again\n").context("the shell is gone")
    }

    /// Whether the server ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.data.join("ended").exists()
    }

    /// The end of what it said.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.data.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
