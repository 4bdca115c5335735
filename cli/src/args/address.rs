//! Addresses as people write them, and what is said when they slip.

use std::str::FromStr;

use smtp_proto::address::{AddressError, ForwardPathBuf, ReversePathBuf};

/// A reverse-path, with or without angle brackets.
pub(super) fn reverse_path(text: &str) -> Result<ReversePathBuf, String> {
    path(text)
}

/// A forward-path, with or without angle brackets.
pub(super) fn forward_path(text: &str) -> Result<ForwardPathBuf, String> {
    path(text)
}

fn path<P: FromStr<Err = AddressError>>(text: &str) -> Result<P, String> {
    text.parse()
        .map_err(|error: AddressError| hint(text).map_or_else(|| error.to_string(), str::to_owned))
}

fn hint(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let named = text.find('<').is_some_and(|at| at > 0) || text.ends_with(')');
    match text {
        "" => Some("the address is empty"),
        "<>" => None,
        _ if text.contains(", ") || text.matches('@').count() > 1 && text.contains(',') => {
            Some("write one address; the option may be repeated")
        }
        _ if named => Some("write only the address, without a name"),
        _ if !text.contains('@') => Some("there is no @"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_named() {
        for (text, error) in [
            ("", "the address is empty"),
            (" ", "the address is empty"),
            ("bob", "there is no @"),
            ("<bob>", "there is no @"),
            ("a@x.example,b@x.example", "write one address; the option may be repeated"),
            ("a@x.example, b@x.example", "write one address; the option may be repeated"),
            ("Bob <bob@example.org>", "write only the address, without a name"),
            ("\"Bob\" <bob@example.org>", "write only the address, without a name"),
            ("bob@example.org (Bob)", "write only the address, without a name"),
            ("a..b@example.org", "the local part is malformed"),
        ] {
            assert_eq!(reverse_path(text).unwrap_err(), error, "{text}");
            assert_eq!(forward_path(text).unwrap_err(), error, "{text}");
        }
        assert!(forward_path("<>").is_err() && reverse_path("<>").is_ok());
        assert!(forward_path("postmaster").is_ok() && forward_path("<b@x>").is_ok());
        assert!(reverse_path("\"a<b\"@example.org").is_ok());
    }
}
