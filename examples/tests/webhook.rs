//! Mail to HTTP, between raw clients and a web server of a few lines.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::string_slice)]

#[allow(unreachable_pub)]
mod running;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use data_encoding::BASE64;
use running::{LONG, Program};
use serde_json::{Value, json};

/// Answers one request after the other with these, and gives out what was posted. An empty answer is
/// none: the connection is closed. Behind the last it listens and does not answer.
fn web(answers: &'static [&'static str]) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mail", listener.local_addr().unwrap());
    let (posted, posts) = channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut answers = answers.iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let Some(answer) = answers.next() else {
                kept.push(stream);
                continue;
            };
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let start = head.len();
                stream.read_line(&mut head).unwrap();
                let line = head[start..].to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            assert!(head.starts_with("POST /mail HTTP/1.1\r\n"), "{head}");
            assert!(
                head.to_ascii_lowercase().contains("content-type: application/json\r\n"),
                "{head}"
            );
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            posted.send(serde_json::from_slice(&body).unwrap()).unwrap();
            if !answer.is_empty() {
                let more = "Connection: close\r\nContent-Length: 0\r\n\r\n";
                stream
                    .get_mut()
                    .write_all(format!("HTTP/1.1 {answer}\r\n{more}").as_bytes())
                    .unwrap();
            }
        }
    });
    (url, posts)
}

fn webhook(url: &str) -> Program {
    let arguments = ["127.0.0.1:0", url, "Example.ORG", "2"];
    Program::start(env!("CARGO_BIN_EXE_webhook"), &arguments)
}

/// Of a message that was answered nothing is kept, whether it was posted or void.
#[test]
fn no_message_is_kept() {
    const SIZE: u64 = 16 << 10; // KiB
    let (url, posts) = web(&["200 OK"]);
    let program = webhook(&url);
    let mut client = program.talk();
    client.ehlo();
    let lines = format!("{}\r\n", "x".repeat(1022)).repeat(16 << 10);
    let before = program.memory("VmRSS");
    for (end, code) in [("\r\n.\r\n", "250 2.0.0 "), ("\n\r\n.\r\n", "554 5.6.0 ")] {
        client.begin(&["bob@example.org"]);
        client.send(&lines);
        client.send(end);
        assert!(client.hear().starts_with(code));
        let kept = program.memory("VmRSS").saturating_sub(before);
        assert!(kept < SIZE / 2, "{kept} KiB are kept behind {code}");
    }
    assert_eq!(posts.recv_timeout(LONG).unwrap()["to"][0]["address"], "bob@example.org");
    // All at once it is there twice in base64.
    let most = program.memory("VmHWM").saturating_sub(before);
    assert!(most < 3 * SIZE, "{most} KiB");
}

#[test]
fn a_message_is_posted_as_it_came() {
    let (url, posts) = web(&["200 OK", "204 No Content"]);
    let program = webhook(&url);
    let mut client = program.talk();
    client.ehlo();
    client.say("MAIL FROM:<alice@example.net> BODY=8BITMIME SIZE=30");
    client.say("RCPT TO:<\"bob \\\"x\\\"\"@EXAMPLE.org> NOTIFY=NEVER");
    assert!(client.say("RCPT TO:<bob@example.net>").starts_with("550 5.7.1 "));
    client.say("RCPT TO:<postmaster>");
    client.say("DATA");
    client.send(b"Subject: \xff\xfe\r\n\r\n..dots\r\n.\r\n");
    assert!(client.hear().starts_with("250 2.0.0 "));
    let peer = client.stream().local_addr().unwrap().to_string();
    assert_eq!(
        posts.recv_timeout(LONG).unwrap(),
        json!({
            "client": peer, "hello": "client.example", "protocol": "ESMTP",
            "from": {"address": "alice@example.net", "parameters": "BODY=8BITMIME SIZE=30"},
            "to": [
                {"address": "\"bob \\\"x\\\"\"@EXAMPLE.org", "parameters": "NOTIFY=NEVER"},
                {"address": "postmaster", "parameters": ""},
            ],
            "content": BASE64.encode(b"Subject: \xff\xfe\r\n\r\n.dots\r\n"),
        })
    );
    // The next transaction of a session has nothing of the last, and reports have no sender.
    client.say("MAIL FROM:<>");
    client.say("RCPT TO:<b@example.org>");
    client.send("BDAT 2\r\nHiBDAT 2 LAST\r\n\r\n");
    client.hear();
    assert!(client.hear().starts_with("250 2.0.0 "));
    let post = posts.recv_timeout(LONG).unwrap();
    assert_eq!(post["from"], json!({"address": "", "parameters": ""}));
    assert_eq!(post["to"], json!([{"address": "b@example.org", "parameters": ""}]));
    assert_eq!(post["content"], json!(BASE64.encode(b"Hi\r\n")));
}

#[test]
fn without_2xx_the_client_keeps_the_message() {
    let answers = &["500 Oops", "404 Gone", "302 Found\r\nLocation: /mail", "", "200 OK"];
    let (url, posts) = web(answers);
    let program = webhook(&url);
    let mut client = program.talk();
    client.ehlo();
    let mut deliver = || {
        client.begin(&["b@example.org"]);
        client.say("Hi\r\n.")
    };
    for answer in answers {
        let expected = if answer.starts_with("200") { "250 2.0.0 " } else { "451 4.3.0 " };
        let reply = deliver();
        assert!(reply.starts_with(expected), "{answer:?}: {reply}");
        posts.recv_timeout(LONG).unwrap();
    }
    // It takes the post, and says nothing.
    assert!(deliver().starts_with("451 4.3.0 "));
}

#[test]
fn a_webhook_that_is_not_there_is_one_that_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = webhook(&format!("http://{}/", listener.local_addr().unwrap()));
    thread::spawn(move || listener.incoming().for_each(drop));
    let mut client = program.talk();
    client.ehlo();
    client.begin(&["b@example.org"]);
    assert!(client.say("Hi\r\n.").starts_with("451 4.3.0 "));
    assert!(client.say("NOOP").starts_with("250 "));
}

#[test]
fn what_is_no_mail_is_not_posted() {
    let (url, posts) = web(&["200 OK"]);
    let program = webhook(&url);
    let mut client = program.talk();
    client.ehlo();
    assert!(client.say("RCPT TO:<b@example.org>").starts_with("503 "));
    client.begin(&["b@example.org"]);
    assert!(client.say("bare\nnewline\r\n.").starts_with("554 5.6.0 "));
    client.begin(&["b@example.org"]);
    client.send(vec![b'x'; 26 << 20]);
    assert!(client.say("\r\n.").starts_with("552 5.3.4 "));
    client.begin(&["b@example.org"]);
    client.send("cut off\r\n");
    drop(client);
    let mut client = program.talk();
    client.ehlo();
    client.begin(&["b@example.org"]);
    assert!(client.say("Hi\r\n.").starts_with("250 "));
    let post = posts.recv_timeout(LONG).unwrap();
    assert_eq!(post["content"], json!(BASE64.encode(b"Hi\r\n")));
    assert!(posts.try_recv().is_err());
}
