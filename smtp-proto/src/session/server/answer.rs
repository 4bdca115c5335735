//! Answers: the application's, and those that the session gives itself.

use super::{Asked, Closing, Context, Session, State, Transaction};
use crate::Sink;
use crate::reply::{
    EnhancedCode, Extension, Known, Positive, REPLY_LINE, Refusal, ReplyCode, known, put_codes,
};

impl Session {
    /// Answers what is asked with yes. `with` takes the place of the usual reply; in the greeting
    /// its text stands behind the host name, and EHLO and DATA do not look at it.
    pub fn accept<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        with: Option<Positive<'_>>,
        out: &mut S,
    ) {
        let Some(asked) = self.asked.take() else { return };
        let usual = match asked {
            Asked::Greet => {
                self.state = State::Greeted;
                return self.greet(cx, with, out);
            }
            Asked::Hello(protocol) => {
                self.state = State::Ready;
                self.protocol = protocol;
                if protocol.is_extended() {
                    self.offer(cx, out);
                } else {
                    self.say_host(cx, (250, None, "hello"), out);
                }
                return;
            }
            Asked::Data(transaction) => {
                self.state = State::Data(transaction);
                out.put(b"354 end data with <CR><LF>.<CR><LF>\r\n");
                return;
            }
            Asked::Chunk(transaction, chunk) => {
                self.state = State::Chunk(transaction, chunk);
                self.swallow = 0;
                return;
            }
            Asked::Mail(transaction) => {
                self.state = State::Open(transaction);
                known!(250, "2.1.0", "reverse-path taken")
            }
            Asked::Rcpt(transaction) => {
                let recipients = transaction.recipients.saturating_add(1);
                self.state = State::Open(Transaction { recipients, ..transaction });
                known!(250, "2.1.5", "recipient taken")
            }
            Asked::Message(transaction, number) => {
                (self.errors, self.junk) = (0, 0);
                let usual = known!(250, "2.0.0", "message taken");
                self.say(cx, with, usual, transaction.utf8, out);
                let code = with.map_or(usual.code, |positive| positive.code());
                return self.judged(cx, (transaction, number), code, out);
            }
            Asked::Verify | Asked::Expand => {
                known!(252, "2.5.0", "will take mail for it and try to deliver")
            }
            Asked::StartTls => {
                self.state = State::Tls { greet: false };
                known!(220, "2.0.0", "ready to start TLS")
            }
            Asked::Auth | Asked::AuthResponse => {
                self.state = State::Ready;
                self.authenticated = true;
                known!(235, "2.7.0", "authenticated")
            }
            Asked::Etrn => known!(250, "2.0.0", "queuing started"),
            Asked::Xclient { login } => return self.begin_again(login),
            Asked::Xforward => known!(250, "2.0.0", "noted"),
            Asked::Aborted(_) => return,
        };
        self.say(cx, with, usual, self.protocol().is_utf8(), out);
    }

    /// The application's words, or the usual ones.
    fn say<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        with: Option<Positive<'_>>,
        usual: Known,
        utf8: bool,
        out: &mut S,
    ) {
        match with {
            Some(positive) => self.write(cx, positive, utf8, out),
            None => usual.put(out, cx.has(Extension::EnhancedStatusCodes)),
        }
    }

    /// Answers what is asked with no. 421 ends the session behind the reply.
    pub fn reject<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        let Some(asked) = self.asked.take() else { return };
        let utf8 = self.protocol().is_utf8();
        let is_last = refusal.code().get() == 421;
        match asked {
            Asked::Greet => self.state = State::Refused,
            Asked::Data(_) => self.state = State::Ready,
            Asked::Chunk(transaction, chunk) => {
                if chunk.last && !is_last {
                    self.refuse_others(cx, transaction.recipients, refusal, out);
                }
                self.refuse_chunks(chunk.last);
            }
            Asked::Message(transaction, number) => {
                return self.refuse_message(cx, (transaction, number), refusal, out);
            }
            Asked::Mail(_) if !is_last => {
                self.void = Some(0);
                return self.fruitless(cx, refusal, out);
            }
            Asked::Rcpt(_) if !is_last => return self.over(cx, refusal, out),
            Asked::Mail(_) | Asked::Rcpt(_) | Asked::Hello(_) => {}
            Asked::Auth | Asked::AuthResponse if !is_last => {
                self.state = State::Ready;
                return self.auth_failed(cx, refusal, out);
            }
            Asked::Auth | Asked::AuthResponse | Asked::StartTls | Asked::Etrn => {}
            Asked::Verify | Asked::Expand | Asked::Xclient { .. } | Asked::Xforward => {}
            Asked::Aborted(_) => return,
        }
        // Only as much of this is put up with as of any other that brings no mail nearer.
        let fruitless = matches!(asked, Asked::StartTls | Asked::Data(_) | Asked::Chunk(..));
        if fruitless && !is_last && self.is_junk_spent(cx) {
            return self.give_up(cx, Closing::TooManyErrors, out);
        }
        // RFC 2034 section 4: the greeting carries no enhanced status code.
        let enhanced = !matches!(asked, Asked::Greet) && cx.has(Extension::EnhancedStatusCodes);
        refusal.encode(out, enhanced, utf8);
        if is_last {
            self.close(Closing::Refused);
        }
    }

    /// XCLIENT was taken: the session is that of another client, from the greeting on.
    fn begin_again(&mut self, login: bool) {
        let Session { errors, junk, security, bound, .. } = *self;
        let again = Session { errors, junk, security, trusted: true, ..Session::new() };
        *self = Session { authenticated: login, bound, ..again };
    }

    /// Takes note that the application has seen what it was told.
    pub fn noted(&mut self) {
        if let Some(Asked::Aborted(_)) = self.asked {
            self.asked = None;
        }
    }

    fn offer<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if self.write_offer(cx, out).is_err() {
            out.put(b"421 this server does not know its own name\r\n");
            self.close(Closing::Refused);
        }
    }

    fn greet<S: Sink + ?Sized>(&self, cx: &Context<'_>, with: Option<Positive<'_>>, out: &mut S) {
        let text = match with.map(|positive| positive.text()) {
            Some(crate::reply::ReplyText::Line(line)) => line,
            _ if cx.settings.lmtp => "LMTP ready",
            _ => "ESMTP ready",
        };
        // Before MAIL nobody has asked for UTF-8 (RFC 6531 section 3.7.4), and the host name takes
        // of the line what a text alone may have.
        let room = REPLY_LINE.saturating_sub("220  \r\n".len() + cx.hostname.len());
        out.put(b"220 ");
        out.put(cx.hostname.as_bytes());
        out.put(b" ");
        match text.get(..room.min(text.len())) {
            Some(text) if text.is_ascii() => out.put(text.as_bytes()),
            _ => {
                for character in text.chars().take(room) {
                    let octet = u8::try_from(character).ok().filter(u8::is_ascii);
                    out.put(&[octet.unwrap_or(b'?')]);
                }
            }
        }
        out.put(b"\r\n");
    }

    pub(super) fn write<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        positive: Positive<'_>,
        utf8: bool,
        out: &mut S,
    ) {
        positive.encode(out, cx.has(Extension::EnhancedStatusCodes), utf8);
    }

    pub(super) fn refuse<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        utf8: bool,
        out: &mut S,
    ) {
        refusal.encode(out, cx.has(Extension::EnhancedStatusCodes), utf8);
    }

    /// Refuses a command that is in error, or ends the session when there were too many.
    pub(super) fn fault<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        if self.is_spent(cx) {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.refuse(cx, refusal, false, out);
        }
    }

    /// Answers a command that brings no mail nearer; past the limit it counts as an error.
    pub(super) fn junk<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, reply: Known, out: &mut S) {
        if self.is_junk_spent(cx) {
            return self.give_up(cx, Closing::TooManyErrors, out);
        }
        reply.put(out, cx.has(Extension::EnhancedStatusCodes));
    }

    /// Refuses what is no error of the client's, and yet brings no mail nearer.
    pub(super) fn fruitless<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        if self.is_junk_spent(cx) {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.refuse(cx, refusal, false, out);
        }
    }

    pub(super) fn is_junk_spent(&mut self, cx: &Context<'_>) -> bool {
        self.junk = self.junk.saturating_add(1);
        self.junk > cx.settings.limits.junk && self.is_spent(cx)
    }

    fn is_spent(&mut self, cx: &Context<'_>) -> bool {
        self.errors = self.errors.saturating_add(1);
        self.errors > cx.settings.limits.errors
    }

    pub(super) fn give_up<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        closing: Closing,
        out: &mut S,
    ) {
        let text = match closing {
            Closing::NotSmtp => "this is an SMTP server",
            Closing::TooManyMessages => "no more messages in this session",
            _ => "too many errors",
        };
        self.say_host(cx, (421, Some((4, 7, 0)), text), out);
        self.close(closing);
    }

    /// A reply that begins with the host name (RFC 5321 section 4.2.3: 220, 221, 250, 421).
    pub(super) fn say_host<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        (code, enhanced, text): (u16, Option<(u8, u16, u16)>, &str),
        out: &mut S,
    ) {
        let Some(code) = ReplyCode::new(code) else { return };
        let enhanced = enhanced
            .filter(|_| cx.has(Extension::EnhancedStatusCodes))
            .and_then(|(class, subject, detail)| EnhancedCode::new(class, subject, detail));
        put_codes(out, code, b' ', enhanced);
        for part in [cx.hostname, " ", text, "\r\n"] {
            out.put(part.as_bytes());
        }
    }
}
