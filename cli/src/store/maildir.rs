//! `--maildir`: a file in `tmp/`, moved into `new/` when it is complete.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::maildir::{Maildir, MaildirError, TemporaryMailFile};

use super::durable;

/// Makes `tmp/`, `new/` and `cur/` where they are missing, and tries whether files can be made.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    for name in ["tmp", "new", "cur"] {
        durable::create_dir_all(&dir.join(name))?;
    }
    durable::probe(&dir.join("tmp"))
}

#[derive(Debug)]
pub(super) struct MaildirFile {
    dir: Arc<Path>,
    file: BufWriter<TemporaryMailFile>,
}

impl MaildirFile {
    pub(super) fn create(dir: Arc<Path>) -> io::Result<Self> {
        let file = at(&dir).open_file_in_tmp().map_err(to_io)?;
        #[cfg(unix)]
        fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(MaildirFile { dir, file: BufWriter::with_capacity(durable::BUFFER, file) })
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)
    }

    pub(super) fn commit(self) -> io::Result<PathBuf> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The file is synced before it is renamed; the rename itself is made durable below.
        let name = at(&self.dir).move_tmp_to_new(file).map_err(to_io)?;
        let new = self.dir.join("new");
        let path = new.join(name);
        durable::sync_dir(&new).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(path)
    }
}

fn at(dir: &Path) -> Maildir {
    Maildir::from(dir.to_path_buf())
}

fn to_io(error: MaildirError) -> io::Error {
    match error {
        MaildirError::Io(error) => error,
        other => io::Error::other(other),
    }
}
