//! `--raw`: the content and the envelope, a file each.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::envelope::Sized;
use super::{EnvelopeRecord, Id, durable};

#[derive(Debug)]
pub(super) struct RawFile {
    dir: Arc<Path>,
    id: Id,
    envelope: EnvelopeRecord,
    content: BufWriter<NamedTempFile>,
}

impl RawFile {
    pub(super) fn create(dir: Arc<Path>, id: &Id, envelope: EnvelopeRecord) -> io::Result<Self> {
        let content = BufWriter::with_capacity(durable::BUFFER, hidden(&dir, id)?);
        Ok(RawFile { dir, id: id.clone(), envelope, content })
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.content.write_all(piece)
    }

    /// Both files are synced under their hidden names. Then `ID.json` is put in place, then
    /// `ID.eml`, whose appearance makes the message visible, then the directory is synced. A
    /// process killed on the way leaves hidden files, or an envelope whose message is not there.
    pub(super) fn commit(self, size: u64) -> io::Result<PathBuf> {
        let RawFile { dir, id, envelope, content } = self;
        let content = content.into_inner().map_err(io::IntoInnerError::into_error)?;
        content.as_file().sync_all()?;

        let mut json = serde_json::to_vec(&Sized { envelope: &envelope, size })?;
        json.push(b'\n');
        let mut record = hidden(&dir, &id)?;
        record.write_all(&json)?;
        record.as_file().sync_all()?;

        let json_path = dir.join(format!("{id}.json"));
        let path = dir.join(format!("{id}.eml"));
        record.persist_noclobber(&json_path)?;
        content.persist_noclobber(&path).map_err(io::Error::from).inspect_err(|_| {
            drop(fs::remove_file(&json_path));
        })?;
        durable::sync_dir(&dir).inspect_err(|_| {
            drop(fs::remove_file(&path));
            drop(fs::remove_file(&json_path));
        })?;
        Ok(path)
    }
}

/// A file that nobody takes for a message, removed when it is dropped.
fn hidden(dir: &Path, id: &Id) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(&format!(".{id}.")).suffix(".tmp").tempfile_in(dir)
}
