//! A server that holds one session on its standard input and output.

use std::io;
use std::time::Duration;

#[cfg(unix)]
mod unix {
    use std::io::Write as _;
    use std::net::Shutdown;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{self, Command, Stdio};

    use super::{Duration, io};

    /// A running program, and the socket that is its standard input and output. A socket and not
    /// two pipes: writing to one can be given a time.
    pub(in super::super) struct Child {
        stream: UnixStream,
        process: process::Child,
    }

    impl Child {
        pub(in super::super) fn start(command: &str, wait: Duration) -> io::Result<Self> {
            let (stream, theirs) = UnixStream::pair()?;
            stream.set_write_timeout(Some(wait))?;
            let input = Stdio::from(OwnedFd::from(theirs.try_clone()?));
            let process = Command::new("sh")
                .args(["-c", command])
                .stdin(input)
                .stdout(Stdio::from(OwnedFd::from(theirs)))
                .stderr(Stdio::null())
                .spawn()?;
            Ok(Child { stream, process })
        }

        pub(in super::super) fn reader(&self) -> io::Result<UnixStream> {
            self.stream.try_clone()
        }

        pub(in super::super) fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
            self.stream.write_all(octets)
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            let _ = self.stream.shutdown(Shutdown::Both);
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use super::{Duration, io};

    /// There is none.
    pub(in super::super) enum Child {}

    impl Child {
        pub(in super::super) fn start(_: &str, _: Duration) -> io::Result<Self> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "--stdio needs a Unix system"))
        }

        pub(in super::super) fn reader(&self) -> io::Result<io::Empty> {
            match *self {}
        }

        pub(in super::super) fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
            match *self {}
        }
    }
}

#[cfg(not(unix))]
pub(super) use elsewhere::Child;
#[cfg(unix)]
pub(super) use unix::Child;
