//! What a client's session tells whoever watches it.

use bytes::Buf;
use smtp_proto::reply::ReplyCode;
use smtp_proto::session::client::Question;

use super::Connection;
use crate::watch::{Closing, Ear, Note, Tell, lines};

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    ear: Ear,
    secure: bool,
    open: bool,
    decided: bool,
    over: bool,
}

impl Watch {
    /// Lines were said, in which secrets are masked already.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if self.ear.is_there() {
            lines(bytes).for_each(|line| self.ear.tell(Note::Sent(line)));
        }
    }

    pub(super) fn received(&mut self, line: &[u8]) {
        self.ear.tell(Note::Received(line));
    }

    /// A whole reply came, and the caller is told that of it.
    pub(super) fn told(&mut self, told: Option<Question>, code: ReplyCode) {
        self.ear.tell(Note::Reply(code));
        match told {
            Some(Question::Auth) => self.ear.tell(Note::Auth(code)),
            Some(Question::Mail) if code.is_positive() => {
                self.open = true;
                self.decided = false;
                self.ear.tell(Note::Begun);
            }
            Some(Question::Rcpt(_)) => self.ear.tell(Note::Recipient(code)),
            Some(Question::Done | Question::DoneFor(_)) => {
                self.decided = true;
                self.ear.tell(Note::Message { code, octets: None });
            }
            _ => {}
        }
    }
}

impl Connection {
    /// Has `tell` told what happens in the session from now on (feature `watch`). Before the first
    /// step, that is everything.
    ///
    /// ```
    /// use smtp_codec::Note;
    /// use smtp_codec::client::{Config, Connection};
    ///
    /// let mut connection = Connection::new(Config::new("client.example.net")?);
    /// connection.watch(|note| println!("{note:?}"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(&mut self, tell: impl FnMut(Note<'_>) + Send + Sync + 'static) {
        self.watch_with(Box::new(tell));
    }

    pub(crate) fn watch_with(&mut self, tell: Box<Tell>) {
        self.observer.watch.ear = Ear::new(tell);
    }

    /// Tells what has happened since the last time and is no reply.
    pub(super) fn look(&mut self) {
        let Connection { observer, session, tx, rx, .. } = self;
        let watch = &mut observer.watch;
        if !watch.ear.is_there() {
            return;
        }
        if watch.secure != session.is_secure() {
            watch.secure = true;
            watch.ear.tell(Note::Secured);
        }
        let closing = session.closing();
        let is_idle = session.told().is_none() && session.asked() == Some(Question::Ready);
        if watch.open && (is_idle || closing.is_some()) {
            watch.open = false;
            if session.in_doubt() {
                watch.ear.tell(Note::InDoubt);
            } else if !watch.decided {
                watch.ear.tell(Note::Abandoned);
            }
        }
        if let Some(closing) = closing
            && !std::mem::replace(&mut watch.over, true)
        {
            let waits = u64::try_from(tx.remaining()).unwrap_or(u64::MAX);
            let sent = tx.gone().saturating_add(waits);
            let why = Closing::Client(closing);
            watch.ear.tell(Note::Closed { why, sent, received: rx.came() });
        }
    }
}
