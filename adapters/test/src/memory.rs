//! A scripted server in memory.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::act::Do;
use crate::at::At;
use crate::dialogue::{Act, Dialogue};
use crate::record::Book;
use crate::script::{Rules, Script};

/// A scripted server without sockets, threads or time: it answers as it is written to.
///
/// ```
/// use smtp_test::{Client, Server};
///
/// let server = Server::script().in_memory();
/// let mut client = Client::over(server.connect());
/// client.expect("220 mx.example.org");
/// client.ask("HELO client.example.net").expect("250");
/// client.ask("QUIT").expect("221");
/// client.expect_end();
/// assert_eq!(server.sessions().len(), 1);
/// ```
#[derive(Debug)]
pub struct MemoryServer {
    pub(crate) script: Arc<Script>,
    pub(crate) book: Arc<Book>,
    rules: Arc<Rules>,
}

impl MemoryServer {
    pub(crate) fn new(script: Script) -> Self {
        let rules = Arc::new(Rules::new(&script.rules));
        // Whatever comes has come by the time that it is asked for.
        let script = Script { patience: Duration::ZERO, ..script };
        MemoryServer { script: Arc::new(script), book: Book::new(), rules }
    }

    /// A new session.
    #[must_use]
    pub fn connect(&self) -> MemoryStream {
        let mut session = Session {
            dialogue: Dialogue::new(&self.script, &self.rules, &self.book),
            waiting: VecDeque::new(),
            closed: false,
        };
        session.work();
        MemoryStream(Arc::new(Mutex::new(session)))
    }

    /// From now on, does `act` there, whatever other rules say.
    pub fn on(&self, at: At, act: Do) {
        self.rules.add(at, act);
    }
}

/// A client's end of a session with a [`MemoryServer`]: clones are the same end. Once all are
/// dropped, the client has closed.
///
/// A read that would wait for ever fails with `TimedOut` instead.
#[derive(Clone, Debug)]
pub struct MemoryStream(Arc<Mutex<Session>>);

struct Session {
    dialogue: Dialogue,
    /// Octets, and whether they drip.
    waiting: VecDeque<(Vec<u8>, bool)>,
    closed: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Session {
    fn work(&mut self) {
        while let Some(act) = self.dialogue.act() {
            match act {
                Act::Wait(_) | Act::Stall | Act::Secure => {}
                Act::Say(octets) => self.waiting.push_back((octets, false)),
                Act::Drip(octets, _) => self.waiting.push_back((octets, true)),
                Act::Close => self.closed = true,
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.dialogue.gone();
    }
}

impl MemoryStream {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for MemoryStream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session();
        let Some((octets, drips)) = session.waiting.front_mut() else {
            return match session.closed {
                true => Ok(0),
                false => Err(io::ErrorKind::TimedOut.into()),
            };
        };
        let most = if *drips { 1 } else { octets.len() };
        let n = most.min(room.len());
        room[..n].copy_from_slice(&octets[..n]);
        octets.drain(..n);
        if octets.is_empty() {
            session.waiting.pop_front();
        }
        Ok(n)
    }
}

impl Write for MemoryStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut session = self.session();
        if session.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        session.dialogue.receive(octets);
        session.work();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
