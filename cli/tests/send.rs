//! What the sender says about what happened, and when.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use smtp_test::smtp_codec::proto::reply::Extension;
use smtp_test::{At, Do, Ended, Script, Server};

fn send(server: &Server, args: &[&str], content: &[u8]) -> Child {
    send_to(&server.address().to_string(), args, content)
}

fn send_to(server: &str, args: &[&str], content: &[u8]) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
        .args(["send", "--server", server, "--from", "alice@example.org"])
        .args(["--to", "bob@example.net"])
        .args(args)
        .env("PASSWORD", "tiger")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    child
}

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

#[test]
fn the_outcome_is_told_before_the_server_answers_quit() {
    for runtime in RUNTIMES {
        let server = Server::script().on(At::quit(), Do::stall()).start();
        let mut child = send(&server, &["--runtime", runtime], b"x\r\n");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "bob@example.net: accepted (250 2.0.0 message taken)\n");
        assert!(child.try_wait().unwrap().is_none());
        server.stop();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_no_reply_tells_is_in_the_json() {
    let refused = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().to_string()
    };
    let output = send_to(&refused, &["--json"], b"x\r\n").wait_with_output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let start = format!("cannot connect to {refused}: ");
    assert!(json["error"].as_str().unwrap().starts_with(&start), "{json}");
    assert_eq!(output.status.code(), Some(75));

    for quit in [Do::cut_before(), Do::reply("500 what?")] {
        let server = Server::script().on(At::quit(), quit).start();
        let output = send(&server, &["--json"], b"x\r\n").wait_with_output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(json["error"].is_null() && json["outcome"] == "accepted", "{json}");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn replies_are_shown_whole_and_without_what_steers_a_terminal() {
    for (reply, shown) in [
        ("250\r\n", "250"),
        ("250-\r\n250\r\n", "250"),
        ("250 2.0.0\r\n", "250 2.0.0"),
        ("250 2.0.0 \u{1b}[2J\u{202e}\"as\"\r\n", r#"250 2.0.0 \u{1b}[2J\u{202e}"as""#),
    ] {
        let server = Server::script().on(At::message(), Do::raw(reply)).start();
        let output = send(&server, &[], b"x\r\n").wait_with_output().unwrap();
        let want = format!("bob@example.net: accepted ({shown})\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), want);
        let output = send(&server, &["--json"], b"x\r\n").wait_with_output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = json["reply"]["text"].as_str().unwrap();
        assert_eq!(text, text.trim(), "{json}");
    }
}

#[test]
fn a_handshake_that_the_link_ends_is_for_later() {
    let closed = "the server closed the connection in the TLS handshake";
    let late = "the server did not answer in time in the TLS handshake";
    let go = Do::raw("220 go\r\n");
    for runtime in RUNTIMES {
        for (end, why) in [(go.clone().then_cut(), closed), (go.clone().then_stall(), late)] {
            let script = by_data().claim("STARTTLS");
            let server = script.on(At::command("STARTTLS"), end).start();
            let args = ["--tls", "required", "--timeout", "0.5", "--json", "--runtime", runtime];
            let output = send(&server, &args, b"x\r\n").wait_with_output().unwrap();
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(
                (&json["error"], output.status.code()),
                (&why.into(), Some(75)),
                "{runtime}"
            );
        }
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = silent.local_addr().unwrap().to_string();
        let args = ["--tls", "implicit", "--timeout", "0.5", "--json", "--runtime", runtime];
        let output = send_to(&server, &args, b"x\r\n").wait_with_output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["error"], output.status.code()), (&late.into(), Some(75)), "{runtime}");
    }
}

/// RFC 3207 section 4: 454 is for now.
#[test]
fn what_starttls_is_refused_with_is_told_where_it_is_required() {
    for runtime in RUNTIMES {
        for (reply, exit) in [("454 4.7.0 no TLS now", 75), ("554 5.7.0 no TLS", 77)] {
            let script = by_data().claim("STARTTLS").on(At::command("STARTTLS"), Do::reply(reply));
            let server = script.start();
            let args = ["--tls", "required", "--json", "--runtime", runtime];
            let output = send(&server, &args, b"x\r\n").wait_with_output().unwrap();
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let told = format!("the server refused STARTTLS: {reply}");
            assert_eq!((&json["error"], output.status.code()), (&told.into(), Some(exit)));
            let code = reply.get(..3).unwrap().parse::<u16>().unwrap();
            assert_eq!(
                (&json["reply"]["code"], &json["outcome"]),
                (&code.into(), &"deferred".into())
            );
        }
    }
}

/// Who is to blame that the server does not know this user.
#[test]
fn an_exchange_that_comes_to_nothing_is_told_as_it_was() {
    for (mechanism, reply, why) in [
        ("SCRAM-SHA-256", "334 cj16eno=\r\n", "the client broke authentication off"),
        ("CRAM-MD5", "334 !!\r\n", "the client broke authentication off"),
        ("CRAM-MD5", "235 ok\r\n", "the server said yes before"),
        ("LOGIN", "235 ok\r\n", "the server said yes before"),
        ("SCRAM-SHA-256", "235 ok\r\n", "the server did not prove"),
        ("LOGIN", "535 no\r\n", "the server refused to authenticate: 535"),
    ] {
        let script = by_data().claim(&format!("AUTH {mechanism}"));
        let server = script.on(At::command("AUTH"), Do::raw(reply)).start();
        let login = ["--user", "alice", "--password-env", "PASSWORD"];
        let args = [&login[..], &["--tls", "never", "--allow-plaintext-auth"]].concat();
        let output = send(&server, &args, b"x\r\n").wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with(&format!("smtp send: {why}")), "{mechanism} {reply}: {told}");
        assert_eq!(output.status.code(), Some(77), "{mechanism} {reply}");
    }
}

#[test]
fn a_server_that_closes_in_the_midst_of_the_content_is_told_so() {
    let content = b"0123456789\r\n".repeat(1_000_000);
    for runtime in RUNTIMES {
        let script = by_data().on(At::command("DATA"), Do::raw("354 go\r\n").then_cut());
        let server = script.start();
        let args = ["--json", "--runtime", runtime];
        let output = send(&server, &args, &content).wait_with_output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["error"], "the server closed the connection", "{runtime}");
        assert_eq!(output.status.code(), Some(75));
    }
}

fn to_many(server: &Server, args: &[&str], content: &[u8]) -> (Option<i32>, serde_json::Value) {
    let args = [&["--to", "c@x", "--to", "d@x", "--to", "e@x", "--to", "f@x", "--json"], args];
    let output = send(server, &args.concat(), content).wait_with_output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn by_data() -> Script {
    Server::script().without("CHUNKING").without("BINARYMIME")
}

/// RFC 9422: five recipients in three transactions, of which a session takes two.
#[test]
fn limits_split_a_message_over_transactions_and_sessions() {
    let content = [&b"Subject: x\r\n\r\n"[..], &b"0123456789\r\n".repeat(20_000)].concat();
    for runtime in RUNTIMES {
        let server = by_data().claim("LIMITS RCPTMAX=2 MAILMAX=2").start();
        let (code, json) = to_many(&server, &["--runtime", runtime], &content);
        assert_eq!((code, &json["outcome"]), (Some(0), &"accepted".into()), "{json}");
        assert_eq!(json["recipients"].as_array().unwrap().len(), 5);
        for recipients in [&["bob@example.net", "c@x"][..], &["d@x", "e@x"], &["f@x"]] {
            server.expect_message().to(recipients.iter().copied()).content(&content);
        }
        server.expect_no_message();
        server.expect_session().said(["DATA", "MAIL", "DATA", "QUIT"]).ended(Ended::Quit);
        server.expect_session().said(["MAIL", "RCPT", "DATA"]).ended(Ended::Quit);
        let sessions = server.sessions();
        let transactions: Vec<_> = sessions.iter().map(|it| it.transactions.len()).collect();
        assert_eq!(transactions, [2, 1]);
    }
}

#[test]
fn who_was_told_yes_stays_so_where_the_next_session_fails() {
    for runtime in RUNTIMES {
        let server = by_data()
            .claim("LIMITS RCPTMAX=4 MAILMAX=1")
            .on(At::connect().nth(2), Do::cut_before())
            .start();
        let (code, json) = to_many(&server, &["--runtime", runtime], b"x\r\n");
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
        let replies = "353 so\r\n250 b\r\n550 c\r\n450 d\r\n250 e\r\n250 f\r\n250 some\r\n";
        let server = by_data()
            .configure(|config| config.with(Extension::Prdr))
            .on(At::message(), Do::raw(replies))
            .start();
        let (code, json) = to_many(&server, &["--runtime", runtime, "--prdr"], b"x\r\n");
        server.expect_message().from("alice@example.org").parameter("PRDR");
        assert_eq!((code, &json["outcome"]), (Some(75), &"partial".into()), "{json}");
        let recipients = json["recipients"].as_array().unwrap();
        let codes: Vec<_> = recipients.iter().map(|it| it["reply"]["code"].as_u64()).collect();
        assert_eq!(codes, [250, 550, 450, 250, 250].map(Some), "{runtime}: {json}");
        assert_eq!(json["reply"]["text"], "some");
    }
}
