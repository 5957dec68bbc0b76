//! What stands for permessage-deflate in a build without it. Nothing here can be reached: the types that
//! the functions take have no values.

use bytes::Bytes;

use crate::vocabulary::{
    Compression, Deflate, DeflateTerms, Error, Extension, HandshakeError, OpCode, PieceCoding,
    PieceEnd, ProtocolError, Role,
};

/// How a codec holds one direction: never.
pub(crate) type Held<T> = T;

pub(crate) const NAME: &str = "permessage-deflate";

#[derive(Debug)]
pub(crate) enum Incoming {}

impl Incoming {
    pub(crate) fn begin(&mut self, _: OpCode) {
        match *self {}
    }

    pub(crate) fn is_inflating(&self) -> bool {
        match *self {}
    }

    pub(crate) fn inflate(&mut self, _: &[u8], _: usize) -> Result<(), Error> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) -> Result<(OpCode, Bytes), ProtocolError> {
        match *self {}
    }

    pub(crate) fn inflate_next(
        &mut self,
        _: &mut Bytes,
        _: Option<usize>,
    ) -> Result<Option<Bytes>, Error> {
        match *self {}
    }

    pub(crate) fn opcode(&self) -> Option<OpCode> {
        match *self {}
    }

    pub(crate) fn take_output(&mut self) -> Bytes {
        match *self {}
    }

    pub(crate) fn abandon(&mut self) {
        match *self {}
    }
}

#[derive(Debug)]
pub(crate) enum Outgoing {}

impl Outgoing {
    pub(crate) fn compress(&mut self, _: &[u8], _: Compression) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn begin_pieces(&mut self, _: Compression) -> PieceCoding {
        match *self {}
    }

    pub(crate) fn compress_piece(&mut self, _: &[u8], _: PieceEnd) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn abandon_pieces(&mut self) {
        match *self {}
    }

    pub(crate) fn share(
        &mut self,
        _: &[u8],
        _: &Shared,
        _: impl FnOnce(Bytes) -> Bytes,
    ) -> Option<Bytes> {
        match *self {}
    }
}

/// Nothing is compressed.
#[derive(Debug, Default)]
pub(crate) struct Shared(());

pub(crate) fn directions(_: Role, terms: DeflateTerms) -> (Incoming, Outgoing) {
    match terms {}
}

pub(crate) fn offer(wishes: &Deflate) -> Extension {
    match *wishes {}
}

pub(crate) fn answer(wishes: &Deflate, _: &[Extension]) -> Option<(Extension, DeflateTerms)> {
    match *wishes {}
}

pub(crate) fn judge(wishes: &Deflate, _: &Extension) -> Result<DeflateTerms, HandshakeError> {
    match *wishes {}
}
