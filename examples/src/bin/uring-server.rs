//! A server on io_uring, by the runtime `compio`: the system reads into buffers that it owns
//! meanwhile, and says when it is done. (Where there is no io_uring, `compio` polls.)
//!
//! ```sh
//! cargo run -p smtp-examples --bin uring-server -- 127.0.0.1:2525 300
//! ```
//!
//! It shows how the core goes with completions instead of readiness: what came is copied into the
//! connection by `receive`, since a buffer that is borrowed cannot be lent to the system. A task for
//! each client, a deadline for each wait (of so many seconds at most), an orderly close. It takes
//! everybody's mail and keeps none: who does accepts `Event::Message` once that is safe. It has no
//! TLS, and what it would write waits in a copy too.

use std::error::Error;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;
use compio::buf::BufResult;
use compio::io::{AsyncRead, AsyncWrite};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};
use compio::time::{sleep, timeout};
use smtp_codec::Deadline;
use smtp_codec::server::{Config, Connection, Event, Want};

/// Further clients wait in the queue of the listener.
const CLIENTS: usize = 500;
/// So long a client that was cut off may go on sending, so that it can read why.
const LINGER: Duration = Duration::from_secs(1);

struct Client {
    stream: TcpStream,
    connection: Connection,
    /// What was read and is not yet received.
    room: Vec<u8>,
    /// The system may be sending something.
    sending: bool,
}

impl Client {
    async fn serve(mut self) -> io::Result<()> {
        let mut deadline = Deadline::new(Instant::now());
        loop {
            let want = self.connection.step();
            let by = deadline.renew(&self.connection, Instant::now());
            let left = by.saturating_duration_since(Instant::now());
            match want {
                Want::Event => match self.connection.event() {
                    Event::Rcpt(rcpt) => rcpt.accept(),
                    Event::Message(message) => {
                        println!("a message of {} octets", message.size());
                        message.accept();
                    }
                    other => other.proceed(),
                },
                Want::Input | Want::Flush => {
                    match timeout(left, self.exchange(want == Want::Input)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => self.connection.broken(),
                        Err(_) if self.sending => self.connection.broken(), // some may have left
                        Err(_) => drop(deadline.expire(&mut self.connection, Instant::now())),
                    }
                }
                Want::Tls => self.connection.tls_failed(), // never: it is not offered
                Want::Close => {
                    self.stream.shutdown().await?;
                    let lingers = self.connection.lingers();
                    return if lingers { self.linger().await } else { Ok(()) };
                }
            }
        }
    }

    /// Sends what waits, and reads if that is wanted.
    async fn exchange(&mut self, wants_input: bool) -> io::Result<()> {
        while self.connection.tx().has_remaining() {
            let waiting = self.connection.tx().chunk().to_vec();
            self.sending = true;
            let BufResult(sent, _) = self.stream.write(waiting).await;
            self.sending = false;
            self.connection.tx().advance(sent?);
        }
        if wants_input {
            if self.room.is_empty() {
                let room = Vec::with_capacity(4096);
                let BufResult(read, room) = self.stream.read(room).await;
                match read? {
                    0 => self.connection.eof(),
                    _ => self.room = room,
                }
            }
            let taken = self.connection.rx().receive(&self.room);
            self.room.drain(..taken);
        }
        Ok(())
    }

    /// Throws away what still comes.
    async fn linger(&mut self) -> io::Result<()> {
        let by = Instant::now() + LINGER;
        let mut room = Vec::with_capacity(4096);
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let Ok(BufResult(read, back)) = timeout(left, self.stream.read(room)).await else {
                return Ok(());
            };
            if read? == 0 {
                return Ok(());
            }
            room = back;
            room.clear();
        }
    }
}

async fn accept(address: String, config: Arc<Config>) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let clients = Rc::new(());
    loop {
        while Rc::strong_count(&clients) > CLIENTS {
            sleep(Duration::from_millis(10)).await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await; // there may be no descriptor left
            continue;
        };
        let connection = Connection::new(Arc::clone(&config));
        let client = Client { stream, connection, room: vec![], sending: false };
        let present = Rc::clone(&clients);
        spawn(async move {
            let _ = client.serve().await;
            drop(present);
        })
        .detach();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:2525".into());
    let patience = arguments.next().map_or(Ok(300), |seconds| seconds.parse())?;
    let config = Config::new("mx.example.org")?.max_size(10 << 20);
    let config = config.patience(Duration::from_secs(patience));
    Runtime::new()?.block_on(accept(address, Arc::new(config)))?;
    Ok(())
}
