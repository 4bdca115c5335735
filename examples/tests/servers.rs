//! The servers that have no adapter: each of them goes through the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod served;

use std::io::{Read, Write};
use std::net::TcpStream;

use served::{Peer, Program};
use smtp_std::Client;
use smtp_std::codec::client::Config;
use smtp_std::codec::proto::Envelope;

fn start(path: &str) -> Program {
    Program::start(path, &["127.0.0.1:0"])
}

/// Messages by our own client, by DATA and by BDAT, dots and all.
fn takes_messages(path: &str) {
    let program = start(path);
    let content = b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\nlast\r\n".repeat(1000);
    let envelope = Envelope::new("alice@example.net".parse().unwrap())
        .to("bob@example.org".parse().unwrap())
        .to("carol@example.org".parse().unwrap());
    for chunking in [true, false] {
        let config = Config::new("client.example.net").unwrap().chunking(chunking);
        let mut client = Client::connect(program.address, config).unwrap();
        for repeat in [1, 7] {
            let content = content.repeat(repeat);
            let sent = client.send(&envelope, &content[..]);
            assert!(sent.error.is_none(), "{:?}", sent.error);
            assert!(sent.outcome.is_accepted(), "{:?}", sent.outcome);
            assert_eq!(program.line(), format!("a message of {} octets", content.len()));
        }
        client.quit().unwrap();
    }
}

/// Many clients, each of whom does a step in turn.
fn serves_many_at_once(path: &str) {
    let program = start(path);
    let mut peers: Vec<_> = (0..200).map(|_| program.connect()).collect();
    for peer in &mut peers {
        peer.hear("220");
    }
    for (line, code) in [
        ("EHLO client.example.net", "250"),
        ("MAIL FROM:<a@example.net>", "250"),
        ("RCPT TO:<b@example.org>", "250"),
        ("DATA", "354"),
    ] {
        for peer in &mut peers {
            peer.say(format!("{line}\r\n"));
        }
        for peer in &mut peers {
            peer.hear(code);
        }
    }
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.say("x".repeat(number) + "\r\n.\r\n");
        peer.hear("250");
        assert_eq!(program.line(), format!("a message of {} octets", number + 2));
    }
    for peer in &mut peers {
        peer.ask("QUIT", "221");
        assert_eq!(peer.rest(), "");
    }
}

/// More clients than it serves at once: the last waits until somebody leaves.
fn has_a_bound(path: &str) {
    let program = start(path);
    let mut peers: Vec<_> = (0..500).map(|_| program.connect()).collect();
    for peer in &mut peers {
        peer.hear("220");
    }
    let mut last = program.connect();
    peers[250].ask("NOOP", "250");
    last.stream().set_nonblocking(true).unwrap();
    assert!(last.stream().peek(&mut [0]).is_err(), "it was greeted");
    last.stream().set_nonblocking(false).unwrap();
    peers[100].ask("QUIT", "221");
    last.hear("220");
    last.ask("QUIT", "221");
}

/// Whatever is wrong is answered, and nobody else is harmed.
fn survives_bad_input(path: &str) {
    let mut program = start(path);
    let mut good = program.connect();
    good.hear("220");
    good.ask("EHLO client.example.net", "250");

    let mut peer = program.connect();
    peer.hear("220");
    peer.ask("XYZZY", "500");
    peer.ask("MAIL FROM:<a@example.net>", "503");
    peer.ask("EHLO client.example.net", "250");
    peer.ask("MAIL FROM:a@example.net", "501");
    peer.ask("STARTTLS", "502");
    peer.ask(&"x".repeat(100_000), "500");
    peer.ask("MAIL FROM:<a@example.net>", "250");
    peer.ask("RCPT TO:<b@example.org>", "250");
    peer.ask("DATA", "354");
    // No end of data, and a message with bare newlines is none.
    peer.say("text\n.\nMAIL FROM:<evil@example.net>\r\n.\r\n");
    peer.hear("554");
    peer.say("\r\n".repeat(50));
    let rest = peer.rest();
    assert!(rest.lines().last().unwrap().starts_with("421 4.7.0 "), "{rest}");

    let mut browser = program.connect();
    browser.hear("220");
    browser.ask("GET / HTTP/1.1", "421");
    assert_eq!(browser.rest(), "");

    // Cut off in the middle of everything.
    for say in ["", "EH", "EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx"]
    {
        let peer = program.connect();
        peer.say(say);
    }
    good.ask("MAIL FROM:<a@example.net>", "250");
    assert!(program.is_running());
}

/// A client that goes on sending when it was cut off can read why.
fn closes_in_order(path: &str) {
    let program = start(path);
    let mut peer = program.connect();
    peer.say("bad\r\n".repeat(20_000));
    let rest = peer.rest();
    assert!(rest.lines().last().unwrap().starts_with("421 4.7.0 "), "{rest}");
}

/// Octet by octet.
fn takes_what_drips(path: &str) {
    let program = start(path);
    let mut peer = program.connect();
    peer.hear("220");
    let all =
        "EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n..\r\n.\r\nQUIT\r\n";
    for octet in all.as_bytes() {
        peer.say([*octet]);
    }
    for code in ["250", "250", "250", "354", "250", "221"] {
        peer.hear(code);
    }
    assert_eq!(program.line(), "a message of 3 octets");
}

/// Who says all at once and closes its side is answered all the same.
fn answers_the_half_closed(path: &str) {
    let program = start(path);
    let mut peer = program.connect();
    peer.say("EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\n");
    peer.end();
    let rest = peer.rest();
    assert!(rest.lines().last().unwrap().starts_with("250 2.0.0 "), "{rest}");
    assert_eq!(program.line(), "a message of 3 octets");
}

/// While one client pours, others have their turn.
fn lets_nobody_starve(path: &str) {
    let program = start(path);
    let mut flood = program.connect();
    flood.say("EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
    for code in ["220", "250", "250", "250", "354"] {
        flood.hear(code);
    }
    let pouring = flood.stream().try_clone().unwrap();
    let lines = "many lines, one of them\r\n".repeat(4000);
    let pouring = std::thread::spawn(move || {
        // It ends when the other half of this socket is closed.
        while (&pouring).write_all(lines.as_bytes()).is_ok() {}
    });
    for _ in 0..20 {
        let mut peer = program.connect();
        peer.hear("220");
        peer.ask("EHLO a.example", "250");
        peer.ask("QUIT", "221");
    }
    assert!(!pouring.is_finished(), "it was cut off");
    flood.stream().shutdown(std::net::Shutdown::Both).unwrap();
    pouring.join().unwrap();
}

/// A client that reads nothing is not read from for ever, and gets every reply in the end.
fn waits_for_the_reader(path: &str) {
    const MESSAGES: usize = 20_000;
    let program = start(path);
    let socket = TcpStream::connect(program.address).unwrap();
    let mut writer = socket.try_clone().unwrap();
    let mut peer = Peer::new(socket);
    peer.hear("220");
    peer.ask("EHLO client.example.net", "250");
    let writing = std::thread::spawn(move || {
        let message = "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n".repeat(100);
        for _ in 0..MESSAGES / 100 {
            writer.write_all(message.as_bytes()).unwrap();
        }
    });
    let mut other = program.connect();
    other.hear("220");
    other.ask("EHLO client.example.net", "250");
    for _ in 0..MESSAGES {
        for code in ["250", "250", "354", "250"] {
            peer.hear(code);
        }
    }
    writing.join().unwrap();
    other.ask("QUIT", "221");
}

/// Who is silent for a second is told so, whatever drips in before the end of a line.
fn has_deadlines(path: &str) {
    let program = Program::start(path, &["127.0.0.1:0", "1"]);
    for say in ["", "EHLO a.example\r\nMAIL FROM:<>\r\nRCP"] {
        let mut peer = program.connect();
        peer.say(say);
        let rest = peer.rest();
        assert!(rest.ends_with("421 4.4.2 mx.example.org timed out\r\n"), "{rest}");
    }
    let mut peer = program.connect();
    let dripping = peer.stream().try_clone().unwrap();
    std::thread::spawn(move || {
        while (&dripping).write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    let rest = peer.rest();
    assert!(rest.ends_with("421 4.4.2 mx.example.org timed out\r\n"), "{rest}");
}

/// Who asks and asks and does not read is left in the end, and has not been told anything twice.
fn leaves_who_does_not_read(path: &str) {
    let program = Program::start(path, &["127.0.0.1:0", "1"]);
    let socket = TcpStream::connect(program.address).unwrap();
    let mut writer = socket.try_clone().unwrap();
    let mut peer = Peer::new(socket);
    peer.hear("220");
    peer.ask("EHLO client.example.net", "250");
    let message = "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n";
    peer.say(message);
    let told = ["250", "250", "354", "250"].map(|code| peer.hear(code)).concat();
    while writer.write_all(message.repeat(100).as_bytes()).is_ok() {}
    // Nothing more is heard once the connection is reset; what was heard before is in order.
    let mut heard = Vec::new();
    let _ = peer.reader.read_to_end(&mut heard);
    let heard = String::from_utf8(heard).unwrap();
    for (heard, told) in heard.split_inclusive('\n').zip(told.split_inclusive('\n').cycle()) {
        let is_last = heard.starts_with("421 ") || !heard.ends_with('\n');
        assert!(is_last || heard == told, "{heard} in place of {told}");
    }
}

macro_rules! servers {
    ($($module:ident: $program:literal { $($scenario:ident),* })*) => {$(
        mod $module {
            $(#[test]
            fn $scenario() {
                super::$scenario(env!(concat!("CARGO_BIN_EXE_", $program)));
            })*
        }
    )*};
}

servers! {
    poll: "poll-server" {
        takes_messages, serves_many_at_once, has_a_bound, survives_bad_input, closes_in_order,
        takes_what_drips, answers_the_half_closed, lets_nobody_starve, waits_for_the_reader,
        has_deadlines, leaves_who_does_not_read
    }
    uring: "uring-server" {
        takes_messages, serves_many_at_once, has_a_bound, survives_bad_input, closes_in_order,
        takes_what_drips, answers_the_half_closed, lets_nobody_starve, waits_for_the_reader,
        has_deadlines, leaves_who_does_not_read
    }
    mio: "mio-server" {
        takes_messages, serves_many_at_once, has_a_bound, survives_bad_input, closes_in_order,
        takes_what_drips, answers_the_half_closed, lets_nobody_starve, waits_for_the_reader,
        has_deadlines, leaves_who_does_not_read
    }
}
