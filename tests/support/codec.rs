//! Decodes the same bytes in every way that a network could deliver them, and demands that it makes no
//! difference. The bytes are built here without the crate's own encoder.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{fmt::Debug, mem};

use bowline::{
    Delivery, EndOfStream, Error, Frame, FrameCodec, FrameEvent, FrameReader, LimitError, Message,
    MessageCodec, OpCode, ProtocolError, ReservedBits, Role, UsageError,
};
use bytes::BytesMut;
use tokio_util::codec::Decoder;

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The masking key of section 5.7's examples.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// `Error` as a value that can be compared; a handshake's error by its `Debug`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    Protocol(ProtocolError),
    Limit(LimitError),
    Usage(UsageError),
    Handshake(String),
    End(EndOfStream),
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Protocol(error) => Self::Protocol(error),
            Error::Limit(error) => Self::Limit(error),
            Error::Usage(error) => Self::Usage(error),
            Error::Handshake(error) => Self::Handshake(format!("{error:?}")),
            Error::AbnormalClosure(place) => Self::End(place),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

/// What a decoder made of some bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome<T> {
    pub(crate) items: Vec<T>,
    /// What decoding failed with.
    pub(crate) failure: Option<Failure>,
    /// What stayed in the buffer; after a failure, of what was fed behind it too.
    pub(crate) rest: Vec<u8>,
    /// What the end of the stream was judged as, behind all of it.
    pub(crate) end: Option<Failure>,
}

/// Decodes the bytes whole, one at a time, and split at every place; all must come to the same.
#[track_caller]
pub(crate) fn every_way<C>(make: impl Fn() -> C, wire: &[u8]) -> Outcome<C::Item>
where
    C: Decoder<Error = Error>,
    C::Item: PartialEq + Debug,
{
    let whole = run(make(), &mut [wire].into_iter());
    let same = |pieces: &mut dyn Iterator<Item = &[u8]>, way: &str| {
        let outcome = run(make(), pieces);
        assert!(outcome == whole, "{way}: {}\nwhole: {}", clip(&outcome), clip(&whole));
    };
    let step = if wire.len() > 1 << 17 { 4093 } else { 1 };
    same(&mut wire.chunks(step), "one at a time");
    for place in split_places(wire.len()) {
        let (head, tail) = wire.split_at(place);
        same(&mut [head, tail].into_iter(), &format!("split at {place}"));
    }
    whole
}

/// The start of what may be megabytes.
fn clip(value: &impl Debug) -> String {
    format!("{value:?}").chars().take(600).collect()
}

/// Every place in short inputs; in long ones every place near an end, or near 16 and 64 KiB.
fn split_places(len: usize) -> impl Iterator<Item = usize> {
    let is_at_an_end = move |place: usize| place < 16 || len - place < 16;
    let is_near_a_power_of_two =
        |place: usize| [1 << 14, 1 << 16].iter().any(|power| place.abs_diff(*power) < 16);
    (0..=len)
        .filter(move |&place| len <= 400 || is_at_an_end(place) || is_near_a_power_of_two(place))
}

fn run<C>(mut codec: C, pieces: &mut dyn Iterator<Item = &[u8]>) -> Outcome<C::Item>
where
    C: Decoder<Error = Error>,
    C::Item: Debug,
{
    let mut buffer = BytesMut::new();
    let mut outcome = Outcome { items: Vec::new(), failure: None, rest: Vec::new(), end: None };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        drain(&mut codec, &mut buffer, &mut outcome);
    }
    if outcome.failure.is_some() {
        buffer.extend_from_slice(b"\x81\x05Hello\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        drain(&mut codec, &mut buffer, &mut outcome);
    }
    outcome.rest = buffer.to_vec();
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(item)) => outcome.items.push(item),
            Ok(None) => return outcome,
            Err(error) => {
                let earlier = outcome.end.replace(error.into());
                assert_eq!(earlier, None, "the end of the stream fails once");
            }
        }
    }
}

/// Decodes until more bytes are needed. After a failure there may be nothing more.
fn drain<C>(codec: &mut C, buffer: &mut BytesMut, outcome: &mut Outcome<C::Item>)
where
    C: Decoder<Error = Error>,
    C::Item: Debug,
{
    loop {
        match codec.decode(buffer) {
            Ok(None) => return,
            Ok(Some(item)) if outcome.failure.is_none() => outcome.items.push(item),
            Err(error) if outcome.failure.is_none() => outcome.failure = Some(error.into()),
            other => panic!("{other:?} after {:?}", outcome.failure),
        }
    }
}

/// A `FrameReader` as a decoder of its events, the pieces of a payload joined.
#[derive(Clone)]
pub(crate) struct Events {
    reader: FrameReader,
    delivery: Delivery,
    pieces: Vec<Vec<u8>>,
    due: Option<FrameEvent>,
}

impl Events {
    pub(crate) fn new(reader: FrameReader, delivery: Delivery) -> Self {
        Self { reader, delivery, pieces: Vec::new(), due: None }
    }

    fn end(&mut self, end: FrameEvent, opcode: OpCode) -> FrameEvent {
        let pieces = mem::take(&mut self.pieces);
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "a payload event without payload");
        if self.delivery == Delivery::Whole || opcode.is_control() {
            assert!(pieces.len() <= 1, "{} pieces of what is to be whole", pieces.len());
        }
        match pieces.concat() {
            payload if payload.is_empty() => end,
            payload => {
                self.due = Some(end);
                FrameEvent::Payload(payload.into())
            }
        }
    }
}

impl Decoder for Events {
    type Item = FrameEvent;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<FrameEvent>, Error> {
        if let Some(due) = self.due.take() {
            return Ok(Some(due));
        }
        while let Some(event) = self.reader.read(src, self.delivery)? {
            match event {
                FrameEvent::Header(header) => {
                    assert_eq!(self.reader.header(), Some(&header));
                    return Ok(Some(event));
                }
                FrameEvent::Payload(piece) => self.pieces.push(piece.to_vec()),
                FrameEvent::End(header) => return Ok(Some(self.end(event, header.opcode()))),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<FrameEvent>, Error> {
        self.reader.end_of_stream(src).map(|()| None)
    }
}

/// What every reader of frames made of the same bytes.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) frames: Vec<Frame>,
    pub(crate) messages: Vec<Message>,
    pub(crate) failure: Option<Failure>,
    pub(crate) end: Option<Failure>,
}

/// Decodes with `FrameCodec`, `MessageCodec` and `FrameReader` in both deliveries, in every way each.
#[track_caller]
pub(crate) fn decode(role: Role, wire: &[u8]) -> Decoded {
    let frames = every_way(|| FrameCodec::new(role), wire);
    let messages = every_way(|| MessageCodec::new(role), wire);
    for delivery in [Delivery::Whole, Delivery::Chunks] {
        let events = every_way(|| Events::new(FrameReader::new(role), delivery), wire);
        assert_eq!(
            (&events.failure, &events.end),
            (&frames.failure, &frames.end),
            "FrameReader, {delivery:?}, and FrameCodec"
        );
        // What has come of a payload waits in the buffer only where it is to be delivered whole.
        if delivery == Delivery::Whole || events.failure.is_some() {
            assert!(events.rest == frames.rest, "{delivery:?} leaves {}", clip(&events.rest));
        }
        let ended = ended_frames(&events.items);
        assert!(ended == frames.items, "{} and {}", clip(&ended), clip(&frames.items));
    }
    assert_eq!((&messages.failure, &messages.end), (&frames.failure, &frames.end), "both codecs");
    if frames.failure.is_some() {
        assert_eq!((frames.rest, messages.rest), (vec![], vec![]), "bytes kept after the failure");
    }
    Decoded {
        frames: frames.items,
        messages: messages.items,
        failure: frames.failure,
        end: frames.end,
    }
}

/// The frames whose end the reader has told.
fn ended_frames(events: &[FrameEvent]) -> Vec<Frame> {
    let mut payload = bytes::Bytes::new();
    let mut frames = Vec::new();
    for event in events {
        match event {
            FrameEvent::Header(_) => payload.clear(),
            FrameEvent::Payload(bytes) => payload = bytes.clone(),
            FrameEvent::End(header) => {
                let frame = Frame::new(header.opcode(), mem::take(&mut payload))
                    .with_reserved(header.reserved());
                assert_eq!(header.payload_len(), frame.payload().len() as u64);
                frames.push(if header.is_final() { frame } else { frame.not_final() });
            }
        }
    }
    frames
}

/// The failure of the bytes, and after how many of them, fed one at a time, every reader sees it.
#[track_caller]
pub(crate) fn failure(role: Role, wire: &[u8]) -> Option<(Failure, usize)> {
    let failure = decode(role, wire).failure?;
    let chunks = Events::new(FrameReader::new(role), Delivery::Chunks);
    let places = [
        fails_after(FrameCodec::new(role), wire),
        fails_after(MessageCodec::new(role), wire),
        fails_after(Events::new(FrameReader::new(role), Delivery::Whole), wire),
        fails_after(chunks, wire),
    ];
    assert!(places.iter().all(|place| *place == places[0]), "{failure:?} after {places:?}");
    Some((failure, places[0]?))
}

/// After how many bytes, fed one at a time, the decoder fails.
pub(crate) fn fails_after(mut codec: impl Decoder<Error = Error>, wire: &[u8]) -> Option<usize> {
    let mut buffer = BytesMut::new();
    wire.iter()
        .position(|byte| {
            buffer.extend_from_slice(&[*byte]);
            loop {
                match codec.decode(&mut buffer) {
                    Ok(None) => return false,
                    Ok(Some(_)) => {}
                    Err(_) => return true,
                }
            }
        })
        .map(|position| position + 1)
}

/// The bytes of a frame for a reader of this role: masked for a server, its length as short as can be.
pub(crate) fn frame(reader: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = header(reader, first, payload.len() as u64);
    match reader {
        Role::Server => wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k)),
        Role::Client => wire.extend(payload),
    }
    wire
}

/// The first byte and the payload of one frame after another.
pub(crate) type Table<'a> = &'a [(u8, &'a [u8])];

/// One frame after another.
pub(crate) fn frames(reader: Role, table: Table<'_>) -> Vec<u8> {
    table.iter().flat_map(|(first, payload)| frame(reader, *first, payload)).collect()
}

/// The header of such a frame.
pub(crate) fn header(reader: Role, first: u8, payload_len: u64) -> Vec<u8> {
    if payload_len <= 125 {
        header_with(reader, first, payload_len as u8, &[])
    } else if payload_len <= 65535 {
        header_with(reader, first, 126, &(payload_len as u16).to_be_bytes())
    } else {
        header_with(reader, first, 127, &payload_len.to_be_bytes())
    }
}

/// A header of these seven bits of length and this extended one, minimal or not.
pub(crate) fn header_with(reader: Role, first: u8, short_len: u8, extended: &[u8]) -> Vec<u8> {
    match reader {
        Role::Server => [&[first, 0x80 | short_len], extended, &KEY].concat(),
        Role::Client => [&[first, short_len], extended].concat(),
    }
}

pub(crate) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The reserved bits of a frame's first byte.
pub(crate) fn reserved_bits(first: u8) -> ReservedBits {
    [ReservedBits::RSV1, ReservedBits::RSV2, ReservedBits::RSV3]
        .into_iter()
        .zip([0x40, 0x20, 0x10])
        .filter(|(_, bit)| first & bit != 0)
        .fold(ReservedBits::NONE, |set, (bit, _)| set.union(bit))
}

/// The opcode of a frame's first byte.
pub(crate) fn opcode(first: u8) -> OpCode {
    OpCode::new(first & 0x0f).expect("four bits")
}
