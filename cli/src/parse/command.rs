//! Commands as JSON.

use std::ops::Not;

use serde::Serialize;
use smtp_proto::address::Host;
use smtp_proto::command::{Attributes, Command, Parameter, Queue};
use smtp_proto::reply::{EnhancedCode, Refusal};
use smtp_proto::{CommandError, Syntax};

use super::Refused;
use super::address::Path;
use super::text::Text;

#[derive(Serialize)]
pub(super) struct Parsed<'a> {
    verb: &'static str,
    #[serde(flatten)]
    rest: Rest<'a>,
}

/// What belongs to each verb.
#[derive(Serialize)]
#[serde(untagged)]
enum Rest<'a> {
    Hello {
        domain: String,
    },
    Path {
        path: Path<'a>,
        parameters: Vec<Pair<'a>>,
    },
    Attributes {
        parameters: Vec<Pair<'a>>,
    },
    Argument {
        argument: Option<Text<'a>>,
        #[serde(skip_serializing_if = "Not::not")]
        raw: bool,
    },
    Queue {
        argument: String,
    },
    Chunk {
        size: u64,
        last: bool,
    },
    Auth {
        mechanism: &'a str,
        initial_response: Option<&'a str>,
    },
    Nothing {},
}

/// A keyword and its value as they stand on the line, still encoded.
#[derive(Serialize)]
struct Pair<'a> {
    keyword: &'a str,
    value: Option<&'a str>,
}

/// A command line.
pub(super) fn command(input: &[u8], syntax: Syntax) -> Result<Parsed<'_>, Refused> {
    let command = Command::parse_with(input, syntax).map_err(refused)?;
    let rest = match command {
        Command::Helo(host) | Command::Ehlo(host) | Command::Lhlo(host) => hello(host),
        Command::Mail { reverse_path, parameters } => Rest::Path {
            path: reverse_path.into(),
            parameters: parameters.iter().map(pair).collect(),
        },
        Command::Rcpt { forward_path, parameters } => Rest::Path {
            path: forward_path.into(),
            parameters: parameters.iter().map(pair).collect(),
        },
        Command::Bdat { size, last } => Rest::Chunk { size, last },
        Command::Noop(octets) => argument((!octets.is_empty()).then(|| octets.as_bytes())),
        Command::Vrfy(user) | Command::Expn(user) => argument(Some(user.as_str().as_bytes())),
        Command::Help(topic) => argument(topic.map(|topic| topic.as_str().as_bytes())),
        Command::Auth { mechanism, initial_response } => Rest::Auth {
            mechanism: mechanism.as_str(),
            initial_response: initial_response.map(|response| response.as_str()),
        },
        Command::Etrn(queue) => Rest::Queue {
            argument: match queue {
                Queue::Host(domain) => domain.to_string(),
                Queue::Subdomains(domain) => format!("@{domain}"),
                Queue::Named(name) => format!("#{name}"),
            },
        },
        Command::Xclient(attributes) | Command::Xforward(attributes) => attributes_of(attributes),
        Command::Data | Command::Rset | Command::Quit | Command::StartTls => Rest::Nothing {},
        _ => return Err(unknown()),
    };
    Ok(Parsed { verb: command.verb().as_str(), rest })
}

fn hello(host: Host<'_>) -> Rest<'_> {
    Rest::Hello { domain: host.to_string() }
}

fn argument(octets: Option<&[u8]>) -> Rest<'_> {
    let argument = octets.map(Text);
    Rest::Argument { argument, raw: argument.is_some_and(Text::is_raw) }
}

fn pair(parameter: Parameter<'_>) -> Pair<'_> {
    Pair { keyword: parameter.keyword(), value: parameter.value() }
}

fn attributes_of(attributes: Attributes<'_>) -> Rest<'_> {
    let words = attributes.as_str().split(' ').filter(|word| !word.is_empty());
    let pairs = words.map(|word| match word.split_once('=') {
        Some((keyword, value)) => Pair { keyword, value: Some(value) },
        None => Pair { keyword: word, value: None },
    });
    Rest::Attributes { parameters: pairs.collect() }
}

fn refused(error: CommandError) -> Refused {
    Refused { reply: Some(line(&error.refusal())), error: error.to_string() }
}

fn unknown() -> Refused {
    let text = "the command is not known";
    let refusal = Refusal::new(500, EnhancedCode::new(5, 5, 1), text);
    Refused { reply: refusal.ok().map(|refusal| line(&refusal)), error: text.to_owned() }
}

fn line(refusal: &Refusal<'_>) -> String {
    let mut bytes = Vec::new();
    refusal.encode(&mut bytes, true, true);
    String::from_utf8_lossy(&bytes).trim_ascii_end().to_owned()
}
