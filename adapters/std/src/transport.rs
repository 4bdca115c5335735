//! Streams that block.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A blocking stream whose waits can be bounded.
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::time::Duration;
/// use smtp_std::Transport;
///
/// /// Shows what is read. Its bounds are those of the stream inside.
/// struct Shown<T>(T);
///
/// impl<T: Read> Read for Shown<T> {
///     fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
///         let n = self.0.read(room)?;
///         eprintln!("{n} octets");
///         Ok(n)
///     }
/// }
/// impl<T: Write> Write for Shown<T> {
///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
///         self.0.write(bytes)
///     }
///     fn flush(&mut self) -> io::Result<()> {
///         self.0.flush()
///     }
/// }
/// impl<T: Transport> Transport for Shown<T> {
///     fn bound_reads(&mut self, wait: Duration) -> io::Result<()> {
///         self.0.bound_reads(wait)
///     }
///     fn bound_writes(&mut self, wait: Duration) -> io::Result<()> {
///         self.0.bound_writes(wait)
///     }
///     fn nonblocking(&mut self, on: bool) -> io::Result<bool> {
///         self.0.nonblocking(on)
///     }
///     fn end(&mut self) -> io::Result<()> {
///         self.0.end()
///     }
/// }
/// # use smtp_codec::server::{Closing, Config, Event};
/// # let stream = smtp_std::Pipe(&b"QUIT\r\n"[..], io::sink());
/// # let mut server = smtp_std::Server::new(Shown(stream), Config::new("mx.example.org").unwrap());
/// # loop {
/// #     match server.next()? {
/// #         Event::Closed(closing) => break assert_eq!(closing, Closing::Quit),
/// #         other => other.proceed(),
/// #     }
/// # }
/// # Ok::<(), io::Error>(())
/// ```
pub trait Transport: Read + Write {
    /// Has reads fail with `WouldBlock` or `TimedOut` after `wait`, which is not zero, until it is
    /// said anew. A stream that cannot do so may ignore it; deadlines then hold only between two
    /// operations.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn bound_reads(&mut self, wait: Duration) -> io::Result<()>;

    /// The same for writes.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn bound_writes(&mut self, wait: Duration) -> io::Result<()>;

    /// Has reads fail with `WouldBlock` where nothing is there, or wait again; whether it can. A client
    /// looks so, before it writes, for what its server has said already, which was no answer to what
    /// it is about to write. Over a stream that cannot do so a reply that comes too early is taken for
    /// one that does not.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn nonblocking(&mut self, on: bool) -> io::Result<bool>;

    /// Says that nothing more will be written.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn end(&mut self) -> io::Result<()>;
}

impl Transport for TcpStream {
    fn bound_reads(&mut self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))
    }

    fn bound_writes(&mut self, wait: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(wait))
    }

    fn nonblocking(&mut self, on: bool) -> io::Result<bool> {
        self.set_nonblocking(on).map(|()| true)
    }

    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Transport for std::os::unix::net::UnixStream {
    fn bound_reads(&mut self, wait: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(wait))
    }

    fn bound_writes(&mut self, wait: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(wait))
    }

    fn nonblocking(&mut self, on: bool) -> io::Result<bool> {
        self.set_nonblocking(on).map(|()| true)
    }

    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A reader and a writer taken for one stream, such as standard input and output. Its waits cannot
/// be bounded.
///
/// ```
/// use smtp_std::Pipe;
///
/// let session = Pipe(std::io::stdin(), std::io::stdout());
/// ```
#[derive(Debug)]
pub struct Pipe<R, W>(pub R, pub W);

impl<R: Read, W> Read for Pipe<R, W> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl<R, W: Write> Write for Pipe<R, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

impl<R: Read, W: Write> Transport for Pipe<R, W> {
    fn bound_reads(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn bound_writes(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn nonblocking(&mut self, _: bool) -> io::Result<bool> {
        Ok(false)
    }

    fn end(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}
