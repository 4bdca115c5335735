//! Sessions as spans, and what happens in them as events.

use std::fmt;

use smtp_codec::{Note, Side};
use tracing::{Span, debug, field, info, info_span, trace};

/// A session has begun, in the span that its caller is in.
pub(crate) fn begun(side: Side, id: u64, peer: Option<&str>) -> Span {
    info_span!(target: "smtp", "smtp", side = side.name(), id, peer = peer.map(field::display))
}

pub(crate) fn note(span: &Span, note: &Note<'_>) {
    match *note {
        Note::Sent(line) => trace!(target: "smtp", parent: span, line = %Line(line), "sent"),
        Note::Received(line) => {
            trace!(target: "smtp", parent: span, line = %Line(line), "received")
        }
        Note::Secured => info!(target: "smtp", parent: span, "tls"),
        Note::Auth(code) => info!(target: "smtp", parent: span, code = code.get(), "auth"),
        Note::Begun => debug!(target: "smtp", parent: span, "transaction"),
        Note::Recipient(code) => {
            debug!(target: "smtp", parent: span, code = code.get(), "recipient")
        }
        Note::Message { code, octets } => {
            info!(target: "smtp", parent: span, code = code.get(), octets, "message");
        }
        Note::Abandoned => debug!(target: "smtp", parent: span, "abandoned"),
        Note::InDoubt => info!(target: "smtp", parent: span, "in doubt"),
        Note::Closed { why, sent, received } => {
            info!(target: "smtp", parent: span, %why, sent, received, "closed");
        }
        // The last line of a reply has its code.
        _ => {}
    }
}

/// A line that may hold anything.
struct Line<'a>(&'a [u8]);

/// Controls, separators of lines, and what turns the direction of writing around.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(text) if !text.contains(is_deceptive) => f.write_str(text),
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}
