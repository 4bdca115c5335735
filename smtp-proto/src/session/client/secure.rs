//! TLS and AUTH, from the client's side (RFC 3207, RFC 4954).

use super::state::State;
use super::{CallError, Closing, ProtocolFault, Question, Session};
use crate::Sink;
use crate::address::Host;
use crate::command::{Argument, Attributes, Base64, Command, Mechanism, Queue};
use crate::reply::{Extension, Extensions, Reply};
use crate::session::TlsPolicy;

/// Challenges of one exchange that are answered; behind them it is cancelled. No mechanism needs
/// more than a handful.
const CHALLENGES: u32 = 32;

/// RFC 4954 section 4: an initial response that makes the command longer than this must wait for
/// a challenge.
const COMMAND_LINE: usize = 512;

impl Session {
    /// Whether TLS is on.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the server knows who this is.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Says that there is no TLS on this transport. Where it is required, the session is over.
    pub fn without_tls(&mut self) {
        match self.settings.tls {
            TlsPolicy::Implicit => self.close(Closing::NoTls),
            TlsPolicy::Opportunistic => self.settings.tls = TlsPolicy::Never,
            TlsPolicy::Never | TlsPolicy::Required => {}
        }
        self.tls_absent = true;
    }

    /// Says that the handshake has succeeded. What was heard before it is forgotten (RFC 3207
    /// section 4.2), and EHLO is said anew.
    pub fn secured<S: Sink + ?Sized>(&mut self, hello: Host<'_>, out: &mut S) {
        let State::Tls { greet } = self.state else { return };
        self.secure = true;
        self.transactions = 0;
        self.extensions = Extensions::default();
        if greet {
            self.state = State::Greeting;
        } else {
            self.introduce(hello, out);
        }
    }

    /// Says that the handshake failed. Nothing more is said.
    pub fn tls_failed(&mut self) {
        self.close(Closing::TlsFailed);
    }

    /// Says that octets came in the clear behind the reply to STARTTLS.
    pub fn injected(&mut self) {
        self.told = None;
        self.close(Closing::Protocol(ProtocolFault::Injected));
    }

    /// Says that the server has not proven who it is, although the mechanism has it do so.
    pub fn not_proven(&mut self) {
        self.close(Closing::NotProven);
    }

    /// Whether nothing may go on because TLS is required and not there.
    pub(super) fn lacks_tls(&self) -> bool {
        self.settings.tls.is_binding() && !self.secure
    }

    /// Says EHLO, or LHLO.
    pub(super) fn introduce<S: Sink + ?Sized>(&mut self, hello: Host<'_>, out: &mut S) {
        if self.settings.lmtp {
            self.state = State::Lhlo;
            Command::Lhlo(hello).encode(out);
        } else {
            self.state = State::Ehlo;
            Command::Ehlo(hello).encode(out);
        }
    }

    /// The server has said what it offers.
    pub(super) fn introduced<S: Sink + ?Sized>(&mut self, out: &mut S) {
        // Behind TLS the server would know its client no more.
        let settled = self.secure || self.authenticated;
        let wanted = self.settings.tls != TlsPolicy::Never && !settled;
        let offered = self.extensions.contains(Extension::StartTls) && !self.tls_absent;
        if wanted && offered {
            Command::StartTls.encode(out);
            self.state = State::StartTls;
        } else if self.lacks_tls() {
            self.say_quit(Closing::NoTls, out);
        } else {
            self.state = State::Ready;
        }
    }

    /// Begins an AUTH exchange. Whether the initial response went along is returned; if not, it is
    /// too long and must be given as the response to the first, empty challenge.
    ///
    /// # Errors
    ///
    /// [`CallError`] if AUTH is not offered, was answered with yes before, or the mechanism must not
    /// be used without TLS; nothing is sent.
    pub fn auth<S: Sink + ?Sized>(
        &mut self,
        mechanism: Mechanism<'_>,
        initial_response: Option<Base64<'_>>,
        out: &mut S,
    ) -> Result<bool, CallError> {
        let State::Ready = self.state else { return Ok(true) };
        if self.authenticated {
            return Err(CallError::AlreadyAuthenticated);
        }
        if !self.extensions.contains(Extension::Auth) {
            return Err(CallError::NotOffered(Extension::Auth));
        }
        let reveals = mechanism.is_plaintext() && !self.settings.plaintext_auth;
        if !self.secure && (reveals || mechanism.needs_tls()) {
            return Err(CallError::NeedsTls);
        }
        let response = initial_response.map_or(0, |text| text.as_str().len() + 1);
        let fits = "AUTH \r\n".len() + mechanism.as_str().len() + response <= COMMAND_LINE;
        let initial_response = initial_response.filter(|_| fits);
        Command::Auth { mechanism, initial_response }.encode(out);
        self.state = State::Auth(0);
        Ok(fits)
    }

    /// Answers a challenge.
    pub fn respond<S: Sink + ?Sized>(&mut self, response: Base64<'_>, out: &mut S) {
        let State::Challenge(answered) = self.state else { return };
        if answered >= CHALLENGES {
            return self.cancel(out);
        }
        self.state = State::Auth(answered.saturating_add(1));
        out.put(response.as_str().as_bytes());
        out.put(b"\r\n");
    }

    /// Answers a challenge by giving the exchange up.
    pub fn cancel<S: Sink + ?Sized>(&mut self, out: &mut S) {
        if let State::Challenge(_) = self.state {
            self.state = State::Cancelled;
            out.put(b"*\r\n");
        }
    }

    pub(super) fn challenged(&mut self) {
        if let State::Auth(answered) = self.state {
            self.state = State::Challenge(answered);
        }
    }

    /// RFC 9422 section 3: what a server takes may change once it knows its client.
    pub(super) fn authenticated<S: Sink + ?Sized>(&mut self, hello: Host<'_>, out: &mut S) {
        self.told = Some(Question::Auth);
        self.authenticated = true;
        if self.extensions.contains(Extension::Limits) {
            self.introduce(hello, out);
        } else {
            self.state = State::Ready;
        }
    }

    /// Asks about a user, with VRFY.
    ///
    /// # Errors
    ///
    /// [`CallError`] for an argument that needs SMTPUTF8 and does not say so, or says so where that
    /// is not offered (RFC 6531 section 3.7.4.2); nothing is sent.
    pub fn verify<S: Sink + ?Sized>(
        &mut self,
        argument: Argument<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        self.check_argument(argument)?;
        self.say(&Command::Vrfy(argument), false, out);
        Ok(())
    }

    /// Asks about a list, with EXPN.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Session::verify).
    pub fn expand<S: Sink + ?Sized>(
        &mut self,
        argument: Argument<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        self.check_argument(argument)?;
        self.say(&Command::Expn(argument), false, out);
        Ok(())
    }

    fn check_argument(&self, argument: Argument<'_>) -> Result<(), CallError> {
        match argument.smtp_utf8() {
            true => self.needs(Extension::SmtpUtf8),
            false if argument.as_str().is_ascii() => Ok(()),
            false => Err(CallError::NeedsSmtpUtf8),
        }
    }

    /// Has what is queued sent, with ETRN.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing is sent.
    pub fn etrn<S: Sink + ?Sized>(
        &mut self,
        queue: Queue<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        self.needs(Extension::Etrn)?;
        self.say(&Command::Etrn(queue), false, out);
        Ok(())
    }

    /// Says for whom this side speaks, with XCLIENT. A good reply begins the session anew.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing is sent.
    pub fn xclient<S: Sink + ?Sized>(
        &mut self,
        attributes: Attributes<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        self.needs(Extension::Xclient)?;
        self.say(&Command::Xclient(attributes), true, out);
        Ok(())
    }

    /// Says where the next message came from, with XFORWARD.
    ///
    /// # Errors
    ///
    /// [`CallError::NotOffered`]; nothing is sent.
    pub fn xforward<S: Sink + ?Sized>(
        &mut self,
        attributes: Attributes<'_>,
        out: &mut S,
    ) -> Result<(), CallError> {
        self.needs(Extension::Xforward)?;
        self.say(&Command::Xforward(attributes), false, out);
        Ok(())
    }

    fn needs(&self, extension: Extension) -> Result<(), CallError> {
        match self.extensions.contains(extension) {
            true => Ok(()),
            false => Err(CallError::NotOffered(extension)),
        }
    }

    fn say<S: Sink + ?Sized>(&mut self, command: &Command<'_>, restart: bool, out: &mut S) {
        if let State::Ready = self.state {
            command.encode(out);
            self.state = State::Answer { restart };
        }
    }

    pub(super) fn answered<S: Sink + ?Sized>(
        &mut self,
        reply: Reply<'_>,
        hello: Host<'_>,
        out: &mut S,
    ) {
        self.told = Some(Question::Answer);
        match self.state {
            State::Answer { restart: true } if reply.code().is_positive() => {
                self.authenticated = false;
                self.transactions = 0;
                self.extensions = Extensions::default();
                self.introduce(hello, out);
            }
            _ => self.state = State::Ready,
        }
    }
}
