//! Halves that come together again while whoever lent the connection sends its Close.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use bowline::{Config, Role, WebSocket};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Takes its time over a write, and says so.
struct Slow(mpsc::Sender<()>);

impl AsyncRead for Slow {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.send(()).expect("somebody listens");
        thread::sleep(Duration::from_millis(50));
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The two halves, and no clone: they belong together, whatever whoever lent it does.
#[test]
fn halves_that_belong_together() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failed = 0;
    for _ in 0..20 {
        let (begun, is_begun) = mpsc::channel();
        let ws = WebSocket::new(Slow(begun), Role::Server, Config::new());
        let (ws, mut loan) = ws.lend();
        let (reader, mut writer) = ws.split();
        let closing = thread::spawn(move || {
            is_begun.recv().unwrap();
            let _ = loan.close(1011, "").now_or_never();
            loan
        });
        let _entered = runtime.enter();
        let mut send = Box::pin(writer.send("hello"));
        let _ = pin!(&mut send).poll(&mut Context::from_waker(Waker::noop()));
        drop(send);
        failed += usize::from(reader.reunite(writer).is_err());
        drop(closing.join());
    }
    assert_eq!(failed, 0, "of 20 times");
}
