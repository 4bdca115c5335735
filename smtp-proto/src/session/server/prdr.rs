//! The message is complete: what is said about it, once or for each recipient.
//!
//! RFC 2033 section 4.2 has LMTP answer for each recipient. PRDR (draft-hall-prdr-00) has SMTP do
//! so where MAIL asked for it: 353, a reply for each recipient that was accepted, and a last one
//! for the message as a whole. Where all share one fate the draft lets one reply do, which is
//! what a message to one recipient gets, and one that never came to be judged.

use super::{Asked, Closing, Context, Session, State, Transaction};
use crate::Sink;
use crate::reply::{Positive, Refusal, ReplyCode};

impl Transaction {
    /// Whether the replies for the recipients stand between 353 and a last reply.
    pub(super) const fn has_block(&self) -> bool {
        self.each && self.recipients > 1
    }

    fn with_verdict(mut self, code: ReplyCode) -> Self {
        self.verdicts.taken |= code.is_positive();
        self.verdicts.deferred |= code.is_transient();
        self.verdicts.refused |= code.is_permanent();
        self
    }
}

impl Session {
    /// The message was refused, for all recipients or for one of them.
    pub(super) fn refuse_message<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        (transaction, number): (Transaction, u32),
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        let is_421 = refusal.code().get() == 421;
        // Only as much of this is put up with as of any other that brings no mail nearer.
        let is_last = self.next(cx, &transaction, number).is_none() && !transaction.has_block();
        if is_last && !is_421 && !transaction.verdicts.taken && self.is_junk_spent(cx) {
            return self.give_up(cx, Closing::TooManyErrors, out);
        }
        self.refuse(cx, refusal, transaction.utf8, out);
        if !is_421 {
            return self.judged(cx, (transaction, number), refusal.code(), out);
        }
        // Whoever was told yes before is not to be left in doubt by the end of the session.
        if transaction.has_block() {
            for _ in number.saturating_add(1)..transaction.recipients {
                self.refuse(cx, refusal.in_brief(), transaction.utf8, out);
            }
            self.sum_up(cx, transaction.with_verdict(refusal.code()), out);
        }
        self.close(Closing::Refused);
    }

    /// There may be another recipient to judge the message for.
    pub(super) fn judged<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        (transaction, number): (Transaction, u32),
        code: ReplyCode,
        out: &mut S,
    ) {
        let transaction = transaction.with_verdict(code);
        if let Some(next) = self.next(cx, &transaction, number) {
            self.asked = Some(Asked::Message(transaction, next));
            return;
        }
        self.state = State::Ready;
        if transaction.has_block() {
            if !transaction.verdicts.taken && self.is_junk_spent(cx) {
                return self.give_up(cx, Closing::TooManyErrors, out);
            }
            self.sum_up(cx, transaction, out);
        }
    }

    /// Who is to be judged for behind recipient `number`, if each is.
    fn next(&self, cx: &Context<'_>, transaction: &Transaction, number: u32) -> Option<u32> {
        let next = number.saturating_add(1);
        let each = cx.settings.lmtp || transaction.each;
        (each && next < transaction.recipients).then_some(next)
    }

    /// Says what became of the message as a whole. A refusal here would take back what some
    /// recipients were told, so there is one only if nobody was told yes.
    fn sum_up<S: Sink + ?Sized>(&self, cx: &Context<'_>, transaction: Transaction, out: &mut S) {
        let verdicts = transaction.verdicts;
        if verdicts.taken {
            let text = match verdicts.refused || verdicts.deferred {
                true => "message taken for some recipients",
                false => "message taken",
            };
            self.write(cx, Positive::known(250, (2, 0, 0), text), false, out);
        } else if verdicts.deferred {
            let refusal =
                Refusal::known(450, (4, 0, 0), "message taken for no recipient, try later");
            self.refuse(cx, refusal, false, out);
        } else {
            let refusal = Refusal::known(550, (5, 0, 0), "message refused for all recipients");
            self.refuse(cx, refusal, false, out);
        }
    }
}
