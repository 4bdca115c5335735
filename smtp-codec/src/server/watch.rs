//! What a server's session tells whoever watches it. It is worked out from the questions that the
//! session asks and the replies that follow; the session itself knows nothing of it.

use bytes::Buf;
use smtp_proto::command::Verb;
use smtp_proto::reply::{Class, ReplyCode, ReplyLine};
use smtp_proto::session::server::Question;

use super::Connection;
use crate::watch::{Closing, Ear, MASK, Note, Tell, lines};

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    ear: Ear,
    /// Octets that were put into the buffer and told.
    told: u64,
    /// What the reply that comes next may answer.
    asked: Option<Question>,
    /// An AUTH exchange is under way.
    auth: bool,
    /// There was an AUTH: what is no command since may be a password that came too late.
    suspect: bool,
    secure: bool,
    open: bool,
    decided: bool,
    size: u64,
    over: bool,
}

impl Watch {
    /// A line came, where these mechanisms are offered.
    pub(super) fn line(&mut self, line: &[u8], is_command: bool, mechanisms: &str) {
        if !self.ear.is_there() {
            return;
        }
        match Verb::of(line) {
            _ if !is_command => self.ear.tell(Note::Received(MASK)),
            _ if is_auth(line) => {
                self.suspect = true;
                let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                let verb = words.next().and_then(|verb| verb.get(..4)).unwrap_or_default();
                let offered = |name: &&[u8]| {
                    mechanisms.split(' ').any(|known| known.as_bytes().eq_ignore_ascii_case(name))
                };
                // What is no name of a mechanism may be a secret in its place.
                let shown: &[&[u8]] = match (words.next(), words.next()) {
                    (None, _) if line.trim_ascii().len() == verb.len() => &[verb],
                    (Some(name), None) if offered(&name) => &[verb, name],
                    (Some(name), Some(_)) if offered(&name) => &[verb, name, MASK],
                    _ => &[verb, MASK],
                };
                self.ear.tell(Note::Received(&shown.join(&b' ')));
            }
            Verb::Unknown if self.suspect => self.ear.tell(Note::Received(MASK)),
            _ => self.ear.tell(Note::Received(line)),
        }
    }

    /// A line came that is none, and begins like this.
    pub(super) fn bad_line(&mut self, head: &[u8]) {
        self.suspect |= is_auth(head);
    }

    /// The first of some replies: it answers what was asked.
    fn answered(&mut self, code: ReplyCode) {
        let asked = self.asked.take();
        if self.auth && code.class() != Class::PositiveIntermediate {
            self.auth = false;
            self.ear.tell(Note::Auth(code));
        }
        match asked {
            Some(Question::Mail) if code.is_positive() => {
                self.open = true;
                self.decided = false;
                self.ear.tell(Note::Begun);
            }
            Some(Question::Rcpt) => self.ear.tell(Note::Recipient(code)),
            Some(Question::Message | Question::Aborted(_)) => {
                self.decided = true;
                self.ear.tell(Note::Message { code, octets: Some(self.size) });
            }
            _ => {}
        }
    }
}

/// Whether a line was meant for AUTH, well-formed or not.
fn is_auth(line: &[u8]) -> bool {
    let verb = line.trim_ascii_start().get(..4);
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"))
}

impl Connection {
    /// Has `tell` told what happens in the session from now on (feature `watch`). Before the first
    /// step, that is everything.
    ///
    /// ```
    /// use smtp_codec::Note;
    /// use smtp_codec::server::{Config, Connection, Want};
    /// # use std::sync::{Arc, Mutex};
    ///
    /// let mut connection = Connection::new(Config::new("mx.example.org")?);
    /// let lines = Arc::new(Mutex::new(Vec::new()));
    /// let log = Arc::clone(&lines);
    /// connection.watch(move |note| {
    ///     if let (Note::Sent(line) | Note::Received(line), Ok(mut log)) = (note, log.lock()) {
    ///         log.push(String::from_utf8_lossy(line).into_owned());
    ///     }
    /// });
    /// connection.rx().receive(b"NOOP\r\n");
    /// while connection.step() == Want::Event {
    ///     connection.event().proceed();
    /// }
    /// let expected = ["220 mx.example.org ESMTP ready", "NOOP", "250 2.0.0 done nothing"];
    /// assert_eq!(*lines.lock().unwrap(), expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(&mut self, tell: impl FnMut(Note<'_>) + Send + Sync + 'static) {
        self.watch_with(Box::new(tell));
    }

    pub(crate) fn watch_with(&mut self, tell: Box<Tell>) {
        self.watch.ear = Ear::new(tell);
    }

    /// Tells what has happened since the last time.
    pub(super) fn look(&mut self) {
        let Connection { watch, session, tx, rx, .. } = self;
        if !watch.ear.is_there() {
            return;
        }
        let known = usize::try_from(watch.told.saturating_sub(tx.gone())).unwrap_or(usize::MAX);
        let waits = u64::try_from(tx.remaining()).unwrap_or(u64::MAX);
        watch.told = tx.gone().saturating_add(waits);
        let mut is_first = true;
        for line in lines(tx.since(known)) {
            watch.ear.tell(Note::Sent(line));
            if let Ok(line) = ReplyLine::parse(line)
                && line.is_last()
            {
                watch.ear.tell(Note::Reply(line.code()));
                if std::mem::take(&mut is_first) {
                    watch.answered(line.code());
                }
            }
        }
        if watch.secure != session.is_secure() {
            watch.secure = true;
            watch.ear.tell(Note::Secured);
        }
        if let Some(question) = session.question() {
            watch.auth |= matches!(question, Question::Auth | Question::AuthResponse);
            if matches!(question, Question::Message | Question::Aborted(_)) {
                watch.size = session.size();
            }
            watch.asked = Some(question);
        }
        if watch.open && !session.has_transaction() {
            watch.open = false;
            if !watch.decided {
                watch.ear.tell(Note::Abandoned);
            }
        }
        if let Some(closing) = session.closing()
            && !std::mem::replace(&mut watch.over, true)
        {
            let why = Closing::Server(closing);
            watch.ear.tell(Note::Closed { why, sent: watch.told, received: rx.came() });
        }
    }
}
