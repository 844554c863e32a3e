//! The end of a listener: calls under way may finish, but none may keep the gateway from stopping. For
//! the listeners of our own people; the partner listener has a limit that is configured.

use std::time::Duration;

use tokio::sync::oneshot;

/// How long calls under way may take once the gateway stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Two futures made of one: the first is ready when `shutdown` is and tells a server to take nothing
/// further; the second is ready `DRAIN_MAX` after the first was, and never where that was dropped.
pub fn bounded(
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = ()> + Send + 'static,
) {
    let (closing, closed) = oneshot::channel();
    let close = async move {
        shutdown.await;
        // Whoever would hear it has stopped serving already.
        let _ = closing.send(());
    };
    let time_is_up = async {
        match closed.await {
            Ok(()) => tokio::time::sleep(DRAIN_MAX).await,
            Err(_) => std::future::pending().await,
        }
    };
    (close, time_is_up)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn calls_are_given_time_from_the_close_on_and_not_before() {
        let (stop, stopped) = oneshot::channel::<()>();
        let (close, time_is_up) = bounded(async { stopped.await.unwrap() });
        let (mut close, mut time_is_up) = (pin!(close), pin!(time_is_up));
        let context = &mut Context::from_waker(Waker::noop());
        assert_eq!(close.as_mut().poll(context), Poll::Pending);
        assert_eq!(time_is_up.as_mut().poll(context), Poll::Pending);
        stop.send(()).unwrap();
        assert_eq!(close.as_mut().poll(context), Poll::Ready(()));
        assert_eq!(time_is_up.as_mut().poll(context), Poll::Pending);
    }

    #[tokio::test]
    async fn a_server_that_ended_by_itself_is_not_timed() {
        let (close, time_is_up) = bounded(std::future::pending());
        drop(close);
        let context = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(time_is_up).poll(context), Poll::Pending);
    }
}
