//! TLS and AUTH: the options that every client has.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smtp_proto::session::TlsPolicy;

/// How to reach a server safely, and as whom.
#[derive(Args, Debug)]
pub(crate) struct SecureArgs {
    /// When to use TLS [default by port: 465 implicit, 587 required, else opportunistic, which does
    /// without where the server does, and minds no certificate]
    #[arg(long, value_enum)]
    tls: Option<Tls>,

    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// Mind no certificate: whoever is between can read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Authenticate as this user
    #[arg(long, value_name = "NAME", requires = "password_env")]
    pub(crate) user: Option<String>,

    /// The environment variable that holds the password, or the token
    #[arg(long, value_name = "VAR", requires = "user")]
    pub(crate) password_env: Option<String>,

    /// The mechanism to authenticate with; auto is the strongest that the server offers
    #[arg(
        long,
        value_name = "NAME",
        default_value = "auto",
        value_parser = mechanism,
        requires = "user"
    )]
    mechanism: String,

    /// Show PLAIN's and LOGIN's password without TLS too
    #[arg(long)]
    pub(crate) allow_plaintext_auth: bool,
}

/// When to use TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tls {
    Never,
    Opportunistic,
    Required,
    Implicit,
}

impl From<Tls> for TlsPolicy {
    fn from(tls: Tls) -> Self {
        match tls {
            Tls::Never => TlsPolicy::Never,
            Tls::Opportunistic => TlsPolicy::Opportunistic,
            Tls::Required => TlsPolicy::Required,
            Tls::Implicit => TlsPolicy::Implicit,
        }
    }
}

fn mechanism(text: &str) -> Result<String, String> {
    let (passwords, tokens) = (smtp_sasl::bound_mechanisms(), smtp_sasl::token_mechanisms());
    let known = passwords.iter().chain(tokens).chain(&["EXTERNAL"]);
    let name = text.to_ascii_uppercase();
    if name == "AUTO" || known.clone().any(|known| *known == name) {
        return Ok(name);
    }
    let known: Vec<_> = known.copied().collect();
    Err(format!("write auto, or one of {}", known.join(", ")))
}

impl SecureArgs {
    /// When TLS is used with a server on that port.
    pub(crate) fn tls(&self, port: u16) -> TlsPolicy {
        match (self.tls, port) {
            (Some(tls), _) => tls.into(),
            (None, 587) => TlsPolicy::Required,
            (None, 465) => TlsPolicy::Implicit,
            (None, _) => TlsPolicy::Opportunistic,
        }
    }

    /// The one mechanism to use; none for the strongest.
    pub(crate) fn mechanism(&self) -> Option<&str> {
        Some(self.mechanism.as_str()).filter(|name| *name != "AUTO")
    }
}
