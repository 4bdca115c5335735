//! What a server is like, asked once before the checks.

use std::io;
use std::time::Duration;

use data_encoding::BASE64;
use smtp_proto::address::{ForwardPathBuf, HostBuf, ReversePathBuf};
use smtp_proto::reply::{Capabilities, Reply};
use smtp_tls::ClientTls;

use super::check::{At, Check};
use super::link::{Got, Link, Target};
use super::transcript::shown;

/// Whom to speak to, and as whom.
pub(super) struct Context<'a> {
    pub(super) target: Target<'a>,
    pub(super) wait: Duration,
    pub(super) tls: ClientTls,
    pub(super) implicit_tls: bool,
    pub(super) lmtp: bool,
    pub(super) hello: HostBuf,
    pub(super) from: &'a ReversePathBuf,
    pub(super) to: &'a ForwardPathBuf,
    /// User and password.
    pub(super) login: Option<(String, String)>,
    /// Octets of a flood.
    pub(super) flood: usize,
}

/// What a reply to EHLO announces: keywords in upper case, and their arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer(pub(super) Vec<(String, Vec<String>)>);

impl Offer {
    fn read(raw: &[u8]) -> Self {
        let Ok(reply) = Reply::parse(raw) else { return Offer::default() };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).to_ascii_uppercase();
        let all = Capabilities::new(reply);
        Offer(
            all.iter().map(|it| (text(it.keyword()), it.arguments().map(text).collect())).collect(),
        )
    }

    fn get(&self, keyword: &str) -> Option<&[String]> {
        let (_, arguments) = self.0.iter().find(|(name, _)| name == keyword)?;
        Some(arguments)
    }

    /// Whether `KEYWORD` or `KEYWORD=argument` is there.
    fn has(&self, need: &str) -> bool {
        match need.split_once('=') {
            Some((keyword, argument)) => {
                self.get(keyword).is_some_and(|arguments| arguments.iter().any(|it| it == argument))
            }
            None => self.get(need).is_some(),
        }
    }

    fn size(&self) -> Option<u64> {
        self.get("SIZE")?.first()?.parse().ok().filter(|size| *size > 0)
    }

    pub(super) fn keywords(&self) -> Vec<&str> {
        self.0.iter().map(|(keyword, _)| keyword.as_str()).collect()
    }
}

/// What a server is like.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    pub(super) greeting: String,
    /// What is announced at first.
    pub(super) clear: Offer,
    /// What is announced inside TLS, or why there is no TLS although it is offered.
    pub(super) secure: Option<Result<Offer, String>>,
    pub(super) version: Option<&'static str>,
}

/// Why there is nothing to check.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is no connection.
    Link(io::Error),
    /// What answers is no SMTP server.
    Foreign(String),
    /// The transaction that everything rests on is refused.
    Refused(String),
}

/// Asks.
pub(super) fn survey(context: &Context<'_>) -> Result<Survey, Stop> {
    let mut link = context.open()?;
    let greeting = expect(&mut link, "the greeting", "220")?;
    let hello = if context.lmtp { "LHLO" } else { "EHLO" };
    let clear = ask(context, &mut link, "{ehlo} {hello}", hello)?;
    let version = link.tls_version();
    let clear = Offer::read(&clear);
    ask(context, &mut link, "MAIL FROM:{from}", "MAIL")?;
    ask(context, &mut link, "RCPT TO:{to}", "RCPT")?;
    let mut survey = Survey { greeting: shown(&greeting, 200), clear, secure: None, version };
    drop(link);
    if survey.clear.has("STARTTLS") {
        let (secure, version) = match inside(context) {
            Ok((offer, version)) => (Ok(offer), version),
            Err(Stop::Link(error)) => return Err(Stop::Link(error)),
            Err(Stop::Foreign(why) | Stop::Refused(why)) => (Err(why), None),
        };
        (survey.secure, survey.version) = (Some(secure), version);
    }
    Ok(survey)
}

fn inside(context: &Context<'_>) -> Result<(Offer, Option<&'static str>), Stop> {
    let mut link = context.open()?;
    expect(&mut link, "the greeting", "220")?;
    ask(context, &mut link, "{ehlo} {hello}", "EHLO")?;
    let _ = link.send(b"STARTTLS\r\n");
    expect(&mut link, "STARTTLS", "220")?;
    link.handshake(&context.tls).map_err(Stop::Refused)?;
    let offer = ask(context, &mut link, "{ehlo} {hello}", "EHLO inside TLS")?;
    Ok((Offer::read(&offer), link.tls_version()))
}

fn ask(context: &Context<'_>, link: &mut Link, line: &str, what: &str) -> Result<Vec<u8>, Stop> {
    let line = context.fill(format!("{line}\r\n").as_bytes(), &Survey::default());
    // What goes wrong shows in the reply.
    let _ = link.send(&line);
    expect(link, what, "25")
}

fn expect(link: &mut Link, what: &str, code: &str) -> Result<Vec<u8>, Stop> {
    match link.reply() {
        Got::Reply(got, raw) if got.to_string().starts_with(code) => Ok(raw),
        Got::Reply(_, raw) => {
            let reply = shown(raw.trim_ascii_end(), 200);
            Err(Stop::Refused(format!("{what} is answered with {reply}")))
        }
        Got::Closed => Err(Stop::Foreign(format!("the connection ends instead of {what}"))),
        Got::Silence => Err(Stop::Foreign(format!("nothing comes as a reply to {what}"))),
        Got::Broken(why) => Err(Stop::Foreign(format!("the reply to {what} is none: {why}"))),
    }
}

impl Context<'_> {
    /// A connection, inside TLS if that comes first.
    pub(super) fn open(&self) -> Result<Link, Stop> {
        let mut link = Link::open(self.target, self.wait).map_err(Stop::Link)?;
        if self.implicit_tls {
            link.handshake(&self.tls)
                .map_err(|why| Stop::Foreign(format!("TLS cannot be begun: {why}")))?;
        }
        Ok(link)
    }

    /// Octets with `{from}` and the like replaced.
    pub(super) fn fill(&self, octets: &[u8], survey: &Survey) -> Vec<u8> {
        if !octets.contains(&b'{') {
            return octets.to_vec();
        }
        let domain = match self.to {
            ForwardPathBuf::Mailbox(mailbox) => mailbox.as_mailbox().host().to_string(),
            ForwardPathBuf::Postmaster => "example.org".to_owned(),
        };
        let plain = match &self.login {
            Some((user, password)) => BASE64.encode(format!("\0{user}\0{password}").as_bytes()),
            None => String::new(),
        };
        let mut filled = octets.to_vec();
        for (name, value) in [
            ("{from}", self.from.to_string()),
            ("{to}", self.to.to_string()),
            ("{domain}", domain),
            ("{hello}", self.hello.as_host().to_string()),
            ("{ehlo}", if self.lmtp { "LHLO" } else { "EHLO" }.to_owned()),
            ("{plain}", plain),
            ("{over}", survey.clear.size().map_or(0, |size| size.saturating_add(1)).to_string()),
        ] {
            filled = replaced(&filled, name.as_bytes(), value.as_bytes());
        }
        filled
    }

    /// What a check needs and the server does not announce.
    pub(super) fn lacks(&self, check: &Check, survey: &Survey) -> Option<String> {
        let none = Offer::default();
        let secure = survey.secure.as_ref();
        let inside = secure.and_then(|offer| offer.as_ref().ok()).unwrap_or(&none);
        let offer = match check.at {
            At::Tls | At::TlsRcpt => match secure {
                None => return Some("STARTTLS is not offered".to_owned()),
                Some(Err(why)) => return Some(format!("TLS does not work: {why}")),
                Some(Ok(offer)) => offer,
            },
            At::Auth if Self::auth_inside(survey) => inside,
            _ => &survey.clear,
        };
        if check.at == At::Auth && !offer.has("AUTH") {
            return Some("AUTH is not offered".to_owned());
        }
        let later = |need: &str| {
            let given = !survey.clear.has(need) && inside.has(need);
            (given, format!("{} is not kept for TLS", need.replace('=', " ")))
        };
        check.needs.iter().find_map(|need| {
            let (given, why) = match *need {
                // Who speaks the other protocol is not asked at all.
                "smtp" | "lmtp" => (true, String::new()),
                "tls" => (
                    matches!(secure, Some(Ok(_))),
                    match secure {
                        Some(Err(why)) => format!("TLS does not work: {why}"),
                        _ => "STARTTLS is not offered".to_owned(),
                    },
                ),
                "size" => (offer.size().is_some(), "SIZE announces no limit".to_owned()),
                "login" => (
                    self.login.is_some() && offer.has("AUTH=PLAIN"),
                    "a login by PLAIN is needed: --user and --password-env".to_owned(),
                ),
                "later-plain" => later("AUTH=PLAIN"),
                "later-login" => later("AUTH=LOGIN"),
                "STARTTLS" => (survey.clear.has("STARTTLS"), "STARTTLS is not offered".to_owned()),
                keyword => match keyword.strip_prefix('!') {
                    Some(keyword) => (!offer.has(keyword), format!("{keyword} is offered")),
                    None => (
                        offer.has(keyword),
                        format!("{} is not offered", keyword.replace('=', " ")),
                    ),
                },
            };
            (!given).then_some(why)
        })
    }

    /// Whether AUTH is to be tried inside TLS: wherever it is offered there.
    pub(super) fn auth_inside(survey: &Survey) -> bool {
        matches!(&survey.secure, Some(Ok(offer)) if offer.has("AUTH"))
    }
}

fn replaced(octets: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(at) = memchr::memmem::find(rest, name) {
        filled.extend_from_slice(rest.get(..at).unwrap_or_default());
        filled.extend_from_slice(value);
        rest = rest.get(at + name.len()..).unwrap_or_default();
    }
    filled.extend_from_slice(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read() {
        let offer = Offer::read(b"250-mx\r\n250-size 100\r\n250-AUTH plain LOGIN\r\n250 DSN\r\n");
        assert!(offer.has("DSN") && offer.has("AUTH=PLAIN") && !offer.has("AUTH=CRAM-MD5"));
        assert_eq!(offer.size(), Some(100));
        assert_eq!(Offer::read(b"250-mx\r\n250 SIZE 0\r\n").size(), None);
        assert_eq!(offer.keywords(), ["SIZE", "AUTH", "DSN"]);
    }

    #[test]
    fn names_are_replaced() {
        assert_eq!(replaced(b"a{x}{x}b{y}", b"{x}", b"12"), b"a1212b{y}");
        assert_eq!(replaced(b"", b"{x}", b"12"), b"");
    }
}
