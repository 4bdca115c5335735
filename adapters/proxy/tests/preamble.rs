//! Headers whole and in pieces, and what is none (threats: unbounded buffers, addresses that are
//! claimed twice, octets that belong to what follows).
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation)]

use std::io::Read;

use proptest::prelude::*;
use smtp_proxy_protocol::{Header, Malformed, Preamble};

const BEHIND: &[u8] = b"EHLO x\r\nPROXY TCP4 1.1.1.1 2.2.2.2 3 4\r\n";

/// Gives out no more than `piece` octets at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let n = room.len().min(self.1);
        (&mut self.0).take(n as u64).read(&mut room[..n])
    }
}

/// The same header, however it arrives; and what is behind it is left alone.
#[track_caller]
fn header(bytes: &[u8]) -> Option<Header> {
    let wire = [bytes, BEHIND].concat();
    let outcomes: Vec<_> = [1, 2, 3, 5, 16, usize::MAX]
        .map(|piece| {
            let mut drip = Drip(&wire, piece);
            let header = Preamble::new().read(&mut drip).ok();
            if header.is_some() {
                assert_eq!(drip.0, BEHIND, "by {piece}");
            }
            header
        })
        .into();
    assert!(outcomes.windows(2).all(|two| two[0] == two[1]), "{outcomes:?}");
    outcomes[0]
}

fn client(source: &str, destination: &str) -> Option<Header> {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    Some(Header::Client { source, destination })
}

fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = (rest.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, rest].concat()
}

const V4: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0, 25];

#[test]
fn version_1() {
    assert_eq!(
        header(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n"),
        client("192.0.2.1:4711", "192.0.2.2:25")
    );
    assert_eq!(
        header(b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n"),
        client("[2001:db8::1]:65535", "[::1]:0")
    );
    assert_eq!(header(b"PROXY UNKNOWN\r\n"), Some(Header::Unknown));
    for ignored in [&b"1 2 3 4 5 6 7"[..], b"", b" ", b"\xff\0"] {
        let line = [b"PROXY UNKNOWN ", ignored, b"\r\n"].concat();
        assert_eq!(header(&line), Some(Header::Unknown), "{}", line.escape_ascii());
    }
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), 107);
    assert_eq!(header(longest.as_bytes()), Some(Header::Unknown));
}

#[test]
fn version_2() {
    assert_eq!(header(&second(0x21, 0x11, V4)), client("192.0.2.1:4711", "192.0.2.2:25"));
    let more = [V4, &[0x04, 0, 3, 1, 2, 3]].concat();
    assert_eq!(header(&second(0x21, 0x11, &more)), client("192.0.2.1:4711", "192.0.2.2:25"));
    let v6 = [&[0; 15][..], &[1], &[0; 15], &[2], &[0, 7, 0, 25]].concat();
    assert_eq!(header(&second(0x21, 0x21, &v6)), client("[::1]:7", "[::2]:25"));
    assert_eq!(header(&second(0x20, 0x00, b"")), Some(Header::Local));
    assert_eq!(header(&second(0x20, 0x11, V4)), Some(Header::Local));
    // The family is ignored, and so is how much stands there.
    assert_eq!(header(&second(0x20, 0x11, b"")), Some(Header::Local));
    assert_eq!(header(&second(0x20, 0xff, b"?")), Some(Header::Local));
    assert_eq!(header(&second(0x21, 0x00, b"")), Some(Header::Unknown));
    assert_eq!(header(&second(0x21, 0x31, &[0; 216])), Some(Header::Unknown));
}

#[test]
fn what_is_no_header() {
    for bad in [
        &b"EHLO client.example\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 -1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 +1\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nEHLO x\r\n",
        b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        b" PROXY UNKNOWN\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
    ] {
        assert_eq!(header(bad), None, "{}", bad.escape_ascii());
    }
    for bad in [
        second(0x11, 0x11, V4),
        second(0x2f, 0x11, V4),
        second(0x21, 0x11, &V4[..11]),
        second(0x21, 0x21, V4),
        second(0x21, 0xff, V4),
        second(0x21, 0x11, &[0; 2000]),
    ] {
        assert_eq!(header(&bad), None, "{}", bad.escape_ascii());
    }
    for len in [92, 93, 200] {
        let long = [&b"PROXY UNKNOWN "[..], &vec![b'x'; len], b"\r\n"].concat();
        assert_eq!(header(&long), None, "{}", long.len());
    }
}

#[test]
fn a_stream_that_ends_is_none() {
    let whole = second(0x21, 0x11, V4);
    for len in 0..whole.len() {
        assert!(Preamble::new().read(&mut &whole[..len]).is_err(), "{len}");
    }
    assert_eq!(Preamble::new().filled(0), Err(Malformed));
}

proptest! {
    /// Nothing brings it down, and it never asks for nothing, nor for too much.
    #[test]
    fn noise(
        start in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n"]),
        noise in prop::collection::vec(any::<u8>(), 0..1200),
        piece in 1_usize..40,
    ) {
        let wire = [start, &noise].concat();
        let mut drip = Drip(&wire, piece);
        let mut preamble = Preamble::new();
        loop {
            let room = preamble.space().len();
            prop_assert!(room > 0 && room <= 1024);
            let n = drip.read(preamble.space()).unwrap();
            match preamble.filled(n) {
                Ok(None) => {}
                Ok(Some(_)) | Err(Malformed) => break,
            }
        }
    }
}
