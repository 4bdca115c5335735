//! What is sent and to whom, and how far it has come: shared by all connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp_codec::client::Config;
use smtp_codec::proto::Envelope;
use smtp_codec::proto::session::TlsPolicy;
use smtp_sasl::Login;
use smtp_tls::{ClientTls, Facts};

use super::tally::Tally;
use crate::exit::Exit;
use crate::trouble::no_handshake;

/// What every connection does.
pub(super) struct Plan {
    /// As the user gave it.
    pub(super) server: String,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) config: Arc<Config>,
    /// The same without TLS, should it fail where it is optional.
    pub(super) clear: Arc<Config>,
    pub(super) policy: TlsPolicy,
    pub(super) tls: Option<ClientTls>,
    pub(super) login: Option<Login>,
    /// PLAIN and LOGIN are not used without TLS.
    pub(super) held_back: bool,
    pub(super) envelope: Envelope,
    pub(super) content: Vec<u8>,
    pub(super) one_per_connection: bool,
    pub(super) messages: u64,
    pub(super) connections: u32,
}

/// The plan, and how far it has come.
pub(super) struct Load {
    pub(super) plan: Plan,
    /// Messages that nobody has taken up.
    left: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    interrupted: AtomicBool,
    clear: AtomicBool,
    /// To be said without drawing over it.
    notice: Mutex<Option<String>>,
    tally: Mutex<Tally>,
}

impl Load {
    pub(super) fn new(plan: Plan) -> Self {
        Load {
            left: AtomicU64::new(plan.messages),
            plan,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            clear: AtomicBool::new(false),
            notice: Mutex::default(),
            tally: Mutex::default(),
        }
    }

    /// Connections that have something to do.
    pub(super) fn workers(&self) -> u32 {
        u32::try_from(self.plan.messages).unwrap_or(u32::MAX).min(self.plan.connections)
    }

    /// Takes up a message, if there is one left.
    pub(super) fn take(&self) -> bool {
        let fewer = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// A message that was taken up, and that nothing was said of to the server, is for others.
    pub(super) fn put_back(&self) {
        if !self.is_interrupted() {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// No more messages are taken up.
    pub(super) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// The messages done, and how many of them were not accepted.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    pub(super) fn count(&self, accepted: bool) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if !accepted {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether TLS has failed where it is optional.
    pub(super) fn is_clear(&self) -> bool {
        self.clear.load(Ordering::Relaxed)
    }

    /// Goes on without TLS, which was only to be tried.
    pub(super) fn give_tls_up(&self, error: Option<&io::Error>) {
        if !self.clear.swap(true, Ordering::Relaxed) {
            let why = error.map(|error| format!(" ({})", no_handshake(error))).unwrap_or_default();
            let sentence = format!("TLS failed{why}; going on without, as it is optional");
            *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence);
        }
    }

    /// What is to be said, once.
    pub(super) fn notice(&self) -> Option<String> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn note_tls(&self, facts: &Facts) {
        let tls = &mut self.tally().tls;
        if tls.is_none() {
            *tls = Some(facts.clone());
        }
    }

    /// A connection will not be opened again.
    pub(super) fn give_up(&self, why: &str, exit: Exit) {
        self.tally().give_up(why, exit);
    }
}
