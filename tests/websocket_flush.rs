//! A transport that takes bytes and keeps them: a flush that waits is a write without progress.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bowline::{Config, Error, Role, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, timeout},
};

/// Takes all that is written, and is never through with it.
struct Hoarder;

impl AsyncRead for Hoarder {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Hoarder {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_alone_is_told() {
    for role in [Role::Server, Role::Client] {
        let mut ws = WebSocket::new(Hoarder, role, Config::new());
        let began = Instant::now();
        let sent = timeout(Duration::from_secs(60), ws.send("x")).await.expect("a deadline");
        assert!(matches!(sent, Err(Error::SendTimeout)), "{role}: {sent:?}");
        assert_eq!(began.elapsed(), Duration::from_secs(30), "{role}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_alone_is_told() {
    let (_reader, mut writer) = WebSocket::new(Hoarder, Role::Server, Config::new()).split();
    let began = Instant::now();
    let sent = timeout(Duration::from_secs(60), writer.send("x")).await.expect("a deadline");
    assert!(matches!(sent, Err(Error::SendTimeout)), "{sent:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}
