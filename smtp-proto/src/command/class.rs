//! Byte classes of command arguments, and the scan that cuts a token by them.

/// A letter or a digit: what an esmtp-keyword begins with.
pub(super) const ALPHANUMERIC: u8 = 1 << 0;
/// `esmtp-keyword`, RFC 5321 section 4.1.2: letters, digits, `-`.
pub(super) const KEYWORD: u8 = 1 << 1;
/// `esmtp-value`, RFC 5321 section 4.1.2 and RFC 6531 section 3.3: all but SP, `=`, controls.
pub(super) const VALUE: u8 = 1 << 2;
/// `xchar`, RFC 3461 section 4: visible ASCII but `+` and `=`.
pub(super) const XCHAR: u8 = 1 << 3;
/// `sasl-char`, RFC 4422 section 3.1, in either case; also the names of XCLIENT attributes.
pub(super) const NAME: u8 = 1 << 4;
/// `base64-char`, RFC 4954 section 8.
pub(super) const BASE64: u8 = 1 << 5;
/// `atext`, RFC 5322 section 3.2.3.
pub(super) const ATEXT: u8 = 1 << 6;
/// `DIGIT`, RFC 5234 appendix B.1.
pub(super) const DIGIT: u8 = 1 << 7;

const fn classes(byte: u8) -> u8 {
    let mut found = 0;
    if byte.is_ascii_alphanumeric() {
        found |= ALPHANUMERIC | KEYWORD | NAME | BASE64 | ATEXT;
    }
    if byte.is_ascii_digit() {
        found |= DIGIT;
    }
    if byte == b'-' {
        found |= KEYWORD | NAME;
    }
    if byte == b'_' {
        found |= NAME;
    }
    if byte == b'+' || byte == b'/' {
        found |= BASE64;
    }
    if byte.is_ascii_graphic() && byte != b'=' {
        found |= VALUE;
        if byte != b'+' {
            found |= XCHAR;
        }
    }
    if byte >= 0x80 {
        found |= VALUE;
    }
    if matches!(
        byte,
        b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~'
    ) {
        found |= ATEXT;
    }
    found
}

static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        #[expect(clippy::indexing_slicing, reason = "a u8 cannot leave a table of 256")]
        {
            table[byte as usize] = classes(byte);
        }
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Whether `byte` is in one of `classes`.
pub(super) fn is(byte: u8, classes: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|found| found & classes != 0)
}

/// Cuts `text` behind its longest start of bytes in `classes`: (that start, the rest).
pub(super) fn span(text: &str, classes: u8) -> (&str, &str) {
    let len = text.bytes().position(|b| !is(b, classes)).unwrap_or(text.len());
    text.split_at_checked(len).unwrap_or(("", text))
}

/// Whether every byte of `text` is in one of `classes`.
pub(super) fn all(text: &str, classes: u8) -> bool {
    text.bytes().all(|b| is(b, classes))
}

/// Four ASCII letters, digits or hyphens as one upper-case number, to be matched at once.
///
/// Clearing bit 5 maps lower-case letters to upper-case ones and only these: what else lands on a
/// letter is a letter.
pub(super) const fn quad(four: [u8; 4]) -> u32 {
    u32::from_be_bytes(four) & 0xdfdf_dfdf
}
