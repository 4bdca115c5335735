//! Commands and replies: what is taken is written again, and is the same.

use smtp_codec::proto::reply::write_ehlo_reply;
use smtp_proto::address::{AddressError, ForwardPath, Host, ReversePath};
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};
use smtp_proto::command::{
    Command, Deviations, MailParameters, MailParametersBuf, RcptParameters, RcptParametersBuf,
};
use smtp_proto::reply::{
    Capabilities, Extension, Progress, Reply, ReplyBuf, ReplyLine, ReplyScanner, SmtpLimits,
};
use smtp_proto::{CommandError, Syntax};

/// Any line, strict and lenient.
pub fn command(line: &[u8]) {
    let strict = parsed(line, Syntax::Strict);
    let lenient = parsed(line, Syntax::Lenient);
    assert!(lenient || !strict, "lenient syntax refuses what strict syntax takes");
    let found = Deviations::of(line);
    let named = !found.is_empty() && found != Deviations::UTF8_HOST;
    assert_eq!(named, lenient && !strict, "what needs leniency has a name: {found}");
}

fn parsed(line: &[u8], syntax: Syntax) -> bool {
    let command = match Command::parse_with(line, syntax) {
        Ok(command) => command,
        Err(error) => {
            let breaks = line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
            if error != CommandError::ChunkSize {
                assert_eq!(error == CommandError::Octet, breaks, "{error}");
            }
            assert!(matches!(error.refusal().code().get(), 500 | 501 | 553));
            return false;
        }
    };
    let mut encoded = Vec::new();
    command.encode(&mut encoded);
    let inner = encoded.strip_suffix(b"\r\n").expect("a CRLF at the end");
    assert!(!inner.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "one line");
    assert_eq!(Command::parse_with(inner, syntax), Ok(command), "{}", encoded.escape_ascii());
    let mut again = Vec::new();
    command.encode(&mut again);
    assert_eq!(again, encoded, "written twice it is the same");
    match command {
        Command::Ehlo(host) | Command::Helo(host) | Command::Lhlo(host) => owned_host(host),
        Command::Mail { reverse_path, parameters } => {
            owned_reverse(reverse_path);
            mail_parameters(parameters, syntax);
        }
        Command::Rcpt { forward_path, parameters } => {
            owned_forward(forward_path);
            rcpt_parameters(parameters, syntax);
        }
        _ => {}
    }
    true
}

fn owned_host(host: Host<'_>) {
    assert_eq!(HostBuf::from(host).as_host(), host);
}

fn owned_reverse(path: ReversePath<'_>) {
    let owned = ReversePathBuf::from(path);
    assert_eq!(owned.as_path(), path);
    assert_eq!(owned.to_string(), path.to_string());
    if let ReversePath::Mailbox(mailbox) = path {
        let canonical = mailbox.canonical().to_string();
        let again = smtp_proto::address::Mailbox::parse_with(&canonical, Syntax::Lenient);
        // What lenient syntax took without quotes gets them, and may pass the limit by two octets.
        let grown = canonical.len() > mailbox.to_string().len();
        let fits = again != Err(AddressError::TooLong) || !grown;
        assert!(again == Ok(mailbox) || !fits, "{canonical} {again:?}");
    }
}

fn owned_forward(path: ForwardPath<'_>) {
    let owned = ForwardPathBuf::from(path);
    assert_eq!(owned.as_path(), path);
    assert_eq!(owned.to_string(), path.to_string());
}

pub(crate) fn mail_parameters(parameters: MailParameters<'_>, syntax: Syntax) {
    let text = parameters.to_string();
    assert_eq!(MailParameters::parse_with(&text, syntax), Ok(parameters));
    assert_eq!(MailParametersBuf::from(parameters).as_parameters(), parameters);
    for parameter in parameters.iter() {
        assert_eq!(parameters.get(parameter.keyword()), Some(parameter));
    }
    let known = |keyword| parameters.get(keyword).is_some();
    assert_eq!(parameters.size().is_some(), known("SIZE"));
    assert_eq!(parameters.body().is_some(), known("BODY"));
    assert_eq!(parameters.smtp_utf8(), known("SMTPUTF8"));
    assert_eq!(parameters.ret().is_some(), known("RET"));
    assert_eq!(parameters.envid().is_some(), known("ENVID"));
    assert_eq!(parameters.auth().is_some(), known("AUTH"));
    assert_eq!(parameters.hold_for().is_some(), known("HOLDFOR"));
    assert_eq!(parameters.hold_until().is_some(), known("HOLDUNTIL"));
    assert_eq!(parameters.by().is_some(), known("BY"));
    assert_eq!(parameters.mt_priority().is_some(), known("MT-PRIORITY"));
    assert_eq!(parameters.require_tls(), known("REQUIRETLS"));
    assert_eq!(parameters.mtrk().is_some(), known("MTRK"));
    assert_eq!(parameters.prdr(), known("PRDR"));
    if let Some(envid) = parameters.envid() {
        assert!(!envid.decode().any(|byte| byte.is_ascii_control()));
    }
}

pub(crate) fn rcpt_parameters(parameters: RcptParameters<'_>, syntax: Syntax) {
    let text = parameters.to_string();
    assert_eq!(RcptParameters::parse_with(&text, syntax), Ok(parameters));
    assert_eq!(RcptParametersBuf::from(parameters).as_parameters(), parameters);
    let known = |keyword| parameters.get(keyword).is_some();
    assert_eq!(parameters.notify().is_some(), known("NOTIFY"));
    assert_eq!(parameters.orcpt().is_some(), known("ORCPT"));
    assert_eq!(parameters.rrvs().is_some(), known("RRVS"));
}

/// Any octets as a reply.
pub fn reply(bytes: &[u8]) {
    let _ = ReplyLine::parse(bytes);
    let Ok(reply) = Reply::parse(bytes) else {
        return;
    };
    assert_eq!(reply.as_bytes(), bytes);
    scanned(bytes);
    assert!(reply.lines().count() >= 1);
    assert_eq!(reply.lines().count(), reply.texts().count());
    assert_eq!(reply.texts().next(), Some(reply.text()));
    let shown = reply.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(reply.enhanced().is_none() || shown.contains(' '));
    assert_eq!(ReplyBuf::from(reply).as_reply(), reply);
    offered(reply);
}

/// The scanner finds the end where the whole has it.
fn scanned(bytes: &[u8]) {
    let text = bytes.strip_suffix(b"\r\n").expect("a whole reply");
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let mut scanner = ReplyScanner::with_limits(u16::MAX, u32::MAX);
    for (number, line) in lines.iter().enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let progress = scanner.feed(line).expect("a good line");
        assert_eq!(progress == Progress::Complete, number + 1 == lines.len());
    }
}

fn offered(reply: Reply<'_>) {
    let capabilities = Capabilities::new(reply);
    let _ = (capabilities.domain(), capabilities.greeting());
    let offered = capabilities.extensions();
    for capability in capabilities.iter() {
        assert!(!capability.keyword().is_empty());
        let _ = (capability.arguments().count(), capability.text());
    }
    let _ = capabilities.mechanisms().count();
    for extension in offered.iter() {
        assert!(capabilities.get(extension.keyword()).is_some());
    }
    assert!((512..=64 * 1024).contains(&offered.command_line_limit()));
    // With nothing to say behind their keywords these are not written.
    let mut offered = offered.without(Extension::Auth).without(Extension::FutureRelease);
    if offered.limits() == SmtpLimits::default() {
        offered = offered.without(Extension::Limits);
    }
    let mut written = Vec::new();
    write_ehlo_reply(&mut written, "mx.example.org", &offered, &[]).expect("a short domain");
    let again = Reply::parse(&written).expect("a whole reply");
    assert_eq!(Capabilities::new(again).extensions(), offered);
}
