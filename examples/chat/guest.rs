//! One person's connection, from the first message to the closing handshake.

use std::{future, pin::pin, sync::Arc};

use bowline::{CloseCode, CloseFrame, Error, Message, Prepared, UsageError, Utf8Bytes, WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task,
};

use crate::{
    protocol::Command,
    room::{Room, Seat},
};

/// Messages that go into one write where several wait.
const BATCH_LENGTH: usize = 16;

/// Why a conversation is over. The steps below return it as their error, so that `?` ends it.
enum End {
    /// The other side has closed the connection.
    Closed,
    /// It is ours to close.
    Close(CloseCode, Utf8Bytes),
    Failed(Error),
}

impl End {
    const fn close(code: CloseCode, reason: &'static str) -> Self {
        Self::Close(code, Utf8Bytes::from_static(reason))
    }
}

const STOPPING: End = End::close(CloseCode::AWAY, "The server is shutting down");
const BINARY: End = End::close(CloseCode::UNSUPPORTED, "Text messages only");
const UNKNOWN: End = End::close(CloseCode::UNSUPPORTED, "Not a message of this chat");
const NOT_JOINED: End = End::close(CloseCode::POLICY, "Join before anything else");
const JOINED_TWICE: End = End::close(CloseCode::POLICY, "Joined already");

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            // It was closed between a look and a message, by the other side or by the server: what is left is its end.
            Error::Usage(UsageError::SendAfterClose) => Self::close(CloseCode::NORMAL, ""),
            error => Self::Failed(error),
        }
    }
}

/// Talks to one person until either side ends it, or the server is stopping.
pub(crate) async fn talk<T>(
    mut ws: WebSocket<T>,
    room: &Arc<Room>,
    stopping: impl Future<Output = ()>,
) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // The seat is inside: everybody hears that it is empty before the closing handshake begins,
    // however long that takes.
    match converse(&mut ws, room, stopping).await {
        End::Closed => Ok(()),
        End::Close(code, reason) => ws.close(code, reason).await.map(drop),
        End::Failed(error) => Err(error),
    }
}

async fn converse<T>(
    ws: &mut WebSocket<T>,
    room: &Arc<Room>,
    stopping: impl Future<Output = ()>,
) -> End
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut stopping = pin!(stopping);
    let mut seat = None;
    loop {
        // All three are cancel safe: the two that lose have taken nothing that would be lost.
        let step = tokio::select! {
            message = ws.next() => match message {
                Some(Ok(message)) => hear(message, ws, room, &mut seat).await,
                Some(Err(error)) => Err(error.into()),
                None => Err(End::Closed),
            },
            (message, seat) = receive(&mut seat) => match message {
                Some(message) => tell(message, seat, ws).await,
                None => Err(too_slow(seat)),
            },
            () = &mut stopping => Err(STOPPING),
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// What the room has for this person, whose seat comes with it; nothing ever before they have joined.
async fn receive(seat: &mut Option<Seat>) -> (Option<Prepared>, &mut Seat) {
    match seat {
        Some(seat) => (seat.next().await, seat),
        None => future::pending().await,
    }
}

/// Passes on what the room has said, and what else it has already.
async fn tell<T>(message: Prepared, seat: &mut Seat, ws: &mut WebSocket<T>) -> Result<(), End>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    write(seat, ws.feed_prepared(&message)).await?;
    for _ in 1..BATCH_LENGTH {
        let Some(message) = seat.try_next() else { break };
        write(seat, ws.feed_prepared(&message)).await?;
    }
    // One write for all of them. `next` would do it too; waiting for it here keeps a slow reader's
    // messages in their queue, where the room sees them pile up, and not in the connection's
    // buffer. The library's send timeout ends a wait for somebody who reads nothing at all.
    write(seat, ws.flush()).await
}

/// Waits for a write no longer than the room waits for this person.
async fn write(seat: &Seat, step: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    tokio::select! {
        result = step => Ok(result?),
        () = seat.cut_off() => Err(too_slow(seat)),
    }
}

fn too_slow(seat: &Seat) -> End {
    let CloseFrame { code, reason } = seat.overrun().expect("the room is still there").clone();
    End::Close(code, reason)
}

/// Deals with one message from this person.
async fn hear<T>(
    message: Message,
    ws: &mut WebSocket<T>,
    room: &Arc<Room>,
    seat: &mut Option<Seat>,
) -> Result<(), End>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let text = match message {
        Message::Text(text) => text,
        Message::Binary(_) => return Err(BINARY),
        // Pings have been answered and a close replied to; after that `next` returns `None`.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
    };
    let command = Command::parse(&text).ok_or(UNKNOWN)?;
    let outcome = match (command, &seat) {
        (Command::Join { name }, None) => match room.join(&name) {
            Ok((taken, welcome)) => {
                let taken = seat.insert(taken);
                return tell(welcome, taken, ws).await;
            }
            Err(refusal) => Err(refusal),
        },
        (Command::Say { text }, Some(seat)) => {
            let outcome = seat.say(text);
            // Many may have come in one read. The others' queues are short: they get their turn between one
            // and the next.
            task::yield_now().await;
            outcome
        }
        (Command::Join { .. }, Some(_)) => return Err(JOINED_TWICE),
        (Command::Say { .. }, None) => return Err(NOT_JOINED),
    };
    if let Err(refusal) = outcome {
        ws.send_prepared(&refusal.message()).await?;
    }
    Ok(())
}
