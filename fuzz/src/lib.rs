//! The laws that any input must keep. Each function panics where one is broken: the fuzz targets
//! call them, and so does a test over the seeds.
//!
//! The sessions need choices beside the bytes of the peer (how the bytes are cut, what is answered).
//! What stands before the first NUL of an input is the choices; an input without one has none, and
//! is taken whole with every answer yes. So a plain recorded dialogue is a seed.

mod answer;
mod bdat;
mod client;
mod client_operations;
mod data;
mod differential;
mod ehlo;
mod letters;
mod message;
mod monitor;
mod operations;
mod pair;
mod parameters;
mod path;
mod proxy;
mod reckoning;
mod sasl;
mod server;
mod settings;
mod text;

pub use bdat::bdat;
pub use client::client_session;
pub use client_operations::client_operations;
pub use data::{data_decoder, data_encoder};
pub use differential::differential;
pub use ehlo::ehlo;
pub use message::{command, reply};
pub use operations::server_operations;
pub use pair::pair;
pub use parameters::parameters;
pub use path::path;
pub use proxy::proxy;
pub use sasl::sasl;
pub use server::server_session;
pub use text::text;

/// An endless row of choices, 0 where nothing was chosen.
#[derive(Clone, Copy, Debug)]
struct Choices<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Choices<'a> {
    /// Parts an input into choices and what the peer sends.
    fn part(input: &'a [u8]) -> (Self, &'a [u8]) {
        let mut parts = input.splitn(2, |byte| *byte == 0);
        let first = parts.next().unwrap_or_default();
        match parts.next() {
            Some(rest) => (Choices { bytes: first, at: 0 }, rest),
            None => (Choices { bytes: &[], at: 0 }, input),
        }
    }

    fn next(&mut self) -> u8 {
        let choice = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at = (self.at + 1) % self.bytes.len().max(1);
        choice
    }

    fn flag(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

/// Cuts bytes into pieces.
#[derive(Clone, Copy)]
enum Cut<'a> {
    Whole,
    Pieces(Choices<'a>),
}

impl Cut<'_> {
    /// The next piece of `rest`; not empty unless `rest` is.
    fn piece<'b>(&mut self, rest: &'b [u8]) -> &'b [u8] {
        let len = match self {
            Cut::Whole => rest.len(),
            Cut::Pieces(choices) => match choices.next() {
                0 => 1,
                choice => usize::from(choice),
            },
        };
        rest.get(..len).unwrap_or(rest)
    }
}
