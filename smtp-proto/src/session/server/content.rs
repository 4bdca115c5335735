//! The content of a message: how much of it is seen, where it ends, and what becomes of chunks.

use super::{Abort, Asked, Chunk, Closing, Context, Session, State, Transaction};
use crate::Sink;
use crate::command::Command;
use crate::reply::{Extension, Refusal, known};

/// A chunk below this, in octets, is a small one.
const SMALL_CHUNK: u64 = 1024;

impl Session {
    /// Takes note that `len` more octets of content came; how many of them the application is to
    /// see is returned.
    pub fn content(&mut self, cx: &Context<'_>, len: u64) -> u64 {
        let transaction = match &mut self.state {
            State::Data(transaction) => transaction,
            State::Chunk(transaction, chunk) => {
                chunk.left = chunk.left.saturating_sub(len);
                transaction
            }
            _ => return 0,
        };
        let left = cx.max_size().map_or(u64::MAX, |max| max.saturating_sub(transaction.size));
        transaction.size = transaction.size.saturating_add(len);
        if transaction.abort.is_some() {
            return 0;
        }
        if len > left {
            self.abort(Abort::TooLarge);
        }
        len.min(left)
    }

    /// Takes note that the content cannot become a message; its end is still awaited.
    pub fn abort(&mut self, abort: Abort) {
        if let State::Data(transaction) | State::Chunk(transaction, _) = &mut self.state
            && transaction.abort.is_none()
        {
            transaction.abort = Some(abort);
            self.asked = Some(Asked::Aborted(abort));
        }
    }

    /// Takes note of the end of the mail data.
    pub fn end_of_data<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if let State::Data(transaction) = self.state {
            self.judge(cx, transaction, out);
        }
    }

    /// Takes note of the end of a chunk.
    pub fn end_of_chunk<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        match self.state {
            State::Chunk(transaction, Chunk { last: true, .. }) => {
                self.judge(cx, transaction, out);
            }
            State::Chunk(Transaction { abort: Some(abort), .. }, _) => {
                self.refuse_chunks(false);
                self.fruitless(cx, abort.refusal(), out);
            }
            State::Chunk(transaction, _) => {
                self.state = State::Chunks(transaction);
                known!(250, "2.0.0", "chunk taken")
                    .put(out, cx.has(Extension::EnhancedStatusCodes));
            }
            _ => {}
        }
    }

    /// All of the content is there.
    fn judge<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, transaction: Transaction, out: &mut S) {
        let Some(abort) = transaction.abort else {
            self.state = State::Data(transaction);
            self.asked = Some(Asked::Message(transaction, 0));
            if transaction.has_block() {
                out.put(b"353 a reply for each recipient follows\r\n");
            }
            return;
        };
        self.state = State::Ready;
        self.refuse_others(cx, transaction.recipients, abort.refusal(), out);
        self.fruitless(cx, abort.refusal(), out);
    }

    /// RFC 2033 section 4.2: in LMTP the end of the content gets a reply for each recipient that
    /// was accepted. Writes all but the last.
    pub(super) fn refuse_others<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        recipients: u32,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        // The last is told at length.
        if cx.settings.lmtp {
            for _ in 1..recipients {
                self.refuse(cx, refusal.in_brief(), false, out);
            }
        }
    }

    /// Takes note that `n` octets of a chunk were thrown away.
    pub fn swallowed(&mut self, n: u64) {
        self.swallow = self.swallow.saturating_sub(n);
    }

    /// A chunk behind the first begins, or is there already because it is empty.
    pub(super) fn next_chunk<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        self.swallow = 0;
        let State::Chunk(transaction, Chunk { size: ..SMALL_CHUNK, last: false, left }) =
            &mut self.state
        else {
            return;
        };
        transaction.small = transaction.small.saturating_add(1);
        let too_many = transaction.small > cx.settings.limits.small_chunks;
        if too_many || (*left == 0 && self.is_junk_spent(cx)) {
            self.give_up(cx, Closing::TooManyErrors, out);
        }
    }

    /// A chunk was refused, and with it the transaction. Those that are under way behind it, up to
    /// the last, are not the client's fault (RFC 3030 section 2).
    pub(super) fn refuse_chunks(&mut self, last: bool) {
        self.state = State::Ready;
        self.void = (!last).then_some(0);
    }

    /// RCPT, DATA or BDAT behind what it needs and what was refused.
    pub(super) fn follow_up<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        command: &Command<'_>,
        out: &mut S,
    ) {
        let refusal = Refusal::known(503, (5, 5, 1), "the transaction was refused");
        let limits = &cx.settings.limits;
        let followed = self.void.unwrap_or(0).saturating_add(1);
        if let Command::Data | Command::Bdat { last: true, .. } = command {
            self.void = None;
            self.fruitless(cx, refusal, out);
        } else if followed > limits.recipients.saturating_add(limits.recipients_over) {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.void = Some(followed);
            self.refuse(cx, refusal, false, out);
        }
    }
}

impl Abort {
    const fn refusal(self) -> Refusal<'static> {
        match self {
            Abort::TooLarge => Refusal::known(552, (5, 3, 4), "message too large"),
            Abort::BareNewline => {
                Refusal::known(554, (5, 6, 0), "message with a bare CR or LF refused")
            }
        }
    }
}
