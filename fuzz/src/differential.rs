//! Beside the registry's `smtp-proto` 0.2.5: where the two do not agree, one of the differences
//! that are intended must explain it.
//!
//! What begins with CRLF is mail data, with a digit a reply; anything else is a command line.

use registry_smtp_proto as registry;

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::ops::Deref;

use registry::request::receiver::DataReceiver;
use registry::response::parser::ResponseReceiver;
use registry::{Error, Request};
use smtp_proto::CommandError;
use smtp_proto::address::{ForwardPath, Host, Mailbox, ReversePath};
use smtp_proto::command::{
    AuthParameter, Body, Command, DeliverByMode, Keyword, MailParameters, OriginalAddress,
    RcptParameters, Ret, ValidSinceAction, Verb,
};
use smtp_proto::reply::{Reply, ReplyFault};

use crate::data::{decoded, split_end};
use smtp_codec::proto::session::BareNewline;

/// Each difference that is intended: why, and whether it is at work.
type OfLines = &'static [(&'static str, fn(&Line<'_>) -> bool)];
type OfMeanings = &'static [(&'static str, fn(&Meaning<'_>) -> bool)];
type OfReplies = &'static [(&'static str, fn(&Answer<'_>) -> bool)];
type OfMailData = &'static [(&'static str, fn(&Mail<'_>) -> bool)];

macro_rules! explained {
    ($case:expr, $differences:expr) => {
        let found = $differences.iter().any(|(_, applies)| applies(&$case));
        assert!(found, "not intended: {:?}", $case);
    };
}

/// Octets that are shown as text.
#[derive(Clone, Copy)]
struct Octets<'a>(&'a [u8]);

impl Debug for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl Deref for Octets<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

/// Any command line, reply or mail data.
pub fn differential(input: &[u8]) {
    match input {
        [b'\r', b'\n', octets @ ..] => mail_data(octets),
        [b'0'..=b'9', ..] => reply(input),
        line => command(line),
    }
}

type Theirs<'a> = Result<Request<Cow<'a, str>>, Error>;

#[derive(Debug)]
struct Line<'a> {
    text: String,
    line: Octets<'a>,
    ours: Result<Command<'a>, CommandError>,
    theirs: Theirs<'a>,
}

impl Line<'_> {
    fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }

    /// Theirs finds one of these parameters not valid.
    fn invalid(&self, names: &[&str]) -> bool {
        matches!(self.theirs, Err(Error::InvalidParameter { param }) if names.contains(&param))
    }

    fn is_address_refused(&self) -> bool {
        use Error::{InvalidRecipientAddress, InvalidSenderAddress, SyntaxError};
        matches!(
            self.theirs,
            Err(InvalidSenderAddress | InvalidRecipientAddress | SyntaxError { .. })
        )
    }

    fn mailbox(&self) -> Option<Mailbox<'_>> {
        match self.ours {
            Ok(Command::Mail { reverse_path, .. }) => reverse_path.mailbox(),
            Ok(Command::Rcpt { forward_path, .. }) => forward_path.mailbox(),
            _ => None,
        }
    }
}

/// It takes the line, and ours does not.
const LOOSER: OfLines = &[
    ("addresses are not held to their grammar: RFC 5321 section 4.1.2", |it| {
        matches!(it.ours, Err(CommandError::ReversePath(_) | CommandError::ForwardPath(_)))
    }),
    ("any text is a host: RFC 5321 section 4.1.1.1", |it| {
        matches!(it.ours, Err(CommandError::Host(_)))
    }),
    ("arguments where there are none are dropped: RFC 5321 section 4.3.2", |it| {
        matches!(it.ours, Err(CommandError::UnexpectedArgument))
    }),
    ("any text is an argument, and spaces may come in runs", |it| {
        matches!(it.ours, Err(CommandError::Argument))
    }),
    ("an initial response need not be base64: RFC 4954 section 4", |it| {
        matches!(it.ours, Err(CommandError::Base64))
    }),
    ("parameters may come twice, out of range, or apart: RFC 5321 section 4.1.2", |it| {
        matches!(it.ours, Err(CommandError::Parameter(_)))
    }),
    ("FROM: and TO: may have spaces within: RFC 5321 section 3.3", |it| {
        matches!(it.ours, Err(CommandError::NoFrom | CommandError::NoTo))
    }),
    ("octets that are not UTF-8 become U+FFFD: RFC 6531 section 3.3", |it| {
        matches!(it.ours, Err(CommandError::NotUtf8)) && str::from_utf8(&it.line).is_err()
    }),
    ("a chunk size is not held to its grammar: RFC 3030 section 2", |it| {
        matches!(it.ours, Err(CommandError::ChunkSize))
    }),
    ("spaces may stand before the verb: RFC 5321 section 4.1.1", |it| {
        matches!(it.ours, Err(CommandError::NoVerb)) && it.line.starts_with(b" ")
    }),
    ("ATRN and BURL are left to who wants them", |it| {
        matches!(it.theirs, Ok(Request::Atrn { .. } | Request::Burl { .. }))
            && matches!(it.ours, Ok(Command::Unknown { .. }))
    }),
    ("white space other than space and tab ends a verb", |it| {
        matches!(it.ours, Ok(Command::Unknown { verb, .. })
            if verb.as_bytes().iter().any(|byte| matches!(byte, 0x0b | 0x0c)))
    }),
];

/// It refuses the line, and ours takes it.
const STRICTER: OfLines = &[
    (
        "parameters that are not known are kept: whether they are offered is no matter of grammar",
        |it| {
            let foreign = it.invalid(&["SOLICIT", "TRANSID"]);
            let refused = foreign
                || matches!(
                    it.theirs,
                    Err(Error::UnsupportedParameter { .. } | Error::SyntaxError { .. })
                );
            refused
                && match it.ours {
                    Ok(Command::Mail { parameters, .. }) => {
                        parameters.iter().any(|it| it.kind().is_none())
                    }
                    Ok(Command::Rcpt { parameters, .. }) => {
                        parameters.iter().any(|it| it.kind().is_none())
                    }
                    _ => false,
                }
        },
    ),
    ("ORCPT may be of any type: RFC 3461 section 4.2, RFC 6533 section 3", |it| {
        it.invalid(&["ORCPT"])
    }),
    (
        "ENVID and AUTH are bounded by the line alone, and octets that are not UTF-8 grow there",
        |it| it.invalid(&["ENVID", "AUTH"]),
    ),
    ("a time may lie before 1970 or have any fraction: RFC 3339 section 5.6", |it| {
        it.invalid(&["HOLDUNTIL", "RRVS"])
    }),
    ("a number may have leading zeros: RFC 1870 section 3, RFC 2852 section 4", |it| {
        it.invalid(&["SIZE", "BY", "MTRK", "MT-PRIORITY"])
    }),
    (
        "a local part may be empty in quotes, and hold in them what looks like an end or another \
         address: RFC 5321 section 4.1.2",
        |it| it.is_address_refused() && it.mailbox().is_some_and(|it| it.local_part().is_quoted()),
    ),
    ("an address literal is in brackets: RFC 5321 section 4.1.3", |it| {
        let literal = |mailbox: Mailbox<'_>| matches!(mailbox.host(), Host::Literal(_));
        it.is_address_refused() && it.mailbox().is_some_and(literal)
    }),
    ("a path may have a source route, and then be longer: RFC 5321 section 4.1.1.3", |it| {
        it.is_address_refused() && it.has("<@")
    }),
    ("what VRFY, EXPN and ETRN ask about may be empty in quotes, and longer", |it| {
        matches!(it.ours, Ok(Command::Vrfy(_) | Command::Expn(_) | Command::Etrn(_)))
            && matches!(it.theirs, Err(Error::SyntaxError { .. }))
    }),
    ("PRDR is known: draft-hall-prdr-00", |it| {
        matches!(&it.theirs, Err(Error::UnsupportedParameter { param }) if param == "PRDR")
            && matches!(it.ours, Ok(Command::Mail { parameters, .. }) if parameters.prdr())
    }),
    ("XCLIENT and XFORWARD are known: Postfix's documents", |it| {
        matches!(it.ours, Ok(Command::Xclient(_) | Command::Xforward(_)))
    }),
];

fn command(line: &[u8]) {
    // Their end of a line is LF alone, and CR is passed over: RFC 5321 section 2.3.8 forbids both.
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        let ours = Command::parse(line);
        assert!(matches!(ours, Err(CommandError::Octet | CommandError::ChunkSize)));
        return;
    }
    let whole = [line, b"\r\n"].concat();
    let ours = Command::parse(line);
    let theirs = Request::parse(&mut whole.iter());
    let text = String::from_utf8_lossy(line).into_owned();
    let case = Line { text, line: Octets(line), ours, theirs };
    match (&case.ours, &case.theirs) {
        (Err(_) | Ok(Command::Unknown { .. }), Err(_)) => {}
        (Ok(_), Err(_)) => {
            explained!(case, STRICTER);
        }
        (Err(_) | Ok(Command::Unknown { .. }), Ok(_)) => {
            explained!(case, LOOSER);
        }
        (Ok(ours), Ok(theirs)) => {
            if let Err(what) = same(ours, theirs) {
                let meaning = Meaning { what, line: &case };
                explained!(meaning, OTHERWISE);
            }
        }
    }
}

#[derive(Debug)]
struct Meaning<'a> {
    what: &'static str,
    line: &'a Line<'a>,
}

/// Both take the line, and see another thing in it.
const OTHERWISE: OfMeanings = &[
    ("a quoted local part is the text in its quotes, with its backslashes taken off", |it| {
        it.what == "address" && it.line.has("\"")
    }),
    ("of a number that is too large nothing is left; here it is refused", |it| it.what == "size"),
    ("HOLDFOR and HOLDUNTIL of the past are times all the same", |it| it.what == "hold"),
    ("without a mode RRVS is left to the next hop: RFC 7293 section 3.2", |it| it.what == "action"),
    ("fractions and far years", |it| it.what == "time"),
    ("xtext is octets, which need not be UTF-8", |it| {
        matches!(it.what, "envid" | "auth" | "orcpt") && it.line.has("+")
    }),
    ("white space at the end of a line is no part of what stands there", |it| {
        it.line.line.0.ends_with(b" ") || it.line.line.0.ends_with(b"\t")
    }),
    ("NEVER stands alone: RFC 3461 section 4.1", |it| it.what == "notify" && it.line.has("=")),
];

/// What differs, if anything does.
fn same(ours: &Command<'_>, theirs: &Request<Cow<'_, str>>) -> Result<(), &'static str> {
    let check = |same: bool, what| if same { Ok(()) } else { Err(what) };
    match (ours, theirs) {
        (Command::Ehlo(ours), Request::Ehlo { host })
        | (Command::Helo(ours), Request::Helo { host })
        | (Command::Lhlo(ours), Request::Lhlo { host }) => {
            check(Host::parse(host) == Ok(*ours), "host")
        }
        (Command::Mail { reverse_path, parameters }, Request::Mail { from }) => {
            match reverse_path {
                ReversePath::Null => check(from.address.is_empty(), "address")?,
                ReversePath::Mailbox(mailbox) => check(is(mailbox, &from.address), "address")?,
            }
            mail(parameters, from)
        }
        (Command::Rcpt { forward_path, parameters }, Request::Rcpt { to }) => {
            match forward_path {
                ForwardPath::Postmaster => check(to.address.is_empty(), "address")?,
                ForwardPath::Mailbox(mailbox) => check(is(mailbox, &to.address), "address")?,
            }
            rcpt(parameters, to)
        }
        (Command::Bdat { size, last }, Request::Bdat { chunk_size, is_last }) => {
            check(u64::try_from(*chunk_size) == Ok(*size), "size")?;
            check(last == is_last, "last")
        }
        (
            Command::Auth { initial_response, .. },
            Request::Auth { initial_response: theirs, .. },
        ) => {
            let ours = match initial_response {
                Some(text) if text.is_empty() => "=",
                Some(text) => text.as_str(),
                None => "",
            };
            check(ours == theirs, "response")
        }
        (ours, theirs) => {
            // The rest is the verb, or text that each keeps in its own way.
            check(ours.verb() == Verb::of(theirs.name().as_bytes()), "verb")
        }
    }
}

/// Their address is the value of the local part, and the host as it stands.
fn is(mailbox: &Mailbox<'_>, theirs: &str) -> bool {
    let Some((local_part, host)) = theirs.rsplit_once('@') else { return false };
    local_part.chars().eq(mailbox.local_part().value()) && Host::parse(host) == Ok(mailbox.host())
}

fn mail(
    ours: &MailParameters<'_>,
    theirs: &registry::MailFrom<Cow<'_, str>>,
) -> Result<(), &'static str> {
    let check = |same: bool, what| if same { Ok(()) } else { Err(what) };
    let flag = |flag| theirs.flags & flag != 0;
    check(u64::try_from(theirs.size) == Ok(ours.size().unwrap_or(0)), "size")?;
    check(ours.smtp_utf8() == flag(registry::MAIL_SMTPUTF8), "smtputf8")?;
    check(ours.require_tls() == flag(registry::MAIL_REQUIRETLS), "requiretls")?;
    check((ours.body() == Some(Body::SevenBit)) == flag(registry::MAIL_BODY_7BIT), "body")?;
    check((ours.body() == Some(Body::EightBitMime)) == flag(registry::MAIL_BODY_8BITMIME), "body")?;
    check((ours.body() == Some(Body::BinaryMime)) == flag(registry::MAIL_BODY_BINARYMIME), "body")?;
    check((ours.ret() == Some(Ret::Full)) == flag(registry::MAIL_RET_FULL), "ret")?;
    check((ours.ret() == Some(Ret::Hdrs)) == flag(registry::MAIL_RET_HDRS), "ret")?;
    check(u64::from(ours.hold_for().unwrap_or(0)) == theirs.hold_for, "hold")?;
    let until = ours.hold_until().map_or(0, |time| time.unix_seconds());
    check(u64::try_from(until) == Ok(theirs.hold_until), "hold")?;
    check(i64::from(ours.mt_priority().unwrap_or(0)) == theirs.mt_priority, "priority")?;
    let by = ours.by();
    check(by.map_or(0, |by| i64::from(by.seconds())) == theirs.by, "by")?;
    check(by.is_some_and(|by| by.trace()) == flag(registry::MAIL_BY_TRACE), "trace")?;
    let mode = by.map(|by| by.mode());
    check((mode == Some(DeliverByMode::Return)) == flag(registry::MAIL_BY_RETURN), "mode")?;
    let envid = ours.envid().map(|text| text.decode().collect::<Vec<u8>>());
    check(envid.as_deref() == theirs.env_id.as_deref().map(str::as_bytes), "envid")?;
    let auth = ours.auth().map(|auth| match auth {
        AuthParameter::Null => b"<>".to_vec(),
        AuthParameter::Mailbox(text) => text.decode().collect(),
    });
    check(auth.as_deref() == theirs.auth.as_deref().map(str::as_bytes), "auth")?;
    let certifier = ours.get(Keyword::Mtrk.as_str()).and_then(|it| it.value());
    let certifier = certifier.map(|it| it.split(':').next().unwrap_or_default());
    check(certifier == theirs.mtrk.as_ref().map(|it| it.certifier.as_ref()), "mtrk")
}

fn rcpt(
    ours: &RcptParameters<'_>,
    theirs: &registry::RcptTo<Cow<'_, str>>,
) -> Result<(), &'static str> {
    let check = |same: bool, what| if same { Ok(()) } else { Err(what) };
    let flag = |flag| theirs.flags & flag != 0;
    let notify = ours.notify();
    check(notify.is_some_and(|it| it.success()) == flag(registry::RCPT_NOTIFY_SUCCESS), "notify")?;
    check(notify.is_some_and(|it| it.failure()) == flag(registry::RCPT_NOTIFY_FAILURE), "notify")?;
    check(notify.is_some_and(|it| it.delay()) == flag(registry::RCPT_NOTIFY_DELAY), "notify")?;
    check(notify.is_some_and(|it| it.is_never()) == flag(registry::RCPT_NOTIFY_NEVER), "notify")?;
    let orcpt = ours.orcpt().map(|it| match it.address() {
        OriginalAddress::Xtext(text) => text.decode().collect(),
        OriginalAddress::Utf8(text) => text.decode().collect::<String>().into_bytes(),
    });
    check(orcpt.as_deref() == theirs.orcpt.as_deref().map(str::as_bytes), "orcpt")?;
    let since = ours.rrvs();
    check(since.map_or(0, |it| it.since.unix_seconds()) == theirs.rrvs, "time")?;
    let action = since.and_then(|it| it.action);
    let (go_on, reject) = (flag(registry::RCPT_RRVS_CONTINUE), flag(registry::RCPT_RRVS_REJECT));
    check((action == Some(ValidSinceAction::Continue)) == go_on, "action")?;
    check((action == Some(ValidSinceAction::Reject)) == reject, "action")
}

#[derive(Debug)]
struct Answer<'a> {
    bytes: Octets<'a>,
    ours: Result<Reply<'a>, ReplyFault>,
    theirs: Result<(u16, [u8; 3], String), Error>,
}

const REPLIES: OfReplies = &[
    (
        "codes are not held to 2yz, 4yz, 5yz and 354, nor to be the same on each line: RFC \
        5321 section 4.2",
        |it| it.ours.is_err(),
    ),
    ("a reply may be longer than 4096 octets: servers send such", |it| it.bytes.len() > 4000),
    (
        "an enhanced status code has three digits at most, and the class of its reply: RFC \
        3463 section 2; on each line that has one it is not text",
        |it| {
            it.ours.is_ok_and(|reply| {
                let dotted = |text: &[u8]| {
                    text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
                };
                reply.lines().any(dotted) || reply.enhanced().is_some()
            })
        },
    ),
    ("text is octets, which need not be UTF-8; controls that pass", |it| {
        str::from_utf8(&it.bytes).is_err()
    }),
    ("white space at the ends of lines is text; a tab parts like a space", |it| {
        it.bytes.contains(&b'\t') || it.bytes.windows(2).any(|two| matches!(two, b" \r" | b"  "))
    }),
    ("of a line that is a code and nothing else the text is empty: RFC 5321 section 4.2", |it| {
        it.bytes.split(|byte| *byte == b'\n').any(|line| (4..=5).contains(&line.len()))
    }),
];

fn reply(bytes: &[u8]) {
    let ours = Reply::parse(bytes);
    let mut rest = bytes.iter();
    let theirs = ResponseReceiver::default().parse(&mut rest);
    if rest.len() > 0 && theirs.is_ok() {
        // Theirs ends before the octets do: so there is more than one reply.
        assert!(ours.is_err() || bytes.len() > 4000);
        return;
    }
    let theirs = theirs.map(|it| (it.code, it.esc, it.message));
    let case = Answer { bytes: Octets(bytes), ours, theirs };
    let agree = match (&case.ours, &case.theirs) {
        (Err(_), Err(_)) => true,
        (Ok(ours), Ok((code, esc, message))) => {
            let enhanced = ours.enhanced().map(|it| [it.class().into(), it.subject(), it.detail()]);
            let texts: Vec<&[u8]> = ours.texts().collect();
            ours.code().get() == *code
                && enhanced.unwrap_or([0; 3]) == esc.map(u16::from)
                && texts.join(&b'\n') == message.as_bytes()
        }
        _ => false,
    };
    if !agree {
        explained!(case, REPLIES);
    }
}

#[derive(Debug)]
struct Mail<'a> {
    octets: Octets<'a>,
    ours: Option<(Vec<u8>, usize)>,
    theirs: Option<(Vec<u8>, usize)>,
}

const DATA: OfMailData = &[
    ("a lone dot on the first line ends it: RFC 5321 section 4.1.1.4", |it| {
        it.octets.starts_with(b".")
    }),
    ("CR CR LF behind a dot ends nothing: RFC 5321 section 2.3.8", |it| {
        it.octets.windows(5).any(|five| five == b"\r\n.\r\r")
    }),
];

fn mail_data(octets: &[u8]) {
    let ours = decoded(octets, BareNewline::Pass).flatten();
    let end = split_end(octets).map(|(_, behind)| octets.len() - behind.len());
    let mut content = Vec::new();
    let mut rest = octets.iter();
    let ended = DataReceiver::new().ingest(&mut rest, &mut content);
    let theirs = ended.then(|| (content, octets.len() - rest.len()));
    let case = Mail { octets: Octets(octets), ours: ours.zip(end), theirs };
    if case.ours != case.theirs {
        explained!(case, DATA);
    }
}
