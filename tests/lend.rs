//! `WebSocket::lend`: the connection comes back, whatever has become of whoever had it, and can be closed in order.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{
    CloseFrame, Config, Drain, Loan, Message, MessageKind, Prepared, Role, WebSocket,
    hub::{Hub, Policy, Subscription},
};
use futures_util::{FutureExt, StreamExt};
use io::{ROLES, failure, item, other, websocket, wire, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    spawn,
    task::{JoinHandle, yield_now},
};

type Socket = WebSocket<DuplexStream>;

fn pair(role: Role) -> (Socket, Socket) {
    let (near, far) = duplex(1 << 10);
    let ours = WebSocket::new(near, role, Config::new());
    (ours, WebSocket::new(far, other(role), Config::new()))
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// How whoever has the connection lets go of it.
#[derive(Clone, Copy, Debug)]
enum Use {
    Return,
    Error,
    Panic,
    Abort,
    Halves,
    HalvesInTasks,
    Reunited,
    ByteStream,
    ByteStreamBack,
    FuturesSplit,
    UnfinishedNew,
    LentAgain,
    LentAndLoanDropped,
    LentAndGivenBack,
    InThread,
}

impl Use {
    const ALL: [Self; 15] = [
        Self::Return,
        Self::Error,
        Self::Panic,
        Self::Abort,
        Self::Halves,
        Self::HalvesInTasks,
        Self::Reunited,
        Self::ByteStream,
        Self::ByteStreamBack,
        Self::FuturesSplit,
        Self::UnfinishedNew,
        Self::LentAgain,
        Self::LentAndLoanDropped,
        Self::LentAndGivenBack,
        Self::InThread,
    ];

    /// A task that gets a message, queues one, and lets go of the connection.
    async fn run(self, mut ws: Socket) {
        assert_eq!(ws.next().await.map(item), Some(Ok("in".into())));
        ws.feed("out").await.expect("open");
        match self {
            Self::Error => {
                let failing = async move {
                    ws.send(Message::text("x".repeat(200)).compact()).await?;
                    Err::<Socket, _>(bowline::Error::KeepaliveTimeout)
                };
                assert!(failing.await.is_err());
            }
            Self::Panic => {
                let task = spawn(async move { panic!("with {ws:?}") });
                assert!(task.await.expect_err("a panic").is_panic());
            }
            Self::Abort => {
                let task = spawn(async move { ws.next().await.map(item) });
                settle().await;
                task.abort();
                assert!(task.await.expect_err("aborted").is_cancelled());
            }
            Self::Return => drop(ws),
            Self::Halves | Self::HalvesInTasks | Self::Reunited => self.run_halves(ws).await,
            Self::LentAgain | Self::LentAndLoanDropped | Self::LentAndGivenBack => {
                self.run_lent(ws).await;
            }
            Self::ByteStream => {
                let mut stream = ws.into_byte_stream();
                stream.write_all(b"bytes").await.expect("open");
                stream.flush().await.expect("open");
            }
            Self::ByteStreamBack => drop(ws.into_byte_stream().into_inner()),
            Self::FuturesSplit => {
                let (sink, stream) = StreamExt::split(ws);
                drop((stream, sink));
            }
            Self::UnfinishedNew => {
                let mut message = ws.start_message(MessageKind::Text).await.expect("open");
                message.feed("never seen").await.expect("open");
                drop(message);
            }
            Self::InThread => std::thread::spawn(move || drop(ws)).join().expect("no panic"),
        }
    }

    async fn run_halves(self, ws: Socket) {
        match self {
            Self::Halves => {
                let (reader, writer) = ws.split();
                let clones = [writer.clone(), writer.clone()];
                drop(writer);
                drop(reader);
                drop(clones);
            }
            Self::HalvesInTasks => {
                let (mut reader, writer) = ws.split();
                let reading = spawn(async move { reader.next().await.map(item) });
                let clones = [writer.clone(), writer.clone(), writer];
                let writing = clones.map(|mut writer| {
                    spawn(async move {
                        writer.closed().await;
                    })
                });
                settle().await;
                reading.abort();
                writing.iter().for_each(JoinHandle::abort);
            }
            Self::Reunited => {
                let (reader, writer) = ws.split();
                drop(reader.reunite(writer).expect("both"));
            }
            _ => panic!("{self:?}"),
        }
    }

    async fn run_lent(self, ws: Socket) {
        let (ws, loan) = ws.lend();
        match self {
            Self::LentAgain => {
                drop(ws);
                drop(loan.await.expect("back"));
            }
            Self::LentAndLoanDropped => {
                drop(loan);
                drop(ws);
            }
            Self::LentAndGivenBack => {
                drop(ws);
                // It has it, and nobody has asked.
                drop(loan);
            }
            _ => panic!("{self:?}"),
        }
    }
}

/// Closes what came back: the peer sees what was queued, and then a closing handshake like any other.
async fn close(loan: Loan<DuplexStream>, mut theirs: Socket, case: Use) {
    let mut ws = within(loan).await.expect("whole");
    let peer = spawn(async move {
        let mut seen = Vec::new();
        while let Some(message) = theirs.next().await {
            seen.push(item(message));
        }
        seen
    });
    let closed = within(ws.close(1011, "failed")).await;
    assert_eq!(failure(closed), Ok(Some(CloseFrame::new(1011, ""))), "{case:?}");
    let mut seen = peer.await.expect("no panic");
    assert_eq!(seen.pop(), Some(Ok(Message::close(1011, "failed"))), "{case:?}");
    assert_eq!(seen.first(), Some(&Ok("out".into())), "{case:?}: what was queued goes out");
    let more = usize::from(matches!(case, Use::Error | Use::ByteStream));
    assert_eq!(seen.len(), 1 + more, "{case:?}: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_whoever_drops_it_and_can_be_closed() {
    for (role, case) in ROLES.into_iter().flat_map(|role| Use::ALL.map(|case| (role, case))) {
        for is_awaited_first in [false, true] {
            let (ours, mut theirs) = pair(role);
            let (ours, mut loan) = ours.lend();
            assert!(loan.take().is_none(), "{case:?}: it is lent");
            assert!((&mut loan).now_or_never().is_none());
            theirs.send("in").await.expect("open");
            if is_awaited_first {
                let closing = spawn(close(loan, theirs, case));
                settle().await;
                case.run(ours).await;
                within(closing).await.expect("no panic");
            } else {
                case.run(ours).await;
                close(loan, theirs, case).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_with_the_last_of_its_halves() {
    for role in ROLES {
        for last in 0..4 {
            let (ours, mut theirs) = pair(role);
            let (ours, mut loan) = ours.lend();
            let (reader, writer) = ours.split();
            let clone = writer.clone();
            let stays = clone.clone();
            let mut halves = [Some(Box::new(reader) as Box<dyn Send>), None, None, None];
            halves[1] = Some(Box::new(writer));
            halves[2] = Some(Box::new(clone));
            halves[3] = Some(Box::new(stays));
            for n in 1..=4 {
                assert!(loan.take().is_none(), "{role:?}, {last}");
                drop(halves[(last + n) % 4].take());
            }
            let mut ws = loan.take().expect("nobody has it any more");
            assert!(loan.take().is_none(), "it is had once");
            assert!(loan.await.is_none());
            ws.send("whole").await.expect("open");
            assert_eq!(theirs.next().await.map(item), Some(Ok("whole".into())), "{role:?}");
            assert!(ws.split().0.next().now_or_never().is_none());
        }
    }
}

/// Fragments have gone out, so the connection is over: the peer sees that the message is not all there.
#[tokio::test(start_paused = true)]
async fn a_message_left_unfinished_has_ended_it() {
    let ways = [(false, false), (false, true), (true, true)];
    for (role, (by_halves, is_forgotten)) in
        ROLES.into_iter().flat_map(|role| ways.map(|way| (role, way)))
    {
        let (near, mut far) = duplex(1 << 10);
        let (mut ws, loan) = websocket(role, near, Config::new()).lend();
        if by_halves {
            let (_reader, mut writer) = ws.split();
            let mut message = writer.start_message(MessageKind::Binary).await.expect("open");
            message.feed("half").await.expect("open");
            message.flush().await.expect("open");
            // Forgotten, with the writer left to see to it.
            std::mem::forget(message);
        } else {
            let mut message = ws.start_message(MessageKind::Binary).await.expect("open");
            message.feed("half").await.expect("open");
            message.flush().await.expect("open");
            if is_forgotten {
                std::mem::forget(message);
            } else {
                drop(message);
            }
            drop(ws);
        }
        let mut ws = loan.await.expect("back");
        assert_eq!(failure(ws.send("late").await), Err("Usage(SendAfterClose)".into()), "{role:?}");
        let closing = spawn(async move { failure(ws.close(1000, "").await) });
        let close = wire(role, b"\x88\x19\x03\xf3message left unfinished");
        let sent = [wire(role, b"\x02\x04half"), close].concat();
        let mut got = vec![0; sent.len()];
        far.read_exact(&mut got).await.expect("open");
        assert_eq!(got, sent, "{role:?}");
        far.write_all(&wire(other(role), b"\x88\x02\x03\xf3")).await.expect("open");
        far.shutdown().await.expect("open");
        let closed = within(closing).await.expect("no panic");
        assert_eq!(closed, Ok(Some(CloseFrame::new(1011, ""))), "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_apart_never_comes_back() {
    for role in ROLES {
        for is_framed in [false, true] {
            let (ours, _theirs) = pair(role);
            let (ours, first) = ours.lend();
            let (ours, second) = ours.lend();
            let waits = spawn(first);
            settle().await;
            let take_apart = || {
                if is_framed { ours.into_framed().into_inner() } else { ours.into_inner() }
            };
            let _io = take_apart();
            assert!(second.now_or_never().expect("known").is_none(), "{role:?}, {is_framed}");
            assert!(within(waits).await.expect("no panic").is_none(), "{role:?}, {is_framed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lent_again_it_comes_back_to_the_last_loan_first() {
    for role in ROLES {
        let (ours, mut theirs) = pair(role);
        let (ours, mut outer) = ours.lend();
        let (ours, mut middle) = ours.lend();
        let (ours, mut inner) = ours.lend();
        drop(ours);
        assert!(outer.take().is_none() && middle.take().is_none());
        let ours = inner.take().expect("the last first");
        assert!(inner.now_or_never().expect("had").is_none());
        drop(middle);
        assert!(outer.take().is_none(), "the inner one's owner has it");
        drop(ours);
        let mut ours = outer.take().expect("the one in between is gone");
        ours.send("whole").await.expect("open");
        assert_eq!(theirs.next().await.map(item), Some(Ok("whole".into())), "{role:?}");
        drop((ours, outer));
        assert!(
            theirs.next().await.expect("an end").is_err(),
            "nobody has lent it now: it is dropped"
        );
    }
}

/// A handler that forwards a hub's topic; its framework says the last word.
#[tokio::test(start_paused = true)]
async fn a_lent_connection_that_forwards_comes_back_when_the_topic_ends() {
    for role in ROLES {
        let hub = Hub::new();
        let (ours, theirs) = pair(role);
        let (ours, loan) = ours.lend();
        let mut subscription = hub.subscribe("news", Policy::drop_newest(10));
        let handler = spawn(async move {
            let (_reader, mut writer) = ours.split();
            failure(Subscription::forward(&mut subscription, &mut writer).await)
        });
        let news = Prepared::new("out").expect("no Close");
        assert_eq!(hub.publish("news", &news).queued, 1);
        settle().await;
        drop(hub);
        assert_eq!(within(handler).await.expect("no panic"), Ok(()));
        close(loan, theirs, Use::Halves).await;
    }
}

/// It is in the drain all the time, and what has it last is woken.
#[tokio::test(start_paused = true)]
async fn a_lent_connection_stays_in_its_drain() {
    for role in ROLES {
        for by_halves in [false, true] {
            let drain = Drain::new();
            let (mut ours, mut theirs) = pair(role);
            drain.track(&mut ours);
            let (mut ours, loan) = ours.lend();
            if by_halves {
                let (mut reader, _writer) = ours.split();
                assert!(reader.next().now_or_never().is_none());
            } else {
                assert!(ours.next().now_or_never().is_none());
                drop(ours);
            }
            assert_eq!(drain.len(), 1);
            let mut ours = loan.await.expect("back");
            let waits = spawn(async move {
                [ours.next().await, ours.next().await].map(|next| next.map(item))
            });
            settle().await;
            let peer = spawn(async move { while theirs.next().await.is_some() {} });
            let time = Duration::from_secs(25);
            let drained = drain.close_all(1012, "", time).await.expect("may be sent");
            let end = [Some(Ok(Message::close(1012, ""))), None];
            assert_eq!(waits.await.expect("no panic"), end, "{role:?}, {by_halves}");
            peer.await.expect("no panic");
            assert_eq!(drained.closed, 1, "{role:?}, {by_halves}");
        }
    }
}
