//! What can be wrong, before a handshake and in it.

use std::path::PathBuf;
use std::{error, fmt, io};

use rustls::{CertificateError, Error};

/// Why TLS cannot be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// A file cannot be read.
    File(PathBuf, io::Error),
    /// No certificate in the PEM text, or one that cannot be read.
    Pem,
    /// No private key in the PEM text, or one that cannot be read.
    Key,
    /// The server's name is neither a DNS name nor an IP address.
    Name,
    /// Certificate and key do not go together, or rustls does not take them.
    Rustls(Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::File(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            SetupError::Pem => f.write_str("no certificate in PEM that can be read"),
            SetupError::Key => f.write_str("no private key in PEM that can be read"),
            SetupError::Name => {
                f.write_str("the server's name is neither a DNS name nor an IP address")
            }
            SetupError::Rustls(error) => write!(f, "certificate and key cannot be used: {error}"),
        }
    }
}

impl error::Error for SetupError {}

impl From<Error> for SetupError {
    fn from(error: Error) -> Self {
        SetupError::Rustls(error)
    }
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The certificate is no longer valid.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// No known authority stands behind the certificate; so it is with one that is signed by
    /// itself.
    UnknownIssuer,
    /// The certificate was revoked.
    Revoked,
    /// The certificate is not meant for this: an authority's own, or one for clients.
    WrongPurpose,
    /// The certificate, or a signature, is broken in another way.
    BadCertificate,
    /// The peer did not like ours, or that there was none.
    Rejected,
    /// What the peer sent is no TLS.
    NotTls,
    /// The two have no version or cipher suite in common, or the handshake is broken.
    Handshake,
}

impl Fault {
    /// What an adapter's error is about, if it is about TLS.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Error>().map(Self::from)
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(reason) => match reason {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Fault::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Fault::NotYetValid
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Fault::WrongName,
                CertificateError::UnknownIssuer => Fault::UnknownIssuer,
                CertificateError::Revoked => Fault::Revoked,
                CertificateError::InvalidPurpose
                | CertificateError::InvalidPurposeContext { .. } => Fault::WrongPurpose,
                // webpki has no name of its own for an authority in the place of a server.
                CertificateError::Other(other)
                    if other.to_string().contains("CaUsedAsEndEntity") =>
                {
                    Fault::WrongPurpose
                }
                _ => Fault::BadCertificate,
            },
            Error::AlertReceived(_) | Error::NoCertificatesPresented => Fault::Rejected,
            Error::InvalidMessage(_) => Fault::NotTls,
            _ => Fault::Handshake,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Expired => "the certificate has expired",
            Fault::NotYetValid => "the certificate is not valid yet",
            Fault::WrongName => "the certificate is for another name",
            Fault::UnknownIssuer => "the certificate is from no known authority",
            Fault::Revoked => "the certificate was revoked",
            Fault::WrongPurpose => "the certificate is not meant for this purpose",
            Fault::BadCertificate => "the certificate is invalid",
            Fault::Rejected => "the peer broke the handshake off",
            Fault::NotTls => "the peer does not speak TLS here",
            Fault::Handshake => "the handshake failed",
        })
    }
}

impl error::Error for Fault {}
