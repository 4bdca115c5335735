//! The client's side.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};

use crate::{Facts, Fault, Identity, Roots, SetupError, provider};

/// What a client makes of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// It must be valid, for the server's name, and from a known authority.
    Verified,
    /// It is looked at, and the session goes on whatever it is like (RFC 7435); [`Facts`] tells.
    Opportunistic,
    /// It is not looked at. Whoever is between can read and change everything.
    Insecure,
}

/// What a client asks of a server: made for one server name, shared by connections to it.
///
/// A pool of connections must not hand one made with this to somebody who asks for another: name,
/// trust, roots and identity belong to its key.
///
/// ```
/// use smtp_tls::{ClientTls, Roots, Trust};
///
/// let tls = ClientTls::new("mx.example.org", Trust::Opportunistic, &Roots::none())?;
/// # Ok::<(), smtp_tls::SetupError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    trust: Trust,
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl ClientTls {
    /// For the server of that name: a DNS name, or an IP address, brackets or not.
    ///
    /// # Errors
    ///
    /// [`SetupError::Name`] if it is neither.
    pub fn new(name: &str, trust: Trust, roots: &Roots) -> Result<Self, SetupError> {
        Self::build(name, trust, roots, None)
    }

    /// The same, with a certificate to show to a server that asks for one.
    ///
    /// # Errors
    ///
    /// As [`new`](ClientTls::new), and [`SetupError::Rustls`] if certificate and key do not go
    /// together.
    pub fn with_identity(
        name: &str,
        trust: Trust,
        roots: &Roots,
        identity: Identity,
    ) -> Result<Self, SetupError> {
        Self::build(name, trust, roots, Some(identity))
    }

    fn build(
        name: &str,
        trust: Trust,
        roots: &Roots,
        identity: Option<Identity>,
    ) -> Result<Self, SetupError> {
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let bare = bare.strip_prefix("IPv6:").unwrap_or(bare);
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| SetupError::Name)?;
        let provider = provider();
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots.0.clone()),
            Arc::clone(&provider),
        )
        .build()
        .ok();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match (trust, &verifier) {
            (Trust::Verified, Some(verifier)) => builder.with_webpki_verifier(Arc::clone(verifier)),
            // Without roots nothing is valid.
            (Trust::Verified, None) => builder.with_root_certificates(roots.0.clone()),
            (Trust::Opportunistic | Trust::Insecure, _) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        };
        let config = match identity {
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        Ok(ClientTls { config: Arc::new(config), name, trust, verifier })
    }

    /// What rustls is given.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// What a handshake came to.
    #[must_use]
    pub fn facts(&self, connection: &ClientConnection) -> Facts {
        let looked_at = match self.trust {
            Trust::Verified => Ok(true),
            Trust::Opportunistic => self.verify(connection).map(|()| true),
            Trust::Insecure => Ok(false),
        };
        Facts::of(connection, Some(self.name.to_str().into_owned()), looked_at)
    }

    fn verify(&self, connection: &ClientConnection) -> Result<(), Fault> {
        let chain = connection.peer_certificates().unwrap_or_default();
        let (leaf, others) = chain.split_first().ok_or(Fault::Rejected)?;
        // Without roots there is no verifier, and nobody to trust.
        let verifier = self.verifier.as_ref().ok_or(Fault::UnknownIssuer)?;
        let now = UnixTime::now();
        match verifier.verify_server_cert(leaf, others, &self.name, &[], now) {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::from(&error)),
        }
    }
}

/// Takes any certificate; that the server has its key is still verified.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
