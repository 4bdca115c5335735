//! `smtp parse`: a window into the parser.

mod address;
mod command;
mod input;
mod reply;
mod text;

use std::io::{self, BufRead, Write};

use serde::Serialize;
use smtp_proto::Syntax;
use smtp_proto::command::Deviations;

use crate::args::parse::{Kind, ParseArgs};
use crate::exit::{Exit, announce_terminal, complain};
use crate::plain::json;

/// Reads standard input and writes standard output until the input ends.
pub(crate) fn main(args: &ParseArgs) -> Exit {
    if let Some(sentence) = args.contradiction() {
        complain(format_args!("smtp: {sentence}"));
        return Exit::Usage;
    }
    announce_terminal("smtp parse: reading");
    match run(args, &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(format_args!("smtp: {error}"));
            Exit::Io
        }
    }
}

fn run(args: &ParseArgs, input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    while input::read(args, input, &mut line)? {
        let mut json = match input::decode(args, &mut line) {
            Ok(bytes) => parse(args, bytes)?,
            Err(error) => Refused { reply: None, error: error.to_owned() }.to_json()?,
        };
        json.push(b'\n');
        output.write_all(&json)?;
        output.flush()?;
    }
    Ok(())
}

fn parse(args: &ParseArgs, input: &[u8]) -> io::Result<Vec<u8>> {
    let syntax = if args.lenient { Syntax::Lenient } else { Syntax::Strict };
    let deviations = |of: fn(&str) -> Deviations| {
        let text = std::str::from_utf8(input).unwrap_or_default();
        args.lenient.then(|| of(text))
    };
    match args.kind {
        Kind::Path => answer(address::path(input, syntax), deviations(Deviations::of_path)),
        Kind::Address => {
            answer(address::address(input, syntax), deviations(Deviations::of_mailbox))
        }
        Kind::Reply => answer(reply::reply(input), None),
        Kind::Ehlo => answer(reply::ehlo(input), None),
        Kind::Command => {
            let deviations = args.lenient.then(|| Deviations::of(input));
            answer(command::command(input, syntax), deviations)
        }
    }
}

fn answer<T: Serialize>(
    parsed: Result<T, Refused>,
    deviations: Option<Deviations>,
) -> io::Result<Vec<u8>> {
    match parsed {
        Ok(what) => {
            let deviations = deviations.map(|found| found.names().collect());
            Ok(json(&Accepted { ok: true, what, deviations })?.into_bytes())
        }
        Err(refused) => refused.to_json(),
    }
}

#[derive(Serialize)]
struct Accepted<T> {
    ok: bool,
    #[serde(flatten)]
    what: T,
    /// What lenient syntax let through, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    deviations: Option<Vec<&'static str>>,
}

/// What is said of an input that is not well-formed.
#[derive(Debug)]
struct Refused {
    /// What the server would answer, where there is a server.
    reply: Option<String>,
    error: String,
}

impl Refused {
    fn to_json(&self) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Json<'a> {
            ok: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            reply: Option<&'a str>,
            error: &'a str,
        }
        let refused = Json { ok: false, reply: self.reply.as_deref(), error: &self.error };
        Ok(json(&refused)?.into_bytes())
    }
}
