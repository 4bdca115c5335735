//! Mail data as it arrives: its end found, stuffed dots taken off. Ours also looks for bare
//! newlines; nobody else does.
//!
//! The wire is one slice of memory and each read makes more of it visible, as if it were read
//! behind what is left in a receive buffer. So whoever takes slices copies nothing.

use std::hint::black_box;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use futures::AsyncReadExt;
use mailin::{Action, Handler, SessionBuilder};
use memchr::memchr;
use registry_smtp_proto::request::receiver::DataReceiver;
use smtp_codec::{Decoder, Piece};
use smtp_message::{DataUnescaper, EscapedDataReader};
use smtp_proto::session::BareNewline;

use super::memory::{Memory, now};
use super::{Contender, MAILIN, MEMCPY, OURS, Per, Row, SMTP_MESSAGE, SMTP_PROTO};
use crate::corpus::Content;

const OCTETS: usize = 10_000_000;

/// The sizes of the reads.
pub const READS: [usize; 2] = [16 * 1024, 1460];

pub fn rows() -> Vec<Row> {
    let rows = Content::ALL.into_iter().flat_map(|content| {
        READS.map(|read| {
            let name = format!("decode DATA, {}, reads of {read}", content.name());
            let wire = content.on_the_wire(OCTETS);
            let per = Per::Octets(wire.len());
            Row::new(&name, per, vec![wire], contenders(read))
                .expecting(content.plain(OCTETS).len())
        })
    });
    rows.collect()
}

/// Each says how many octets of content there were.
pub fn contenders(read: usize) -> Vec<Contender> {
    vec![
        Contender::new(OURS, move |wire| ours(wire, read)),
        Contender::new(SMTP_PROTO, registry(read)),
        Contender::new(SMTP_MESSAGE, smtp_message(read)),
        Contender::new(MAILIN, move |wire| mailin(wire, read)),
        Contender::new(MEMCPY, memcpy(read)),
    ]
}

/// It lends slices.
pub fn ours(wire: &[u8], read: usize) -> usize {
    let mut decoder = Decoder::new(BareNewline::Reject);
    let (mut from, mut to, mut content) = (0, 0, 0);
    loop {
        match decoder.next(&wire[from..to]) {
            Piece::Run { skip, len } => {
                black_box(&wire[from + skip..from + skip + len]);
                content += len;
                from += skip + len;
            }
            Piece::Incomplete if to < wire.len() => to = wire.len().min(to + read),
            Piece::End { .. } => return content,
            Piece::Bare { .. } | Piece::Literal { .. } | Piece::Incomplete => return 0,
        }
    }
}

/// It appends the content to a buffer.
fn registry(read: usize) -> impl FnMut(&[u8]) -> usize {
    let mut content = Vec::new();
    move |wire| {
        content.clear();
        let mut receiver = DataReceiver::new();
        let ended = wire.chunks(read).any(|piece| receiver.ingest(&mut piece.iter(), &mut content));
        if ended { black_box(&content).len() } else { 0 }
    }
}

/// It reads into a buffer, finds the end, and takes the dots off in place.
fn smtp_message(read: usize) -> impl FnMut(&[u8]) -> usize {
    let (mut behind, mut buffer) = (vec![0; read], vec![0; read + 4]);
    move |wire| {
        let memory = Memory::new(wire).in_reads_of(read);
        let mut reader = EscapedDataReader::new(&mut behind, 0..0, memory);
        let mut unescaper = DataUnescaper::new(true);
        let (mut kept, mut content) = (0, 0);
        loop {
            match now(reader.read(&mut buffer[kept..])) {
                Some(Ok(0)) => break,
                Some(Ok(n)) => {
                    let result = unescaper.unescape(&mut buffer[..kept + n]);
                    content += black_box(&buffer[..result.written]).len();
                    buffer.copy_within(result.unhandled_idx..kept + n, 0);
                    kept = kept + n - result.unhandled_idx;
                }
                _ => return 0,
            }
        }
        if reader.is_finished() { content } else { 0 }
    }
}

/// It wants lines, and lends them to its handler.
fn mailin(wire: &[u8], read: usize) -> usize {
    let mut content = 0;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut session =
        SessionBuilder::new("mx.example.org").build(address, Counting { octets: &mut content });
    for line in ["EHLO c.example\r\n", "MAIL FROM:<a@b.c>\r\n", "RCPT TO:<a@b.c>\r\n", "DATA\r\n"] {
        session.process(line.as_bytes());
    }
    let (mut from, mut seen) = (0, 0);
    let mut ended = false;
    while seen < wire.len() {
        let to = wire.len().min(seen + read);
        while let Some(at) = memchr(b'\n', &wire[seen..to]) {
            seen += at + 1;
            ended = session.process(&wire[from..seen]).action == Action::Reply;
            from = seen;
        }
        seen = to;
    }
    drop(session);
    if ended { content } else { 0 }
}

struct Counting<'a> {
    octets: &'a mut usize,
}

impl Handler for Counting<'_> {
    fn data(&mut self, content: &[u8]) -> io::Result<()> {
        *self.octets += black_box(content).len();
        Ok(())
    }
}

/// The limit: the same pieces into one buffer that has room for all.
fn memcpy(read: usize) -> impl FnMut(&[u8]) -> usize {
    let mut whole = Vec::new();
    move |wire| {
        whole.clear();
        for piece in wire.chunks(read) {
            whole.extend_from_slice(black_box(piece));
        }
        black_box(&whole).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_find_the_same_content() {
        for kind in Content::ALL {
            let (content, wire) = (kind.plain(20_000), kind.on_the_wire(20_000));
            for read in READS {
                for mut contender in contenders(read) {
                    if contender.who != MEMCPY {
                        assert_eq!(
                            (contender.work)(&wire),
                            content.len(),
                            "{contender:?} {kind:?}"
                        );
                    }
                }
            }
        }
    }
}
