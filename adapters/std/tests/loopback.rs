//! The adapter over real sockets: the scenarios that every adapter must pass, and streams that are
//! not TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub, clippy::cast_possible_truncation, clippy::string_slice)]

use std::net::{SocketAddr, TcpStream};

use smtp_codec::{client, server};
use smtp_std::{Client, Server};

#[path = "../../tests-shared/mod.rs"]
mod shared;

use shared::{Adapter, App, Letter, Report, all_tests, send, serve};

struct Std;

impl Adapter for Std {
    fn serve(stream: TcpStream, config: server::Config, app: App) -> App {
        serve!(Server::new(stream, config), app)
    }

    fn send(to: SocketAddr, config: client::Config, letters: Vec<Letter>) -> Report {
        send!(Client::connect(to, config), letters)
    }
}

all_tests!(Std);

#[cfg(feature = "tls")]
mod under_tls {
    use smtp_sasl::Login;
    use smtp_tls::{ClientTls, ServerTls};

    use super::shared::secure::{Guarded, Secure, Tls, secure_tests, send_secure, serve_secure};
    use super::*;

    impl Secure for Std {
        fn serve(
            stream: TcpStream,
            config: server::Config,
            when: Tls,
            tls: ServerTls,
            app: Guarded,
        ) -> App {
            match when {
                Tls::StartTls => serve_secure!(Server::with_tls(stream, config, tls), app),
                Tls::Implicit => serve_secure!(Server::implicit_tls(stream, config, tls), app),
            }
        }

        fn send(
            to: SocketAddr,
            config: client::Config,
            tls: ClientTls,
            login: Option<Login>,
            letters: Vec<Letter>,
        ) -> Report {
            send_secure!(Client::connect_tls(to, config, tls), login, letters)
        }
    }

    secure_tests!(Std);
}

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::shared::{CLIENT, Running, SERVER};
    use super::*;

    #[test]
    fn over_a_unix_socket() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let config = server::Config::new(SERVER).unwrap();
        let serving = Running::start(move || serve!(Server::new(ours, config), App::default()));
        let config = client::Config::new(CLIENT).unwrap();
        let connected = io::Result::Ok(Client::new(theirs, config));
        let report = send!(connected, [Letter::new(&["bob"], ".\r\n")]);
        assert_eq!(
            report.outcomes,
            ["<bob@example.org> Accepted at Message: 250 2.0.0 message taken"]
        );
        assert_eq!(report.quit, Ok(()));
        let app = serving.end();
        assert_eq!(app.closing, Some(server::Closing::Quit));
        assert_eq!(app.stored[0].content, b".\r\n");
    }

    #[test]
    fn deadlines_over_a_unix_socket() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let config = server::Config::new(SERVER).unwrap().patience(Duration::from_millis(100));
        let serving = Running::start(move || serve!(Server::new(ours, config), App::default()));
        let heard = io::read_to_string(&theirs).unwrap();
        assert_eq!(
            heard,
            "220 mx.example.org ESMTP ready\r\n421 4.4.2 mx.example.org timed out\r\n"
        );
        drop(theirs);
        assert_eq!(serving.end().closing, Some(server::Closing::TimedOut));
    }
}
