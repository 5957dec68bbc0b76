//! Frames (RFC 6455 section 5.2): every field, the payload unmasked, and the judgement.

use std::io::{self, Write};

use bowline::{
    Delivery, Error, FrameEvent, FrameHeader, FrameReader, Limits, ProtocolError, ReservedBits,
    Role,
};
use bytes::BytesMut;

use crate::{
    Verdict, header,
    layout::{self, ROW, count},
    messages::{Kind, Messages, meaning, shown},
};

/// Rows of a payload's bytes, before the rest is only counted.
const MAX_ROWS: usize = 4;

/// Goes through a capture's frames.
pub(crate) struct Inspector<'a> {
    capture: &'a [u8],
    /// Where the frame being looked at starts in it.
    at: usize,
    from: Role,
    reader: FrameReader,
    buffer: BytesMut,
    frames: usize,
    messages: Messages,
}

impl<'a> Inspector<'a> {
    pub(crate) fn new(capture: &'a [u8], at: usize, from: Role, allowed: ReservedBits) -> Self {
        // The reader reads what the other end sends.
        let role = match from {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        };
        // What is large here is on a disk already: only the protocol's own rules are of interest.
        let limits =
            Limits::new().with_max_frame_size(usize::MAX).with_max_message_size(usize::MAX);
        Self {
            capture,
            at,
            from,
            reader: FrameReader::new(role).with_limits(limits).with_reserved_bits(allowed),
            buffer: capture[at..].into(),
            frames: 0,
            messages: Messages::default(),
        }
    }

    pub(crate) fn explain(mut self, out: &mut impl Write) -> io::Result<Verdict> {
        writeln!(out, "frames from the {}\n", layout::name(self.from))?;
        layout::titles(out)?;
        while self.at < self.capture.len() && !self.reader.is_ended() {
            self.frames += 1;
            writeln!(out, "frame {}", self.frames)?;
            let payload = self.show_frame(out)?;
            match self.judge() {
                Ok(Some(header)) => {
                    for line in self.messages.add(&header, &payload) {
                        layout::text(out, &line)?;
                    }
                    self.at = self.capture.len() - self.buffer.len();
                }
                Ok(None) => break,
                Err(error) => return self.breach(out, &error),
            }
        }
        self.end(out)
    }

    /// Has the reader read one frame; `None` where the capture ends inside it.
    fn judge(&mut self) -> Result<Option<FrameHeader>, Error> {
        while let Some(event) = self.reader.read(&mut self.buffer, Delivery::Whole)? {
            if let FrameEvent::End(header) = event {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Shows what there is of a frame, whether it keeps the rules or not; gives its payload unmasked.
    fn show_frame(&self, out: &mut impl Write) -> io::Result<Vec<u8>> {
        let bytes = &self.capture[self.at..];
        // With zeros behind it a header that breaks off can be parsed, as far as it is there.
        let mut padded = [0; FrameHeader::MAX_LEN];
        let arrived = bytes.len().min(padded.len());
        padded[..arrived].copy_from_slice(&bytes[..arrived]);
        let Some((header, len)) = FrameHeader::parse(&padded) else { return Ok(Vec::new()) };
        header::show(out, self.at, &header, &bytes[..len.min(bytes.len())])?;
        if bytes.len() < len {
            // A first byte alone doesn't tell how long the header is.
            let least = if bytes.len() == 1 { "at least " } else { "" };
            let missing = count(len - bytes.len(), "byte");
            layout::text(out, &format!("missing: {least}{missing} of header"))?;
            return Ok(Vec::new());
        }
        let rest = &bytes[len..];
        let arrived = usize::try_from(header.payload_len()).unwrap_or(rest.len()).min(rest.len());
        self.show_payload(out, &header, self.at + len, &rest[..arrived])
    }

    fn show_payload(
        &self,
        out: &mut impl Write,
        header: &FrameHeader,
        at: usize,
        wire: &[u8],
    ) -> io::Result<Vec<u8>> {
        let masked = if header.masking_key().is_some() { ", masked" } else { "" };
        for (i, bytes) in wire.chunks(ROW).take(MAX_ROWS).enumerate() {
            let len = format!("{}{masked}", count(wire.len(), "byte"));
            let (field, value) = if i == 0 { ("payload", len.as_str()) } else { ("", "") };
            layout::row(out, (at + i * ROW, bytes), field, value)?;
        }
        if wire.len() > MAX_ROWS * ROW {
            layout::text(out, &format!("... {} bytes more", wire.len() - MAX_ROWS * ROW))?;
        }
        let mut payload = wire.to_vec();
        if let Some(key) = header.masking_key() {
            key.apply(&mut payload);
        }
        let kind = self.messages.kind(header);
        if kind == Kind::Binary && header.masking_key().is_some() && !payload.is_empty() {
            let start = &payload[..payload.len().min(MAX_ROWS * ROW)];
            layout::text(out, &format!("unmasked: {}", layout::hex(start)))?;
        }
        if let Some(shown) = shown(kind, &payload) {
            layout::text(out, &shown)?;
        }
        let missing = header.payload_len() - wire.len() as u64;
        if missing > 0 {
            layout::text(out, &format!("missing: {missing} of {} bytes", header.payload_len()))?;
        }
        Ok(payload)
    }

    fn breach(&self, out: &mut impl Write, error: &Error) -> io::Result<Verdict> {
        writeln!(out, "\nBROKEN: {error}")?;
        if let Some(code) = error.close_code() {
            writeln!(out, "The answer is Close {code}, {}.", meaning(code))?;
        }
        match error {
            Error::Protocol(ProtocolError::ReservedBits(bits))
                if bits.contains(ReservedBits::RSV1) =>
            {
                writeln!(out, "RSV1 marks compressed messages: --deflate if that was agreed.")?;
            }
            Error::Protocol(ProtocolError::MaskedFrame | ProtocolError::UnmaskedFrame) => {
                writeln!(out, "Each direction is a stream of its own; --from says which it is.")?;
            }
            _ => {}
        }
        writeln!(out, "The connection is over with frame {}, whatever follows.", self.frames)?;
        Ok(Verdict::Broken)
    }

    fn end(mut self, out: &mut impl Write) -> io::Result<Verdict> {
        let frames = count(self.frames, "frame");
        let messages = count(self.messages.complete, "message");
        writeln!(out, "\n{frames}, {messages}, no rule broken")?;
        if let Some(unfinished) = self.messages.unfinished() {
            writeln!(out, "unfinished {unfinished}")?;
        }
        match self.reader.end_of_stream(&self.buffer) {
            Ok(()) if self.buffer.is_empty() => writeln!(out, "the capture ends with Close")?,
            Ok(()) => {
                // "The application MUST NOT send any more data frames after sending a Close frame"
                // (section 5.5.1). The reader has stopped there, and judges nothing behind it.
                writeln!(out, "{} after Close, not read", count(self.buffer.len(), "byte"))?;
            }
            Err(error) => writeln!(out, "unclosed: {error}")?,
        }
        Ok(Verdict::Kept)
    }
}
