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

/// A value as JSON on one line, which means the same with what deceives in it escaped.
///
/// # Errors
///
/// As `serde_json::to_string`.
pub(crate) fn json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        let _ = if is_deceptive(character) {
            write!(out, "\\u{:04x}", u32::from(character))
        } else {
            out.write_char(character)
        };
    }
    Ok(out)
}

/// Controls, line and paragraph separators, and what turns the direction of writing around.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_without_what_deceives() {
        let text = "\u{9b}31m \u{7f}\u{202e}\u{61c} \u{1b} \"жук\" \n";
        let shown = json(&text).unwrap();
        assert!(!shown.contains(is_deceptive), "{shown}");
        assert!(shown.contains("\\u009b31m") && shown.contains("жук"), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }

    #[test]
    fn what_deceives_is_escaped_and_the_rest_is_not() {
        assert_eq!(
            plain("жук's \"250\"\u{1b}[2J\u{202e}\u{61c}\r"),
            "жук's \"250\"\\u{1b}[2J\\u{202e}\\u{61c}\\u{d}"
        );
    }
}
