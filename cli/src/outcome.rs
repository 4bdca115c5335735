//! What became of a message: in words, and as an exit code. The same for every client.

use std::io;

use serde::Serialize;
use smtp_codec::client::{AuthError, CallError, Closing, Connection};
use smtp_codec::proto::reply::Reply;
use smtp_codec::proto::{Delivered, Failure, Verdict};
use smtp_tls::{Facts, Fault};

use crate::exit::Exit;

/// What is told of TLS.
#[derive(Serialize)]
pub(crate) struct TlsReport {
    pub(crate) version: &'static str,
    cipher: String,
    /// Whether the certificate is valid and for that server.
    verified: bool,
}

impl From<&Facts> for TlsReport {
    fn from(facts: &Facts) -> Self {
        TlsReport {
            version: facts.version,
            cipher: facts.cipher_suite.clone(),
            verified: facts.verified,
        }
    }
}

/// A reply's text on one line.
pub(crate) fn text(reply: Reply<'_>) -> String {
    let lines: Vec<_> = reply.texts().map(|line| String::from_utf8_lossy(line)).collect();
    lines.join(" ").trim().to_owned()
}

/// A reply on one line, as it came: for people it goes through [`plain`](crate::plain::plain).
pub(crate) fn line(reply: Reply<'_>) -> String {
    let enhanced = reply.enhanced().map(|it| format!(" {it}")).unwrap_or_default();
    format!("{}{enhanced} {}", reply.code(), text(reply)).trim_end().to_owned()
}

/// The word for it, in reports for people and for programs.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Deferred => "deferred",
        Verdict::Unknown => "unknown",
    }
}

/// What went wrong other than by a reply, in a sentence; none if nothing did.
pub(crate) fn why(error: Option<&io::Error>, failure: Option<Failure>) -> Option<String> {
    if let Some(error) = error {
        return Some(match (failure, Fault::of(error)) {
            (_, Some(fault)) => format!("TLS failed: {fault}"),
            (Some(Failure::Closed(Closing::TlsFailed)), None) => no_handshake(error),
            _ => error.to_string(),
        });
    }
    Some(match failure? {
        Failure::NotSent(error) => error.to_string(),
        Failure::BareNewline => "the message holds a bare CR or LF".to_owned(),
        Failure::Closed(Closing::Protocol(fault)) => fault.to_string(),
        Failure::Closed(Closing::PeerGone) => "the server closed the connection".to_owned(),
        Failure::Closed(Closing::TimedOut) => "the server did not answer in time".to_owned(),
        Failure::Closed(Closing::Unavailable) => "the server is closing the session".to_owned(),
        Failure::Closed(Closing::NoTls) => {
            "the server does not do TLS, which is required; --tls opportunistic does without"
                .to_owned()
        }
        Failure::Closed(Closing::TlsFailed) => "TLS failed".to_owned(),
        Failure::Closed(Closing::Refused) => "the server does not serve this client".to_owned(),
        _ => "the session ended".to_owned(),
    })
}

/// Why there was no handshake, in a sentence.
pub(crate) fn no_handshake(error: &io::Error) -> String {
    match Fault::of(error) {
        Some(fault) => fault.to_string(),
        None => format!("{} in the TLS handshake", broken(error)),
    }
}

/// Whether a handshake was ended by the link, and not by what one side found wrong with the other.
pub(crate) fn is_of_the_link(error: &io::Error) -> bool {
    Fault::of(error).is_none()
}

/// How a link broke: each runtime and system has words of its own for it.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::WriteZero => "the server closed the connection".to_owned(),
        _ if is_late(error) => "the server did not answer in time".to_owned(),
        _ => format!("the link broke ({error})"),
    }
}

/// Whether the server was waited for in vain.
pub(crate) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// What a server offers to who wants to authenticate, and whether it is heard by others.
#[derive(Debug)]
pub(crate) struct Mechanisms {
    names: Vec<String>,
    is_secure: bool,
}

impl Mechanisms {
    pub(crate) fn of(connection: &Connection) -> Self {
        let names = connection.mechanisms().map(str::to_ascii_uppercase).collect();
        Mechanisms { names, is_secure: connection.is_secure() }
    }
}

/// They show a secret, and are not used without TLS.
const SHOWING: [&str; 4] = ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"];

/// Why the server does not know this user. What shows secrets may be `held_back` without TLS.
pub(crate) fn why_stranger(error: &AuthError, offered: &Mechanisms, held_back: bool) -> String {
    if !matches!(error, AuthError::NoMechanism) {
        return error.to_string();
    }
    let is_showing = |name: &&String| SHOWING.contains(&name.as_str());
    let waiting: Vec<_> = offered.names.iter().filter(is_showing).map(String::as_str).collect();
    let told = match () {
        () if held_back && !offered.is_secure && !waiting.is_empty() => {
            let needs = if waiting.len() == 1 { "needs" } else { "need" };
            format!("{} {needs} TLS, or --allow-plaintext-auth", waiting.join(" and "))
        }
        () if !offered.names.is_empty() => format!("it offers {}", offered.names.join(" and ")),
        () if offered.is_secure => "it offers none".to_owned(),
        () => "it offers none without TLS".to_owned(),
    };
    format!("{error}; {told}")
}

/// The exit code of a user whom the server does not know.
pub(crate) fn exit_stranger(error: &AuthError) -> Exit {
    match error {
        AuthError::Refused(reply) if reply.as_reply().code().is_transient() => Exit::TryLater,
        AuthError::Closed(Closing::Protocol(_)) => Exit::Protocol,
        AuthError::Closed(Closing::NoTls | Closing::TlsFailed) => Exit::Forbidden,
        AuthError::Closed(_) => Exit::TryLater,
        _ => Exit::Forbidden,
    }
}

/// Whether something else than a reply decided about some recipient.
pub(crate) fn lack_reply(recipients: &[Delivered]) -> bool {
    recipients.iter().any(|delivered| delivered.reply.is_none())
}

/// What every recipient was told by the server counts; what went wrong beside it only where a
/// recipient was told nothing.
pub(crate) fn exit(
    recipients: &[Delivered],
    error: Option<&io::Error>,
    failure: Option<Failure>,
) -> Exit {
    let has = |verdict| recipients.iter().any(|it| it.verdict == verdict);
    match failure.filter(|_| lack_reply(recipients)) {
        Some(Failure::NotSent(
            CallError::TooManyRecipients(_) | CallError::TooManyTransactions(_),
        )) => Exit::TryLater,
        Some(Failure::BareNewline | Failure::NotSent(_)) => Exit::Data,
        Some(Failure::Closed(Closing::Protocol(_))) => Exit::Protocol,
        Some(Failure::Closed(Closing::TlsFailed)) if error.is_some_and(is_of_the_link) => {
            Exit::TryLater
        }
        Some(Failure::Closed(Closing::NoTls | Closing::TlsFailed)) => Exit::Forbidden,
        _ if has(Verdict::Unknown) || has(Verdict::Deferred) => Exit::TryLater,
        _ if has(Verdict::Refused) => Exit::Unavailable,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use smtp_codec::proto::Stage;
    use smtp_codec::proto::session::client::ProtocolFault;

    use super::*;

    fn told(text: &str) -> Delivered {
        let reply = format!("{text}\r\n");
        Delivered::from_reply(Stage::Message, Reply::parse(reply.as_bytes()).unwrap())
    }

    fn untold(verdict: Verdict) -> Delivered {
        Delivered { verdict, stage: Stage::Rcpt, reply: None }
    }

    #[test]
    fn tls_is_blamed_only_where_it_would_help() {
        let told = |names: &[&str], is_secure, held_back| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let offered = Mechanisms { names, is_secure };
            let sentence = why_stranger(&AuthError::NoMechanism, &offered, held_back);
            sentence.split_once("; ").unwrap().1.to_owned()
        };
        for (names, is_secure, held_back, want) in [
            (&["PLAIN"][..], false, true, "PLAIN needs TLS, or --allow-plaintext-auth"),
            (
                &["NTLM", "PLAIN", "LOGIN"],
                false,
                true,
                "PLAIN and LOGIN need TLS, or --allow-plaintext-auth",
            ),
            (&["XOAUTH2"], false, true, "XOAUTH2 needs TLS, or --allow-plaintext-auth"),
            (&["NTLM", "GSSAPI"], false, true, "it offers NTLM and GSSAPI"),
            (&["NTLM"], true, true, "it offers NTLM"),
            (&["XOAUTH2"], true, true, "it offers XOAUTH2"),
            (&["XOAUTH2"], false, false, "it offers XOAUTH2"),
            (&[], false, true, "it offers none without TLS"),
            (&[], true, false, "it offers none"),
        ] {
            assert_eq!(told(names, is_secure, held_back), want);
        }
        let offered = Mechanisms { names: Vec::new(), is_secure: false };
        let other = why_stranger(&AuthError::NotProven, &offered, true);
        assert_eq!(other, AuthError::NotProven.to_string());
    }

    #[test]
    fn a_handshake_that_the_link_ends_may_be_tried_again() {
        let tls_failed = Some(Failure::Closed(Closing::TlsFailed));
        let told = |error: &io::Error| {
            let exit = exit(&[untold(Verdict::Deferred)], Some(error), tls_failed);
            (exit, why(Some(error), tls_failed).unwrap())
        };
        let closed = "the server closed the connection in the TLS handshake";
        let late = "the server did not answer in time in the TLS handshake";
        for (kind, sentence) in [
            (io::ErrorKind::UnexpectedEof, closed),
            (io::ErrorKind::ConnectionReset, closed),
            (io::ErrorKind::BrokenPipe, closed),
            (io::ErrorKind::TimedOut, late),
            (io::ErrorKind::WouldBlock, late),
        ] {
            assert_eq!(told(&kind.into()), (Exit::TryLater, sentence.to_owned()));
        }
        let unlike = told(&io::Error::other("no route"));
        let sentence = "the link broke (no route) in the TLS handshake".to_owned();
        assert_eq!(unlike, (Exit::TryLater, sentence));
        let fault = rustls::Error::NoCertificatesPresented;
        assert_eq!(told(&io::Error::other(fault)).0, Exit::Forbidden);
        assert_eq!(exit(&[untold(Verdict::Deferred)], None, tls_failed), Exit::Forbidden);
    }

    #[test]
    fn exit_codes() {
        let (yes, no, later) = (told("250 ok"), told("550 no"), told("451 later"));
        let (not_sent, broken, gone) = (
            Some(Failure::NotSent(CallError::NeedsChunking)),
            Some(Failure::Closed(Closing::Protocol(ProtocolFault::Class))),
            Some(Failure::Closed(Closing::PeerGone)),
        );
        let bare = Some(Failure::BareNewline);
        let too_many = Some(Failure::NotSent(CallError::TooManyRecipients(1)));
        let [refused, deferred, unknown] =
            [Verdict::Refused, Verdict::Deferred, Verdict::Unknown].map(untold);
        for (recipients, failure, code) in [
            (vec![&yes, &yes], None, Exit::Done),
            (vec![&yes], broken, Exit::Done),
            (vec![&yes], gone, Exit::Done),
            (vec![&yes, &no], None, Exit::Unavailable),
            (vec![&no], broken, Exit::Unavailable),
            (vec![&yes, &no], gone, Exit::Unavailable),
            (vec![&no, &later, &yes], None, Exit::TryLater),
            (vec![&later], broken, Exit::TryLater),
            (vec![&refused], bare, Exit::Data),
            (vec![&refused, &yes], not_sent, Exit::Data),
            (vec![&no, &yes], not_sent, Exit::Unavailable),
            (vec![&deferred, &yes], too_many, Exit::TryLater),
            (vec![&deferred], broken, Exit::Protocol),
            (vec![&unknown], broken, Exit::Protocol),
            (vec![&no, &deferred], broken, Exit::Protocol),
            (vec![&deferred], gone, Exit::TryLater),
            (vec![&unknown], gone, Exit::TryLater),
            (vec![&no, &unknown], None, Exit::TryLater),
        ] {
            let recipients: Vec<_> = recipients.into_iter().cloned().collect();
            assert_eq!(exit(&recipients, None, failure), code, "{recipients:?} {failure:?}");
        }
    }
}
