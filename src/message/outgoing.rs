//! A message that goes out in pieces, its length unknown: each a fragment of its own.

use std::io;

use bytes::Bytes;

use super::MessageCodec;
use crate::{
    frame::Frame,
    vocabulary::{
        Compression, Error, MessageKind, OpCode, PieceCoding, PieceEnd, ReservedBits, UsageError,
    },
};

/// What the next fragment looks like.
#[derive(Debug)]
pub(crate) struct Pieces {
    opcode: OpCode,
    coding: PieceCoding,
    given: Given,
}

/// Whether the message has anything in it that the compressor was not asked to hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    Some,
}

impl MessageCodec {
    /// Begins a message in pieces; nothing goes out with it.
    pub(crate) fn begin_pieces(
        &mut self,
        kind: MessageKind,
        compression: Compression,
    ) -> Result<Pieces, UsageError> {
        if self.sender().is_inside_message() {
            return Err(UsageError::InterleavedMessage(kind.opcode()));
        }
        let coding = match self.outgoing_deflate() {
            Some(deflate) => deflate.begin_pieces(compression),
            None => PieceCoding::AsItIs,
        };
        Ok(Pieces { opcode: kind.opcode(), coding, given: Given::Nothing })
    }

    /// The fragment for a piece, where there is something to send yet. Text was checked by the caller.
    pub(crate) fn outgoing_piece(
        &mut self,
        pieces: &mut Pieces,
        payload: Bytes,
        end: PieceEnd,
    ) -> Result<Option<Frame>, Error> {
        // A flush of nothing: a compressor would say something even to that.
        if payload.is_empty() && end == PieceEnd::Flushed && pieces.given == Given::Nothing {
            return Ok(None);
        }
        pieces.given = match end {
            PieceEnd::Open => Given::Some,
            PieceEnd::Flushed | PieceEnd::Last => Given::Nothing,
        };
        let payload = self.compressed_piece(pieces, payload, end)?;
        if payload.is_empty() && end != PieceEnd::Last {
            return Ok(None);
        }
        let frame = Frame::new(pieces.opcode, payload).with_reserved(pieces.reserved());
        let frame = if end == PieceEnd::Last { frame } else { frame.not_final() };
        self.sender().admit_fragment(&frame)?;
        pieces.opcode = OpCode::CONTINUATION;
        Ok(Some(frame))
    }

    /// Ends a message that will get no more pieces before its time. Tells whether some of it has gone out.
    pub(crate) fn abandon_pieces(&mut self, pieces: &Pieces) -> bool {
        if let (PieceCoding::Compressed, Some(deflate)) = (pieces.coding, self.outgoing_deflate()) {
            deflate.abandon_pieces();
        }
        self.sender().is_inside_message()
    }

    fn compressed_piece(
        &mut self,
        pieces: &Pieces,
        payload: Bytes,
        end: PieceEnd,
    ) -> Result<Bytes, Error> {
        match (pieces.coding, self.outgoing_deflate()) {
            (PieceCoding::Compressed, Some(deflate)) => {
                let compressed = deflate.compress_piece(&payload, end);
                compressed.ok_or_else(|| io::Error::other("the compressor failed").into())
            }
            _ => Ok(payload),
        }
    }
}

impl Pieces {
    /// "Set the RSV1 bit of the first fragment" (RFC 7692 section 6.1).
    fn reserved(&self) -> ReservedBits {
        match self.coding {
            PieceCoding::Compressed if self.opcode.is_data() => ReservedBits::RSV1,
            _ => ReservedBits::NONE,
        }
    }
}
