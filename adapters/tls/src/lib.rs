//! TLS for the SMTP adapters, on [rustls].
//!
//! [`ServerTls`] is what a server shows, [`ClientTls`] what a client asks for, [`Facts`] what came
//! of it, and [`Fault`] why nothing did. The adapters take them in `with_tls` and `implicit_tls`.
//!
//! `ServerTls::self_signed`, for tests and first steps, needs the feature `self-signed`.
//!
//! One provider does the cryptography, chosen by a feature: `ring`, unless `aws-lc-rs` is on.
//! TLS 1.2 and 1.3 are spoken, as rustls has them.
//!
//! | [`Trust`] | certificate | for |
//! |---|---|---|
//! | `Verified` | must be valid, for that name, from a known authority | submission, smart hosts |
//! | `Opportunistic` | is looked at, and does not matter (RFC 7435) | port 25 |
//! | `Insecure` | is not looked at | tests |
//!
//! ```
//! use smtp_tls::{ClientTls, Roots, ServerTls, Trust};
//!
//! # #[cfg(feature = "self-signed")] {
//! let (server, pem) = ServerTls::self_signed(["mx.example.org"])?;
//! let client = ClientTls::new("mx.example.org", Trust::Verified, &Roots::from_pem(pem.as_bytes())?)?;
//! # }
//! assert!(ClientTls::new("two words", Trust::Insecure, &Roots::none()).is_err());
//! # Ok::<(), smtp_tls::SetupError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod facts;
mod fault;
mod roots;
mod server;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::{ClientTls, Trust};
pub use facts::Facts;
pub use fault::{Fault, SetupError};
pub use roots::{Identity, Roots};
pub use rustls;
pub use server::ServerTls;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("smtp-tls needs one of the features ring and aws-lc-rs");

#[cfg(feature = "aws-lc-rs")]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
