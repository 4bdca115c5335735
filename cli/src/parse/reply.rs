//! Replies as JSON.

use std::ops::Not;

use serde::Serialize;
use smtp_proto::reply::{Capabilities, Reply, ReplyFault, ReplyScanner};

use super::Refused;
use super::text::Text;

#[derive(Serialize)]
pub(super) struct Parsed<'a> {
    code: u16,
    enhanced: Option<String>,
    lines: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Not::not")]
    raw: bool,
}

/// One whole reply.
pub(super) fn reply(input: &[u8]) -> Result<Parsed<'_>, Refused> {
    let reply = whole(input)?;
    let lines: Vec<_> = reply.texts().map(Text).collect();
    Ok(Parsed {
        code: reply.code().get(),
        enhanced: reply.enhanced().map(|code| code.to_string()),
        raw: lines.iter().any(|line| line.is_raw()),
        lines,
    })
}

#[derive(Serialize)]
pub(super) struct Ehlo<'a> {
    domain: Text<'a>,
    #[serde(skip_serializing_if = "Not::not")]
    raw: bool,
    capabilities: Vec<Capability<'a>>,
}

#[derive(Serialize)]
struct Capability<'a> {
    keyword: Text<'a>,
    arguments: Vec<Text<'a>>,
    #[serde(skip_serializing_if = "Not::not")]
    raw: bool,
}

/// The reply to EHLO.
pub(super) fn ehlo(input: &[u8]) -> Result<Ehlo<'_>, Refused> {
    let reply = whole(input)?;
    if reply.code().get() != 250 {
        return Err(refused(format_args!("EHLO is answered with 250, not {}", reply.code())));
    }
    let ehlo = Capabilities::new(reply);
    let capabilities = ehlo.iter().map(|capability| {
        let keyword = Text(capability.keyword());
        let arguments: Vec<_> = capability.arguments().map(Text).collect();
        let raw = keyword.is_raw() || arguments.iter().any(|argument| argument.is_raw());
        Capability { keyword, arguments, raw }
    });
    let domain = Text(ehlo.domain());
    Ok(Ehlo { domain, raw: domain.is_raw(), capabilities: capabilities.collect() })
}

/// Reads a reply as a client does, with the bounds that a client sets.
fn whole(input: &[u8]) -> Result<Reply<'_>, Refused> {
    let reply = Reply::parse(input).map_err(refused)?;
    let mut scanner = ReplyScanner::new();
    let mut lines = input.split_inclusive(|byte| *byte == b'\n');
    lines
        .try_for_each(|line| {
            scanner.feed(line.strip_suffix(b"\r\n").ok_or(ReplyFault::Incomplete)?).map(drop)
        })
        .map_err(refused)?;
    Ok(reply)
}

fn refused(error: impl ToString) -> Refused {
    Refused { reply: None, error: error.to_string() }
}
