//! The way through a SOCKS5 proxy (RFC 1928, user and password RFC 1929).
//!
//! ```text
//! 05 01 00                                 -->            methods: 00 for none, 02 for user and password;
//! 05 02 02 00                              -->            both, where there are credentials
//!                                          <--     05 00  the one that is taken, ff for no one
//!
//! 01 04 "user" 06 "secret"                 -->            with method 02
//!                                          <--     01 00
//!
//! 05 01 00 03 0b "example.com" 01 bb       -->            CONNECT to a name and port
//! 05 01 00 01 c0 00 02 07 01 bb            -->            to an IPv4 address; with 04, to one of IPv6
//!                                          <--     05 00 00 01 00 00 00 00 00 00
//!                                                  granted; the proxy's own address means nothing
//! ```

use std::{mem, net::IpAddr};

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::HandshakeCodec;
use crate::vocabulary::{ConnectError, Error, SocksError, SocksReply, UsageError};

/// Of SOCKS.
const VERSION: u8 = 5;
/// Of the sub-negotiation about user and password.
const CREDENTIALS_VERSION: u8 = 1;

const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;

const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Version, reply, reserved byte and address type.
const REPLY_HEAD: usize = 4;
const PORT: usize = 2;

/// The client's end of SOCKS5: encodes what is [`Next`] to be said, decodes the answers.
pub(crate) struct Socks {
    state: State,
    destination: Destination,
}

/// What is said, or waited for.
///
/// ```text
///              say            02               say            00
///   Greeting ------> Method ------> Credentials ----> Verdict ---+
///                      |                                         |    say           00
///                      +------------------- 00 ------------------+--> Request ------> Reply ----> Done
///
///   any other answer: Done, with an error
/// ```
enum State {
    Greeting(Option<Credentials>),
    Method(Option<Credentials>),
    Credentials(Credentials),
    Verdict,
    Request,
    Reply,
    Done,
}

/// User and password, of 255 bytes each at most. Without `Debug`, which would show them.
pub(crate) struct Credentials {
    user: Short,
    password: Short,
}

/// Where the tunnel leads.
pub(crate) struct Destination {
    host: Host,
    port: u16,
}

enum Host {
    Name(Short),
    Address(IpAddr),
}

/// What is sent behind its length in one byte.
struct Short {
    length: u8,
    text: Box<str>,
}

/// Whatever it is this end's turn to say.
pub(crate) struct Next;

/// What an answer has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is this end's turn.
    Speak,
    /// What follows is the destination's.
    Through,
}

impl HandshakeCodec<Socks> {
    pub(crate) fn socks(credentials: Option<Credentials>, destination: Destination) -> Self {
        Self { state: Socks { state: State::Greeting(credentials), destination } }
    }
}

impl Credentials {
    pub(crate) fn new(user: &str, password: &str) -> Result<Self, ConnectError> {
        Ok(Self {
            user: Short::new(user, SocksError::UserTooLong)?,
            password: Short::new(password, SocksError::PasswordTooLong)?,
        })
    }
}

impl Destination {
    pub(crate) fn address(address: IpAddr, port: u16) -> Self {
        Self { host: Host::Address(address), port }
    }

    /// The proxy's to resolve, unless it is an address already.
    pub(crate) fn host(host: &str, port: u16) -> Result<Self, ConnectError> {
        let host = match host.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(Short::new(host, SocksError::HostTooLong)?),
        };
        Ok(Self { host, port })
    }
}

impl Short {
    fn new(text: &str, too_long: fn(usize) -> SocksError) -> Result<Self, ConnectError> {
        let length = u8::try_from(text.len()).map_err(|_| too_long(text.len()));
        Ok(Self { length: length.map_err(ConnectError::Socks)?, text: text.into() })
    }

    fn put(&self, dst: &mut BytesMut) {
        dst.put_u8(self.length);
        dst.put_slice(self.text.as_bytes());
    }
}

impl Encoder<Next> for HandshakeCodec<Socks> {
    type Error = Error;

    fn encode(&mut self, _: Next, dst: &mut BytesMut) -> Result<(), Error> {
        let Socks { state, destination } = &mut self.state;
        *state = match mem::replace(state, State::Done) {
            State::Greeting(credentials) => {
                put_methods(credentials.as_ref(), dst);
                State::Method(credentials)
            }
            State::Credentials(Credentials { user, password }) => {
                dst.put_u8(CREDENTIALS_VERSION);
                user.put(dst);
                password.put(dst);
                State::Verdict
            }
            State::Request => {
                put_request(destination, dst);
                State::Reply
            }
            state @ (State::Method(_) | State::Verdict | State::Reply | State::Done) => {
                self.state.state = state;
                return Err(UsageError::HandshakeOutOfTurn.into());
            }
        };
        Ok(())
    }
}

fn put_methods(credentials: Option<&Credentials>, dst: &mut BytesMut) {
    dst.put_slice(match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        // Whoever has credentials gets through an open proxy all the same.
        Some(_) => &[VERSION, 2, USER_AND_PASSWORD, NO_AUTHENTICATION],
    });
}

fn put_request(Destination { host, port }: &Destination, dst: &mut BytesMut) {
    dst.put_slice(&[VERSION, CONNECT, RESERVED]);
    match host {
        Host::Name(name) => {
            dst.put_u8(NAME);
            name.put(dst);
        }
        Host::Address(IpAddr::V4(address)) => {
            dst.put_u8(IPV4);
            dst.put_slice(&address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            dst.put_u8(IPV6);
            dst.put_slice(&address.octets());
        }
    }
    dst.put_u16(*port);
}

impl Decoder for HandshakeCodec<Socks> {
    type Item = Progress;
    type Error = Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Progress>, Error> {
        let socks = &mut self.state;
        let result = socks.read(src);
        if result.is_err() {
            socks.state = State::Done;
        }
        Ok(result.map_err(ConnectError::Socks)?)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Progress>, Error> {
        match self.decode(src)? {
            Some(progress) => Ok(Some(progress)),
            None => Err(ConnectError::Socks(SocksError::EndOfStream).into()),
        }
    }
}

impl Socks {
    /// What the answer that is waited for has come to, once it is there. Bytes behind it are left.
    fn read(&mut self, src: &mut BytesMut) -> Result<Option<Progress>, SocksError> {
        let next = match &mut self.state {
            State::Method(credentials) => read_method(src, credentials)?,
            State::Verdict => read_verdict(src)?,
            State::Reply => read_reply(src)?,
            State::Greeting(_) | State::Credentials(_) | State::Request | State::Done => None,
        };
        let Some(next) = next else { return Ok(None) };
        self.state = next;
        Ok(Some(match self.state {
            State::Done => Progress::Through,
            _ => Progress::Speak,
        }))
    }
}

fn read_method(
    src: &mut BytesMut,
    credentials: &mut Option<Credentials>,
) -> Result<Option<State>, SocksError> {
    let Some(method) = second(src, VERSION)? else { return Ok(None) };
    src.advance(2);
    match (method, credentials.take()) {
        (NO_AUTHENTICATION, _) => Ok(Some(State::Request)),
        (USER_AND_PASSWORD, Some(credentials)) => Ok(Some(State::Credentials(credentials))),
        // "If the selected METHOD is X'FF', none of the methods listed by the client are acceptable" (section 3). A
        // method that was not listed is no choice either, but says what is missing.
        (USER_AND_PASSWORD | NO_ACCEPTABLE_METHOD, None) => Err(SocksError::CredentialsWanted),
        (NO_ACCEPTABLE_METHOD, Some(_)) => Err(SocksError::CredentialsNotTaken),
        (other, _) => Err(SocksError::UnofferedMethod(other)),
    }
}

fn read_verdict(src: &mut BytesMut) -> Result<Option<State>, SocksError> {
    let Some(status) = second(src, CREDENTIALS_VERSION)? else { return Ok(None) };
    src.advance(2);
    // "A STATUS field of X'00' indicates success" (RFC 1929 section 2).
    if status == 0 { Ok(Some(State::Request)) } else { Err(SocksError::CredentialsRefused) }
}

fn read_reply(src: &mut BytesMut) -> Result<Option<State>, SocksError> {
    let Some(reply) = second(src, VERSION)? else { return Ok(None) };
    // What would come behind a refusal says no more, and with some proxies doesn't come.
    if reply != 0 {
        return Err(SocksError::Refused(SocksReply::new(reply)));
    }
    // The reserved byte is not looked at: nothing depends on it.
    let address = match src.get(REPLY_HEAD - 1..) {
        Some([IPV4, ..]) => 4,
        Some([IPV6, ..]) => 16,
        Some([NAME, length, ..]) => 1 + usize::from(*length),
        Some([] | [NAME]) | None => return Ok(None),
        Some([other, ..]) => return Err(SocksError::AddressType(*other)),
    };
    let length = REPLY_HEAD + address + PORT;
    if src.len() < length {
        return Ok(None);
    }
    src.advance(length);
    Ok(Some(State::Done))
}

/// The byte behind this version, with which every answer begins.
fn second(src: &[u8], version: u8) -> Result<Option<u8>, SocksError> {
    match *src {
        [first, ..] if first != version => Err(SocksError::NotSocks5(first)),
        [_, second, ..] => Ok(Some(second)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &[u8] = b"\x01\x04user\x06secret";
    const TO_EXAMPLE: &[u8] = b"\x05\x01\x00\x03\x0bexample.com\x01\xbb";
    const GRANTED: &[u8] = b"\x05\x00\x00\x01\0\0\0\0\0\0";

    fn codec(user_info: Option<(&str, &str)>) -> HandshakeCodec<Socks> {
        let credentials = user_info.map(|(user, password)| Credentials::new(user, password));
        let credentials = credentials.transpose().expect("short");
        HandshakeCodec::socks(credentials, Destination::host("example.com", 443).expect("short"))
    }

    /// What was said, what is left of the answers, which come in these pieces, and how it ended.
    fn run(mut codec: HandshakeCodec<Socks>, answers: &[&[u8]]) -> (Vec<u8>, Vec<u8>, String) {
        let (mut said, mut heard) = (BytesMut::new(), BytesMut::new());
        let mut pieces = answers.iter();
        codec.encode(Next, &mut said).expect("our turn");
        loop {
            // Nothing is said out of turn.
            codec.encode(Next, &mut said).expect_err("their turn");
            let end = match codec.decode(&mut heard) {
                Ok(Some(Progress::Speak)) => {
                    codec.encode(Next, &mut said).expect("our turn");
                    continue;
                }
                Ok(Some(Progress::Through)) => "through".into(),
                Ok(None) => match pieces.next() {
                    Some(piece) => {
                        heard.extend_from_slice(piece);
                        continue;
                    }
                    None => codec.decode_eof(&mut heard).expect_err("the end").to_string(),
                },
                Err(error) => error.to_string(),
            };
            heard.extend(pieces.flat_map(|piece| *piece));
            codec.encode(Next, &mut said).expect_err("over");
            return (said.to_vec(), heard.to_vec(), end);
        }
    }

    /// Whole, byte by byte and split at every place.
    fn run_all(user_info: Option<(&str, &str)>, answers: &[u8]) -> (Vec<u8>, Vec<u8>, String) {
        let whole = run(codec(user_info), &[answers]);
        let bytes: Vec<&[u8]> = answers.chunks(1).collect();
        assert_eq!(run(codec(user_info), &bytes), whole);
        for at in 0..=answers.len() {
            let (first, second) = answers.split_at(at);
            assert_eq!(run(codec(user_info), &[first, second]), whole, "{at}");
        }
        whole
    }

    #[test]
    fn each_way_through_is_the_same_in_whatever_pieces_it_comes() {
        let bounds: [&[u8]; 4] = [
            GRANTED,
            b"\x05\x00\x77\x03\x09somewhere\x12\x34",
            b"\x05\x00\x00\x03\x00\x12\x34",
            b"\x05\x00\x00\x04\0\x01\x02\x03\0\x01\x02\x03\0\x01\x02\x03\0\x01\x02\x03\x12\x34",
        ];
        let given = Some(("user", "secret"));
        let ways = [
            (None, &b"\x05\x00"[..], [b"\x05\x01\x00", TO_EXAMPLE].concat()),
            (given, b"\x05\x00", [b"\x05\x02\x02\x00", TO_EXAMPLE].concat()),
            (given, b"\x05\x02\x01\x00", [b"\x05\x02\x02\x00", USER, TO_EXAMPLE].concat()),
        ];
        for (user_info, before, expected) in &ways {
            for bound in bounds {
                let answers = [before, bound, b"HTTP"].concat();
                let (said, left, end) = run_all(*user_info, &answers);
                assert_eq!((&said, &*left, &*end), (expected, &b"HTTP"[..], "through"));
                for length in 0..answers.len() - b"HTTP".len() {
                    let (_, _, end) = run_all(*user_info, &answers[..length]);
                    assert_eq!(end, "the proxy: end of stream inside the SOCKS handshake");
                }
            }
        }
    }

    #[test]
    fn no_answer_of_two_bytes_more_or_less_panics() {
        let stages: [&[u8]; 4] = [b"", b"\x05\x02", b"\x05\x00", b"\x05\x00\x05\x00"];
        for stage in stages {
            for number in 0..=u16::MAX {
                let [first, second] = number.to_be_bytes();
                let answers = [stage, &[first, second, 0, 0]].concat();
                let (whole, by_byte) = (&[&*answers][..], answers.chunks(1).collect::<Vec<_>>());
                let user_info = Some(("user", "secret"));
                let (_, _, end) = run(codec(user_info), whole);
                assert_eq!(run(codec(user_info), &by_byte).2, end, "{answers:x?}");
            }
        }
    }
}
