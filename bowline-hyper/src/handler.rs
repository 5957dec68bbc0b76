//! What runs on a connection, and how it is closed after it.

use std::{
    any::Any,
    error,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bowline::{CloseCode, Loan, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Io;

/// An error of any type.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Who is told of handlers' errors.
pub(crate) type Listener = Arc<dyn Fn(BoxError) + Send + Sync>;

/// What a handler comes to, and so with which code the connection is closed after it.
#[diagnostic::on_unimplemented(
    message = "a handler of a WebSocket comes to `()` or to a `Result`, not to `{Self}`",
    note = "a `Result`'s error has to be one that `Box<dyn Error + Send + Sync>` can be made of",
    note = "of a handler that never returns, as an endless loop, say the type that it would return"
)]
pub trait Outcome: Send {
    /// The close code; one that may not be sent is taken for 1011.
    fn close_code(&self) -> CloseCode;

    /// What [`Options::on_error`](crate::Options::on_error) is told, if anything.
    fn into_error(self) -> Option<BoxError>
    where
        Self: Sized,
    {
        None
    }
}

/// 1000.
impl Outcome for () {
    fn close_code(&self) -> CloseCode {
        CloseCode::NORMAL
    }
}

/// 1000, or 1011 for an error.
impl<T: Send, E: Into<BoxError> + Send> Outcome for Result<T, E> {
    fn close_code(&self) -> CloseCode {
        match self {
            Ok(_) => CloseCode::NORMAL,
            Err(_) => CloseCode::ERROR,
        }
    }

    fn into_error(self) -> Option<BoxError> {
        self.err().map(Into::into)
    }
}

/// Runs a handler, then carries out the closing handshake. A panic goes on after it.
pub(crate) async fn run<T, F, Fut>(ws: WebSocket<Io<T>>, handler: F, listener: Option<Listener>)
where
    T: AsyncRead + AsyncWrite + Unpin,
    F: FnOnce(WebSocket<Io<T>>) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let (ws, loan) = ws.lend();
    let outcome = {
        // Pinned here and lent: a future that is handed on is there twice.
        let mut future = pin!(async move {
            let outcome = handler(ws).await;
            let code = outcome.close_code();
            if let (Some(listener), Some(error)) = (listener, outcome.into_error()) {
                listener(error);
            }
            code
        });
        caught(future.as_mut()).await
    };
    let code = *outcome.as_ref().unwrap_or(&CloseCode::ERROR);
    // Boxed, because the task keeps room for it as long as it lives.
    Box::pin(close(loan, code)).await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Carries out the closing handshake. Nobody is there to be told how it goes.
async fn close<T: AsyncRead + AsyncWrite + Unpin>(mut loan: Loan<Io<T>>, code: CloseCode) {
    let code = if code.is_sendable() { code } else { CloseCode::ERROR };
    if code != CloseCode::NORMAL {
        // Halves in other tasks would keep a connection open that nobody reads any more.
        let _ = loan.close(code, "").await;
    }
    // What the handler has left to other tasks is waited for.
    if let Some(mut ws) = loan.await {
        let _ = ws.close(code, "").await;
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
