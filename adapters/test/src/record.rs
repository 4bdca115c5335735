//! What a server remembers.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Transcript;

/// One session, as the server saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What was said.
    pub transcript: Transcript,
    /// The transactions, in their order; also those that came to nothing.
    pub transactions: Vec<Transaction>,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
    /// TLS was on.
    pub secured: bool,
    /// Who the client authenticated itself as.
    pub user: Option<String>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The client said QUIT.
    Quit,
    /// The client closed the link without a QUIT.
    ByClient,
    /// The server closed it of its own accord: by 421, say.
    ByServer,
    /// As the script wanted.
    Cut,
    /// The client was silent for too long.
    TimedOut,
    /// The handshake failed.
    TlsFailed,
}

/// One mail transaction, from MAIL on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The reverse-path, without its brackets; empty for the null path.
    pub reverse_path: String,
    /// The parameters of MAIL as they came, `SIZE=100 BODY=8BITMIME`.
    pub parameters: String,
    /// All RCPT, in their order.
    pub recipients: Vec<Recipient>,
    /// The content, dots unstuffed: all of it if the message was taken or refused, otherwise what
    /// had come.
    pub content: Vec<u8>,
    /// What came of it.
    pub outcome: Outcome,
    /// What the client was told about the message; empty where it was not.
    pub told: String,
}

/// One RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path, without its brackets.
    pub forward_path: String,
    /// The parameters as they came, `NOTIFY=NEVER`.
    pub parameters: String,
    /// Whether it was taken.
    pub accepted: bool,
}

/// What came of a transaction on the server, whatever the client was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is not over.
    #[default]
    Open,
    /// The server has taken the message.
    Taken,
    /// The server has refused the message.
    Refused,
    /// The client has not completed it.
    Abandoned,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ended {
            None => writeln!(f, "(not over)")?,
            Some(Ended::Quit) => writeln!(f, "(ended by QUIT)")?,
            Some(Ended::ByClient) => writeln!(f, "(the client closed)")?,
            Some(Ended::ByServer) => writeln!(f, "(the server closed)")?,
            Some(Ended::Cut) => writeln!(f, "(cut, as the script wants)")?,
            Some(Ended::TimedOut) => writeln!(f, "(the client was silent for too long)")?,
            Some(Ended::TlsFailed) => writeln!(f, "(the TLS handshake failed)")?,
        }
        fmt::Display::fmt(&self.transcript, f)
    }
}

/// Where the sessions of a server write, and assertions wait.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
    turned: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) sessions: Vec<Session>,
    /// Session and transaction of each message that was taken.
    pub(crate) taken: Vec<(usize, usize)>,
    /// Messages and sessions that an assertion has looked at.
    pub(crate) seen_messages: usize,
    pub(crate) seen_sessions: usize,
    /// The server is to end.
    pub(crate) stopped: bool,
}

impl Book {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, Pages> {
        // A test that failed elsewhere must not hide why.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session; its number, from 0.
    pub(crate) fn open(&self) -> usize {
        let mut pages = self.read();
        pages.sessions.push(Session::default());
        pages.sessions.len() - 1
    }

    pub(crate) fn write<T>(&self, session: usize, write: impl FnOnce(&mut Session) -> T) -> T {
        let done = write(&mut self.read().sessions[session]);
        self.turned.notify_all();
        done
    }

    /// The last transaction of that session was taken.
    pub(crate) fn took(&self, session: usize) {
        let mut pages = self.read();
        let last = pages.sessions[session].transactions.len() - 1;
        pages.taken.push((session, last));
        drop(pages);
        self.turned.notify_all();
    }

    /// Nothing more will come.
    pub(crate) fn stop(&self) {
        self.read().stopped = true;
        self.turned.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.read().stopped
    }

    /// Waits until `look` sees something, for so long at most.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&mut Pages) -> Option<T>,
    ) -> Option<T> {
        let by = Instant::now() + patience;
        let mut pages = self.read();
        loop {
            if let Some(seen) = look(&mut pages) {
                return Some(seen);
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() || pages.stopped {
                return None;
            }
            let waited = self.turned.wait_timeout(pages, left);
            pages = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
