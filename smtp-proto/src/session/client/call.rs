//! What the caller has sent.

use super::state::{Chunks, State, Transaction};
use super::{CallError, ContentKind, Session};
use crate::Sink;
use crate::address::{ForwardPath, ReversePath};
use crate::command::{Body, Command, Keyword, MailParameters, Parameter, RcptParameters};
use crate::reply::Extension;
use crate::session::offered;

impl Session {
    /// Starts a transaction: MAIL. SIZE, PRDR and BODY=7BIT are left out where the server does not
    /// offer them; PRDR in LMTP too, which needs none.
    ///
    /// # Errors
    ///
    /// [`CallError`] if the server does not offer what this transaction needs; nothing is sent
    /// and another one may be tried.
    pub fn mail<S: Sink + ?Sized>(
        &mut self,
        reverse_path: ReversePath<'_>,
        parameters: MailParameters<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        let State::Ready = self.state else { return Ok(()) };
        if let Some(most) = self.extensions.limits().mail_max
            && self.mails_left() == Some(0)
        {
            return Err(CallError::TooManyTransactions(most));
        }
        if parameters.require_tls() && !self.secure {
            return Err(CallError::NeedsTls);
        }
        let is_optional = |parameter: &Parameter<'_>| match parameter.kind() {
            Some(Keyword::Size | Keyword::Prdr) => true,
            Some(Keyword::Body) => {
                parameter.value().is_some_and(|value| value.eq_ignore_ascii_case("7BIT"))
            }
            _ => false,
        };
        for parameter in parameters.iter().filter(|parameter| !is_optional(parameter)) {
            self.check_offered(&parameter)?;
        }
        let chunked = self.settings.chunking && self.extensions.contains(Extension::Chunking);
        let binary = parameters.body() == Some(Body::BinaryMime);
        if binary && !chunked {
            return Err(CallError::NeedsChunking);
        }
        if !reverse_path.is_ascii() && !parameters.smtp_utf8() {
            return Err(CallError::NeedsSmtpUtf8);
        }
        if let (Some(size), Some(limit)) = (parameters.size(), self.extensions.size())
            && limit > 0
            && size > limit
        {
            return Err(CallError::TooLarge(limit));
        }
        self.transactions = self.transactions.saturating_add(1);
        out.put(b"MAIL FROM:");
        reverse_path.encode(out);
        for parameter in parameters.iter() {
            let is_needed = parameter.kind() != Some(Keyword::Prdr) || self.has_prdr();
            if is_needed && offered::is_offered(&parameter, &self.extensions) {
                out.put(b" ");
                parameter.encode(out);
            }
        }
        out.put(b"\r\n");
        self.state = State::Open(Transaction {
            utf8: parameters.smtp_utf8(),
            each: parameters.prdr() && self.has_prdr(),
            chunked,
            binary,
            mail_due: true,
            ..Transaction::default()
        });
        Ok(())
    }

    /// Transactions that the server takes in this session yet, where it told how many (RFC 9422
    /// section 4.1).
    #[must_use]
    pub fn mails_left(&self) -> Option<u32> {
        let most = self.extensions.limits().mail_max?;
        Some(most.saturating_sub(self.transactions))
    }

    /// Names a recipient; its number is the count of those named before.
    ///
    /// # Errors
    ///
    /// [`CallError`] as for [`mail`](Session::mail); nothing is sent, the transaction goes on.
    pub fn rcpt<S: Sink + ?Sized>(
        &mut self,
        forward_path: ForwardPath<'_>,
        parameters: RcptParameters<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        for parameter in parameters.iter() {
            self.check_offered(&parameter)?;
        }
        let State::Open(transaction) = &mut self.state else { return Ok(()) };
        let ascii = forward_path.is_ascii() && parameters.is_ascii();
        if !ascii && !transaction.utf8 {
            return Err(CallError::NeedsSmtpUtf8);
        }
        if let Some(most) = self.extensions.limits().rcpt_max
            && transaction.sent >= most
        {
            return Err(CallError::TooManyRecipients(most));
        }
        Command::Rcpt { forward_path, parameters }.encode(out);
        transaction.sent += 1;
        Ok(())
    }

    /// Says that there are no more recipients. DATA follows, unless it is known already that
    /// nobody would profit.
    pub fn end_rcpt<S: Sink + ?Sized>(&mut self, out: &mut S) {
        let State::Open(transaction) = &mut self.state else { return };
        if transaction.ended {
            return;
        }
        transaction.ended = true;
        let unanswered = transaction.sent - transaction.answered;
        let wanted = transaction.accepted + unanswered > 0 && !transaction.mail_refused;
        if wanted && !transaction.chunked {
            Command::Data.encode(out);
            transaction.data_due = true;
        }
        self.settle(out);
    }

    /// Says that the transaction is to come to nothing: RSET follows what was sent.
    pub fn give_up<S: Sink + ?Sized>(&mut self, out: &mut S) {
        let State::Open(transaction) = &mut self.state else { return };
        if !transaction.ended {
            transaction.ended = true;
            transaction.given_up = true;
            self.settle(out);
        }
    }

    /// Says that the content, its end included, has been written.
    pub fn end_body(&mut self) {
        if let State::Body { each, accepted } = self.state {
            self.state = State::sent(self.settings.lmtp, each, accepted);
        }
    }

    /// Whether MAIL can ask for a reply for each recipient (draft-hall-prdr-00). LMTP has them
    /// without.
    #[must_use]
    pub fn has_prdr(&self) -> bool {
        self.extensions.contains(Extension::Prdr) && !self.settings.lmtp
    }

    /// Whether it is to ask for them in a transaction with more than one recipient.
    #[must_use]
    pub fn wants_prdr(&self) -> bool {
        self.settings.prdr && self.has_prdr()
    }

    pub(super) fn announced(&mut self) {
        if let State::MessageOrBlock { accepted } = self.state {
            self.state = State::Block { answered: 0, due: accepted };
        }
    }

    /// How the content goes that is being written.
    #[must_use]
    pub fn content(&self) -> ContentKind {
        match self.state {
            State::Chunks(Chunks { binary: true, .. }) => ContentKind::BinaryChunks,
            State::Chunks(_) | State::LostChunks(_) => ContentKind::Chunks,
            _ => ContentKind::Data,
        }
    }

    /// Announces a chunk of so many octets, which must follow at once.
    pub fn chunk<S: Sink + ?Sized>(&mut self, size: u64, last: bool, out: &mut S) {
        if let State::Chunks(chunks) = &mut self.state
            && !chunks.last_sent
        {
            Command::Bdat { size, last }.encode(out);
            chunks.sent += 1;
            chunks.last_sent = last;
            self.state = chunks.next(self.settings.lmtp);
        }
    }

    fn check_offered(&self, parameter: &Parameter<'_>) -> Result<(), CallError> {
        match offered::needed(parameter) {
            None => Err(CallError::UnknownParameter),
            Some(extension) if self.extensions.contains(extension) => Ok(()),
            Some(extension) => Err(CallError::NotOffered(extension)),
        }
    }
}
