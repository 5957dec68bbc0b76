//! Steps of several tasks in their unluckiest order, and calls that do nothing: nobody sleeps on, nobody is told
//! that what was lost was sent, and what was never begun ends nothing.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{
    mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bowline::{ContextTakeover, Error, Message, MessageKind, Reader, Role, UsageError, Writer};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use io::{ROLES, Read, Script, Wakes, finish, frame, from_peer, run, untimed, websocket, wire};
use streamed::{End, Shape, agreement, few_agreements};

const TEXT: MessageKind = MessageKind::Text;
const BINARY: MessageKind = MessageKind::Binary;

fn halves(role: Role, io: &Script) -> (Reader<Script>, Writer<Script>) {
    websocket(role, io.clone(), untimed()).split()
}

fn poll<O>(future: Pin<&mut impl Future<Output = O>>, wakes: &Arc<Wakes>) -> Poll<O> {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

/// The message before it in line is dropped only after the Close.
#[test]
fn who_is_left_in_line_by_a_close_is_told_so() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let mut other = writer.clone();
        let message = finish(writer.start_message(BINARY)).expect("open");
        let mut send = Box::pin(other.send("lost"));
        assert!(run(send.as_mut()).is_pending());
        assert!(run(reader.close(1000, "")).is_pending());
        drop(message);
        let sent = run(send.as_mut());
        assert!(matches!(sent, Poll::Ready(Err(_))), "{role:?}: {sent:?}, {:?}", io.written());
        assert_eq!(io.written(), wire(role, b"\x88\x02\x03\xe8"));
    }
}

/// A compressor has something to say even to a flush of nothing.
#[test]
fn a_flush_before_the_first_byte_begins_nothing() {
    for context in [ContextTakeover::Kept, ContextTakeover::Dropped] {
        for end in [(Role::Server, Shape::Halves), (Role::Client, Shape::Whole)] {
            let io = Script::of([]);
            let mut end = End::over(io.clone(), end, Some(&agreement(context, 15)), untimed());
            let mut message = finish(end.start_message(TEXT)).expect("open");
            finish(message.flush()).expect("open");
            finish(message.flush()).expect("open");
            drop(message);
            assert_eq!(io.written(), b"", "{context:?}");
            finish(end.send("next")).expect("never begun");
        }
    }
}

#[test]
fn a_stream_that_has_yielded_nothing_may_be_dropped() {
    for agreement in few_agreements() {
        let io = Script::of([]);
        let end = (Role::Server, Shape::Halves);
        let mut end = End::over(io.clone(), end, agreement.as_ref(), untimed());
        let End::Halves(_, writer) = &mut end else { panic!("halves were asked for") };
        {
            let nothing = stream::pending::<Result<Bytes, Error>>();
            assert!(run(pin!(writer.send_stream(TEXT, nothing))).is_pending());
        }
        assert_eq!(io.written(), b"", "{agreement:?}");
        finish(end.send("next")).expect("never begun");
    }
}

/// The stream has had the error before the sender looks.
#[test]
fn who_waits_to_write_what_a_breach_drops_is_told_so() {
    for role in ROLES {
        let io = Script::of([]).room(0);
        let (mut reader, mut writer) = halves(role, &io);
        let mut send = Box::pin(writer.send("lost"));
        assert!(run(send.as_mut()).is_pending());
        io.arrive_bytes(from_peer(role, b"\x83\x00"));
        io.arrive(Read::End);
        assert!(run(reader.next()).is_pending());
        io.make_room(None);
        assert!(finish(reader.next()).is_some_and(|item| item.is_err()));
        let sent = run(send.as_mut());
        assert!(matches!(sent, Poll::Ready(Err(Error::Protocol(_)))), "{role:?}: {sent:?}");
    }
}

/// A megabyte has been discarded, and the peer has not closed.
#[test]
fn who_waits_to_write_is_woken_when_the_reader_gives_up() {
    for role in ROLES {
        let io = Script::of([]).room(0);
        let (mut reader, mut writer) = halves(role, &io);
        let (sending, closing) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let mut send = Box::pin(writer.send("lost"));
        assert!(poll(send.as_mut(), &sending).is_pending());
        let mut close = Box::pin(reader.close(1000, ""));
        assert!(poll(close.as_mut(), &closing).is_pending());
        let before_the_end = loop {
            io.arrive_bytes(from_peer(role, &frame(0x82, &vec![0; 60_000])));
            let _ = poll(send.as_mut(), &sending);
            let before = sending.count();
            if poll(close.as_mut(), &closing).is_ready() {
                break before;
            }
        };
        assert!(sending.count() > before_the_end, "{role:?}: it sleeps on");
        assert!(matches!(poll(send.as_mut(), &sending), Poll::Ready(Err(_))));
    }
}

/// "close" of a sink comes behind what was sent on it.
#[test]
fn a_sink_is_closed_behind_its_message_in_line() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let mut other = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        finish(other.feed("b")).expect("a place in the line");
        let mut close = Box::pin(SinkExt::close(&mut other));
        assert!(run(close.as_mut()).is_pending());
        finish(message.finish()).expect("open");
        finish(close).expect("open");
        let expected = wire(role, b"\x02\x01a\x80\x00\x81\x01b\x88\x02\x03\xe8");
        assert_eq!(io.written(), expected, "{role:?}");
    }
}

#[test]
fn a_sinks_flush_does_not_wait_for_what_others_feed_meanwhile() {
    let io = Script::of([]).room(0);
    let (_reader, mut writer) = halves(Role::Server, &io);
    let mut other = writer.clone();
    let mut send = Box::pin(SinkExt::send(&mut other, Message::text("x")));
    assert!(run(send.as_mut()).is_pending());
    for _ in 0..100 {
        finish(writer.feed("yyyy")).expect("open");
        io.make_room(Some(6));
        if run(send.as_mut()).is_ready() {
            return;
        }
    }
    panic!("starved");
}

#[test]
fn what_is_forgotten_by_a_whole_holds_up_no_half() {
    for role in ROLES {
        let io = Script::of([]);
        let mut ws = websocket(role, io.clone(), untimed());
        let mut message = finish(ws.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        mem::forget(message);
        let (_reader, writer) = ws.split();
        let mut other = writer.clone();
        drop(writer);
        let sent = run(pin!(other.send("x")));
        assert!(matches!(sent, Poll::Ready(Err(_))), "{role:?}: {sent:?}");
    }
}

#[test]
fn a_source_that_rests_is_not_waited_for_when_the_connection_ends() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let wakes = Arc::new(Wakes::default());
        let rests = stream::iter([Ok::<_, Error>(Bytes::from("a"))]).chain(stream::pending());
        let mut send = Box::pin(writer.send_stream(TEXT, rests));
        assert!(poll(send.as_mut(), &wakes).is_pending());
        io.arrive_bytes(from_peer(role, b"\x88\x00"));
        io.arrive(Read::End);
        assert!(matches!(finish(reader.next()), Some(Ok(Message::Close(None)))));
        assert!(finish(reader.next()).is_none());
        assert!(wakes.count() > 0, "{role:?}: it sleeps on");
        assert!(matches!(poll(send.as_mut(), &wakes), Poll::Ready(Err(_))));
    }
}

/// What nobody will read may have any size, also where it had begun to be read.
#[test]
fn close_takes_a_compressed_message_of_any_size() {
    let agreement = agreement(ContextTakeover::Kept, 15);
    let (io, far) = (Script::of([]), Script::of([]));
    let config = untimed().with_max_streamed_size(Some(1000));
    let over = |io: &Script, role| {
        End::over(io.clone(), (role, Shape::Whole), Some(&agreement), config.clone())
    };
    let (mut end, mut peer) = (over(&io, Role::Client), over(&far, Role::Server));
    let mut message = finish(peer.start_message(BINARY)).expect("open");
    finish(message.feed("a")).expect("open");
    finish(message.flush()).expect("open");
    let begun = far.written().len();
    finish(message.feed(vec![7; 5000])).expect("open");
    finish(message.finish()).expect("open");
    io.arrive_bytes(&far.written()[..begun]);
    drop(finish(end.next_streamed()).expect("a message").expect("fine"));
    io.arrive_bytes(&far.written()[begun..]);
    io.arrive_bytes(b"\x88\x02\x03\xe8");
    io.arrive(Read::End);
    finish(end.close(1000)).expect("a clean end");
}

/// Its writer lives on.
#[test]
fn who_leaves_the_line_is_not_begun_by_it() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let mut fickle = writer.clone();
        let message = finish(writer.start_message(BINARY)).expect("open");
        assert!(run(pin!(fickle.start_message(TEXT))).is_pending());
        finish(message.finish()).expect("open");
        finish(writer.send("x")).expect("nobody's turn");
        assert_eq!(io.written(), wire(role, b"\x82\x00\x81\x01x"), "{role:?}");
    }
}

#[test]
fn a_writer_is_told_when_nothing_can_be_sent_any_more() {
    for role in ROLES {
        let io = Script::of([]);
        let (mut reader, mut writer) = halves(role, &io);
        let wakes = Arc::new(Wakes::default());
        let mut closed = Box::pin(writer.closed());
        assert!(poll(closed.as_mut(), &wakes).is_pending());
        assert!(run(reader.next()).is_pending());
        assert_eq!(wakes.count(), 0, "nothing has happened");
        io.arrive_bytes(from_peer(role, b"\x88\x00"));
        assert!(matches!(finish(reader.next()), Some(Ok(Message::Close(None)))));
        assert_eq!(wakes.count(), 1, "{role:?}");
        let told = finish(closed);
        assert!(matches!(told, Error::Usage(UsageError::SendAfterClose)), "{role:?}: {told}");
    }
}
