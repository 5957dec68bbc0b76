//! Nobody has the connection, or the thread, for himself: a `send` ends though others feed on, and a ping gets its
//! pong though writers always find room.

#[path = "support/io.rs"]
mod transport;

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bowline::{Role, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    runtime::Builder,
    task::yield_now,
};
use transport::{Script, finish, run, untimed, websocket};

#[test]
fn a_send_does_not_wait_for_what_others_feed_meanwhile() {
    let io = Script::of([]).room(0);
    let (_reader, mut writer) = websocket(Role::Server, io.clone(), untimed()).split();
    let mut other = writer.clone();
    let mut send = Box::pin(other.send("x"));
    assert!(run(send.as_mut()).is_pending());
    for _ in 0..100 {
        finish(writer.feed("yyyy")).expect("open");
        io.make_room(Some(6));
        if run(send.as_mut()).is_ready() {
            assert_eq!(io.record().flushes, 1, "a transport that buffers has it, too");
            return;
        }
    }
    panic!("starved");
}

/// Counts what is written.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.0).poll_write(cx, buf))?;
        self.1.fetch_add(written, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// How much is written on a connection until all tasks have had a turn, if there is always room.
fn written_in_a_turn(write: impl FnOnce(WebSocket<Counting>)) -> usize {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (near, _far) = duplex(256 << 20);
        let written = Arc::new(AtomicUsize::new(0));
        write(websocket(Role::Server, Counting(near, written.clone()), untimed()));
        yield_now().await;
        written.load(Ordering::Relaxed)
    })
}

fn message() -> Vec<u8> {
    vec![0x7f; 64 << 10]
}

/// Tokio counts operations, and takes 64 KiB for one: by that alone it would be some megabytes for each writer.
#[test]
fn writers_that_always_find_room_give_way_to_the_reader() {
    for writers in [1, 8] {
        let written = written_in_a_turn(|ws| {
            let (_, writer) = ws.split();
            for _ in 0..writers {
                let mut writer = writer.clone();
                tokio::spawn(async move { while writer.send(message()).await.is_ok() {} });
            }
        });
        assert!((1..=writers * (512 << 10)).contains(&written), "{writers}: {written} bytes");
    }
}

/// A turn has room for a message of a megabyte, and not for much more.
#[test]
fn who_has_the_connection_alone_gives_way_to_other_tasks() {
    let written = written_in_a_turn(|mut ws| {
        tokio::spawn(async move { while ws.send(message()).await.is_ok() {} });
    });
    assert!((1 << 20..=2 << 20).contains(&written), "{written} bytes");
}
