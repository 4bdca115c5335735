//! What the events of the session tell.

use std::net::SocketAddr;

use jiff::Timestamp;
use smtp_codec::client::{Closing, Connection, Event};
use smtp_codec::proto::Failure;
use smtp_codec::proto::address::Host;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::session::client::ProtocolFault;
use smtp_tls::{Facts, Fault};

use super::certificate::Certificate;
use super::findings::{Findings, Tls, Unreachable, offered};
use super::watch::Watch;
use crate::args::probe::ProbeArgs;
use crate::exit::Exit;
use crate::trouble::{Trouble, is_of_the_link, no_handshake};

/// Whether a reply to EHLO is one of a mechanism that shows the password.
const PLAINTEXT: &[&str] = &["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"];

/// Puts together what is seen.
pub(super) struct Seen<'a> {
    args: &'a ProbeArgs,
    pub(super) watch: Watch,
    secure: bool,
    pub(super) findings: Findings,
    pub(super) exit: Exit,
}

impl<'a> Seen<'a> {
    pub(super) fn new(args: &'a ProbeArgs) -> Self {
        let mut findings = Findings { server: args.server.to_string(), ..Findings::default() };
        findings.aside.is_submission = args.is_submission();
        findings.aside.without_tls = args.tls() == TlsPolicy::Never;
        let secure = args.tls() == TlsPolicy::Implicit;
        Seen { args, watch: Watch::new(), secure, findings, exit: Exit::Done }
    }

    pub(super) fn is_implicit(&self) -> bool {
        self.args.tls() == TlsPolicy::Implicit
    }

    pub(super) fn fail(&mut self, exit: Exit, why: String) {
        self.exit = exit;
        self.findings.error = Some(why);
    }

    pub(super) fn not_connected(&mut self, address: SocketAddr, error: &std::io::Error) {
        let (address, error) = (address.to_string(), error.to_string());
        self.findings.unreachable.push(Unreachable { address, error });
    }

    pub(super) fn connected(&mut self, address: SocketAddr) {
        self.findings.address = Some(address.to_string());
        self.watch.connected(self.secure);
    }

    /// Takes an event; whether the session is over.
    pub(super) fn on(&mut self, event: Event<'_>) -> bool {
        let found = &mut self.findings;
        match event {
            Event::Greeting(reply) => {
                let text = String::from_utf8_lossy(reply.text());
                let name = text.split(' ').next().unwrap_or_default();
                found.aside.greets_by_name = Host::parse(name).is_ok();
                found.greeting = Some(reply.into());
            }
            Event::Refused(reply) => found.refusal = Some(reply.into()),
            Event::Ehlo(capabilities) => {
                let name = String::from_utf8_lossy(capabilities.domain()).into_owned();
                found.name = Some(name).filter(|name| !name.is_empty());
                found.protocol = Some(match () {
                    () if self.watch.said_helo() => "SMTP",
                    () if self.args.lmtp => "LMTP",
                    () => "ESMTP",
                });
                let offers = offered(capabilities);
                let mechanisms: Vec<_> = capabilities
                    .mechanisms()
                    .map(|it| String::from_utf8_lossy(it).to_ascii_uppercase())
                    .collect();
                if self.secure {
                    (found.capabilities.tls, found.auth.tls) = (Some(offers), mechanisms);
                } else {
                    let shows = |name: &&String| PLAINTEXT.contains(&name.as_str());
                    let plaintext = mechanisms.iter().filter(shows).cloned().collect();
                    found.auth.plaintext_in_the_clear = plaintext;
                    (found.capabilities.clear, found.auth.clear) = (Some(offers), mechanisms);
                }
            }
            Event::StartTls(reply) => {
                self.secure = reply.code().get() == 220;
                found.starttls = Some(reply.into());
            }
            Event::Ready(ready) => {
                found.aside.quit = Some(false);
                ready.quit();
            }
            Event::Closed(_) => return true,
            _ => {}
        }
        false
    }

    /// The session is over: what it knows, and what went wrong.
    pub(super) fn over(
        &mut self,
        connection: &Connection,
        facts: Option<&Facts>,
        error: Option<std::io::Error>,
    ) {
        let closing = connection.closing();
        if self.findings.is_introduced() {
            self.findings.note(connection.extensions());
        }
        if let Some(facts) = facts {
            self.secured(facts);
        }
        let found = &mut self.findings;
        found.capabilities.compare();
        found.timings_ms = self.watch.timings();
        found.aside.quit = found.aside.quit.map(|_| self.watch.answered_quit());
        let tls_fault = error.as_ref().and_then(Fault::of);
        let said = error.as_ref().map(|error| match tls_fault {
            Some(fault) => fault.to_string(),
            None => error.to_string(),
        });
        let said_or = |words: &str| said.clone().unwrap_or_else(|| words.to_owned());
        // Where QUIT was said, everything had been seen.
        if found.aside.quit.is_some() {
            return;
        }
        let implicit = self.args.tls() == TlsPolicy::Implicit;
        let silent = found.greeting.is_none();
        let (exit, why) = match closing {
            Some(Closing::TlsFailed) if error.as_ref().is_some_and(is_of_the_link) => {
                let why = error.as_ref().map(no_handshake).unwrap_or_default();
                found.aside.tls_failed = Some(why.clone());
                (Exit::TryLater, why)
            }
            Some(Closing::TlsFailed) => {
                let mut why =
                    format!("the TLS handshake failed: {}", said_or("no reason is known"));
                if implicit && tls_fault == Some(Fault::NotTls) {
                    why.push_str("; --tls opportunistic begins without");
                }
                found.aside.tls_failed = Some(said_or("the handshake failed"));
                (Exit::Forbidden, why)
            }
            Some(Closing::NoTls) => match &found.starttls {
                Some(reply) => {
                    let is_transient = (400..500).contains(&reply.code);
                    let exit = if is_transient { Exit::TryLater } else { Exit::Forbidden };
                    (exit, format!("the server refused STARTTLS: {}", reply.line()))
                }
                None => {
                    let why = "the server does not do TLS, which is required";
                    (Exit::Forbidden, why.to_owned())
                }
            },
            Some(Closing::Refused | Closing::Unavailable) => match &found.refusal {
                Some(it) if (400..500).contains(&it.code) => {
                    (Exit::TryLater, "the server does not serve this client now".to_owned())
                }
                _ => (Exit::Unavailable, "the server does not serve this client".to_owned()),
            },
            Some(Closing::Protocol(fault)) => {
                found.aside.injected = fault == ProtocolFault::Injected;
                (Exit::Protocol, fault.to_string())
            }
            Some(Closing::TimedOut) if silent && !implicit => (
                Exit::TryLater,
                "the server said nothing in time; where TLS comes first, use --tls implicit"
                    .to_owned(),
            ),
            Some(Closing::TimedOut) => {
                (Exit::TryLater, "the server did not answer in time".to_owned())
            }
            other => {
                let failure = other.map(Failure::Closed);
                let trouble = Trouble { error: error.as_ref(), failure, starttls: None };
                let closed = || "the server closed the connection".to_owned();
                (Exit::TryLater, trouble.why().unwrap_or_else(closed))
            }
        };
        self.fail(exit, why);
    }

    fn secured(&mut self, facts: &Facts) {
        let server = &self.args.server.host;
        let read = |der| Certificate::read(der, facts.certificates, server, Timestamp::now());
        self.findings.aside.fault = facts.fault;
        self.findings.tls = Some(Tls {
            how: if self.findings.starttls.is_some() { "starttls" } else { "implicit" },
            version: facts.version,
            cipher: facts.cipher_suite.clone(),
            verified: facts.verified,
            fault: facts.fault.map(|fault| fault.to_string()),
            certificate: facts.peer.as_deref().and_then(read),
        });
    }
}
