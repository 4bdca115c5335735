//! Who is shown the lines of the dialogue.

use std::fmt;

/// One line of the dialogue, as it is sent or received, without its CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic<'a> {
    /// By this side. Mail data is not shown.
    Sent(&'a [u8]),
    /// By the server.
    Received(&'a [u8]),
}

type Tell = dyn FnMut(Traffic<'_>) + Send;

#[derive(Default)]
pub(super) struct Observer {
    pub(super) tell: Option<Box<Tell>>,
    #[cfg(feature = "watch")]
    pub(super) watch: super::watch::Watch,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tell.is_some() { "Observer" } else { "None" })
    }
}

impl Observer {
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        #[cfg(feature = "watch")]
        self.watch.sent(bytes);
        if let Some(tell) = &mut self.tell {
            for line in bytes.split_inclusive(|&b| b == b'\n') {
                tell(Traffic::Sent(line.strip_suffix(b"\r\n").unwrap_or(line)));
            }
        }
    }

    /// A line of an AUTH exchange, which may be a password.
    pub(super) fn masked(&mut self, start: &str) {
        self.sent(format!("{start}****").as_bytes());
    }

    pub(super) fn received(&mut self, line: &[u8]) {
        #[cfg(feature = "watch")]
        self.watch.received(line);
        if let Some(tell) = &mut self.tell {
            tell(Traffic::Received(line));
        }
    }
}
