//! Certificates, read from PEM or from the system.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::SetupError;

/// The authorities whose word is taken.
///
/// ```no_run
/// let system = smtp_tls::Roots::platform();
/// let own = smtp_tls::Roots::from_pem_file("ca.pem")?;
/// # Ok::<(), smtp_tls::SetupError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Roots(pub(crate) RootCertStore);

impl Roots {
    /// None: no certificate is valid.
    #[must_use]
    pub fn none() -> Self {
        Roots(RootCertStore::empty())
    }

    /// Those of the operating system, or of the file and the directory that `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name. What cannot be read is passed over.
    #[must_use]
    pub fn platform() -> Self {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        Roots(store)
    }

    /// Those in a PEM text.
    ///
    /// # Errors
    ///
    /// [`SetupError::Pem`] if there is none in it, or one cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SetupError> {
        Self::of(certificates(pem)?)
    }

    /// Those in a PEM file.
    ///
    /// # Errors
    ///
    /// [`SetupError::Pem`] as for [`from_pem`](Roots::from_pem), [`SetupError::File`] if the file
    /// cannot be read.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        Self::from_pem(&read(path.as_ref())?)
    }

    fn of(certificates: Vec<CertificateDer<'static>>) -> Result<Self, SetupError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(certificate).map_err(|_| SetupError::Pem)?;
        }
        Ok(Roots(store))
    }
}

/// A certificate with what stands behind it, and its key.
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Identity { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// Reads a chain, the certificate itself first, and a key.
    ///
    /// # Errors
    ///
    /// [`SetupError::Pem`] if there is no certificate, or one cannot be read; [`SetupError::Key`]
    /// for the key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, SetupError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| SetupError::Key)?;
        Ok(Identity { chain, key })
    }

    /// Reads them from files.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Identity::from_pem), and [`SetupError::File`].
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        Self::from_pem(&read(chain.as_ref())?, &read(key.as_ref())?)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(SetupError::Pem)
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|error| SetupError::File(path.to_owned(), error))
}
