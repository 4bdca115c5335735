//! Delivery status notifications: parameters of MAIL and RCPT.

use super::super::check::At::{Hello, Mail};
use super::super::check::{Check, Group, Row, must, say, should, threat};

pub(super) static GROUP: Group = Group { name: "dsn", title: "DSN parameters (RFC 3461)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("notify-never", "3461 4.1", Mail, "NOTIFY=NEVER is accepted",
        &[(b"RCPT TO:{to} NOTIFY=NEVER\r\n", "25")]),
    must("notify-all", "3461 4.1", Mail, "NOTIFY=SUCCESS,FAILURE,DELAY is accepted",
        &[(b"RCPT TO:{to} NOTIFY=SUCCESS,FAILURE,DELAY\r\n", "25")]),
    must("notify-lower", "3461 4.1", Mail, "NOTIFY's values are the same in any case",
        &[(b"RCPT TO:{to} notify=failure\r\n", "25")]),
    should("notify-never-and", "3461 5.1", Mail, "NEVER stands alone",
        &[(b"RCPT TO:{to} NOTIFY=NEVER,FAILURE\r\n", "501 5")]),
    should("notify-and-never", "3461 5.1", Mail, "NEVER stands alone, behind others too",
        &[(b"RCPT TO:{to} NOTIFY=FAILURE,NEVER\r\n", "501 5")]),
    should("notify-unknown", "3461 5.1", Mail, "NOTIFY with an event that is not known is refused",
        &[(b"RCPT TO:{to} NOTIFY=SOMETIMES\r\n", "501 5")]),
    should("notify-empty", "3461 5.1", Mail, "NOTIFY= has a value",
        &[(b"RCPT TO:{to} NOTIFY=\r\n", "501 5")]),
    should("notify-comma", "3461 5.1", Mail, "An event stands on both sides of a comma",
        &[(b"RCPT TO:{to} NOTIFY=SUCCESS,\r\n", "501 5")]),
    should("notify-twice", "3461 5.1", Mail, "NOTIFY stands there once",
        &[(b"RCPT TO:{to} NOTIFY=SUCCESS NOTIFY=DELAY\r\n", "501 5")]),
    must("notify-mail", "3461 4.1", Hello, "NOTIFY is no parameter of MAIL",
        &[(b"MAIL FROM:{from} NOTIFY=NEVER\r\n", "555 501 5")]),
    must("ret-full", "3461 4.3", Hello, "RET=FULL is accepted",
        &[(b"MAIL FROM:{from} RET=FULL\r\n", "250")]),
    must("ret-hdrs", "3461 4.3", Hello, "RET=HDRS is accepted",
        &[(b"MAIL FROM:{from} RET=HDRS\r\n", "250")]),
    must("ret-unknown", "3461 5.1", Hello, "RET with another value is refused with 501",
        &[(b"MAIL FROM:{from} RET=HALF\r\n", "501 5")]),
    must("ret-twice", "3461 5.1", Hello, "RET stands there once",
        &[(b"MAIL FROM:{from} RET=FULL RET=HDRS\r\n", "501 5")]),
    must("ret-rcpt", "3461 4.3", Mail, "RET is no parameter of RCPT",
        &[(b"RCPT TO:{to} RET=FULL\r\n", "555 501 5")]),
    must("envid", "3461 4.4", Hello, "ENVID is accepted",
        &[(b"MAIL FROM:{from} ENVID=QQ314159\r\n", "250")]),
    must("envid-xtext", "3461 4.4", Hello, "ENVID is xtext: +2B is a plus",
        &[(b"MAIL FROM:{from} ENVID=a+2Bb\r\n", "250")]),
    must("envid-not-hex", "3461 5.1", Hello, "+ZZ is no xtext",
        &[(b"MAIL FROM:{from} ENVID=a+ZZ\r\n", "501 5")]),
    must("envid-cut", "3461 5.1", Hello, "A plus at the end is no xtext",
        &[(b"MAIL FROM:{from} ENVID=a+\r\n", "501 5")]),
    must("envid-half", "3461 5.1", Hello, "A plus with one digit is no xtext",
        &[(b"MAIL FROM:{from} ENVID=a+4\r\n", "501 5")]),
    must("envid-equals", "3461 5.1", Hello, "An equals sign must be encoded",
        &[(b"MAIL FROM:{from} ENVID=a=b\r\n", "501 5")]),
    must("envid-empty", "3461 5.1", Hello, "ENVID= has a value",
        &[(b"MAIL FROM:{from} ENVID=\r\n", "501 5")]),
    must("envid-twice", "3461 5.1", Hello, "ENVID stands there once",
        &[(b"MAIL FROM:{from} ENVID=a ENVID=b\r\n", "501 5")]),
    threat("envid-newline", "3461 4.4", Hello, "A line end in ENVID's xtext is refused: what it decodes to is printable",
        &[(b"MAIL FROM:{from} ENVID=ab+0D+0Acd\r\n", "501 5 / 250")]),
    threat("envid-nul", "3461 4.4", Hello, "A NUL in ENVID's xtext is refused: what it decodes to is printable",
        &[(b"MAIL FROM:{from} ENVID=ab+00cd\r\n", "501 5 / 250")]),
    must("orcpt", "3461 4.2", Mail, "ORCPT is accepted",
        &[(b"RCPT TO:{to} ORCPT=rfc822;bob@example.net\r\n", "25")]),
    must("orcpt-xtext", "3461 4.2", Mail, "ORCPT is xtext",
        &[(b"RCPT TO:{to} ORCPT=rfc822;bob+2Btag@example.net\r\n", "25")]),
    must("orcpt-notify", "3461 4", Mail, "ORCPT and NOTIFY stand beside each other",
        &[(b"RCPT TO:{to} NOTIFY=FAILURE ORCPT=rfc822;bob@example.net\r\n", "25")]),
    should("orcpt-no-type", "3461 5.1", Mail, "ORCPT has an address type",
        &[(b"RCPT TO:{to} ORCPT=bob@example.net\r\n", "501 5")]),
    should("orcpt-not-hex", "3461 5.1", Mail, "ORCPT with +ZZ is no xtext",
        &[(b"RCPT TO:{to} ORCPT=rfc822;bob+ZZ@example.net\r\n", "501 5")]),
    should("orcpt-twice", "3461 5.1", Mail, "ORCPT stands there once",
        &[(b"RCPT TO:{to} ORCPT=rfc822;a@example.net ORCPT=rfc822;b@example.net\r\n", "501 5")]),
    threat("orcpt-newline", "3461 4.2", Mail, "A line end in ORCPT's xtext is refused",
        &[(b"RCPT TO:{to} ORCPT=rfc822;a+0D+0ARSET\r\n", "501 5 / 25")]),
    must("orcpt-mail", "3461 4.2", Hello, "ORCPT is no parameter of MAIL",
        &[(b"MAIL FROM:{from} ORCPT=rfc822;a@example.net\r\n", "555 501 5")]),
];

pub(super) fn more() -> Vec<Check> {
    #[rustfmt::skip]
    const LONG: [Row; 2] = [
        must("", "3461 5.4", Hello, "ENVID of 100 characters is accepted", &[]).needs("DSN"),
        must("", "3461 5.4", Mail, "ORCPT of 500 characters is accepted", &[]).needs("DSN"),
    ];
    let [envid, orcpt] = &LONG;
    let id = format!("MAIL FROM:{{from}} ENVID={}\r\n", "e".repeat(100));
    let address = format!("RCPT TO:{{to}} ORCPT=rfc822;{}@example.net\r\n", "o".repeat(481));
    vec![
        Check::made(&GROUP, envid, "envid-long", vec![say(id, "250")]),
        Check::made(&GROUP, orcpt, "orcpt-long", vec![say(address, "25")]),
    ]
}
