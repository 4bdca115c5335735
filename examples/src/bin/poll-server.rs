//! A server on `poll(2)`, called through `rustix`: many clients, one thread.
//!
//! ```sh
//! cargo run -p smtp-examples --bin poll-server -- 127.0.0.1:2525 300
//! ```
//!
//! It shows interest that follows from what `step` wants: a client that must take its replies first
//! is not asked for more; a sleep until the next deadline, of so many seconds at most; an orderly
//! close. It takes everybody's mail and keeps none: who does accepts `Event::Message` once that is
//! safe. It has no TLS, and is for some hundred clients.

use std::error::Error;
use std::io::{ErrorKind, Read, Result, Write as _};
use std::net::{Shutdown::Write, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{sync::Arc, thread::sleep};

use bytes::Buf;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smtp_codec::Deadline;
use smtp_codec::server::{Config, Connection, Event, Want};

/// Further clients wait in the queue of the listener.
const CLIENTS: usize = 500;
/// Steps before it is the next client's turn.
const STEPS: usize = 16;
/// So long a client that was cut off may go on sending, so that it can read why.
const LINGER: Duration = Duration::from_secs(1);

struct Client {
    stream: TcpStream,
    connection: Connection,
    deadline: Deadline<Instant>,
    /// What the next turn waits for; nothing where there is more to do at once.
    interest: PollFlags,
    /// The session is over; what still comes until then is thrown away.
    lingers: Option<Instant>,
}

impl Client {
    /// Goes on until the socket would block; false at the end.
    fn turn(&mut self) -> bool {
        for _ in 0..STEPS {
            match self.exchange() {
                Ok(true) => self.interest = PollFlags::empty(),
                Ok(false) => return false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) if self.lingers.is_some() => return false,
                Err(_) => self.connection.broken(),
            }
        }
        true
    }

    /// Does what is wanted next; whether to go on.
    fn exchange(&mut self) -> Result<bool> {
        if let Some(by) = self.lingers {
            self.interest = PollFlags::IN;
            return Ok(Instant::now() < by && self.stream.read(&mut [0; 4096])? > 0);
        }
        let want = self.connection.step();
        self.deadline.renew(&self.connection, Instant::now());
        match want {
            Want::Event => match self.connection.event() {
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Message(message) => {
                    println!("a message of {} octets", message.size());
                    message.accept();
                }
                other => other.proceed(),
            },
            Want::Input => {
                let _ = self.flush(); // who does not read may be writing; an error comes again
                self.interest |= PollFlags::IN;
                match self.stream.read(self.connection.rx().space())? {
                    0 => self.connection.eof(),
                    n => self.connection.rx().filled(n),
                }
            }
            Want::Flush => self.flush()?,
            Want::Tls => self.connection.tls_failed(), // never: it is not offered
            Want::Close => {
                self.lingers = Some(Instant::now() + LINGER);
                return Ok(self.connection.lingers() && self.stream.shutdown(Write).is_ok());
            }
        }
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        while self.connection.tx().has_remaining() {
            self.interest = PollFlags::OUT;
            let n = self.stream.write(self.connection.tx().chunk())?;
            self.connection.tx().advance(n);
        }
        self.interest = PollFlags::empty();
        Ok(())
    }

    /// How long until its next turn, even if its socket is not ready.
    fn sleep(&self) -> Duration {
        let by = self.lingers.unwrap_or(self.deadline.by());
        let left = by.saturating_duration_since(Instant::now());
        if self.interest.is_empty() { Duration::ZERO } else { left }
    }

    /// Whether it is its turn, since its socket is ready or its time is up.
    fn is_due(&mut self, is_ready: bool, now: Instant) -> bool {
        let is_late = match self.lingers {
            Some(by) => by <= now,
            None => self.deadline.expire(&mut self.connection, now),
        };
        is_ready || is_late || self.interest.is_empty()
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:2525".into());
    let patience = arguments.next().map_or(Ok(300), |seconds| seconds.parse())?;
    let config = Config::new("mx.example.org")?.max_size(10 << 20);
    let config = Arc::new(config.patience(Duration::from_secs(patience)));
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let wait = clients.iter().map(Client::sleep).min().map(Timespec::try_from).transpose()?;
        let mut sockets: Vec<_> =
            clients.iter().map(|client| PollFd::new(&client.stream, client.interest)).collect();
        if clients.len() < CLIENTS {
            sockets.push(PollFd::new(&listener, PollFlags::IN));
        }
        rustix::io::retry_on_intr(|| poll(&mut sockets, wait.as_ref()))?;
        let ready: Vec<bool> = sockets.iter().map(|fd| !fd.revents().is_empty()).collect();
        let (mut ready, now) = (ready.into_iter(), Instant::now());
        clients.retain_mut(|client| {
            let is_ready = ready.next() == Some(true);
            !client.is_due(is_ready, now) || client.turn()
        });
        if ready.next() == Some(true)
            && let Ok((stream, _)) = listener.accept().inspect_err(|_| sleep(LINGER / 100))
        {
            stream.set_nonblocking(true)?;
            let connection = Connection::new(Arc::clone(&config));
            let (deadline, interest, lingers) = (Deadline::new(now), PollFlags::empty(), None);
            clients.push(Client { stream, connection, deadline, interest, lingers });
        }
    }
}
