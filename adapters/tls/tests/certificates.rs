//! One test for each fault that a certificate can have (CWE-295, and threats that came true in other
//! clients), by handshakes in memory.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use smtp_tls::rustls::{ClientConnection, ServerConnection};
use smtp_tls::{ClientTls, Facts, Fault, Identity, Roots, ServerTls, Trust};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    named("the authority")
}

fn named(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn identity(authority: &Authority, params: CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
}

fn roots(authority: &Authority) -> Roots {
    Roots::from_pem(authority.pem().as_bytes()).unwrap()
}

/// What both sides know once the handshake is done; or what the client does not like.
fn handshake(client: &ClientTls, server: &ServerTls) -> Result<(Facts, Facts), Fault> {
    let name = client.name().clone();
    let mut here = ClientConnection::new(Arc::clone(client.config()), name).unwrap();
    let mut there = ServerConnection::new(Arc::clone(server.config())).unwrap();
    let mut wire = Vec::new();
    while here.is_handshaking() || there.is_handshaking() {
        wire.clear();
        while here.wants_write() {
            here.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            there.read_tls(&mut rest).unwrap();
            there.process_new_packets().map_err(|error| Fault::from(&error))?;
        }
        wire.clear();
        while there.wants_write() {
            there.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            here.read_tls(&mut rest).unwrap();
            here.process_new_packets().map_err(|error| Fault::from(&error))?;
        }
    }
    Ok((client.facts(&here), server.facts(&there)))
}

/// A client that wants `name` and trusts the authority meets a server with that certificate.
#[track_caller]
fn verdict(
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
    names: &[&str],
) -> Result<(), Fault> {
    let authority = authority();
    let mut params = params(names);
    change(&mut params);
    let server = ServerTls::new(identity(&authority, params)).unwrap();
    let roots = roots(&authority);
    let client = ClientTls::new(name, Trust::Verified, &roots).unwrap();
    let verified = handshake(&client, &server);
    // RFC 7435: an opportunistic client goes on, and knows.
    let client = ClientTls::new(name, Trust::Opportunistic, &roots).unwrap();
    let (facts, _) = handshake(&client, &server).unwrap();
    assert_eq!((facts.verified, facts.fault), (verified.is_ok(), verified.as_ref().err().copied()));
    assert!(facts.certificates > 0);
    verified.map(|(facts, _)| assert!(facts.verified))
}

#[test]
fn a_valid_certificate() {
    for (name, names) in [
        ("mx.example.org", &["mx.example.org"][..]),
        ("MX.Example.ORG", &["mx.example.org"]),
        ("mx.example.org", &["other.example", "*.example.org"]),
        ("127.0.0.1", &["127.0.0.1"]),
        ("[127.0.0.1]", &["127.0.0.1"]),
        ("[IPv6:::1]", &["::1"]),
    ] {
        assert_eq!(verdict(name, |_| {}, names), Ok(()), "{name} {names:?}");
    }
}

#[test]
fn another_name() {
    for (name, names) in [
        ("mx.example.org", &["mx.example.net"][..]),
        ("mx.example.org", &["mx.example.org.evil.example"]),
        ("mx.example.org", &["evil.example/mx.example.org"]),
        ("mx.example.org", &["example.org"]),
        ("example.org", &["*.example.org"]),
        ("a.mx.example.org", &["*.example.org"]),
        ("mx.example.org", &["m*.example.org"]),
        ("mx.example.org", &["127.0.0.1"]),
        ("127.0.0.1", &["mx.example.org"]),
        ("127.0.0.1", &["127.0.0.2"]),
        ("::1", &["::2"]),
        ("mx.example.org", &[]),
    ] {
        let verdict = verdict(name, |_| {}, names).unwrap_err();
        assert!(
            matches!(verdict, Fault::WrongName | Fault::BadCertificate),
            "{name} {names:?} {verdict:?}"
        );
    }
}

/// The common name of the subject is no name of a server (RFC 9525 section 2).
#[test]
fn the_name_in_the_subject_only() {
    let subject = |params: &mut CertificateParams| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "mx.example.org");
    };
    assert_eq!(verdict("mx.example.org", subject, &["other.example"]), Err(Fault::WrongName));
}

#[test]
fn expired() {
    let old = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    assert_eq!(verdict("mx.example.org", old, &["mx.example.org"]), Err(Fault::Expired));
}

#[test]
fn not_yet_valid() {
    let young = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    assert_eq!(verdict("mx.example.org", young, &["mx.example.org"]), Err(Fault::NotYetValid));
}

#[test]
fn for_clients_only() {
    let client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    assert_eq!(verdict("mx.example.org", client, &["mx.example.org"]), Err(Fault::WrongPurpose));
}

#[test]
fn an_authority_in_the_place_of_a_server() {
    let ca = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    assert_eq!(verdict("mx.example.org", ca, &["mx.example.org"]), Err(Fault::WrongPurpose));
}

#[test]
fn an_unknown_authority() {
    let server = ServerTls::new(identity(&authority(), params(&["mx.example.org"]))).unwrap();
    for roots in [roots(&named("another")), Roots::none()] {
        let client = ClientTls::new("mx.example.org", Trust::Verified, &roots).unwrap();
        assert_eq!(handshake(&client, &server).unwrap_err(), Fault::UnknownIssuer);
    }
}

#[test]
fn signed_by_itself() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["mx.example.org"]).self_signed(&key).unwrap();
    let identity =
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let server = ServerTls::new(identity).unwrap();
    let other = roots(&named("another"));
    let client = ClientTls::new("mx.example.org", Trust::Verified, &other).unwrap();
    assert_eq!(handshake(&client, &server).unwrap_err(), Fault::UnknownIssuer);
    let own = Roots::from_pem(certificate.pem().as_bytes()).unwrap();
    let client = ClientTls::new("mx.example.org", Trust::Verified, &own).unwrap();
    assert!(handshake(&client, &server).unwrap().0.verified, "whoever trusts it may");
}

/// An authority of the same name with another key.
#[test]
fn a_forged_signature() {
    let server = ServerTls::new(identity(&authority(), params(&["mx.example.org"]))).unwrap();
    let client = ClientTls::new("mx.example.org", Trust::Verified, &roots(&authority())).unwrap();
    assert!(handshake(&client, &server).is_err());
}

#[test]
fn insecure_is_said_aloud() {
    let server = ServerTls::new(identity(&authority(), params(&["other.example"]))).unwrap();
    let client = ClientTls::new("mx.example.org", Trust::Insecure, &Roots::none()).unwrap();
    let (facts, _) = handshake(&client, &server).unwrap();
    assert!(!facts.verified && facts.fault.is_none());
    assert_eq!((facts.version, facts.server_name.as_deref()), ("TLSv1.3", Some("mx.example.org")));
    assert!(facts.cipher_suite.starts_with("TLS13_"), "{}", facts.cipher_suite);
}

/// RFC 9266: both sides see the same channel, and no two channels are the same.
#[test]
fn both_sides_are_bound_to_one_channel() {
    let server = ServerTls::new(identity(&authority(), params(&["mx.example.org"]))).unwrap();
    let client = ClientTls::new("mx.example.org", Trust::Insecure, &Roots::none()).unwrap();
    let (here, there) = handshake(&client, &server).unwrap();
    assert!(here.exporter.is_some());
    assert_eq!(here.exporter, there.exporter);
    assert_ne!(here.exporter, handshake(&client, &server).unwrap().0.exporter);
}

#[test]
fn clients_with_a_certificate() {
    let authority = authority();
    let server = identity(&authority, params(&["mx.example.org"]));
    let server = ServerTls::with_client_roots(server, &roots(&authority)).unwrap();
    let with = |by: &Authority| {
        let who = identity(by, params(&["alice.example"]));
        let client =
            ClientTls::with_identity("mx.example.org", Trust::Verified, &roots(&authority), who);
        handshake(&client.unwrap(), &server)
    };
    let (_, there) = with(&authority).unwrap();
    assert!(there.verified && there.peer.is_some());
    assert!(with(&self::authority()).is_err(), "one by another authority");
    let none = ClientTls::new("mx.example.org", Trust::Verified, &roots(&authority)).unwrap();
    assert!(!handshake(&none, &server).unwrap().1.verified, "one without");
}

#[test]
fn what_cannot_be_set_up() {
    use smtp_tls::SetupError;
    for name in ["", "two words", "-x-.example", "a..b", "[127.0.0.1", "mx.example.org:25"] {
        let made = ClientTls::new(name, Trust::Verified, &Roots::none());
        assert!(matches!(made, Err(SetupError::Name)), "{name:?}");
    }
    assert!(matches!(Roots::from_pem(b"nothing"), Err(SetupError::Pem)));
    assert!(matches!(Roots::from_pem_file("/does/not/exist"), Err(SetupError::File(..))));
    let (one, two) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = params(&["mx.example.org"]).self_signed(&one).unwrap().pem();
    let pair = |key: &KeyPair| {
        Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    };
    assert!(ServerTls::new(pair(&one)).is_ok());
    assert!(matches!(ServerTls::new(pair(&two)), Err(SetupError::Rustls(_))));
    assert!(matches!(Identity::from_pem(certificate.as_bytes(), b""), Err(SetupError::Key)));
    assert!(!format!("{:?}", pair(&one)).contains("PRIVATE"));
}
