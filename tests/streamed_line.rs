//! The line behind a message in pieces: who was promised room, or has fed, has a place in it, and what is in it goes
//! out in order, whatever becomes of its writers.

#[path = "support/deflate.rs"]
mod deflate;
#[path = "support/io.rs"]
mod io;
#[path = "support/streamed.rs"]
mod streamed;

use std::{
    mem,
    pin::pin,
    task::{Context, Waker},
};

use bowline::{Message, MessageKind, Prepared, Reader, Role, WebSocket, Writer};
use deflate::{Inflater, agreeing_on, sent_frames};
use futures_util::SinkExt;
use io::{ROLES, Script, failure, finish, run, untimed, websocket, wire};
use streamed::Waiting;
use tokio_util::codec::Framed;

const TEXT: MessageKind = MessageKind::Text;
const BINARY: MessageKind = MessageKind::Binary;

fn halves(role: Role, io: &Script) -> (Reader<Script>, Writer<Script>) {
    websocket(role, io.clone(), untimed()).split()
}

/// With context kept both ways.
fn compressing(role: Role, io: &Script) -> WebSocket<Script> {
    let (server, client) = agreeing_on("");
    let codec = if role == Role::Server { server } else { client };
    WebSocket::from_framed(Framed::new(io.clone(), codec.into()), untimed())
}

/// Who was told that there is room before the message began has its own after it, and in order.
#[test]
fn a_promise_of_room_is_kept_after_the_end() {
    for (role, is_flushed_first) in ROLES.into_iter().flat_map(|r| [(r, true), (r, false)]) {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let mut cx = Context::from_waker(Waker::noop());
        let mut others = [(); 2].map(|()| writer.clone());
        for other in &mut others {
            assert!(other.poll_ready_unpin(&mut cx).is_ready());
        }
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        for (n, other) in others.iter_mut().enumerate().rev() {
            other.start_send_unpin(Message::text(n.to_string())).expect("open");
            assert!(other.poll_ready_unpin(&mut cx).is_pending(), "one is all that was promised");
        }
        let [first, second] = &mut others;
        let flushes = [first, second].map(|other| {
            if is_flushed_first {
                Waiting::on(async { failure(SinkExt::flush(other).await) })
            } else {
                Waiting::on(async { failure(other.send("2").await) })
            }
        });
        // Its own flush doesn't wait for the others'.
        finish(message.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x02\x01a"));
        finish(message.finish()).expect("open");
        assert!(flushes.into_iter().all(|flush| flush.woken() == Ok(())), "{role:?}");
        let rest = if is_flushed_first { &b""[..] } else { b"\x81\x012\x81\x012" };
        let expected = [b"\x02\x01a\x80\x00\x81\x011\x81\x010", rest].concat();
        assert_eq!(io.written(), wire(role, &expected), "{role:?} {is_flushed_first}");
    }
}

/// With compression, what waits is compressed when its turn comes.
#[test]
fn what_has_waited_is_in_the_peers_window_where_it_arrived() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = compressing(role, &io).split();
        let mut cx = Context::from_waker(Waker::noop());
        let mut other = writer.clone();
        assert!(other.poll_ready_unpin(&mut cx).is_ready());
        let mut message = finish(writer.start_message(TEXT)).expect("open");
        finish(message.feed("Hello, Hello, ")).expect("open");
        finish(message.flush()).expect("open");
        other.start_send_unpin(Message::text("Hello, between")).expect("open");
        finish(message.feed("Hello")).expect("open");
        finish(message.finish()).expect("open");
        finish(writer.send("Hello, between and behind")).expect("open");
        let mut peer = Inflater::new();
        let (mut messages, mut payload) = (Vec::new(), Vec::new());
        for (first, piece) in sent_frames(&io.written()) {
            payload.extend(piece);
            if first & 0x80 != 0 {
                messages.push(peer.message(&mem::take(&mut payload)));
            }
        }
        let expected = ["Hello, Hello, Hello", "Hello, between", "Hello, between and behind"];
        assert_eq!(messages, expected.map(str::as_bytes), "{role:?}");
    }
}

/// Its own message is lost, and it is told so; but the Close goes out.
#[test]
fn section_7_1_2_a_close_is_written_for_one_whose_message_is_in_line() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let mut other = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(message.flush()).expect("open");
        finish(other.feed("lost")).expect("a place in the line");
        assert!(finish(other.close(1000, "")).is_err());
        assert_eq!(io.written(), wire(role, b"\x02\x01a\x88\x02\x03\xe8"), "{role:?}");
        assert!(finish(message.finish()).is_err());
    }
}

/// What has been fed is in the line, and nobody takes it out: not its writer's end, nor another in its place.
#[test]
fn what_was_fed_goes_out_without_its_writer() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let [mut first, mut second, mut third] = [(); 3].map(|()| writer.clone());
        let fourth = writer.clone();
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(first.feed("1")).expect("a place in the line");
        finish(second.feed_prepared(&Prepared::new("2").expect("no Close"))).expect("a place");
        // One place each.
        assert!(run(pin!(first.feed("never"))).is_pending());
        let begins = Waiting::on(async { failure(third.start_message(TEXT).await.map(drop)) });
        drop((first, second));
        // Others in their places, who come and go.
        let mut clones = [(); 2].map(|()| fourth.clone());
        for clone in &mut clones {
            assert!(run(pin!(clone.start_message(TEXT))).is_pending());
        }
        drop(begins);
        drop(clones);
        finish(message.finish()).expect("open");
        finish(third.flush()).expect("open");
        assert_eq!(io.written(), wire(role, b"\x82\x01a\x81\x011\x81\x012"), "{role:?}");
    }
}

/// Messages and beginnings of messages go out in the order in which they got in line.
#[test]
fn the_line_is_kept() {
    for role in ROLES {
        let io = Script::of([]);
        let (_reader, mut writer) = halves(role, &io);
        let [mut b, mut c, mut d] = [(); 3].map(|()| writer.clone());
        let mut message = finish(writer.start_message(BINARY)).expect("open");
        finish(message.feed("a")).expect("open");
        finish(b.feed("b")).expect("a place in the line");
        let mut started = Box::pin(c.start_message(TEXT));
        assert!(run(started.as_mut()).is_pending());
        finish(d.feed("d")).expect("a place in the line");
        finish(message.finish()).expect("open");
        finish(writer.feed("e")).expect("a place in the line");
        let mut message = finish(started).expect("its turn");
        finish(message.feed("c")).expect("open");
        finish(message.finish()).expect("open");
        finish(d.flush()).expect("open");
        let expected = b"\x82\x01a\x81\x01b\x81\x01c\x81\x01d\x81\x01e";
        assert_eq!(io.written(), wire(role, expected), "{role:?}");
    }
}
