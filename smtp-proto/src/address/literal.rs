//! Address literals.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{
    AddressError,
    error::{Parsed, fault, whole},
};
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
    let literal = literal_octets(input.as_bytes())
        .and_then(|(literal, length)| Some((input.get(length..)?, literal)));
    literal.ok_or(fault(AddressError::Literal))
}

/// The same for octets; the length of what was taken comes back.
pub(super) fn literal_octets(input: &[u8]) -> Option<(AddressLiteral, usize)> {
    let (content, rest) = Class::DCONTENT.split_bytes(input.strip_prefix(b"[")?);
    rest.strip_prefix(b"]")?;
    let literal = match content.split_first_chunk::<5>() {
        Some((tag, ip)) if tag.eq_ignore_ascii_case(b"IPv6:") => AddressLiteral::V6(ipv6(ip)?),
        _ => AddressLiteral::V4(ipv4(content)?),
    };
    Some((literal, content.len() + 2))
}

/// `IPv4-address-literal = Snum 3("."  Snum)`; unlike in RFC 6943 section 3.1.1 a leading zero is
/// a digit like any other.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = text.split(|octet| *octet == b'.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = snum(parts.next()?)?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// ```text
/// IPv6-addr   = IPv6-full / IPv6-comp / IPv6v4-full / IPv6v4-comp     ; RFC 5321 section 4.1.3
/// IPv6-full   = IPv6-hex 7(":" IPv6-hex)
/// IPv6-comp   = [IPv6-hex *5(":" IPv6-hex)] "::" [IPv6-hex *5(":" IPv6-hex)]
/// IPv6v4-full = IPv6-hex 5(":" IPv6-hex) ":" IPv4-address-literal
/// IPv6v4-comp = [IPv6-hex *3(":" IPv6-hex)] "::"
///               [IPv6-hex *3(":" IPv6-hex) ":"] IPv4-address-literal
/// ```
///
/// `::` may stand for a single group. That of the standard library would do, but for leading zeros
/// in the IPv4-address-literal.
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups = [0_u16; 8];
    let (mut count, mut gap) = (0, None);
    let mut rest = text;
    if let [b':', b':', behind @ ..] = text {
        (gap, rest) = (Some(0), behind);
    }
    while !rest.is_empty() || gap != Some(count) {
        let digits = rest.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let (group, behind) = rest.split_at_checked(digits)?;
        if let [b'.', ..] = behind {
            let [a, b, c, d] = ipv4(rest)?.octets();
            for two in [[a, b], [c, d]] {
                *groups.get_mut(count)? = u16::from_be_bytes(two);
                count += 1;
            }
            break;
        }
        *groups.get_mut(count)? = hex(group)?;
        count += 1;
        rest = match behind {
            [] => break,
            [b':', b':', next @ ..] if gap.is_none() => {
                gap = Some(count);
                next
            }
            [b':', next @ ..] => next,
            _ => return None,
        };
    }
    match gap {
        None if count == groups.len() => {}
        Some(at) if count < groups.len() => {
            let moved = groups.len() - count;
            groups.get_mut(at..)?.rotate_right(moved);
        }
        _ => return None,
    }
    Some(groups.into())
}

/// `IPv6-hex = 1*4HEXDIG`
fn hex(digits: &[u8]) -> Option<u16> {
    if !(1..=4).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
        Some(number << 4 | digit)
    })
}

/// `Snum = 1*3DIGIT`
fn snum(digits: &[u8]) -> Option<u8> {
    if !(1..=3).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u8, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec;
    use std::vec::Vec;

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
            "[IPv6:1:2:3:4::5:6:7:8]",
            "[IPv6:::1:2:3:4:5:6:7:8]",
            "[IPv6:1:2:3:4:5:6:7:8::]",
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
        /// The library knows no leading zeros in the IPv4 part; there are none here.
        #[test]
        fn ipv6_is_that_of_the_standard_library(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "0", "1", "ab", "FFFF", "12345", "g", "", ":", ":", ":", ":", "::", ":1.2.3.4", "::1.2.3.4",
                ]),
                0..18,
            ),
        ) {
            let text = parts.concat();
            prop_assert_eq!(ipv6(text.as_bytes()), text.parse().ok(), "{}", text);
        }

        #[test]
        fn up_to_eight_groups_with_or_without_a_gap(
            groups: [u16; 8],
            from in 0..9_usize,
            less in prop::option::of(0..9_usize),
        ) {
            let text = |groups: &[u16]| {
                groups.iter().map(|group| std::format!("{group:x}")).collect::<Vec<_>>().join(":")
            };
            let (before, behind) = groups.split_at(from);
            let text = match less {
                None => text(&groups),
                Some(less) => {
                    std::format!("{}::{}", text(before), text(&behind[less.min(behind.len())..]))
                }
            };
            prop_assert_eq!(ipv6(text.as_bytes()), text.parse().ok(), "{}", text);
        }

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
