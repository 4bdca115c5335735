//! Ctrl-C, and what service managers send.

use std::io;
use std::sync::Arc;

use super::shared::Shared;

/// Calls the server off on SIGINT and SIGTERM. Where there are no such signals the system ends the
/// process in its own way.
#[cfg(unix)]
pub(super) fn heed(shared: &Arc<Shared>) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let shared = Arc::clone(shared);
    let wait = move || signals.forever().for_each(|_| shared.call_off());
    std::thread::Builder::new().spawn(wait)?;
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn heed(_: &Arc<Shared>) -> io::Result<()> {
    Ok(())
}
