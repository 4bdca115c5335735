//! The programs of the README, compiled as doctests. There is nothing to link here.
#![doc = include_str!("../../README.md")]
