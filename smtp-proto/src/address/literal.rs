//! Address literals.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    AddressError,
    error::{Parsed, fault, whole},
};
use crate::sink::{Fixed, Text};
use crate::syntax::Class;

/// A network address where a domain could stand.
///
/// ```text
/// address-literal      = "[" ( IPv4-address-literal / IPv6-address-literal /
///                              General-address-literal ) "]"      ; RFC 5321 section 4.1.3
/// IPv4-address-literal = Snum 3("."  Snum)
/// IPv6-address-literal = "IPv6:" IPv6-addr
/// Snum                 = 1*3DIGIT      ; 0 to 255
/// ```
///
/// No General-address-literal is registered, so all are refused; so are zone identifiers. `::` may
/// stand for a single group when read and never does when written.
///
/// ```
/// use smtp_proto::address::AddressLiteral;
///
/// let literal = AddressLiteral::parse("[ipv6:2001:DB8:0:0::1]").unwrap();
/// assert_eq!(literal.to_string(), "[IPv6:2001:db8::1]");
/// assert!(AddressLiteral::parse("[::1]").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressLiteral {
    /// `[192.0.2.1]`
    V4(Ipv4Addr),
    /// `[IPv6:2001:db8::1]`
    V6(Ipv6Addr),
}

impl AddressLiteral {
    /// The octets that the longest literal has when written.
    pub(super) const MAX_WRITTEN: usize = "[IPv6:]".len() + 39;

    /// Parses a whole text, brackets included.
    ///
    /// # Errors
    ///
    /// [`AddressError::Literal`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        whole(literal, text, AddressError::Literal)
    }

    /// The address.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        match self {
            AddressLiteral::V4(ip) => IpAddr::V4(ip),
            AddressLiteral::V6(ip) => IpAddr::V6(ip),
        }
    }
}

impl From<IpAddr> for AddressLiteral {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => AddressLiteral::V4(ip),
            IpAddr::V6(ip) => AddressLiteral::V6(ip),
        }
    }
}

impl fmt::Display for AddressLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressLiteral::V4(ip) => write!(f, "[{ip}]"),
            AddressLiteral::V6(ip) => write!(f, "[IPv6:{ip}]"),
        }
    }
}

/// `address-literal`: takes one at the start of the input and returns the rest.
pub(super) fn literal(input: &str) -> Parsed<'_, AddressLiteral> {
    let bracketed = input.strip_prefix('[').and_then(|inner| {
        let (content, rest) = Class::DCONTENT.split(inner);
        Some((rest.strip_prefix(']')?, content))
    });
    let (rest, content) = bracketed.ok_or(fault(AddressError::Literal))?;
    let address = match content.split_at_checked("IPv6:".len()) {
        Some((tag, ip)) if tag.eq_ignore_ascii_case("IPv6:") => ipv6(ip).map(AddressLiteral::V6),
        _ => ipv4(content).map(AddressLiteral::V4),
    };
    address.map(|address| (rest, address)).ok_or(fault(AddressError::Literal))
}

/// `IPv4-address-literal = Snum 3("."  Snum)`; unlike in RFC 6943 section 3.1.1 a leading zero is
/// a digit like any other.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.').map(snum);
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = parts.next()??;
    }
    parts.next().is_none().then(|| octets.into())
}

/// `IPv6-addr`, at whose end an IPv4-address-literal may stand.
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    let Some((groups, tail)) = text.rsplit_once(':').filter(|(_, tail)| tail.contains('.')) else {
        return text.parse().ok();
    };
    let mut room = [0; 45];
    let mut plain = Fixed::new(&mut room);
    let _ = fmt::write(&mut Text(&mut plain), format_args!("{groups}:{}", ipv4(tail)?));
    core::str::from_utf8(plain.finish().ok()?).ok()?.parse().ok()
}

/// `Snum = 1*3DIGIT`
fn snum(text: &str) -> Option<u8> {
    let digits = text.as_bytes();
    let plain = (1..=3).contains(&digits.len()) && Class::DIGIT.run(digits) == digits.len();
    plain.then_some(text)?.parse().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_families_are_taken_and_written_in_one_form() {
        for (text, written) in [
            ("[127.0.0.1]", "[127.0.0.1]"),
            ("[255.255.255.255]", "[255.255.255.255]"),
            ("[010.001.000.255]", "[10.1.0.255]"),
            ("[IPv6:::1]", "[IPv6:::1]"),
            ("[IPv6:::]", "[IPv6:::]"),
            ("[ipV6:2001:DB8::25:1]", "[IPv6:2001:db8::25:1]"),
            ("[IPv6:::ffff:1.2.3.4]", "[IPv6:::ffff:1.2.3.4]"),
            ("[IPv6:1:2:3:4:5:6:1.2.3.4]", "[IPv6:1:2:3:4:5:6:102:304]"),
            ("[IPv6:1:2:3:4:5:6:7::]", "[IPv6:1:2:3:4:5:6:7:0]"),
            ("[IPv6:1::3:4:5:6:7:8]", "[IPv6:1:0:3:4:5:6:7:8]"),
            ("[IPv6:::ffff:001.02.3.004]", "[IPv6:::ffff:1.2.3.4]"),
            ("[IPv6:1:2:3:4:5:6:010.2.003.4]", "[IPv6:1:2:3:4:5:6:a02:304]"),
        ] {
            let literal = AddressLiteral::parse(text).unwrap();
            assert_eq!(literal.to_string(), written);
            assert_eq!(AddressLiteral::parse(written), Ok(literal));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "[",
            "]",
            "[]",
            "127.0.0.1",
            "[127.0.0.1",
            "127.0.0.1]",
            "[[127.0.0.1]]",
            "[::1]",
            "[IPv6::1]",
            "[IPv6:]",
            "[IPv6]",
            "[256.1.1.1]",
            "[1.2.3]",
            "[1.2.3.4.5]",
            "[1.2.3.]",
            "[1..2.3]",
            "[0001.2.3.4]",
            "[+1.2.3.4]",
            "[-1.2.3.4]",
            "[0x1.2.3.4]",
            "[ 1.2.3.4]",
            "[1.2.3.4 ]",
            "[\u{661}.2.3.4]",
            "[IPv6:1::2::3]",
            "[IPv6:zz::1]",
            "[IPv6:1:2:3]",
            "[IPv6:fe80::1%eth0]",
            "[IPv6:fe80::1%1]",
            "[IPv6:12345::]",
            "[IPv6:1:2:3:4:5:6:7:8:9]",
            "[IPv6:::256.1.1.1]",
            "[IPv6:::0001.1.1.1]",
            "[IPv6:::1.1.1]",
            "[IPv6:1.1.1.1]",
            "[IPv6:1:2:3:4:5:6:7:1.1.1.1]",
            "[IPv6: ::1]",
            "[IPv6-x:::1]",
            "[IPv4:1.2.3.4]",
            "[Gen:]",
            "[Gen-:x]",
            "[Gen:x]",
            "[1.2.3.4]x",
            "[1.2.3.4\r\n]",
            "[1.2.3.4\0]",
            "[1111:2222:3333:4444:5555:6666:7777:8888]",
            "[IP\u{e9}:x]",
        ] {
            assert_eq!(AddressLiteral::parse(text), Err(AddressError::Literal), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_survives_writing(ip: IpAddr) {
            let literal = AddressLiteral::from(ip);
            let text = literal.to_string();
            prop_assert!(text.len() <= AddressLiteral::MAX_WRITTEN);
            prop_assert_eq!(AddressLiteral::parse(&text), Ok(literal));
            prop_assert_eq!(literal.ip(), ip);
        }
    }
}
