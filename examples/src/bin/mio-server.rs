//! A server on bare `mio`: many clients, one thread, no adapter, only `smtp_codec`.
//!
//! ```sh
//! cargo run -p smtp-examples --bin mio-server -- 127.0.0.1:2525 300
//! ```
//!
//! It shows all that an adapter sees to: `step` until the socket would block, events answered on
//! the way, a deadline for each wait (of so many seconds at most), no more input taken than output
//! can follow, a turn for everybody, an orderly close. It takes everybody's mail and keeps
//! none: who does accepts `Event::Message` once that is safe. It has no TLS, and each tick looks at
//! all deadlines.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{ErrorKind, Read, Result, Write as _};
use std::net::Shutdown::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use smtp_codec::Deadline;
use smtp_codec::server::{Config, Connection, Event, Want};

/// Further clients wait in the queue of the listener.
const CLIENTS: usize = 500;
const BOTH_WAYS: Interest = Interest::READABLE.add(Interest::WRITABLE);
/// So often all deadlines are looked at.
const TICK: Duration = Duration::from_millis(200);
/// Steps before it is the next client's turn.
const STEPS: usize = 16;
/// So long a client that was cut off may go on sending, so that it can read why.
const LINGER: Duration = Duration::from_secs(1);

struct Client {
    stream: TcpStream,
    connection: Connection,
    deadline: Deadline<Instant>,
    /// The session is over; what still comes until then is thrown away.
    lingers: Option<Instant>,
}

impl Client {
    /// Goes on until the socket would block. Whether there is more to do; `None` at the end.
    fn turn(&mut self) -> Option<bool> {
        for _ in 0..STEPS {
            match self.exchange() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(false),
                Err(_) if self.lingers.is_some() => return None,
                Err(_) => self.connection.broken(),
            }
        }
        Some(true)
    }

    /// Does what is wanted next; whether to go on.
    fn exchange(&mut self) -> Result<bool> {
        if let Some(by) = self.lingers {
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
            let n = self.stream.write(self.connection.tx().chunk())?;
            self.connection.tx().advance(n);
        }
        Ok(())
    }

    fn is_late(&mut self, now: Instant) -> bool {
        match self.lingers {
            Some(by) => by <= now,
            None => self.deadline.expire(&mut self.connection, now),
        }
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:2525".into()).parse()?;
    let patience = arguments.next().map_or(Ok(300), |seconds| seconds.parse())?;
    let config = Config::new("mx.example.org")?.max_size(10 << 20);
    let config = Arc::new(config.patience(Duration::from_secs(patience)));
    let mut listener = TcpListener::bind(address)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
    println!("listening on {}", listener.local_addr()?);
    let (mut clients, mut ready, mut next) = (BTreeMap::new(), BTreeSet::new(), 1);
    let (mut events, mut looked) = (Events::with_capacity(256), Instant::now());
    loop {
        match poll.poll(&mut events, Some(if ready.is_empty() { TICK } else { Duration::ZERO })) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => ready.extend(events.iter().map(|event| event.token())),
        }
        // Also without an event: what was left in the queue makes none.
        while clients.len() < CLIENTS
            && let Ok((mut stream, _)) = listener.accept()
        {
            let token = Token(next);
            next += 1;
            poll.registry().register(&mut stream, token, BOTH_WAYS)?;
            let connection = Connection::new(Arc::clone(&config));
            let deadline = Deadline::new(Instant::now());
            clients.insert(token, Client { stream, connection, deadline, lingers: None });
            ready.insert(token);
        }
        if looked.elapsed() >= TICK {
            looked = Instant::now();
            let late = clients.iter_mut().filter_map(|(t, c)| c.is_late(looked).then_some(*t));
            ready.extend(late);
        }
        for token in std::mem::take(&mut ready) {
            match clients.get_mut(&token).map(Client::turn) {
                Some(None) => drop(clients.remove(&token)),
                Some(Some(true)) => drop(ready.insert(token)),
                _ => {}
            }
        }
    }
}
