//! Futures that are given up.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Polls a future so many times, with a moment between for the network, and drops it.
pub async fn some_polls<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let output = {
        let mut future = pin!(future);
        let mut left = times;
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left <= 1 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                breathe(cx)
            }
        })
        .await
    };
    if output.is_none() {
        let mut breathed = false;
        poll_fn(|cx| match std::mem::replace(&mut breathed, true) {
            false => breathe(cx),
            true => Poll::Ready(()),
        })
        .await;
    }
    output
}

/// Lets go of the thread: some runtimes look at their sockets only then.
fn breathe<T>(cx: &Context<'_>) -> Poll<T> {
    std::thread::sleep(Duration::from_micros(50));
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Polls a future once and drops it.
pub async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    some_polls(future, 1).await
}
