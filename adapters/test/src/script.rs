//! What a server is to be like.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use smtp_codec::proto::reply::Extension;
use smtp_codec::server::Config;

use crate::act::Do;
use crate::at::{At, Happening};
use crate::{MemoryServer, Server};

/// What a server is to be like: good, but for what is said here.
///
/// Of several rules for one place the first one acts whose turn it is.
///
/// ```
/// use smtp_test::{At, Client, Do, Server};
///
/// let server = Server::script()
///     .on(At::rcpt().containing("nobody@"), Do::reply("550 5.1.1 who?"))
///     .on(At::message().nth(1), Do::reply("451 4.3.0 not now"))
///     .claim("XFROBNICATE")
///     .hide("PIPELINING")
///     .start();
/// let mut client = Client::connect(server.address());
/// client.expect("220");
/// let welcome = client.ask("EHLO client.example.net");
/// assert!(welcome.has_line("XFROBNICATE") && !welcome.has_line("PIPELINING"));
/// client.ask("MAIL FROM:<alice@example.net>").expect("250");
/// client.ask("RCPT TO:<nobody@example.org>").expect("550 5.1.1 who?");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Script {
    pub(crate) rules: Vec<(At, Do)>,
    pub(crate) claims: Vec<String>,
    pub(crate) hides: Vec<String>,
    pub(crate) config: Config,
    pub(crate) users: Vec<(String, String)>,
    pub(crate) patience: Duration,
    pub(crate) drip: Option<Duration>,
    pub(crate) tls: Tls,
}

/// Whether there is TLS, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "what has TLS is asked for by feature")
)]
pub(crate) enum Tls {
    Never,
    Offered,
    Implicit,
}

#[derive(Debug)]
struct Rule {
    at: At,
    act: Do,
    /// How often the place was come by.
    times: AtomicUsize,
}

impl Rule {
    fn new((at, act): (At, Do)) -> Self {
        Rule { at, act, times: AtomicUsize::new(0) }
    }
}

/// How long anything is waited for, unless it is said otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A good server, `mx.example.org`, which takes whatever it is given.
    pub fn new() -> Self {
        Script {
            rules: Vec::new(),
            claims: Vec::new(),
            hides: Vec::new(),
            config: Config::new("mx.example.org").expect("a domain"),
            users: Vec::new(),
            patience: PATIENCE,
            drip: None,
            tls: Tls::Never,
        }
    }

    /// Does `act` there.
    ///
    /// # Panics
    ///
    /// Where `at` is an octet of the link and `act` is anything but [`Do::cut`] or [`Do::stall`].
    #[track_caller]
    pub fn on(mut self, at: At, act: Do) -> Self {
        assert!(
            at.octets().is_none() || act.is_end(),
            "at an octet the link can only be cut, or stall: {act:?}"
        );
        self.rules.push((at, act));
        self
    }

    /// Offers, in the reply to EHLO, what it does not do: one line, such as `SIZE 10`.
    pub fn claim(mut self, line: &str) -> Self {
        self.claims.push(line.to_owned());
        self
    }

    /// Does not offer that keyword, and does it all the same.
    pub fn hide(mut self, keyword: &str) -> Self {
        self.hides.push(keyword.to_ascii_uppercase());
        self
    }

    /// Neither offers that extension nor does it.
    ///
    /// # Panics
    ///
    /// Where no extension has that keyword.
    #[track_caller]
    pub fn without(self, keyword: &str) -> Self {
        let known = Extension::ALL.iter().find(|it| it.keyword().eq_ignore_ascii_case(keyword));
        let Some(&extension) = known else { panic!("no known extension is called {keyword:?}") };
        self.configure(|config| config.without(extension))
    }

    /// Changes the configuration of the core: names, limits, LMTP, extensions.
    ///
    /// ```
    /// use smtp_test::Server;
    ///
    /// let lmtp = Server::script().configure(|config| config.lmtp().max_size(1000)).start();
    /// ```
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config) -> Self {
        self.config = change(self.config);
        self
    }

    /// Offers AUTH PLAIN and LOGIN, without TLS too, and knows that user.
    ///
    /// # Panics
    ///
    /// Never; the names of the mechanisms are good.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self.configure(|config| {
            config.auth(["PLAIN", "LOGIN"]).expect("good names").allow_plaintext_auth()
        })
    }

    /// How long it waits for a client, and an assertion for what it asserts: 5 seconds unless this
    /// is called.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Says everything octet by octet, with this pause behind each.
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Offers STARTTLS.
    #[cfg(feature = "tls")]
    pub fn start_tls(mut self) -> Self {
        self.tls = Tls::Offered;
        self
    }

    /// Has the handshake before the greeting, as on port 465.
    #[cfg(feature = "tls")]
    pub fn implicit_tls(mut self) -> Self {
        self.tls = Tls::Implicit;
        self
    }

    /// Starts it on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> Server {
        Server::run(self)
    }

    /// Has it served in memory, without threads.
    ///
    /// # Panics
    ///
    /// Where it wants TLS, which there is on sockets only.
    #[track_caller]
    #[must_use]
    pub fn in_memory(self) -> MemoryServer {
        assert!(self.tls == Tls::Never, "there is no TLS in memory");
        MemoryServer::new(self)
    }
}

/// Where the rules of a server are kept while it runs.
#[derive(Debug)]
pub(crate) struct Rules(RwLock<Vec<Rule>>);

impl Rules {
    pub(crate) fn new(rules: &[(At, Do)]) -> Self {
        Rules(RwLock::new(rules.iter().cloned().map(Rule::new).collect()))
    }

    /// Adds one, before all others.
    pub(crate) fn add(&self, at: At, act: Do) {
        let mut rules = self.0.write().unwrap_or_else(PoisonError::into_inner);
        rules.insert(0, Rule::new((at, act)));
    }

    /// What is to be done there, if anything unusual.
    pub(crate) fn find(&self, what: Happening<'_>, session: usize, recipient: usize) -> Option<Do> {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for rule in rules.iter().filter(|rule| rule.at.is_here(what, session, recipient)) {
            let number = rule.times.fetch_add(1, Ordering::SeqCst) + 1;
            if found.is_none() && rule.at.is_turn(number) {
                found = Some(rule.act.clone());
            }
        }
        found
    }

    /// The first octet that is sent, or received, behind which the link ends.
    pub(crate) fn end(&self, sent: bool, session: usize) -> Option<(usize, Do)> {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let ends = rules.iter().filter(|rule| rule.at.is_session(session));
        let ends = ends.filter_map(|rule| {
            let (is_sent, octets) = rule.at.octets()?;
            (is_sent == sent).then(|| (octets, rule.act.clone()))
        });
        ends.min_by_key(|(octets, _)| *octets)
    }
}
