//! What stands in a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

const DAY: i64 = 24 * 60 * 60;

/// A server's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Certificate {
    pub(super) subject: String,
    /// DNS names and addresses, as subjectAltName has them.
    pub(super) names: Vec<String>,
    pub(super) issuer: String,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    /// Whole days until it expires; below 0 once it has.
    pub(super) days_left: i64,
    /// Whether one of its names is the server's.
    pub(super) is_for_name: bool,
    pub(super) self_signed: bool,
    /// Kind and size of the key.
    pub(super) key: String,
    pub(super) signature: String,
    /// How many certificates the server has sent.
    pub(super) sent: usize,
}

impl Certificate {
    /// Reads it; none if it cannot be read.
    pub(super) fn read(der: &[u8], sent: usize, server: &str, now: Timestamp) -> Option<Self> {
        let (_, it) = X509Certificate::from_der(der).ok()?;
        let after = it.validity().not_after.timestamp();
        let date = |seconds| Timestamp::from_second(seconds).ok().map(|it| it.to_string());
        Some(Certificate {
            subject: it.subject().to_string(),
            names: names(&it),
            issuer: it.issuer().to_string(),
            not_before: date(it.validity().not_before.timestamp()),
            not_after: date(after),
            days_left: (after - now.as_second()).div_euclid(DAY),
            is_for_name: is_for(der, server),
            self_signed: it.subject().as_raw() == it.issuer().as_raw(),
            key: key(it.public_key()),
            signature: name_of(&it.signature_algorithm.algorithm),
            sent,
        })
    }

    /// The day on which it expires, as people write it.
    pub(super) fn last_day(&self) -> &str {
        day(self.not_after.as_deref())
    }

    pub(super) fn first_day(&self) -> &str {
        day(self.not_before.as_deref())
    }
}

fn day(date: Option<&str>) -> &str {
    date.and_then(|date| date.split('T').next()).unwrap_or("?")
}

fn names(it: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = it.subject_alternative_name() else { return Vec::new() };
    let shown = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets),
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(shown).collect()
}

fn address(octets: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(octets).map(|it| Ipv4Addr::from(it).to_string());
    let sixteen = <[u8; 16]>::try_from(octets).map(|it| Ipv6Addr::from(it).to_string());
    four.or(sixteen).ok()
}

fn is_for(der: &[u8], server: &str) -> bool {
    let certificate = CertificateDer::from(der);
    let (Ok(parsed), Ok(name)) =
        (ParsedCertificate::try_from(&certificate), ServerName::try_from(server))
    else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    let parameters = info.algorithm.parameters.as_ref();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => match parameters.and_then(|curve| curve.as_oid().ok()) {
            Some(curve) => format!("EC {}", name_of(&curve)),
            None => format!("EC {}", point.key_size()),
        },
        _ => name_of(&info.algorithm.algorithm),
    }
}

/// The name of an algorithm or a curve, or its number where it has none.
fn name_of(oid: &x509_parser::oid_registry::Oid<'_>) -> String {
    oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use smtp_tls::ServerTls;

    use super::*;

    fn made(names: &[&str], server: &str) -> Certificate {
        let (_, pem) = ServerTls::self_signed(names.iter().copied()).unwrap();
        let pem = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
        Certificate::read(&pem.contents, 1, server, Timestamp::now()).unwrap()
    }

    #[test]
    fn names_and_the_key_are_read() {
        let it = made(&["mx.example.org", "127.0.0.1", "::1"], "mx.example.org");
        assert_eq!(it.names, ["mx.example.org", "127.0.0.1", "::1"]);
        assert!(it.self_signed && it.is_for_name && it.days_left > 0, "{it:?}");
        assert_eq!(
            (it.key.as_str(), it.signature.as_str()),
            ("EC prime256v1", "ecdsa-with-SHA256")
        );
        assert!(it.first_day() < it.last_day(), "{it:?}");
    }

    #[test]
    fn it_is_for_the_names_in_it() {
        for (server, yes) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("a.example.org", true),
            ("b.example", false),
        ] {
            assert_eq!(made(&["127.0.0.1", "*.example.org"], server).is_for_name, yes, "{server}");
        }
        assert!(!made(&["x"], "no name at all").is_for_name);
    }

    #[test]
    fn days_are_counted_down_past_the_end() {
        let (_, pem) = ServerTls::self_signed(["x"]).unwrap();
        let pem = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()).next().unwrap().unwrap();
        let left = |now| Certificate::read(&pem.contents, 1, "x", now).unwrap().days_left;
        let end = made(&["x"], "x").not_after.unwrap().parse::<Timestamp>().unwrap().as_second();
        let at = |seconds| left(Timestamp::from_second(seconds).unwrap());
        assert_eq!((at(end - DAY), at(end - 1), at(end + 1), at(end + DAY)), (1, 0, -1, -1));
        assert!(Certificate::read(b"0", 1, "x", Timestamp::now()).is_none());
    }
}
