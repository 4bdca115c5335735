//! What a peer said, so that it cannot look like something else on a terminal.

use std::fmt::Write as _;

/// The text with what deceives in it escaped.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let _ = if is_deceptive(character) {
            write!(out, "{}", character.escape_unicode())
        } else {
            out.write_char(character)
        };
    }
    out
}

/// Controls, line and paragraph separators, and what turns the direction of writing around.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_escaped_and_the_rest_is_not() {
        assert_eq!(
            plain("жук's \"250\"\u{1b}[2J\u{202e}\r"),
            "жук's \"250\"\\u{1b}[2J\\u{202e}\\u{d}"
        );
    }
}
