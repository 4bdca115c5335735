//! SASL
