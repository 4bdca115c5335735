//! A running server: what it does when its log, its store or its life comes to an end.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

fn smtp() -> Command {
    Command::new(env!("CARGO_BIN_EXE_smtp"))
}

/// A server that is killed when the test is over, and its address.
struct Server(Child, String);

impl Server {
    fn start(args: &[&str], store: &Path, stderr: impl Into<Stdio>) -> Self {
        let mut command = smtp();
        command.args(["serve", "--listen", "127.0.0.1:0", "--raw"]).arg(store).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Server(child, address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn send(server: &str, args: &[&str], content: &[u8]) -> Output {
    let mut child = smtp()
        .args(["send", "--server", server, "--from", "alice@example.org"])
        .args(["--to", "bob@example.net"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    child.wait_with_output().unwrap()
}

fn names(dir: &Path, ending: &str) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn a_log_that_cannot_be_written_loses_nothing() {
    for runtime in RUNTIMES {
        for log in ["text", "json"] {
            let room = tempfile::tempdir().unwrap();
            let full = File::options().write(true).open("/dev/full").unwrap();
            let server = Server::start(&["--runtime", runtime, "--log", log], room.path(), full);
            for n in 1..=2 {
                let output = send(&server.1, &[], b"Subject: x\r\n\r\ny\r\n");
                assert_eq!(output.status.code(), Some(0), "{runtime}: {output:?}");
                assert_eq!(names(room.path(), ".eml").len(), n);
            }
        }
    }
}
