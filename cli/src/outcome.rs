//! What became of a message, in words. The same for every client.

use serde::Serialize;
use smtp_codec::client::{AuthError, Closing, Connection};
use smtp_codec::proto::reply::Reply;
use smtp_codec::proto::{Delivered, Verdict};
use smtp_tls::Facts;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
