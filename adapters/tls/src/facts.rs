//! What a handshake came to.

use rustls::{CommonState, ConnectionCommon, ProtocolVersion};

use crate::Fault;

/// What is known of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// `TLSv1.3` or `TLSv1.2`, as Received fields and logs have it.
    pub version: &'static str,
    /// The cipher suite by its registered name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
    /// Whether the peer has shown a certificate that is valid, and is for the name that was asked
    /// for. A client is asked for one only where `ServerTls::with_client_roots` was called.
    pub verified: bool,
    /// What is wrong with the peer's certificate, where it was looked at and the session goes on:
    /// under `Trust::Opportunistic`.
    pub fault: Option<Fault>,
    /// The peer's certificate, in DER.
    pub peer: Option<Vec<u8>>,
    /// How many certificates the peer has sent: its own, and those that stand behind it.
    pub certificates: usize,
    /// The channel binding `tls-exporter` (RFC 9266), for SCRAM with -PLUS. TLS 1.3 only: what it
    /// needs of older versions is not certain there.
    pub exporter: Option<[u8; 32]>,
}

impl Facts {
    /// `looked_at`: whether the certificate was found valid, or is not minded; or what is wrong.
    pub(crate) fn of<D>(
        connection: &ConnectionCommon<D>,
        server_name: Option<String>,
        looked_at: Result<bool, Fault>,
    ) -> Self {
        let state: &CommonState = connection;
        let version = state.protocol_version();
        let suite = state.negotiated_cipher_suite();
        let binding = || {
            let label = b"EXPORTER-Channel-Binding";
            connection.export_keying_material([0; 32], label, None).ok()
        };
        Facts {
            version: match version {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            cipher_suite: suite.map(|suite| format!("{:?}", suite.suite())).unwrap_or_default(),
            server_name,
            verified: looked_at == Ok(true),
            fault: looked_at.err(),
            certificates: state.peer_certificates().map_or(0, <[_]>::len),
            peer: state
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(|certificate| certificate.to_vec()),
            exporter: match version {
                Some(ProtocolVersion::TLSv1_3) => binding(),
                _ => None,
            },
        }
    }
}
