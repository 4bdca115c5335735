//! An AUTH exchange, as far as it is octets (RFC 4954 section 4).

use std::fmt;

use bytes::Buf as _;
use smtp_proto::command::{Base64, Mechanism};
use smtp_proto::reply::{Capabilities, Reply};
use smtp_proto::session::client::{CallError, Session};

use super::event::Call;
use crate::base64;
use crate::buffer::TxBuf;

/// What an exchange holds: nothing, most of the time.
#[derive(Default)]
pub(super) struct Auth {
    challenge: Vec<u8>,
    /// The initial response, where it did not fit on the line of the command.
    late: Option<Vec<u8>>,
    /// The exchange was broken off on this side.
    pub(super) given_up: bool,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

impl Auth {
    pub(super) fn begin(
        &mut self,
        call: &mut Call<'_>,
        mechanism: Mechanism<'_>,
        initial_response: Option<&[u8]>,
    ) -> Result<(), CallError> {
        let text = initial_response.map(base64::encode);
        let initial = text.as_deref().and_then(Base64::parse);
        let went = call.session.auth(mechanism, initial, call.tx)?;
        self.given_up = false;
        self.late = initial_response.filter(|_| !went).map(<[u8]>::to_vec);
        match initial {
            Some(_) if went => call.observer.masked(&format!("AUTH {mechanism} ")),
            _ => call.observer.sent(format!("AUTH {mechanism}").as_bytes()),
        }
        Ok(())
    }

    /// Takes a challenge. One that is no base64 cancels the exchange; the first may get what did
    /// not fit on the line of the command.
    pub(super) fn challenged(&mut self, reply: Reply<'_>, session: &mut Session, tx: &mut TxBuf) {
        let text = reply.lines().next().unwrap_or_default();
        let text = str::from_utf8(text).ok().map(str::trim_ascii_start).and_then(Base64::parse);
        match (text.filter(|_| reply.lines().count() == 1), self.late.take()) {
            (None, _) => {
                self.given_up = true;
                session.cancel(tx);
            }
            (Some(text), Some(late)) if text.is_empty() => {
                if let Some(late) = Base64::parse(&base64::encode(&late)) {
                    session.respond(late, tx);
                }
            }
            (Some(text), _) => self.challenge = base64::decode(text),
        }
    }
}

/// A challenge in an AUTH exchange.
///
/// ```
/// use smtp_codec::client::{Connection, Event};
///
/// fn answer(connection: &mut Connection) {
///     if let Event::Challenge(challenge) = connection.event() {
///         match challenge.octets() {
///             b"Username:" => challenge.respond(b"alice"),
///             b"Password:" => challenge.respond(b"tiger"),
///             _ => challenge.cancel(),
///         }
///     }
/// }
/// # use bytes::Buf;
/// # use smtp_codec::client::{Config, Want};
/// # use smtp_codec::proto::command::Mechanism;
/// # let config = Config::new("client.example.net")?.allow_plaintext_auth();
/// # let mut connection = Connection::new(config);
/// # let (mut said, offer) = (Vec::new(), "250-mx.example.org\r\n250 AUTH LOGIN\r\n");
/// # let ask = ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "334 d2hhdD8=\r\n"];
/// # let mut replies = ["220 \r\n", offer].into_iter().chain(ask);
/// # loop {
/// #     match connection.step() {
/// #         Want::Event => {
/// #             if let Event::Ready(ready) = connection.event() {
/// #                 ready.auth(Mechanism::parse("LOGIN").unwrap(), None)?;
/// #             }
/// #             answer(&mut connection);
/// #         }
/// #         _ => {
/// #             said.extend_from_slice(connection.tx().chunk());
/// #             let sent = connection.tx().remaining();
/// #             connection.tx().advance(sent);
/// #             let Some(reply) = replies.next() else { break };
/// #             connection.rx().receive(reply.as_bytes());
/// #         }
/// #     }
/// # }
/// # assert!(said.ends_with(b"AUTH LOGIN\r\nYWxpY2U=\r\ndGlnZXI=\r\n*\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the server waits for the response"]
pub struct Challenge<'a> {
    pub(super) call: Call<'a>,
    pub(super) auth: &'a mut Auth,
}

impl Challenge<'_> {
    /// What the server asks.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.auth.challenge
    }

    /// Answers it. The 33rd answer of an exchange is not given: it is cancelled instead.
    pub fn respond(self, response: &[u8]) {
        let Call { session, tx, observer } = self.call;
        if let Some(text) = Base64::parse(&base64::encode(response)) {
            let mark = tx.remaining();
            session.respond(text, tx);
            self.auth.given_up = tx.since(mark) == b"*\r\n"; // no text in base64 is like it
            observer.masked("");
        }
        self.auth.challenge = Vec::new();
    }

    /// Gives the exchange up with `*`; the server refuses it then.
    pub fn cancel(mut self) {
        self.call.write(|session, tx| session.cancel(tx));
        self.auth.given_up = true;
        self.auth.challenge = Vec::new();
    }
}

/// No server has so many mechanisms.
const MOST: usize = 4096;

/// Keeps the names of the mechanisms on offer.
pub(super) fn remember(mechanisms: &mut String, capabilities: Capabilities<'_>) {
    for name in capabilities.mechanisms() {
        let name = str::from_utf8(name).ok().filter(|name| Mechanism::parse(name).is_some());
        if let Some(name) = name.filter(|name| mechanisms.len() + name.len() < MOST) {
            mechanisms.push_str(name);
            mechanisms.push(' ');
        }
    }
}
