//! What happens in SMTP sessions, for `tracing` and for the `metrics` facade.
//!
//! The adapters do this by themselves where their features `tracing` and `metrics` are on: each session
//! that they make is watched from its first octet. What is told is worked out by the core
//! ([`Note`]); nothing here reads commands or replies.
//!
//! # Tracing
//!
//! Each session is a span `smtp` of level INFO with the fields `side` (`server` or `client`), `id`, and
//! `peer` where it was named. Its events, whose target is `smtp`:
//!
//! | level | event | fields |
//! |---|---|---|
//! | INFO | `message`: a message was answered, in LMTP for each recipient | `code`, `octets` where this is the server |
//! | INFO | `in doubt`: the link ended before the message was answered | |
//! | INFO | `tls`: all that follows is protected | |
//! | INFO | `auth`: an exchange has ended | `code` |
//! | INFO | `closed` | `why`, `sent` and `received` in octets |
//! | DEBUG | `transaction`: one has begun | |
//! | DEBUG | `recipient` | `code` |
//! | DEBUG | `abandoned`: a transaction came to nothing | |
//! | TRACE | `sent`, `received`: a line, secrets masked, without mail data | `line` |
//!
//! A session whose future or value is dropped before its end has no `closed`; its span closes.
//!
//! # Metrics
//!
//! All have the label `side`. A `class` is the first digit of a reply: `2yz`, `3yz`, `4yz`, `5yz`.
//!
//! | name | kind | other labels | counts |
//! |---|---|---|---|
//! | `smtp_sessions` | gauge | | sessions that are not over |
//! | `smtp_sessions_total` | counter | | sessions that have begun |
//! | `smtp_sessions_closed_total` | counter | `why`: `Quit`, `PeerGone`, `TimedOut`, ... | sessions that are over |
//! | `smtp_transactions_total` | counter | | transactions that have begun |
//! | `smtp_transactions_abandoned_total` | counter | | those that came to nothing, or are in doubt |
//! | `smtp_recipients_total` | counter | `class` | recipients that were answered |
//! | `smtp_messages_total` | counter | `class` | messages that were answered |
//! | `smtp_message_octets_total` | counter | | octets of content of those, where this is the server |
//! | `smtp_replies_total` | counter | `class` | replies, said by a server or heard by a client |
//! | `smtp_tls_total` | counter | | sessions that went over to TLS |
//! | `smtp_auth_total` | counter | `class` | AUTH exchanges that have ended |
//! | `smtp_octets_sent_total`, `smtp_octets_received_total` | counter | | octets, when a session is over |
//!
//! # Cost
//!
//! Without the features there is no code for it. With `tracing` alone, a session that begins while
//! no subscriber wants anything is not watched, and nothing is allocated. Otherwise there is one
//! allocation for a session, one more at its end for the label `why`, and none for what is between.

#[cfg(feature = "metrics")]
mod count;
#[cfg(feature = "tracing")]
mod trace;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use smtp_codec::{Machine, Note, Side};

/// How a session is called, before it is watched.
///
/// ```
/// use smtp_codec::server::{Config, Connection};
/// use smtp_watch::Watch;
///
/// let mut connection = Connection::new(Config::new("mx.example.org")?);
/// // Or `server.connection()`, where an adapter has it.
/// Watch::new().id(7).peer("192.0.2.1:40000").install(&mut connection);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watch {
    id: Option<u64>,
    peer: Option<String>,
}

/// Ids of sessions that were given none.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Watch {
    /// A session that has the next number in this process, and whose peer has no name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes by that number.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Talks to that: an address, say.
    #[must_use]
    pub fn peer(mut self, peer: impl fmt::Display) -> Self {
        self.peer = Some(peer.to_string());
        self
    }

    /// Watches the session from now on, in the place of whoever did.
    pub fn install(self, connection: &mut impl Machine) {
        if !is_wanted() {
            return;
        }
        let mut session = Session {
            side: connection.side(),
            watch: self,
            begun: false,
            #[cfg(feature = "tracing")]
            span: None,
        };
        connection.watch(Box::new(move |note| session.note(note)));
    }
}

/// Watches a session that has no name: what adapters do with each.
#[must_use]
pub fn watched<C: Machine>(mut connection: C) -> C {
    Watch::new().install(&mut connection);
    connection
}

/// Whether anybody may listen.
fn is_wanted() -> bool {
    #[cfg(feature = "tracing")]
    if tracing::level_filters::LevelFilter::current() != tracing::level_filters::LevelFilter::OFF {
        return true;
    }
    cfg!(feature = "metrics")
}

/// A session that is watched.
struct Session {
    side: Side,
    watch: Watch,
    begun: bool,
    #[cfg(feature = "tracing")]
    span: Option<tracing::Span>,
}

impl Session {
    fn note(&mut self, note: Note<'_>) {
        if !std::mem::replace(&mut self.begun, true) {
            let id = self.watch.id.get_or_insert_with(|| NEXT.fetch_add(1, Ordering::Relaxed));
            #[cfg(feature = "tracing")]
            {
                self.span = Some(trace::begun(self.side, *id, self.watch.peer.as_deref()));
            }
            #[cfg(not(feature = "tracing"))]
            let _ = id;
            #[cfg(feature = "metrics")]
            count::begun(self.side);
        }
        #[cfg(feature = "tracing")]
        if let Some(span) = &self.span {
            trace::note(span, &note);
        }
        #[cfg(feature = "metrics")]
        count::note(self.side, &note);
        #[cfg(not(any(feature = "tracing", feature = "metrics")))]
        let _ = (note, self.side);
    }
}

#[cfg(feature = "metrics")]
impl Drop for Session {
    fn drop(&mut self) {
        if self.begun {
            count::gone(self.side);
        }
    }
}
