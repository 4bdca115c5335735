//! A client for devices: no `std`, no allocator, buffers of a fixed size, over `embedded-io`.
//!
//! It shows how to drive the session of `smtp_proto` by hand: what it asks is answered, what it
//! says goes out as it is written, and each reply is handed to it whole. A device needs nothing but
//! a [`Link`]: a serial line, a modem, a socket of its network stack. It leaves out TLS, AUTH, and
//! content outside ASCII. `ci/no-alloc` links it without `std` and without an allocator.
//!
//! ```sh
//! cargo run -p smtp-examples --bin tiny-client -- 127.0.0.1:2525 a@example.net b@example.org < file
//! ```
#![no_std]

use core::time::Duration;

use embedded_io::{ErrorKind, Read, Write};
use smtp_proto::address::{ForwardPath, Host, ReversePath};
use smtp_proto::command::{MailParameters, RcptParameters};
use smtp_proto::reply::{Replies, Reply};
use smtp_proto::session::client::{Closing, ProtocolFault, Question, Session, Settings};
use smtp_proto::{Sink, Stage, Verdict};

/// The longest reply that is understood, in octets.
const ROOM: usize = 1024;

/// What the mail goes over. Reads and writes may take any time up to the deadline.
pub trait Link: Read + Write {
    /// Has what is read and written later than `time` from now fail with `TimedOut`.
    fn deadline(&mut self, time: Duration);
}

/// A line passes 998 octets or holds a CR or LF, or something is not ASCII. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// Sends a message, whose `lines` are without their ends, as the host `hello`. What became of it
/// for each recipient, and how the session ended.
///
/// # Errors
///
/// [`Unfit`] if it cannot be sent this way.
pub fn send<L: Link, const N: usize>(
    link: &mut L,
    hello: Host<'_>,
    from: ReversePath<'_>,
    to: [ForwardPath<'_>; N],
    lines: &[&str],
) -> Result<([Verdict; N], Closing), Unfit> {
    let is_fit = |line: &&str| line.len() <= 998 && line.is_ascii() && !line.contains(['\r', '\n']);
    if !from.is_ascii() || !to.iter().all(|path| path.is_ascii()) || !lines.iter().all(is_fit) {
        return Err(Unfit);
    }
    let mut settings = Settings::default();
    settings.chunking = false; // lines are easy to send by DATA
    settings.pipelining = false; // who writes here does not read meanwhile
    let (mut session, mut verdicts) = (Session::new(settings), [None; N]);
    let (mut room, mut named, mut begun) = ([0; ROOM], 0, false);
    let (mut replies, mut out) = (Replies::new(&mut room), Out { link, broken: None });
    let closing = loop {
        out.broken.take().into_iter().for_each(|closing| session.close(closing));
        if let Some(closing) = session.closing() {
            break closing;
        }
        if replies.is_empty() {
            out.link.deadline(session.patience()); // what drips in extends no wait
        }
        match session.asked() {
            Some(Question::Ready) if !begun => {
                begun = true; // if MAIL cannot be said here, QUIT is
                let _ = session.mail(from, MailParameters::EMPTY, &mut out);
            }
            Some(Question::WantRcpt) => match to.get(named) {
                Some(path) if session.rcpt(*path, RcptParameters::EMPTY, &mut out).is_ok() => {
                    named += 1;
                }
                _ => {
                    verdicts.iter_mut().skip(named).for_each(|v| *v = Some(Verdict::Deferred));
                    session.end_rcpt(&mut out);
                }
            },
            Some(Question::WantBody) => {
                for line in lines {
                    out.link.deadline(session.patience());
                    // One that begins with a dot gets another (RFC 5321 section 4.5.2).
                    out.put(if line.starts_with('.') { b"." } else { b"" });
                    out.put(line.as_bytes());
                    out.put(b"\r\n");
                }
                out.put(b".\r\n");
                if out.broken.is_none() {
                    session.end_body();
                }
            }
            Some(_) => session.quit(&mut out),
            None => match replies.reply() {
                Ok(Some(reply)) => {
                    session.reply(reply, hello, &mut out);
                    note(session.told(), reply, &mut verdicts);
                    session.noted();
                }
                Ok(None) => match out.link.flush().and_then(|()| out.link.read(replies.space())) {
                    Ok(0) => session.close(Closing::PeerGone),
                    Ok(n) => replies.filled(n),
                    Err(error) => session.close(why(error)),
                },
                Err(fault) => session.close(Closing::Protocol(ProtocolFault::Reply(fault))),
            },
        }
    };
    let lost = if session.in_doubt() { Verdict::Unknown } else { Verdict::Deferred };
    Ok((verdicts.map(|verdict| verdict.unwrap_or(lost)), closing))
}

/// For those about whom nothing was decided before.
fn note(told: Option<Question>, reply: Reply<'_>, verdicts: &mut [Option<Verdict>]) {
    let refuses = reply.code().is_transient() || reply.code().is_permanent();
    let (stage, which) = match told {
        Some(Question::Refused) => (Stage::Connect, None),
        Some(Question::Mail) if refuses => (Stage::Mail, None),
        Some(Question::Rcpt(number)) if refuses => (Stage::Rcpt, Some(number)),
        Some(Question::Data) if refuses => (Stage::Data, None),
        Some(Question::Done) => (Stage::Message, None),
        _ => return,
    };
    for (verdict, number) in verdicts.iter_mut().zip(0..) {
        if which.is_none_or(|which| which == number) {
            verdict.get_or_insert(Verdict::from_reply(stage, reply));
        }
    }
}

/// What the session says, on its way out.
struct Out<'l, L> {
    link: &'l mut L,
    broken: Option<Closing>,
}

impl<L: Link> Sink for Out<'_, L> {
    fn put(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.link.write_all(bytes).err().map(why);
        }
    }
}

fn why(error: impl embedded_io::Error) -> Closing {
    match error.kind() {
        ErrorKind::TimedOut => Closing::TimedOut,
        _ => Closing::PeerGone,
    }
}
