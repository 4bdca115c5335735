//! TLS and AUTH over sockets: what every adapter must do with them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use smtp_codec::client::Config as ClientConfig;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::server::{Closing, Config as ServerConfig, Event};
use smtp_sasl::{Exchange, Login, Passwords, Step, Users};
use smtp_tls::{ClientTls, Roots, ServerTls, Trust};

use super::{App, CLIENT, Letter, Report, Running, SERVER, foreign, plain};

/// When the server under test makes its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    StartTls,
    Implicit,
}

/// The adapter under test.
pub trait Secure: 'static {
    /// Serves one session to its end.
    fn serve(
        stream: TcpStream,
        config: ServerConfig,
        when: Tls,
        tls: ServerTls,
        app: Guarded,
    ) -> App;

    /// Connects, authenticates if there is a login, sends each letter, quits.
    fn send(
        to: SocketAddr,
        config: ClientConfig,
        tls: ClientTls,
        login: Option<Login>,
        letters: Vec<Letter>,
    ) -> Report;
}

/// The application with somebody at its door.
pub struct Guarded {
    app: App,
    users: Arc<dyn Users>,
    exchange: Option<Exchange>,
    pub binding: Option<[u8; 32]>,
}

impl Default for Guarded {
    fn default() -> Self {
        let users: Passwords = [("alice", "tiger")].into_iter().collect();
        let users: Arc<dyn Users> = Arc::new(users);
        Guarded { app: App::default(), users, exchange: None, binding: None }
    }
}

macro_rules! answer {
    ($handle:ident, $step:expr) => {
        match $step {
            Step::Challenge(challenge) => $handle.challenge(&challenge),
            Step::Accepted(_) => $handle.accept(),
            Step::Rejected => {
                $handle.reject(smtp_codec::proto::reply::Refusal::BAD_CREDENTIALS);
            }
        }
    };
}

impl Guarded {
    pub fn on(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Auth(auth) => {
                let binding = self.binding.as_ref().map(|binding| &binding[..]);
                let mut exchange = Exchange::new(Arc::clone(&self.users), binding);
                let initial = auth.initial_response();
                answer!(auth, exchange.start(auth.mechanism().as_str(), initial.as_deref()));
                self.exchange = Some(exchange);
                true
            }
            Event::AuthResponse(response) => {
                let step = self.exchange.as_mut().unwrap().respond(&response.response());
                answer!(response, step);
                true
            }
            other => self.app.on(other),
        }
    }

    pub fn broke(&mut self, error: &std::io::Error) {
        self.app.broke(error);
    }

    pub fn end(self) -> App {
        self.app
    }
}

/// The loop over a server's events, the same but for `.await`.
macro_rules! serve_secure {
    ($server:expr, $app:expr $(, $await:tt)?) => {{
        let (mut server, mut app) = ($server, $app);
        loop {
            app.binding = server.tls().and_then(|facts| facts.exporter);
            match server.next()$(.$await)? {
                Ok(event) => match app.on(event) {
                    true => {}
                    false => break app.end(),
                },
                Err(error) => app.broke(&error),
            }
        }
    }};
}
pub(crate) use serve_secure;

/// All that a client does, the same but for `.await`.
macro_rules! send_secure {
    ($connected:expr, $login:expr, $letters:expr $(, $await:tt)?) => {{
        let mut client = $connected.unwrap();
        let mut report = $crate::shared::Report::default();
        client.observe(report.ear());
        if let Some(mut login) = $login && client.ready()$(.$await)?.is_ok() {
            if let Some(binding) = client.tls().and_then(|facts| facts.exporter) {
                login = login.bind(&binding);
            }
            client.authenticate(&mut login)$(.$await)?.unwrap();
        }
        for letter in $letters {
            let sent = client.send(&letter.envelope, letter.body)$(.$await)?;
            report.sent(&letter.envelope, sent);
        }
        report.closing = client.connection().closing();
        report.quit = client.quit()$(.$await)?.map_err(|error| error.kind());
        report
    }};
}
pub(crate) use send_secure;

/// One `#[test]` for each scenario.
macro_rules! secure_tests {
    ($adapter:ty) => {
        $crate::shared::secure::secure_tests!($adapter:
            starttls_and_auth,
            implicit_tls_and_auth,
            the_strongest_mechanism_is_bound_to_the_channel,
            no_tls_where_it_is_required,
            injected_replies,
            a_certificate_for_another_name,
        );
        $crate::shared::tests!($adapter:
            plaintext_behind_close_notify,
            cut_without_close_notify,
            plaintext_in_the_place_of_a_handshake,
            handshake_that_is_cut,
            octets_behind_starttls,
            unanswered_handshake,
            refused_in_much_content_under_tls,
        );
    };
    ($adapter:ty: $($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            $crate::shared::secure::$name::<$adapter>();
        }
    )*};
}
pub(crate) use secure_tests;

struct Keys {
    server: ServerTls,
    roots: Roots,
}

impl Keys {
    fn new() -> Self {
        let (server, pem) = ServerTls::self_signed([SERVER]).unwrap();
        Keys { server, roots: Roots::from_pem(pem.as_bytes()).unwrap() }
    }

    fn client(&self, name: &str) -> ClientTls {
        ClientTls::new(name, Trust::Verified, &self.roots).unwrap()
    }
}

fn offering() -> ServerConfig {
    plain().auth(smtp_sasl::bound_mechanisms().iter().copied()).unwrap()
}

/// A server under test, for one session.
pub fn start<A: Secure>(
    config: ServerConfig,
    when: Tls,
    tls: ServerTls,
) -> (SocketAddr, Running<App>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let run = move || {
        let (stream, _) = listener.accept().unwrap();
        A::serve(stream, config, when, tls, Guarded::default())
    };
    (address, Running::start(run))
}

fn client(policy: TlsPolicy) -> ClientConfig {
    ClientConfig::new(CLIENT).unwrap().tls(policy)
}

fn letters() -> Vec<Letter> {
    vec![
        Letter::new(&["bob", "nobody"], ".dots\r\n..\r\n"),
        Letter::new(&["bob"], super::scenarios::large().as_slice()),
    ]
}

fn through<A: Secure>(when: Tls, policy: TlsPolicy, login: Login) -> (Report, App) {
    let keys = Keys::new();
    let (address, serving) = start::<A>(offering(), when, keys.server.clone());
    let tls = keys.client(SERVER);
    let report =
        Running::start(move || A::send(address, client(policy), tls, Some(login), letters())).end();
    let app = serving.end();
    assert_eq!(report.quit, Ok(()));
    assert_eq!((app.closing, app.error), (Some(Closing::Quit), None));
    let contents: Vec<_> = app.stored.iter().map(|stored| stored.content.as_slice()).collect();
    assert_eq!(contents[0], b".dots\r\n..\r\n");
    assert!(contents[1] == super::scenarios::large(), "5 MB under TLS came through changed");
    (report, app)
}

/// The same dialogue everywhere, secrets masked.
pub fn starttls_and_auth<A: Secure>() {
    let login = Login::password("alice", "tiger").mechanism("PLAIN");
    let (report, _) = through::<A>(Tls::StartTls, TlsPolicy::Required, login);
    assert_eq!(report.dialogue(), include_str!("scenarios/dialogue_starttls.txt"));
}

pub fn implicit_tls_and_auth<A: Secure>() {
    let login = Login::password("alice", "tiger").mechanism("LOGIN");
    let (report, _) = through::<A>(Tls::Implicit, TlsPolicy::Implicit, login);
    assert_eq!(report.dialogue(), include_str!("scenarios/dialogue_implicit_tls.txt"));
}

pub fn the_strongest_mechanism_is_bound_to_the_channel<A: Secure>() {
    let login = Login::password("alice", "tiger");
    let (report, _) = through::<A>(Tls::StartTls, TlsPolicy::Opportunistic, login);
    assert!(report.dialogue().contains("C: AUTH SCRAM-SHA-256-PLUS"), "{}", report.dialogue());
}

/// Threats 2.3: a server that does not offer STARTTLS hears neither MAIL nor AUTH.
pub fn no_tls_where_it_is_required<A: Secure>() {
    let address = foreign(|mut peer| {
        peer.say("220 mx\r\n");
        assert_eq!(peer.line(), format!("EHLO {CLIENT}"));
        peer.say("250-mx\r\n250 AUTH PLAIN\r\n");
        assert_eq!(peer.line(), "QUIT");
        peer.say("221 bye\r\n");
        assert_eq!(peer.rest().unwrap(), "");
    });
    let tls = Keys::new().client(SERVER);
    let login = Some(Login::password("alice", "tiger").mechanism("PLAIN"));
    let report = Running::start(move || {
        A::send(address, client(TlsPolicy::Required), tls, login, letters())
    });
    let report = report.end();
    assert!(report.outcomes[0].contains("Deferred at Connect"), "{:?}", report.outcomes);
}

/// Threats 2.2: what stands behind the 220 in the clear ends the session before the handshake.
pub fn injected_replies<A: Secure>() {
    let address = foreign(|mut peer| {
        peer.say("220 mx\r\n");
        peer.line();
        peer.say("250-mx\r\n250 STARTTLS\r\n");
        assert_eq!(peer.line(), "STARTTLS");
        peer.say("220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n");
        // Not one octet of a handshake.
        assert_eq!(peer.rest().unwrap_or_default(), "");
    });
    let tls = Keys::new().client(SERVER);
    let config = client(TlsPolicy::Opportunistic);
    let report = Running::start(move || A::send(address, config, tls, None, letters())).end();
    assert!(report.outcomes[0].contains("Deferred"), "{:?}", report.outcomes);
    assert!(!report.dialogue().contains("evil"), "{}", report.dialogue());
}

/// Threats 2.5: nothing is sent to who cannot prove to be the one that was asked for.
pub fn a_certificate_for_another_name<A: Secure>() {
    let keys = Keys::new();
    let (address, serving) = start::<A>(offering(), Tls::StartTls, keys.server.clone());
    let tls = keys.client("other.example.org");
    let config = client(TlsPolicy::Required);
    let report = Running::start(move || A::send(address, config, tls, None, letters())).end();
    assert!(report.outcomes[0].contains("Deferred at Connect"), "{:?}", report.outcomes);
    assert!(!report.dialogue().contains("MAIL"), "{}", report.dialogue());
    let app = serving.end();
    assert!(app.stored.is_empty());
}
