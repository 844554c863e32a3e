//! A request that goes to its end even when its client goes away. As long as somebody waits for the answer, it
//! is worked on where they wait; only what is left when they go becomes a task of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http::Response;
use tokio::runtime::Handle;

use crate::edge::body::ResponseBody;

/// The answer; `Err` with what a defect panicked with.
pub type Ended = Result<Response<ResponseBody>, Box<dyn Any + Send>>;

/// Waits for an answer. To be dropped within a runtime.
pub struct ToTheEnd {
    /// Until it has ended.
    work: Option<Pin<Box<dyn Future<Output = Ended> + Send>>>,
}

impl ToTheEnd {
    /// Of this work, which begins when it is waited for.
    pub fn new(work: impl Future<Output = Response<ResponseBody>> + Send + 'static) -> Self {
        Self {
            // What is left of a request that panicked is dropped; nothing of it is used further.
            work: Some(Box::pin(AssertUnwindSafe(work).catch_unwind())),
        }
    }
}

impl Future for ToTheEnd {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;
    use crate::edge::body::whole;

    fn answer() -> Response<ResponseBody> {
        Response::new(whole(Bytes::new()))
    }

    #[tokio::test]
    async fn a_request_is_worked_on_to_its_end_whether_or_not_anybody_waits() {
        assert!(ToTheEnd::new(async { answer() }).await.is_ok());
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut waiting = Box::pin(ToTheEnd::new(async move {
            let _ = gone.await;
            done.send(()).unwrap();
            answer()
        }));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        go.send(()).unwrap();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_panics_ends_alone() {
        let defect = ToTheEnd::new(async { std::panic::panic_any("a defect") });
        assert!(defect.await.is_err());
    }
}
