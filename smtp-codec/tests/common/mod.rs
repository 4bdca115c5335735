//! Conversations in memory: a client's bytes against a server, a server's replies against a
//! client, in every way in which a network could cut them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

pub mod peer;
pub mod script;

/// How a stream arrives: in pieces that end at these places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Whole,
    EachOctet,
    At(usize),
}

impl Cut {
    /// How much of `left` octets, of which the first is number `at`, arrives at once.
    pub fn piece(self, at: usize, left: usize) -> usize {
        match self {
            Cut::Whole => left,
            Cut::EachOctet => left.min(1),
            Cut::At(place) if at < place => left.min(place - at),
            Cut::At(_) => left,
        }
    }

    /// Every way to cut `len` octets: whole, each octet alone, and in two at every place. Of
    /// long streams only so many places, spread evenly, are tried.
    pub fn all(len: usize) -> impl Iterator<Item = Cut> {
        let stride = len.div_ceil(700).max(1);
        [Cut::Whole, Cut::EachOctet].into_iter().chain((1..len).step_by(stride).map(Cut::At))
    }
}
