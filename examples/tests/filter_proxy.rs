//! The filtering proxy between raw clients and two kinds of servers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
mod running;

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use running::{LONG, Program, Talk, plain_sink, until};

fn proxy(back: &str) -> Program {
    Program::start(env!("CARGO_BIN_EXE_filter-proxy"), &["127.0.0.1:0", back, "X-Spam-Flag: YES"])
}

#[test]
fn the_verdict_of_the_back_end_is_told_in_its_words() {
    let (back, seen) = plain_sink();
    let proxy = proxy(&back.to_string());
    let mut client = proxy.talk();
    assert!(client.ehlo().contains("250-8BITMIME|"));
    client.say("MAIL FROM:<a@x> BODY=8BITMIME RET=HDRS");
    assert_eq!(client.say("RCPT TO:<no@y>"), "550-5.1.1 no such user|550 5.1.1 here, at least");
    assert_eq!(client.say("RCPT TO:<b@y> NOTIFY=NEVER"), "250 2.1.5 recipient taken");
    assert!(client.say("DATA").starts_with("354 "));
    assert_eq!(client.say("X-Ok: 1\r\n\r\n..hidden\r\n."), "250 2.6.0 queued as 17");
    for (word, reply) in [
        ("refuse-me", "571 5.7.9 not from you"),
        ("defer-me", "450 4.7.1 try again later"),
        ("keep me", "250 2.6.0 queued as 17"),
    ] {
        client.begin(&["b@y"]);
        assert_eq!(client.say(&format!("{word}\r\n.")), reply);
    }
    assert!(client.say("QUIT").starts_with("221 "));
    let seen = until(&seen, "quit");
    assert_eq!(
        seen[..4],
        [
            "mail <a@x> BODY=8BITMIME RET=HDRS",
            "rcpt <no@y> ",
            "rcpt <b@y> NOTIFY=NEVER",
            r"message X-Ok: 1\r\n\r\n.hidden\r\n",
        ]
    );
    assert_eq!(seen.iter().filter(|it| it.starts_with("message")).count(), 2);
}

#[test]
fn a_header_field_that_is_refused_leaves_nothing_over_there() {
    let (back, seen) = plain_sink();
    let proxy = proxy(&back.to_string());
    for header in ["X-Spam-Flag: YES", "Subject: a\r\nx-spam-flag: yes, it is"] {
        let mut client = proxy.talk();
        client.ehlo();
        client.begin(&["b@y"]);
        assert_eq!(
            client.say(&format!("{header}\r\n\r\nBuy\r\n.")),
            "554 5.6.0 message content refused"
        );
        // What was cut is gone; with a new session it goes on.
        assert!(client.say("MAIL FROM:<a@x>").starts_with("421 "));
        assert_eq!(client.hear(), "");
        assert_eq!(until(&seen, "gone"), ["mail <a@x> ", "rcpt <b@y> "]);
    }
    let mut client = proxy.talk();
    client.ehlo();
    client.begin(&["b@y"]);
    let harmless = "X-Spam-Flag: YE\r\n X-Spam-Flag: YES\r\n\r\nX-Spam-Flag: YES\r\n.";
    assert!(client.say(harmless).starts_with("250 "));
}

#[test]
fn one_message_is_one_message_however_its_end_is_spelt() {
    let sequences: [&[u8]; 12] = [
        b"\n.\n",
        b"\n.\r",
        b"\r.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n.\0\r\n",
    ];
    for chunked in [false, true] {
        for sequence in sequences {
            // A back end that is told nothing but by its octets.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let proxy = proxy(&listener.local_addr().unwrap().to_string());
            let back = thread::spawn(move || record(&listener));
            let mut client = proxy.talk();
            client.ehlo();
            let evil = b"MAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nDATA\r\nevil\r\n";
            let content = [b"text", sequence, &evil[..]].concat();
            if chunked {
                client.say("MAIL FROM:<a@x>");
                client.say("RCPT TO:<b@y>");
                client.send(format!("BDAT {} LAST\r\n", content.len()));
                client.send(&content);
            } else {
                client.begin(&["b@y"]);
                client.send([&content[..], b".\r\n"].concat());
            }
            let verdict = client.hear();
            drop(client);
            let (ended, received) = back.join().unwrap();
            assert_eq!(verdict.starts_with("250 "), ended, "{verdict}");
            assert!(ended || verdict.starts_with("554 5.6.0 "), "{verdict}");
            let text = String::from_utf8_lossy(&received).replace("\r\n", "");
            let shown = received.escape_ascii();
            assert!(!text.contains(['\r', '\n']), "a bare newline went on: {shown}");
            let ends = received.windows(5).filter(|five| five == b"\r\n.\r\n").count();
            assert_eq!(ends, usize::from(ended), "{shown}");
        }
    }
}

/// Answers like a server without extensions; what came behind 354, and whether it had an end.
fn record(listener: &TcpListener) -> (bool, Vec<u8>) {
    let mut server = Talk::new(listener.accept().unwrap().0);
    server.send("220 back.example\r\n");
    let (mut line, mut content) = (String::new(), Vec::new());
    while server.0.read_line(&mut line).unwrap() > 0 {
        server.send(if line == "DATA\r\n" { "354 go\r\n" } else { "250 ok\r\n" });
        if std::mem::take(&mut line) == "DATA\r\n" {
            break;
        }
    }
    while !content.ends_with(b"\r\n.\r\n") {
        let mut room = [0; 4096];
        match server.0.read(&mut room).unwrap() {
            0 => return (false, content),
            n => content.extend_from_slice(&room[..n]),
        }
    }
    server.send("250 kept\r\n");
    let mut line = String::new();
    while server.0.read_line(&mut line).unwrap() > 0 && line != "QUIT\r\n" {
        content.extend_from_slice(std::mem::take(&mut line).as_bytes());
    }
    (true, content)
}

#[test]
fn content_goes_on_as_it_comes_and_no_faster_than_the_back_end_reads() {
    const SIZE: usize = 48 * 1024 * 1024;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = proxy(&listener.local_addr().unwrap().to_string());
    let (go, wait) = channel();
    let back = thread::spawn(move || {
        let mut server = Talk::new(listener.accept().unwrap().0);
        server.send("220 back.example\r\n");
        let mut line = String::new();
        while line != "DATA\r\n" {
            line.clear();
            server.0.read_line(&mut line).unwrap();
            server.send(if line == "DATA\r\n" { "354 go\r\n" } else { "250 ok\r\n" });
        }
        // The first octets are here while the last have not been sent.
        let mut first = [0; 100_000];
        server.0.read_exact(&mut first).unwrap();
        wait.recv_timeout(LONG).unwrap();
        let (mut total, mut end) = (first.len(), Vec::new());
        while !end.ends_with(b"\r\n.\r\n") {
            let mut room = [0; 65_536];
            let n = server.0.read(&mut room).unwrap();
            assert_ne!(n, 0);
            total += n;
            end.extend_from_slice(&room[..n]);
            end.drain(..end.len().saturating_sub(5));
        }
        server.send("250 2.0.0 all of it\r\n");
        total
    });
    let mut client = proxy.talk();
    client.ehlo();
    client.begin(&["b@y"]);
    let before = proxy.memory("VmHWM");
    let line = [[b'x'; 78].as_slice(), b"\r\n"].concat();
    let content = line.repeat(SIZE / line.len());
    // The back end does not read: sooner or later the client cannot write.
    client.stream().set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut sent = 0;
    while let Some(rest) = content.get(sent..) {
        match client.0.get_mut().write(rest) {
            Ok(n) => sent += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(sent < content.len(), "all was taken, and nobody read it");
    }
    client.stream().set_write_timeout(Some(LONG)).unwrap();
    go.send(()).unwrap();
    client.send(&content[sent..]);
    client.send(".\r\n");
    assert_eq!(client.hear(), "250 2.0.0 all of it");
    assert_eq!(back.join().unwrap(), content.len() + 3);
    let grown = proxy.memory("VmHWM") - before;
    assert!(grown < 4096, "{grown} KiB more for a message of {} KiB", SIZE / 1024);
}

#[test]
fn who_the_client_is_goes_on_to_the_back_end() {
    let (back, seen) = plain_sink();
    let proxy = proxy(&back.to_string());
    let mut client = proxy.talk();
    assert!(client.ehlo().contains("XFORWARD "));
    assert!(client.say("XCLIENT NAME=there.example ADDR=192.0.2.1").starts_with("220 "));
    assert!(client.say("EHLO there.example").starts_with("250-"));
    assert!(client.say("XFORWARD NAME=far.example ADDR=192.0.2.2").starts_with("250 "));
    assert!(client.say("XCLIENT NAME").starts_with("501 "));
    client.begin(&["b@y"]);
    assert!(client.say("Hi\r\n.").starts_with("250 "));
    client.say("QUIT");
    assert_eq!(
        until(&seen, "quit")[..2],
        ["xclient NAME=there.example ADDR=192.0.2.1", "xforward NAME=far.example ADDR=192.0.2.2",]
    );
}

#[test]
fn what_the_client_takes_back_is_taken_back_there() {
    let (back, seen) = plain_sink();
    let proxy = proxy(&back.to_string());
    let mut client = proxy.talk();
    client.ehlo();
    client.say("MAIL FROM:<first@x>");
    client.say("RCPT TO:<b@y>");
    client.say("RSET");
    assert!(client.say("RCPT TO:<b@y>").starts_with("503 "));
    for garbage in ["", "MAIL FROM:<a@x", "FROG", "RCPT TO:b@y"] {
        assert!(client.say(garbage).starts_with('5'));
    }
    client.send([b'x'; 5000]);
    assert!(client.say("").starts_with("500 "));
    client.begin(&["b@y"]);
    assert!(client.say("Hi\r\n.").starts_with("250 "));
    client.say("MAIL FROM:<last@x>");
    client.say("RCPT TO:<b@y>");
    drop(client);
    assert_eq!(
        until(&seen, "gone"),
        [
            "mail <first@x> ",
            "rcpt <b@y> ",
            "mail <a@x> ",
            "rcpt <b@y> ",
            r"message Hi\r\n",
            "mail <last@x> ",
            "rcpt <b@y> ",
        ]
    );
}

#[test]
fn a_back_end_that_goes_is_told_as_what_may_come_again() {
    for script in [
        &["<close>"][..],
        &["554 no\r\n"],
        &["220 hi\r\n", "250 ok\r\n", "<close>"],
        &["220 hi\r\n", "250 ok\r\n", "250 ok\r\n", "421 going\r\n"],
        &["220 hi\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "<close>"],
        &["220 hi\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "what\r\n"],
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = proxy(&listener.local_addr().unwrap().to_string());
        let back = thread::spawn(move || {
            let mut server = Talk::new(listener.accept().unwrap().0);
            for (number, reply) in script.iter().enumerate() {
                let mut line = String::new();
                if number > 0 {
                    server.0.read_line(&mut line).unwrap();
                }
                if *reply != "<close>" {
                    server.send(reply);
                }
            }
            listener
        });
        let mut client = proxy.talk();
        let lines =
            ["", "EHLO client.example", "MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA", "Hi\r\n."];
        let replies =
            lines.iter().map(|line| if line.is_empty() { client.hear() } else { client.say(line) });
        let last = replies.into_iter().find(|reply| !reply.starts_with(['2', '3'])).unwrap();
        assert!(last.starts_with("421 "), "{script:?}: {last}");
        assert_eq!(client.hear(), "", "and nothing behind it");
        back.join().unwrap();
    }
}
