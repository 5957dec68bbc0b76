//! A message that goes out in pieces. One party has the turn; what others want to send waits in line.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Sending};
use crate::{
    message::{Parcel, Pieces},
    vocabulary::{CloseCode, CloseFrame, Compression, Error, MessageKind, PieceEnd, UsageError},
    websocket::wakers::Party,
};

/// A message that has begun to go out in pieces.
#[derive(Debug)]
pub(super) struct Streaming {
    /// Whose it is.
    party: Party,
    pieces: Pieces,
    /// What comes behind it, in order: of each party one thing at most.
    line: VecDeque<(Party, Waiting)>,
}

/// What waits for the end of another's message.
#[derive(Debug)]
enum Waiting {
    Message(Parcel),
    /// The beginning of a message in pieces. Its owner sees to it that this is taken back when nobody waits.
    Start(MessageKind, Compression),
}

/// What has become of a wish to begin a message in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::websocket) enum Started {
    Now,
    InLine,
}

impl Streaming {
    /// Puts a message into the line. In the middle of the party's own there is no place for one: that was
    /// forgotten, and will never end.
    pub(super) fn defer(
        &mut self,
        parcel: Parcel,
        kind: MessageKind,
        party: Party,
    ) -> Result<(), UsageError> {
        self.wait(Waiting::Message(parcel), kind, party)
    }

    fn wait(
        &mut self,
        waiting: Waiting,
        kind: MessageKind,
        party: Party,
    ) -> Result<(), UsageError> {
        if self.party == party {
            return Err(UsageError::InterleavedMessage(kind.opcode()));
        }
        self.line.push_back((party, waiting));
        Ok(())
    }
}

impl<T> Connection<T> {
    /// Whether something of this party's is in the line.
    #[inline]
    pub(super) fn is_in_line(&self, party: Party) -> bool {
        let line = self.streaming.iter().flat_map(|streaming| &streaming.line);
        line.into_iter().any(|(owner, _)| *owner == party)
    }

    /// Begins a message in pieces, now or when those before it are through.
    pub(in crate::websocket) fn start_pieces(
        &mut self,
        kind: MessageKind,
        compression: Compression,
        party: Party,
    ) -> Result<Started, Error> {
        self.check_open()?;
        if let Some(streaming) = &mut self.streaming {
            streaming.wait(Waiting::Start(kind, compression), kind, party)?;
            return Ok(Started::InLine);
        }
        let pieces = self.codec.begin_pieces(kind, compression)?;
        self.streaming = Some(Box::new(Streaming { party, pieces, line: VecDeque::new() }));
        Ok(Started::Now)
    }

    /// Queues a piece of the message that this party has begun. Text was checked by the caller.
    pub(in crate::websocket) fn start_piece(
        &mut self,
        payload: Bytes,
        end: PieceEnd,
        party: Party,
    ) -> Result<(), Error> {
        self.check_open()?;
        let Some(streaming) = &mut self.streaming else { return Ok(()) };
        let frame = self.codec.outgoing_piece(&mut streaming.pieces, payload, end)?;
        if let Some(frame) = frame {
            self.push(frame);
        }
        if end == PieceEnd::Last {
            self.end_turn(party);
        }
        Ok(())
    }

    /// Ends a message that will get no more pieces, or takes it out of the line. If some of it has gone out, all
    /// that can be said to the peer is Close: what is there of it must never be taken for all of it.
    pub(in crate::websocket) fn abandon_pieces(&mut self, party: Party) {
        let Some(streaming) = &mut self.streaming else { return };
        if streaming.party != party {
            // A message in line is its sender's no more, and this place may have been another's when it got there.
            let is_start = |waiting: &Waiting| matches!(waiting, Waiting::Start(..));
            streaming.line.retain(|(owner, waiting)| *owner != party || !is_start(waiting));
            return;
        }
        let has_gone_out = self.codec.abandon_pieces(&streaming.pieces);
        if !self.session.is_open() {
            // The line stays: those in it are told that the connection is closing.
            return;
        }
        if !has_gone_out {
            return self.end_turn(party);
        }
        // The same here. The code is one that may be sent, the reason short enough.
        let close = CloseFrame::new(CloseCode::ERROR, "message left unfinished");
        let _ = self.start_close(&close, party);
    }

    /// Gives the turn to whoever is next.
    fn end_turn(&mut self, party: Party) {
        let line = self.streaming.take().map(|streaming| streaming.line);
        let mut line = line.unwrap_or_default();
        while let Some((next, waiting)) = line.pop_front() {
            // Whatever refuses it is what ends the connection.
            match waiting {
                Waiting::Message(parcel) => {
                    let _ = self.send_now(parcel, next);
                }
                Waiting::Start(kind, compression) => {
                    if let Ok(pieces) = self.codec.begin_pieces(kind, compression) {
                        self.streaming = Some(Box::new(Streaming { party: next, pieces, line }));
                        break;
                    }
                }
            }
        }
        self.wakers.wake_others(party);
    }

    fn waits_for_turn(&self, party: Party) -> bool {
        self.streaming.as_ref().is_some_and(|streaming| streaming.party != party)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Waits for room, as [`poll_ready_for`](Self::poll_ready_for) does, then begins a message in pieces or gets in
    /// line for it.
    pub(in crate::websocket) fn poll_start(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
        (kind, compression): (MessageKind, Compression),
    ) -> Poll<Result<Started, Error>> {
        ready!(self.poll_ready_for(cx, party, Sending::Data))?;
        Poll::Ready(self.start_pieces(kind, compression, party))
    }

    /// Waits for the turn of a party that is in line.
    pub(in crate::websocket) fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        self.poll_free(cx, party, Self::waits_for_turn)
    }

    /// Waits for a message of this party that is in line, of which the outbox doesn't know; not for one that will
    /// never go out.
    pub(in crate::websocket) fn poll_line(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<()> {
        if self.is_in_line(party) {
            // What ends the wait with an error, `check_line` tells.
            let _ = ready!(self.poll_free(cx, party, Self::is_in_line));
        }
        Poll::Ready(())
    }

    /// Whether a message of this party has been left in line by a connection that closes.
    pub(super) fn check_line(&self, party: Party) -> Result<(), Error> {
        if self.is_in_line(party) { Err(self.session.sender_error()) } else { Ok(()) }
    }
}
