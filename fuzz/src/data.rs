//! Mail data: what the server makes of any octets, beside the plainest decoder; and any content
//! encoded, decoded again.

use smtp_codec::proto::session::BareNewline;
use smtp_codec::server::Config;
use smtp_codec::{Encoder, FoundBareNewline, Run};

use crate::server::Dialogue;
use crate::{Choices, Cut};

const ENVELOPE: &[u8] = b"EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
const YES: Choices<'static> = Choices { bytes: &[], at: 0 };

/// Any octets behind DATA, under each policy.
pub fn data_decoder(input: &[u8]) {
    let (choices, octets) = Choices::part(input);
    for policy in [BareNewline::Reject, BareNewline::Pass, BareNewline::Normalise] {
        let expected = decoded(octets, policy);
        for cut in [Cut::Whole, Cut::Pieces(choices), Cut::Pieces(YES)] {
            let received = received(octets, policy, cut);
            match &expected {
                Some(_) => assert_eq!(received, expected, "{policy:?}"),
                None => assert!(!matches!(received, Some(Some(_))), "a message without an end"),
            }
        }
    }
}

/// Any octets as content to be sent, under each policy.
pub fn data_encoder(input: &[u8]) {
    let (choices, octets) = Choices::part(input);
    for policy in [BareNewline::Reject, BareNewline::Pass, BareNewline::Normalise] {
        sent(octets, policy, choices);
    }
}

/// What came of the mail data: nothing yet, or a message, or a message that was void.
type Received = Option<Option<Vec<u8>>>;

fn received(octets: &[u8], policy: BareNewline, cut: Cut<'_>) -> Received {
    let config = Config::new("mx.example.org").expect("a host").bare_newline(policy);
    let wire = [ENVELOPE, octets].concat();
    Dialogue::run(&config, &wire, YES, cut).first
}

/// RFC 5321 section 4.5.2, in the plainest words.
pub(crate) fn decoded(octets: &[u8], policy: BareNewline) -> Received {
    let (raw, _) = split_end(octets)?;
    let mut content = Vec::new();
    let mut bare = false;
    for line in lines(raw) {
        let line = line.strip_prefix(b".").unwrap_or(line);
        let (text, end) = match line.strip_suffix(b"\r\n") {
            Some(text) => (text, &b"\r\n"[..]),
            None => (line, &b""[..]),
        };
        for byte in text {
            let newline = matches!(byte, b'\r' | b'\n');
            bare |= newline;
            match newline && policy == BareNewline::Normalise {
                true => content.extend_from_slice(b"\r\n"),
                false => content.push(*byte),
            }
        }
        content.extend_from_slice(end);
    }
    if bare && policy == BareNewline::Reject {
        return Some(None);
    }
    Some(Some(content))
}

/// The mail data in front of its end, and what stands behind.
pub(crate) fn split_end(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(behind) = octets.strip_prefix(b".\r\n") {
        return Some((b"", behind));
    }
    let at = octets.windows(5).position(|five| five == b"\r\n.\r\n")?;
    Some((octets.get(..at + 2)?, octets.get(at + 5..)?))
}

/// The lines, each with its CRLF.
fn lines(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        let (line, behind) = rest.split_at(at + 2);
        lines.push(line);
        rest = behind;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Content is written so that every decoder finds the same again, however it was cut.
fn sent(content: &[u8], policy: BareNewline, choices: Choices<'_>) {
    let whole = encoded(content, policy, Cut::Whole);
    assert_eq!(encoded(content, policy, Cut::Pieces(choices)), whole);
    assert_eq!(encoded(content, policy, Cut::Pieces(YES)), whole);
    let bare = lines(content).iter().any(|line| {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
    });
    let Ok(wire) = whole else {
        assert!(bare && policy == BareNewline::Reject);
        return;
    };
    assert!(!(bare && policy == BareNewline::Reject), "a bare newline was sent");
    let (_, behind) = split_end(&wire).expect("an end");
    assert!(behind.is_empty(), "an end inside the content");
    let mut expected = Vec::new();
    for line in lines(content) {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        for byte in text {
            match matches!(byte, b'\r' | b'\n') && policy == BareNewline::Normalise {
                true => expected.extend_from_slice(b"\r\n"),
                false => expected.push(*byte),
            }
        }
        if text.len() < line.len() {
            expected.extend_from_slice(b"\r\n");
        }
    }
    if !expected.is_empty() && !expected.ends_with(b"\r\n") {
        expected.extend_from_slice(b"\r\n");
    }
    // What is passed on bare has more dots than a strict decoder takes off again: one that knows
    // of no bare newlines finds the same content but for these.
    let decoder = if bare && policy == BareNewline::Pass { policy } else { BareNewline::Reject };
    let found = received(&wire, decoder, Cut::Whole).flatten().expect("a message");
    match bare && policy == BareNewline::Pass {
        true => assert!(found.len() >= expected.len()),
        false => assert_eq!(found, expected),
    }
}

fn encoded(
    content: &[u8],
    policy: BareNewline,
    mut cut: Cut<'_>,
) -> Result<Vec<u8>, FoundBareNewline> {
    let (mut encoder, mut wire, mut rest) = (Encoder::new(policy), Vec::new(), content);
    while !rest.is_empty() {
        let mut piece = cut.piece(rest);
        rest = rest.get(piece.len()..).unwrap_or_default();
        while let Some(run) = encoder.next(piece)? {
            let taken = match run {
                Run::Lent(bytes) => (wire.extend_from_slice(bytes), bytes.len()).1,
                Run::Written(bytes, taken) => (wire.extend_from_slice(bytes), taken).1,
            };
            piece = piece.get(taken..).expect("no more than there was");
        }
    }
    wire.extend_from_slice(encoder.finish()?);
    Ok(wire)
}
