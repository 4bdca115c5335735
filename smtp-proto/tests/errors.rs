//! What errors say: one line, without a full stop, that is not what another says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::fmt::Display;

use smtp_proto::address::AddressError;
use smtp_proto::command::{Command, ParameterError};
use smtp_proto::reply::{Extension, ReplyError, ReplyFault};
use smtp_proto::session::client::{self, CallError, ProtocolFault};
use smtp_proto::session::server::{self, Abort};
use smtp_proto::{CommandError, Delivered, Full, Stage, Verdict};

#[track_caller]
fn distinct(errors: &[&dyn Display]) {
    let mut said = HashSet::new();
    for error in errors {
        let text = error.to_string();
        assert!(text.len() > 10 && text.trim() == text, "{text:?}");
        assert!(!text.ends_with('.') && !text.contains(['\r', '\n']), "{text:?}");
        assert!(said.insert(text.clone()), "said twice: {text}");
    }
}

const ADDRESS: [AddressError; 6] = [
    AddressError::Syntax,
    AddressError::LocalPart,
    AddressError::Domain,
    AddressError::Literal,
    AddressError::TooLong,
    AddressError::Null,
];
const PARAMETER: [ParameterError; 4] = [
    ParameterError::Syntax,
    ParameterError::Value,
    ParameterError::Duplicate,
    ParameterError::TooMany,
];
const REPLY: [ReplyFault; 8] = [
    ReplyFault::Code,
    ReplyFault::Separator,
    ReplyFault::Mismatch,
    ReplyFault::Control,
    ReplyFault::TooLong,
    ReplyFault::TooManyLines,
    ReplyFault::Incomplete,
    ReplyFault::Trailing,
];

#[test]
fn errors_about_commands() {
    let plain = [
        CommandError::Octet,
        CommandError::NoVerb,
        CommandError::NotUtf8,
        CommandError::Argument,
        CommandError::UnexpectedArgument,
        CommandError::NoFrom,
        CommandError::NoTo,
        CommandError::Base64,
        CommandError::ChunkSize,
    ];
    let parameters = PARAMETER.map(CommandError::Parameter);
    let hosts = ADDRESS.map(CommandError::Host);
    let senders = ADDRESS.map(CommandError::ReversePath);
    let recipients = ADDRESS.map(CommandError::ForwardPath);
    let all: Vec<CommandError> = [&plain[..], &parameters, &hosts, &senders, &recipients]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    distinct(&all.iter().map(|error| error as &dyn Display).collect::<Vec<_>>());
    for error in all {
        let refusal = error.refusal();
        assert!(refusal.code().is_permanent(), "{error}");
        assert_eq!(refusal.enhanced().map(|it| it.class()), Some(5), "{error}");
    }
    distinct(&ADDRESS.iter().map(|error| error as &dyn Display).collect::<Vec<_>>());
    distinct(&PARAMETER.iter().map(|error| error as &dyn Display).collect::<Vec<_>>());
    // A path says what is wrong with it; the reply to the peer is short.
    let error = CommandError::ReversePath(AddressError::Domain);
    assert_eq!(error.to_string(), "the sender address is malformed: the domain is malformed");
    assert_eq!(
        CommandError::from(ParameterError::Value).to_string(),
        ParameterError::Value.to_string()
    );
}

#[test]
fn errors_about_replies() {
    distinct(&REPLY.iter().map(|error| error as &dyn Display).collect::<Vec<_>>());
    distinct(&[
        &ReplyError::Code,
        &ReplyError::Enhanced,
        &ReplyError::Control,
        &ReplyError::TooLong,
    ]);
    let faults = REPLY.map(ProtocolFault::Reply);
    let mut all: Vec<&dyn Display> = faults.iter().map(|fault| fault as &dyn Display).collect();
    all.extend([
        &ProtocolFault::Class as &dyn Display,
        &ProtocolFault::Unasked,
        &ProtocolFault::Injected,
    ]);
    distinct(&all);
    distinct(&[&Full]);
}

#[test]
fn errors_of_calls_name_what_was_lacking() {
    let all = [
        CallError::NotOffered(Extension::SmtpUtf8),
        CallError::NotOffered(Extension::Dsn),
        CallError::UnknownParameter,
        CallError::NeedsSmtpUtf8,
        CallError::TooLarge(1024),
        CallError::NeedsChunking,
        CallError::NeedsTls,
        CallError::TooManyRecipients(7),
        CallError::TooManyTransactions(7),
        CallError::AlreadyAuthenticated,
    ];
    distinct(&all.iter().map(|error| error as &dyn Display).collect::<Vec<_>>());
    for (error, part) in [(0, "SMTPUTF8"), (1, "DSN"), (4, "1024"), (7, "7"), (8, "7")] {
        assert!(all[error].to_string().contains(part), "{}", all[error]);
    }
    for (error, told) in [
        (CallError::TooManyRecipients(1), "the server takes no more than 1 recipient at a time"),
        (CallError::TooManyRecipients(2), "the server takes no more than 2 recipients at a time"),
        (CallError::TooManyTransactions(1), "the server takes no more than 1 message in a session"),
    ] {
        assert_eq!(error.to_string(), told);
    }
}

/// RFC 5321 section 4.1.2, and a bound of our own on those that nobody knows.
#[test]
fn parameters_that_cannot_be_are_told_apart() {
    let error = |parameters: &str| {
        let line = format!("MAIL FROM:<> {parameters}");
        Command::parse(line.as_bytes()).err()
    };
    assert_eq!(error("SIZE=1 SIZE=2"), Some(ParameterError::Duplicate.into()));
    assert_eq!(error("SIZE=x"), Some(ParameterError::Value.into()));
    assert_eq!(error("=x"), Some(ParameterError::Syntax.into()));
    let many: Vec<String> = (0..=32).map(|number| format!("X{number}")).collect();
    assert_eq!(error(&many[..32].join(" ")), None);
    assert_eq!(error(&many.join(" ")), Some(ParameterError::TooMany.into()));
}

#[test]
fn ends_of_sessions_are_told_apart() {
    use client::Closing as Client;
    distinct(&[
        &Client::Quit,
        &Client::Refused,
        &Client::Unavailable,
        &Client::PeerGone,
        &Client::TimedOut,
        &Client::Abandoned,
        &Client::NoTls,
        &Client::TlsFailed,
        &Client::NotProven,
    ]);
    use server::Closing as Server;
    distinct(&[
        &Server::Quit,
        &Server::Refused,
        &Server::TooManyErrors,
        &Server::TooManyMessages,
        &Server::NotSmtp,
        &Server::ChunkSize,
        &Server::PeerGone,
        &Server::TimedOut,
        &Server::ShuttingDown,
        &Server::TlsFailed,
        &Server::Injected,
        &Server::EarlyTalker,
    ]);
    distinct(&[&Abort::TooLarge, &Abort::BareNewline]);
}

#[test]
fn what_became_of_a_recipient_is_told_on_a_line() {
    let stages = [Stage::Connect, Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Message];
    let verdicts = [Verdict::Accepted, Verdict::Refused, Verdict::Deferred, Verdict::Unknown];
    let mut said = HashSet::new();
    for stage in stages {
        for verdict in verdicts {
            let told = Delivered { verdict, stage, reply: None }.to_string();
            assert_eq!(told, format!("{verdict} ({stage})"));
            assert!(said.insert(told));
        }
    }
    let reply = smtp_proto::reply::Reply::parse(b"550-5.1.1 no\r\n550 5.1.1 never\r\n").unwrap();
    let told = Delivered::from_reply(Stage::Rcpt, reply).to_string();
    assert!(told.starts_with("refused (RCPT): 550") && !told.contains('\n'), "{told:?}");
}
