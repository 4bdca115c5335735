//! What could be better about a server: a table of rules, in the order in which they are told.

use serde::Serialize;
use smtp_codec::proto::reply::Extension;
use smtp_tls::Fault;

use super::certificate::Certificate;
use super::findings::{Findings, Offered};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Against a rule, or mail will not get through, or a secret is shown.
    Error,
    /// Against what is recommended, or about to go wrong.
    Warning,
    /// Could be better.
    Note,
}

/// A piece of advice.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Advice {
    pub(super) key: &'static str,
    pub(super) severity: Severity,
    pub(super) text: String,
    /// Where it stands written.
    pub(super) source: &'static str,
}

/// The key is for programs and never changes. `finds` gives the words where there is something to
/// say.
struct Rule {
    key: &'static str,
    severity: Severity,
    source: &'static str,
    finds: fn(&Findings) -> Option<String>,
}

/// A certificate that has so many days left is to be renewed.
const DAYS: i64 = 21;

use Severity::{Error, Note, Warning};

#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule("address-unreachable", Warning, "RFC 5321 section 5.1", addresses),
    rule("greeting-without-name", Warning, "RFC 5321 section 4.2", greeting),
    rule("esmtp-unknown", Error, "RFC 5321 section 2.2.1", |it|
        (it.protocol == Some("SMTP")).then(|| "EHLO is unknown there, so nothing can be offered: no TLS, no sizes, no reports".into())),
    rule("name-unqualified", Warning, "RFC 5321 section 2.3.5", unqualified),
    rule("starttls-missing", Warning, "RFC 3207 section 1", |it|
        (is_in_the_clear(it) && !it.aside.is_submission)
            .then(|| "TLS is not offered: whoever is between can read and change everything".into())),
    rule("submission-without-tls", Error, "RFC 8314 section 3.3", |it|
        (is_in_the_clear(it) && it.aside.is_submission).then(|| "users hand mail in here, and TLS is not offered to them".into())),
    rule("starttls-refused", Error, "RFC 3207 section 4", |it|
        it.starttls.as_ref().filter(|reply| reply.code != 220)
            .map(|reply| format!("STARTTLS is offered, and then refused with {}", reply.code))),
    rule("starttls-injection", Error, "RFC 3207 section 4.2", |it|
        it.aside.injected.then(|| "something follows the reply to STARTTLS in the clear: somebody may have put it there".into())),
    rule("tls-failed", Error, "RFC 3207 section 4.1", |it|
        it.aside.tls_failed.as_ref().map(|why| format!("the TLS handshake does not succeed: {why}"))),
    rule("starttls-inside-tls", Error, "RFC 3207 section 4.2", |it|
        inside(it, "STARTTLS").then(|| "STARTTLS is offered once more inside TLS".into())),
    rule("tls-version", Note, "RFC 9325 section 3.1.1", |it|
        it.tls.as_ref().filter(|tls| tls.version == "TLSv1.2").map(|_| "TLS 1.3 is not spoken, only 1.2".into())),
    rule("certificate-expired", Error, "RFC 5280 section 4.1.2.5", |it|
        certificate(it).filter(|it| it.days_left < 0).map(|it| format!("the certificate has expired on {}", it.last_day()))),
    rule("certificate-expires-soon", Warning, "RFC 5280 section 4.1.2.5", |it|
        certificate(it).filter(|it| (0..DAYS).contains(&it.days_left))
            .map(|it| format!("the certificate expires on {}, in {} days: renew it", it.last_day(), it.days_left))),
    rule("certificate-not-yet-valid", Error, "RFC 5280 section 4.1.2.5", |it|
        fault(it, Fault::NotYetValid).map(|it| format!("the certificate is valid only from {} on", it.first_day()))),
    rule("certificate-wrong-name", Warning, "RFC 9525 section 6", |it|
        certificate(it).filter(|it| !it.is_for_name)
            .map(|it| format!("the certificate is for {}, and not for the name that was asked for", listed(&it.names)))),
    rule("certificate-self-signed", Warning, "RFC 5280 section 6", |it|
        fault(it, Fault::UnknownIssuer).filter(|it| it.self_signed)
            .map(|_| "the certificate is signed by itself: clients that verify will not connect".into())),
    rule("certificate-chain-incomplete", Warning, "RFC 8446 section 4.4.2", |it|
        fault(it, Fault::UnknownIssuer).filter(|it| !it.self_signed && it.sent == 1).map(|it|
            format!("the certificate is sent alone, and its issuer is not known here ({}): if an authority stands behind that one, send its certificate too", it.issuer))),
    rule("certificate-untrusted", Warning, "RFC 5280 section 6", untrusted),
    rule("auth-plaintext-in-the-clear", Error, "RFC 4954 section 4", |it|
        (!it.auth.plaintext_in_the_clear.is_empty())
            .then(|| format!("{} without TLS: passwords can be read on the way", listed(&it.auth.plaintext_in_the_clear)))),
    rule("auth-only-in-the-clear", Warning, "RFC 4954 section 4", |it|
        (it.capabilities.tls.is_some() && !it.auth.clear.is_empty() && it.auth.tls.is_empty())
            .then(|| "AUTH is offered without TLS, and not inside it".into())),
    rule("auth-missing", Warning, "RFC 6409 section 4.3", |it|
        (it.aside.is_submission && it.capabilities.tls.is_some() && it.auth.tls.is_empty())
            .then(|| "users hand mail in here, and cannot authenticate".into())),
    rule("auth-digest-md5", Note, "RFC 6331 section 1", |it|
        it.auth.clear.iter().chain(&it.auth.tls).any(|name| name == "DIGEST-MD5")
            .then(|| "DIGEST-MD5 is obsolete; SCRAM-SHA-256 does what it was for".into())),
    rule("lmtp-extensions", Error, "RFC 2033 section 5", |it|
        lacks(it, "LMTP", &[Extension::Pipelining, Extension::EnhancedStatusCodes]).map(|all| format!("LMTP servers must offer {all}"))),
    rule("8bitmime-missing", Warning, "RFC 5321 section 2.4", |it|
        lacks(it, "ESMTP", &[Extension::EightBitMime])
            .map(|_| "8BITMIME is not offered: text with other letters than ASCII must be encoded anew".into())),
    rule("pipelining-missing", Note, "RFC 2920 section 3", |it|
        lacks(it, "ESMTP", &[Extension::Pipelining])
            .map(|_| "PIPELINING is not offered: each command waits for the reply to the one before".into())),
    rule("size-missing", Note, "RFC 1870 section 3", |it|
        lacks(it, "ESMTP", &[Extension::Size])
            .map(|_| "SIZE is not offered: messages that are too large are refused only once they were sent".into())),
    rule("enhanced-codes-missing", Note, "RFC 2034 section 3", |it|
        lacks(it, "ESMTP", &[Extension::EnhancedStatusCodes])
            .map(|_| "ENHANCEDSTATUSCODES is not offered: senders learn less about why mail is refused".into())),
    rule("smtputf8-missing", Note, "RFC 6531 section 3.1", |it|
        lacks(it, "ESMTP", &[Extension::SmtpUtf8])
            .map(|_| "SMTPUTF8 is not offered: addresses with other letters than ASCII cannot send or receive".into())),
    rule("smtputf8-without-8bitmime", Error, "RFC 6531 section 3.1", |it|
        (it.has(Extension::SmtpUtf8) && !it.has(Extension::EightBitMime))
            .then(|| "SMTPUTF8 is offered without 8BITMIME, which it needs".into())),
    rule("binarymime-without-chunking", Error, "RFC 3030 section 3", |it|
        (it.has(Extension::BinaryMime) && !it.has(Extension::Chunking))
            .then(|| "BINARYMIME is offered without CHUNKING, which it needs".into())),
    rule("size-too-small", Error, "RFC 5321 section 4.5.3.1.7", |it|
        it.limits.size.filter(|size| *size < 65_536)
            .map(|size| format!("messages of {size} octets at most: less than the 64 KiB that every server must take"))),
    rule("recipients-too-few", Warning, "RFC 5321 section 4.5.3.1.8", |it|
        it.limits.rcpt_max.filter(|most| *most < 100)
            .map(|most| format!("{most} recipients at most: fewer than the 100 that every server must take"))),
    rule("expn-offered", Note, "RFC 5321 section 7.3", |it|
        it.has(Extension::Expn).then(|| "EXPN is offered: it may tell strangers who is on a list".into())),
    rule("obsolete-commands", Note, "RFC 5321 appendix F", obsolete),
    rule("quit-unanswered", Warning, "RFC 5321 section 4.1.1.10", |it|
        (it.aside.quit == Some(false)).then(|| "QUIT is not answered".into())),
];

const fn rule(
    key: &'static str,
    severity: Severity,
    source: &'static str,
    finds: fn(&Findings) -> Option<String>,
) -> Rule {
    Rule { key, severity, source, finds }
}

/// What there is to say, what matters most first.
pub(super) fn about(findings: &Findings) -> Vec<Advice> {
    let say = |rule: &Rule| {
        let text = (rule.finds)(findings)?;
        Some(Advice { key: rule.key, severity: rule.severity, text, source: rule.source })
    };
    let mut all: Vec<_> = RULES.iter().filter_map(say).collect();
    all.sort_by_key(|advice| advice.severity);
    all
}

fn listed(all: &[String]) -> String {
    match all {
        [] => "no name at all".to_owned(),
        all => all.join(", "),
    }
}

fn addresses(it: &Findings) -> Option<String> {
    // Where none answered, nothing else is told than that.
    let answered = it.address.as_ref()?;
    let all: Vec<_> =
        it.unreachable.iter().map(|it| format!("{} ({})", it.address, it.error)).collect();
    (!all.is_empty()).then(|| format!("{answered} answers, and not {}", all.join(", ")))
}

fn greeting(it: &Findings) -> Option<String> {
    it.greeting.as_ref().filter(|_| !it.aside.greets_by_name)?;
    Some("the greeting does not begin with the name of the server".to_owned())
}

fn unqualified(it: &Findings) -> Option<String> {
    let name = it.name.as_deref()?;
    (!name.contains('.') && !name.starts_with('['))
        .then(|| format!("the server calls itself {name}, which is no whole domain name"))
}

/// Nothing but what was tried for is missing.
fn is_in_the_clear(it: &Findings) -> bool {
    it.is_introduced()
        && it.tls.is_none()
        && it.starttls.is_none()
        && !it.aside.without_tls
        && it.aside.tls_failed.is_none()
}

fn inside(it: &Findings, keyword: &str) -> bool {
    let named = |offered: &Offered| offered.keyword == keyword;
    it.capabilities.tls.iter().flatten().any(named)
}

fn certificate(it: &Findings) -> Option<&Certificate> {
    it.tls.as_ref()?.certificate.as_ref()
}

fn fault(it: &Findings, fault: Fault) -> Option<&Certificate> {
    certificate(it).filter(|_| it.aside.fault == Some(fault))
}

/// Whatever other rules do not name.
fn untrusted(it: &Findings) -> Option<String> {
    let found = it.aside.fault?;
    let is_named = match (found, certificate(it)) {
        (Fault::Expired | Fault::NotYetValid | Fault::WrongName, Some(_)) => true,
        (Fault::UnknownIssuer, Some(it)) => it.self_signed || it.sent == 1,
        _ => false,
    };
    (!is_named).then(|| format!("clients that verify will not connect: {found}"))
}

fn lacks(it: &Findings, protocol: &str, extensions: &[Extension]) -> Option<String> {
    let missing: Vec<_> = extensions
        .iter()
        .filter(|extension| !it.has(**extension))
        .map(|extension| extension.keyword())
        .collect();
    (it.protocol == Some(protocol) && !missing.is_empty()).then(|| missing.join(" and "))
}

fn obsolete(it: &Findings) -> Option<String> {
    let old = [Extension::Send, Extension::Soml, Extension::Saml, Extension::Turn];
    let found: Vec<_> = old.into_iter().filter(|x| it.has(*x)).map(Extension::keyword).collect();
    (!found.is_empty()).then(|| format!("{} is offered, and long obsolete", found.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::findings::{Tls, Told, Unreachable};

    fn offers(keywords: &str) -> Findings {
        let words: Vec<&str> = keywords.split_whitespace().collect();
        let known = |word: &&str| Extension::from_keyword(word.as_bytes());
        let mut it = Findings {
            protocol: Some("ESMTP"),
            extensions: words.iter().filter_map(known).map(Extension::keyword).collect(),
            ..Findings::default()
        };
        let offered = words
            .iter()
            .map(|word| Offered { keyword: (*word).to_owned(), arguments: Vec::new() })
            .collect();
        it.capabilities.tls = Some(offered);
        it
    }

    const GOOD: &str = "PIPELINING SIZE 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING";

    fn good() -> Findings {
        let mut it = offers(GOOD);
        it.name = Some("mx.example.org".to_owned());
        it.tls = Some(Tls {
            how: "starttls",
            version: "TLSv1.3",
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            verified: true,
            fault: None,
            certificate: Some(Certificate {
                subject: "CN=mx.example.org".to_owned(),
                names: vec!["mx.example.org".to_owned()],
                issuer: "CN=CA".to_owned(),
                not_before: Some("2026-01-01T00:00:00Z".to_owned()),
                not_after: Some("2027-01-01T00:00:00Z".to_owned()),
                days_left: 200,
                is_for_name: true,
                self_signed: false,
                key: "EC prime256v1".to_owned(),
                signature: "ecdsa-with-SHA256".to_owned(),
                sent: 1,
            }),
        });
        it
    }

    fn keys(it: &Findings) -> Vec<&'static str> {
        about(it).iter().map(|advice| advice.key).collect()
    }

    fn told(code: u16) -> Option<Told> {
        Some(Told { code, enhanced: None, text: String::new() })
    }

    fn changed(change: impl Fn(&mut Findings)) -> Vec<&'static str> {
        let mut it = good();
        change(&mut it);
        keys(&it)
    }

    fn certified(change: impl Fn(&mut Certificate), fault: Option<Fault>) -> Vec<&'static str> {
        changed(|it| {
            it.aside.fault = fault;
            if let Some(certificate) = it.tls.as_mut().and_then(|tls| tls.certificate.as_mut()) {
                change(certificate);
            }
        })
    }

    #[test]
    fn a_good_server_needs_no_advice() {
        assert_eq!(keys(&good()), [""; 0]);
    }

    #[test]
    fn keys_are_unique_and_sources_are_named() {
        let mut all: Vec<_> = RULES.iter().map(|rule| rule.key).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), RULES.len());
        assert!(RULES.iter().all(|rule| rule.source.starts_with("RFC ")));
    }

    #[test]
    fn certificates() {
        let none = |_: &mut Certificate| {};
        assert_eq!(
            certified(|it| it.days_left = -1, Some(Fault::Expired)),
            ["certificate-expired"]
        );
        assert_eq!(certified(|it| it.days_left = 0, None), ["certificate-expires-soon"]);
        assert_eq!(certified(|it| it.days_left = DAYS, None), [""; 0]);
        assert_eq!(certified(none, Some(Fault::NotYetValid)), ["certificate-not-yet-valid"]);
        let wrong = certified(|it| it.is_for_name = false, Some(Fault::WrongName));
        assert_eq!(wrong, ["certificate-wrong-name"]);
        let own = certified(|it| it.self_signed = true, Some(Fault::UnknownIssuer));
        assert_eq!(own, ["certificate-self-signed"]);
        let alone = certified(none, Some(Fault::UnknownIssuer));
        assert_eq!(alone, ["certificate-chain-incomplete"]);
        let other = certified(|it| it.sent = 2, Some(Fault::UnknownIssuer));
        assert_eq!(other, ["certificate-untrusted"]);
        assert_eq!(certified(none, Some(Fault::WrongPurpose)), ["certificate-untrusted"]);
    }

    #[test]
    fn the_way_into_tls() {
        let clear = |it: &mut Findings| {
            (it.capabilities.clear, it.tls) = (it.capabilities.tls.take(), None);
        };
        assert_eq!(changed(clear), ["starttls-missing"]);
        assert_eq!(changed(|it| (clear(it), it.aside.without_tls = true).1), [""; 0]);
        let submission = |it: &mut Findings| (clear(it), it.aside.is_submission = true).1;
        assert_eq!(changed(submission), ["submission-without-tls"]);
        let refused = |it: &mut Findings| (clear(it), it.starttls = told(454)).1;
        assert_eq!(changed(refused), ["starttls-refused"]);
        let failed = |it: &mut Findings| {
            clear(it);
            it.starttls = told(220);
            it.aside.tls_failed = Some("the certificate is bad".to_owned());
        };
        assert_eq!(changed(failed), ["tls-failed"]);
        assert_eq!(changed(|it| it.aside.injected = true), ["starttls-injection"]);
        assert_eq!(
            keys(&offers(&format!("{GOOD} STARTTLS"))),
            ["starttls-inside-tls", "starttls-missing"]
        );
        let old = changed(|it| it.tls.iter_mut().for_each(|tls| tls.version = "TLSv1.2"));
        assert_eq!(old, ["tls-version"]);
    }

    #[test]
    fn authentication() {
        let plain = || vec!["PLAIN".to_owned()];
        let shown = changed(|it| {
            (it.auth.clear, it.auth.tls) = (plain(), plain());
            it.auth.plaintext_in_the_clear = plain();
        });
        assert_eq!(shown, ["auth-plaintext-in-the-clear"]);
        let lost = changed(|it| it.auth.clear = vec!["SCRAM-SHA-256".to_owned()]);
        assert_eq!(lost, ["auth-only-in-the-clear"]);
        assert_eq!(changed(|it| it.aside.is_submission = true), ["auth-missing"]);
        let old = changed(|it| it.auth.tls = vec!["DIGEST-MD5".to_owned()]);
        assert_eq!(old, ["auth-digest-md5"]);
    }

    #[test]
    fn extensions_and_limits() {
        let notes = |offered: &str| {
            let mut it = offers(offered);
            it.tls = good().tls;
            keys(&it)
        };
        let missing = [
            "8bitmime-missing",
            "pipelining-missing",
            "size-missing",
            "enhanced-codes-missing",
            "smtputf8-missing",
        ];
        assert_eq!(notes(""), missing);
        let odd = notes("PIPELINING SIZE SMTPUTF8 ENHANCEDSTATUSCODES BINARYMIME EXPN TURN");
        let want = [
            "smtputf8-without-8bitmime",
            "binarymime-without-chunking",
            "8bitmime-missing",
            "expn-offered",
            "obsolete-commands",
        ];
        assert_eq!(odd, want);
        assert_eq!(changed(|it| it.limits.size = Some(65_535)), ["size-too-small"]);
        assert_eq!(changed(|it| it.limits.size = Some(65_536)), [""; 0]);
        assert_eq!(changed(|it| it.limits.rcpt_max = Some(99)), ["recipients-too-few"]);
        let mut lmtp = offers("PIPELINING");
        (lmtp.protocol, lmtp.tls) = (Some("LMTP"), good().tls);
        assert_eq!(keys(&lmtp), ["lmtp-extensions"]);
        assert!(about(&lmtp)[0].text.ends_with("must offer ENHANCEDSTATUSCODES"));
    }

    #[test]
    fn names_addresses_and_the_end() {
        assert_eq!(changed(|it| it.name = Some("mx".to_owned())), ["name-unqualified"]);
        assert_eq!(changed(|it| it.name = Some("[192.0.2.1]".to_owned())), [""; 0]);
        assert_eq!(changed(|it| it.greeting = told(220)), ["greeting-without-name"]);
        assert_eq!(changed(|it| it.aside.quit = Some(false)), ["quit-unanswered"]);
        assert_eq!(changed(|it| it.protocol = Some("SMTP"))[0], "esmtp-unknown");
        let gone = changed(|it| {
            it.address = Some("192.0.2.1:25".to_owned());
            let (address, error) = ("[2001:db8::1]:25".to_owned(), "refused".to_owned());
            it.unreachable.push(Unreachable { address, error });
        });
        assert_eq!(gone, ["address-unreachable"]);
    }
}
