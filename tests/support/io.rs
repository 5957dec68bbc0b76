//! Frames as bytes, a transport that follows a script, and a hand to poll with.
#![allow(dead_code, reason = "each test binary uses its own part")]

#[path = "io/script.rs"]
mod script;

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use bowline::{Config, Error, MaskingKey, Message, MessageCodec, Role, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};
use tokio_util::codec::Framed;

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub(crate) use script::{Fault, Op, Pace, Read, Record, Script};

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The masking key of every client here: that of RFC 6455 section 5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Unmasked frames, as literals show them, as an end of this role sends them: a client's masked.
pub(crate) fn wire(sender: Role, mut frames: &[u8]) -> Vec<u8> {
    if sender == Role::Server {
        return frames.to_vec();
    }
    let mut masked = Vec::new();
    while let [first, short, ..] = *frames {
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let (header, rest) = frames.split_at(2 + extended);
        let length = header[2..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (payload, rest) = rest.split_at(if extended == 0 { short.into() } else { length });
        masked.extend([first, 0x80 | short]);
        masked.extend(header[2..].iter().chain(&KEY));
        masked.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        frames = rest;
    }
    masked
}

/// The same as what arrives at an end of this role.
pub(crate) fn from_peer(role: Role, frames: &[u8]) -> Vec<u8> {
    wire(other(role), frames)
}

/// A final frame, not masked, with its length as short as can be.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let header = match length {
        0..=125 => vec![first, length as u8],
        126..=65535 => [&[first, 126], &(length as u16).to_be_bytes()[..]].concat(),
        _ => [&[first, 127], &(length as u64).to_be_bytes()[..]].concat(),
    };
    [&header, payload].concat()
}

/// A WebSocket whose masking keys are all [`KEY`].
pub(crate) fn websocket<T: AsyncRead + AsyncWrite + Unpin>(
    role: Role,
    io: T,
    config: Config,
) -> WebSocket<T> {
    let codec = MessageCodec::new(role).with_masking_keys(|| MaskingKey::new(KEY));
    WebSocket::from_framed(Framed::new(io, codec), config)
}

/// A configuration without any timer.
pub(crate) fn untimed() -> Config {
    Config::new()
        .with_keepalive(None)
        .with_handshake_timeout(None)
        .with_close_timeout(None)
        .with_send_timeout(None)
}

// ---- polling by hand ----

/// Counts how often it is woken.
#[derive(Debug, Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls a future as often as it is woken, but at most so many times; past a million it never rests.
pub(crate) fn poll_times<F: Future>(future: Pin<&mut F>, times: usize) -> Poll<F::Output> {
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut future = future;
    for polls in 0..times {
        assert!(polls < 1_000_000, "woken for ever");
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        if wakes.count() <= polls {
            break;
        }
    }
    Poll::Pending
}

/// Polls a future until it is ready or sleeps.
pub(crate) fn run<F: Future>(future: F) -> Poll<F::Output> {
    poll_times(pin!(future), usize::MAX)
}

/// What a future that need not sleep comes to.
#[track_caller]
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    match run(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("asleep"),
    }
}

/// An item of the stream that can be compared: of errors the `Debug`.
pub(crate) type Item = Result<Message, String>;

pub(crate) fn item(item: Result<Message, Error>) -> Item {
    item.map_err(|error| format!("{error:?}"))
}

/// An error's `Debug`, where there is one.
pub(crate) fn failure<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

/// What the stream yields until it sleeps; `None` at the end, where it has ended.
pub(crate) fn drain<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> Vec<Option<Item>> {
    let mut items = Vec::new();
    while let Poll::Ready(next) = run(ws.next()) {
        let is_end = next.is_none();
        items.push(next.map(item));
        if is_end {
            break;
        }
    }
    items
}

/// The same for one that must end: its items without the `None`.
#[track_caller]
pub(crate) fn drain_to_end<T: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<T>) -> Vec<Item> {
    let mut items = drain(ws);
    assert_eq!(items.pop(), Some(None), "asleep after {items:?}");
    items.into_iter().flatten().collect()
}

// ---- on a clock ----

/// What a future comes to that must not wait for ever. On a paused clock this takes no time.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10_000), future).await.expect("nobody woke it")
}

/// What the peer still gets, to the end of the stream.
pub(crate) async fn rest_of(far: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    within(far.read_to_end(&mut rest)).await.expect("an end");
    rest
}
