//! Directory entries that survive a crash of the machine.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// What a file is buffered by on its way to the system. Larger pieces pass by.
pub(super) const BUFFER: usize = 16 * 1024;

/// Syncs the entries of a directory. A no-op where directories cannot be opened as files.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Makes a directory and those above it, private to the user, each entry synced.
///
/// # Errors
///
/// Each names the path that it is about.
pub(super) fn create_dir_all(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if dir.exists() {
        let sentence = format!("{} is not a directory", dir.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, sentence));
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_dir_all(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = match builder.create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_dir(parent),
    };
    made.map_err(|error| about("cannot make", dir, &error))
}

/// Makes sure that files can be made in a directory, and written.
///
/// # Errors
///
/// What the system says, with the path.
pub(super) fn probe(dir: &Path) -> io::Result<()> {
    let probed =
        tempfile::Builder::new().prefix(".probe.").tempfile_in(dir).and_then(|mut file| {
            file.write_all(b"x")?;
            file.close()
        });
    probed.map_err(|error| about("cannot write in", dir, &error))
}

fn about(what: &str, dir: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", dir.display()))
}
