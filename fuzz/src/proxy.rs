//! The PROXY header: however it is cut, it is the same, and nothing behind it is taken.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smtp_proxy_protocol::{Header, Malformed, Preamble};

use crate::{Choices, Cut};

/// Any octets in front of a session. Choices stand behind the first `|`, and there may be none.
pub fn proxy(input: &[u8]) {
    let mut parts = input.rsplitn(2, |byte| *byte == b'|');
    let last = parts.next().unwrap_or_default();
    let (wire, choices) = match parts.next() {
        Some(wire) => (wire, Choices { bytes: last, at: 0 }),
        None => (last, Choices { bytes: &[], at: 0 }),
    };
    let whole = gathered(wire, Cut::Whole);
    assert_eq!(gathered(wire, Cut::Pieces(choices)), whole);
    assert_eq!(gathered(wire, Cut::Pieces(Choices { bytes: &[], at: 0 })), whole);
    let mut rest = wire;
    let read = Preamble::new().read(&mut rest).ok();
    assert_eq!(read, whole.ok().map(|(header, _)| header), "as a stream");
    let Ok((header, taken)) = whole else {
        assert!(first(wire).is_none() && second(wire).is_none(), "{}", wire.escape_ascii());
        return;
    };
    assert_eq!(wire.len() - rest.len(), taken);
    // What is taken is the header as its documents have it.
    let expected = first(wire).or_else(|| second(wire));
    match expected {
        Some((told, len)) => {
            assert_eq!(len, taken);
            assert_eq!(told, header, "{}", wire.escape_ascii());
        }
        None => panic!("taken as {header:?}: {}", wire.escape_ascii()),
    }
    written(header);
}

/// The header, and how many octets it took; none if the stream ended before it did.
fn gathered(wire: &[u8], mut cut: Cut<'_>) -> Result<(Header, usize), Option<Malformed>> {
    let (mut preamble, mut rest) = (Preamble::new(), wire);
    loop {
        let piece = cut.piece(rest);
        let space = preamble.space();
        assert!(!space.is_empty(), "no room for what is wanted");
        assert!(space.len() <= 1024);
        let n = piece.len().min(space.len());
        let (Some(room), Some(part)) = (space.get_mut(..n), piece.get(..n)) else {
            return Err(None);
        };
        room.copy_from_slice(part);
        rest = rest.get(n..).unwrap_or_default();
        match preamble.filled(n) {
            Ok(Some(header)) => return Ok((header, wire.len() - rest.len())),
            Ok(None) => {}
            Err(_) if n == 0 => return Err(None),
            Err(malformed) => return Err(Some(malformed)),
        }
    }
}

/// Written by the book it is read again.
fn written(header: Header) {
    let Header::Client { source, destination } = header else { return };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let line = format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port());
    assert_eq!(gathered(line.as_bytes(), Cut::Whole), Ok((header, line.len())), "{line:?}");
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 4711 25` CRLF, in at most 107 octets.
fn first(wire: &[u8]) -> Option<(Header, usize)> {
    let end = wire.windows(2).position(|two| two == b"\r\n")?;
    let line = wire.get(..end).filter(|line| end + 2 <= 107 && !line.contains(&b'\n'))?;
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Some((Header::Unknown, end + 2));
    }
    let line = str::from_utf8(line).ok()?;
    let fields: Vec<&str> = line.split(' ').collect();
    let ["PROXY", family, from, to, source, destination] = fields[..] else { return None };
    let (from, to): (IpAddr, IpAddr) = match family {
        "TCP4" => (from.parse::<Ipv4Addr>().ok()?.into(), to.parse::<Ipv4Addr>().ok()?.into()),
        "TCP6" => (from.parse::<Ipv6Addr>().ok()?.into(), to.parse::<Ipv6Addr>().ok()?.into()),
        _ => return None,
    };
    let port = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let leading = text.len() > 1 && text.starts_with('0');
        text.parse::<u16>().ok().filter(|_| plain && !leading)
    };
    let source = SocketAddr::new(from, port(source)?);
    let destination = SocketAddr::new(to, port(destination)?);
    Some((Header::Client { source, destination }, end + 2))
}

/// Version 2: twelve octets that are no text, version and command, family, length, addresses.
fn second(wire: &[u8]) -> Option<(Header, usize)> {
    let rest = wire.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let [command, family, high, low, rest @ ..] = rest else { return None };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    let block = rest.get(..len).filter(|_| len <= 1024 - 16)?;
    let taken = wire.len() - rest.len() + len;
    // LOCAL: the family is ignored, and so is what stands there.
    if *command == 0x20 {
        return Some((Header::Local, taken));
    }
    let (transport, family) = (family & 15, family >> 4);
    let most = match family {
        0 => 0,
        1 => 12,
        2 => 36,
        3 => 216,
        _ => return None,
    };
    if *command != 0x21 || transport > 2 || block.len() < most {
        return None;
    }
    let (addresses, _) = block.split_at(most);
    let port = |octets: &[u8; 2]| u16::from_be_bytes(*octets);
    let header = match family {
        1 => {
            let (from, rest) = addresses.split_first_chunk::<4>()?;
            let (to, rest) = rest.split_first_chunk::<4>()?;
            let (source, rest) = rest.split_first_chunk::<2>()?;
            Header::Client {
                source: (Ipv4Addr::from(*from), port(source)).into(),
                destination: (Ipv4Addr::from(*to), port(rest.first_chunk()?)).into(),
            }
        }
        2 => {
            let (from, rest) = addresses.split_first_chunk::<16>()?;
            let (to, rest) = rest.split_first_chunk::<16>()?;
            let (source, rest) = rest.split_first_chunk::<2>()?;
            Header::Client {
                source: (Ipv6Addr::from(*from), port(source)).into(),
                destination: (Ipv6Addr::from(*to), port(rest.first_chunk()?)).into(),
            }
        }
        _ => Header::Unknown,
    };
    Some((header, taken))
}
