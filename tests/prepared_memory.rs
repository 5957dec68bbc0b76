//! A `Prepared` holds one copy of its message, and nothing of where the message came from.

#[path = "support/heap.rs"]
mod heap;
#[path = "support/io.rs"]
mod io;

use std::sync::Arc;

use bowline::{Message, Prepared, Role, Utf8Bytes};
use bytes::Bytes;
use heap::cost;
use io::{Script, finish, from_peer, untimed, websocket};

/// A buffer that tells when it is gone.
struct Buffer {
    bytes: Vec<u8>,
    #[allow(dead_code, reason = "held")]
    held: Arc<()>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn buffer() -> (Arc<()>, Bytes) {
    let held = Arc::new(());
    (held.clone(), Bytes::from_owner(Buffer { bytes: vec![b'x'; 1 << 20], held }))
}

#[test]
fn the_buffer_that_a_message_is_a_slice_of_is_let_go() {
    let text = |bytes| Message::Text(Utf8Bytes::try_from(bytes).expect("text"));
    let kinds: [fn(Bytes) -> Message; 3] = [text, Message::Binary, Message::Ping];
    for (kind, len) in kinds.into_iter().flat_map(|kind| [0, 1, 125].map(|len| (kind, len))) {
        let (held, bytes) = buffer();
        let news = Prepared::new(kind(bytes.slice(10..10 + len))).expect("no Close");
        drop(bytes);
        assert_eq!(Arc::strong_count(&held), 1, "{news:?}");
        assert_eq!(news.len(), len);
    }
}

#[test]
fn it_is_one_copy() {
    for len in [0, 100, 1 << 10, 1 << 20] {
        let message = Message::binary(vec![7; len]);
        let (made, _news) = cost(|| Prepared::new(message).expect("no Close"));
        // The message itself was there before.
        assert!(made.kept < 1000, "{made:?}");
        assert!(made.peak < len as isize + 1000, "{made:?}");
    }
}

/// What was received, and is told to others.
#[test]
fn one_made_of_a_received_message_holds_no_read_buffer() {
    let received = || {
        let io = Script::new(from_peer(Role::Server, b"\x81\x05Hello"));
        let mut ws = websocket(Role::Server, io, untimed());
        finish(ws.next()).expect("open").expect("a message")
    };
    // What the thread keeps for its connections is there from here on.
    drop(received());
    let (made, news) = cost(|| Prepared::new(received()).expect("no Close"));
    assert!(made.kept < 1000 && made.calls < 20, "{made:?}");
    assert_eq!(news.len(), 5);
}
