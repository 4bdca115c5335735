//! Random addresses for the laws that tests hold parsers and encoders to.

extern crate std;

use std::{
    format,
    string::{String, ToString},
};

use proptest::prelude::*;

/// Text that comes near to being an address: most of it is none.
pub(crate) fn near_misses() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-c]{1,4}",
        6 => "[a-c.@\"\\\\<>:,_-]{1,4}",
        2 => Just("\"a b\"".to_string()),
        2 => "\\[(IPv6:)?[0-9a-f:.]{0,12}\\]",
        1 => "[ \t\r\n\0\u{7f}\u{85}\u{9f}]",
        1 => "[\u{a0}-\u{17f}\u{3002}\u{7528}\u{1f4e7}]{1,3}",
        1 => Just("postmaster".to_string()),
        1 => "a{60,70}",
    ];
    let some = prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat());
    prop::collection::vec(some, 1..4).prop_map(|parts| parts.join("@"))
}

/// A Domain, strict.
pub(crate) fn domain() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        6 => "[A-Za-z0-9]([A-Za-z0-9-]{0,12}[A-Za-z0-9])?",
        1 => "[a-z0-9\u{e0}-\u{ff}\u{4e00}-\u{4eff}]{1,8}",
        1 => "[a-z0-9]{63}",
    ];
    prop::collection::vec(label, 1..4)
        .prop_map(|labels| labels.join("."))
        .prop_filter("at most 180 octets", |domain| domain.len() <= 180)
}

/// A Domain or an address literal, strict.
pub(crate) fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => domain(),
        1 => any::<[u8; 4]>().prop_map(|ip| format!("[{}]", std::net::Ipv4Addr::from(ip))),
        1 => prop::array::uniform8(prop_oneof![Just(0_u16), any::<u16>()])
            .prop_map(|ip| format!("[IPv6:{}]", std::net::Ipv6Addr::from(ip))),
    ]
}

/// A Local-part of either form, strict.
pub(crate) fn local_part() -> impl Strategy<Value = String> {
    const ATOM: &str = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\u{e0}-\u{ff}\u{4e00}-\u{4eff}-]{1,6}";
    prop_oneof![
        2 => prop::collection::vec(ATOM, 1..4).prop_map(|atoms| atoms.join(".")),
        1 => "([ !#-\\[\\]-~\u{e0}-\u{ff}]|\\\\[ -~]){0,16}".prop_map(|text| format!("\"{text}\"")),
    ]
    .prop_filter("at most 64 octets", |local_part| local_part.len() <= 64)
}

/// A Mailbox, strict, of at most 254 octets.
pub(crate) fn mailbox() -> impl Strategy<Value = String> {
    (local_part(), host()).prop_map(|(local_part, host)| format!("{local_part}@{host}"))
}
