//! What the sender says about what happened, and when.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

fn send(server: &str, args: &[&str], content: &[u8]) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
        .args(["send", "--server", server, "--from", "alice@example.org"])
        .args(["--to", "bob@example.net"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    child
}

/// Takes one message by DATA, up to and with QUIT, which is left to the caller to answer.
fn take_one(listener: &TcpListener) -> TcpStream {
    let mut stream = listener.accept().unwrap().0;
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    stream.write_all(b"220 mx.example ESMTP\r\n").unwrap();
    while let Some(Ok(line)) = lines.next() {
        let reply: &[u8] = match line.get(..4) {
            Some("EHLO") => b"250 mx.example\r\n",
            Some("DATA") => b"354 go on\r\n",
            Some("MAIL" | "RCPT") => b"250 ok\r\n",
            Some("QUIT") => break,
            _ if line == "." => b"250 taken\r\n",
            _ => continue,
        };
        stream.write_all(reply).unwrap();
    }
    stream
}

#[test]
fn the_outcome_is_told_before_the_server_answers_quit() {
    for runtime in ["tokio", "async-std", "smol", "std"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || take_one(&listener));
        let mut child = send(&address, &["--runtime", runtime], b"x\r\n");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "bob@example.net: accepted (250 taken)\n");
        assert!(child.try_wait().unwrap().is_none());
        server.join().unwrap().write_all(b"500 what?\r\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_no_reply_tells_is_in_the_json() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let refused = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().to_string()
    };
    let output = send(&refused, &["--json"], b"x\r\n").wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let start = format!("cannot connect to {refused}: ");
    assert!(json["error"].as_str().unwrap().starts_with(&start), "{json}");
    assert_eq!(output.status.code(), Some(75));

    let server = thread::spawn(move || drop(take_one(&listener)));
    let output = send(&address, &["--json"], b"x\r\n").wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["error"].is_null() && json["outcome"] == "accepted", "{json}");
    assert_eq!(output.status.code(), Some(0));
    server.join().unwrap();
}
