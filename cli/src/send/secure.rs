//! TLS and AUTH, as the options ask for them.

use smtp_codec::client::{Authenticator as _, Connection};
use smtp_codec::proto::session::TlsPolicy;
use smtp_sasl::Login;
use smtp_tls::{ClientTls, Roots, Trust};

use crate::args::Endpoint;
use crate::args::secure::SecureArgs;

/// What to ask of the server's certificate; none without TLS.
pub(crate) fn tls(args: &SecureArgs, server: &Endpoint) -> Result<Option<ClientTls>, String> {
    let trust = match args.tls(server.port) {
        TlsPolicy::Never => return Ok(None),
        _ if args.insecure => Trust::Insecure,
        TlsPolicy::Opportunistic => Trust::Opportunistic,
        TlsPolicy::Required | TlsPolicy::Implicit => Trust::Verified,
    };
    let roots = match &args.tls_ca {
        Some(file) => Roots::from_pem_file(file)
            .map_err(|error| format!("--tls-ca {}: {error}", file.display()))?,
        None if trust == Trust::Insecure => Roots::none(),
        None => Roots::platform(),
    };
    match ClientTls::new(&server.host, trust, &roots) {
        Ok(tls) => Ok(Some(tls)),
        // A name that no certificate can be for is no reason to do without.
        Err(_) if trust != Trust::Verified => ClientTls::new("localhost", trust, &Roots::none())
            .map(Some)
            .map_err(|error| error.to_string()),
        Err(error) => Err(format!("--server {}: {error}", server.host)),
    }
}

/// Who is sending; none if nobody is to know.
pub(crate) fn login(args: &SecureArgs) -> Result<Option<Login>, String> {
    let (Some(user), Some(variable)) = (&args.user, &args.password_env) else { return Ok(None) };
    let secret = std::env::var(variable)
        .map_err(|_| format!("--password-env {variable}: there is no such variable"))?;
    let login = match args.mechanism() {
        Some("XOAUTH2" | "OAUTHBEARER") => Login::token(user, secret),
        Some("EXTERNAL") => Login::certificate(),
        _ => Login::password(user, secret),
    };
    let login = if args.allow_plaintext_auth { login.allow_plaintext() } else { login };
    Ok(Some(match args.mechanism() {
        Some(mechanism) => login.mechanism(mechanism),
        None => login,
    }))
}

/// Whether it would log in by a mechanism that somebody in between could pass on: one that is bound to
/// the channel fails there.
pub(super) fn is_unbound(login: &Login, connection: &Connection) -> bool {
    let offered: Vec<&str> = connection.mechanisms().collect();
    let attempt = login.clone().start(&offered, connection.is_secure());
    attempt.is_some_and(|attempt| !attempt.mechanism.ends_with("-PLUS"))
}
