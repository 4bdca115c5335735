//! Who a client is: a SASL library behind a small door.

use std::{fmt, io};

use smtp_proto::command::Mechanism;
use smtp_proto::reply::ReplyBuf;
use smtp_proto::session::client::{CallError, Closing};

use super::{Connection, Event};

/// Knows a user and a secret, and what SASL mechanisms make of them. `smtp-sasl` brings one.
///
/// ```
/// use smtp_codec::client::{Attempt, Authenticator};
///
/// struct Plain(&'static str, &'static str);
///
/// impl Authenticator for Plain {
///     fn start(&mut self, offered: &[&str], secure: bool) -> Option<Attempt> {
///         let may = secure && offered.contains(&"PLAIN");
///         let response = format!("\0{}\0{}", self.0, self.1).into_bytes();
///         may.then(|| Attempt { mechanism: "PLAIN".into(), initial_response: Some(response) })
///     }
///     fn respond(&mut self, _: &[u8]) -> Option<Vec<u8>> {
///         None
///     }
///     fn finish(&mut self) -> bool {
///         true
///     }
/// }
/// ```
pub trait Authenticator {
    /// Picks the strongest mechanism among those offered that may be used; `None` if there is
    /// none. `secure` tells whether TLS is on.
    fn start(&mut self, offered: &[&str], secure: bool) -> Option<Attempt>;

    /// Answers a challenge; `None` cancels the exchange.
    fn respond(&mut self, challenge: &[u8]) -> Option<Vec<u8>>;

    /// The server has said yes: whether the mechanism agrees. A SCRAM server must have proven that
    /// it knows the secret too.
    fn finish(&mut self) -> bool;
}

/// How an exchange begins. `Debug` does not show the response: it may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The mechanism.
    pub mechanism: String,
    /// What is said with the command, where the mechanism lets the client speak first.
    pub initial_response: Option<Vec<u8>>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// Why a client is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// The server offers no mechanism that may be used.
    NoMechanism,
    /// The mechanism cannot be used here.
    NotSent(CallError),
    /// The server said no.
    Refused(ReplyBuf),
    /// The exchange was broken off on this side, because of what the server asked (RFC 4954
    /// section 4); its answer to that.
    Cancelled(ReplyBuf),
    /// The server said yes without proving that it knows the secret. The session is over.
    NotProven,
    /// The server said yes before a mechanism had come to its end that has no such proof. The
    /// session is over.
    EndedEarly,
    /// The session ended.
    Closed(Closing),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::NoMechanism => {
                f.write_str("the server offers no authentication mechanism that may be used here")
            }
            AuthError::NotSent(error) => write!(f, "cannot authenticate: {error}"),
            AuthError::Refused(reply) => {
                write!(f, "the server refused to authenticate: {reply}")
            }
            AuthError::Cancelled(reply) => write!(
                f,
                "the client broke authentication off, because of what the server asked; \
                 the server answered {reply}"
            ),
            AuthError::EndedEarly => {
                f.write_str("the server said yes before authentication had come to its end")
            }
            AuthError::NotProven => {
                f.write_str("the server did not prove that it knows the secret")
            }
            AuthError::Closed(closing) => {
                write!(f, "the session ended before authentication did: {closing}")
            }
        }
    }
}

impl std::error::Error for AuthError {}

impl AuthError {
    /// What an adapter's error is about, if it is about authentication and not about the link.
    ///
    /// ```
    /// use std::io;
    /// use smtp_codec::client::AuthError;
    ///
    /// let error = io::Error::from(AuthError::NoMechanism);
    /// assert_eq!(AuthError::of(&error), Some(&AuthError::NoMechanism));
    /// assert_eq!(AuthError::of(&io::ErrorKind::TimedOut.into()), None);
    /// ```
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<AuthError> for io::Error {
    fn from(error: AuthError) -> Self {
        io::Error::new(io::ErrorKind::PermissionDenied, error)
    }
}

/// Mechanisms in which the server proves nothing.
const ONE_SIDED: [&str; 7] =
    ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "ANONYMOUS", "XOAUTH2", "OAUTHBEARER"];

/// Leads one AUTH exchange over a [`Connection`]: the adapters' `authenticate` is a loop around
/// it.
///
/// ```
/// use smtp_codec::client::{AuthError, Authentication, Authenticator, Connection, Want};
///
/// /// As far as it goes with what was received.
/// fn go_on(
///     connection: &mut Connection,
///     exchange: &mut Authentication,
///     who: &mut dyn Authenticator,
/// ) -> Option<Result<(), AuthError>> {
///     while let Want::Event | Want::Close = connection.step() {
///         if let Some(result) = exchange.on(connection, who) {
///             return Some(result);
///         }
///     }
///     None
/// }
/// # struct Nobody;
/// # impl Authenticator for Nobody {
/// #     fn start(&mut self, _: &[&str], _: bool) -> Option<smtp_codec::client::Attempt> { None }
/// #     fn respond(&mut self, _: &[u8]) -> Option<Vec<u8>> { None }
/// #     fn finish(&mut self) -> bool { false }
/// # }
/// # use bytes::Buf;
/// # let mut connection = Connection::new(smtp_codec::client::Config::new("client.example.net")?);
/// # let mut exchange = Authentication::new();
/// # connection.rx().receive(b"220 \r\n");
/// # assert_eq!(go_on(&mut connection, &mut exchange, &mut Nobody), None);
/// # let sent = connection.tx().remaining();
/// # connection.tx().advance(sent);
/// # connection.rx().receive(b"250 mx.example.org\r\n");
/// # let result = go_on(&mut connection, &mut exchange, &mut Nobody);
/// # assert_eq!(result, Some(Err(AuthError::NoMechanism)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Authentication {
    begun: bool,
    /// By one of the mechanisms in which the server proves nothing.
    one_sided: bool,
    result: Option<Result<(), AuthError>>,
}

impl Authentication {
    /// An exchange that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Authentication { begun: false, one_sided: false, result: None }
    }

    /// Looks at the connection's event, and does what is next; what came of it, once it is over.
    /// Step the connection before each call, until it wants an event.
    pub fn on(
        &mut self,
        connection: &mut Connection,
        authenticator: &mut dyn Authenticator,
    ) -> Option<Result<(), AuthError>> {
        let given_up = connection.auth.given_up;
        let attempt = match connection.event() {
            Event::Ready(_) if !self.begun => {
                let offered: Vec<&str> = connection.mechanisms().collect();
                match authenticator.start(&offered, connection.is_secure()) {
                    Some(attempt) => attempt,
                    None => return Some(Err(AuthError::NoMechanism)),
                }
            }
            Event::Ready(_) => return self.result.take(),
            Event::Challenge(challenge) => {
                match authenticator.respond(challenge.octets()) {
                    Some(response) => challenge.respond(&response),
                    None => challenge.cancel(),
                }
                return None;
            }
            Event::Auth(reply) if reply.code().is_positive() => {
                if authenticator.finish() {
                    self.result = Some(Ok(()));
                    return None;
                }
                connection.not_proven();
                return Some(Err(match self.one_sided {
                    true => AuthError::EndedEarly,
                    false => AuthError::NotProven,
                }));
            }
            Event::Auth(reply) => {
                let reply = ReplyBuf::from(reply);
                self.result = Some(Err(match given_up {
                    true => AuthError::Cancelled(reply),
                    false => AuthError::Refused(reply),
                }));
                return None;
            }
            Event::Closed(closing) => {
                return self.result.take().or(Some(Err(AuthError::Closed(closing))));
            }
            // To EHLO behind a success: whoever goes on meets it.
            Event::Refused(_) if self.result == Some(Ok(())) => return None,
            Event::Refused(reply) => {
                self.result = Some(Err(AuthError::Refused(reply.into())));
                return None;
            }
            Event::WantRcpt(slot) => {
                slot.abandon();
                return None;
            }
            Event::WantBody(slot) => {
                slot.abandon();
                return None;
            }
            _ => return None,
        };
        self.begun = true;
        let is_it = |name: &&str| name.eq_ignore_ascii_case(&attempt.mechanism);
        self.one_sided = ONE_SIDED.iter().any(is_it);
        let Some(mechanism) = Mechanism::parse(&attempt.mechanism) else {
            return Some(Err(AuthError::NoMechanism));
        };
        let Event::Ready(ready) = connection.event() else { return None };
        let sent = ready.auth(mechanism, attempt.initial_response.as_deref());
        sent.err().map(|error| Err(AuthError::NotSent(error)))
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self::new()
    }
}
