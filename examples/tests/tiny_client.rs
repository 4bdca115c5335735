//! The client for devices over TCP, against our server. Its serial line is in
//! `examples/no-std/tests`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

use smtp_std::Server;
use smtp_std::codec::server::{Config, Event, Refusal};

/// Takes one session; what arrived, if anything was taken over. `nobody` is refused.
fn server() -> (SocketAddr, thread::JoinHandle<Option<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let mut server = Server::new(stream, Config::new("mx.example.org").unwrap());
        let (mut content, mut taken) = (Vec::new(), None);
        while let Ok(event) = server.next() {
            match event {
                Event::Rcpt(rcpt) => match rcpt.forward_path().to_string().as_str() {
                    "<nobody@example.org>" => rcpt.reject(Refusal::NO_SUCH_USER),
                    _ => rcpt.accept(),
                },
                Event::Body(octets) => content.extend_from_slice(octets),
                Event::Message(message) => {
                    taken = Some(content.clone());
                    message.accept();
                }
                Event::Closed(_) => break,
                other => other.proceed(),
            }
        }
        taken
    });
    (address, serving)
}

fn send(arguments: &[&str], content: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiny-client"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(content.as_bytes());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_message_arrives() {
    let (address, serving) = server();
    let content = "Subject: dots\n\n.\n..\n.a\n\nlast";
    let sent = send(&[&address.to_string(), "a@example.net", "bob@example.org"], content);
    assert_eq!(sent, (Some(0), "Accepted, Quit\n".to_owned()));
    assert_eq!(
        serving.join().unwrap().unwrap(),
        b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\nlast\r\n"
    );
}

#[test]
fn a_refusal_is_told() {
    let (address, serving) = server();
    let sent = send(&[&address.to_string(), "a@example.net", "nobody@example.org"], "text\n");
    assert_eq!(sent, (Some(1), "Refused, Quit\n".to_owned()));
    assert_eq!(serving.join().unwrap(), None);
}

#[test]
fn what_cannot_be_sent_is_said() {
    let (address, serving) = server();
    let sent = send(&[&address.to_string(), "a@example.net", "bob@example.org"], "caf\u{e9}\n");
    assert_eq!(sent, (Some(1), String::new()));
    assert_eq!(serving.join().unwrap(), None);
    assert_eq!(send(&["127.0.0.1:1", "not an address", "b"], ""), (Some(1), String::new()));
    assert_eq!(send(&[], ""), (Some(1), String::new()));
}
