//! What a client makes of TLS.

/// When a client uses TLS (RFC 3207, RFC 8314).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsPolicy {
    /// Not at all.
    #[default]
    Never,
    /// Where STARTTLS is offered; a server that does not offer it, or refuses it, gets the
    /// message in the clear (RFC 7435).
    Opportunistic,
    /// By STARTTLS. Without TLS no mail is sent and nobody is authenticated.
    Required,
    /// From the first octet, as on port 465 (RFC 8314 section 3.3).
    Implicit,
}

impl TlsPolicy {
    /// Whether nothing may go on without TLS.
    #[must_use]
    pub const fn is_binding(self) -> bool {
        matches!(self, TlsPolicy::Required | TlsPolicy::Implicit)
    }
}
