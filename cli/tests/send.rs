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

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

/// Answers session after session, which offer that, until `sessions` of them are over: what each
/// was told, content and all. `data` is what is said to the end of the content.
fn answer(listener: &TcpListener, sessions: usize, offer: &str, data: &str) -> Vec<Vec<String>> {
    let mut told = Vec::new();
    for _ in 0..sessions {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut heard = Vec::new();
        stream.write_all(b"220 mx.example ESMTP\r\n").unwrap();
        let mut in_data = false;
        while let Some(Ok(line)) = lines.next() {
            let reply = match line.get(..4) {
                _ if in_data && line != "." => String::new(),
                _ if in_data => data.to_owned(),
                Some("EHLO") => format!("250-mx.example\r\n250 {offer}\r\n"),
                Some("DATA") => "354 go on\r\n".to_owned(),
                Some("QUIT") => "221 bye\r\n".to_owned(),
                _ => "250 ok\r\n".to_owned(),
            };
            in_data = line == "DATA" || (in_data && line != ".");
            heard.push(line);
            stream.write_all(reply.as_bytes()).unwrap();
        }
        told.push(heard);
    }
    told
}

fn to_many(server: &str, args: &[&str], content: &[u8]) -> (Option<i32>, serde_json::Value) {
    let args = [&["--to", "c@x", "--to", "d@x", "--to", "e@x", "--to", "f@x", "--json"], args];
    let output = send(server, &args.concat(), content).wait_with_output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// RFC 9422: five recipients in three transactions, of which a session takes two.
#[test]
fn limits_split_a_message_over_transactions_and_sessions() {
    let content = [&b"Subject: x\r\n\r\n"[..], &b"0123456789\r\n".repeat(20_000)].concat();
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let offer = "LIMITS RCPTMAX=2 MAILMAX=2";
        let server = thread::spawn(move || answer(&listener, 2, offer, "250 taken\r\n"));
        let (code, json) = to_many(&address, &["--runtime", runtime], &content);
        let told = server.join().unwrap();
        assert_eq!((code, &json["outcome"]), (Some(0), &"accepted".into()), "{json}");
        assert_eq!(json["recipients"].as_array().unwrap().len(), 5);
        let named = |session: &Vec<String>| -> Vec<String> {
            let verbs =
                session.iter().filter(|line| line.starts_with("MAIL") || line.contains('@'));
            verbs.map(|line| line.get(..4).unwrap().to_owned()).collect()
        };
        let transaction = ["MAIL", "RCPT", "RCPT"];
        assert_eq!(named(&told[0]), [transaction, transaction].concat(), "{runtime}");
        assert_eq!(named(&told[1]), ["MAIL", "RCPT"], "{runtime}");
        let all = told.concat();
        let contents = all.iter().filter(|line| *line == "0123456789").count();
        assert_eq!(contents, 60_000, "{runtime}: the content is whole each time");
        assert!(told.iter().all(|session| session.last().unwrap() == "QUIT"));
    }
}

#[test]
fn who_was_told_yes_stays_so_where_the_next_session_fails() {
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let offer = "LIMITS RCPTMAX=4 MAILMAX=1";
        // Were the listener gone by the second connection, another test could have its port.
        let server = thread::spawn(move || {
            answer(&listener, 1, offer, "250 taken\r\n");
            drop(listener.accept());
        });
        let (code, json) = to_many(&address, &["--runtime", runtime], b"x\r\n");
        server.join().unwrap();
        assert_eq!((code, &json["outcome"]), (Some(75), &"partial".into()), "{runtime}: {json}");
        let recipients = json["recipients"].as_array().unwrap();
        let outcomes: Vec<_> =
            recipients.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["accepted", "accepted", "accepted", "accepted", "deferred"]);
        assert!(!json["error"].is_null(), "{json}");
    }
}

/// draft-hall-prdr-00.
#[test]
fn each_recipient_gets_an_answer_by_prdr() {
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let replies = "353 so\r\n250 b\r\n550 c\r\n450 d\r\n250 e\r\n250 f\r\n250 some\r\n";
        let server = thread::spawn(move || answer(&listener, 1, "PRDR", replies));
        let (code, json) = to_many(&address, &["--runtime", runtime, "--prdr"], b"x\r\n");
        let told = server.join().unwrap();
        assert_eq!(told[0][1], "MAIL FROM:<alice@example.org> PRDR");
        assert_eq!((code, &json["outcome"]), (Some(75), &"partial".into()), "{json}");
        let recipients = json["recipients"].as_array().unwrap();
        let codes: Vec<_> = recipients.iter().map(|it| it["reply"]["code"].as_u64()).collect();
        assert_eq!(codes, [250, 550, 450, 250, 250].map(Some), "{runtime}: {json}");
        assert_eq!(json["reply"]["text"], "some");
    }
}
