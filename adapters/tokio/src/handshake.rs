//! The handshake, when the session asks for one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use smtp_tls::{ClientTls, Facts, ServerTls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Accept, Connect, TlsAcceptor, TlsConnector, TlsStream};

use crate::wire::Wire;

pub(crate) type Secured<S> = TlsStream<S>;

/// What this side brings to a handshake, and how far it has come. The handshake outlives a `next`
/// that is dropped.
pub(crate) struct Tls<S> {
    side: Side,
    running: Option<Running<S>>,
    pub(crate) facts: Option<Facts>,
}

enum Side {
    Server(ServerTls),
    Client(ClientTls),
}

enum Running<S> {
    Accept(Accept<S>),
    Connect(Connect<S>),
}

impl<S> std::fmt::Debug for Tls<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl<S> From<ServerTls> for Tls<S> {
    fn from(tls: ServerTls) -> Self {
        Tls { side: Side::Server(tls), running: None, facts: None }
    }
}

impl<S> From<ClientTls> for Tls<S> {
    fn from(tls: ClientTls) -> Self {
        Tls { side: Side::Client(tls), running: None, facts: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tls<S> {
    /// Makes a secured stream of a plain one.
    pub(crate) fn poll_handshake(
        &mut self,
        wire: &mut Wire<S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Wire::Plain(_) = wire
            && let Wire::Plain(stream) = std::mem::replace(wire, Wire::Gone)
        {
            self.running = Some(match &self.side {
                Side::Server(tls) => {
                    let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
                    Running::Accept(acceptor.accept(stream))
                }
                Side::Client(tls) => {
                    let connector = TlsConnector::from(Arc::clone(tls.config()));
                    Running::Connect(connector.connect(tls.name().clone(), stream))
                }
            });
        }
        let made = ready!(match &mut self.running {
            Some(Running::Accept(accept)) => Pin::new(accept).poll(cx).map_ok(TlsStream::from),
            Some(Running::Connect(connect)) => Pin::new(connect).poll(cx).map_ok(TlsStream::from),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        });
        self.running = None;
        let stream = made?;
        self.facts = match (&self.side, &stream) {
            (Side::Server(tls), TlsStream::Server(stream)) => Some(tls.facts(stream.get_ref().1)),
            (Side::Client(tls), TlsStream::Client(stream)) => Some(tls.facts(stream.get_ref().1)),
            _ => None,
        };
        *wire = Wire::Tls(Box::new(stream));
        Poll::Ready(Ok(()))
    }

    /// Gives a handshake up, and the stream with it.
    pub(crate) fn abandon(&mut self) {
        self.running = None;
    }
}
