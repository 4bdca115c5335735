//! Scripted servers, in memory where nothing else is needed.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use smtp_test::smtp_codec::proto::Verdict;
use smtp_test::{At, Client, Do, Ended, Letter, MemoryServer, Outcome, Script, Server, Side};

fn letter() -> Letter {
    Letter::new("alice@example.net").to("bob@example.org").content("Subject: Hi\n\n.Hello\n")
}

/// A client that does not pipeline, up to what `DATA` is answered.
fn up_to_data(server: &MemoryServer) -> Client {
    let mut client = Client::over(server.connect());
    client.hello();
    client.ask("MAIL FROM:<alice@example.net> SIZE=10").expect("250");
    client.ask("RCPT TO:<bob@example.org> NOTIFY=NEVER").expect("250");
    client
}

/// What the panic of a failed assertion says.
fn failure(assertion: impl FnOnce()) -> String {
    let failed = catch_unwind(AssertUnwindSafe(assertion));
    let Err(panic) = failed else { panic!("the assertion holds") };
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn all_of_a_transaction_is_remembered() {
    let server = Script::new().in_memory();
    let mut client = up_to_data(&server);
    client.ask("RCPT TO:<@relay.example:carol@example.org>").expect("250");
    client.ask("DATA").expect("354");
    client.raw("..two dots\r\nend\r\n.\r\n").expect("250 2.0.0");
    client.ask("MAIL FROM:<>").expect("250");
    client.ask("RSET").expect("250");
    client.ask("MAIL FROM:<dave@example.net>").expect("250");
    client.cut();
    let session = server.expect_session().ended(Ended::ByClient).session;
    let [first, second, third] = &session.transactions[..] else { panic!("{session}") };
    assert_eq!(first.reverse_path, "alice@example.net");
    assert_eq!(first.parameters, "SIZE=10");
    assert_eq!(first.recipients[0].parameters, "NOTIFY=NEVER");
    assert_eq!(first.recipients[1].forward_path, "carol@example.org");
    assert_eq!(first.content, b".two dots\r\nend\r\n");
    assert_eq!((first.outcome, &*first.told), (Outcome::Taken, "250 2.0.0 message taken"));
    assert_eq!((&*second.reverse_path, second.outcome), ("", Outcome::Abandoned));
    assert_eq!(third.outcome, Outcome::Abandoned);
    server.expect_message().parameter("SIZE=10").content(".two dots\r\nend\r\n");
    server.expect_no_message();
}

#[test]
fn a_refusal_is_one_on_both_sides() {
    for (place, verb) in [(At::mail(), "MAIL"), (At::rcpt(), "RCPT"), (At::data(), "DATA")] {
        let server =
            Script::new().on(place.nth(1), Do::reply("452-4.3.1 so\n452 4.3.1 full")).in_memory();
        let mut client = Client::over(server.connect());
        client.hello();
        for line in ["MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>", "DATA"] {
            let reply = client.ask(line);
            if line.starts_with(verb) {
                assert_eq!(reply.octets(), b"452-4.3.1 so\r\n452 4.3.1 full\r\n");
                assert_eq!((reply.code(), reply.lines().len()), (452, 2));
                break;
            }
            reply.expect(if line == "DATA" { "354" } else { "250" });
        }
        // It does not only say so.
        let next = if verb == "MAIL" { "RCPT TO:<b@example.org>" } else { "DATA" };
        client.ask(next).expect("503");
        client.ask("NOOP").expect("250");
    }
    let server = Script::new().on(At::message().nth(1), Do::reply("554 5.6.0 no")).in_memory();
    Client::over(server.connect()).deliver(&letter()).expect_refused();
    server.expect_no_message();
    assert_eq!(server.sessions()[0].transactions[0].outcome, Outcome::Refused);
    Client::over(server.connect()).deliver(&letter()).expect_accepted();
    server.expect_message().from("<alice@example.net>").header("subject", "Hi").body(".Hello\n");
}

#[test]
fn places_are_counted() {
    let deny = || Do::reply("550 5.1.1 no");
    let ask = |server: &MemoryServer, recipients: &[&str]| -> Vec<u16> {
        let mut client = Client::over(server.connect());
        client.hello();
        client.ask("MAIL FROM:<a@example.net>");
        let asked = recipients.iter().map(|name| client.ask(&format!("RCPT TO:<{name}>")).code());
        asked.collect()
    };
    let names = ["a@example.org", "b@example.org", "c@example.org"];
    for (place, first, second) in [
        (At::rcpt(), [550; 3], [550; 3]),
        (At::rcpt().nth(2), [250, 550, 250], [250; 3]),
        (At::rcpt().first(4), [550; 3], [550, 250, 250]),
        (At::rcpt().after(4), [250; 3], [250, 550, 550]),
        (At::rcpt().recipient(3), [250, 250, 550], [250, 250, 550]),
        (At::rcpt().session(2), [250; 3], [550; 3]),
        (At::rcpt().containing("b@"), [250, 550, 250], [250, 550, 250]),
        (At::command("rcpt").containing("b@").nth(2), [250; 3], [250, 550, 250]),
        (At::any_command().nth(4), [250, 550, 250], [250; 3]),
    ] {
        let server = Script::new().on(place.clone(), deny()).in_memory();
        assert_eq!(ask(&server, &names), first, "{place:?}");
        assert_eq!(ask(&server, &names), second, "{place:?}");
    }
    // The first rule whose turn it is; one that is added later comes before all.
    let server = Script::new()
        .on(At::rcpt().nth(1), Do::reply("551 one"))
        .on(At::rcpt(), Do::reply("552 two"))
        .in_memory();
    assert_eq!(ask(&server, &names), [551, 552, 552]);
    server.on(At::rcpt().nth(2), Do::reply("553 three"));
    assert_eq!(ask(&server, &names), [552, 553, 552]);
}

#[test]
fn replies_break_in_every_way() {
    let heard = |act: Do| -> String {
        let server = Script::new().on(At::command("NOOP").nth(1), act).in_memory();
        let mut client = Client::over(server.connect());
        client.expect("220");
        client.raw("NOOP\r\nQUIT\r\n");
        String::from_utf8(client.rest()).unwrap()
    };
    let ok = "250 2.0.0 done nothing\r\n";
    let bye = "221 2.0.0 mx.example.org closing the session\r\n";
    assert_eq!(heard(Do::usual()), format!("{ok}{bye}"));
    assert_eq!(heard(Do::twice()), format!("{ok}{ok}{bye}"));
    assert_eq!(heard(Do::nothing()), bye);
    assert_eq!(heard(Do::raw("25")), format!("25{bye}"));
    assert_eq!(heard(Do::reply("999 what")), format!("999 what\r\n{bye}"));
    assert_eq!(heard(Do::usual().and_say("250 early\r\n")), format!("{ok}250 early\r\n{bye}"));
    assert_eq!(heard(Do::cut_reply(5)), "250 2");
    assert_eq!(heard(Do::cut()), "");
    assert_eq!(heard(Do::cut_before()), "");
    assert_eq!(heard(Do::shut_down()), "421 4.3.2 the server is shutting down\r\n");
    assert_eq!(heard(Do::usual().dripping(Duration::ZERO)), format!("{ok}{bye}"));
    assert_eq!(heard(Do::usual().waiting(Duration::from_secs(99))), format!("{ok}{bye}"));
}

#[test]
fn the_greeting_can_be_anything() {
    let server = Script::new()
        .on(At::connect().nth(1), Do::reply("554 5.7.1 not you"))
        .on(At::connect().nth(2), Do::cut_before())
        .on(At::connect().nth(3), Do::reply("220-mx.example.org\n220 ESMTP"))
        .in_memory();
    let mut refused = Client::over(server.connect());
    refused.expect("554");
    refused.ask("EHLO client.example.net").expect("503");
    Client::over(server.connect()).expect_end();
    let mut client = Client::over(server.connect());
    client.expect("220-mx");
    client.ask("QUIT").expect("221");
    client.expect_end();
}

#[test]
fn ehlo_can_lie() {
    let server =
        Script::new().claim("SIZE 10").claim("X-TRA").hide("size").without("CHUNKING").in_memory();
    let mut client = Client::over(server.connect());
    let welcome = client.hello();
    let sizes: Vec<String> =
        welcome.lines().into_iter().filter(|line| line.starts_with("SIZE")).collect();
    assert_eq!(sizes, ["SIZE 10"]);
    assert!(welcome.has_line("x-tra") && !welcome.has_line("CHUNKING"));
    assert_eq!(welcome.lines().last().unwrap(), "X-TRA");
    client.ask("BDAT 0 LAST").expect("502");
}

#[test]
fn chunks_are_told_from_commands() {
    let server = Script::new()
        .on(At::bdat().nth(2), Do::reply("250 2.0.0 mine"))
        .on(At::message().nth(1), Do::reply("451 4.3.0 later"))
        .in_memory();
    let mut client = up_to_data(&server);
    client.raw("BDAT 6\r\nQUIT\r\nBDAT 3\r\nabcBDAT 3 LAST\r\nd\ne");
    client.expect("250");
    client.expect("250 2.0.0 mine");
    client.expect("451");
    server.expect_no_message();
    client.ask("MAIL FROM:<alice@example.net>").expect("250");
    client.ask("RCPT TO:<bob@example.org>").expect("250");
    client.raw("BDAT 0\r\nBDAT 1\r\n").raw("x");
    client.expect("250");
    client.expect("250");
    client.ask("BDAT 0 LAST").expect("250");
    server.expect_message().content("x");
    // One that is refused as it is announced.
    client.ask("BDAT 5 LAST").expect("503");
    client.raw("QUIT\n").ask("NOOP").expect("250");
}

/// The message is whole wherever it counts as taken, and a client that was told yes can rely on it.
#[test]
fn a_cut_at_each_octet_loses_nothing_that_was_acknowledged() {
    let whole = Script::new().in_memory();
    let whole = Client::over(whole.connect()).deliver(&letter()).transcript;
    for (side, place) in [(Side::Server, At::sent as fn(usize) -> At), (Side::Client, At::received)]
    {
        let mut verdicts = Vec::new();
        let octets = whole.octets(side).len();
        for n in 0..=octets {
            let server = Script::new().on(place(n), Do::cut()).in_memory();
            let sent = Client::over(server.connect()).deliver(&letter());
            let session = &server.sessions()[0];
            assert_eq!(session.transcript.octets(side).len(), n, "{session}");
            // Behind the last octet of the client the session is over anyway.
            let over = if (side, n) == (Side::Client, octets) { Ended::Quit } else { Ended::Cut };
            assert_eq!(session.ended, Some(over));
            let verdict = sent.outcome.recipients[0].verdict;
            match server.messages().len() {
                0 => assert_ne!(verdict, Verdict::Accepted, "{session}"),
                1 => assert_ne!(verdict, Verdict::Refused, "{session}"),
                _ => panic!("{session}"),
            }
            if verdicts.last() != Some(&verdict) {
                verdicts.push(verdict);
            }
        }
        assert_eq!(verdicts, [Verdict::Deferred, Verdict::Unknown, Verdict::Accepted], "{side:?}");
    }
    // By session.
    let server = Script::new().on(At::sent(3).session(1), Do::cut()).in_memory();
    Client::over(server.connect()).deliver(&letter()).expect_deferred();
    Client::over(server.connect()).deliver(&letter()).expect_accepted();
}

#[test]
fn users_are_known_or_not() {
    let server = Script::new().user("alice", "secret").in_memory();
    let mut client = Client::over(server.connect());
    assert!(client.hello().has_line("AUTH"));
    client.ask("AUTH PLAIN AGFsaWNlAHNlY3JlVA==").expect("535");
    client.ask("AUTH LOGIN").expect("334");
    client.ask("*").expect("501");
    client.ask("AUTH LOGIN").expect("334");
    client.ask("YWxpY2U=").expect("334");
    client.ask("c2VjcmV0").expect("235");
    client.ask("QUIT").expect("221");
    server.expect_session().user("alice");
    let server = Script::new()
        .user("alice", "secret")
        .on(At::auth().nth(1), Do::reply("454 4.7.0 not now"))
        .on(At::response(), Do::cut_before())
        .in_memory();
    let mut client = Client::over(server.connect());
    client.hello();
    client.ask("AUTH PLAIN AGFsaWNlAHNlY3JldA==").expect("454");
    client.ask("AUTH PLAIN").expect("334");
    client.say("AGFsaWNlAHNlY3JldA==").expect_end();
    assert_eq!(server.sessions()[0].user, None);
}

#[test]
fn failures_show_what_was_said_and_where() {
    let server = Script::new().in_memory();
    Client::over(server.connect()).deliver(&letter());
    let message = server.expect_message();
    let said = failure(|| drop(message.clone().to(["carol@example.org"])));
    let why = "expected a message to [\"carol@example.org\"], and it is to [\"bob@example.org\"]";
    assert!(said.starts_with(why), "{said}");
    assert!(said.contains("(ended by QUIT)\nS: 220 mx.example.org ESMTP ready\nC: EHLO"), "{said}");
    for assertion in [
        || drop(MemoryServer::expect_message(&Script::new().in_memory())),
        || drop(MemoryServer::expect_session(&Script::new().in_memory())),
    ] as [fn(); 2]
    {
        assert!(failure(assertion).ends_with("nobody has connected"));
    }
    assert!(failure(|| drop(message.clone().from(""))).starts_with("expected a message from <>"));
    assert!(failure(|| drop(message.clone().body("Hello\n"))).contains(".Hello\\r\\n"));
    assert!(failure(|| drop(message.clone().content("x"))).starts_with("expected the content"));
    assert!(failure(|| drop(message.clone().header("Subject", "Ho"))).contains("[\"Hi\"]"));
    assert!(failure(|| drop(message.clone().parameter("SIZE=1"))).contains("SIZE=1"));
    assert!(failure(|| drop(message.clone().told(""))).contains("250 2.0.0"));
    Client::over(server.connect()).deliver(&letter());
    assert!(failure(|| server.expect_no_message()).starts_with("expected no message, and 1 came"));
    let session = server.expect_session();
    assert!(failure(|| drop(session.clone().said(["QUIT", "EHLO"]))).contains("say \"EHLO\" then"));
    assert!(
        failure(|| drop(session.clone().never_said("mail"))).starts_with("expected the client")
    );
    assert!(failure(|| drop(session.clone().ended(Ended::Cut))).contains("with Cut"));
    assert!(failure(|| drop(session.clone().user("alice"))).contains("it is None"));
    assert!(failure(|| drop(session.clone().secured())).contains("TLS"));
    let mut client = Client::over(server.connect());
    assert!(
        failure(|| drop(client.expect("250"))).contains("\"220 mx.example.org ESMTP ready\\r\\n\"")
    );
    assert!(failure(|| drop(client.hear())).starts_with("expected a reply, and none came"));
    let at_octet = || drop(Script::new().on(At::sent(1), Do::reply("250 x")));
    assert!(failure(at_octet).starts_with("at an octet the link can only be cut"));
}

#[test]
fn a_socket_waits_no_longer_than_it_must() {
    let server = Server::script()
        .patience(Duration::from_millis(50))
        .on(At::command("NOOP"), Do::stall())
        .start();
    // One says nothing, one hears nothing, one waits for a message that does not come.
    let mut silent = Client::connect(server.address());
    silent.expect("220");
    silent.expect("421");
    silent.expect_end();
    let mut stalled = Client::connect(server.address());
    stalled.expect("220");
    stalled.say("NOOP").expect_end();
    assert!(failure(|| drop(server.expect_message())).starts_with("expected a message, and none"));
    server.expect_session().ended(Ended::TimedOut);
    server.expect_session().ended(Ended::Cut).said(["NOOP"]);
    // And one that is under way does not keep a server from its end.
    let server = Server::script()
        .patience(Duration::from_secs(3600))
        .on(At::command("NOOP"), Do::usual().waiting(Duration::from_secs(3600)))
        .on(At::rset(), Do::stall())
        .start();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        client.expect("220");
    }
    clients[0].say("NOOP");
    clients[1].say("RSET");
    let (tell, told) = channel();
    thread::spawn(move || {
        server.stop();
        tell.send(())
    });
    told.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn octets_drip_over_a_socket() {
    let server = Server::script().dripping(Duration::ZERO).start();
    let client = Client::connect(server.address()).dripping(Duration::ZERO);
    client.deliver(&letter()).expect_accepted().expect_reply("bob@example.org", "250 2.0.0");
    server.expect_message().body(".Hello\n");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"HELO x\r\nQUIT\r\n").unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let codes: Vec<&str> = all.lines().filter_map(|line| line.get(..3)).collect();
    assert_eq!(codes, ["220", "250", "221"]);
}

#[test]
fn lmtp_by_configuration() {
    let server = Script::new()
        .configure(|config| config.lmtp())
        .on(At::message().nth(2), Do::raw("250 2.0.0 b\r\n452 4.2.2 c\r\n"))
        .in_memory();
    for replies in [["250", "250"], ["250 2.0.0 b", "452"]] {
        let mut client = Client::over(server.connect());
        client.expect("220");
        client.ask("LHLO client.example.net").expect("250");
        client.ask("MAIL FROM:<>").expect("250");
        client.ask("RCPT TO:<b@example.org>").expect("250");
        client.ask("RCPT TO:<c@example.org>").expect("250");
        client.ask("DATA").expect("354");
        client.raw(".\r\n");
        client.expect(replies[0]);
        client.expect(replies[1]);
    }
    assert_eq!(server.messages().len(), 2);
}
