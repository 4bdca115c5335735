//! What a handshake came to.

use rustls::{CommonState, ConnectionCommon, ProtocolVersion};

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
    /// The peer's certificate, in DER.
    pub peer: Option<Vec<u8>>,
    /// The channel binding `tls-exporter` (RFC 9266), for SCRAM with -PLUS. TLS 1.3 only: what it
    /// needs of older versions is not certain there.
    pub exporter: Option<[u8; 32]>,
}

impl Facts {
    pub(crate) fn of<D>(
        connection: &ConnectionCommon<D>,
        server_name: Option<String>,
        verified: bool,
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
            verified,
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
