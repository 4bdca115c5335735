//! What a command must meet before the application is asked about it.

use super::{Asked, Chunk, Context, Session, State, Transaction, Verdicts, values};
use crate::Syntax;
use crate::address::Host;
use crate::command::{
    AttributeValue, Attributes, Body, Command, MailParameters, Parameter, RcptParameters,
};
use crate::reply::{Extension, Refusal};
use crate::session::{Protocol, offered};

impl Session {
    /// RFC 6531 section 3.7.1: a client names itself by A-labels.
    pub(super) fn check_host(
        &self,
        cx: &Context<'_>,
        host: Host<'_>,
        protocol: Protocol,
    ) -> Result<Asked, Refusal<'static>> {
        if host.is_ascii() || cx.settings.syntax == Syntax::Lenient {
            Ok(Asked::Hello(protocol))
        } else {
            Err(Refusal::known(501, (5, 5, 4), "a host name outside ASCII needs A-labels"))
        }
    }

    pub(super) fn check_mail(
        &self,
        cx: &Context<'_>,
        ascii: bool,
        parameters: &MailParameters<'_>,
    ) -> Result<Asked, Refusal<'static>> {
        self.check_offered(cx, parameters.iter())?;
        check_utf8(ascii, parameters.smtp_utf8())?;
        values::check(cx, parameters)?;
        if let (Some(declared), Some(limit)) = (parameters.size(), cx.max_size())
            && declared > limit
        {
            return Err(Refusal::known(552, (5, 3, 4), "larger than this server takes"));
        }
        Ok(Asked::Mail(Transaction {
            utf8: parameters.smtp_utf8(),
            body: parameters.body().unwrap_or(Body::SevenBit),
            each: parameters.prdr(),
            verdicts: Verdicts::default(),
            recipients: 0,
            refused: 0,
            over: 0,
            small: 0,
            size: 0,
            abort: None,
        }))
    }

    pub(super) fn check_rcpt(
        &self,
        cx: &Context<'_>,
        ascii: bool,
        parameters: &RcptParameters<'_>,
    ) -> Result<Asked, Refusal<'static>> {
        let State::Open(transaction) = self.state else {
            return Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands"));
        };
        self.check_offered(cx, parameters.iter())?;
        check_utf8(ascii, transaction.utf8)?;
        if transaction.is_full(cx) {
            return Err(Refusal::known(452, (4, 5, 3), "too many recipients"));
        }
        Ok(Asked::Rcpt(transaction))
    }

    pub(super) fn check_data(&self) -> Result<Asked, Refusal<'static>> {
        match self.state {
            State::Open(transaction) if transaction.body == Body::BinaryMime => {
                Err(Refusal::known(503, (5, 5, 1), "BODY=BINARYMIME needs BDAT"))
            }
            State::Open(transaction) => Ok(Asked::Data(transaction)),
            _ => Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands")),
        }
    }

    /// RFC 3030 section 2: the first chunk asks the application, as DATA does; those behind it go
    /// on by themselves.
    pub(super) fn check_chunk(
        &mut self,
        cx: &Context<'_>,
        size: u64,
        last: bool,
    ) -> Result<Option<Asked>, Refusal<'static>> {
        let (State::Open(transaction) | State::Chunks(transaction)) = self.state else {
            return Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands"));
        };
        let whole = transaction.size.saturating_add(size);
        if cx.max_size().is_some_and(|max| whole > max) {
            return Err(Refusal::known(552, (5, 3, 4), "message too large"));
        }
        let chunk = Chunk { size, left: size, last };
        if let State::Open(_) = self.state {
            return Ok(Some(Asked::Chunk(transaction, chunk)));
        }
        self.state = State::Chunk(transaction, chunk);
        Ok(None)
    }

    /// A client that said HELO was offered nothing.
    pub(super) fn check_offered<'p>(
        &self,
        cx: &Context<'_>,
        mut parameters: impl Iterator<Item = Parameter<'p>>,
    ) -> Result<(), Refusal<'static>> {
        let extended = self.protocol.is_extended();
        let is_offered = |parameter| {
            let settings = &cx.settings.extensions;
            // What the session changes is worked out only for those that it changes.
            match offered::needed(&parameter) {
                Some(
                    Extension::Auth
                    | Extension::RequireTls
                    | Extension::FutureRelease
                    | Extension::Prdr,
                ) => offered::is_offered(&parameter, &self.offered(cx)),
                _ => offered::is_offered(&parameter, settings),
            }
        };
        match parameters.all(|parameter| extended && is_offered(parameter)) {
            true => Ok(()),
            false => Err(Refusal::known(555, (5, 5, 4), "parameter not offered here")),
        }
    }
}

/// RFC 6531 sections 3.4 and 3.5: an address outside ASCII needs the SMTPUTF8 parameter.
pub(super) const UTF8_UNASKED: Refusal<'static> =
    Refusal::known(553, (5, 6, 7), "address outside ASCII without SMTPUTF8");

fn check_utf8(ascii: bool, smtp_utf8: bool) -> Result<(), Refusal<'static>> {
    if ascii || smtp_utf8 { Ok(()) } else { Err(UTF8_UNASKED) }
}

/// The same for VRFY and EXPN (RFC 6531 section 3.7.4).
pub(super) fn is_utf8_unasked(command: &Command<'_>) -> bool {
    matches!(command, Command::Vrfy(argument) | Command::Expn(argument)
        if !argument.as_str().is_ascii() && !argument.smtp_utf8())
}

/// HTTP, or a header field: somebody has another program talk to this port.
pub(super) fn is_other_protocol(verb: &[u8]) -> bool {
    let requests = [&b"GET"[..], b"POST", b"CONNECT", b"HEAD", b"PUT", b"OPTIONS"];
    verb.ends_with(b":") || requests.iter().any(|request| request.eq_ignore_ascii_case(verb))
}

/// XCLIENT LOGIN: somebody has authenticated to the proxy.
pub(super) fn names_login(attributes: &Attributes<'_>) -> bool {
    matches!(attributes.get("LOGIN"), Some(AttributeValue::Is(_)))
}
