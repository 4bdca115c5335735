//! The trace fields put on top of a message that is finally delivered (RFC 5321 section 4.4).

use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;

use jiff::Zoned;

use super::{EnvelopeRecord, Id};

/// Writes `Return-Path` and `Received`, each ended by CRLF.
///
/// ```text
/// Return-path-line = "Return-Path:" FWS Reverse-path <CRLF>      ; RFC 5321 section 4.4
/// Time-stamp-line  = "Received:" FWS Stamp <CRLF>
/// Stamp            = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
/// ```
///
/// The `for` clause appears only with a single recipient: more would show blind copies.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] if a value holds a control character and could start a header
/// field of its own.
pub(super) fn fields(
    envelope: &EnvelopeRecord,
    hostname: &str,
    id: &Id,
    now: &Zoned,
) -> io::Result<String> {
    let reverse_path = printable(envelope.reverse_path.as_deref().unwrap_or_default())?;
    let hello = printable(&envelope.hello)?;
    let by = printable(hostname)?;
    let protocol = printable(&envelope.protocol)?;
    let date = jiff::fmt::rfc2822::to_string(now).map_err(io::Error::other)?;

    let mut out = format!("Return-Path: <{reverse_path}>\r\nReceived: from {hello}");
    if let Some(peer) = envelope.peer {
        let _ = match peer.to_canonical() {
            IpAddr::V4(v4) => write!(out, " ([{v4}])"),
            IpAddr::V6(v6) => write!(out, " ([IPv6:{v6}])"),
        };
    }
    let _ = write!(out, "\r\n\tby {by} with {protocol}");
    if let Some(tls) = &envelope.tls {
        let _ = write!(out, " ({})", printable(tls)?);
    }
    let _ = write!(out, " id {id}");
    if let [only] = envelope.recipients.as_slice() {
        let _ = write!(out, "\r\n\tfor <{}>", printable(&only.path)?);
    }
    let _ = write!(out, ";\r\n\t{date}\r\n");
    Ok(out)
}

fn printable(value: &str) -> io::Result<&str> {
    if value.chars().any(char::is_control) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a control character cannot stand in a header field",
        ));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::RecipientRecord;
    use super::super::envelope::tests::sample;
    use super::*;

    fn written(envelope: &EnvelopeRecord, id: &Id) -> io::Result<String> {
        let now = "2026-08-01T10:11:12+02:00[Europe/Berlin]".parse().unwrap();
        fields(envelope, "mx.example.org", id, &now)
    }

    #[test]
    fn both_fields_in_order() {
        let id = Id::next();
        assert_eq!(
            written(&sample(), &id).unwrap(),
            format!(
                "Return-Path: <alice@example.org>\r\n\
                 Received: from client.example.org ([192.0.2.1])\r\n\
                 \tby mx.example.org with ESMTP id {id}\r\n\
                 \tfor <bob@example.org>;\r\n\
                 \tSat, 1 Aug 2026 10:11:12 +0200\r\n"
            )
        );
    }

    #[test]
    fn two_recipients_are_not_told_of_each_other() {
        let mut envelope = sample();
        let other = RecipientRecord { path: "eve@example.org".into(), parameters: vec![] };
        envelope.recipients.push(other);
        let text = written(&envelope, &Id::next()).unwrap();
        assert!(!text.contains("for <") && !text.contains("eve"));
    }

    #[test]
    fn tls_is_a_comment() {
        let mut envelope = sample();
        envelope.tls = Some("TLSv1.3 TLS13_AES_256_GCM_SHA384".into());
        let text = written(&envelope, &Id::next()).unwrap();
        assert!(text.contains(" with ESMTP (TLSv1.3 TLS13_AES_256_GCM_SHA384) id "), "{text}");
    }

    #[test]
    fn literals_of_the_peer() {
        let mut envelope = sample();
        envelope.peer = Some("2001:db8::1".parse().unwrap());
        assert!(written(&envelope, &Id::next()).unwrap().contains(" ([IPv6:2001:db8::1])\r\n"));
        envelope.peer = Some("::ffff:192.0.2.7".parse().unwrap());
        assert!(written(&envelope, &Id::next()).unwrap().contains(" ([192.0.2.7])\r\n"));
        envelope.peer = None;
        envelope.reverse_path = None;
        let text = written(&envelope, &Id::next()).unwrap();
        assert!(text.starts_with("Return-Path: <>\r\nReceived: from client.example.org\r\n\tby"));
    }

    #[test]
    fn no_value_can_start_a_field() {
        for bad in ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b", "a\u{7f}", "a\u{85}b"] {
            let broken = |change: fn(&mut EnvelopeRecord, String)| {
                let mut envelope = sample();
                change(&mut envelope, bad.into());
                written(&envelope, &Id::next()).is_err()
            };
            assert!(broken(|e, bad| e.hello = bad), "{bad:?}");
            assert!(broken(|e, bad| e.protocol = bad), "{bad:?}");
            assert!(broken(|e, bad| e.reverse_path = Some(bad)), "{bad:?}");
            assert!(broken(|e, bad| e.recipients[0].path = bad), "{bad:?}");
            assert!(fields(&sample(), bad, &Id::next(), &Zoned::now()).is_err(), "{bad:?}");
        }
    }
}
