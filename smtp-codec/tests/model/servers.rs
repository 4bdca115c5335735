//! The servers that are walked, each with the commands that make a difference to it.

use super::server::{Bounds, Rules, Symbol};

/// A server, and what is said to it.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub rules: Rules,
    pub alphabet: &'static [Symbol],
    /// Commands of the longest strings that there is time for.
    pub most: usize,
}

const EVERYTHING: Rules = Rules {
    lmtp: false,
    chunking: true,
    tls: true,
    auth: true,
    plaintext_auth: false,
    require_tls: false,
    require_auth: false,
    etrn: false,
    trusted: false,
    size: None,
    recipients: None,
    each: false,
    rate: 0,
    implicit: false,
    pause: false,
    users: false,
    promises: false,
    strict_data: false,
    lenient: false,
    mails: None,
    rcpts: None,
    bounds: Bounds::NONE,
};

/// AUTH without TLS.
const AUTH: Rules = Rules { plaintext_auth: true, ..EVERYTHING };

const PLAIN: Rules = Rules { tls: false, auth: false, ..EVERYTHING };

const LMTP: Rules = Rules { lmtp: true, ..PLAIN };

const AN_ERROR: Bounds = Bounds { errors: 1, over: 0, ..Bounds::NONE };

const SPARSE: Bounds = Bounds { errors: 0, junk: 1, ..Bounds::NONE };

const JUNK: Bounds = Bounds { errors: 1, junk: 2, over: 1, small: 1, ..Bounds::NONE };

#[rustfmt::skip]
pub const SERVERS: [Server; 31] = {
    use Symbol::*;

    const MOST: &[Symbol] = &[
        Ehlo, Helo, Mail, MailBad, MailLarge, Rcpt, RcptBad, Data, DataBare, Bdat, BdatLast,
        BdatEnd, Rset, StartTls, Auth, Noop, Quit, Garbage, Broken,
    ];
    const FEWER: &[Symbol] = &[
        Ehlo, Helo, Mail, MailBad, Rcpt, RcptBad, Data, Bdat, BdatLast, Rset, StartTls, Auth,
        AuthOther, Noop, Garbage,
    ];
    const BASIC: &[Symbol] =
        &[Ehlo, Helo, Mail, Rcpt, Data, Bdat, BdatLast, Rset, StartTls, Auth, Noop, Garbage];
    const SIZES: &[Symbol] = &[
        Ehlo, Helo, Mail, MailLarge, Rcpt, RcptBad, Data, DataSteady, Bdat, BdatLast, BdatSteady,
        BdatEnd, Rset, Noop,
    ];
    const LOCAL: &[Symbol] = &[
        Lhlo, Ehlo, Mail, MailBad, Rcpt, RcptBad, Data, DataBare, Bdat, BdatLast, BdatEnd, Rset,
        StartTls, Auth, Noop, Garbage,
    ];
    const LOCAL_PLAIN: &[Symbol] = &[
        Lhlo, Ehlo, Mail, MailBad, MailEach, Rcpt, RcptBad, Data, DataBare, Bdat, BdatLast,
        BdatEnd, Rset, Noop, Garbage,
    ];
    const EACH: &[Symbol] =
        &[Ehlo, Helo, Mail, MailEach, Rcpt, Data, DataBare, Bdat, BdatLast, BdatEnd, Rset, Noop];
    const TIMES: &[Symbol] = &[
        Ehlo, Mail, Rcpt, Data, DataSteady, DataSlow, Bdat, BdatSteady, BdatSlow, Rset, StartTls,
        Auth, Dripping, Gone, Down,
    ];
    const LOCAL_TIMES: &[Symbol] =
        &[Lhlo, Mail, Rcpt, DataSteady, DataSlow, Bdat, BdatSteady, BdatSlow, Rset, Dripping, Gone];
    const GREETED: &[Symbol] = &[
        Ehlo, Mail, Rcpt, Data, StartTls, Auth, Noop, Quit, Garbage, Dripping, Silent, Gone, Down,
    ];
    const RELAYED: &[Symbol] = &[
        Ehlo, Helo, Mail, Rcpt, Data, BdatLast, Rset, StartTls, Auth, Etrn, Xclient, XclientLogin,
        Noop,
    ];
    const ASKED: &[Symbol] = &[
        Ehlo, Helo, Mail, Rcpt, Data, StartTls, Auth, Xforward, Vrfy, VrfyUtf8, VrfyLoose, Expn,
        Help,
    ];
    const LOOSE: &[Symbol] = &[
        Ehlo, EhloLoose, MailBad, MailBroken, MailLoose, Rcpt, RcptLoose, Data, DataLoose, Bdat,
        BdatLoose, BdatBroken, Vrfy, VrfyLoose, Auth,
    ];
    const PROMISED: &[Symbol] = &[
        Ehlo, Helo, Mail, MailBinary, MailHeld, MailHeldLong, MailUntil, MailUntilLate, MailBy,
        MailBySoon, MailByNotify, MailUrgent, Rcpt, Data, BdatLast, Rset,
    ];
    const HASTY: &[Symbol] =
        &[Ehlo, Mail, MailBinary, Rcpt, Data, DataEarly, Bdat, BdatLast, Rset, StartTls, Auth];
    const COUNTED: &[Symbol] =
        &[Ehlo, Mail, MailBad, Rcpt, Data, BdatLast, Rset, StartTls, Auth, Xclient, Xforward];
    const ERRORS: &[Symbol] = &[
        Ehlo, Mail, MailBad, MailBroken, Rcpt, RcptBad, Data, Bdat, BdatLast, StartTls, Auth,
        Expn, Garbage, Broken,
    ];
    const WASTE: &[Symbol] = &[
        Ehlo, Mail, MailLarge, MailEach, Rcpt, Data, DataBare, Bdat, BdatLast, BdatNone, Rset,
        Vrfy, Help, Noop,
    ];
    const LOCAL_WASTE: &[Symbol] =
        &[Lhlo, Mail, Rcpt, Data, DataBare, Bdat, BdatLast, BdatNone, Rset, Noop, Garbage];
    const FAILURES: &[Symbol] = &[Ehlo, Auth, AuthOther, StartTls, Mail, Xclient, Broken, Garbage];

    const fn server(most: usize, alphabet: &'static [Symbol], rules: Rules) -> Server {
        Server { rules, alphabet, most }
    }
    [
        server(6, MOST, EVERYTHING),
        server(6, BASIC, Rules { chunking: false, ..PLAIN }),
        server(6, FEWER, AUTH),
        server(6, FEWER, Rules { require_tls: true, ..EVERYTHING }),
        server(6, FEWER, Rules { require_auth: true, ..AUTH }),
        server(6, SIZES, Rules { size: Some(10), recipients: Some(1), ..PLAIN }),
        server(6, LOCAL, Rules { lmtp: true, ..EVERYTHING }),
        server(6, LOCAL_PLAIN, Rules { size: Some(10), each: true, ..LMTP }),
        server(6, EACH, Rules { each: true, ..PLAIN }),
        // Time passes.
        server(6, TIMES, Rules { rate: 1, ..AUTH }),
        server(6, LOCAL_TIMES, LMTP),
        server(7, GREETED, Rules { pause: true, ..EVERYTHING }),
        server(6, GREETED, Rules { implicit: true, tls: false, ..EVERYTHING }),
        server(7, GREETED, Rules { implicit: true, pause: true, require_tls: true, ..EVERYTHING }),
        // Others are asked for, or spoken for.
        server(5, RELAYED, Rules { etrn: true, trusted: true, ..AUTH }),
        server(5, RELAYED, Rules { etrn: true, trusted: true, require_auth: true, ..AUTH }),
        server(5, ASKED, Rules { users: true, trusted: true, ..AUTH }),
        server(5, ASKED, Rules { require_auth: true, ..AUTH }),
        server(5, ASKED, Rules { users: true, require_tls: true, ..EVERYTHING }),
        // Syntax, and what is asked for with MAIL.
        server(6, LOOSE, Rules { lenient: true, users: true, bounds: AN_ERROR, ..EVERYTHING }),
        server(7, LOOSE, Rules { bounds: AN_ERROR, ..EVERYTHING }),
        server(5, PROMISED, Rules { promises: true, ..PLAIN }),
        server(4, PROMISED, PLAIN),
        server(6, HASTY, Rules { strict_data: true, ..AUTH }),
        // What is used up.
        server(6, COUNTED, Rules { mails: Some(1), rcpts: Some(2), trusted: true, ..AUTH }),
        server(7, ERRORS, Rules { bounds: Bounds { errors: 0, ..Bounds::NONE }, ..AUTH }),
        server(6, ERRORS, Rules { bounds: AN_ERROR, recipients: Some(1), ..AUTH }),
        server(8, WASTE, Rules { bounds: SPARSE, each: true, size: Some(10), ..PLAIN }),
        server(7, WASTE, Rules {
            bounds: JUNK, each: true, users: true, mails: Some(2), recipients: Some(2),
            rcpts: Some(2), ..PLAIN
        }),
        server(8, LOCAL_WASTE, Rules { bounds: SPARSE, size: Some(10), ..LMTP }),
        server(6, FAILURES, Rules {
            bounds: Bounds { failures: 1, challenges: 1, ..Bounds::NONE }, trusted: true, ..AUTH
        }),
    ]
};
