//! What is said about the outcome, and the exit code.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use smtp_codec::client::AuthError;
use smtp_codec::proto::reply::ReplyBuf;
use smtp_codec::proto::{Delivered, Envelope, Stage, Verdict};
use smtp_tls::Facts;

use super::drive::Done;
use crate::args::send::SendArgs;
use crate::exit::{Exit, complain, complain_of_output};
use crate::outcome::{
    Mechanisms, TlsReport, exit_stranger, lack_reply, line, text, why_stranger, word,
};
use crate::plain::plain;
use crate::trouble::Trouble;

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

/// Says what became of each recipient.
pub(super) fn tell(args: &SendArgs, envelope: &Envelope, done: &Done) -> Exit {
    let outcome = &done.sent.outcome;
    let trouble = Trouble {
        error: done.sent.error.as_ref(),
        failure: outcome.failure,
        starttls: done.starttls.as_ref(),
    };
    let extensions: Vec<_> = done.extensions.iter().map(|it| it.keyword()).collect();
    let told = Told {
        recipients: &outcome.recipients,
        reply: outcome.reply.as_ref().or(trouble.reply()),
        tls: done.tls.as_ref(),
        extensions: &extensions,
    };
    say(args, envelope, &told, trouble.why().as_deref());
    trouble.exit(&outcome.recipients)
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
pub(super) fn not_authenticated(
    args: &SendArgs,
    envelope: &Envelope,
    error: &AuthError,
    offered: &Mechanisms,
) -> Exit {
    let reply = match error {
        AuthError::Refused(reply) | AuthError::Cancelled(reply) => Some(reply),
        _ => None,
    };
    let why = why_stranger(error, offered, !args.secure.allow_plaintext_auth);
    nothing_sent(args, envelope, reply, &why);
    exit_stranger(error)
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

fn say(args: &SendArgs, envelope: &Envelope, told: &Told<'_>, why: Option<&str>) {
    let Told { recipients, reply, tls, extensions } = *told;
    let why = why.filter(|_| lack_reply(recipients));
    let named = envelope.recipients.iter().zip(recipients);
    let mut page = String::new();
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
            tls: tls.map(TlsReport::from),
            extensions,
        };
        if let Ok(json) = crate::plain::json(&report) {
            let _ = writeln!(page, "{json}");
        }
    } else {
        for (recipient, delivered) in named {
            let path = recipient.forward_path.to_string();
            let _ = write!(page, "{}: {}", bare(&path), word(delivered.verdict));
            let _ = match &delivered.reply {
                Some(reply) => writeln!(page, " ({})", plain(&line(reply.as_reply()))),
                None => writeln!(page),
            };
        }
    }
    let mut out = io::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    complain_of_output("smtp send", written); // and that changes nothing for the message
    if let Some(why) = why {
        complain(format_args!("smtp send: {}", plain(why)));
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

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Connect => "connect",
        Stage::Mail => "mail",
        Stage::Rcpt => "rcpt",
        Stage::Data => "data",
        Stage::Message => "message",
    }
}
