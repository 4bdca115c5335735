//! What the tests of every adapter have in common. Nothing here knows of a runtime: the foreign
//! peers are threads on blocking sockets, and an adapter is whatever implements [`Adapter`].

#![allow(dead_code, unused_macros, unused_imports)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use smtp_codec::{client, server};

mod app;
mod letter;
mod peer;
mod polls;
pub mod scenarios;
#[cfg(feature = "tls")]
pub mod secure;

pub use app::App;
pub use letter::{Body, Letter, Report};
pub use peer::Peer;
pub use polls::{poll_once, some_polls};

/// The adapter under test.
pub trait Adapter: 'static {
    /// Serves one session to its end, and closes the connection.
    fn serve(stream: TcpStream, config: server::Config, app: App) -> App;

    /// Connects, sends each letter, quits.
    fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report;
}

/// A hang is a failure after this long; nothing here takes more than a fraction of it.
const BOUND: Duration = Duration::from_secs(10);

/// What the server under test and the client under test are called.
pub const SERVER: &str = "mx.example.org";
pub const CLIENT: &str = "client.example.net";

/// A server that takes content by DATA: how it is cut into chunks depends on timing, and these
/// dialogues are compared to the letter.
pub fn plain() -> smtp_codec::server::Config {
    use smtp_codec::proto::reply::Extension;

    let config = smtp_codec::server::Config::new(SERVER).unwrap();
    config.without(Extension::Chunking).without(Extension::BinaryMime)
}

/// Something under way on a thread of its own.
pub struct Running<T>(Receiver<T>);

impl<T: Send + 'static> Running<T> {
    pub fn start(run: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, heard) = channel();
        thread::spawn(move || tell.send(run()));
        Running(heard)
    }

    /// What it came to; fails the test if it hangs or panics.
    pub fn end(self) -> T {
        self.0.recv_timeout(BOUND).expect("it came to an end, without a panic")
    }
}

/// A server under test, for one session.
pub fn start_server<A: Adapter>(config: server::Config) -> (SocketAddr, Running<App>) {
    start_server_with::<A>(config, App::default())
}

pub fn start_server_with<A: Adapter>(
    config: server::Config,
    app: App,
) -> (SocketAddr, Running<App>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = move || {
        let (stream, _) = listener.accept().unwrap();
        drop(listener);
        A::serve(stream, config, app)
    };
    (address, Running::start(run))
}

/// A client under test.
pub fn start_client<A: Adapter>(
    to: SocketAddr,
    config: client::Config,
    letters: Vec<Letter>,
) -> Running<Report> {
    Running::start(move || A::send(to, config, letters))
}

/// A foreign server, for one session.
pub fn foreign(play: impl FnOnce(Peer) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || play(Peer::new(listener.accept().unwrap().0)));
    address
}

/// The loop over a server's events, the same but for `.await`.
macro_rules! serve {
    ($server:expr, $app:expr $(, $await:tt)?) => {{
        let (mut server, mut app) = ($server, $app);
        loop {
            match server.next()$(.$await)? {
                Ok(event) => match app.on(event) {
                    true => {}
                    false => break app,
                },
                Err(error) => app.broke(&error),
            }
        }
    }};
}
pub(crate) use serve;

/// All that a client does, the same but for `.await`.
macro_rules! send {
    ($connected:expr, $letters:expr $(, $await:tt)?) => {
        match $connected {
            Err(error) => $crate::shared::Report::unconnected(&error),
            Ok(mut client) => {
                let mut report = $crate::shared::Report::default();
                client.observe(report.ear());
                for letter in $letters {
                    let sent = client.send(&letter.envelope, letter.body)$(.$await)?;
                    report.sent(&letter.envelope, sent);
                }
                report.closing = client.connection().closing();
                report.quit = client.quit()$(.$await)?.map_err(|error| error.kind());
                report
            }
        }
    };
}
pub(crate) use send;

/// A client's whole work with a `next` that is dropped again and again: the events are handed to
/// `Delivery` by hand, because `send` waits for its own.
macro_rules! send_dropping {
    ($connected:expr, $letters:expr) => {{
        use smtp_codec::client::{Content, Delivery, Event, Sent, Step};
        let mut client = $connected.unwrap();
        let mut report = $crate::shared::Report::default();
        let mut times = 0;
        client.observe(report.ear());
        for mut letter in $letters {
            let mut delivery = Delivery::new(&letter.envelope);
            let mut content = Content::new();
            loop {
                times = times % 3 + 1;
                let Some(event) = $crate::shared::some_polls(client.next(), times).await else {
                    continue;
                };
                match delivery.on(event.unwrap()) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(slot) => {
                        if content.wants_more() {
                            let n = std::io::Read::read(&mut letter.body, content.space()).unwrap();
                            content.filled(n);
                        }
                        content.write_to(slot).unwrap();
                    }
                }
            }
            let outcome = delivery.outcome(client.connection());
            report.sent(&letter.envelope, Sent { outcome, error: None });
        }
        report.closing = client.connection().closing();
        let mut quit = false;
        report.quit = loop {
            times = times % 3 + 1;
            match $crate::shared::some_polls(client.next(), times).await {
                None => {}
                Some(Ok(Event::Ready(ready))) => {
                    ready.quit();
                    quit = true;
                }
                Some(Ok(Event::Closed(_))) => break Ok(()),
                Some(Ok(other)) => assert!(quit, "{other:?}"),
                Some(Err(error)) if error.kind() == std::io::ErrorKind::NotConnected => {
                    break Ok(());
                }
                Some(Err(error)) => break Err(error.kind()),
            }
        };
        report
    }};
}
pub(crate) use send_dropping;

/// A server whose `next` is dropped again and again.
macro_rules! serve_dropping {
    ($server:expr, $app:expr) => {{
        let (mut server, mut app) = ($server, $app);
        let mut times = 0;
        loop {
            times = times % 3 + 1;
            match $crate::shared::some_polls(server.next(), times).await {
                None => {}
                Some(Ok(event)) => match app.on(event) {
                    true => {}
                    false => break app,
                },
                Some(Err(error)) => app.broke(&error),
            }
        }
    }};
}
pub(crate) use serve_dropping;

/// What the buffers of an async server hold while it waits: behind EHLO, behind NOOP, and in the
/// middle of a line.
macro_rules! idle {
    ($server:expr, $peer:expr) => {{
        let (mut server, mut peer) = ($server, $peer);
        let mut held = Vec::new();
        let dialogue = [
            ("EHLO client.example.net\r\n", &["220 mx", "250-mx"][..]),
            ("NOOP\r\n", &["250 2.0.0"]),
            ("NOO", &[]),
        ];
        for (say, replies) in dialogue {
            peer.say(say);
            for _ in 0..50 {
                std::thread::sleep(std::time::Duration::from_millis(1));
                if let Some(event) = $crate::shared::poll_once(server.next()).await {
                    event.unwrap().proceed();
                }
            }
            for reply in replies {
                assert!(peer.reply().starts_with(reply));
            }
            held.push(server.connection().buffered());
        }
        held
    }};
}
pub(crate) use idle;

/// One `#[test]` for each scenario.
macro_rules! tests {
    ($adapter:ty: $($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            $crate::shared::scenarios::$name::<$adapter>();
        }
    )*};
}
pub(crate) use tests;

/// Every scenario, for an adapter. Those about deadlines spend their time waiting, and do so
/// together.
macro_rules! all_tests {
    ($adapter:ty) => {
        $crate::shared::tests!($adapter:
            same_program,
            same_program_step_by_step,
            nobody_listens,
            half_closed_after_everything,
            server_closes_at_each_stage,
            server_closes_between_messages,
            content_that_fails,
            client_closes_at_each_stage,
            client_that_is_still_sending,
            unavailable_to_a_group,
            unavailable_in_much_content,
            refused_in_much_content,
            much_content_read_late,
            accepted_before_the_end_of_the_content,
            lively_client,
            cut_at_each_octet,
            lies_are_not_believed,
        );

        #[test]
        fn deadlines() {
            use $crate::shared::scenarios::*;
            $crate::shared::together(&[
                ("silent_client", silent_client::<$adapter>),
                ("silent_client_in_data", silent_client_in_data::<$adapter>),
                ("dripping_client", dripping_client::<$adapter>),
                ("dripping_content", dripping_content::<$adapter>),
                ("early_talker", early_talker::<$adapter>),
                ("patient_client", patient_client::<$adapter>),
                ("client_that_reads_too_late", client_that_reads_too_late::<$adapter>),
                ("client_that_never_reads", client_that_never_reads::<$adapter>),
                ("silent_server", silent_server::<$adapter>),
                ("dripping_server", dripping_server::<$adapter>),
                ("server_that_never_reads", server_that_never_reads::<$adapter>),
                ("silent_after_the_message", silent_after_the_message::<$adapter>),
                ("unavailable_in_the_content", unavailable_in_the_content::<$adapter>),
            ]);
        }
    };
}
pub(crate) use all_tests;

/// Runs scenarios at the same time, each on a thread of its own.
pub fn together(scenarios: &[(&'static str, fn())]) {
    let start = |&(name, run): &(&'static str, fn())| {
        (name, thread::Builder::new().name(name.into()).spawn(run).unwrap())
    };
    let running: Vec<_> = scenarios.iter().map(start).collect();
    let failed = running.into_iter().filter_map(|(name, run)| run.join().err().map(|_| name));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0]);
}
