//! A connection whole or in halves, and what the peer of one sends and gets: for tests of messages in pieces.
//! Stands on `io` and `deflate` of the same test.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bowline::{
    CloseFrame, Config, ContextTakeover, Deflate, Error, FrameCodec, IncomingMessage, MaskingKey,
    Message, MessageCodec, MessageKind, OutgoingMessage, Reader, Role, WebSocket, Writer,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

use crate::{
    deflate::handshake,
    io::{KEY, ROLES, Wakes, frame},
};

/// What the two ends may have agreed on.
pub(crate) fn agreements() -> Vec<Option<Deflate>> {
    let mut all = vec![None];
    for context in [ContextTakeover::Kept, ContextTakeover::Dropped] {
        all.extend([8, 9, 12, 15].map(|bits| Some(agreement(context, bits))));
    }
    all
}

/// The same both ways; every message is compressed.
pub(crate) fn agreement(context: ContextTakeover, bits: u8) -> Deflate {
    Deflate::new()
        .with_server_context_takeover(context)
        .with_client_context_takeover(context)
        .with_server_max_window_bits(bits)
        .with_client_max_window_bits(bits)
        .with_threshold(0)
}

/// Nothing, and full windows with context kept and dropped.
pub(crate) fn few_agreements() -> [Option<Deflate>; 3] {
    let [kept, dropped] = [ContextTakeover::Kept, ContextTakeover::Dropped];
    [None, Some(agreement(kept, 15)), Some(agreement(dropped, 15))]
}

fn codec_of(role: Role, agreement: Option<&Deflate>) -> MessageCodec {
    let codec = match agreement {
        None => FrameCodec::new(role),
        Some(_) => {
            let agreed = handshake(agreement.copied(), agreement.copied());
            if role == Role::Server { agreed.server } else { agreed.client }
        }
    };
    MessageCodec::from(codec).with_masking_keys(|| MaskingKey::new(KEY))
}

/// Whether a connection is used whole or in halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Whole,
    Halves,
}

/// Both roles in both shapes.
pub(crate) fn ends() -> impl Iterator<Item = (Role, Shape)> {
    ROLES.into_iter().flat_map(|role| [(role, Shape::Whole), (role, Shape::Halves)])
}

/// One end of a connection in either shape.
#[derive(Debug)]
pub(crate) enum End<T> {
    Whole(WebSocket<T>),
    Halves(Reader<T>, Writer<T>),
}

impl<T: AsyncRead + AsyncWrite + Unpin> End<T> {
    pub(crate) fn new(shape: Shape, ws: WebSocket<T>) -> Self {
        match shape {
            Shape::Whole => Self::Whole(ws),
            Shape::Halves => {
                let (reader, writer) = ws.split();
                Self::Halves(reader, writer)
            }
        }
    }

    /// An end with masking keys that are all [`KEY`].
    pub(crate) fn over(
        io: T,
        (role, shape): (Role, Shape),
        agreement: Option<&Deflate>,
        config: Config,
    ) -> Self {
        let framed = Framed::new(io, codec_of(role, agreement));
        Self::new(shape, WebSocket::from_framed(framed, config))
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        match self {
            Self::Whole(ws) => ws.next().await,
            Self::Halves(reader, _) => reader.next().await,
        }
    }

    pub(crate) async fn next_streamed(&mut self) -> Option<Result<IncomingMessage<'_, T>, Error>> {
        match self {
            Self::Whole(ws) => ws.next_streamed().await,
            Self::Halves(reader, _) => reader.next_streamed().await,
        }
    }

    /// The closing handshake, by whoever reads.
    pub(crate) async fn close(&mut self, code: u16) -> Result<Option<CloseFrame>, Error> {
        match self {
            Self::Whole(ws) => ws.close(code, "").await,
            Self::Halves(reader, _) => reader.close(code, "").await,
        }
    }

    pub(crate) async fn start_message(
        &mut self,
        kind: MessageKind,
    ) -> Result<OutgoingMessage<'_, T>, Error> {
        match self {
            Self::Whole(ws) => ws.start_message(kind).await,
            Self::Halves(_, writer) => writer.start_message(kind).await,
        }
    }

    pub(crate) async fn start_message_uncompressed(
        &mut self,
        kind: MessageKind,
    ) -> Result<OutgoingMessage<'_, T>, Error> {
        match self {
            Self::Whole(ws) => ws.start_message_uncompressed(kind).await,
            Self::Halves(_, writer) => writer.start_message_uncompressed(kind).await,
        }
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.send(message).await,
            Self::Halves(_, writer) => writer.send(message).await,
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Whole(ws) => ws.flush().await,
            Self::Halves(_, writer) => writer.flush().await,
        }
    }
}

/// A payload as frames, unmasked: in pieces of these sizes and a last one with the rest.
pub(crate) fn fragments(first: u8, payload: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut first, mut rest) = (first & 0x7f, payload);
    let mut frames = Vec::new();
    for size in sizes {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        frames.push(frame(first, piece));
        (first, rest) = (0, behind);
    }
    frames.push(frame(0x80 | first, rest));
    frames
}

/// Text that compresses, of characters with one to four bytes.
pub(crate) fn text(len: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        text.push_str(&format!("{n} aß€🦀 "));
        if text.len() >= len {
            return text;
        }
    }
    text
}

/// A body to its end: what came, and what it ended with.
pub(crate) async fn body<T: AsyncRead + AsyncWrite + Unpin>(
    message: &mut IncomingMessage<'_, T>,
) -> (Vec<u8>, Option<String>) {
    let mut bytes = Vec::new();
    while let Some(piece) = message.next().await {
        match piece {
            Ok(piece) => {
                assert!(!piece.is_empty(), "a piece of nothing");
                bytes.extend_from_slice(&piece);
            }
            Err(error) => {
                assert!(message.next().await.is_none(), "more after {error}");
                return (bytes, Some(format!("{error:?}")));
            }
        }
    }
    assert!(message.next().await.is_none(), "more after the end");
    (bytes, None)
}

/// A future that waits, and how often it was woken.
pub(crate) struct Waiting<'a, O> {
    future: Pin<Box<dyn Future<Output = O> + 'a>>,
    pub(crate) wakes: Arc<Wakes>,
}

impl<'a, O> Waiting<'a, O> {
    #[track_caller]
    pub(crate) fn on(future: impl Future<Output = O> + 'a) -> Self {
        let mut waiting = Self { future: Box::pin(future), wakes: Arc::default() };
        assert!(waiting.poll().is_pending(), "it need not wait");
        waiting
    }

    pub(crate) fn poll(&mut self) -> Poll<O> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    #[track_caller]
    pub(crate) fn woken(mut self) -> O {
        assert!(self.wakes.count() > 0, "asleep");
        let Poll::Ready(output) = self.poll() else { panic!("woken for nothing") };
        output
    }
}
