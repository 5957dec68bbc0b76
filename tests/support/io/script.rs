//! A transport that does what a script says and writes down what is done to it.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One step of reading.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// One read finds these bytes, or as many as it has room for.
    Bytes(Vec<u8>),
    /// One read finds nothing yet, and is woken at once.
    Pending,
    /// From here on reads find the end.
    End,
    /// From here on reads fail.
    Error(ErrorKind),
}

/// How the transport goes about what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once and whole.
    Swift,
    /// One byte at a time, and each step is pending once before it is done.
    Halting,
}

/// What can be done to a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Read,
    Write,
    Flush,
    Shutdown,
}

/// How it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With `BrokenPipe`, from then on.
    Error,
    /// Reads find the end, writes take nothing; flush and shutdown know no such thing.
    End,
}

/// What was done to a transport.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) written: Vec<u8>,
    /// Of each write that took bytes: the address and the length of each slice given to it.
    pub(crate) writes: Vec<Vec<(usize, usize)>>,
    pub(crate) flushes: usize,
    /// How much was written when the first shutdown was done.
    pub(crate) shut_down_after: Option<usize>,
    /// Bytes read, and how many of them before the last write.
    pub(crate) read: usize,
    pub(crate) read_before_write: usize,
    /// How often each operation was done, in the order of [`Op`].
    pub(crate) done: [usize; 4],
}

/// A transport and its record; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    reads: VecDeque<Read>,
    reader: Option<Waker>,
    /// How many bytes writes still take; `None` for any number.
    room: Option<usize>,
    writer: Option<Waker>,
    pace: Pace,
    /// Whether each operation has been pending, where each is once.
    halted: [bool; 4],
    is_vectored: bool,
    fault: Option<(Op, usize, Fault)>,
    record: Record,
}

impl Script {
    /// A transport on which these bytes arrive, in one read where there is room, and then silence.
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let script = Self::of([]);
        script.arrive_bytes(bytes);
        script
    }

    pub(crate) fn of(reads: impl IntoIterator<Item = Read>) -> Self {
        Self(Arc::new(Mutex::new(State {
            reads: reads.into_iter().collect(),
            reader: None,
            room: None,
            writer: None,
            pace: Pace::Swift,
            halted: [false; 4],
            is_vectored: true,
            fault: None,
            record: Record::default(),
        })))
    }

    pub(crate) fn pace(self, pace: Pace) -> Self {
        self.state().pace = pace;
        self
    }

    pub(crate) fn not_vectored(self) -> Self {
        self.state().is_vectored = false;
        self
    }

    /// The n-th of these operations, counted from zero, and all after it fail.
    pub(crate) fn fail(self, op: Op, n: usize, fault: Fault) -> Self {
        self.state().fault = Some((op, n, fault));
        self
    }

    /// Writes take so many bytes more, and then wait for [`make_room`](Self::make_room).
    pub(crate) fn room(self, bytes: usize) -> Self {
        self.state().room = Some(bytes);
        self
    }

    /// Lets writes take so many bytes more; `None` for any number.
    pub(crate) fn make_room(&self, bytes: Option<usize>) {
        let mut state = self.state();
        state.room = bytes;
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
    }

    /// Something more arrives.
    pub(crate) fn arrive(&self, read: Read) {
        let mut state = self.state();
        state.reads.push_back(read);
        if let Some(waker) = state.reader.take() {
            waker.wake();
        }
    }

    /// The same for bytes, where there are any: a read of none would be the end.
    pub(crate) fn arrive_bytes(&self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.arrive(Read::Bytes(bytes));
        }
    }

    pub(crate) fn record(&self) -> Record {
        self.state().record.clone()
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.record().written
    }

    /// Whether this is the only clone left: whoever owned the transport has dropped it.
    pub(crate) fn is_dropped(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics under this lock")
    }
}

impl State {
    /// Pending once, where the pace is halting.
    fn halt(&mut self, op: Op, cx: &Context<'_>) -> Poll<()> {
        let halted = &mut self.halted[op as usize];
        *halted = self.pace == Pace::Halting && !*halted;
        if *halted {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Counts an operation that is done; how it fails, if it does.
    fn count(&mut self, op: Op) -> Option<Fault> {
        let n = self.record.done[op as usize];
        self.record.done[op as usize] += 1;
        self.fault.filter(|(failing, from, _)| *failing == op && n >= *from).map(|fault| fault.2)
    }

    fn read(&mut self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.reads.is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ready!(self.halt(Op::Read, cx));
        if matches!(self.reads.front(), Some(Read::Pending)) {
            self.reads.pop_front();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match (self.count(Op::Read), self.reads.front_mut()) {
            (Some(Fault::Error), _) => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            (Some(Fault::End), _) => return Poll::Ready(Ok(())),
            (None, Some(Read::Error(kind))) => return Poll::Ready(Err((*kind).into())),
            (None, Some(Read::Bytes(bytes))) => {
                let most = if self.pace == Pace::Halting { 1 } else { bytes.len() };
                let taken = bytes.drain(..most.min(buffer.remaining())).collect::<Vec<_>>();
                buffer.put_slice(&taken);
                self.record.read += taken.len();
                if bytes.is_empty() {
                    self.reads.pop_front();
                }
            }
            (None, _) => {}
        }
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, cx: &Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.room == Some(0) {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ready!(self.halt(Op::Write, cx));
        match self.count(Op::Write) {
            Some(Fault::Error) => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
            Some(Fault::End) => return Poll::Ready(Ok(0)),
            None => {}
        }
        let most = if self.pace == Pace::Halting { 1 } else { usize::MAX };
        let most = most.min(self.room.unwrap_or(usize::MAX));
        let mut taken = 0;
        for slice in slices {
            let bytes = &slice[..slice.len().min(most - taken)];
            self.record.written.extend_from_slice(bytes);
            taken += bytes.len();
        }
        self.room = self.room.map(|room| room - taken);
        self.record.writes.push(slices.iter().map(|s| (s.as_ptr().addr(), s.len())).collect());
        self.record.read_before_write = self.record.read;
        Poll::Ready(Ok(taken))
    }

    fn finish(&mut self, op: Op, cx: &Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.halt(op, cx));
        if self.count(op).is_some() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        match op {
            Op::Flush => self.record.flushes += 1,
            _ => {
                self.record.shut_down_after.get_or_insert(self.record.written.len());
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.state().read(cx, buffer)
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state().write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state().write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.state().is_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().finish(Op::Flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().finish(Op::Shutdown, cx)
    }
}
