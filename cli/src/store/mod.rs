//! Where received messages go.
//!
//! A [`Store`] is made once and shared by all connections. Each message is streamed through a
//! [`Delivery`] of its own and becomes visible, whole and durable, only by [`Delivery::commit`].
//! Deliveries share no lock: concurrent ones sync concurrently.
//!
//! Everything here blocks on the file system. An asynchronous caller runs `commit`, which waits
//! for the disk, on a thread that may block.

mod durable;
mod envelope;
mod id;
mod maildir;
mod raw;
mod trace;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Zoned;

pub(crate) use envelope::{EnvelopeRecord, ParameterRecord, RecipientRecord};
pub(crate) use id::Id;

use self::maildir::MaildirFile;
use self::raw::RawFile;

/// A place for messages. Cloning it is cheap and gives the same place.
#[derive(Clone, Debug)]
pub(crate) struct Store(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Maildir { dir: Arc<Path>, hostname: Arc<str> },
    Raw { dir: Arc<Path> },
    Discard,
}

impl Store {
    /// A Maildir, made if it is not there. Messages get `Return-Path` and `Received` on top;
    /// `hostname` is the name behind `by`.
    ///
    /// # Errors
    ///
    /// The directories cannot be made, or no file in them. The error names the path.
    pub(crate) fn maildir(dir: &Path, hostname: &str) -> io::Result<Self> {
        maildir::prepare(dir)?;
        Ok(Store(Kind::Maildir { dir: dir.into(), hostname: hostname.into() }))
    }

    /// A directory, made if it is not there, with `ID.eml`, the content byte for byte, and
    /// `ID.json`, the envelope.
    ///
    /// A message is there when its `ID.eml` is there; its `ID.json` is in place before. Names
    /// that start with a dot are unfinished and belong to a process that runs or was killed: they
    /// are never read, and may be removed while no server runs.
    ///
    /// # Errors
    ///
    /// The directory cannot be made, or no file in it. The error names the path.
    pub(crate) fn raw(dir: &Path) -> io::Result<Self> {
        durable::create_dir_all(dir)?;
        durable::probe(dir)?;
        Ok(Store(Kind::Raw { dir: dir.into() }))
    }

    /// Counts the bytes and drops them.
    pub(crate) fn discard() -> Self {
        Store(Kind::Discard)
    }

    /// The directory that messages go to; none if they are discarded.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Maildir { dir, .. } | Kind::Raw { dir } => Some(dir),
            Kind::Discard => None,
        }
    }

    /// Starts a message. The envelope is complete by then: content follows the last recipient. It is
    /// asked for only where it is stored.
    ///
    /// # Errors
    ///
    /// The temporary file cannot be made or written, or the envelope holds control characters
    /// and cannot be written into header fields ([`io::ErrorKind::InvalidInput`]).
    pub(crate) fn begin(&self, envelope: impl FnOnce() -> EnvelopeRecord) -> io::Result<Delivery> {
        let id = Id::next();
        let target = match &self.0 {
            Kind::Maildir { dir, hostname } => {
                let fields = trace::fields(&envelope(), hostname, &id, &Zoned::now())?;
                let mut file = MaildirFile::create(Arc::clone(dir))?;
                file.write(fields.as_bytes())?;
                Target::Maildir(file)
            }
            Kind::Raw { dir } => Target::Raw(RawFile::create(Arc::clone(dir), &id, envelope())?),
            Kind::Discard => Target::Discard,
        };
        Ok(Delivery { id, size: 0, failure: None, target })
    }
}

/// A message on its way into a [`Store`]. Dropped, it leaves nothing behind.
#[derive(Debug)]
#[must_use = "a delivery that is dropped stores nothing"]
pub(crate) struct Delivery {
    id: Id,
    size: u64,
    failure: Option<io::Error>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Maildir(MaildirFile),
    Raw(RawFile),
    Discard,
}

/// A message that is in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its name.
    pub(crate) id: Id,
    /// The file that holds it; none if it was discarded.
    pub(crate) path: Option<PathBuf>,
    /// The octets of content that were written, fields added here not counted.
    pub(crate) size: u64,
}

impl Delivery {
    /// Appends a piece of the content. If that fails, the message can no longer be committed, and
    /// [`commit`](Self::commit) says why.
    pub(crate) fn write(&mut self, piece: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let written = match &mut self.target {
            Target::Maildir(file) => file.write(piece),
            Target::Raw(file) => file.write(piece),
            Target::Discard => Ok(()),
        };
        self.failure = written.err();
        self.size = self.size.saturating_add(piece.len().try_into().unwrap_or(u64::MAX));
    }

    /// Whether [`commit`](Self::commit) blocks, so that it is worth a thread of its own.
    pub(crate) fn waits_for_disk(&self) -> bool {
        !matches!(self.target, Target::Discard)
    }

    /// Puts the message in place. When this returns, it survives a crash of the machine.
    ///
    /// # Errors
    ///
    /// Whatever writing, syncing or renaming gives; the message is then not there.
    pub(crate) fn commit(self) -> io::Result<Stored> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let path = match self.target {
            Target::Maildir(file) => Some(file.commit()?),
            Target::Raw(file) => Some(file.commit(self.size)?),
            Target::Discard => None,
        };
        Ok(Stored { id: self.id, path, size: self.size })
    }
}

#[cfg(test)]
mod tests;
