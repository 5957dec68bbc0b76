//! What runs on a connection, and how it is closed after it.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    task::Poll,
};

use bowline::{CloseCode, WebSocket};

use crate::Io;

/// What a handler comes to, and so with which code the connection is closed after it. What the error was, the handler has
/// to tell itself: nobody else knows its type.
#[diagnostic::on_unimplemented(
    message = "a handler of a WebSocket comes to `()` or to a `Result`, not to `{Self}`",
    note = "of a handler that never returns, as an endless loop, say the type that it would return"
)]
pub trait Outcome: Send {
    /// The close code.
    fn close_code(&self) -> CloseCode;
}

/// 1000.
impl Outcome for () {
    fn close_code(&self) -> CloseCode {
        CloseCode::NORMAL
    }
}

/// 1000, or 1011 for an error.
impl<T: Send, E: Send> Outcome for Result<T, E> {
    fn close_code(&self) -> CloseCode {
        match self {
            Ok(_) => CloseCode::NORMAL,
            Err(_) => CloseCode::ERROR,
        }
    }
}

/// Runs a handler, then carries out the closing handshake. A panic goes on after it.
pub(crate) async fn run<F, Fut>(ws: WebSocket<Io>, handler: F)
where
    F: FnOnce(WebSocket<Io>) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let (ws, mut loan) = ws.lend();
    let outcome = {
        // Pinned here and lent: a future that is handed on is there twice.
        let mut future = pin!(async move { handler(ws).await.close_code() });
        caught(future.as_mut()).await
    };
    let code = *outcome.as_ref().unwrap_or(&CloseCode::ERROR);
    if code != CloseCode::NORMAL {
        // Halves in other tasks would keep a connection open that nobody reads any more.
        let _ = Box::pin(loan.close(code, "")).await;
    }
    // What the handler has left to other tasks is waited for.
    if let Some(mut ws) = loan.await {
        // Boxed, because the task keeps room for it as long as it lives. Nobody is there to be told how it went.
        let _ = Box::pin(ws.close(code, "")).await;
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// The future's output, or its panic.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(|cx| {
        // What the panic leaves behind is dropped, and nobody looks at it.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}
