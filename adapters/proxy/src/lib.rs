//! The PROXY header, versions 1 and 2, that a load balancer puts before a session: who the client
//! is. It comes before the greeting, and before TLS.
//!
//! [`Preamble`] says how many octets it may be given next, and never takes one that belongs to what
//! follows. [`ppp`] parses what it has gathered.
//!
//! Whoever can connect can claim any address with such a header: expect one only from a load
//! balancer, and then insist on it.
//!
//! On tokio, before `Server::new`:
//!
//! ```text
//! let mut preamble = Preamble::new();
//! let header = loop {
//!     let n = stream.read(preamble.space()).await?;          // within a deadline
//!     if let Some(header) = preamble.filled(n)? {
//!         break header;
//!     }
//! };
//! ```

use std::io::Read;
use std::net::SocketAddr;
use std::{error, fmt, io};

use ppp::{v1, v2};

/// Who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header {
    /// The load balancer itself speaks, to see whether the server is well.
    Local,
    /// The load balancer does not say: UNKNOWN, or a family that is no internet's.
    Unknown,
    /// A client.
    Client {
        /// The client's address and port.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
}

/// What came is no PROXY header, or none that is taken: drop the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what came first is no PROXY header that is taken")
    }
}

impl error::Error for Malformed {}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, malformed)
    }
}

/// The longest header of version 1, CRLF included.
const LINE: usize = 107;

/// What every header of version 2 begins with, and how long that is with the length behind it.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;

/// Version 2, and the command LOCAL.
const LOCAL: u8 = 0x20;

/// The longest header of version 2 that is taken, with what it holds beside addresses.
const MOST: usize = 1024;

/// The shortest header is that of version 1 with `UNKNOWN` and nothing behind it.
const LEAST: usize = "PROXY UNKNOWN\r\n".len();

/// Gathers a header.
///
/// ```
/// use smtp_proxy_protocol::{Header, Preamble};
///
/// let mut wire = &b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\nEHLO client.example\r\n"[..];
/// let mut preamble = Preamble::new();
/// let header = preamble.read(&mut wire)?;
/// let Header::Client { source, .. } = header else { panic!() };
/// assert_eq!(source.to_string(), "192.0.2.1:4711");
/// assert_eq!(wire, b"EHLO client.example\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Preamble {
    room: [u8; MOST],
    have: usize,
}

impl Default for Preamble {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Preamble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preamble").field("have", &self.have).finish()
    }
}

impl Preamble {
    /// Nothing gathered yet.
    #[must_use]
    pub const fn new() -> Self {
        Preamble { room: [0; MOST], have: 0 }
    }

    fn bytes(&self) -> &[u8] {
        self.room.get(..self.have).unwrap_or_default()
    }

    /// How many octets the header has at least, by what is there of it.
    fn least(&self) -> usize {
        let bytes = self.bytes();
        if bytes.len() < LEAST {
            return LEAST;
        }
        if !bytes.starts_with(SIGNATURE.get(..LEAST.min(SIGNATURE.len())).unwrap_or_default()) {
            // The line ends behind the next octet at the earliest.
            return bytes.len() + if bytes.ends_with(b"\r") { 1 } else { 2 };
        }
        match bytes.get(FIXED - 2..FIXED) {
            Some(&[high, low]) => FIXED + usize::from(u16::from_be_bytes([high, low])),
            _ => FIXED,
        }
    }

    /// Where to read into: no more than belongs to the header. Never empty while
    /// [`filled`](Preamble::filled) asks for more.
    pub fn space(&mut self) -> &mut [u8] {
        let least = self.least().max(self.have + 1).min(MOST);
        let have = self.have;
        self.room.get_mut(have..least).unwrap_or_default()
    }

    /// Takes note of `n` octets that were read into [`space`](Preamble::space); the header, once
    /// it is complete. 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// [`Malformed`], as soon as it is plain that this is no header.
    pub fn filled(&mut self, n: usize) -> Result<Option<Header>, Malformed> {
        if n == 0 {
            return Err(Malformed);
        }
        self.have = self.have.saturating_add(n).min(MOST);
        let bytes = self.bytes();
        if begins(bytes, SIGNATURE) {
            if bytes.len() < FIXED {
                return Ok(None);
            }
            let whole = self.least();
            return match self.have {
                _ if whole > MOST => Err(Malformed),
                have if have < whole => Ok(None),
                _ => second(bytes).map(Some),
            };
        }
        if !begins(bytes, b"PROXY ") {
            return Err(Malformed);
        }
        match bytes {
            _ if bytes.len() > LINE => Err(Malformed),
            [.., b'\r', b'\n'] => first(bytes).map(Some),
            _ if bytes.len() >= LINE || bytes.contains(&b'\n') => Err(Malformed),
            _ => Ok(None),
        }
    }

    /// Reads a whole header from a stream that blocks; the stream sees to deadlines.
    ///
    /// # Errors
    ///
    /// What the stream says; [`Malformed`] as `InvalidData`.
    pub fn read(&mut self, stream: &mut impl Read) -> io::Result<Header> {
        loop {
            let n = match stream.read(self.space()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if let Some(header) = self.filled(n)? {
                return Ok(header);
            }
        }
    }
}

/// Whether `bytes` begin with `start`, as far as there are any.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}

fn first(line: &[u8]) -> Result<Header, Malformed> {
    // Whatever stands behind UNKNOWN is ignored; ppp takes four words of text and no more.
    if line == b"PROXY UNKNOWN\r\n" || line.starts_with(b"PROXY UNKNOWN ") {
        return Ok(Header::Unknown);
    }
    // ppp reads +25 as a port.
    if line.contains(&b'+') {
        return Err(Malformed);
    }
    let header = v1::Header::try_from(line).map_err(|_| Malformed)?;
    Ok(match header.addresses {
        v1::Addresses::Unknown => Header::Unknown,
        v1::Addresses::Tcp4(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v1::Addresses::Tcp6(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
    })
}

fn second(bytes: &[u8]) -> Result<Header, Malformed> {
    // Whatever stands behind LOCAL is ignored, the family included; ppp looks at it.
    if bytes.get(SIGNATURE.len()) == Some(&LOCAL) {
        return Ok(Header::Local);
    }
    let header = v2::Header::try_from(bytes).map_err(|_| Malformed)?;
    Ok(match header.addresses {
        v2::Addresses::IPv4(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v2::Addresses::IPv6(it) => Header::Client {
            source: (it.source_address, it.source_port).into(),
            destination: (it.destination_address, it.destination_port).into(),
        },
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => Header::Unknown,
    })
}
