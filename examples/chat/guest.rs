//! One person's connection, from the first message to the closing handshake.

use std::{future, sync::Arc};

use bowline::{CloseCode, Error, Message, WebSocket};
use tokio::{net::TcpStream, sync::watch};

use crate::{
    protocol::Command,
    room::{Room, Seat},
};

/// Why a conversation is over. The steps below return it as their error, so that `?` ends it.
enum End {
    /// The other side has closed the connection.
    Closed,
    /// It is ours to close.
    Close(CloseCode, &'static str),
    Failed(Error),
}

const STOPPING: End = End::Close(CloseCode::AWAY, "The server is shutting down");
const TOO_SLOW: End = End::Close(CloseCode::AGAIN, "Too far behind the room");
const BINARY: End = End::Close(CloseCode::UNSUPPORTED, "Text messages only");
const UNKNOWN: End = End::Close(CloseCode::UNSUPPORTED, "Not a message of this chat");
const NOT_JOINED: End = End::Close(CloseCode::POLICY, "Join before anything else");
const JOINED_TWICE: End = End::Close(CloseCode::POLICY, "Joined already");

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Talks to one person until either side ends it.
pub(crate) async fn talk(
    mut ws: WebSocket<TcpStream>,
    room: &Arc<Room>,
    stopping: watch::Receiver<()>,
) -> Result<(), Error> {
    // The seat is inside: everybody hears that it is empty before the closing handshake begins,
    // however long that takes.
    match converse(&mut ws, room, stopping).await {
        End::Closed => Ok(()),
        End::Close(code, reason) => ws.close(code, reason).await.map(drop),
        End::Failed(error) => Err(error),
    }
}

async fn converse(
    ws: &mut WebSocket<TcpStream>,
    room: &Arc<Room>,
    mut stopping: watch::Receiver<()>,
) -> End {
    let mut seat = None;
    let mut batch = Vec::new();
    loop {
        // All three are cancel safe: the two that lose have taken nothing that would be lost.
        let step = tokio::select! {
            message = ws.next() => match message {
                Some(Ok(message)) => hear(message, ws, room, &mut seat).await,
                Some(Err(error)) => Err(error.into()),
                None => Err(End::Closed),
            },
            count = receive(&mut seat, &mut batch) => match count {
                0 => Err(TOO_SLOW),
                _ => tell(&mut batch, ws).await,
            },
            _ = stopping.changed() => Err(STOPPING),
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// What the room has for this person; nothing ever before they have joined.
async fn receive(seat: &mut Option<Seat>, batch: &mut Vec<Message>) -> usize {
    match seat {
        Some(seat) => seat.receive(batch).await,
        None => future::pending().await,
    }
}

/// Passes on what the room has said.
async fn tell(batch: &mut Vec<Message>, ws: &mut WebSocket<TcpStream>) -> Result<(), End> {
    for message in batch.drain(..) {
        ws.feed(message).await?;
    }
    // One write for all of them. `next` would do it too; waiting for it here keeps a slow reader's
    // messages in their queue, where the room sees them pile up, and not in the connection's
    // buffer. The library's send timeout ends a wait for somebody who reads nothing at all.
    ws.flush().await?;
    Ok(())
}

/// Deals with one message from this person.
async fn hear(
    message: Message,
    ws: &mut WebSocket<TcpStream>,
    room: &Arc<Room>,
    seat: &mut Option<Seat>,
) -> Result<(), End> {
    let text = match message {
        Message::Text(text) => text,
        Message::Binary(_) => return Err(BINARY),
        // Pings have been answered and a close replied to; after that `next` returns `None`.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
    };
    let command = Command::parse(&text).ok_or(UNKNOWN)?;
    let outcome = match (command, &seat) {
        (Command::Join { name }, None) => room.join(&name).map(|taken| *seat = Some(taken)),
        (Command::Say { text }, Some(seat)) => seat.say(text),
        (Command::Join { .. }, Some(_)) => return Err(JOINED_TWICE),
        (Command::Say { .. }, None) => return Err(NOT_JOINED),
    };
    if let Err(refusal) = outcome {
        ws.send(refusal.message()).await?;
    }
    Ok(())
}
