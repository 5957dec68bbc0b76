//! A message that goes out in pieces: one party has the turn, and the others' messages wait for its end.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use crate::{
    message::{Message, Pieces},
    vocabulary::{CloseCode, CloseFrame, Error, MessageKind, PieceEnd, UsageError},
    websocket::wakers::Party,
};

/// A message that has begun to go out in pieces.
#[derive(Debug)]
pub(super) struct Streaming {
    /// Whose it is.
    party: Party,
    pieces: Pieces,
    /// Messages of others who were told that there is room before this one began, in order.
    deferred: VecDeque<(Party, Message)>,
}

impl<T> Connection<T> {
    /// Whether this party's messages may go out now.
    pub(super) fn has_turn(&self, party: Party) -> bool {
        self.streaming.as_ref().is_none_or(|streaming| streaming.party == party)
    }

    /// Begins a message in pieces. Until it ends nobody else has a turn.
    pub(in crate::websocket) fn start_pieces(
        &mut self,
        kind: MessageKind,
        party: Party,
    ) -> Result<(), Error> {
        self.check_open()?;
        if self.streaming.is_some() {
            return Err(UsageError::InterleavedMessage(kind.opcode()).into());
        }
        let pieces = self.codec.begin_pieces(kind)?;
        let streaming = Streaming { party, pieces, deferred: VecDeque::new() };
        self.streaming = Some(Box::new(streaming));
        Ok(())
    }

    /// The same, with the message left uncompressed.
    #[cfg(feature = "deflate")]
    pub(in crate::websocket) fn start_pieces_uncompressed(
        &mut self,
        kind: MessageKind,
        party: Party,
    ) -> Result<(), Error> {
        self.codec.skip_compression();
        let started = self.start_pieces(kind, party);
        self.codec.resume_compression();
        started
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

    /// Ends a message that will get no more pieces. If some of it has gone out, all that can be said to the
    /// peer is Close: what is there of the message must never be taken for all of it.
    pub(in crate::websocket) fn abandon_pieces(&mut self, party: Party) {
        let Some(streaming) = &self.streaming else { return };
        if streaming.party != party {
            return;
        }
        if !self.codec.abandon_pieces(&streaming.pieces) {
            return self.end_turn(party);
        }
        // The turn is nobody's any more: what waits for it is told that the connection is closing. The code is
        // one that may be sent, the reason short enough.
        let _ =
            self.start_close(&CloseFrame::new(CloseCode::ERROR, "message left unfinished"), party);
    }

    /// Gives the turn back, to those first who were promised one.
    fn end_turn(&mut self, party: Party) {
        let deferred = self.streaming.take().map(|streaming| streaming.deferred);
        for (party, message) in deferred.into_iter().flatten() {
            // Whatever refuses it is what ends the connection.
            let _ = self.start_send(message, party);
        }
        self.wakers.wake_others(party);
    }

    /// Queues a message of somebody who was told that there is room, now or when its turn comes.
    pub(in crate::websocket) fn start_send_or_defer(
        &mut self,
        message: Message,
        party: Party,
    ) -> Result<(), Error> {
        self.check_open()?;
        match &mut self.streaming {
            Some(streaming) if streaming.party != party && message.is_data() => {
                streaming.deferred.push_back((party, message));
                Ok(())
            }
            _ => self.start_send(message, party),
        }
    }

    fn has_deferred(&self, party: Party) -> bool {
        self.streaming
            .as_ref()
            .is_some_and(|streaming| streaming.deferred.iter().any(|(owner, _)| *owner == party))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// Waits for a message of this party that waits for its turn; it is none of what the outbox knows.
    pub(super) fn poll_deferred(
        &mut self,
        cx: &mut Context<'_>,
        party: Party,
    ) -> Poll<Result<(), Error>> {
        if self.has_deferred(party) {
            // Closed or not, what counts is whether it went out before.
            let _ = ready!(self.poll_free(cx, party, Self::has_deferred));
        }
        Poll::Ready(if self.has_deferred(party) {
            Err(self.session.sender_error())
        } else {
            Ok(())
        })
    }
}
