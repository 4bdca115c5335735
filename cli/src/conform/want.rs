//! What is wanted of a reply, as a check's row writes it.
//!
//! ```text
//! wants  = want *("," want)
//! want   = [count "*"] tokens ["/" tokens]     ; what passes, and what is risky
//! token  = (digits / "close" / "silence" / "noise") [":" look] ["$"]
//! ```
//!
//! Digits are a reply code or its first digits. `$` ends the script there: what comes behind it is
//! for the other case.

use super::look::Look;

/// What may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A reply whose code begins with these digits.
    Code(String),
    /// The end of the connection, without a reply.
    Close,
    /// Nothing.
    Silence,
    /// Octets that are no reply: a TLS alert where plain text was sent.
    Noise,
}

/// One thing that may come, and what else must be true of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) look: Option<Look>,
    pub(super) last: bool,
}

/// What is wanted of one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) pass: Vec<Token>,
    pub(super) risky: Vec<Token>,
}

/// Reads a column of wants.
pub(super) fn wants(text: &str) -> Vec<Want> {
    let each = text.split(',').map(str::trim).filter(|want| !want.is_empty());
    each.flat_map(|want| {
        let (count, want) = match want.split_once('*') {
            Some((count, want)) => (count.parse().unwrap_or(1), want),
            None => (1, want),
        };
        let (pass, risky) = want.split_once('/').unwrap_or((want, ""));
        let want = Want { pass: tokens(pass), risky: tokens(risky) };
        std::iter::repeat_n(want, count)
    })
    .collect()
}

fn tokens(text: &str) -> Vec<Token> {
    text.split_whitespace().map(token).collect()
}

fn token(word: &str) -> Token {
    let (word, last) = word.strip_suffix('$').map_or((word, false), |word| (word, true));
    let (what, look) = word.split_once(':').unwrap_or((word, ""));
    let what = match what {
        "close" => What::Close,
        "silence" => What::Silence,
        "noise" => What::Noise,
        code => What::Code(code.to_owned()),
    };
    Token { what, look: Look::named(look), last }
}

impl Want {
    /// For people: `501 or 5yz`.
    pub(super) fn describe(&self) -> String {
        let words: Vec<_> = self.pass.iter().map(|token| token.what.describe()).collect();
        words.join(" or ")
    }
}

impl What {
    fn describe(&self) -> String {
        match self {
            What::Code(digits) => {
                let open = match digits.len() {
                    1 => "yz",
                    2 => "z",
                    _ => "",
                };
                format!("{digits}{open}")
            }
            What::Close => "the end of the connection".to_owned(),
            What::Silence => "nothing".to_owned(),
            What::Noise => "a TLS alert".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read() {
        assert_eq!(wants("").len(), 0);
        let two = wants("501 5 / 250$, close");
        assert_eq!(two.len(), 2);
        assert_eq!(two[0].pass.len(), 2);
        assert_eq!(
            two[0].risky,
            [Token { what: What::Code("250".into()), look: None, last: true }]
        );
        assert_eq!(two[1].pass[0].what, What::Close);
        assert_eq!(wants("100*250").len(), 100);
        assert_eq!(wants("250:single")[0].pass[0].look, Some(Look::Single));
    }

    #[test]
    fn wants_are_told() {
        let told = |text| wants(text)[0].describe();
        assert_eq!(told("501 50 5 / 250"), "501 or 50z or 5yz");
        assert_eq!(told("close silence"), "the end of the connection or nothing");
    }
}
