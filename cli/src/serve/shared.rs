//! What all sessions share.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use event_listener::{Event as Waiting, EventListener};
use ipnet::IpNet;
use smtp_codec::server::Config;
use smtp_sasl::Users;
use smtp_tls::ServerTls;

use super::live::Live;
use crate::store::Store;

/// How long sessions have to end once the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Who is let in, and how.
#[derive(Default)]
pub(super) struct Policy {
    pub(super) tls: Option<ServerTls>,
    pub(super) users: Option<Arc<dyn Users>>,
    /// A PROXY header comes before the session.
    pub(super) proxied: bool,
    /// Who may say XCLIENT and XFORWARD.
    pub(super) trusted: Vec<IpNet>,
}

impl Policy {
    pub(super) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        let peer = peer.map(|peer| peer.ip().to_canonical());
        peer.is_some_and(|peer| self.trusted.iter().any(|network| network.contains(&peer)))
    }
}

/// The configuration, the store, and how many messages are still to come.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) policy: Policy,
    pub(super) store: Store,
    /// Who watches, if anybody does.
    pub(super) live: Option<Arc<Live>>,
    exit_after: Option<u64>,
    taken: AtomicU64,
    sessions: AtomicUsize,
    changed: (Mutex<()>, Condvar),
    /// Whether the server was called off, and who waits for that.
    off: (AtomicBool, Waiting),
}

impl Shared {
    pub(super) fn new(
        config: Arc<Config>,
        policy: Policy,
        store: Store,
        exit_after: Option<u64>,
    ) -> Self {
        Shared {
            config,
            policy,
            store,
            live: None,
            exit_after,
            taken: AtomicU64::new(0),
            sessions: AtomicUsize::new(0),
            changed: (Mutex::new(()), Condvar::new()),
            off: (AtomicBool::new(false), Waiting::new()),
        }
    }

    /// A message was taken over.
    pub(super) fn took_one(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
        self.wake_to_stop();
    }

    /// Calls the server off: no more connections, and sessions end where they can.
    pub(super) fn call_off(&self) {
        self.off.0.store(true, Ordering::SeqCst);
        self.off.1.notify(usize::MAX);
        self.wake();
    }

    /// Whether the server was called off.
    pub(super) fn is_off(&self) -> bool {
        self.off.0.load(Ordering::SeqCst)
    }

    /// Whether no more messages are taken: there were enough, or the server was called off.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_off() || self.exit_after.is_some_and(|n| self.taken.load(Ordering::SeqCst) >= n)
    }

    /// A wait for the server to be called off, whatever the runtime.
    pub(super) fn until_off(&self) -> UntilOff {
        let told = self.off.1.listen();
        // Whoever began to listen too late is told by itself.
        if self.is_off() {
            self.off.1.notify(usize::MAX);
        }
        UntilOff(Some(told))
    }

    /// Counts a session for as long as what is returned lives.
    pub(super) fn session(self: &Arc<Self>) -> Present {
        self.sessions.fetch_add(1, Ordering::SeqCst);
        if let Some(live) = &self.live {
            live.session();
        }
        Present(Arc::clone(self))
    }

    /// The sessions that there are.
    pub(super) fn present(&self) -> usize {
        self.sessions.load(Ordering::SeqCst)
    }

    /// Blocks until the server is to stop and its sessions have ended, or had time to.
    pub(super) fn wait(&self) {
        let (lock, changed) = &self.changed;
        let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_stopping() {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        let busy = |(): &mut ()| self.sessions.load(Ordering::SeqCst) > 0;
        drop(changed.wait_timeout_while(guard, GRACE, busy));
    }

    /// Messages and sessions come and go while nobody cares how many there are.
    fn wake_to_stop(&self) {
        if self.is_stopping() {
            self.wake();
        }
    }

    fn wake(&self) {
        let (lock, changed) = &self.changed;
        drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }
}

/// Tells once that the server was called off.
pub(super) struct UntilOff(Option<EventListener>);

impl UntilOff {
    /// What `other` gives, or `None` if the server is called off before; that is said only once.
    /// It is only lent: a future that is handed on takes its room once more in each that holds it.
    pub(super) fn or<T>(
        &mut self,
        mut other: Pin<&mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        poll_fn(move |cx| {
            if let Poll::Ready(done) = other.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let Some(off) = &mut self.0 else { return Poll::Pending };
            ready!(Pin::new(off).poll(cx));
            self.0 = None;
            Poll::Ready(None)
        })
    }
}

/// A session that is counted.
pub(super) struct Present(Arc<Shared>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::SeqCst);
        self.0.wake_to_stop();
    }
}
