//! What was spoken, for the `with` clause of a Received field.

use core::fmt;

/// How the client introduced itself, and what was used since (RFC 5321 section 4.4, RFC 3848,
/// RFC 6531 section 4.3). `Display` writes the keyword of the `with` clause.
///
/// ```
/// use smtp_proto::session::Protocol;
///
/// assert_eq!(Protocol::esmtp().to_string(), "ESMTP");
/// assert_eq!(Protocol::esmtp().with_utf8().to_string(), "UTF8SMTP");
/// assert_eq!(Protocol::esmtp().with_tls().with_auth().to_string(), "ESMTPSA");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol {
    extended: bool,
    lmtp: bool,
    utf8: bool,
    tls: bool,
    auth: bool,
}

impl Protocol {
    /// HELO, or nothing yet.
    #[must_use]
    pub const fn smtp() -> Self {
        Protocol { extended: false, lmtp: false, utf8: false, tls: false, auth: false }
    }

    /// EHLO.
    #[must_use]
    pub const fn esmtp() -> Self {
        Protocol { extended: true, ..Self::smtp() }
    }

    /// LHLO (RFC 2033).
    #[must_use]
    pub const fn lmtp() -> Self {
        Protocol { extended: true, lmtp: true, ..Self::smtp() }
    }

    /// The same where the transaction uses SMTPUTF8.
    #[must_use]
    pub const fn with_utf8(self) -> Self {
        Protocol { utf8: true, ..self }
    }

    /// The same under TLS.
    #[must_use]
    pub const fn with_tls(self) -> Self {
        Protocol { tls: true, ..self }
    }

    /// The same where the client has authenticated itself.
    #[must_use]
    pub const fn with_auth(self) -> Self {
        Protocol { auth: true, ..self }
    }

    /// Whether the client said EHLO or LHLO, so that it knows which extensions are offered.
    #[must_use]
    pub const fn is_extended(self) -> bool {
        self.extended
    }

    /// Whether the transaction uses SMTPUTF8.
    #[must_use]
    pub const fn is_utf8(self) -> bool {
        self.utf8
    }

    /// Whether TLS protects the session.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        self.tls
    }

    /// Whether the client has authenticated itself.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        self.auth
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (self.extended, self.lmtp, self.utf8) {
            // RFC 3848 registers no name for HELO under TLS.
            (false, ..) => return f.write_str("SMTP"),
            (true, false, false) => "ESMTP",
            (true, false, true) => "UTF8SMTP",
            (true, true, false) => "LMTP",
            (true, true, true) => "UTF8LMTP",
        };
        f.write_str(name)?;
        f.write_str(if self.tls { "S" } else { "" })?;
        f.write_str(if self.auth { "A" } else { "" })
    }
}
