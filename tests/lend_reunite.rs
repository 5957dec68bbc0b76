//! Halves that come together again while whoever lent the connection sends its Close.

use std::{
    future::Future,
    io, mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use bowline::{Config, Reader, Role, WebSocket, Writer};
use futures_util::{FutureExt, Stream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

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

/// Both halves, and what they come to; an executor that runs its task from inside `wake`.
struct Inline(Mutex<Task>);

enum Task {
    Waiting(Reader<DuplexStream>, Writer<DuplexStream>),
    Running,
    #[expect(dead_code, reason = "held, not looked at")]
    Whole(WebSocket<DuplexStream>),
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let task = mem::replace(&mut *self.0.lock().expect("no panic"), Task::Running);
        if let Task::Waiting(reader, writer) = task {
            let whole = reader.reunite(writer).expect("they belong together");
            *self.0.lock().expect("no panic") = Task::Whole(whole);
        }
    }
}

/// Whoever is woken by that Close may have the connection for itself at once.
#[test]
fn a_task_that_runs_inside_wake() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (near, _far) = duplex(1 << 10);
        let (ws, mut loan) = WebSocket::new(near, Role::Server, Config::new()).lend();
        let (mut reader, writer) = ws.split();
        let task = Arc::new(Inline(Mutex::new(Task::Running)));
        let waker = Waker::from(task.clone());
        let next = Pin::new(&mut reader).poll_next(&mut Context::from_waker(&waker));
        assert!(next.is_pending());
        *task.0.lock().unwrap() = Task::Waiting(reader, writer);
        loan.close(1011, "").now_or_never().expect("nothing to wait for").unwrap();
        let whole = matches!(*task.0.lock().unwrap(), Task::Whole(_));
        done.send(whole).unwrap();
    });
    assert!(is_done.recv_timeout(Duration::from_secs(10)).expect("an end of it"), "it was woken");
}
