//! When it is tried again (RFC 6455 section 7.2.3), and which errors it is worth trying again after.

use std::{io, time::Duration};

use bowline::{
    CloseCode, CloseFrame, EndOfStream, Error, HandshakeError, LimitError, ProtocolError,
    UsageError,
    client::{Backoff, Disconnect},
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version, header};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn section_7_2_3_the_first_wait_is_random_and_later_ones_grow() {
    let backoff = Backoff::new();
    let table: [(u32, [u64; 3]); 9] = [
        (0, [0, 2_500, 5_000]),
        (1, [0, 2_500, 5_000]),
        (2, [5_000, 7_500, 10_000]),
        (3, [10_000, 15_000, 20_000]),
        (4, [20_000, 30_000, 40_000]),
        (5, [30_000, 45_000, 60_000]),
        (6, [30_000, 45_000, 60_000]),
        (1_000, [30_000, 45_000, 60_000]),
        (u32::MAX, [30_000, 45_000, 60_000]),
    ];
    for (reconnect, delays) in table {
        let of = [0.0, 0.5, 1.0].map(|random| backoff.delay(reconnect, random));
        assert_eq!(of, delays.map(ms), "reconnect {reconnect}");
    }
}

#[test]
fn any_setting_and_any_random_number_give_a_wait_within_bounds() {
    let times = [Duration::ZERO, Duration::from_nanos(1), ms(1), ms(60_000), Duration::MAX];
    let randoms = [0.0, 0.3, 0.999_999, 1.0, -1.0, 7.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for (initial, max) in times.iter().flat_map(|initial| times.map(|max| (*initial, max))) {
        let backoff = Backoff::new().with_initial(initial).with_max(max);
        for reconnect in [0, 1, 2, 3, 10, 64, 65, 100, 1_100, u32::MAX] {
            for random in randoms {
                let delay = backoff.delay(reconnect, random);
                assert!(delay <= max, "{backoff:?}, {reconnect}, {random}: {delay:?}");
                assert!(!initial.is_zero() || delay.is_zero(), "{backoff:?}, {reconnect}");
            }
        }
        if !initial.is_zero() {
            assert!(backoff.delay(u32::MAX, 0.0) >= max / 2, "{backoff:?} grows to its bound");
        }
    }
}

#[test]
fn what_is_set_is_what_is_there() {
    let default = Backoff::default();
    assert_eq!((default.initial(), default.max()), (ms(5_000), ms(60_000)));
    assert_eq!((default.stable_after(), default.max_attempts()), (ms(30_000), None));
    assert_eq!(default.max_elapsed(), None);
    const SET: Backoff = Backoff::new()
        .with_initial(ms(1))
        .with_max(ms(2))
        .with_stable_after(ms(3))
        .with_max_attempts(Some(4))
        .with_max_elapsed(Some(ms(5)));
    assert_eq!((SET.initial(), SET.max(), SET.stable_after()), (ms(1), ms(2), ms(3)));
    assert_eq!((SET.max_attempts(), SET.max_elapsed()), (Some(4), Some(ms(5))));
}

// ---- what may pass ----

fn refused(status: u16) -> HandshakeError {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    HandshakeError::Refused(Box::new(response))
}

#[test]
fn of_handshakes_those_that_took_too_long_or_broke_off_may_succeed_later() {
    let transient =
        [HandshakeError::TimedOut, HandshakeError::EndOfStream(EndOfStream::InsideHead)];
    for error in transient {
        assert!(error.is_transient() && Error::from(error).is_transient());
    }
    let last = [
        HandshakeError::HeadTooLarge(1),
        HandshakeError::TooManyHeaders(1),
        HandshakeError::MalformedHead,
        HandshakeError::BareLineFeed,
        HandshakeError::HttpVersion(Version::HTTP_10),
        HandshakeError::Method(Method::POST),
        HandshakeError::InvalidHost,
        HandshakeError::InvalidTarget,
        HandshakeError::ConnectionSpecificHeader,
        HandshakeError::NotWebSocket,
        HandshakeError::MissingUpgrade,
        HandshakeError::MissingConnectionUpgrade,
        HandshakeError::WebSocketVersion(None),
        HandshakeError::DuplicateHeader(header::UPGRADE),
        HandshakeError::InvalidKey,
        HandshakeError::RequestBody,
        HandshakeError::InvalidSubprotocols,
        HandshakeError::InvalidExtensions,
        HandshakeError::AcceptMismatch,
        HandshakeError::UnrequestedSubprotocol,
        HandshakeError::UnrequestedExtension,
        HandshakeError::UnacceptableParameters,
        HandshakeError::NoExtendedConnect,
        HandshakeError::UnexpectedResponse,
    ];
    for error in last {
        assert!(!error.is_transient(), "{error}");
        assert!(!Error::from(error).is_transient());
    }
}

#[test]
fn of_refusals_those_that_are_about_the_moment_may_pass() {
    for status in 100..600 {
        let expected = matches!(status, 408 | 425 | 429 | 500..=599);
        assert_eq!(refused(status).is_transient(), expected, "{status}");
    }
}

#[test]
fn of_errors_those_of_the_transport_and_of_time_may_pass() {
    let close = |code: u16| Error::ClosedEarly(Some(Box::new(CloseFrame::new(code, ""))));
    let transient = [
        io::Error::from(io::ErrorKind::ConnectionRefused).into(),
        io::Error::other("no such host").into(),
        Error::AbnormalClosure(EndOfStream::InsidePayload),
        Error::KeepaliveTimeout,
        Error::SendTimeout,
        Error::CloseTimeout,
        Error::ClosedEarly(None),
        close(1012),
    ];
    for error in transient {
        assert!(error.is_transient(), "{error}");
        assert!(Disconnect::Failed(error).is_transient());
    }
    let last = [
        Error::from(UsageError::InvalidUri),
        UsageError::NotConnected.into(),
        ProtocolError::InvalidUtf8.into(),
        LimitError::MessageTimeout.into(),
        close(1000),
        close(4000),
    ];
    for error in last {
        assert!(!error.is_transient(), "{error}");
        assert!(!Disconnect::Failed(error).is_transient());
    }
}

#[test]
fn section_7_4_of_closes_those_that_are_about_the_peer_may_pass() {
    for number in 0..=5_000 {
        let code = CloseCode::new(number);
        let expected = matches!(number, 1001 | 1005 | 1006 | 1011..=1014);
        assert_eq!(code.is_transient(), expected, "{code}");
        let closed = Disconnect::Closed(Some(CloseFrame::new(code, "")));
        assert_eq!(closed.is_transient(), expected, "{code}");
    }
    assert!(Disconnect::Closed(None).is_transient());
}

#[test]
fn what_is_shown_says_why() {
    let shown = |disconnect: Disconnect| disconnect.to_string();
    assert_eq!(shown(Disconnect::Closed(None)), "closed without a code");
    let frame = CloseFrame::new(1012, "back soon");
    assert_eq!(shown(Disconnect::Closed(Some(frame))), "closed with 1012 (\"back soon\")");
    let error = Disconnect::Failed(Error::KeepaliveTimeout);
    assert_eq!(error.to_string(), Error::KeepaliveTimeout.to_string());
    assert!(error.error().is_some());
    assert_eq!(UsageError::NotConnected.to_string(), "there is no connection at present");
    let io = io::Error::from(Error::from(UsageError::NotConnected));
    assert_eq!(io.kind(), io::ErrorKind::NotConnected);
}
