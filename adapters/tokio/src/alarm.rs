//! One timer for all the waits of a session.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// Tells that an instant has come. Waits are many and nearly none runs out: a timer that was set for
/// an earlier one stays set, and is moved when it rings.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once it is `by`, where there is an end; also for a task that has used up its turn: a peer
    /// that always has more to say must not put it off.
    pub(crate) fn poll(&mut self, by: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(by) = by else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if by < sleep.deadline() {
            sleep.as_mut().reset(by);
        }
        loop {
            ready!(pin!(unconstrained(sleep.as_mut())).poll(cx));
            if by <= sleep.deadline() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_is_time_wherever_the_timer_was_set() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        // Set for 300, then asked for later, sooner, and for what is past.
        let first = poll_fn(|cx| Poll::Ready(alarm.poll(Some(at(300)), cx))).await;
        assert_eq!((first, start.elapsed().as_secs()), (Poll::Pending, 0));
        for (by, now) in [(500, 500), (700, 700), (600, 700), (701, 701), (900, 900)] {
            poll_fn(|cx| alarm.poll(Some(at(by)), cx)).await;
            assert_eq!(start.elapsed().as_secs(), now, "{by}");
        }
        let mut later = Box::pin(poll_fn(|cx| alarm.poll(Some(at(2000)), cx)));
        assert!(tokio::time::timeout(Duration::from_secs(50), &mut later).await.is_err());
        drop(later);
        poll_fn(|cx| alarm.poll(Some(at(1000)), cx)).await;
        assert_eq!(start.elapsed().as_secs(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_for_a_task_that_has_used_up_its_turn() {
        let by = Some(Instant::now() + Duration::from_secs(10));
        let mut alarm = Alarm::default();
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(by, cx).is_pending())).await);
        tokio::time::advance(Duration::from_secs(20)).await;
        let rang = poll_fn(|cx| {
            while has_budget_remaining() {
                let _ = pin!(consume_budget()).poll(cx);
            }
            Poll::Ready(alarm.poll(by, cx).is_ready())
        });
        assert!(rang.await);
    }
}
