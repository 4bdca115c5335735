//! The stream, in the clear or under TLS, one operation at a time: each is bounded anew, so that
//! octets that drip in cannot extend a wait.

use std::io;
use std::time::Duration;

use crate::Transport;

/// What a link talks over. From plain it becomes TLS, and never plain again.
pub(crate) enum Wire<S> {
    Plain(S),
    #[cfg(feature = "tls")]
    Tls(Box<crate::handshake::Secured<S>>),
    /// A handshake failed.
    Gone,
}

#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl<S> std::fmt::Debug for Wire<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Wire::Plain(_) => "Plain",
            #[cfg(feature = "tls")]
            Wire::Tls(_) => "Tls",
            Wire::Gone => "Gone",
        })
    }
}

impl<S: Transport> Wire<S> {
    pub(crate) fn bound(&mut self, direction: Direction, wait: Duration) -> io::Result<()> {
        let stream = match self {
            Wire::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => &mut secured.stream,
            Wire::Gone => return Ok(()),
        };
        match direction {
            Direction::Read => stream.bound_reads(wait),
            Direction::Write => stream.bound_writes(wait),
        }
    }

    pub(crate) fn nonblocking(&mut self, on: bool) -> io::Result<bool> {
        match self {
            Wire::Plain(stream) => stream.nonblocking(on),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.stream.nonblocking(on),
            Wire::Gone => Ok(false),
        }
    }

    /// Reads once. `None`: something came, and it is no content yet.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Wire::Plain(stream) => stream.read(room).map(Some),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.read(room),
            Wire::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Takes some of `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.write(bytes),
            Wire::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes once of what was taken; whether there is more.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Wire::Plain(stream) => stream.flush().map(|()| false),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.flush(),
            Wire::Gone => Ok(false),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.end(),
            #[cfg(feature = "tls")]
            Wire::Tls(secured) => secured.end(),
            Wire::Gone => Ok(()),
        }
    }
}
