//! The content, as often as there are transactions.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::trace::Trace;

/// A reader that begins at the start, and keeps its own place: a runtime that reads ahead in
/// another thread cannot move that of the next.
#[derive(Debug)]
pub(super) struct Replay {
    file: Arc<Mutex<File>>,
    at: u64,
    trace: Option<Trace>,
}

/// What readers are made of.
#[derive(Clone, Debug)]
pub(super) struct Source(Arc<Mutex<File>>);

impl Source {
    pub(super) fn new(file: File) -> Self {
        Source(Arc::new(Mutex::new(file)))
    }

    /// A reader that shows the trace what it reads.
    pub(super) fn replay(&self, trace: Option<Trace>) -> Replay {
        if let Some(trace) = &trace {
            trace.content_begins();
        }
        Replay { file: Arc::clone(&self.0), at: 0, trace }
    }
}

impl Read for Replay {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let n = file.read(room)?;
        self.at = self.at.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        if let Some(trace) = self.trace.as_ref().filter(|_| !room.is_empty()) {
            trace.content(room.get(..n).unwrap_or_default());
        }
        Ok(n)
    }
}

/// The file is on this machine, and the one session of this thread has nothing else to do.
impl AsyncRead for Replay {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.get_mut().read(room.initialize_unfilled())?;
        room.advance(n);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn readers_do_not_disturb_each_other() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"Hello").unwrap();
        let source = Source::new(file);
        let (mut first, mut second) = (source.replay(None), source.replay(None));
        let (mut room, mut text) = ([0; 2], String::new());
        assert_eq!((first.read(&mut room).unwrap(), &room), (2, b"He"));
        second.read_to_string(&mut text).unwrap();
        first.read_to_string(&mut text).unwrap();
        assert_eq!(text, "Hellollo");
    }
}
