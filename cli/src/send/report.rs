//! What is said about the outcome, and the exit code.

use std::io::{self, Write};

use serde::Serialize;
use smtp_codec::client::Closing;
use smtp_codec::proto::reply::{Reply, ReplyBuf};
use smtp_codec::proto::{Delivered, Envelope, Failure, Stage, Verdict};

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
    tls: Option<()>,
    extensions: &'a [&'static str],
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
    say(args, envelope, &outcome.recipients, outcome.reply.as_ref(), &extensions, why.as_deref());
    exit(&outcome.recipients, outcome.failure)
}

/// Says that there was no server to talk to.
pub(super) fn not_connected(args: &SendArgs, envelope: &Envelope, error: &io::Error) -> Exit {
    let recipients: Vec<_> = envelope
        .recipients
        .iter()
        .map(|_| Delivered { verdict: Verdict::Deferred, stage: Stage::Connect, reply: None })
        .collect();
    let why = format!("cannot connect to {}: {error}", args.server);
    say(args, envelope, &recipients, None, &[], Some(&why));
    Exit::TryLater
}

fn why(done: &Done) -> Option<String> {
    if let Some(error) = &done.sent.error {
        return Some(error.to_string());
    }
    Some(match done.sent.outcome.failure? {
        Failure::NotSent(error) => error.to_string(),
        Failure::BareNewline => "the message holds a bare CR or LF".to_owned(),
        Failure::Closed(Closing::Protocol(fault)) => fault.to_string(),
        Failure::Closed(Closing::PeerGone) => "the server closed the connection".to_owned(),
        Failure::Closed(Closing::TimedOut) => "the server did not answer in time".to_owned(),
        Failure::Closed(Closing::Unavailable) => "the server is closing the session".to_owned(),
        Failure::Closed(Closing::Refused) => "the server does not serve this client".to_owned(),
        _ => "the session ended".to_owned(),
    })
}

fn say(
    args: &SendArgs,
    envelope: &Envelope,
    recipients: &[Delivered],
    reply: Option<&ReplyBuf>,
    extensions: &[&'static str],
    why: Option<&str>,
) {
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
            tls: None,
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
        Some(Failure::BareNewline | Failure::NotSent(_)) => Exit::Data,
        Some(Failure::Closed(Closing::Protocol(_))) => Exit::Protocol,
        _ if has(Verdict::Unknown) || has(Verdict::Deferred) => Exit::TryLater,
        _ if has(Verdict::Refused) => Exit::Unavailable,
        _ => Exit::Done,
    }
}

#[cfg(test)]
mod tests {
    use smtp_codec::proto::session::client::{CallError, ProtocolFault};

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
