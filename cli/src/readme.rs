//! The programs of the README and of docs/, compiled as doctests. There is nothing to link here, and
//! nothing to read: the texts are in the repository, where their links lead somewhere.
#![cfg_attr(doctest, doc = include_str!("../../README.md"))]

/// Coming from another library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/coming-from.md")]
pub mod coming_from {}
