//! What all sessions share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use smtp_codec::server::Config;

use crate::store::Store;

/// How long sessions have to end once the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The configuration, the store, and how many messages are still to come.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) store: Store,
    exit_after: Option<u64>,
    taken: AtomicU64,
    sessions: AtomicUsize,
    changed: (Mutex<()>, Condvar),
}

impl Shared {
    pub(super) fn new(config: Arc<Config>, store: Store, exit_after: Option<u64>) -> Self {
        Shared {
            config,
            store,
            exit_after,
            taken: AtomicU64::new(0),
            sessions: AtomicUsize::new(0),
            changed: (Mutex::new(()), Condvar::new()),
        }
    }

    /// A message was taken over.
    pub(super) fn took_one(&self) {
        self.taken.fetch_add(1, Ordering::AcqRel);
        self.wake();
    }

    /// Whether enough messages were taken.
    pub(super) fn is_stopping(&self) -> bool {
        self.exit_after.is_some_and(|n| self.taken.load(Ordering::Acquire) >= n)
    }

    /// Counts a session for as long as what is returned lives.
    pub(super) fn session(self: &Arc<Self>) -> Present {
        self.sessions.fetch_add(1, Ordering::AcqRel);
        Present(Arc::clone(self))
    }

    /// Blocks until the server is to stop and its sessions have ended, or had time to.
    pub(super) fn wait(&self) {
        let (lock, changed) = &self.changed;
        let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_stopping() {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        let busy = |(): &mut ()| self.sessions.load(Ordering::Acquire) > 0;
        drop(changed.wait_timeout_while(guard, GRACE, busy));
    }

    fn wake(&self) {
        let (lock, changed) = &self.changed;
        drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }
}

/// A session that is counted.
pub(super) struct Present(Arc<Shared>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::AcqRel);
        self.0.wake();
    }
}
