//! What runs on a connection, and how it is closed after it.

use std::future::Future;

use bowline::{CloseCode, WebSocket};

use crate::Io;

/// What a handler comes to, and so with which code the connection is closed after it.
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
impl<E: Send> Outcome for Result<(), E> {
    fn close_code(&self) -> CloseCode {
        match self {
            Ok(()) => CloseCode::NORMAL,
            Err(_) => CloseCode::ERROR,
        }
    }
}

/// Runs a handler.
pub(crate) async fn run<F, Fut>(ws: WebSocket<Io>, handler: F)
where
    F: FnOnce(WebSocket<Io>) -> Fut,
    Fut: Future<Output: Outcome>,
{
    handler(ws).await;
}
