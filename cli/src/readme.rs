//! The programs of the README and of docs/, compiled as doctests. There is nothing to link here.
#![doc = include_str!("../../README.md")]

/// Coming from another library.
#[doc = include_str!("../../docs/coming-from.md")]
pub mod coming_from {}
