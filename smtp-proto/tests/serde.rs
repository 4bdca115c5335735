//! What serde writes comes back the same, and what no value could have written is refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::{Value, from_value, json, to_value};
use smtp_proto::address::{ForwardPathBuf, HostBuf, MailboxBuf, ReversePath, ReversePathBuf};
use smtp_proto::command::{MailParametersBuf, RcptParametersBuf};
use smtp_proto::reply::{Class, EnhancedCode, Extension, Reply, ReplyBuf, ReplyCode, ReplyFault};
use smtp_proto::session::client::{CallError, Closing, ProtocolFault};
use smtp_proto::session::server;
use smtp_proto::{Delivered, Envelope, Failure, Outcome, Recipient, Stage, Syntax, Verdict};

/// It is written as that, and read again.
fn stands_as<T>(value: &T, json: &Value)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(&to_value(value).unwrap(), json);
    assert_eq!(&from_value::<T>(json.clone()).unwrap(), value);
}

fn refused<T: serde::de::DeserializeOwned + Debug>(json: Value) -> String {
    from_value::<T>(json).unwrap_err().to_string()
}

#[test]
fn codes() {
    stands_as(&ReplyCode::new(452).unwrap(), &json!(452));
    stands_as(&EnhancedCode::new(5, 7, 999).unwrap(), &json!("5.7.999"));
    stands_as(&Extension::SmtpUtf8, &json!("SMTPUTF8"));
    stands_as(&Class::TransientNegative, &json!("transient_negative"));
    let why = refused::<ReplyCode>(json!(199));
    assert_eq!(why, "invalid value: integer `199`, expected a reply code, 200 to 599");
    refused::<ReplyCode>(json!(600));
    refused::<ReplyCode>(json!(70_000));
    refused::<ReplyCode>(json!("250"));
    for text in ["5.7", "3.0.0", "5.7.1000", " 5.7.1", "5.7.1 ", ""] {
        refused::<EnhancedCode>(json!(text));
    }
    refused::<EnhancedCode>(json!(5.7));
    refused::<Extension>(json!("NO-SUCH"));
}

#[test]
fn addresses() {
    let mailbox: MailboxBuf = "\"a b\"@example.org".parse().unwrap();
    stands_as(&mailbox, &json!("\"a b\"@example.org"));
    stands_as(&ReversePathBuf::from(mailbox.clone()), &json!("<\"a b\"@example.org>"));
    stands_as(&ForwardPathBuf::from(mailbox), &json!("<\"a b\"@example.org>"));
    stands_as(&ReversePathBuf::Null, &json!("<>"));
    stands_as(&ForwardPathBuf::Postmaster, &json!("<Postmaster>"));
    stands_as(&"[IPv6:2001:db8::1]".parse::<HostBuf>().unwrap(), &json!("[IPv6:2001:db8::1]"));
    // As people write them.
    let bare: ForwardPathBuf = from_value(json!("bob@example.org")).unwrap();
    assert_eq!(bare, "<bob@example.org>".parse().unwrap());
    for text in
        ["", "bob", "bob@", "<bob@example.org", "a@b\r\nRCPT TO:<c@d>", "a@b>", "a@b c", "<>>"]
    {
        refused::<MailboxBuf>(json!(text));
        refused::<ReversePathBuf>(json!(text));
        refused::<ForwardPathBuf>(json!(text));
    }
    refused::<ForwardPathBuf>(json!("<>"));
    refused::<HostBuf>(json!("two words"));
}

/// A queue must not lose what a lenient server has taken.
#[test]
fn what_only_lenient_syntax_takes_comes_back() {
    let path = ReversePath::parse_with("a..b@c_d.", Syntax::Lenient).unwrap();
    stands_as(&ReversePathBuf::from(path), &json!("<a..b@c_d.>"));
    // But nothing that it would be written otherwise.
    refused::<ReversePathBuf>(json!("a..b@c_d."));
}

#[test]
fn envelopes() {
    let bob = Recipient::new("bob@example.org".parse().unwrap()).with_original().unwrap();
    let mut envelope = Envelope::new("alice@example.net".parse().unwrap());
    envelope.parameters = "SIZE=100 BODY=8BITMIME".parse().unwrap();
    envelope.recipients.push(bob);
    let written = json!({
        "reverse_path": "<alice@example.net>",
        "parameters": "SIZE=100 BODY=8BITMIME",
        "recipients": [{
            "forward_path": "<bob@example.org>",
            "parameters": "ORCPT=rfc822;bob@example.org",
        }],
    });
    stands_as(&envelope, &written);
    let short =
        json!({ "reverse_path": "<>", "recipients": [{ "forward_path": "bob@example.org" }] });
    let read: Envelope = from_value(short).unwrap();
    assert_eq!(read, Envelope::new(ReversePathBuf::Null).to("bob@example.org".parse().unwrap()));
    for text in ["SIZE=x", "SIZE=1 SIZE=1", "X=\r\n", "NOTIFY=NEVER SIZE=1 "] {
        refused::<MailParametersBuf>(json!(text));
    }
    refused::<RcptParametersBuf>(json!("NOTIFY=NEVER,SUCCESS"));
    refused::<Envelope>(json!({ "reverse_path": "<>" }));
}

#[test]
fn replies() {
    let reply: ReplyBuf =
        Reply::parse(b"250-2.1.5 one\r\n250-\r\n250 2.1.5 \xc3\xa4\r\n").unwrap().into();
    stands_as(&reply, &json!({ "code": 250, "lines": ["2.1.5 one", "", "2.1.5 \u{e4}"] }));
    let bare: ReplyBuf = Reply::parse(b"354\r\n").unwrap().into();
    stands_as(&bare, &json!({ "code": 354, "lines": [""] }));
    let latin: ReplyBuf = Reply::parse(b"250 \xe4\r\n").unwrap().into();
    assert_eq!(to_value(&latin).unwrap()["lines"][0], "\u{fffd}");
    for lines in [
        json!([]),
        json!(["one\r\n250 two"]),
        json!(["one\r\n250-two", "three"]),
        json!(["one\r\n550 two"]),
        json!(["one\ntwo"]),
        json!(["nul\0"]),
        json!([1]),
    ] {
        refused::<ReplyBuf>(json!({ "code": 250, "lines": lines }));
    }
    refused::<ReplyBuf>(json!({ "code": 999, "lines": [""] }));
}

#[test]
fn outcomes() {
    let reply: ReplyBuf = Reply::parse(b"550 5.1.1 no\r\n").unwrap().into();
    let refused_one = Delivered::from_reply(Stage::Rcpt, reply.as_reply());
    let unknown = Delivered { verdict: Verdict::Unknown, stage: Stage::Message, reply: None };
    let outcome = Outcome {
        recipients: vec![refused_one, unknown],
        reply: None,
        failure: Some(Failure::Closed(Closing::Protocol(ProtocolFault::Reply(ReplyFault::Code)))),
    };
    let written = json!({
        "recipients": [
            { "verdict": "refused", "stage": "rcpt", "reply": { "code": 550, "lines": ["5.1.1 no"] } },
            { "verdict": "unknown", "stage": "message", "reply": null },
        ],
        "reply": null,
        "failure": { "closed": { "protocol": { "reply": "code" } } },
    });
    stands_as(&outcome, &written);
    stands_as(
        &Failure::NotSent(CallError::NotOffered(Extension::Dsn)),
        &json!({ "not_sent": { "not_offered": "DSN" } }),
    );
    stands_as(&server::Closing::EarlyTalker, &json!("early_talker"));
    stands_as(&server::Abort::TooLarge, &json!("too_large"));
    refused::<Verdict>(json!("perhaps"));
}

proptest! {
    /// Whatever text there is, it is refused or it is a value that is written as it can be read.
    #[test]
    fn what_is_read_can_be_written(text in prop_oneof![
        "[a-c.@<>\" \\\\_\\[\\]:1=\r\n\u{e4}-]{0,16}",
        "<?(\"[a .]{0,3}\"|[a-c.]{1,3})@[a-c_.]{1,4}[> ]?",
        "[A-C]{1,2}=[a-c=]{0,2}[ \t]{0,2}[A-C]{0,2}",
    ]) {
        macro_rules! law {
            ($($type:ty)*) => {$(
                if let Ok(value) = from_value::<$type>(json!(text)) {
                    let written = to_value(&value).unwrap();
                    prop_assert!(!written.as_str().unwrap().contains(['\r', '\n']));
                    prop_assert_eq!(from_value::<$type>(written).unwrap(), value);
                }
            )*};
        }
        law!(HostBuf MailboxBuf ReversePathBuf ForwardPathBuf MailParametersBuf RcptParametersBuf);
    }
}
