//! `smtp send`: send one message.

mod drive;
mod letter;
mod replay;
mod report;
pub(crate) mod secure;

use std::sync::Arc;

use smtp_codec::client::Config;
use smtp_codec::proto::address::AddressError;
use smtp_codec::proto::command::{Body, MailParametersBuf, RcptParametersBuf};
use smtp_codec::proto::session::{BareNewline, TlsPolicy};
use smtp_codec::proto::{Envelope, Recipient};
use smtp_sasl::Login;
use smtp_tls::ClientTls;

use crate::args::send::SendArgs;
use crate::exit::{Exit, announce_terminal, complain};
use crate::trace::Trace;
use drive::Came;
use letter::Letter;
use replay::Source;

/// Sends the message, says what became of each recipient, and exits accordingly.
pub(crate) fn main(args: &SendArgs) -> Exit {
    if let Some(sentence) = args.contradiction() {
        complain(format_args!("smtp: {sentence}"));
        return Exit::Usage;
    }
    if args.file().is_none() {
        announce_terminal("smtp send: reading the message");
    }
    let letter = match Letter::open(args.file()) {
        Ok(letter) => letter,
        Err(error) => {
            let name = args.file().map_or("standard input".into(), |f| f.display().to_string());
            complain(format_args!("smtp send: {name}: {error}"));
            return Exit::Io;
        }
    };
    if letter.has_bare_newline && !args.normalise && !args.is_binary() {
        complain(format_args!(
            "smtp send: the message holds a CR or LF that is not part of a CRLF; \
             --normalise makes each a CRLF"
        ));
        return Exit::Data;
    }
    let config = match config(args) {
        Ok(config) => config,
        Err(error) => {
            complain(format_args!("smtp send: --hello: {error}"));
            return Exit::Usage;
        }
    };
    let envelope = match envelope(args, &letter) {
        Ok(envelope) => envelope,
        Err(error) => {
            complain(format_args!("smtp send: {error}"));
            return Exit::Data;
        }
    };
    let (tls, login) = match secured(args) {
        Ok(both) => both,
        Err(sentence) => {
            complain(format_args!("smtp send: {sentence}"));
            return Exit::Usage;
        }
    };
    let trace = args.trace.then(Trace::new);
    let report = |done: &drive::Done| report::tell(args, &envelope, done);
    let order = |config: Config, policy, tls| drive::Order {
        server: &args.server,
        config: Arc::new(config),
        policy,
        tls,
        login: login.clone(),
        warns: !args.secure.insecure,
        envelope: &envelope,
        trace: trace.clone(),
        report,
    };
    let clear = order(config.clone().tls(TlsPolicy::Never), TlsPolicy::Never, None);
    let order = order(config, args.tls(), tls);
    match drive::send(args.runtime, &order, &clear, &Source::new(letter.file)) {
        Ok(Came::Told(exit)) => exit,
        Ok(Came::Stranger(error, offered)) => {
            report::not_authenticated(args, &envelope, &error, &offered)
        }
        Ok(Came::NoTls(_)) => Exit::Forbidden,
        Err(error) => report::not_connected(args, &envelope, &error),
    }
}

fn secured(args: &SendArgs) -> Result<(Option<ClientTls>, Option<Login>), String> {
    Ok((secure::tls(&args.secure, &args.server)?, secure::login(&args.secure)?))
}

fn config(args: &SendArgs) -> Result<Config, AddressError> {
    let mut config = Config::new(&args.hello().as_host().to_string())?
        .pipelining(!args.no_pipelining)
        .chunking(!args.no_chunking)
        .prdr(args.prdr)
        .tls(args.tls());
    if args.secure.allow_plaintext_auth {
        config = config.allow_plaintext_auth();
    }
    if args.lmtp {
        config = config.lmtp();
    }
    if args.normalise {
        config = config.bare_newline(BareNewline::Normalise);
    }
    if let Some(timeout) = args.timeout {
        config = config.patience(timeout);
    }
    Ok(config)
}

fn envelope(args: &SendArgs, letter: &Letter) -> Result<Envelope, String> {
    let wanted = |error| format!("--envid: {error}");
    let mut parameters = MailParametersBuf::new();
    if args.is_binary() {
        parameters = parameters.size(letter.octets);
    } else if !letter.has_bare_newline {
        parameters = parameters.size(letter.size_in_lines());
    }
    let body = args.body.or(letter.has_8bit.then_some(Body::EightBitMime));
    if let Some(body) = body {
        parameters = parameters.body(body);
    }
    let is_ascii =
        args.from.as_path().is_ascii() && args.to.iter().all(|to| to.as_path().is_ascii());
    if args.smtputf8 || !is_ascii {
        parameters = parameters.smtp_utf8();
    }
    if let Some(ret) = args.ret {
        parameters = parameters.ret(ret);
    }
    if let Some(envid) = &args.envid {
        parameters = parameters.envid(envid).map_err(wanted)?;
    }
    let recipients = args.to.iter().map(|to| {
        let mut recipient = Recipient::new(to.clone());
        if let Some(notify) = args.notify {
            recipient.parameters = RcptParametersBuf::new().notify(notify);
        }
        recipient
    });
    Ok(Envelope { reverse_path: args.from.clone(), parameters, recipients: recipients.collect() })
}
