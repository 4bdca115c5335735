//! Reference models: what RFCs say of the order of things, written without a look at the code.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod client;
pub mod server;
pub mod servers;
