//! One session on standard input and output, as `sendmail -bs` holds it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use smol::io::{AsyncRead, AsyncWrite};

use super::app::{App, Next};
use super::drive::{commit_on_tokio, server, session};
use super::shared::Shared;
use crate::args::Runtime;

pub(super) fn serve(runtime: Runtime, shared: Arc<Shared>) -> io::Result<()> {
    let mut app = App::new(&shared, None);
    match runtime {
        Runtime::Std => {
            let stream = smtp_std::Pipe(io::stdin(), io::stdout());
            let mut server = {
                use smtp_std::Server;
                server!(Server, (stream), shared, None, false)
            };
            session!(server, app, Some(server.next()), |delivery| delivery.commit());
        }
        Runtime::Tokio => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let stream = tokio::io::join(tokio::io::stdin(), tokio::io::stdout());
                let mut server = {
                    use smtp_tokio::Server;
                    server!(Server, (stream), shared, None, false)
                };
                session!(server, app, Some(server.next().await), |delivery| commit_on_tokio(
                    delivery
                )
                .await);
            });
            // Standard input cannot be waited for without a thread, which may never return.
            runtime.shutdown_background();
        }
        Runtime::Smol => smol::block_on(async {
            let stream = Joined(smol::Unblock::new(io::stdin()), smol::Unblock::new(io::stdout()));
            let mut server = {
                use smtp_futures::{AsyncIo, Server};
                server!(Server, (stream, AsyncIo), shared, None, false)
            };
            session!(server, app, Some(server.next().await), |delivery| smol::unblock(
                || delivery.commit()
            )
            .await);
        }),
        Runtime::AsyncStd => async_std::task::block_on(async {
            // Not async-std's own: what its stdin has read is lost if the next poll brings less room.
            let stream = Joined(smol::Unblock::new(io::stdin()), smol::Unblock::new(io::stdout()));
            let mut server = {
                use smtp_async_std::{Server, Sleep};
                server!(Server, (stream, Sleep), shared, None, false)
            };
            session!(server, app, Some(server.next().await), |delivery| {
                async_std::task::spawn_blocking(|| delivery.commit()).await
            });
        }),
    }
    Ok(())
}

/// A reader and a writer taken for one stream.
struct Joined<R, W>(R, W);

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Joined<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Joined<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_close(cx)
    }
}
