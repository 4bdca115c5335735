//! The server's side.

use std::path::Path;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection};

use crate::{Facts, Identity, Roots, SetupError, provider};

/// What a server shows its clients; made once and shared by its connections.
///
/// ```no_run
/// let tls = smtp_tls::ServerTls::from_pem_files("chain.pem", "key.pem")?;
/// # Ok::<(), smtp_tls::SetupError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// With this certificate.
    ///
    /// # Errors
    ///
    /// [`SetupError::Rustls`] if certificate and key do not go together.
    pub fn new(identity: Identity) -> Result<Self, SetupError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let config = builder.with_single_cert(identity.chain, identity.key)?;
        Ok(Self::from(Arc::new(config)))
    }

    /// With the certificate chain and the key in these PEM files.
    ///
    /// # Errors
    ///
    /// As [`Identity::from_pem_files`] and [`new`](ServerTls::new).
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        Self::new(Identity::from_pem_files(chain, key)?)
    }

    /// Asks clients for a certificate by one of these authorities, for EXTERNAL. A client without
    /// one is served; with a bad one it is not.
    ///
    /// # Errors
    ///
    /// [`SetupError::Rustls`] if there is no authority, or certificate and key do not go together.
    pub fn with_client_roots(identity: Identity, roots: &Roots) -> Result<Self, SetupError> {
        let provider = provider();
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots.0.clone()),
            Arc::clone(&provider),
        )
        .allow_unauthenticated()
        .build()
        .map_err(|error| SetupError::Rustls(rustls::Error::General(error.to_string())))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain, identity.key)?;
        Ok(Self::from(Arc::new(config)))
    }

    /// With a certificate that nobody but itself has signed, for these names; and that
    /// certificate in PEM, for clients to trust. Its key is not kept anywhere.
    ///
    /// # Errors
    ///
    /// [`SetupError::Name`] if one is not a name for a certificate.
    #[cfg(feature = "self-signed")]
    pub fn self_signed(
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<(Self, String), SetupError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(|_| SetupError::Name)?;
        let pem = made.cert.pem();
        let key = made.signing_key.serialize_pem();
        Ok((Self::new(Identity::from_pem(pem.as_bytes(), key.as_bytes())?)?, pem))
    }

    /// What rustls is given.
    #[must_use]
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// What a handshake came to.
    #[must_use]
    pub fn facts(&self, connection: &ServerConnection) -> Facts {
        let verified = connection.peer_certificates().is_some();
        Facts::of(connection, connection.server_name().map(str::to_owned), Ok(verified))
    }
}

/// For what the constructors do not have: several certificates, other verifiers.
impl From<Arc<ServerConfig>> for ServerTls {
    fn from(config: Arc<ServerConfig>) -> Self {
        ServerTls { config }
    }
}
