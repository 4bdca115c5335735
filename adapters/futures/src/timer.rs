//! The one thing that futures-io does not have.

use std::future::Future;
use std::time::Duration;

/// Waits: what a runtime must bring besides streams.
///
/// Any function from a duration to a future is one.
///
/// ```
/// use smtp_futures::Timer;
///
/// fn timer() -> impl Timer {
///     |duration| async move { async_io::Timer::after(duration).await; }
/// }
/// futures_lite::future::block_on(timer().after(std::time::Duration::from_millis(1)));
/// ```
pub trait Timer {
    /// Is ready once `duration` has passed.
    fn after(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

impl<F, T> Timer for F
where
    F: Fn(Duration) -> T,
    T: Future<Output = ()> + Send,
{
    fn after(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        self(duration)
    }
}

/// The timer of async-io, for smol.
#[cfg(feature = "smol")]
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncIo;

#[cfg(feature = "smol")]
impl Timer for AsyncIo {
    async fn after(&self, duration: Duration) {
        async_io::Timer::after(duration).await;
    }
}
