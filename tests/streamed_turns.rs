//! A message in pieces among what others send: their messages wait for its end, in order, whatever way they are sent;
//! control messages come in between; and nobody waits for ever.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{
    mem,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bowline::{
    CloseFrame, Error, Message, MessageKind, Prepared, Reader, Role, UsageError, Writer,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use io::{ROLES, Script, failure, finish, frame, from_peer, item, run, untimed, websocket, wire};
use streamed::Waiting;

const TEXT: MessageKind = MessageKind::Text;
const BINARY: MessageKind = MessageKind::Binary;

type Halves = (Reader<Script>, Writer<Script>);

fn halves(role: Role, io: &Script) -> Halves {
    websocket(role, io.clone(), untimed()).split()
}

/// Every way in which another clone can send.
#[derive(Clone, Copy, Debug)]
enum Way {
    Send,
    Feed,
    Uncompressed,
    SendPrepared,
    FeedPrepared,
    Sink,
    Streamed,
}

const WAYS: [Way; 7] = [
    Way::Send,
    Way::Feed,
    Way::Uncompressed,
    Way::SendPrepared,
    Way::FeedPrepared,
    Way::Sink,
    Way::Streamed,
];

async fn send(writer: &mut Writer<Script>, way: Way, text: &str) -> Result<(), Error> {
    let prepared = Prepared::new(text).expect("no Close");
    match way {
        Way::Send => writer.send(text).await,
        Way::Feed => {
            writer.feed(text).await?;
            writer.flush().await
        }
        Way::Uncompressed => writer.send_uncompressed(text).await,
        Way::SendPrepared => writer.send_prepared(&prepared).await,
        Way::FeedPrepared => {
            writer.feed_prepared(&prepared).await?;
            writer.flush().await
        }
        Way::Sink => SinkExt::send(writer, Message::text(text)).await,
        Way::Streamed => {
            let mut message = writer.start_message(TEXT).await?;
            message.feed(Bytes::from(text.to_owned())).await?;
            message.finish().await
        }
    }
}

#[test]
fn section_5_4_whatever_others_send_waits_for_the_end() {
    for (role, way) in ROLES.into_iter().flat_map(|role| WAYS.map(|way| (role, way))) {
        for is_sent in [false, true] {
            let io = Script::of([]);
            let (_reader, mut writer) = halves(role, &io);
            let mut others = [(); 3].map(|()| writer.clone());
            let mut message = finish(writer.start_message(BINARY)).expect("open");
            finish(message.feed("a")).expect("open");
            if is_sent {
                finish(message.flush()).expect("open");
            }
            let waiting = others.each_mut().map(|other| Waiting::on(send(other, way, "other")));
            finish(message.feed("b")).expect("open");
            finish(message.finish()).expect("open");
            for waiting in waiting {
                waiting.woken().expect("open");
            }
            finish(writer.flush()).expect("open");
            let one = if is_sent { &b"\x02\x01a\x80\x01b"[..] } else { b"\x82\x02ab" };
            let expected = [one, &b"\x81\x05other".repeat(3)].concat();
            assert_eq!(io.written(), wire(role, &expected), "{role:?} {way:?} {is_sent}");
        }
    }
}

#[test]
fn section_5_5_control_messages_come_in_between() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let mut other = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        io.arrive_bytes(from_peer(role, b"\x89\x01?"));
        assert_eq!(finish(reader.next()).map(item), Some(Ok(Message::ping("?"))));
        finish(other.send(Message::ping("!"))).expect("open");
        finish(other.feed(Message::pong("."))).expect("open");
        let prepared = Prepared::new(Message::ping("p")).expect("no Close");
        finish(other.send_prepared(&prepared)).expect("open");
        finish(other.send_uncompressed(Message::ping("u"))).expect("open");
        finish(message.finish()).expect("open");
        let expected = b"\x02\x01a\x8a\x01?\x89\x01!\x8a\x01.\x89\x01p\x89\x01u\x80\x00";
        assert_eq!(io.written(), wire(role, expected), "{role:?}");
    }
}

/// The peer sees Close, the sender an error, and the message goes silently.
#[test]
fn section_5_5_1_a_close_ends_the_message_and_all_that_wait() {
    for (role, way) in ROLES.into_iter().flat_map(|role| [0, 1, 2].map(|way| (role, way))) {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let (mut other, mut third) = (writer.clone(), writer.clone());
        let mut cx = Context::from_waker(Waker::noop());
        let mut promised = writer.clone();
        assert!(promised.poll_ready_unpin(&mut cx).is_ready());
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        promised.start_send_unpin(Message::text("lost")).expect("open");
        let flush = Waiting::on(async { failure(SinkExt::flush(&mut promised).await) });
        let waiting = Waiting::on(async { failure(third.send("never").await) });
        match way {
            0 => finish(other.close(1000, "")).expect("open"),
            1 => assert!(run(reader.close(1000, "")).is_pending()),
            _ => {
                io.arrive_bytes(from_peer(role, b"\x88\x02\x03\xe8"));
                let close = finish(reader.next()).map(item);
                assert_eq!(close, Some(Ok(Message::close(1000, ""))));
            }
        }
        let closed = Err("Usage(SendAfterClose)".to_owned());
        assert_eq!((flush.woken(), waiting.woken()), (closed.clone(), closed), "{role:?} {way}");
        for result in [finish(message.feed("b")), finish(message.flush())] {
            let error = result.expect_err("closed");
            assert!(matches!(error, Error::Usage(UsageError::SendAfterClose)), "{error}");
        }
        assert!(finish(message.finish()).is_err(), "{role:?} {way}");
        assert!(finish(writer.start_message(BINARY)).is_err());
        let _ = run(reader.next());
        assert_eq!(io.written(), wire(role, b"\x02\x01a\x88\x02\x03\xe8"), "{role:?} {way}");
    }
}

#[test]
fn whoever_is_dropped_while_waiting_leaves_no_trace() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let [mut dropped, mut kept] = [writer.clone(), writer.clone()];
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        let mut late = Waiting::on(async { failure(dropped.start_message(TEXT).await.map(drop)) });
        assert!(late.poll().is_pending());
        let wakes = late.wakes.clone();
        let waiting = Waiting::on(async { failure(kept.send("kept").await) });
        drop(late);
        drop(dropped);
        finish(message.finish()).expect("open");
        assert_eq!((waiting.woken(), wakes.count()), (Ok(()), 0), "{role:?}");
        assert_eq!(io.written(), wire(role, b"\x82\x01a\x81\x04kept"), "{role:?}");
    }
}

/// Pending once, after which others have had their turn.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One clone sends message after message, and waits only inside them.
#[test]
fn a_clone_that_streams_without_end_starves_nobody() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let mut other = writer.clone();
        let mut greedy = Box::pin(async {
            loop {
                let mut message = writer.start_message(BINARY).await.expect("open");
                message.feed("a").await.expect("open");
                pause().await;
                message.finish().await.expect("open");
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        let polled: Poll<()> = greedy.as_mut().poll(&mut cx);
        assert!(polled.is_pending());
        let mut waiting = Waiting::on(async { failure(other.send("other").await) });
        let is_through = (0..20).any(|_| {
            let polled: Poll<()> = greedy.as_mut().poll(&mut cx);
            polled.is_pending() && waiting.poll().is_ready()
        });
        assert!(is_through, "{role:?}: starved");
    }
}

#[test]
fn feed_all_flushes_when_its_stream_has_nothing_for_the_moment() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let pieces = ["a", "b", "c"].map(|piece| Ok::<_, Error>(Bytes::from(piece)));
        let pieces = stream::iter(pieces).chain(stream::pending());
        let mut sent = pin!(writer.send_stream(TEXT, pieces));
        assert!(run(sent.as_mut()).is_pending());
        assert_eq!(io.written(), wire(role, b"\x01\x03abc"), "{role:?}");
    }
}

/// What others feed while a message waits for its source goes out with nobody's help but the reader's.
#[test]
fn a_parked_reader_writes_what_is_fed_in_pieces() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let mut next = Waiting::on(async { reader.next().await.map(item) });
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed(vec![7; 5000])).expect("open");
        assert!(next.wakes.count() > 0, "{role:?}: nobody told the reader");
        assert!(next.poll().is_pending());
        let mut expected = frame(0x02, &[7; 5000]);
        assert!(io.written() == wire(role, &expected), "{role:?}");
        drop(message);
        assert!(next.poll().is_pending());
        let reason = b"message left unfinished";
        expected.extend(frame(0x88, &[&1011u16.to_be_bytes()[..], reason].concat()));
        assert!(io.written() == wire(role, &expected), "{role:?}: the reader writes the Close");
        io.arrive_bytes(from_peer(role, b"\x88\x02\x03\xf3"));
        let close = CloseFrame::new(1011, "");
        assert_eq!(next.woken(), Some(Ok(Message::Close(Some(close)))), "{role:?}");
    }
}
