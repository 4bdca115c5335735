//! What is kept beside a message: who sent it to whom, and how.

use std::net::IpAddr;

use serde::Serialize;

/// The envelope of one message. Its JSON form is the `ID.json` of `--raw`, where the number of
/// content octets follows as `size`.
///
/// Every text comes from a parsed command; it is checked all the same wherever it is written into
/// a header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EnvelopeRecord {
    /// The `with` protocol of the `Received` field: SMTP, ESMTP, ESMTPS ... (RFC 3848).
    pub(crate) protocol: String,
    /// Where the connection came from, unless it has no address (`--stdio`).
    pub(crate) peer: Option<IpAddr>,
    /// The argument of EHLO or HELO as the client gave it.
    pub(crate) hello: String,
    /// The reverse-path without angle brackets; none for `<>`.
    pub(crate) reverse_path: Option<String>,
    /// The parameters of MAIL, in order.
    pub(crate) parameters: Vec<ParameterRecord>,
    /// The accepted recipients, in order.
    pub(crate) recipients: Vec<RecipientRecord>,
    /// The authenticated identity.
    pub(crate) authenticated: Option<String>,
    /// Version and cipher suite, for the Received field.
    #[serde(skip)]
    pub(crate) tls: Option<String>,
}

/// One accepted RCPT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RecipientRecord {
    /// The forward-path without angle brackets.
    pub(crate) path: String,
    /// The parameters of RCPT, in order.
    pub(crate) parameters: Vec<ParameterRecord>,
}

/// One ESMTP parameter (RFC 5321 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ParameterRecord {
    /// The keyword as the client wrote it.
    pub(crate) keyword: String,
    /// The value as the client wrote it, still encoded; none where there was no `=`.
    pub(crate) value: Option<String>,
}

/// An envelope and the size of its content: what `ID.json` holds.
#[derive(Serialize)]
pub(super) struct Sized<'a> {
    #[serde(flatten)]
    pub(super) envelope: &'a EnvelopeRecord,
    pub(super) size: u64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::store) fn sample() -> EnvelopeRecord {
        EnvelopeRecord {
            protocol: "ESMTP".into(),
            peer: Some(IpAddr::from([192, 0, 2, 1])),
            hello: "client.example.org".into(),
            reverse_path: Some("alice@example.org".into()),
            parameters: vec![
                ParameterRecord { keyword: "SIZE".into(), value: Some("1024".into()) },
                ParameterRecord { keyword: "SMTPUTF8".into(), value: None },
            ],
            recipients: vec![RecipientRecord {
                path: "bob@example.org".into(),
                parameters: vec![ParameterRecord {
                    keyword: "NOTIFY".into(),
                    value: Some("NEVER".into()),
                }],
            }],
            authenticated: None,
            tls: None,
        }
    }

    #[test]
    fn json_has_the_documented_keys_in_order() {
        let json = serde_json::to_string(&Sized { envelope: &sample(), size: 7 }).unwrap();
        assert_eq!(
            json,
            r#"{"protocol":"ESMTP","peer":"192.0.2.1","hello":"client.example.org","#.to_owned()
                + r#""reverse_path":"alice@example.org","parameters":[{"keyword":"SIZE","value":"1024"},"#
                + r#"{"keyword":"SMTPUTF8","value":null}],"recipients":[{"path":"bob@example.org","#
                + r#""parameters":[{"keyword":"NOTIFY","value":"NEVER"}]}],"authenticated":null,"size":7}"#
        );
    }

    #[test]
    fn the_null_reverse_path_and_no_peer_are_null() {
        let envelope = EnvelopeRecord { reverse_path: None, peer: None, ..sample() };
        let json: serde_json::Value = serde_json::from_slice(
            &serde_json::to_vec(&Sized { envelope: &envelope, size: 0 }).unwrap(),
        )
        .unwrap();
        assert!(json["reverse_path"].is_null() && json["peer"].is_null());
    }
}
