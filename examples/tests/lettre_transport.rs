//! The transports for lettre, against servers of ours and one of a few lines.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::string_slice)]

#[allow(unreachable_pub)]
mod running;

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use lettre::address::Envelope;
use lettre::{AsyncTransport, Transport};
use running::{Talk, plain_sink, sink, until};
use smtp_codec::client::{AuthError, Config};
use smtp_codec::proto::{Failure, Stage, Verdict};
use smtp_codec::server;
use smtp_examples::lettre::{Error, Mailer};

/// Runs the program; its exit code, and what it says of each recipient.
fn run(server: SocketAddr, flags: &[&str], text: &[u8], to: &[&str]) -> (i32, Vec<String>) {
    let server = server.to_string();
    let arguments = [flags, &[&server, "Grüße", "Alice <a@client.example>"], to].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_lettre-transport"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), said.lines().map(Into::into).collect())
}

const WAYS: [&[&str]; 2] = [&[], &["--async"]];

#[test]
fn a_message_of_lettre_arrives_as_lettre_made_it() {
    let (server, seen) = plain_sink();
    for flags in WAYS {
        let (code, said) = run(server, flags, b"Hello\n.\nBob\n", &["b@y", "c@y"]);
        assert_eq!((code, said), (0, vec!["b@y: Accepted".into(), "c@y: Accepted".into()]));
        let seen = until(&seen, "quit");
        let (mail, size) = seen[0].rsplit_once('=').unwrap();
        assert_eq!(
            (mail, &seen[1..3]),
            ("mail <a@client.example> SIZE", &["rcpt <b@y> ".to_owned(), "rcpt <c@y> ".into()][..])
        );
        let content = seen[3].strip_prefix("message ").unwrap().replace(r"\r\n", "\r\n");
        assert_eq!(content.len(), size.parse::<usize>().unwrap());
        assert!(content.contains("From: Alice <a@client.example>\r\n"), "{content}");
        assert!(content.contains("Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"), "{content}");
        assert!(content.ends_with("\r\n\r\nHello\r\n.\r\nBob\r\n"), "{content}");
    }
}

#[test]
fn one_who_is_refused_does_not_keep_it_from_the_others() {
    let (server, seen) = plain_sink();
    for flags in WAYS {
        let (code, said) = run(server, flags, b"Hello", &["no@y", "b@y"]);
        assert_eq!((code, said), (69, vec!["no@y: Refused".into(), "b@y: Accepted".into()]));
        assert!(until(&seen, "quit").iter().any(|it| it.starts_with("message ")));
        let (code, said) = run(server, flags, b"defer-me", &["b@y"]);
        assert_eq!((code, said), (75, vec!["b@y: Deferred".into()]));
        until(&seen, "quit");
    }
}

#[test]
fn over_lmtp_each_has_an_answer_to_the_message() {
    let (tell, seen) = channel();
    let server = sink(server::Config::new("back.example").unwrap().lmtp(), tell);
    for flags in [&["--lmtp"][..], &["--lmtp", "--async"]] {
        let (code, said) = run(server, flags, b"Hello", &["b@y", "c@y"]);
        assert_eq!((code, said.len()), (0, 2));
        assert_eq!(until(&seen, "quit").iter().filter(|it| it.starts_with("message ")).count(), 2);
    }
}

#[test]
fn what_is_no_message_and_what_is_no_server_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    assert_eq!(run(server, &[], b"Hi", &["b@y"]), (75, vec!["b@y: Deferred".into()]));
    assert_eq!(run(server, &[], b"Hi", &[]).0, 1, "nobody is to get it");
    assert_eq!(run(server, &[], b"Hi", &["b@y\r\nDATA"]).0, 1);
    assert_eq!(run(server, &[], b"\xff", &["b@y"]).0, 1);
}

/// Offers PIPELINING and CHUNKING, and says nothing to MAIL before both recipients are named. What it
/// read is returned.
fn pipelined(listener: &TcpListener) -> String {
    let mut server = Talk::new(listener.accept().unwrap().0);
    server.send("220 back.example\r\n");
    let mut read = String::new();
    let mut line = || {
        let start = read.len();
        server.0.read_line(&mut read).unwrap();
        (server.0.get_ref().try_clone().unwrap(), read[start..].to_owned())
    };
    let (mut stream, _) = line();
    stream
        .write_all(
            b"250-back.example\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-SIZE\r\n250 CHUNKING\r\n",
        )
        .unwrap();
    line();
    line();
    line();
    stream.write_all(b"250 ok\r\n250 ok\r\n450 4.2.1 busy\r\n").unwrap();
    let (_, bdat) = line();
    let size = bdat.split(' ').nth(1).unwrap().parse().unwrap();
    let mut content = vec![0; size];
    server.0.read_exact(&mut content).unwrap();
    read.push_str(&String::from_utf8(content).unwrap());
    stream.write_all(b"250 ok\r\n").unwrap();
    server.0.read_line(&mut read).unwrap();
    read
}

fn envelope(from: &str, to: &[&str]) -> Envelope {
    let to = to.iter().map(|it| it.parse().unwrap()).collect();
    Envelope::new(Some(from.parse().unwrap()), to).unwrap()
}

#[test]
fn commands_are_grouped_and_content_goes_in_chunks() {
    for is_async in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mailer = Mailer::new(
            &listener.local_addr().unwrap().to_string(),
            Config::new("client.example").unwrap(),
        );
        let server = thread::spawn(move || pipelined(&listener));
        let envelope = envelope("a@x.example", &["b@y.example", "c@y.example"]);
        let error: Error = match is_async {
            false => Transport::send_raw(&mailer, &envelope, "Grüße\r\n".as_bytes()).unwrap_err(),
            true => {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime
                    .block_on(AsyncTransport::send_raw(&mailer, &envelope, "Grüße\r\n".as_bytes()))
                    .unwrap_err()
            }
        };
        assert_eq!(
            server.join().unwrap(),
            "EHLO client.example\r\nMAIL FROM:<a@x.example> SIZE=9 BODY=8BITMIME\r\n\
             RCPT TO:<b@y.example>\r\nRCPT TO:<c@y.example>\r\nBDAT 9 LAST\r\nGrüße\r\nQUIT\r\n"
        );
        assert!(error.is_transient() && !error.is_permanent());
        let told: Vec<_> = error
            .recipients()
            .map(|(it, outcome)| (it.to_string(), outcome.verdict, outcome.stage))
            .collect();
        assert_eq!(
            told,
            [
                ("b@y.example".into(), Verdict::Accepted, Stage::Message),
                ("c@y.example".into(), Verdict::Deferred, Stage::Rcpt),
            ]
        );
        assert_eq!(error.to_string(), "not sent to all, c@y.example: Deferred (450 4.2.1 busy)");
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before() {
    let (server, _seen) = plain_sink();
    let mailer = Mailer::new(&server.to_string(), Config::new("client.example").unwrap());
    let to = envelope("a@x.example", &["b@y.example"]);
    let error = Transport::send_raw(&mailer, &to, b"bare\nnewline").unwrap_err();
    assert!(error.is_permanent() && !error.is_transient());
    assert!(error.to_string().ends_with(&Failure::BareNewline.to_string()), "{error}");
    let nowhere = Mailer::new("127.0.0.1", Config::new("client.example").unwrap());
    let error = Transport::send_raw(&nowhere, &to, b"Hi\r\n").unwrap_err();
    assert!(error.is_transient() && !error.is_permanent(), "{error}");
    // Nobody offered AUTH, and nothing was sent.
    let error = Transport::send_raw(&mailer.login("alice", "tiger"), &to, b"Hi\r\n").unwrap_err();
    assert!(error.to_string().ends_with(&AuthError::NoMechanism.to_string()), "{error}");
}
