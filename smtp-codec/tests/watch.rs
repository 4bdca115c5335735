//! What a connection tells of itself, in its order.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use bytes::Buf;
use smtp_codec::proto::Envelope;
use smtp_codec::proto::Syntax;
use smtp_codec::proto::command::Mechanism;
use smtp_codec::proto::reply::Refusal;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::{Closing, Machine, Note, Side, Want, client, server};

type Log = Arc<Mutex<Vec<String>>>;

fn log() -> (Log, impl FnMut(Note<'_>) + Send + Sync + 'static) {
    let log = Log::default();
    let write = Arc::clone(&log);
    let tell = move |note: Note<'_>| {
        let line = match note {
            Note::Sent(line) => format!("> {}", line.escape_ascii()),
            Note::Received(line) => format!("< {}", line.escape_ascii()),
            Note::Reply(code) => format!("reply {code}"),
            Note::Auth(code) => format!("auth {code}"),
            Note::Recipient(code) => format!("recipient {code}"),
            Note::Message { code, octets } => format!("message {code} {octets:?}"),
            Note::Closed { why, sent, received } => format!("closed {why:?} {sent} {received}"),
            other => format!("{other:?}"),
        };
        write.lock().unwrap().push(line);
    };
    (log, tell)
}

/// What is told of a server that hears this, without the lines and the replies of the greeting.
fn served(config: server::Config, said: &str) -> Vec<String> {
    let (log, tell) = log();
    let mut server = server::Connection::new(config);
    server.offer_tls();
    server.watch(tell);
    let mut said = said.as_bytes();
    loop {
        match server.step() {
            Want::Event => match server.event() {
                server::Event::Rcpt(rcpt) if rcpt.forward_path().to_string().contains("no") => {
                    rcpt.reject(Refusal::NO_SUCH_USER);
                }
                server::Event::Rcpt(rcpt) => rcpt.accept(),
                server::Event::Mail(mail) if mail.reverse_path().to_string().contains("no") => {
                    mail.reject(Refusal::SENDER_NULL_MX);
                }
                server::Event::Message(message) if message.size() > 10 => {
                    message.reject(Refusal::CONTENT);
                }
                server::Event::Message(message) => message.accept(),
                server::Event::Auth(auth) => match auth.initial_response() {
                    Some(_) => auth.reject(Refusal::BAD_CREDENTIALS),
                    None => auth.challenge(b""),
                },
                server::Event::AuthResponse(response) => response.accept(),
                other => other.proceed(),
            },
            Want::Input if said.is_empty() => server.eof(),
            want @ (Want::Input | Want::Flush) => {
                let n = server.tx().remaining();
                server.tx().advance(n);
                if want == Want::Flush {
                    continue;
                }
                // One line at a time, as a client that waits for each reply.
                let n = said.iter().position(|&b| b == b'\n').map_or(said.len(), |n| n + 1);
                let (line, rest) = said.split_at(n);
                server.rx().receive(line);
                said = rest;
            }
            Want::Tls => server.secured(),
            Want::Close => break,
        }
    }
    let log = log.lock().unwrap().clone();
    assert_eq!(log.iter().filter(|note| note.starts_with("closed")).count(), 1);
    log
}

fn config() -> server::Config {
    server::Config::new("mx.example.org").unwrap()
}

/// Without lines and replies.
fn facts(log: &[String]) -> Vec<&str> {
    let is_line = |note: &&str| ["> ", "< ", "reply "].iter().any(|it| note.starts_with(it));
    log.iter().map(String::as_str).filter(|note| !is_line(note)).collect()
}

const START: &str = "HELO a.example\r\nMAIL FROM:<a@a.example>\r\n";

#[test]
fn a_line_comes_before_what_it_means() {
    let said = format!("{START}RCPT TO:<b@example.org>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n");
    let told = served(config(), &said);
    let expected = [
        "> 220 mx.example.org ESMTP ready",
        "reply 220",
        "< HELO a.example",
        "> 250 mx.example.org hello",
        "reply 250",
        "< MAIL FROM:<a@a.example>",
        "> 250 2.1.0 reverse-path taken",
        "reply 250",
        "Begun",
        "< RCPT TO:<b@example.org>",
        "> 250 2.1.5 recipient taken",
        "reply 250",
        "recipient 250",
        "< DATA",
        "> 354 end data with <CR><LF>.<CR><LF>",
        "reply 354",
        "> 250 2.0.0 message taken",
        "reply 250",
        "message 250 Some(7)",
        "< QUIT",
        "> 221 2.0.0 mx.example.org closing the session",
        "reply 221",
    ];
    assert_eq!(told[..told.len() - 1], expected);
    assert!(told.last().unwrap().starts_with("closed Quit "), "{told:?}");
    let received = said.len();
    assert!(told.last().unwrap().ends_with(&format!(" {received}")), "{told:?}");
}

#[test]
fn transactions_end_in_every_way() {
    let end = |said: &str| -> Vec<String> {
        let told = served(config(), &format!("{START}RCPT TO:<b@example.org>\r\n{said}"));
        let facts = facts(&told);
        assert_eq!(facts[..2], ["Begun", "recipient 250"]);
        facts[2..facts.len() - 1].iter().map(ToString::to_string).collect()
    };
    assert_eq!(end("RCPT TO:<no@example.org>\r\nRSET\r\nNOOP\r\n"), ["recipient 550", "Abandoned"]);
    assert_eq!(end("EHLO b.example\r\n"), ["Abandoned"]);
    assert_eq!(end("QUIT\r\n"), ["Abandoned"]);
    assert_eq!(end(""), ["Abandoned"]);
    assert_eq!(end("DATA\r\nhalf"), ["Abandoned"]);
    assert_eq!(end("DATA\r\nmore than ten\r\n.\r\n"), ["message 554 Some(15)"]);
    assert_eq!(end("DATA\r\na\nb\r\n.\r\n"), ["message 554 Some(1)"]);
    assert_eq!(end("BDAT 2\r\n\r\nBDAT 2 LAST\r\n\r\n"), ["message 250 Some(4)"]);
    assert_eq!(end("BDAT 2\r\n\r\nDATA\r\nRSET\r\n"), ["Abandoned"]);
    assert_eq!(end("RSET\r\nMAIL FROM:<no@a.example>\r\nNOOP\r\n"), ["Abandoned"]);
    let twice = format!("RSET\r\n{}", START.split_once('\n').unwrap().1);
    assert_eq!(end(&twice), ["Abandoned", "Begun", "Abandoned"]);
}

#[test]
fn lmtp_tells_of_each_recipient() {
    let start = START.replace("HELO", "LHLO");
    let two = "RCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\n";
    let told = served(config().lmtp(), &format!("{start}{two}DATA\r\nx\r\n.\r\nQUIT\r\n"));
    let expected =
        ["Begun", "recipient 250", "recipient 250", "message 250 Some(3)", "message 250 Some(3)"];
    assert_eq!(facts(&told)[..5], expected);
    assert_eq!(facts(&told).len(), 6);
}

#[test]
fn tls_is_told_once() {
    let told = served(config(), "EHLO a.example\r\nSTARTTLS\r\nEHLO a.example\r\nQUIT\r\n");
    assert_eq!(facts(&told)[0], "Secured");
    assert_eq!(facts(&told).len(), 2);
}

#[test]
fn no_password_is_told() {
    let config = || config().auth(["PLAIN", "LOGIN"]).unwrap().allow_plaintext_auth();
    for (said, shown, facts_told) in [
        ("AUTH PLAIN c2VjcmV0\r\n", &["AUTH PLAIN ****"][..], &["auth 535"][..]),
        ("auth  plain  c2VjcmV0 c2VjcmV0\r\n", &["auth plain ****"], &[]),
        ("AUTH PLAIN\r\nc2VjcmV0\r\n", &["AUTH PLAIN", "****"], &["auth 235"]),
        // What reads like a command is one only where commands are read.
        ("AUTH PLAIN\r\nNOOP\r\n", &["AUTH PLAIN", "****"], &["auth 235"]),
        ("AUTH PLAIN\r\nNOOP=\r\n", &["AUTH PLAIN", "****"], &["auth 501"]),
        ("NOPE c2Vj\r\n", &["NOPE c2Vj"], &[]),
        ("AUTH=c2VjcmV0\r\n", &["AUTH ****"], &[]),
        ("AUTH\r\n", &["AUTH"], &[]),
        ("AUTH c2VjcmV0\r\n", &["AUTH ****"], &[]),
        ("AUTH c2VjcmV0 x\r\n", &["AUTH ****"], &[]),
        ("AUTH PLAIN\r\n*\r\n", &["AUTH PLAIN", "****"], &["auth 501"]),
        ("AUTH PLAIN\r\nnot base64\r\n", &["AUTH PLAIN", "****"], &["auth 501"]),
        // The password of a client that did not wait, where AUTH was refused.
        ("AUTH NONE\r\nc2VjcmV0\r\n", &["AUTH ****", "****"], &[]),
    ] {
        let told = served(config(), &format!("EHLO a.example\r\n{said}QUIT\r\n"));
        let lines: Vec<&str> = told.iter().filter_map(|note| note.strip_prefix("< ")).collect();
        assert_eq!(lines[1..lines.len() - 1], *shown, "{said}");
        let facts = facts(&told);
        assert_eq!(facts[..facts.len() - 1], *facts_told, "{said}");
        assert!(!told.concat().contains("c2VjcmV0"), "{told:?}");
    }
}

/// What is told of a client, and of the server that it is wired to.
/// In words that are no AUTH, or in places where a mechanism or a password should not be.
#[test]
fn no_password_in_a_wrong_place_is_told() {
    let secret = "AGFsaWNlAHNlY3JldA==";
    for syntax in [Syntax::Strict, Syntax::Lenient] {
        for said in [
            " AUTH PLAIN @",
            "\tAUTH LOGIN\r\n@\r\n@",
            "AUTH @",
            "auth PLAIN @",
            "AUTH PLAIN=@",
            "AUTHPLAIN @",
            "AUTH=PLAIN @",
            "AUTH LOGIN\n\r\n@\r\n@",
            &format!("AUTH PLAIN {}\r\n@", "x".repeat(20_000)),
        ] {
            let config = config().auth(["PLAIN", "LOGIN"]).unwrap().allow_plaintext_auth();
            let said = format!("EHLO x\r\n{}\r\nQUIT\r\n", said.replace('@', secret));
            let told = served(config.syntax(syntax), &said).join("\n");
            assert!(!told.contains(secret), "{syntax:?} {said}\n{told}");
            assert!(told.contains("< QUIT"), "{syntax:?} {said}\n{told}");
        }
    }
}

fn sent(cut: bool) -> (Vec<String>, Vec<String>) {
    let (client_log, tell) = log();
    let mut client = client::Connection::new(client::Config::new("a.example").unwrap());
    client.watch(tell);
    let (server_log, tell) = log();
    let mut server = server::Connection::new(config());
    server.watch(tell);
    let envelope = Envelope::new("a@a.example".parse().unwrap())
        .to("no@example.org".parse().unwrap())
        .to("b@example.org".parse().unwrap());
    let mut delivery = client::Delivery::new(&envelope);
    let mut over = false;
    loop {
        let want = server.step();
        if want == Want::Event {
            match server.event() {
                server::Event::Rcpt(rcpt) if rcpt.forward_path().to_string().contains("no") => {
                    rcpt.reject(Refusal::NO_SUCH_USER);
                }
                server::Event::Rcpt(rcpt) => rcpt.accept(),
                server::Event::Message(_) if cut => {
                    client.eof();
                    assert_eq!(client.step(), Want::Close);
                    break;
                }
                server::Event::Message(message) => message.accept(),
                other => other.proceed(),
            }
            continue;
        }
        let n = client.rx().receive(server.tx().chunk());
        server.tx().advance(n);
        match client.step() {
            Want::Event if over => {
                if let client::Event::Ready(ready) = client.event() {
                    ready.quit();
                }
            }
            Want::Event => match delivery.on(client.event()) {
                client::Step::Body(slot) => {
                    slot.write_end(b"hello\r\n").unwrap();
                }
                client::Step::Over => over = true,
                client::Step::Next => {}
            },
            Want::Close => break,
            _ => {}
        }
        let n = server.rx().receive(client.tx().chunk());
        client.tx().advance(n);
    }
    let logs = [client_log, server_log].map(|log| log.lock().unwrap().clone());
    let [client, server] = logs;
    (client, server)
}

#[test]
fn both_sides_tell_the_same() {
    let (client, server) = sent(false);
    let server: Vec<String> = server
        .iter()
        .map(|note| match note.split_at(2) {
            (">" | "> ", line) => format!("< {line}"),
            ("<" | "< ", line) => format!("> {line}"),
            _ => note.replace("Some(7)", "None"),
        })
        .collect();
    assert_eq!(
        facts(&client)[..4],
        ["Begun", "recipient 550", "recipient 250", "message 250 None"]
    );
    assert_eq!(facts(&client)[..4], facts(&server)[..4]);
    let lines = |log: &[String], mark: &str| -> Vec<String> {
        log.iter().filter(|note| note.starts_with(mark)).cloned().collect()
    };
    assert_eq!(lines(&client, "> "), lines(&server, "> "));
    assert_eq!(lines(&client, "< "), lines(&server, "< "));
    assert!(lines(&client, "> ").contains(&"> BDAT 7 LAST".into()), "{client:?}");
    assert!(client.last().unwrap().starts_with("closed Quit"), "{client:?}");
}

#[test]
fn a_client_tells_what_is_in_doubt() {
    let (client, _) = sent(true);
    let facts = facts(&client);
    assert_eq!(facts[..4], ["Begun", "recipient 550", "recipient 250", "InDoubt"]);
    assert!(facts[4].starts_with("closed PeerGone"));
}

#[test]
fn a_client_tells_no_password() {
    let (log, tell) = log();
    let config = client::Config::new("a.example").unwrap().allow_plaintext_auth();
    let mut client = client::Connection::new(config);
    client.watch(tell);
    let replies = ["220 mx\r\n", "250-mx\r\n250 AUTH PLAIN\r\n", "535 no\r\n"];
    let mut replies = replies.into_iter();
    loop {
        match client.step() {
            Want::Event => {
                if let client::Event::Ready(ready) = client.event() {
                    if replies.len() == 0 {
                        break;
                    }
                    ready.auth(Mechanism::parse("PLAIN").unwrap(), Some(b"secret")).unwrap();
                }
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
            }
        }
    }
    let log = log.lock().unwrap();
    assert!(
        log.contains(&"> AUTH PLAIN ****".into()) && log.contains(&"auth 535".into()),
        "{log:?}"
    );
    assert!(!log.concat().contains("c2VjcmV0"));
}

/// What is told of a client that has so many letters to one recipient, and hears these replies: the
/// first is the greeting. The octets of each direction are those that went over the wire.
fn heard(letters: usize, replies: &[&str]) -> Vec<String> {
    let (log, tell) = log();
    let config = client::Config::new("a.example").unwrap().tls(TlsPolicy::Opportunistic);
    let mut client = client::Connection::new(config);
    client.watch(tell);
    let letter = Envelope::new("a@a.example".parse().unwrap()).to("b@x".parse().unwrap());
    let mut letters = (0..letters).map(|_| client::Delivery::new(&letter));
    let mut delivery = letters.next();
    let (mut replies, mut sent, mut received) = (replies.iter(), 0, 0);
    loop {
        match (client.step(), &mut delivery) {
            (Want::Event, Some(present)) => match present.on(client.event()) {
                client::Step::Body(slot) => {
                    slot.write_end(b"hello\r\n").unwrap();
                }
                client::Step::Over => delivery = letters.next(),
                client::Step::Next => {}
            },
            (Want::Event, None) => {
                if let client::Event::Ready(ready) = client.event() {
                    ready.quit();
                }
            }
            (Want::Close, _) => break,
            (Want::Tls, _) => client.secured(),
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                sent += n;
                match replies.next() {
                    Some(reply) => {
                        let reply = format!("{}\r\n", reply.replace('|', "\r\n"));
                        received += client.rx().receive(reply.as_bytes());
                    }
                    None => client.eof(),
                }
            }
        }
    }
    let told = log.lock().unwrap().clone();
    let mut facts: Vec<String> = facts(&told).into_iter().map(str::to_owned).collect();
    let last = facts.pop().unwrap();
    assert!(last.ends_with(&format!(" {sent} {received}")), "{last}: {sent} {received}");
    facts
}

#[test]
fn transactions_of_a_client_end_in_every_way() {
    let (yes, no, go, bye) = ("250 ok", "550 no", "354 go", "221 bye");
    let end =
        |letters, replies: &[&str]| heard(letters, &[&["220 mx", "250 mx"], replies].concat());
    assert!(end(1, &[no, bye]).is_empty());
    assert_eq!(end(1, &[yes, no, yes, bye]), ["Begun", "recipient 550", "Abandoned"]);
    assert_eq!(end(1, &[yes, yes, no, yes, bye]), ["Begun", "recipient 250", "Abandoned"]);
    assert_eq!(end(1, &[yes, yes]), ["Begun", "recipient 250", "Abandoned"]);
    assert_eq!(end(1, &[yes, yes, go]), ["Begun", "recipient 250", "InDoubt"]);
    let refused = ["Begun", "recipient 250", "message 550 None"];
    assert_eq!(end(1, &[yes, yes, go, no, bye]), refused);
    let twice = [&["Begun", "recipient 250", "message 250 None"][..], &refused].concat();
    assert_eq!(end(2, &[yes, yes, go, yes, yes, yes, go, no, bye]), twice);
    let given_up = ["Begun", "recipient 550", "Abandoned"];
    let twice = [&["Begun", "recipient 250", "message 250 None"][..], &given_up].concat();
    assert_eq!(end(2, &[yes, yes, go, yes, yes, no, yes, bye]), twice);
    assert_eq!(end(2, &[no, yes, no, yes, bye]), given_up);
}

#[test]
fn a_client_tells_of_tls_once() {
    let replies = ["220 mx", "250-mx|250 STARTTLS", "220 go", "250 mx", "550 no", "221 bye"];
    assert_eq!(heard(1, &replies), ["Secured"]);
}

/// Both sides have words for their ends, and names for themselves.
#[test]
fn ends_and_sides_have_names() {
    let end = Closing::Server(server::Closing::TimedOut);
    assert_eq!(end.to_string(), server::Closing::TimedOut.to_string());
    assert_eq!(format!("{end:?}"), "TimedOut");
    let end = Closing::Client(client::Closing::PeerGone);
    assert_eq!(end.to_string(), client::Closing::PeerGone.to_string());
    assert_eq!(format!("{end:?}"), "PeerGone");
    let server = server::Connection::new(config());
    let client = client::Connection::new(client::Config::new("a.example").unwrap());
    assert_eq!((server.side(), Machine::side(&client)), (Side::Server, Side::Client));
    assert_eq!((Side::Server.name(), Side::Client.name()), ("server", "client"));
}
