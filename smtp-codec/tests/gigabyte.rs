//! Each flood that is known, as long as one likes to send it: not one allocation once the buffers
//! are there, output that waits for its reader, and under the usual limits an early end.
//!
//! `floods.rs` looks at what is answered; this looks at what it costs.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::sync::atomic::{AtomicUsize, Ordering};

use allocation_counter::{AllocationInfo, measure};
use bytes::Buf;
use smtp_codec::client;
use smtp_codec::proto::command::Mechanism;
use smtp_codec::proto::reply::Refusal;
use smtp_codec::proto::session::BareNewline;
use smtp_codec::server::{Closing, Config, Connection, Event, Limits, Want};

const MEBIBYTE: usize = 1024 * 1024;

/// What is sent for ever, behind what.
#[derive(Clone, Copy, Debug)]
struct Flood {
    start: &'static str,
    wave: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Ends the session under the usual limits.
    Counted,
    /// The same, and the application refuses all recipients.
    Refused,
    /// The same with all messages, before and behind their content.
    RefusedData,
    RefusedMessage,
    /// The same with STARTTLS, which may not be grouped.
    RefusedTls,
    /// The same, by mechanisms that allocate what they decode.
    Auth,
    /// The same, with content in chunks of next to nothing.
    SmallChunks,
    /// Goes on: each wave brings mail, or content, or never becomes a command.
    Endless,
    /// The same, with content past its SIZE.
    PastSize,
    /// The same, with bare newlines made good.
    Normalised,
}

const fn flood(start: &'static str, wave: &'static str, kind: Kind) -> Flood {
    Flood { start, wave, kind }
}

const MAIL: &str = "EHLO a\r\nMAIL FROM:<a@x>\r\n";
const RCPT: &str = "EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n";
const DATA: &str = "EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n";
const HUGE: &str = "EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 9999999999\r\n";
const TEXT: &str = "a line of text as they come, seventy octets of it, and then its end\r\n";

const LETTER: &str = "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nx\r\n.\r\n";

const FLOODS: [Flood; 38] = {
    use Kind::*;
    [
        flood("EHLO a\r\n", "NOOP\r\n", Counted),
        flood("EHLO a\r\n", "RSET\r\n", Counted),
        flood("EHLO a\r\n", "VRFY a\r\n", Counted),
        flood("EHLO a\r\n", "EXPN a\r\n", Counted),
        flood("EHLO a\r\n", "HELP\r\n", Counted),
        flood("EHLO a\r\n", "FOO\r\n", Counted),
        flood("EHLO a\r\n", "\r\n", Counted),
        flood("EHLO a\r\n", "x\n\r\n", Counted),
        flood("EHLO a\r\n", "DATA\r\n", Counted),
        flood("EHLO a\r\n", "STARTTLS\r\n", RefusedTls),
        flood("HELO a\r\n", "STARTTLS\r\n", Counted),
        flood("EHLO a\r\n", "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n", RefusedData),
        flood("EHLO a\r\n", "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nBDAT 1\r\nx", RefusedData),
        flood("EHLO a\r\n", LETTER, RefusedMessage),
        flood("EHLO a\r\n", LETTER, Endless),
        flood("EHLO a\r\n", "BDAT 1\r\nx", Counted),
        flood("EHLO a\r\n", "MAIL FROM:<a@x>\r\nRSET\r\n", Counted),
        flood("EHLO a\r\n", "MAIL FROM:<a@\r\n", Counted),
        flood("", "EHLO a\r\n", Counted),
        flood("", "HELO a\r\n", Counted),
        flood(MAIL, "RCPT TO:<b@x>\r\n", Counted),
        flood(MAIL, "RCPT TO:<b@x>\r\n", Refused),
        flood(MAIL, "MAIL FROM:<a@x>\r\n", Counted),
        flood(RCPT, "BDAT 0\r\n", Counted),
        flood("EHLO a\r\n", "AUTH PLAIN AGEAYg==\r\n", Auth),
        flood("EHLO a\r\n", "AUTH PLAIN\r\n!\r\n", Auth),
        flood(RCPT, "BDAT 1\r\nx", SmallChunks),
        flood(HUGE, TEXT, Endless),
        flood("EHLO a\r\nBDAT 9999999999\r\n", "MAIL FROM:<evil@x>\r\n", Endless),
        flood("EHLO a\r\n", "a", Endless),
        flood("EHLO a\r\n", "\0", Endless),
        flood("EHLO a\r\nAUTH PLAIN\r\n", "AAAA", Endless),
        flood(DATA, "a", Endless),
        flood(DATA, TEXT, Endless),
        flood(DATA, "..\r\n", Endless),
        flood(DATA, TEXT, PastSize),
        flood(DATA, "\n", Endless),
        flood(DATA, "\n.\n", Normalised),
    ]
};

fn config(kind: Kind, limited: bool) -> Config {
    let config = Config::new("mx.example").unwrap().auth(["PLAIN"]).unwrap().allow_plaintext_auth();
    let config = match kind {
        Kind::PastSize => config.max_size(100_000),
        Kind::Normalised => config.bare_newline(BareNewline::Normalise),
        _ => config,
    };
    if limited {
        return config;
    }
    let mut limits = Limits::default();
    (limits.errors, limits.junk) = (u32::MAX, u32::MAX);
    (limits.recipients, limits.recipients_over) = (u32::MAX, u32::MAX);
    (limits.auth_failures, limits.challenges) = (u32::MAX, u32::MAX);
    limits.small_chunks = u32::MAX;
    config.limits(limits)
}

/// A server that is flooded by a client who reads what it is told.
struct Flooded {
    server: Connection,
    kind: Kind,
    taken: usize,
    output: usize,
}

impl Flooded {
    fn new(flood: Flood, limited: bool) -> Self {
        let mut server = Connection::new(config(flood.kind, limited));
        server.offer_tls();
        let mut flooded = Flooded { server, kind: flood.kind, taken: 0, output: 0 };
        flooded.take(flood.start.as_bytes(), flood.start.len());
        flooded
    }

    fn answer(&mut self) {
        match self.server.event() {
            Event::Rcpt(rcpt) if self.kind != Kind::Refused => rcpt.accept(),
            Event::Data(data) if self.kind == Kind::RefusedData => data.reject(Refusal::POLICY),
            Event::Message(message) if self.kind == Kind::RefusedMessage => {
                message.reject(Refusal::CONTENT);
            }
            Event::Message(message) => message.accept(),
            Event::Auth(auth) if auth.initial_response().is_none() => auth.challenge(b""),
            Event::StartTls(start) => start.reject(Refusal::NOT_NOW),
            event => event.proceed(),
        }
    }

    /// Sends `octets` over and over until so many were taken; false once the session is over.
    fn take(&mut self, octets: &[u8], total: usize) -> bool {
        let (until, mut at) = (self.taken + total, 0);
        loop {
            match self.server.step() {
                Want::Event => self.answer(),
                Want::Flush | Want::Input if self.server.tx().has_remaining() => {
                    let tx = self.server.tx();
                    self.output += tx.remaining();
                    assert!(tx.remaining() < 20 * 1024, "{} octets wait", tx.remaining());
                    tx.advance(tx.remaining());
                }
                Want::Input if self.taken >= until => return true,
                Want::Input => {
                    let n = self.server.rx().receive(&octets[at..]);
                    assert!(n > 0, "input is wanted, and there is no room for it");
                    (at, self.taken) = ((at + n) % octets.len(), self.taken + n);
                }
                Want::Close => return false,
                want => panic!("{want:?}"),
            }
        }
    }
}

impl Flood {
    /// Whole waves, in pieces as large as a connection reads.
    fn waves(self) -> Vec<u8> {
        match self.kind {
            Kind::RefusedTls => self.wave.into(),
            _ => waves(self.wave),
        }
    }
}

fn waves(wave: &str) -> Vec<u8> {
    wave.repeat((64 * 1024_usize).div_ceil(wave.len())).into_bytes()
}

/// No limit but those of memory: it stays as it is from the first mebibyte on.
fn costs(flood: Flood, total: usize) {
    let waves = flood.waves();
    let mut flooded = Flooded::new(flood, false);
    assert!(flooded.take(&waves, total.min(MEBIBYTE)), "{flood:?}");
    let mut goes_on = true;
    let cost: AllocationInfo = measure(|| goes_on = flooded.take(&waves, total));
    assert!(goes_on, "{flood:?} {:?}", flooded.server.closing());
    assert!(flooded.server.buffered() <= 64 * 1024, "{flood:?}");
    if flood.kind == Kind::Auth {
        // What was decoded is given back at once.
        assert!(cost.bytes_max < 1024 && cost.bytes_current == 0, "{flood:?} {cost:?}");
    } else {
        assert_eq!(cost.count_total, 0, "{flood:?} {cost:?}");
    }
}

/// The usual limits: who brings nothing is told to go, before he has cost anything.
fn ends(flood: Flood, total: usize) {
    let mut flooded = Flooded::new(flood, true);
    let endless = matches!(flood.kind, Kind::Endless | Kind::PastSize | Kind::Normalised);
    let total = if endless { total.min(64 * MEBIBYTE) } else { total };
    let goes_on = flooded.take(&flood.waves(), total);
    let told = || format!("{flood:?} {} in, {} out", flooded.taken, flooded.output);
    if endless {
        assert!(goes_on, "{}", told());
        return;
    }
    assert!(!goes_on, "{}", told());
    assert_eq!(flooded.server.closing(), Some(Closing::TooManyErrors), "{}", told());
    // Chunks belong to a message that may yet come to something: more of them are taken.
    let most = if flood.kind == Kind::SmallChunks { 256 * 1024 } else { 128 * 1024 };
    assert!(flooded.taken <= most && flooded.output <= most, "{}", told());
}

/// A client who never reads is not read from: a window's worth is all that it gets rid of.
fn nobody_reads(flood: Flood) {
    let waves = flood.waves();
    let mut flooded = Flooded::new(flood, false);
    let (mut taken, mut at) = (0, 0);
    loop {
        match flooded.server.step() {
            Want::Event => flooded.answer(),
            Want::Input => {
                let n = flooded.server.rx().receive(&waves[at..]);
                (at, taken) = ((at + n) % waves.len(), taken + n);
                if n == 0 || taken > 4 * MEBIBYTE {
                    break;
                }
            }
            Want::Flush => break,
            want => panic!("{want:?} {flood:?}"),
        }
    }
    assert!(flooded.server.tx().remaining() < 20 * 1024, "{flood:?}");
    assert!(flooded.server.buffered() <= 96 * 1024, "{flood:?}");
    let silent = matches!(flood.kind, Kind::Endless | Kind::PastSize | Kind::Normalised);
    assert!(silent || taken <= 64 * 1024, "{flood:?} {taken}");
    // However often it is asked, it does not go on.
    assert!(silent || (0..1000).all(|_| flooded.server.step() == Want::Flush), "{flood:?}");
}

fn on_two_threads(work: impl Fn(Flood) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(flood) = FLOODS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(*flood);
                }
            });
        }
    });
}

#[test]
fn a_little_of_each_allocates_nothing() {
    on_two_threads(|flood| costs(flood, MEBIBYTE / 16));
}

#[test]
fn who_brings_nothing_is_told_to_go() {
    on_two_threads(|flood| ends(flood, MEBIBYTE / 4));
}

#[test]
fn who_does_not_read_is_not_read_from() {
    on_two_threads(nobody_reads);
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "a minute, in release mode"]
fn sixty_four_mebibytes_of_each_allocate_nothing() {
    on_two_threads(|flood| costs(flood, 64 * MEBIBYTE));
}

/// `ci/exhaustive.sh --all` runs this.
#[test]
#[ignore = "ten minutes, in release mode"]
fn a_gibibyte_of_each_allocates_nothing() {
    on_two_threads(|flood| costs(flood, 1024 * MEBIBYTE));
    on_two_threads(|flood| ends(flood, 1024 * MEBIBYTE));
}

/// LMTP answers for each recipient when the content is refused: all at once, and no more than
/// there are.
#[test]
fn a_thousand_refusals_in_lmtp_are_bounded() {
    let mut server = Connection::new(Config::new("mx.example").unwrap().lmtp());
    let hello = "LHLO a\r\nMAIL FROM:<a@x>\r\n";
    let input = format!("{hello}{}DATA\r\n\n\r\n.\r\n", "RCPT TO:<b@x>\r\n".repeat(1100));
    let (mut at, mut most) = (0, 0);
    loop {
        most = most.max(server.tx().remaining());
        match server.step() {
            Want::Event => match server.event() {
                Event::Rcpt(rcpt) => rcpt.accept(),
                event => event.proceed(),
            },
            Want::Flush | Want::Input if server.tx().has_remaining() => {
                let tx = server.tx();
                tx.advance(tx.remaining());
            }
            Want::Input if at == input.len() => break,
            Want::Input => at += server.rx().receive(&input.as_bytes()[at..]),
            want => panic!("{want:?}"),
        }
    }
    assert!(most < 80 * 1024, "{most}");
}

/// What a server may flood its client with. Each ends the session, or the exchange.
#[test]
fn a_client_takes_no_flood_either() {
    let greeted = "220 a\r\n250-b\r\n250 AUTH PLAIN\r\n";
    for (start, wave) in [
        ("", "220-x\r\n"),
        ("", "220-\r\n"),
        ("", "2"),
        ("", "220 x\r\n"),
        ("220 a\r\n", "250-x\r\n"),
        ("220 a\r\n", "250-SIZE 1\r\n"),
        ("220 a\r\n", "250-AUTH A B C D E F G H\r\n"),
        (greeted, "250 ok\r\n"),
        (greeted, "334 \r\n"),
        (greeted, "334-\r\n"),
        (greeted, "334 QUFBQQ==\r\n"),
    ] {
        let config = client::Config::new("c.example").unwrap().allow_plaintext_auth();
        let mut client = client::Connection::new(config);
        let waves = waves(wave);
        let (mut taken, mut begun) = (0, start.is_empty());
        loop {
            match client.step() {
                Want::Event => match client.event() {
                    client::Event::Ready(ready) => {
                        let mechanism = Mechanism::parse("PLAIN").unwrap();
                        if ready.auth(mechanism, Some(b"x")).is_err() {
                            break;
                        }
                    }
                    client::Event::Challenge(challenge) => challenge.respond(b"x"),
                    _ => {}
                },
                Want::Input => {
                    let tx = client.tx();
                    tx.advance(tx.remaining());
                    // A reply at a time is what a server sends that waits for its client.
                    let next = if begun { &waves[..wave.len()] } else { start.as_bytes() };
                    let next = if begun { next } else { first_reply(next, &mut taken) };
                    begun |= taken >= start.len();
                    let n = client.rx().receive(next);
                    assert!(n > 0);
                    taken += if begun { n } else { 0 };
                    assert!(taken < 100_000, "{wave}");
                }
                Want::Close => break,
                want => panic!("{want:?}"),
            }
        }
        assert!(client.buffered() <= 160 * 1024, "{wave} {}", client.buffered());
    }
}

/// The reply that begins at `at`, which is moved behind it.
fn first_reply<'r>(replies: &'r [u8], at: &mut usize) -> &'r [u8] {
    let rest = &replies[*at..];
    let mut end = 0;
    for line in rest.split_inclusive(|octet| *octet == b'\n') {
        end += line.len();
        if line[3] == b' ' {
            break;
        }
    }
    *at += end;
    &rest[..end]
}
