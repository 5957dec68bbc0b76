//! A connection's compressed messages on their way in (RFC 7692 section 7.2.2).

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use bytes::{Buf, Bytes};

use super::{
    inflater::{BlockEnd, History, Inflater, MAX_WINDOW, Owner},
    pool, space,
};
use crate::vocabulary::{
    ContextTakeover, Direction, Error, LimitError, MAX_WINDOW_BITS, OpCode, ProtocolError,
    Utf8Validator,
};

/// After a block that says it is the last, the window is loaded anew. Nobody needs that more often than once
/// for each KiB of the message, but for so many times.
const SPARE_LAST_BLOCKS: u64 = 1024;

/// Inflates one message after the other.
pub(crate) struct Incoming {
    /// What tells this connection's windows from others'.
    connection: u64,
    messages: u64,
    /// Where context is kept.
    history: Option<History>,
    state: State,
}

enum State {
    Between,
    /// A message has begun, and nothing of its payload is there.
    Begun(OpCode),
    Inflating(Inflating),
}

/// Whether a payload may have more in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

/// A message that is arriving.
struct Inflating {
    opcode: OpCode,
    inflater: Inflater,
    /// What has been inflated and not been taken.
    output: Vec<u8>,
    /// How much has been taken before.
    taken: u64,
    /// The end of it, where no history has it.
    window: Option<History>,
    /// Where it is text.
    utf8: Option<Utf8Validator>,
    end: BlockEnd,
    last_blocks: usize,
}

impl Incoming {
    pub(super) fn new(terms: Direction) -> Self {
        // No atomic number: not every processor has them so large, and this one must never come again.
        static CONNECTIONS: Mutex<u64> = Mutex::new(0);

        let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
        *connections += 1;
        let connection = *connections;
        let history = match terms.context {
            // zlib has no window of 256 bytes, and may have used one of 512 in its place.
            ContextTakeover::Kept => Some(History::new(1 << terms.window_bits.max(9))),
            ContextTakeover::Dropped => None,
        };
        Self { connection, messages: 0, history, state: State::Between }
    }

    /// Begins a compressed message of this kind.
    pub(crate) fn begin(&mut self, opcode: OpCode) {
        self.state = State::Begun(opcode);
    }

    /// Whether a compressed message has begun and not been finished.
    pub(crate) fn is_inflating(&self) -> bool {
        !matches!(self.state, State::Between)
    }

    /// Forgets a message that will never be whole.
    pub(crate) fn abandon(&mut self) {
        self.state = State::Between;
    }

    /// Takes the next bytes of the message's payload. Text is checked, and a message held to the limit, as
    /// it inflates.
    pub(crate) fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<(), Error> {
        let mut payload = payload;
        while self.step(&mut payload, limit as u64)? == Progress::More {}
        Ok(())
    }

    /// The same for a message that is handed on as it arrives: its next bytes, `None` once there are no more
    /// of this payload.
    pub(crate) fn inflate_next(
        &mut self,
        payload: &mut Bytes,
        limit: Option<usize>,
    ) -> Result<Option<Bytes>, Error> {
        let limit = limit.map_or(u64::MAX, |limit| limit as u64);
        let mut rest = &payload[..];
        loop {
            let progress = self.step(&mut rest, limit)?;
            payload.advance(payload.len() - rest.len());
            rest = payload;
            let output = self.take_output();
            if !output.is_empty() {
                return Ok(Some(output));
            }
            if progress == Progress::Done {
                return Ok(None);
            }
        }
    }

    fn step(&mut self, payload: &mut &[u8], limit: u64) -> Result<Progress, Error> {
        if let (State::Begun(opcode), [_, ..]) = (&self.state, *payload) {
            self.state = State::Inflating(Inflating::new(*opcode, self.window()));
        }
        match &mut self.state {
            State::Inflating(message) => message.step(payload, limit, self.history.as_ref()),
            _ => Ok(Progress::Done),
        }
    }

    /// The opcode of a message that has begun, and has not been finished.
    pub(crate) fn opcode(&self) -> Option<OpCode> {
        match &self.state {
            State::Between => None,
            State::Begun(opcode) => Some(*opcode),
            State::Inflating(message) => Some(message.opcode),
        }
    }

    /// The message as far as it is inflated, which is then no longer kept but for the end of it: what follows
    /// may refer to that.
    pub(crate) fn take_output(&mut self) -> Bytes {
        let State::Inflating(message) = &mut self.state else { return Bytes::new() };
        let output = std::mem::take(&mut message.output);
        message.taken += output.len() as u64;
        let own = &mut message.window;
        let window = self.history.as_mut();
        window.unwrap_or_else(|| own.get_or_insert_with(|| History::new(MAX_WINDOW))).push(&output);
        output.into()
    }

    /// The message, once all of its payload is there; its text is UTF-8.
    pub(crate) fn finish(&mut self) -> Result<(OpCode, Bytes), ProtocolError> {
        // An empty message has a payload too: the header of an empty block (section 7.2.3.6).
        let State::Inflating(mut message) = std::mem::replace(&mut self.state, State::Between)
        else {
            return Err(ProtocolError::InvalidDeflate);
        };
        message.finish()?;
        self.messages += 1;
        if let Some(history) = &mut self.history {
            history.push(&message.output);
        }
        let Inflating { opcode, mut inflater, output, end, .. } = message;
        // Behind a last block zlib has to begin anew.
        inflater.set_owner(self.owner().filter(|_| end == BlockEnd::Other));
        pool::give_inflater(inflater);
        Ok((opcode, output.into()))
    }

    /// A decompressor with this connection's window in it.
    fn window(&self) -> Inflater {
        let mut inflater = pool::take_inflater(self.owner());
        if let (None, Some(history)) = (inflater.owner(), &self.history) {
            history.load(&mut inflater, MAX_WINDOW);
        }
        inflater
    }

    /// By what a decompressor is known that this connection has used last. One with a window larger than
    /// agreed would let the peer refer back too far, and only where it happens to come back.
    fn owner(&self) -> Option<Owner> {
        let history = self.history.as_ref()?;
        let is_whole = history.window() == 1 << MAX_WINDOW_BITS;
        is_whole.then_some(Owner { connection: self.connection, messages: self.messages })
    }
}

impl Inflating {
    fn new(opcode: OpCode, inflater: Inflater) -> Self {
        Self {
            opcode,
            inflater,
            output: Vec::new(),
            taken: 0,
            window: None,
            utf8: (opcode == OpCode::TEXT).then(Utf8Validator::default),
            end: BlockEnd::Other,
            last_blocks: 0,
        }
    }

    /// Inflates as much as fits into the thread's space.
    fn step(
        &mut self,
        input: &mut &[u8],
        limit: u64,
        history: Option<&History>,
    ) -> Result<Progress, Error> {
        if self.end == BlockEnd::Last && !input.is_empty() {
            self.restart(history)?;
        }
        space::with_space(|space| {
            // One byte past the limit is enough to know.
            let room = limit.saturating_sub(self.len()).saturating_add(1);
            let room = usize::try_from(room).map_or(space.len(), |room| room.min(space.len()));
            let step = self.inflater.step(input, &mut space[..room])?;
            *input = &input[step.taken..];
            self.end = step.end;
            self.accept(&space[..step.written], limit)?;
            if input.is_empty() && step.written < room {
                return Ok(Progress::Done);
            }
            if step.taken == 0 && step.written == 0 {
                return Err(ProtocolError::InvalidDeflate.into());
            }
            Ok(Progress::More)
        })
    }

    /// The message so far.
    fn len(&self) -> u64 {
        self.taken + self.output.len() as u64
    }

    /// Begins a new DEFLATE stream with what was inflated before in its window: "using a DEFLATE block
    /// with BFINAL set to 1" ends a stream, and the message goes on (section 7.2.3.4).
    fn restart(&mut self, history: Option<&History>) -> Result<(), LimitError> {
        self.last_blocks += 1;
        if self.last_blocks as u64 > SPARE_LAST_BLOCKS + self.len() / 1024 {
            return Err(LimitError::TooManyLastBlocks { blocks: self.last_blocks });
        }
        self.end = BlockEnd::Other;
        self.inflater.reset();
        let before = MAX_WINDOW.saturating_sub(self.output.len());
        if let Some(history) = history.or(self.window.as_ref()) {
            history.load(&mut self.inflater, before);
        }
        self.inflater.extend_window(&self.output[self.output.len().saturating_sub(MAX_WINDOW)..]);
        Ok(())
    }

    fn accept(&mut self, piece: &[u8], limit: u64) -> Result<(), Error> {
        let size = self.len() + piece.len() as u64;
        if size > limit {
            return Err(LimitError::MessageTooLarge { size, limit: limit as usize }.into());
        }
        if let Some(utf8) = &mut self.utf8 {
            utf8.validate(piece)?;
        }
        let len = self.output.len() + piece.len();
        // Doubled, but never beyond the limit: a bomb costs no more than that.
        if len > self.output.capacity() {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let capacity = len.max((2 * self.output.len()).min(limit));
            self.output.reserve_exact(capacity - self.output.len());
        }
        self.output.extend_from_slice(piece);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ProtocolError> {
        // Nothing is open behind a last block.
        if self.end == BlockEnd::Other {
            self.end = self.inflater.finish()?;
        }
        match &mut self.utf8 {
            Some(utf8) => utf8.finish(),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("messages", &self.messages).finish_non_exhaustive()
    }
}
