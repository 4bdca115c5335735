//! Waits, in simulated time: who is slow and honest is served, who drips is cut off. The clock
//! here does what adapters do with theirs.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use std::time::Duration;

use bytes::Buf;
use common::peer;
use common::script::{chunking, config};
use smtp_codec::proto::Envelope;
use smtp_codec::server::{self, Config, Event};
use smtp_codec::{Machine, Want, client};

const SECOND: Duration = Duration::from_secs(1);

/// The far end: what it says and when, and how much of what is said to it it takes in a second.
struct Peer<I> {
    says: I,
    takes: usize,
}

/// How long it took, and how much was received.
struct Held {
    time: Duration,
    received: usize,
}

/// Drives `machine` until it is done, or waits for a peer that has nothing more to say. Whoever
/// answers the events may take some time for it, and returns whether the end has come.
fn hold<M: Machine, I: Iterator<Item = (Duration, Vec<u8>)>>(
    machine: &mut M,
    peer: Peer<I>,
    mut on: impl FnMut(&mut M) -> (Duration, bool),
) -> Held {
    let Peer { says, takes } = peer;
    let mut says = says.peekable();
    let (mut now, mut by, mut left) = (Duration::ZERO, None, None);
    let (mut heard, mut late, mut received) = (machine.heard(), false, 0);
    loop {
        let want = machine.step();
        if heard != machine.heard() && !late {
            heard = machine.heard();
            (by, left) = (None, None);
        }
        let wait: Duration = left.take().unwrap_or(machine.patience());
        let until = *by.get_or_insert(now + wait);
        match want {
            Want::Event => {
                left = Some(until.saturating_sub(now));
                by = None;
                let (took, end) = on(machine);
                now += took;
                if end {
                    break;
                }
            }
            Want::Tls => machine.secured(),
            Want::Close => break,
            Want::Input | Want::Flush => {
                let tx = machine.tx();
                let sent = tx.remaining().min(takes);
                tx.advance(sent);
                let stuck = machine.tx().has_remaining();
                // The next thing to happen: a second in which the peer takes more, what it says
                // next, or the end of the wait.
                let said = match want {
                    Want::Input => says.peek().map(|(at, _)| (*at).max(now)),
                    _ => None,
                };
                let next = match (said, stuck) {
                    (Some(at), false) => at,
                    (Some(at), true) => at.min(now + SECOND),
                    (None, true) => now + SECOND,
                    (None, false) if want == Want::Flush => continue,
                    (None, false) => until,
                };
                if next >= until {
                    assert!(!late, "what is said last is taken at once");
                    now = until;
                    machine.timed_out();
                    late = machine.is_over();
                    by = None;
                    continue;
                }
                now = next;
                if said == Some(now) {
                    let (_, octets) = says.next().unwrap();
                    assert_eq!(machine.rx().receive(&octets), octets.len());
                    received += octets.len();
                }
            }
        }
    }
    Held { time: now, received }
}

const START: &str = "EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";

/// Serves a client that says `start`, and then `drop` every so often, `times` times, then `end`.
fn serve(
    config: Config,
    start: &str,
    (drop, every, times): (&[u8], Duration, u32),
    end: &str,
    busy: Duration,
) -> (Held, Option<server::Closing>, usize) {
    let mut server = server::Connection::new(config);
    let drops = (1..=times).map(|n| (every * n, drop.to_vec()));
    let says = [(Duration::ZERO, start.as_bytes().to_vec())].into_iter().chain(drops);
    let says = says.chain([(every * times, end.as_bytes().to_vec())]);
    let mut messages = 0;
    let held = hold(&mut server, Peer { says, takes: usize::MAX }, |server| {
        let mut took = Duration::ZERO;
        match server.event() {
            Event::Rcpt(rcpt) => rcpt.accept(),
            Event::Message(message) => {
                messages += 1;
                message.accept();
            }
            Event::Body(_) => took = busy,
            event => event.proceed(),
        }
        (took, false)
    });
    (held, server.closing(), messages)
}

/// The ways in which content may come; how it ends.
const CONTENTS: [(&str, &str); 4] = [
    ("DATA\r\n", "\r\n.\r\nQUIT\r\n"),
    ("BDAT 1000000 LAST\r\n", "QUIT\r\n"),
    // A chunk that is refused is swallowed, but not at any pace.
    ("RSET\r\nBDAT 1000000 LAST\r\n", "QUIT\r\n"),
    // So is what comes behind a message that is refused already.
    ("DATA\r\nbare\n", "\r\n.\r\nQUIT\r\n"),
];

/// Threats 5: slow client. An octet now and then is content, and yet no reason to wait on.
#[test]
fn a_client_that_drips_content_is_cut_off() {
    for (start, end) in CONTENTS {
        for (octets, every) in
            [(1, SECOND), (1, SECOND * 299), (499, SECOND), (10_000, SECOND * 29)]
        {
            let drop = vec![b'x'; octets];
            let start = format!("{START}{start}");
            let times = (1_000_000 / octets) as u32;
            let (held, closing, messages) =
                serve(chunking(), &start, (&drop, every, times), end, Duration::ZERO);
            assert_eq!(closing, Some(server::Closing::TimedOut), "{octets} {start}");
            assert_eq!(messages, 0);
            assert!(held.received < start.len() + 300_000, "{}", held.received);
        }
    }
}

#[test]
fn a_client_that_is_slow_and_honest_is_not() {
    for (start, end) in CONTENTS {
        for (octets, every) in [(1000, SECOND), (10_000, SECOND * 10), (1, SECOND / 1000)] {
            let drop = vec![b'x'; octets];
            let start = format!("{START}{start}");
            let times = (1_000_000 / octets) as u32;
            let (held, closing, messages) =
                serve(chunking(), &start, (&drop, every, times), end, Duration::ZERO);
            assert_eq!(closing, Some(server::Closing::Quit), "{octets} {start}");
            let refused = start.contains("RSET") || start.contains("bare");
            assert_eq!(messages, usize::from(!refused), "{start}");
            assert!(held.time >= SECOND * 1000, "it took its time");
        }
    }
}

#[test]
fn the_rate_can_be_set() {
    let with = |rate| {
        let mut limits = server::Limits::default();
        limits.least_rate = rate;
        let start = format!("{START}DATA\r\n");
        let drop = (&b"xx"[..], SECOND, 10_000);
        serve(config().limits(limits), &start, drop, "\r\n.\r\nQUIT\r\n", Duration::ZERO).1
    };
    assert_eq!(with(0), Some(server::Closing::Quit));
    assert_eq!(with(1), Some(server::Closing::Quit));
    assert_eq!(with(3), Some(server::Closing::TimedOut));
}

/// A short message may take all of one wait, at whatever pace.
#[test]
fn a_short_message_needs_no_pace() {
    let start = format!("{START}DATA\r\n");
    let drop = (&b"x"[..], SECOND, 290);
    let (_, closing, messages) = serve(config(), &start, drop, "\r\n.\r\nQUIT\r\n", Duration::ZERO);
    assert_eq!((closing, messages), (Some(server::Closing::Quit), 1));
}

/// The time in which the application is busy is not the client's.
#[test]
fn a_slow_application_is_not_held_against_the_client() {
    let start = format!("{START}DATA\r\n");
    let drop = (&[b'x'; 1000][..], SECOND, 1000);
    let end = "\r\n.\r\nQUIT\r\n";
    let (held, closing, messages) = serve(config(), &start, drop, end, SECOND * 100);
    assert_eq!((closing, messages), (Some(server::Closing::Quit), 1));
    assert!(held.time > SECOND * 100_000);
}

/// Threats 5: one deadline for a whole command line.
#[test]
fn a_command_that_drips_is_cut_off() {
    let drop = (&b"x"[..], SECOND * 10, 1000);
    for start in ["", "EHLO ", "EHLO a.example\r\nMAIL FROM:<"] {
        let (held, closing, _) = serve(config(), start, drop, "", Duration::ZERO);
        assert_eq!(closing, Some(server::Closing::TimedOut), "{start}");
        assert!(held.received <= start.len() + 30);
    }
}

/// RFC 5321 section 4.5.3.2.7: five minutes for each command.
#[test]
fn a_client_that_thinks_before_each_command_is_served() {
    let drop = (&b"NOOP\r\n"[..], SECOND * 299, 90);
    let (held, closing, _) = serve(config(), START, drop, "QUIT\r\n", Duration::ZERO);
    assert_eq!(closing, Some(server::Closing::Quit));
    assert_eq!(held.time, SECOND * 299 * 90);
}

/// Sends a letter of so many octets to a server that says `says`, and takes so many octets a second.
fn send(
    says: impl Iterator<Item = (Duration, Vec<u8>)>,
    takes: usize,
    octets: usize,
) -> (Held, Option<client::Closing>) {
    let envelope: Envelope = peer::envelope(&["b@example.org"]);
    let mut client = client::Connection::new(peer::config());
    let mut delivery = client::Delivery::new(&envelope);
    let mut left = octets;
    let held = hold(&mut client, Peer { says, takes }, |client| {
        let over = match delivery.on(client.event()) {
            client::Step::Next => false,
            client::Step::Over => true,
            client::Step::Body(mut slot) => {
                let content = b"sixteen octets\r\n".repeat(1024);
                let n = content.len().min(left);
                match slot.write(&content[..n]) {
                    Ok(_) if left == 0 => slot.finish().unwrap(),
                    Ok(written) => left -= written,
                    Err(error) => panic!("{error:?}"),
                }
                false
            }
        };
        (Duration::ZERO, over)
    });
    (held, client.closing())
}

/// Everything up to the 354, and the last reply long after.
fn willing(last: Duration) -> impl Iterator<Item = (Duration, Vec<u8>)> {
    let replies = [
        (0, "220 mx.example.org\r\n"),
        (1, "250-mx.example.org\r\n250 PIPELINING\r\n"),
        (2, "250 ok\r\n250 ok\r\n354 go\r\n"),
    ];
    let said = |(at, text): (u32, &str)| (SECOND * at, text.as_bytes().to_vec());
    replies.into_iter().map(said).chain([(last, b"250 taken\r\n".to_vec())])
}

/// Threats 5: slow server. One deadline for a whole reply, whatever drips in.
#[test]
fn a_reply_that_drips_is_cut_off() {
    for drop in ["x", "\r\n220-x"] {
        let start = [(Duration::ZERO, b"220-x".to_vec())].into_iter();
        let drops = (1..).map(|n| (SECOND * 10 * n, drop.as_bytes().to_vec()));
        let (held, closing) = send(start.chain(drops), usize::MAX, 0);
        assert_eq!(closing, Some(client::Closing::TimedOut));
        assert!(held.received < 5 + 31 * drop.len());
    }
}

/// Threats 5: slow server. One that takes content drop by drop is given up.
#[test]
fn a_server_that_takes_content_in_drops_is_given_up() {
    let (_, closing) = send(willing(SECOND * 1_000_000), 100, 1_000_000);
    assert_eq!(closing, Some(client::Closing::TimedOut));
}

#[test]
fn a_server_that_is_slow_and_honest_is_not() {
    let (held, closing) = send(willing(SECOND * 1300), 1000, 1_000_000);
    assert_eq!(closing, None);
    assert!(held.time >= SECOND * 1000);
    // Ten minutes for the last word (RFC 5321 section 4.5.3.2.6).
    let (_, closing) = send(willing(SECOND * 599), usize::MAX, 1_000_000);
    assert_eq!(closing, None);
}

const PAUSE: Duration = Duration::from_secs(5);

/// RFC 5321 section 4.3.1: a client that waits is greeted when the pause is over.
#[test]
fn a_patient_client_is_greeted_behind_the_pause() {
    for implicit in [false, true] {
        let mut server = server::Connection::new(config().greet_pause(PAUSE));
        if implicit {
            server.implicit_tls();
        }
        let says = [(PAUSE, "EHLO a.example\r\n"), (PAUSE + SECOND * 299, "QUIT\r\n")];
        let says = says.into_iter().map(|(at, text)| (at, text.as_bytes().to_vec()));
        let held = hold(&mut server, Peer { says, takes: usize::MAX }, |server| {
            server.event().proceed();
            (Duration::ZERO, false)
        });
        assert_eq!(server.closing(), Some(server::Closing::Quit));
        assert_eq!(held.time, PAUSE + SECOND * 299);
    }
}

/// Threats 8: an early talker gets 554, and nothing of what it said is looked at.
#[test]
fn who_speaks_before_the_greeting_is_sent_away() {
    for implicit in [false, true] {
        for say in ["E", "\r\n", "EHLO a.example\r\nMAIL FROM:<evil@x>\r\n", "QUIT\r\n"] {
            let mut server = server::Connection::new(config().greet_pause(PAUSE));
            if implicit {
                server.implicit_tls();
                assert_eq!(server.step(), Want::Tls);
                server.secured();
            }
            assert_eq!(server.step(), Want::Input);
            assert_eq!(server.patience(), PAUSE);
            assert!(!server.tx().has_remaining(), "not a word before");
            server.rx().receive(say.as_bytes());
            assert_eq!(server.step(), Want::Flush);
            let said = String::from_utf8(server.tx().chunk().to_vec()).unwrap();
            assert_eq!(said, "554 mx.example.org a client waits for the greeting\r\n");
            let n = server.tx().remaining();
            server.tx().advance(n);
            assert_eq!(server.step(), Want::Close);
            assert_eq!(server.closing(), Some(server::Closing::EarlyTalker));
            assert!(server.lingers());
        }
    }
}

#[test]
fn a_pause_ends_with_the_client_and_with_the_server() {
    let paused = || server::Connection::new(config().greet_pause(PAUSE));
    let mut server = paused();
    assert_eq!(server.step(), Want::Input);
    server.eof();
    assert_eq!(server.step(), Want::Close);
    assert_eq!(server.closing(), Some(server::Closing::PeerGone));
    let mut server = paused();
    server.shut_down();
    assert_eq!(server.step(), Want::Flush);
    assert!(server.tx().chunk().starts_with(b"421 4.3.2 "));
}

/// Threats 5: announcing a chunk is no content, and does not begin a wait anew.
#[test]
fn chunks_that_drip_are_cut_off_whatever_their_size() {
    for size in [1, 1024, 10_000] {
        let head = format!("BDAT {size}\r\n").into_bytes();
        let chunk = [head, vec![b'x'; size]].concat();
        let drop = (&chunk[..], SECOND * 299, 20_000);
        let (held, closing, _) = serve(chunking(), START, drop, "", Duration::ZERO);
        assert_eq!(closing, Some(server::Closing::TimedOut), "{size}");
        assert!(held.time.as_secs() < 3600, "held for {:?}", held.time);
    }
}
