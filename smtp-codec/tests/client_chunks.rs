//! Content by BDAT (RFC 3030): how it is cut, and where its end goes.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use bytes::Buf;
use smtp_codec::FoundBareNewline;
use smtp_codec::client::{Closing, Config, Connection, Content, Delivery, Event, Step, Want};
use smtp_codec::proto::command::{Body, MailParametersBuf};
use smtp_codec::proto::{Envelope, Verdict};

/// What a server read that takes all there is, and what came of the message. It answers each chunk
/// once it has `patience` octets of it, or all: a refusal may come before the chunk has.
fn send(
    body: &[u8],
    pieces: usize,
    reply: &str,
    patience: usize,
) -> (Vec<String>, Vec<u8>, Verdict) {
    let mut client = Connection::new(Config::new("client.example").unwrap());
    let envelope = Envelope::new("a@x".parse().unwrap()).to("b@x".parse().unwrap());
    let (mut delivery, mut content) = (Delivery::new(&envelope), Content::new());
    let (mut lines, mut taken, mut rest, mut left) = (Vec::new(), Vec::new(), body, 0_usize);
    let mut received = Vec::new();
    let mut answered = true;
    client.rx().receive(b"220 mx\r\n");
    loop {
        match client.step() {
            Want::Event => match delivery.on(client.event()) {
                Step::Next => {}
                Step::Over => {
                    return (lines, taken, delivery.outcome(&client).recipients[0].verdict);
                }
                Step::Body(slot) => {
                    if content.wants_more() {
                        let n = rest.len().min(pieces).min(content.space().len());
                        content.space()[..n].copy_from_slice(&rest[..n]);
                        content.filled(n);
                        rest = &rest[n..];
                    }
                    if let Err(FoundBareNewline) = content.write_to(slot) {
                        delivery.content_refused(FoundBareNewline);
                    }
                }
            },
            Want::Input | Want::Flush => {
                // An octet at a time, so that what is unsent stays unsent.
                assert!(client.tx().has_remaining(), "neither has anything to say: {lines:?}");
                received.push(client.tx().chunk()[0]);
                client.tx().advance(1);
                if left > 0 {
                    left -= 1;
                    taken.push(received.pop().unwrap());
                } else if received.ends_with(b"\r\n") {
                    let line = String::from_utf8(std::mem::take(&mut received)).unwrap();
                    let line = line.trim_end().to_owned();
                    let size = line.strip_prefix("BDAT ").map(|it| it.trim_end_matches(" LAST"));
                    left = size.map_or(0, |size| size.parse().unwrap());
                    answered = size.is_none();
                    if answered {
                        let reply = if line.starts_with("EHLO") {
                            "250-mx\r\n250 CHUNKING"
                        } else {
                            "250 ok"
                        };
                        client.rx().receive(format!("{reply}\r\n").as_bytes());
                    }
                    lines.push(line);
                }
                if !answered && (left == 0 || taken.len() >= patience) {
                    answered = true;
                    client.rx().receive(format!("{reply}\r\n").as_bytes());
                }
            }
            Want::Close => return (lines, taken, delivery.outcome(&client).recipients[0].verdict),
            Want::Tls => panic!("{lines:?}"),
        }
    }
}

const LINE: &[u8; 32] = b"thirty octets, and their CRLF.\r\n";
const ALL: usize = usize::MAX;

#[test]
fn the_end_goes_with_the_last_chunk() {
    let long = LINE.repeat(1000);
    for (body, pieces, chunks) in [
        (&b"Hi\r\n"[..], ALL, &["BDAT 4 LAST"][..]),
        (b"", ALL, &["BDAT 0 LAST"]),
        // Read twice before anything is written.
        (b"Hi\r\n", 2, &["BDAT 4", "BDAT 0 LAST"]),
        (b"Hi\r\n", 3, &["BDAT 4", "BDAT 0 LAST"]),
        (&long, ALL, &["BDAT 16384", "BDAT 15616 LAST"]),
        // Whether more follows a full buffer is not known.
        (&long[..16_384], ALL, &["BDAT 16384", "BDAT 0 LAST"]),
        (&long[..30], 10, &["BDAT 20", "BDAT 10 LAST"]),
    ] {
        let (lines, taken, verdict) = send(body, pieces, "250 ok", ALL);
        assert_eq!(lines[3..], *chunks);
        assert!(taken == body);
        assert_eq!(verdict, Verdict::Accepted);
    }
}

#[test]
fn a_chunk_may_be_refused_as_soon_as_it_is_announced_the_last_too() {
    let (short, long) = (LINE.repeat(3), LINE.repeat(1000));
    for (body, lines) in [(&short, &["BDAT 96 LAST"][..]), (&long, &["BDAT 16384", "RSET"])] {
        for patience in [0, 1, 31, 33, 95] {
            let (read, _, verdict) = send(body, ALL, "550 no", patience);
            assert!(read[3..] == *lines && verdict == Verdict::Refused, "{patience} {read:?}");
        }
    }
}

#[test]
fn a_chunk_cannot_be_taken_before_it_is_there() {
    for patience in [0, 1, 31, 62] {
        let (_, _, verdict) = send(&LINE.repeat(3), ALL, "250 ok", patience);
        assert_eq!(verdict, Verdict::Deferred, "{patience}");
    }
}

#[test]
fn a_bare_cr_at_the_end_is_found() {
    let mut client = send_by_hand();
    let Event::WantBody(slot) = client.event() else { panic!() };
    // All of it was looked at, and what is no line is not sent.
    assert_eq!(slot.write_end(b"Hi\r"), Ok(2));
    assert!(client.tx().chunk().ends_with(b"BDAT 2\r\nHi"));
    let n = client.tx().remaining();
    client.tx().advance(n);
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Event);
    let Event::WantBody(slot) = client.event() else { panic!() };
    assert_eq!(slot.write_end(b"\r"), Err(FoundBareNewline));
}

/// RFC 3030 section 3: binary content has no lines, so that it holds no bare newlines either.
#[test]
fn binary_content_goes_as_it_is() {
    let mut client = with_parameters(MailParametersBuf::new().body(Body::BinaryMime));
    let Event::WantBody(slot) = client.event() else { panic!() };
    let content = b".\na\rb\0\r\n.\r\n\xff";
    assert_eq!(slot.write_end(content), Ok(content.len()));
    assert_eq!(client.tx().chunk(), [&b"BDAT 12 LAST\r\n"[..], content].concat());
}

/// What waits goes out before the caller is asked for more.
#[test]
fn chunks_go_one_at_a_time() {
    let mut client = send_by_hand();
    let Event::WantBody(mut slot) = client.event() else { panic!() };
    assert_eq!(slot.write(b"Hi\r\n"), Ok(4));
    assert_eq!(slot.write(b"ho\r\n"), Ok(0));
    assert_eq!(client.step(), Want::Flush);
    let n = client.tx().remaining();
    client.tx().advance(n);
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Event);
    assert!(matches!(client.event(), Event::WantBody(_)));
}

/// What a slot writes before it finishes leaves first: each reply is for what has left by then.
#[test]
fn a_slot_that_writes_and_finishes_sends_two_chunks_one_after_the_other() {
    use smtp_codec::proto::session::client::ProtocolFault::Unasked;

    let (announced, whole) = ("BDAT 4\r\n".len(), "BDAT 4\r\nHi\r\n".len());
    for gone in 0..whole {
        for early in ["250 ok\r\n", "552 no\r\n"] {
            let mut client = write_and_finish(send_by_hand());
            client.tx().advance(gone);
            client.rx().receive(early.as_bytes());
            if early.starts_with("552") && gone >= announced {
                assert_eq!(client.step(), Want::Event);
                assert!(matches!(client.event(), Event::Done(_)));
                assert_eq!(client.step(), Want::Input);
                assert!(client.tx().chunk().ends_with(b"RSET\r\n"), "no more chunks");
            } else {
                assert_eq!(client.step(), Want::Close, "{gone} {early}");
                assert_eq!(client.closing(), Some(Closing::Protocol(Unasked)));
            }
        }
    }
    // With PIPELINING the end does not wait for the reply to what stands before it.
    let mut client = write_and_finish(send_by_hand());
    client.tx().advance(whole);
    assert_eq!(client.step(), Want::Input);
    assert_eq!(client.tx().chunk(), b"BDAT 0 LAST\r\n");
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Input);
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Close, "nobody can have taken what is still here");
    let mut client = write_and_finish(without_pipelining());
    client.tx().advance(whole);
    assert_eq!(client.step(), Want::Input);
    assert!(!client.tx().has_remaining());
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Input);
    assert_eq!(client.tx().chunk(), b"BDAT 0 LAST\r\n");
    client.tx().advance("BDAT 0 LAST\r\n".len());
    client.rx().receive(b"250 ok\r\n");
    assert_eq!(client.step(), Want::Event);
    assert!(matches!(client.event(), Event::Done(_)));
}

/// Nothing is asked for once the content has come to its end, and the next message is not cut short.
#[test]
fn an_end_that_waits_is_no_end_of_the_next_message() {
    let mut client = write_and_finish(send_by_hand());
    assert!(matches!(client.event(), Event::Idle));
    assert_eq!(client.step(), Want::Flush);
    client.tx().advance("BDAT 4\r\nHi\r\n".len());
    client.rx().receive(b"552 no\r\n");
    assert_eq!(client.step(), Want::Event);
    assert_eq!(client.step(), Want::Input);
    assert_eq!(client.tx().chunk(), b"RSET\r\n");
    let envelope = Envelope::new("a@x".parse().unwrap()).to("b@x".parse().unwrap());
    let mut delivery = Delivery::new(&envelope);
    let mut replies = ["250 ok\r\n"; 3].iter();
    loop {
        match client.step() {
            Want::Event => {
                if let Step::Body(mut slot) = delivery.on(client.event()) {
                    assert_eq!(slot.write(b"Ho\r\n"), Ok(4));
                    break;
                }
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
            }
        }
    }
    client.tx().advance("BDAT 4\r\nHo\r\n".len());
    assert_eq!(client.step(), Want::Event);
    assert!(matches!(client.event(), Event::WantBody(_)));
}

/// What is written before the end does not keep the end from being written.
#[test]
fn a_slot_that_has_written_all_can_end_with_nothing_more() {
    let mut client = send_by_hand();
    let Event::WantBody(mut slot) = client.event() else { panic!() };
    assert_eq!(slot.write(b"Hi\r\n"), Ok(4));
    assert_eq!(slot.write_end(b""), Ok(0));
    client.tx().advance("BDAT 4\r\nHi\r\n".len());
    assert_eq!(client.step(), Want::Input);
    assert_eq!(client.tx().chunk(), b"BDAT 0 LAST\r\n");
}

fn write_and_finish(mut client: Connection) -> Connection {
    let Event::WantBody(mut slot) = client.event() else { panic!() };
    assert_eq!(slot.write(b"Hi\r\n"), Ok(4));
    slot.finish().unwrap();
    assert_eq!(client.tx().chunk(), b"BDAT 4\r\nHi\r\n");
    client
}

/// What goes as lines has them, by BDAT too.
#[test]
fn a_bare_newline_ends_the_session_before_it_is_sent() {
    for content in [&b"Hi\nho"[..], b"\n", b"\rx"] {
        let mut client = send_by_hand();
        let Event::WantBody(mut slot) = client.event() else { panic!() };
        let mut rest = content;
        while let Ok(n) = slot.write(rest) {
            rest = &rest[n..];
            let n = client.tx().remaining();
            client.tx().advance(n);
            client.rx().receive(b"250 ok\r\n");
            assert_eq!(client.step(), Want::Event);
            let Event::WantBody(next) = client.event() else { panic!() };
            slot = next;
        }
        assert_eq!(client.closing(), Some(Closing::Abandoned), "{}", content.escape_ascii());
        assert_eq!(client.step(), Want::Close);
        assert!(!client.tx().has_remaining());
    }
}

/// A client whose server waits for the content.
fn send_by_hand() -> Connection {
    with_parameters("".parse().unwrap())
}

fn with_parameters(parameters: MailParametersBuf) -> Connection {
    ready_for(parameters, "250-mx\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n")
}

fn without_pipelining() -> Connection {
    ready_for("".parse().unwrap(), "250-mx\r\n250 CHUNKING\r\n")
}

fn ready_for(parameters: MailParametersBuf, ehlo: &str) -> Connection {
    let mut client = Connection::new(Config::new("client.example").unwrap());
    let mut envelope = Envelope::new("a@x".parse().unwrap()).to("b@x".parse().unwrap());
    envelope.parameters = parameters;
    let mut delivery = Delivery::new(&envelope);
    let mut replies = ["220 mx\r\n", ehlo, "250 ok\r\n", "250 ok\r\n"].into_iter();
    loop {
        match client.step() {
            Want::Event if matches!(client.event(), Event::WantBody(_)) => return client,
            Want::Event => {
                let _ = delivery.on(client.event());
            }
            _ => {
                let n = client.tx().remaining();
                client.tx().advance(n);
                client.rx().receive(replies.next().unwrap().as_bytes());
            }
        }
    }
}
