//! What is said about the outcome, and the exit code.

use std::io::{self, Write};

use serde::Serialize;
use smtp_codec::client::{AuthError, CallError, Closing};
use smtp_codec::proto::reply::{Reply, ReplyBuf};
use smtp_codec::proto::{Delivered, Envelope, Failure, Stage, Verdict};
use smtp_tls::{Facts, Fault};

use super::drive::Done;
use crate::args::send::SendArgs;
use crate::exit::{Exit, complain};

#[derive(Serialize)]
struct Report<'a> {
    outcome: &'static str,
    reply: Option<ReplyReport>,
    /// Why some recipient has no reply of its own.
    error: Option<&'a str>,
    recipients: Vec<RecipientReport>,
    tls: Option<TlsReport>,
    extensions: &'a [&'static str],
}

#[derive(Serialize)]
struct TlsReport {
    version: &'static str,
    cipher: String,
    /// Whether the certificate is valid and for that server.
    verified: bool,
}

#[derive(Serialize)]
struct RecipientReport {
    address: String,
    outcome: &'static str,
    stage: &'static str,
    reply: Option<ReplyReport>,
}

#[derive(Serialize)]
struct ReplyReport {
    code: u16,
    enhanced: Option<String>,
    text: String,
}

impl ReplyReport {
    fn new(reply: &ReplyBuf) -> Self {
        let reply = reply.as_reply();
        ReplyReport {
            code: reply.code().get(),
            enhanced: reply.enhanced().map(|code| code.to_string()),
            text: text(reply),
        }
    }
}

fn text(reply: Reply<'_>) -> String {
    let lines: Vec<_> = reply.texts().map(|line| String::from_utf8_lossy(line)).collect();
    lines.join(" ")
}

/// Says what became of each recipient.
pub(super) fn tell(args: &SendArgs, envelope: &Envelope, done: &Done) -> Exit {
    let outcome = &done.sent.outcome;
    let why = why(done);
    let extensions: Vec<_> = done.extensions.iter().map(|it| it.keyword()).collect();
    let told = Told {
        recipients: &outcome.recipients,
        reply: outcome.reply.as_ref(),
        tls: done.tls.as_ref(),
        extensions: &extensions,
    };
    say(args, envelope, &told, why.as_deref());
    exit(&outcome.recipients, outcome.failure)
}

/// What there is to say.
struct Told<'a> {
    recipients: &'a [Delivered],
    reply: Option<&'a ReplyBuf>,
    tls: Option<&'a Facts>,
    extensions: &'a [&'static str],
}

/// Says that there was no server to talk to.
pub(super) fn not_connected(args: &SendArgs, envelope: &Envelope, error: &io::Error) -> Exit {
    let why = format!("cannot connect to {}: {error}", args.server);
    nothing_sent(args, envelope, None, &why);
    Exit::TryLater
}

/// Says that the server does not know this user.
pub(super) fn not_authenticated(args: &SendArgs, envelope: &Envelope, error: &AuthError) -> Exit {
    let reply = match error {
        AuthError::Refused(reply) => Some(reply),
        _ => None,
    };
    let why = match error {
        AuthError::NoMechanism if !args.allow_plaintext_auth => {
            format!("{error}; PLAIN and LOGIN need TLS, or --allow-plaintext-auth")
        }
        _ => error.to_string(),
    };
    nothing_sent(args, envelope, reply, &why);
    match error {
        AuthError::Refused(reply) if reply.as_reply().code().is_transient() => Exit::TryLater,
        AuthError::Closed(Closing::Protocol(_)) => Exit::Protocol,
        AuthError::Closed(Closing::NoTls | Closing::TlsFailed) => Exit::Forbidden,
        AuthError::Closed(_) => Exit::TryLater,
        _ => Exit::Forbidden,
    }
}

fn nothing_sent(args: &SendArgs, envelope: &Envelope, reply: Option<&ReplyBuf>, why: &str) {
    let recipients: Vec<_> = envelope
        .recipients
        .iter()
        .map(|_| Delivered { verdict: Verdict::Deferred, stage: Stage::Connect, reply: None })
        .collect();
    let told = Told { recipients: &recipients, reply, tls: None, extensions: &[] };
    say(args, envelope, &told, Some(why));
}

fn why(done: &Done) -> Option<String> {
    if let Some(error) = &done.sent.error {
        return Some(match Fault::of(error) {
            Some(fault) => format!("TLS failed: {fault}"),
            None => error.to_string(),
        });
    }
    Some(match done.sent.outcome.failure? {
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

fn say(args: &SendArgs, envelope: &Envelope, told: &Told<'_>, why: Option<&str>) {
    let Told { recipients, reply, tls, extensions } = *told;
    let why = why.filter(|_| lack_reply(recipients));
    let named = envelope.recipients.iter().zip(recipients);
    let mut out = io::stdout().lock();
    if args.json {
        let report = Report {
            outcome: overall(recipients),
            reply: reply.map(ReplyReport::new),
            error: why,
            recipients: named
                .map(|(recipient, delivered)| RecipientReport {
                    address: bare(&recipient.forward_path.to_string()).to_owned(),
                    outcome: word(delivered.verdict),
                    stage: stage(delivered.stage),
                    reply: delivered.reply.as_ref().map(ReplyReport::new),
                })
                .collect(),
            tls: tls.map(|tls| TlsReport {
                version: tls.version,
                cipher: tls.cipher_suite.clone(),
                verified: tls.verified,
            }),
            extensions,
        };
        if let Ok(json) = serde_json::to_string(&report) {
            let _ = writeln!(out, "{json}");
        }
    } else {
        for (recipient, delivered) in named {
            let path = recipient.forward_path.to_string();
            let _ = write!(out, "{}: {}", bare(&path), word(delivered.verdict));
            let _ = match &delivered.reply {
                Some(reply) => {
                    let reply = reply.as_reply();
                    let enhanced = reply.enhanced().map(|it| format!("{it} ")).unwrap_or_default();
                    let text = text(reply);
                    writeln!(out, " ({} {enhanced}{})", reply.code(), text.escape_debug())
                }
                None => writeln!(out),
            };
        }
    }
    let _ = out.flush();
    if let Some(why) = why {
        complain(format_args!("smtp send: {why}"));
    }
}

fn bare(path: &str) -> &str {
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path)
}

fn overall(recipients: &[Delivered]) -> &'static str {
    let has = |verdict| recipients.iter().any(|it| it.verdict == verdict);
    let alone = |verdict| recipients.iter().all(|it| it.verdict == verdict);
    match () {
        () if alone(Verdict::Accepted) => "accepted",
        () if has(Verdict::Accepted) => "partial",
        () if has(Verdict::Unknown) => "unknown",
        () if has(Verdict::Deferred) => "deferred",
        () => "refused",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused => "refused",
        Verdict::Deferred => "deferred",
        Verdict::Unknown => "unknown",
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "connect",
        Stage::Mail => "mail",
        Stage::Rcpt => "rcpt",
        Stage::Data => "data",
        Stage::Message => "message",
    }
}

/// Whether something else than a reply decided about some recipient.
fn lack_reply(recipients: &[Delivered]) -> bool {
    recipients.iter().any(|delivered| delivered.reply.is_none())
}

/// What every recipient was told by the server counts; what went wrong beside it only where a
/// recipient was told nothing.
fn exit(recipients: &[Delivered], failure: Option<Failure>) -> Exit {
    let has = |verdict| recipients.iter().any(|it| it.verdict == verdict);
    match failure.filter(|_| lack_reply(recipients)) {
        Some(Failure::NotSent(
            CallError::TooManyRecipients(_) | CallError::TooManyTransactions(_),
        )) => Exit::TryLater,
        Some(Failure::BareNewline | Failure::NotSent(_)) => Exit::Data,
        Some(Failure::Closed(Closing::Protocol(_))) => Exit::Protocol,
        Some(Failure::Closed(Closing::NoTls | Closing::TlsFailed)) => Exit::Forbidden,
        _ if has(Verdict::Unknown) || has(Verdict::Deferred) => Exit::TryLater,
        _ if has(Verdict::Refused) => Exit::Unavailable,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(exit(&recipients, failure), code, "{recipients:?} {failure:?}");
        }
    }
}
