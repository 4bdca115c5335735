//! A scripted server on a socket.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::act::Do;
use crate::at::At;
use crate::dialogue::{Act, Dialogue};
use crate::record::Book;
use crate::script::{Rules, Script};
use crate::wire::Wire;

/// A scripted server on a loopback port of its own; a thread for each session.
///
/// It stops when it is dropped: sessions that are not over are cut, and its threads joined.
///
/// ```
/// use smtp_test::{Client, Letter, Server};
///
/// let server = Server::start();
/// let letter = Letter::new("alice@example.net").to("bob@example.org").content("Subject: Hi\n\nHello\n");
/// Client::connect(server.address()).deliver(&letter).expect_accepted();
///
/// server
///     .expect_message()
///     .from("alice@example.net")
///     .to(["bob@example.org"])
///     .header("Subject", "Hi")
///     .body("Hello\n");
/// server.expect_no_message();
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pub(crate) script: Arc<Script>,
    pub(crate) book: Arc<Book>,
    rules: Arc<Rules>,
    open: Arc<Open>,
    accepting: Option<JoinHandle<()>>,
    #[cfg(feature = "tls")]
    certificate: Option<String>,
}

/// What must be woken and joined in the end.
#[derive(Debug, Default)]
struct Open {
    /// By number. A link is closed once no handle of it is left.
    links: Mutex<HashMap<usize, TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Open {
    fn links(&self) -> MutexGuard<'_, HashMap<usize, TcpStream>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// A good one; short for [`Script::new`] and [`Script::start`].
    ///
    /// # Panics
    ///
    /// Where there is no free port.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        Script::new().start()
    }

    /// One that is to be like this; short for [`Script::new`].
    pub fn script() -> Script {
        Script::new()
    }

    #[track_caller]
    pub(crate) fn run(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        #[cfg(feature = "tls")]
        let (tls, certificate) = certify(&script).unzip();
        let (book, open) = (Book::new(), Arc::new(Open::default()));
        let rules = Arc::new(Rules::new(&script.rules));
        let script = Arc::new(script);
        let served = Served {
            script: Arc::clone(&script),
            rules: Arc::clone(&rules),
            book: Arc::clone(&book),
            #[cfg(feature = "tls")]
            tls,
        };
        let sessions = Arc::clone(&open);
        let accepting = thread::spawn(move || served.accept(&listener, &sessions));
        Server {
            address,
            script,
            book,
            rules,
            open,
            accepting: Some(accepting),
            #[cfg(feature = "tls")]
            certificate,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its certificate in PEM, for clients to trust: for its own name, `localhost` and 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Where the script has no TLS.
    #[cfg(feature = "tls")]
    #[track_caller]
    #[must_use]
    pub fn certificate(&self) -> &str {
        self.certificate.as_deref().expect("a script with TLS")
    }

    /// From now on, does `act` there, whatever other rules say.
    pub fn on(&self, at: At, act: Do) {
        self.rules.add(at, act);
    }

    /// Stops it, as dropping it does; what it saw can be looked at no more.
    pub fn stop(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        self.book.stop();
        // Wakes the thread that accepts, whose listener is there as long as it runs.
        if let Ok(waker) = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)) {
            drop(waker);
            if let Some(accepting) = self.accepting.take() {
                let _ = accepting.join();
            }
        }
        for stream in self.open.links().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let threads = std::mem::take(&mut *self.open.threads());
        for session in threads {
            let _ = session.join();
        }
    }
}

#[cfg(feature = "tls")]
fn certify(script: &Script) -> Option<(smtp_tls::ServerTls, String)> {
    if script.tls == crate::script::Tls::Never {
        return None;
    }
    let names = [script.config.hostname(), "localhost", "127.0.0.1"];
    Some(smtp_tls::ServerTls::self_signed(names).expect("a certificate"))
}

/// What the threads share.
#[derive(Clone)]
struct Served {
    script: Arc<Script>,
    rules: Arc<Rules>,
    book: Arc<Book>,
    #[cfg(feature = "tls")]
    tls: Option<smtp_tls::ServerTls>,
}

impl Served {
    fn accept(&self, listener: &TcpListener, open: &Arc<Open>) {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept() else { return };
            if self.book.is_stopped() {
                return;
            }
            let Ok(handle) = stream.try_clone() else { continue };
            open.links().insert(number, handle);
            // Numbered as they come, not as their threads do.
            let dialogue = Dialogue::new(&self.script, &self.rules, &self.book);
            let (served, links) = (self.clone(), Arc::clone(open));
            let session = thread::spawn(move || {
                let mut wire = served.serve(stream, dialogue);
                links.links().remove(&number);
                wire.close();
            });
            let mut threads = open.threads();
            threads.retain(|session| !session.is_finished());
            threads.push(session);
        }
    }

    /// Serves to the end of the session; what is still to be closed.
    fn serve(&self, stream: TcpStream, mut dialogue: Dialogue) -> Wire {
        let _ = stream.set_nodelay(true);
        let mut wire = Wire::Plain(stream);
        if self.exchange(&mut wire, &mut dialogue).is_err() {
            dialogue.gone();
        }
        wire
    }

    fn exchange(&self, wire: &mut Wire, dialogue: &mut Dialogue) -> io::Result<()> {
        let mut room = [0; 16 * 1024];
        loop {
            while let Some(act) = dialogue.act() {
                wire.bound(self.script.patience)?;
                match act {
                    Act::Wait(pause) => self.pause(pause),
                    Act::Say(octets) => wire.write_all(&octets)?,
                    Act::Drip(octets, pause) => {
                        for octet in octets {
                            wire.write_all(&[octet])?;
                            self.pause(pause);
                        }
                    }
                    Act::Secure => {
                        let done = self.secure(wire);
                        dialogue.secured(done);
                    }
                    Act::Stall => return self.stall(wire, dialogue),
                    Act::Close => return Ok(()),
                }
            }
            wire.bound(self.script.patience)?;
            match wire.read(&mut room) {
                Ok(0) => {
                    dialogue.gone();
                    return Ok(());
                }
                Ok(n) => dialogue.receive(&room[..n]),
                Err(error) if is_late(&error) => dialogue.timed_out(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits, unless the server is stopped.
    fn pause(&self, pause: Duration) {
        let _: Option<()> = self.book.wait(pause, |_| None);
    }

    #[cfg(feature = "tls")]
    fn secure(&self, wire: &mut Wire) -> bool {
        self.tls.as_ref().is_some_and(|tls| wire.secure(tls.config()).is_ok())
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, _: &mut Wire) -> bool {
        false
    }

    /// Hears without answering.
    fn stall(&self, wire: &mut Wire, dialogue: &mut Dialogue) -> io::Result<()> {
        let by = Instant::now() + self.script.patience;
        let mut room = [0; 16 * 1024];
        loop {
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            wire.bound(left)?;
            match wire.read(&mut room) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(n) => dialogue.receive(&room[..n]),
            }
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
