//! The end of mail data in every spelling and in every company, received and sent, under every
//! policy, beside a plain search for CR LF "." CR LF.
//!
//! Three sets of octets: what smuggling is done with, between what may stand before and behind it
//! (6930 of them, 45 with a real end); two such spellings behind each other; and every
//! string of a few octets that are a CR, an LF, a dot, a letter or a NUL.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::sync::Arc;

use bytes::Buf;
use smtp_codec::client;
use smtp_codec::proto::address::{ForwardPath, ReversePath};
use smtp_codec::proto::command::{MailParameters, RcptParameters};
use smtp_codec::proto::session::BareNewline::{self, Normalise, Pass, Reject};
use smtp_codec::server::{Abort, Config, Connection, Event};
use smtp_codec::{Encoder, Run, Want};

const POLICIES: [BareNewline; 3] = [Reject, Normalise, Pass];

const BEFORE: [&[u8]; 21] = [
    b"",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\n\r\n",
    b"\r\n\n",
    b"\r\n\r",
    b"\r\n\0",
    b"\0\r\n",
    b"\r\0\n",
    b"\x0b",
    b"\x0c",
    b"\x85",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\r\n\xef\xbb\xbf",
    b"\xc4\x8d\xc4\x8a",
    b"\x8d\x8a",
    b"\r\n ",
];

const DOT: [&[u8]; 11] = [
    b".",
    b"..",
    b". ",
    b" .",
    b".\0",
    b"\0.",
    b"\xae",
    b"\xc0\xae",
    b"\xef\xbc\x8e",
    b".\x7f",
    b".\r",
];

const AFTER: [&[u8]; 15] = [
    b"",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\n\r\n",
    b"\r\n\n",
    b"\r\0\n",
    b"\0\r\n",
    b"\x0b",
    b"\x85",
    b"\xc2\x85",
    b"\xc4\x8d\xc4\x8a",
    b"\x8d\x8a",
];

/// What smugglers are known to have sent (and the last two, what they might).
const SEQUENCES: [&[u8]; 16] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\0\r\n",
    b".\n",
    b".\r\r\n",
    b"\r\n..\r\n",
    b"\r\n.\x85",
];

const EVIL: &[u8] = b"MAIL FROM:<evil@x>\r\n";

/// What must be seen of mail data: the content before its end, and what is behind it.
fn parted(sent: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let framed = [b"\r\n", sent].concat();
    let end = framed.windows(5).position(|five| five == b"\r\n.\r\n")?;
    Some((framed[2..end + 2].to_vec(), &sent[end + 3..]))
}

/// The lines of some text, without their CRLF, and whether the last has one.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

fn is_bare(text: &[u8]) -> bool {
    lines(text).iter().any(|line| line.contains(&b'\r') || line.contains(&b'\n'))
}

/// With CRLF in the place of each bare newline.
fn mended(text: &[u8]) -> Vec<u8> {
    let mend = |line: &&[u8]| {
        let octets = line.iter().map(|octet| match octet {
            b'\r' | b'\n' => &b"\r\n"[..],
            _ => std::slice::from_ref(octet),
        });
        octets.collect::<Vec<_>>().concat()
    };
    lines(text).iter().map(mend).collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// What a server makes of it: the content, or that it is void; then what it took for commands.
#[derive(Debug, Default, PartialEq)]
struct Received {
    content: Option<Result<Vec<u8>, Abort>>,
    smuggled: bool,
    replies: usize,
}

/// How a stream is cut: whole, each octet alone, in two, or at random.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    Each,
    At(usize),
    Random(u64),
}

impl Cut {
    fn piece(&mut self, at: usize, left: usize) -> usize {
        match self {
            Cut::Whole => left,
            Cut::Each => left.min(1),
            Cut::At(place) if at < *place => left.min(*place - at),
            Cut::At(_) => left,
            Cut::Random(state) => {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                left.min(1 + (*state >> 60) as usize)
            }
        }
    }
}

fn drain(tx: &mut impl Buf) {
    tx.advance(tx.remaining());
}

struct Bench {
    servers: [Arc<Config>; 3],
    clients: [Arc<client::Config>; 3],
}

impl Bench {
    fn new() -> Self {
        let server = |policy| Config::new("mx.example").unwrap().bare_newline(policy).into();
        let client = |policy| client::Config::new("c.example").unwrap().bare_newline(policy).into();
        Bench { servers: POLICIES.map(server), clients: POLICIES.map(client) }
    }

    fn receive(&self, sent: &[u8], policy: BareNewline, mut cut: Cut) -> Received {
        let mut server = Connection::new(Arc::clone(&self.servers[policy as usize]));
        let prelude = b"EHLO a.example\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n";
        let (mut received, mut body) = (Received::default(), Vec::new());
        assert_eq!(server.rx().receive(prelude), prelude.len());
        let (mut at, mut open) = (None, false);
        loop {
            match server.step() {
                Want::Event => match server.event() {
                    Event::Body(octets) => body.extend_from_slice(octets),
                    Event::Aborted(abort) => received.content = Some(Err(abort)),
                    Event::Rcpt(rcpt) => rcpt.accept(),
                    Event::Message(message) => {
                        received.content = Some(Ok(std::mem::take(&mut body)));
                        message.accept();
                    }
                    Event::Mail(mail) => {
                        received.smuggled |= open;
                        open = true;
                        mail.accept();
                    }
                    other => other.proceed(),
                },
                Want::Input => {
                    let ends = server.tx().chunk().iter().filter(|&&octet| octet == b'\n').count();
                    received.replies += if at.is_some() { ends } else { 0 };
                    drain(server.tx());
                    let here = *at.get_or_insert(0);
                    if here == sent.len() {
                        return received;
                    }
                    let piece = cut.piece(here, sent.len() - here);
                    assert_eq!(server.rx().receive(&sent[here..here + piece]), piece);
                    at = Some(here + piece);
                }
                want => panic!("{want:?}"),
            }
        }
    }

    /// Checks what a server makes of mail data that is cut in these ways.
    fn received(&self, sent: &[u8], cuts: &[Cut]) -> bool {
        let real = parted(sent);
        for policy in POLICIES {
            let mut expected = Received::default();
            if let Some((raw, behind)) = &real {
                let plain = lines(raw);
                let plain: Vec<_> =
                    plain.iter().map(|line| line.strip_prefix(b".").unwrap_or(line)).collect();
                let plain = plain.join(&b"\r\n"[..]);
                expected.content = Some(match policy {
                    Reject if is_bare(&plain) => Err(Abort::BareNewline),
                    Normalise => Ok(mended(&plain)),
                    Reject | Pass => Ok(plain),
                });
                let commands = lines(behind);
                expected.smuggled = commands[..commands.len() - 1].contains(&&EVIL[..18]);
                expected.replies = commands.len();
            }
            for cut in cuts {
                let told = || format!("{} {policy:?} {cut:?}", sent.escape_ascii());
                let got = self.receive(sent, policy, *cut);
                if real.is_none() {
                    // Without an end it is not answered, and nothing comes of it.
                    assert!(!matches!(got.content, Some(Ok(_))) && got.replies == 0, "{}", told());
                    assert!(!got.smuggled, "{}", told());
                } else {
                    assert_eq!(got, expected, "{}", told());
                }
            }
        }
        real.is_some()
    }

    /// What a client writes for some content.
    fn send(&self, content: &[u8], policy: BareNewline, mut cut: Cut) -> (Vec<u8>, bool) {
        let mut client = client::Connection::new(Arc::clone(&self.clients[policy as usize]));
        let (mut wire, mut at, mut named, mut done) = (Vec::new(), 0, false, false);
        let mut replies =
            [&b"220 a\r\n"[..], b"250 b\r\n", b"250 c\r\n", b"250 d\r\n", b"354 e\r\n"].into_iter();
        loop {
            match client.step() {
                Want::Event => match client.event() {
                    client::Event::Ready(ready) => {
                        let path = ReversePath::parse("<a@x>").unwrap();
                        ready.mail(path, MailParameters::parse("").unwrap()).unwrap();
                    }
                    client::Event::WantRcpt(slot) if named => slot.end(),
                    client::Event::WantRcpt(slot) => {
                        named = true;
                        let path = ForwardPath::parse("<b@x>").unwrap();
                        slot.send(path, RcptParameters::parse("").unwrap()).unwrap();
                    }
                    client::Event::WantBody(slot) if at == content.len() => {
                        done = slot.finish().is_ok();
                        wire.extend_from_slice(client.tx().chunk());
                        return (wire, done);
                    }
                    client::Event::WantBody(mut slot) => {
                        let piece = cut.piece(at, content.len() - at);
                        match slot.write(&content[at..at + piece]) {
                            Ok(n) => at += n,
                            Err(_) => {
                                wire.extend_from_slice(client.tx().chunk());
                                return (wire, done);
                            }
                        }
                        wire.extend_from_slice(client.tx().chunk());
                        drain(client.tx());
                    }
                    _ => {}
                },
                Want::Input => {
                    drain(client.tx());
                    client.rx().receive(replies.next().unwrap());
                }
                want => panic!("{want:?}"),
            }
        }
    }

    /// Checks what goes out for some content that comes in pieces.
    fn sent(&self, content: &[u8], cuts: &[Cut]) {
        for policy in POLICIES {
            let bare = is_bare(content);
            for cut in cuts {
                let (wire, done) = self.send(content, policy, *cut);
                let told = || {
                    let (content, wire) = (content.escape_ascii(), wire.escape_ascii());
                    format!("{content} as {wire} {policy:?} {cut:?}")
                };
                let framed = [b"\r\n", &wire[..]].concat();
                let ends = framed.windows(5).filter(|five| five == b"\r\n.\r\n").count();
                // To the laxest of servers each newline ends a line.
                let lax: Vec<u8> = mended(&framed).into_iter().filter(|&o| o != b'\r').collect();
                let lax = lax.windows(3).filter(|three| three == b"\n.\n").count();
                assert_eq!((ends, lax), (usize::from(done), usize::from(done)), "{}", told());
                assert_eq!(done, !(bare && policy == Reject), "{}", told());
                assert!(policy == Pass || !is_bare(&wire), "{}", told());
                if !done {
                    continue;
                }
                assert!(framed.ends_with(b"\r\n.\r\n"), "{}", told());
                let mut canonical =
                    if policy == Normalise { mended(content) } else { content.into() };
                if !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
                    canonical.extend_from_slice(b"\r\n");
                }
                let strictness = if policy == Pass { Pass } else { Reject };
                if policy == Pass && bare {
                    // A dot too many behind a bare newline is the price; see `Encoder`.
                    continue;
                }
                let back = self.receive(&wire, strictness, Cut::Whole);
                assert_eq!(back.content, Some(Ok(canonical)), "{}", told());
            }
        }
    }
}

/// Everything that the matrix holds; how many of it had a real end of its own.
fn matrix(step: usize, check: impl Fn(&[u8], usize) -> bool) -> usize {
    let (mut real, mut number) = (0, 0);
    for before in BEFORE {
        for dot in DOT {
            for after in AFTER {
                for text in [&b"text\r\n"[..], b"text"] {
                    number += 1;
                    if number % step == 0 {
                        real += usize::from(check(&[text, before, dot, after].concat(), number));
                    }
                }
            }
        }
    }
    real
}

fn the_matrix(step: usize) -> usize {
    let bench = Bench::new();
    matrix(step, |octets, number| {
        let random = Cut::Random(number as u64);
        let cuts = [Cut::Whole, Cut::Each, random];
        bench.sent(&[octets, EVIL].concat(), &cuts);
        bench.received(&[octets, EVIL, b"\r\n.\r\nNOOP\r\n"].concat(), &cuts);
        bench.received(&[octets, EVIL].concat(), &cuts)
    })
}

/// Two spellings, with something before, between and behind them.
fn pairs(step: usize) -> usize {
    let bench = Bench::new();
    let between: [&[u8]; 8] =
        [b"", b"\r\n", b"\n", b"\r", b"x", b"\0", b"\xc2\x85", b"\r\nMAIL FROM:<evil@x>\r\n"];
    let mut number = 0;
    for (first, second) in SEQUENCES.iter().flat_map(|one| SEQUENCES.map(|two| (*one, two))) {
        for middle in between {
            for (start, end) in [(&b""[..], &b"\r\n"[..]), (b"a\r\n", b""), (b"a", b"\r")] {
                number += 1;
                if number % step > 0 {
                    continue;
                }
                let octets = [start, first, middle, second, end, EVIL].concat();
                let cuts = [Cut::Whole, Cut::Each, Cut::Random(number as u64)];
                bench.sent(&octets, &cuts);
                bench.received(&[&octets[..], b"\r\n.\r\nNOOP\r\n"].concat(), &cuts);
                bench.received(&octets, &cuts);
            }
        }
    }
    number
}

/// Each string of so many octets, whole and cut at each place.
fn strings(length: usize) -> usize {
    let bench = Bench::new();
    let alphabet = b"\r\n.a\0";
    let all = alphabet.len().pow(length as u32);
    for number in 0..all {
        let octet = |place| alphabet[number / alphabet.len().pow(place) % alphabet.len()];
        let octets: Vec<u8> = (0..length as u32).map(octet).collect();
        let cuts: Vec<_> = (1..length).map(Cut::At).chain([Cut::Whole, Cut::Each]).collect();
        bench.received(&octets, &cuts);
        bench.received(&[&octets[..], b"\r\n.\r\n"].concat(), &[Cut::Whole, Cut::Each]);
        bench.sent(&octets, &cuts);
    }
    all
}

#[test]
fn a_part_of_the_matrix() {
    the_matrix(13);
}

#[test]
fn a_part_of_all_pairs() {
    pairs(17);
}

#[test]
fn every_string_of_four_octets() {
    for length in 0..=4 {
        strings(length);
    }
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "seconds, in release mode"]
fn the_whole_matrix() {
    let real = the_matrix(1);
    assert_eq!(real, 45, "of 6930 cases so many have an end of their own");
}

#[test]
#[ignore = "seconds, in release mode"]
fn all_pairs() {
    println!("{} cases", pairs(1));
}

#[test]
#[ignore = "seconds, in release mode"]
fn every_string_of_seven_octets() {
    println!("{} strings", (5..=7).map(strings).sum::<usize>());
}

/// The encoder by itself gives the same, whatever it is lent.
#[test]
fn an_encoder_writes_what_a_connection_does() {
    let bench = Bench::new();
    matrix(29, |octets, _| {
        for policy in POLICIES {
            let (mut encoder, mut wire, mut rest) = (Encoder::new(policy), Vec::new(), octets);
            let written = loop {
                match encoder.next(rest) {
                    Ok(Some(Run::Lent(bytes))) => {
                        wire.extend_from_slice(bytes);
                        rest = &rest[bytes.len()..];
                    }
                    Ok(Some(Run::Written(bytes, taken))) => {
                        wire.extend_from_slice(bytes);
                        rest = &rest[taken..];
                    }
                    Ok(None) => break encoder.finish(),
                    Err(found) => break Err(found),
                }
            };
            let (sent, done) = bench.send(octets, policy, Cut::Whole);
            assert_eq!(written.is_ok(), done);
            wire.extend_from_slice(written.unwrap_or_default());
            assert!(!done || wire == sent, "{}", octets.escape_ascii());
        }
        true
    });
}
