//! A running server: what it does when its log, its store or its life comes to an end.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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

#[test]
fn lmtp_answers_each_recipient_and_stores_once() {
    for runtime in RUNTIMES {
        let room = tempfile::tempdir().unwrap();
        let args = ["--runtime", runtime, "--lmtp", "--exit-after", "2"];
        let mut server = Server::start(&args, room.path(), Stdio::piped());
        let args = ["--lmtp", "--runtime", runtime, "--to", "carol@example.com", "--json"];
        let output = send(&server.1, &args, b"Subject: x\r\n\r\ny\r\n");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let texts: Vec<_> = (0..2).map(|n| &outcome["recipients"][n]["reply"]["text"]).collect();
        assert_eq!(texts[0], texts[1]);
        let [json] = &names(room.path(), ".json")[..] else { panic!("not stored once") };
        let record: serde_json::Value =
            serde_json::from_slice(&fs::read(room.path().join(json)).unwrap()).unwrap();
        assert_eq!(record["protocol"], "LMTP");
        assert_eq!(record["recipients"].as_array().unwrap().len(), 2);

        // One message with two recipients is one message for --exit-after and the log.
        assert!(server.0.try_wait().unwrap().is_none());
        assert_eq!(send(&server.1, &["--lmtp"], b"z\r\n").status.code(), Some(0));
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
        let mut log = String::new();
        server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(log.matches(" message ").count(), 2, "{log}");
    }
}

#[test]
fn binary_content_arrives_octet_for_octet() {
    let room = tempfile::tempdir().unwrap();
    let server = Server::start(&["--log", "off"], room.path(), Stdio::null());
    let content = b".\r\n\n.\n\r.\r\0\xff\r\n.\r\nend";
    let output = send(&server.1, &["--body", "binarymime"], content);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stored = room.path().join(&names(room.path(), ".eml")[0]);
    assert_eq!(fs::read(&stored).unwrap(), content);
    let record = fs::read(stored.with_extension("json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let declared = content.len().to_string();
    let size = record["parameters"].as_array().unwrap().iter().find(|it| it["keyword"] == "SIZE");
    assert_eq!(size.unwrap()["value"], declared.as_str());
    for more in ["--normalise", "--no-chunking"] {
        let output = send(&server.1, &["--body", "binarymime", more], content);
        assert_eq!(output.status.code(), Some(64));
    }
}
