//! What was found, as it is told to programs.

use serde::Serialize;
use smtp_codec::proto::reply::{Capabilities, Extension, Extensions, Reply};

use super::certificate::Certificate;
use super::watch::Timings;

/// Octets of a line of text with its CRLF (RFC 5321 section 4.5.3.1.6).
const TEXT_LINE: usize = 1000;

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Findings {
    /// What was asked for.
    pub(super) server: String,
    pub(super) address: Option<String>,
    pub(super) unreachable: Vec<Unreachable>,
    pub(super) protocol: Option<&'static str>,
    pub(super) greeting: Option<Told>,
    pub(super) name: Option<String>,
    pub(super) refusal: Option<Told>,
    pub(super) capabilities: Both,
    pub(super) extensions: Vec<&'static str>,
    pub(super) starttls: Option<Told>,
    pub(super) tls: Option<Tls>,
    pub(super) auth: Auth,
    pub(super) limits: Limits,
    pub(super) timings_ms: Timings,
    pub(super) error: Option<String>,
    /// What advice looks at besides.
    #[serde(skip)]
    pub(super) aside: Aside,
}

/// An address that did not answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unreachable {
    pub(super) address: String,
    pub(super) error: String,
}

/// What a server said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    pub(super) code: u16,
    pub(super) enhanced: Option<String>,
    pub(super) text: String,
}

impl From<Reply<'_>> for Told {
    fn from(reply: Reply<'_>) -> Self {
        Told {
            code: reply.code().get(),
            enhanced: reply.enhanced().map(|it| it.to_string()),
            text: crate::outcome::text(reply),
        }
    }
}

impl Told {
    pub(super) fn line(&self) -> String {
        let enhanced = self.enhanced.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        format!("{}{enhanced} {}", self.code, self.text).trim_end().to_owned()
    }
}

/// A line of the reply to EHLO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Offered {
    /// In upper case.
    pub(super) keyword: String,
    pub(super) arguments: Vec<String>,
}

/// What is offered without TLS and inside it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Both {
    pub(super) clear: Option<Vec<Offered>>,
    pub(super) tls: Option<Vec<Offered>>,
    pub(super) lost: Vec<String>,
    pub(super) gained: Vec<String>,
    pub(super) changed: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Tls {
    pub(super) how: &'static str,
    pub(super) version: &'static str,
    pub(super) cipher: String,
    pub(super) verified: bool,
    pub(super) fault: Option<String>,
    pub(super) certificate: Option<Certificate>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Auth {
    pub(super) clear: Vec<String>,
    pub(super) tls: Vec<String>,
    pub(super) plaintext_in_the_clear: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Limits {
    pub(super) size: Option<u64>,
    pub(super) command_line: Option<usize>,
    pub(super) text_line: Option<usize>,
    pub(super) mail_max: Option<u32>,
    pub(super) rcpt_max: Option<u32>,
    pub(super) rcpt_domain_max: Option<u32>,
}

/// What is told in other words already, or needs none.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    /// Users hand mail in here.
    pub(super) is_submission: bool,
    /// TLS was not to be tried.
    pub(super) without_tls: bool,
    /// The first word of the greeting is a domain or an address.
    pub(super) greets_by_name: bool,
    /// The handshake failed.
    pub(super) tls_failed: Option<String>,
    /// Something came in the clear behind the reply to STARTTLS.
    pub(super) injected: bool,
    pub(super) fault: Option<smtp_tls::Fault>,
    /// QUIT was said; whether it was answered.
    pub(super) quit: Option<bool>,
}

/// Each line of the reply, but the first.
pub(super) fn offered(capabilities: Capabilities<'_>) -> Vec<Offered> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    capabilities
        .iter()
        .map(|it| Offered {
            keyword: text(it.keyword()).to_ascii_uppercase(),
            arguments: it.arguments().map(text).collect(),
        })
        .collect()
}

impl Both {
    /// Says what differs inside TLS, where there is something to compare.
    pub(super) fn compare(&mut self) {
        let (Some(clear), Some(tls)) = (&self.clear, &self.tls) else { return };
        let has = |all: &[Offered], it: &Offered| all.iter().any(|x| x.keyword == it.keyword);
        let keywords = |all: &mut dyn Iterator<Item = &Offered>| -> Vec<String> {
            let mut keywords = Vec::new();
            for it in all {
                if !keywords.contains(&it.keyword) {
                    keywords.push(it.keyword.clone());
                }
            }
            keywords
        };
        self.lost = keywords(&mut clear.iter().filter(|it| !has(tls, it)));
        self.gained = keywords(&mut tls.iter().filter(|it| !has(clear, it)));
        self.changed = keywords(&mut clear.iter().filter(|it| has(tls, it) && !tls.contains(it)));
    }

    /// What is offered in the end.
    pub(super) fn last(&self) -> Option<&[Offered]> {
        self.tls.as_deref().or(self.clear.as_deref())
    }
}

impl Findings {
    /// What the session knows of the server in the end.
    pub(super) fn note(&mut self, extensions: &Extensions) {
        let limits = extensions.limits();
        self.extensions = extensions.iter().map(Extension::keyword).collect();
        self.limits = Limits {
            size: extensions.size().filter(|size| *size > 0),
            command_line: Some(extensions.command_line_limit()),
            text_line: Some(TEXT_LINE),
            mail_max: limits.mail_max,
            rcpt_max: limits.rcpt_max,
            rcpt_domain_max: limits.rcpt_domain_max,
        };
    }

    /// Whether the server was looked at so far that it offered something, or nothing.
    pub(super) fn is_introduced(&self) -> bool {
        self.capabilities.last().is_some()
    }

    pub(super) fn has(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension.keyword())
    }
}
