//! Where to listen and where to connect.

use std::fmt;
use std::net::Ipv6Addr;

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// A name or an address; IPv6 addresses without square brackets, as resolvers want them.
    pub(crate) host: String,
    /// The port; 0 lets the system choose one to listen on.
    pub(crate) port: u16,
}

impl Endpoint {
    /// `HOST:PORT`, to listen on.
    pub(crate) fn to_listen_on(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "write HOST:PORT, such as 127.0.0.1:2525 or [::1]:0";
        let (host, port) = split(text).ok_or(WANTED)?;
        Ok(Endpoint { host, port: number(port.ok_or(WANTED)?, WANTED)? })
    }

    /// `HOST[:PORT]`, to connect to. The port is 25 unless given.
    pub(crate) fn to_connect_to(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "write HOST or HOST:PORT, such as mx.example.org:25 or [::1]:2525";
        let (host, port) = split(text).ok_or(WANTED)?;
        match port.map_or(Ok(25), |port| number(port, WANTED))? {
            0 => Err("a server is not reached on port 0"),
            port => Ok(Endpoint { host, port }),
        }
    }
}

fn number(port: &str, wanted: &'static str) -> Result<u16, &'static str> {
    if port.is_empty() || !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wanted);
    }
    port.parse().map_err(|_| "the highest port is 65535")
}

/// Host and port, as they are written.
fn split(text: &str) -> Option<(String, Option<&str>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else if text.parse::<Ipv6Addr>().is_ok() {
        (text, None)
    } else if let Some((host, port)) = text.split_once(':') {
        (host, Some(port))
    } else {
        (text, None)
    };
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
    (!host.is_empty() && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_port_or_25() {
        for (text, shown) in [
            ("mx.example.org", "mx.example.org:25"),
            ("mx.example.org:587", "mx.example.org:587"),
            ("192.0.2.1", "192.0.2.1:25"),
            ("192.0.2.1:2525", "192.0.2.1:2525"),
            ("::1", "[::1]:25"),
            ("[::1]", "[::1]:25"),
            ("[2001:db8::1]:2525", "[2001:db8::1]:2525"),
        ] {
            assert_eq!(Endpoint::to_connect_to(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn malformed_endpoints_are_refused() {
        for text in [
            "",
            ":25",
            "host:",
            "host:0",
            "host:65536",
            "host:+25",
            "host:smtp",
            "a b",
            "[::1",
            "[::1]25",
            "[x]:25",
            "1:2:3",
            "smtp://host",
            "host\n",
        ] {
            assert!(Endpoint::to_connect_to(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_port_that_is_too_high_is_called_so() {
        for text in ["host:65536", "[::1]:99999", "192.0.2.1:99999999999999999999"] {
            assert_eq!(Endpoint::to_connect_to(text), Err("the highest port is 65535"));
            assert_eq!(Endpoint::to_listen_on(text), Err("the highest port is 65535"));
        }
    }

    #[test]
    fn listening_needs_a_port_and_may_leave_the_choice() {
        assert_eq!(Endpoint::to_listen_on("[::]:0").unwrap().to_string(), "[::]:0");
        for text in ["127.0.0.1", "2525", "::1"] {
            assert!(Endpoint::to_listen_on(text).is_err(), "{text:?}");
        }
    }
}
