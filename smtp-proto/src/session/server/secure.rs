//! TLS and AUTH: who may use what, and what is forgotten (RFC 3207, RFC 4954).

use super::limits::within;
use super::{Asked, Closing, Context, PriorityProfile, Session, State};
use crate::Sink;
use crate::command::{Base64, Mechanism, Verb};
use crate::reply::{Extension, Extensions, Refusal, ReplyError, write_offer};
use crate::session::Protocol;
use crate::sink::{Fixed, Text};

/// What is known about the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// It cannot do TLS.
    Plain,
    /// STARTTLS is offered.
    Offered,
    /// TLS is on.
    Secured,
}

/// Room for the names of all mechanisms on one line of the EHLO reply.
pub const MECHANISMS: usize = 480;

/// Room for a number of seconds and a date-time.
const HOLD: usize = 64;

/// What Postfix's documents name, and no more.
const XCLIENT: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME";
const XFORWARD: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";

impl Session {
    /// Says that the transport can do TLS: STARTTLS is offered.
    pub fn offer_tls(&mut self) {
        if self.security == Security::Plain {
            self.security = Security::Offered;
        }
    }

    /// Says that TLS comes before the greeting (RFC 8314 section 3.3).
    pub fn implicit_tls(&mut self) {
        if let (State::Held, _) | (State::Fresh, Some(Asked::Greet)) = (self.state, self.asked) {
            self.asked = None;
            self.state = State::Tls { greet: true };
        }
    }

    /// Says that the handshake has succeeded. Whatever was said before it is forgotten
    /// (RFC 3207 section 4.2).
    pub fn secured(&mut self) {
        if let State::Tls { greet } = self.state {
            let Session { errors, junk, auth_failures, trusted, bound, .. } = *self;
            let security = Security::Secured;
            let kept = Session { errors, junk, auth_failures, ..Session::new() };
            *self = Session { trusted, bound, security, ..kept };
            if !greet {
                (self.state, self.asked) = (State::Greeted, None);
            }
        }
    }

    /// Says that mechanisms cannot be bound to the channel: those in -PLUS are not offered.
    pub fn unbound(&mut self) {
        self.bound = false;
    }

    /// Says that the handshake failed. Nothing more is said.
    pub fn tls_failed(&mut self) {
        self.close(Closing::TlsFailed);
    }

    /// Says that octets came in the clear behind STARTTLS, where none may be (CVE-2011-0411).
    /// Before the 220 they are answered; where the handshake is due, nothing more is said.
    pub fn injected<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if let Some(Asked::StartTls) = self.asked {
            self.say_host(cx, (421, Some((4, 7, 0)), "STARTTLS must be the last of a group"), out);
        }
        self.close(Closing::Injected);
    }

    /// Says that this client may tell with XCLIENT and XFORWARD for whom it speaks: both are
    /// offered to it.
    pub fn trust(&mut self) {
        self.trusted = true;
    }

    /// Whether TLS is on.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.security == Security::Secured
    }

    /// Whether the client has authenticated itself.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    pub(super) fn with_security(&self, mut protocol: Protocol) -> Protocol {
        if self.is_secure() {
            protocol = protocol.with_tls();
        }
        if self.authenticated { protocol.with_auth() } else { protocol }
    }

    /// Whether `command` belongs to an extension that this client is not offered.
    pub(super) fn is_absent(&self, cx: &Context<'_>, verb: Verb) -> bool {
        match verb {
            Verb::Bdat => !cx.has(Extension::Chunking),
            Verb::StartTls => self.security == Security::Plain,
            Verb::Auth => cx.mechanisms.is_empty(),
            Verb::Etrn => !cx.has(Extension::Etrn),
            Verb::Xclient | Verb::Xforward => !self.trusted,
            _ => false,
        }
    }

    /// RFC 3207 section 4, RFC 4954 section 6: what has to wait until there is TLS, or AUTH.
    pub(super) fn must_wait(&self, cx: &Context<'_>, verb: Verb) -> Option<Refusal<'static>> {
        let waits = matches!(verb, Verb::Mail | Verb::Vrfy | Verb::Expn | Verb::Etrn);
        let settings = cx.settings;
        if settings.require_tls && !self.is_secure() && (waits || verb == Verb::Auth) {
            return Some(Refusal::known(530, (5, 7, 0), "must issue a STARTTLS command first"));
        }
        (settings.require_auth && !self.authenticated && waits).then_some(Refusal::known(
            530,
            (5, 7, 0),
            "authentication required",
        ))
    }

    pub(super) fn check_start_tls(&self) -> Result<Asked, Refusal<'static>> {
        if self.is_secure() {
            return Err(Refusal::known(503, (5, 5, 1), "TLS is on already"));
        }
        self.check_extended()?;
        Ok(Asked::StartTls)
    }

    pub(super) fn check_auth(
        &self,
        cx: &Context<'_>,
        mechanism: Mechanism<'_>,
    ) -> Result<Asked, Refusal<'static>> {
        self.check_extended()?;
        if self.authenticated {
            return Err(Refusal::known(503, (5, 5, 1), "already authenticated"));
        }
        if !all(cx.mechanisms).any(|known| known == mechanism) {
            return Err(Refusal::known(504, (5, 5, 4), "mechanism not offered here"));
        }
        if !self.may_be_used(cx, mechanism) {
            return Err(Refusal::known(538, (5, 7, 11), "this mechanism needs TLS"));
        }
        Ok(Asked::Auth)
    }

    /// Commands of extensions need EHLO.
    pub(super) fn check_extended(&self) -> Result<(), Refusal<'static>> {
        match self.protocol.is_extended() {
            true => Ok(()),
            false => Err(Refusal::known(503, (5, 5, 1), "say EHLO first")),
        }
    }

    fn may_be_used(&self, cx: &Context<'_>, mechanism: Mechanism<'_>) -> bool {
        let binds = mechanism.needs_tls() && !mechanism.as_str().eq_ignore_ascii_case("EXTERNAL");
        if binds && !self.bound {
            return false;
        }
        self.is_secure()
            || !(mechanism.needs_tls() || (mechanism.is_plaintext() && !cx.settings.plaintext_auth))
    }

    /// Sends a challenge, and waits for the response to it.
    pub fn challenge<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        challenge: Base64<'_>,
        out: &mut S,
    ) {
        let Some(Asked::Auth | Asked::AuthResponse) = self.asked else { return };
        let sent = match self.state {
            State::Auth(sent) => sent,
            _ => 0,
        };
        self.asked = None;
        if sent >= cx.settings.limits.challenges {
            self.state = State::Ready;
            return self.auth_failed(cx, TOO_MANY_CHALLENGES, out);
        }
        self.state = State::Auth(sent.saturating_add(1));
        out.put(b"334 ");
        out.put(challenge.as_str().as_bytes());
        out.put(b"\r\n");
    }

    /// A line that is no command but the response to a challenge (RFC 4954 section 4).
    pub(super) fn response<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        line: &[u8],
        out: &mut S,
    ) {
        let refusal = match core::str::from_utf8(line) {
            Ok("*") => Refusal::known(501, (5, 7, 0), "authentication cancelled"),
            Ok(text) if Base64::parse(text).is_some() => {
                self.asked = Some(Asked::AuthResponse);
                return;
            }
            _ => Refusal::known(501, (5, 5, 2), "the response is not valid base64"),
        };
        self.state = State::Ready;
        self.auth_failed(cx, refusal, out);
    }

    /// Refuses an attempt, or ends the session when there were too many.
    pub(super) fn auth_failed<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        self.auth_failures = self.auth_failures.saturating_add(1);
        if self.auth_failures > cx.settings.limits.auth_failures {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.refuse(cx, refusal, false, out);
        }
    }

    /// What this client is offered now.
    pub(super) fn offered(&self, cx: &Context<'_>) -> Extensions {
        let mut offered = within(cx.settings.extensions, cx.settings.limits.recipients);
        let mut set = |extension, on| {
            offered = if on { offered.with(extension) } else { offered.without(extension) };
        };
        set(Extension::StartTls, self.security == Security::Offered);
        set(Extension::Auth, all(cx.mechanisms).any(|mechanism| self.may_be_used(cx, mechanism)));
        set(Extension::Xclient, self.trusted);
        set(Extension::Xforward, self.trusted);
        if cx.settings.lmtp {
            set(Extension::Prdr, false);
        }
        // RFC 8689 section 2: only within TLS.
        if !self.is_secure() {
            set(Extension::RequireTls, false);
        }
        if cx.settings.hold_until.is_none() {
            set(Extension::FutureRelease, false);
        }
        offered
    }

    pub(super) fn write_offer<S: Sink + ?Sized>(
        &self,
        cx: &Context<'_>,
        out: &mut S,
    ) -> Result<(), ReplyError> {
        let offered = self.offered(cx);
        let mut room = [0; MECHANISMS];
        let mut names = Fixed::new(&mut room);
        if offered.contains(Extension::Auth) {
            for mechanism in all(cx.mechanisms).filter(|it| self.may_be_used(cx, *it)) {
                names.put(b" ");
                names.put(mechanism.as_str().as_bytes());
            }
        }
        let names = names.finish().map_err(|_| ReplyError::TooLong)?;
        let names = core::str::from_utf8(names).unwrap_or_default().trim_start();
        let mut room = [0; HOLD];
        let mut hold = Fixed::new(&mut room);
        if let (Some(most), Some(until)) = (offered.future_release(), cx.settings.hold_until) {
            let _ = core::fmt::write(&mut Text(&mut hold), format_args!("{most} {until}"));
        }
        let hold = hold.finish().map_err(|_| ReplyError::TooLong)?;
        let texts = [
            (Extension::Auth, names),
            (Extension::FutureRelease, core::str::from_utf8(hold).unwrap_or_default()),
            (Extension::MtPriority, cx.settings.priorities.map_or("", PriorityProfile::as_str)),
            (Extension::Xclient, XCLIENT),
            (Extension::Xforward, XFORWARD),
        ];
        write_offer(out, cx.hostname, &offered, &texts)
    }
}

const TOO_MANY_CHALLENGES: Refusal<'static> =
    Refusal::known(454, (4, 7, 0), "the exchange does not come to an end");

fn all(names: &str) -> impl Iterator<Item = Mechanism<'_>> {
    names.split(' ').filter_map(Mechanism::parse)
}
