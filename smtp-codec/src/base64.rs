//! Octets as base64, as AUTH carries them (RFC 4954 section 4, RFC 4648 section 4).

use data_encoding::BASE64;
use smtp_proto::command::Base64;

/// The octets of a text that was checked when it was parsed.
pub(crate) fn decode(text: Base64<'_>) -> Vec<u8> {
    BASE64.decode(text.as_str().as_bytes()).unwrap_or_default()
}

/// The text of `octets`, padded.
pub(crate) fn encode(octets: &[u8]) -> String {
    BASE64.encode(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Else a response that the grammar lets through would reach the mechanism as nothing.
        #[test]
        fn what_the_grammar_takes_is_decoded(text in "[A-Za-z0-9+/]{0,24}={0,3}") {
            let decoded = BASE64.decode(text.as_bytes()).ok();
            prop_assert_eq!(Base64::parse(&text).map(decode), decoded);
        }

        #[test]
        fn octets_come_back(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = encode(&octets);
            prop_assert_eq!(Base64::parse(&text).map(decode), Some(octets));
        }
    }
}
