//! What both ends have in common, for adapters.

use std::time::Duration;

use crate::{RxBuf, TxBuf, Want, client, server};

/// A connection of either side, as an adapter sees it: bytes in, bytes out, and how long to wait.
/// The methods are those of [`server::Connection`] and [`client::Connection`].
///
/// ```
/// use smtp_codec::{Machine, Want, client, server};
/// use bytes::Buf;
///
/// // A transport for two ends in one process.
/// fn exchange(from: &mut impl Machine, to: &mut impl Machine) {
///     let n = to.rx().receive(from.tx().chunk());
///     from.tx().advance(n);
/// }
/// let mut server = server::Connection::new(server::Config::new("mx.example.org")?);
/// let mut client = client::Connection::new(client::Config::new("client.example.net")?);
/// while let Want::Event = server.step() {
///     server.event().proceed();
/// }
/// exchange(&mut server, &mut client);
/// assert_eq!(client.step(), Want::Event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Machine {
    /// Where received bytes go.
    fn rx(&mut self) -> &mut RxBuf;
    /// Where bytes to be sent wait.
    fn tx(&mut self) -> &mut TxBuf;
    /// Goes on, and says what is wanted.
    fn step(&mut self) -> Want;
    /// How long the present wait may last.
    fn patience(&self) -> Duration;
    /// Grows with all that ends a wait: a command, a reply, an answer of the application's, content
    /// that comes, or goes, fast enough. When it has changed the next wait begins; octets of a line
    /// that is not complete do not change it. What the application takes its time for is no part of
    /// a wait.
    fn heard(&self) -> u64;
    /// Whether to read while there is something to send: a server's word may end what is being
    /// sent.
    fn listens(&self) -> bool;
    /// The peer closed its side.
    fn eof(&mut self);
    /// The wait was too long. Unless the session [is over](Machine::is_over) then, the next begins.
    fn timed_out(&mut self);
    /// Whether the session is over, so that only what waits is still to be sent.
    fn is_over(&self) -> bool;
    /// The link broke.
    fn broken(&mut self);
    /// The handshake that [`Want::Tls`] asked for has succeeded: all that follows is protected.
    fn secured(&mut self);
    /// Nothing can be bound to the channel (RFC 9266). Said before [`secured`](Machine::secured).
    fn unbound(&mut self);
    /// The handshake failed: not an octet more may be exchanged.
    fn tls_failed(&mut self);
    /// There is no TLS on this transport.
    fn without_tls(&mut self);
    /// Gives back the memory of empty buffers.
    fn release(&mut self);
    /// Whether the peer may still be sending when the session is over.
    fn lingers(&self) -> bool;
    /// Which side this is (feature `watch`).
    #[cfg(feature = "watch")]
    fn side(&self) -> crate::Side {
        if self.listens() { crate::Side::Client } else { crate::Side::Server }
    }
    /// Has `tell` told what happens in the session from now on (feature `watch`).
    #[cfg(feature = "watch")]
    fn watch(&mut self, tell: Box<dyn FnMut(crate::Note<'_>) + Send + Sync>) {
        drop(tell);
    }
}

macro_rules! machine {
    ($connection:ty, $side:ident, $listens:literal, $lingers:expr) => {
        impl Machine for $connection {
            fn rx(&mut self) -> &mut RxBuf {
                self.rx()
            }
            fn tx(&mut self) -> &mut TxBuf {
                self.tx()
            }
            fn step(&mut self) -> Want {
                self.step()
            }
            fn patience(&self) -> Duration {
                self.patience()
            }
            fn heard(&self) -> u64 {
                self.heard()
            }
            fn listens(&self) -> bool {
                $listens
            }
            fn eof(&mut self) {
                self.eof();
            }
            fn timed_out(&mut self) {
                self.timed_out();
            }
            fn is_over(&self) -> bool {
                self.closing().is_some()
            }
            fn broken(&mut self) {
                self.broken();
            }
            fn secured(&mut self) {
                self.secured();
            }
            fn unbound(&mut self) {
                self.unbound();
            }
            fn tls_failed(&mut self) {
                self.tls_failed();
            }
            fn without_tls(&mut self) {
                self.without_tls();
            }
            fn release(&mut self) {
                self.release();
            }
            fn lingers(&self) -> bool {
                $lingers(self)
            }
            #[cfg(feature = "watch")]
            fn side(&self) -> crate::Side {
                crate::Side::$side
            }
            #[cfg(feature = "watch")]
            fn watch(&mut self, tell: Box<dyn FnMut(crate::Note<'_>) + Send + Sync>) {
                self.watch_with(tell);
            }
        }
    };
}

machine!(server::Connection, Server, false, server::Connection::lingers);
machine!(client::Connection, Client, true, |_: &client::Connection| false);
