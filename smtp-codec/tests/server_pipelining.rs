//! Groups of commands, and clients that do not read.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use bytes::Buf;
use common::script::{chunking, config, replies};
use smtp_codec::server::{Closing, Config, Connection, Event, Limits, Want};

fn unlimited() -> Config {
    let mut limits = Limits::default();
    (limits.junk, limits.errors) = (u32::MAX, u32::MAX);
    config().limits(limits)
}

/// Steps, accepting everything, until something else than the application is wanted.
fn settle(server: &mut Connection) -> Want {
    loop {
        match server.step() {
            Want::Event => match server.event() {
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Message(message) => message.accept(),
                event => event.proceed(),
            },
            want => return want,
        }
    }
}

fn drain(server: &mut Connection) -> Vec<String> {
    let heard = replies(server.tx().chunk());
    let n = server.tx().remaining();
    server.tx().advance(n);
    heard
}

#[test]
fn replies_of_a_group_leave_together_and_in_order() {
    let mut server = Connection::new(config());
    assert_eq!(settle(&mut server), Want::Input);
    assert_eq!(drain(&mut server).len(), 1);
    server.rx().receive(
        b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<>\r\nFOO\r\nNOOP\r\n\
          RCPT TO:<c@x>\r\nDATA\r\n",
    );
    assert_eq!(settle(&mut server), Want::Input);
    let codes: Vec<String> = drain(&mut server).iter().map(|reply| reply[..3].into()).collect();
    assert_eq!(codes, ["250", "250", "250", "501", "500", "250", "250", "354"]);
    // The content may begin the next group.
    server.rx().receive(b"Hi\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n.\r\nQUIT\r\n");
    assert_eq!(settle(&mut server), Want::Flush);
    let codes: Vec<String> = drain(&mut server).iter().map(|reply| reply[..3].into()).collect();
    assert_eq!(codes, ["250", "250", "250", "354", "250", "221"]);
    assert_eq!(settle(&mut server), Want::Close);
}

const GROUP: &[u8] = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";

/// Threats 1, the session too: input that is pending when DATA is answered. RFC 2920 section 3.1 has
/// DATA be the last of its group.
#[test]
fn content_that_comes_with_data_can_be_refused() {
    for behind in [&b"Hi\r\n.\r\n"[..], b".\r\n", b"M", b"\r\n", b"QUIT\r\n"] {
        let mut server = Connection::new(config().refuse_early_content());
        server.rx().receive(&[GROUP, b"DATA\r\n", behind].concat());
        assert_eq!(settle(&mut server), Want::Flush);
        let last = drain(&mut server).pop().unwrap();
        assert_eq!(last, "554 5.5.0 content came before it was asked for\r\n");
        assert_eq!(settle(&mut server), Want::Close);
        assert_eq!(server.closing(), Some(Closing::EarlyTalker));
        assert!(server.lingers());
    }
}

#[test]
fn a_client_that_waits_for_the_354_is_not_refused() {
    let mut server = Connection::new(chunking().refuse_early_content());
    server.rx().receive(&[GROUP, b"DATA\r\n"].concat());
    assert_eq!(settle(&mut server), Want::Input);
    assert!(drain(&mut server).pop().unwrap().starts_with("354 "));
    // RFC 2920 section 3.1: the content may begin a group, and a chunk stands in one with its BDAT.
    let group = b"Hi\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 2 LAST\r\nHiRSET\r\nDATA\r\n";
    server.rx().receive(group);
    assert_eq!(settle(&mut server), Want::Input);
    let codes: Vec<String> = drain(&mut server).iter().map(|reply| reply[..3].into()).collect();
    assert_eq!(codes, ["250", "250", "250", "250", "250", "503"]);
}

/// Where DATA is refused anyhow, what stands behind it is read as commands, as ever.
#[test]
fn only_a_data_that_stands_is_looked_behind() {
    let mut server = Connection::new(config().refuse_early_content());
    server.rx().receive(b"EHLO a.example\r\nDATA\r\nNOOP\r\nQUIT\r\n");
    assert_eq!(settle(&mut server), Want::Flush);
    let codes: Vec<String> = drain(&mut server).iter().map(|reply| reply[..3].into()).collect();
    assert_eq!(codes, ["220", "250", "503", "250", "221"]);
}

/// RFC 2920 section 3.2: by default nothing depends on how the octets were cut.
#[test]
fn content_that_comes_with_data_is_taken_by_default() {
    let mut server = Connection::new(config());
    server.rx().receive(&[GROUP, b"DATA\r\nHi\r\n.\r\nQUIT\r\n"].concat());
    assert_eq!(settle(&mut server), Want::Flush);
    let codes: Vec<String> = drain(&mut server).iter().map(|reply| reply[..3].into()).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
}

/// Threats 5: replies that nobody reads.
#[test]
fn no_input_is_taken_from_a_client_that_does_not_read() {
    let mut server = Connection::new(unlimited());
    let mut taken = 0;
    loop {
        match settle(&mut server) {
            Want::Input => {
                let n = server.rx().receive(&b"NOOP\r\n".repeat(1000));
                assert_eq!(n % 6, 0);
                assert!(n > 0);
                taken += n / 6;
            }
            want => {
                assert_eq!(want, Want::Flush);
                break;
            }
        }
    }
    let (waiting, left) = (server.tx().remaining(), server.rx().len());
    assert!((16 * 1024..17 * 1024).contains(&waiting), "{waiting}");
    assert!(left > 0);
    for _ in 0..100 {
        assert_eq!(server.step(), Want::Flush);
        assert_eq!((server.tx().remaining(), server.rx().len()), (waiting, left));
    }
    // The buffer takes no more than its limit, whatever the driver does.
    while server.rx().receive(b"NOOP\r\n") == 6 {
        taken += 1;
    }
    assert!(server.rx().len() <= 16 * 1024);
    let cut_off = server.rx().len() % 6;
    assert!(server.buffered() <= 64 * 1024, "{}", server.buffered());
    // Once the client reads, every command gets its reply.
    let mut heard = 0;
    while settle(&mut server) != Want::Input || server.tx().has_remaining() {
        heard += drain(&mut server).len();
    }
    assert_eq!(heard, taken + 1, "{cut_off}");
}

#[test]
fn an_octet_read_is_not_yet_room() {
    let mut server = Connection::new(unlimited());
    while settle(&mut server) == Want::Input {
        assert!(server.rx().receive(&b"HELP\r\n".repeat(1000)) > 0);
    }
    server.tx().advance(1);
    assert!(settle(&mut server) == Want::Flush);
}

#[test]
fn content_waits_too_while_the_client_does_not_read() {
    let mut server = Connection::new(unlimited());
    let group = [
        &b"EHLO a.example\r\n"[..],
        &b"HELP\r\n".repeat(400),
        b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nHi\r\n.\r\n",
    ]
    .concat();
    let (mut sent, mut heard) = (0, Vec::new());
    loop {
        match settle(&mut server) {
            Want::Input if sent < group.len() => sent += server.rx().receive(&group[sent..]),
            Want::Input => break,
            _ => heard.extend(drain(&mut server)),
        }
    }
    heard.extend(drain(&mut server));
    assert_eq!(heard.len(), 1 + 1 + 400 + 4);
    assert!(heard.last().unwrap().starts_with("250 2.0.0 "));
}

#[test]
fn an_idle_connection_holds_no_memory() {
    let mut server = Connection::new(config());
    assert_eq!(settle(&mut server), Want::Input);
    drain(&mut server);
    server.rx().receive(b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\ntext");
    assert_eq!(settle(&mut server), Want::Input);
    drain(&mut server);
    server.release();
    assert_eq!(server.buffered(), 0);
    server.rx().receive(b" more\r\n.\r\n");
    assert_eq!(settle(&mut server), Want::Input);
    assert!(drain(&mut server)[0].starts_with("250 "));
}
