//! The rows once more with little data, for what is counted and not timed.

use super::{Contender, OURS, Per, Row, commands, data_in, data_out, encode, replies, sessions};
use crate::corpus::{self, Content};

/// Octets of mail data.
const OCTETS: usize = 100_000;

type Make = fn() -> Row;

/// Each made only when it is wanted.
pub const ROWS: [Make; 18] = [
    || row("a command of the session mix", corpus::session(), commands::whole()),
    || row("the same, in pieces of 8", corpus::session(), commands::pieces(8)),
    || row("the same, in pieces of 1", corpus::session(), commands::pieces(1)),
    || row("a command of the valid lines", corpus::valid(), commands::whole()),
    || row("a reply", corpus::REPLIES.map(<[u8]>::to_vec).to_vec(), replies::reply()),
    || row("an EHLO reply to extensions", vec![corpus::EHLO.to_vec()], replies::capabilities()),
    || row("encoding MAIL", nothing(), encode::mail()),
    || row("encoding RCPT", nothing(), encode::rcpt()),
    || row("encoding the EHLO reply", nothing(), encode::ehlo()),
    || row("a server session", nothing(), sessions::serving()),
    || row("a further message to the server", nothing(), ours(sessions::our_transactions())),
    || row("a client session", nothing(), sessions::sending()),
    || row("a further message from the client", nothing(), ours(sessions::our_deliveries())),
    || decoding("decoding 100 KB, 1 % dotted", Content::SomeDotted, data_in::READS[0]),
    || decoding("the same in reads of 1460", Content::SomeDotted, data_in::READS[1]),
    || decoding("decoding 100 KB, every line dotted", Content::EveryLineDotted, data_in::READS[0]),
    || encoding("encoding 100 KB, 1 % dotted", Content::SomeDotted),
    || encoding("encoding 100 KB, every line dotted", Content::EveryLineDotted),
];

fn row(name: &str, inputs: Vec<Vec<u8>>, contenders: Vec<Contender>) -> Row {
    Row::new(name, Per::Each("input"), inputs, contenders)
}

fn nothing() -> Vec<Vec<u8>> {
    vec![Vec::new()]
}

fn ours(work: impl FnMut(&[u8]) -> usize + 'static) -> Vec<Contender> {
    vec![Contender::new(OURS, work)]
}

fn decoding(name: &str, content: Content, read: usize) -> Row {
    row(name, vec![content.on_the_wire(OCTETS)], data_in::contenders(read))
}

fn encoding(name: &str, content: Content) -> Row {
    let content = content.plain(OCTETS);
    let contenders = data_out::contenders(&content, false);
    row(name, vec![content], contenders)
}
