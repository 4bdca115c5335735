//! Time, side by side: every row by every contender, in turns. With a word on the command line, only
//! the rows whose name holds it.

use std::io;

use smtp_benches::goals;
use smtp_benches::results::compare;
use smtp_benches::rows::{commands, data_in, data_out, encode, replies, sessions};
use smtp_benches::turns::Turns;

fn main() -> io::Result<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let turns = &mut Turns::new("compare");
    if turns.wants_all() {
        goals::forget();
    }
    let about = "Time to find the end of a command and parse it. mailin and samotop-parser go through \
        what is public: the session of the one, which refuses MAIL here and so stays where it is, and \
        the parser trait of the other.";
    compare(turns, "commands", about, commands::rows())?;
    let about = "Time to parse a reply, and the reply to EHLO into what is offered. mail-send reads \
        from a stream in memory with the parser of smtp-proto 0.2.5; of smtp-codec 0.2.0 it is \
        `Reply_line`, which gives octets. mailin, samotop-parser and mailrs-smtp-proto read no \
        replies; smtp-message does not look into the reply to EHLO.";
    compare(turns, "replies", about, replies::rows())?;
    let about = "Time to encode a value into a buffer that is used again; io-smtp uses its value up, \
        and mailrs-smtp-proto and io-smtp make a buffer of their own. smtp-proto 0.2.5 encodes no \
        commands, and its EHLO reply has five words more. Left out: mail-send writes a command and \
        waits for its reply under a timer in one call; mailin cannot be told what to offer; \
        samotop-parser encodes nothing.";
    compare(turns, "encode", about, encode::rows())?;
    let about = "10 MB of mail data, as it arrives in reads of so many octets: its end found and \
        dots taken off. Ours, smtp-message and mailin lend slices, smtp-proto 0.2.5 fills a buffer. \
        Ours looks for bare newlines too; the others do not.";
    compare(turns, "decode data", about, data_in::rows())?;
    let about = "10 MB of mail data to be sent: dots stuffed and the end written. Lent: into a stream \
        that only counts; gathered: into one buffer. lettre always gathers, and async-smtp reads \
        its content into a buffer first. Ours looks for bare newlines too; the others do not.";
    compare(turns, "encode data", about, data_out::rows())?;
    let about = "A whole session in memory, in lockstep: EHLO, MAIL, three RCPT, DATA with 4 KiB, \
        QUIT, buffers and all.";
    compare(turns, "sessions", about, sessions::rows())?;
    goals::summarise()
}
