//! What a client offers, and which responses it accepts.

use bowline::{Deflate, HandshakeCodec, UsageError, handshake::Client};
use bytes::BytesMut;
use http::Request;
use tokio_util::codec::{Decoder, Encoder};

use crate::{
    DROPPED, KEPT, NEW, agreed,
    codec::{Failure, every_way},
    deflate::extensions_in,
    heads::{Head, Heads, RESPONSE, head, sample_key},
};

/// A client that wishes for this, and has asked; with what it has offered. The value, where there is one,
/// is offered by hand besides.
fn asking(
    deflate: Deflate,
    by_hand: Option<&str>,
) -> Result<(HandshakeCodec<Client>, String), Failure> {
    let mut codec = HandshakeCodec::client().with_keys(sample_key).with_deflate(deflate);
    let mut request = Request::get("ws://server.example.com/chat");
    if let Some(value) = by_hand {
        request = request.header("Sec-WebSocket-Extensions", value);
    }
    let mut wire = BytesMut::new();
    codec.encode(request.body(()).expect("a request"), &mut wire)?;
    Ok((codec, extensions_in(&wire)))
}

#[test]
fn section_7_1_what_is_offered() {
    const PLAIN: &str = "permessage-deflate; client_max_window_bits";
    let table = [
        // What a peer without an opinion gets: just what Chromium sends.
        (NEW, PLAIN),
        (NEW.with_server_context_takeover(KEPT).with_client_context_takeover(KEPT), PLAIN),
        (NEW.with_server_max_window_bits(15).with_client_max_window_bits(15), PLAIN),
        (NEW.with_server_max_window_bits(99).with_client_max_window_bits(99), PLAIN),
        (NEW.with_level(1).with_memory_level(1).with_threshold(0), PLAIN),
        (
            NEW.with_server_context_takeover(DROPPED),
            "permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ),
        (
            NEW.with_client_context_takeover(DROPPED),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        ),
        (
            NEW.with_server_max_window_bits(8),
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
        ),
        (
            NEW.with_server_max_window_bits(0),
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
        ),
        (NEW.with_client_max_window_bits(14), "permessage-deflate; client_max_window_bits=14"),
        (NEW.with_client_max_window_bits(7), "permessage-deflate; client_max_window_bits=8"),
        (
            Deflate::low_memory(),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; \
            client_no_context_takeover; client_max_window_bits",
        ),
        (
            Deflate::low_memory().with_server_max_window_bits(10).with_client_max_window_bits(11),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; \
            client_no_context_takeover; client_max_window_bits=11",
        ),
    ];
    for (deflate, offer) in table {
        assert_eq!(asking(deflate, None).expect("a request").1, offer);
    }
}

/// What a client with this wish makes of the response: what it has agreed on, or its error's `Debug`.
#[track_caller]
fn judged(deflate: Deflate, lines: &[&str]) -> Result<String, String> {
    judged_beside(deflate, None, lines)
}

#[track_caller]
fn judged_beside(
    deflate: Deflate,
    by_hand: Option<&str>,
    lines: &[&str],
) -> Result<String, String> {
    let lines: Vec<_> =
        lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let wire = head(&[&RESPONSE[..], &lines].concat());
    let codec = || asking(deflate, by_hand).expect("a request").0;
    let outcome = every_way(|| Heads::new(codec()), &wire);
    let mut codec = codec();
    match codec.decode(&mut BytesMut::from(&wire[..])) {
        Ok(response) => {
            assert!(response.is_some() && matches!(outcome.items[..], [Head::Response { .. }]));
            Ok(agreed(codec.into()))
        }
        Err(error) => {
            let failure = Failure::from(error);
            assert_eq!(outcome.failure.as_ref(), Some(&failure));
            // What was not agreed on is not there either.
            assert_eq!(agreed(codec.into()), "");
            match failure {
                Failure::Handshake(error) => Err(error),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn section_7_1_responses_that_answer_the_offer() {
    let responses = [
        "permessage-deflate",
        // "A server may include ... even if the extension negotiation offer ... doesn't" (7.1.1.1, 7.1.1.2,
        // 7.1.2.1).
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=15",
        // The websockets package
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        // Autobahn, cases 13.5 and 13.6
        "permessage-deflate; client_no_context_takeover; client_max_window_bits=8",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits=15",
        // uWebSockets
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    ];
    for response in responses {
        assert_eq!(judged(NEW, &[response]), Ok(response.into()));
    }
    let spelled = [
        ("Permessage-Deflate; CLIENT_max_WINDOW_bits=10", "client_max_window_bits"),
        ("permessage-deflate ;\tserver_max_window_bits=\"10\"", "server_max_window_bits"),
        (",, permessage-deflate; client_max_window_bits = \"\\1\\0\" ,", "client_max_window_bits"),
    ];
    for (response, name) in spelled {
        let agreed = judged(NEW, &[response]).expect("acceptable").to_lowercase();
        assert_eq!(agreed, format!("permessage-deflate; {name}=10"), "{response}");
    }
    // No answer is one too.
    for lines in [&[][..], &[""], &[","]] {
        assert_eq!(judged(NEW, lines), Ok(String::new()), "{lines:?}");
    }
}

#[test]
fn section_7_1_responses_that_are_not_understood() {
    let parameters = [
        "unknown",
        "unknown=1",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=999",
        "server_max_window_bits=-1",
        "server_max_window_bits=+9",
        "server_max_window_bits=\"08\"",
        // "MUST include a value" (7.1.2.2)
        "client_max_window_bits",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=999",
        "client_max_window_bits=+9",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=10; client_max_window_bits=10",
        "client_max_window_bits=10; client_max_window_bits",
    ];
    for parameter in parameters {
        let response = format!("permessage-deflate; {parameter}");
        let error = judged(NEW, &[&response]).expect_err(parameter);
        assert_eq!(error, "UnacceptableParameters", "{parameter}");
    }
}

const REFUSED: Result<(), &str> = Err("UnacceptableParameters");

#[test]
fn section_7_1_demands_have_to_be_met() {
    let server_drops = NEW.with_server_context_takeover(DROPPED);
    let client_drops = NEW.with_client_context_takeover(DROPPED);
    let (server_10, client_10) =
        (NEW.with_server_max_window_bits(10), NEW.with_client_max_window_bits(10));
    let table = [
        (server_drops, "", REFUSED),
        (server_drops, "; client_no_context_takeover", REFUSED),
        (server_drops, "; server_no_context_takeover", Ok(())),
        // A wish to keep is none that a server has to grant.
        (NEW.with_server_context_takeover(KEPT), "; server_no_context_takeover", Ok(())),
        // A hint: the client will drop its context anyway.
        (client_drops, "", Ok(())),
        (client_drops, "; client_no_context_takeover", Ok(())),
        (NEW.with_client_context_takeover(KEPT), "; client_no_context_takeover", Ok(())),
        (server_10, "", REFUSED),
        (server_10, "; server_max_window_bits=11", REFUSED),
        (server_10, "; server_max_window_bits=15", REFUSED),
        (server_10, "; server_max_window_bits=10", Ok(())),
        (server_10, "; server_max_window_bits=8", Ok(())),
        (server_10, "; client_max_window_bits=10", REFUSED),
        // The client keeps to what it offered where the server says nothing of it.
        (client_10, "", Ok(())),
        (client_10, "; client_max_window_bits=10", Ok(())),
        (client_10, "; client_max_window_bits=8", Ok(())),
        (client_10, "; client_max_window_bits=11", REFUSED),
        (client_10, "; client_max_window_bits=15", REFUSED),
        (client_10, "; client_max_window_bits", REFUSED),
        (
            server_10.with_server_context_takeover(DROPPED),
            "; server_max_window_bits=9; server_no_context_takeover",
            Ok(()),
        ),
        (server_10.with_server_context_takeover(DROPPED), "; server_max_window_bits=9", REFUSED),
    ];
    for (deflate, parameters, expected) in table {
        let response = format!("permessage-deflate{parameters}");
        let result = judged(deflate, &[&response]);
        let expected = expected.map(|()| response).map_err(str::to_owned);
        assert_eq!(result, expected, "{deflate:?}");
    }
}

#[test]
fn section_5_what_was_never_offered_or_is_there_twice() {
    let table: [(&[&str], &str); 10] = [
        (&["x-webkit-deflate-frame"], "UnrequestedExtension"),
        (&["permessage-bzip2"], "UnrequestedExtension"),
        (&["permessage-deflate, x-one"], "UnrequestedExtension"),
        (&["permessage-deflate", "x-one"], "UnrequestedExtension"),
        (&["permessage-deflate, permessage-deflate"], "UnacceptableParameters"),
        (&["permessage-deflate", "permessage-deflate"], "UnacceptableParameters"),
        (&["permessage-deflate", "PERMESSAGE-DEFLATE; a"], "UnacceptableParameters"),
        (&["permessage-deflate;"], "InvalidExtensions"),
        (&["permessage-deflate; client_max_window_bits="], "InvalidExtensions"),
        (&["permessage-deflate; client_max_window_bits=\"\""], "InvalidExtensions"),
    ];
    for (lines, error) in table {
        assert_eq!(judged(NEW, lines), Err(error.into()), "{lines:?}");
    }
    // Nor is it there for a client that has not asked for it.
    let mut codec = crate::heads::client(&[("sec-websocket-extensions", "x-one")]);
    let wire = head(&[&RESPONSE[..], &["Sec-WebSocket-Extensions: permessage-deflate"]].concat());
    let error = codec.decode(&mut BytesMut::from(&wire[..])).map_err(Failure::from);
    assert_eq!(error.err(), Some(Failure::Handshake("UnrequestedExtension".into())));
}

#[test]
fn rfc_6455_section_9_1_commas_without_end() {
    let value = format!("{}permessage-deflate{}", ",".repeat(8_000), ",".repeat(8_000));
    assert_eq!(judged(NEW, &[&value]), Ok("permessage-deflate".into()));
    let value = format!("{}permessage-deflate", ",".repeat(100_000));
    assert_eq!(judged(NEW, &[&value]), Err("HeadTooLarge(16384)".into()));
}

#[test]
fn section_5_by_hand_or_by_configuration() {
    for value in ["permessage-deflate", "x-one, PERMESSAGE-DEFLATE", "permessage-deflate; a=b"] {
        let error = asking(NEW, Some(value)).err();
        assert_eq!(error, Some(Failure::Usage(UsageError::ReservedHeader)), "{value}");
    }
    let (_, offer) = asking(NEW, Some("x-one; a=1")).expect("a request");
    assert_eq!(offer, "x-one; a=1, permessage-deflate; client_max_window_bits");
    for lines in [&["x-one, permessage-deflate"][..], &["x-one", "permessage-deflate"]] {
        let agreed = judged_beside(NEW, Some("x-one; a=1"), lines);
        assert_eq!(agreed, Ok("x-one, permessage-deflate".into()));
    }
    assert_eq!(judged_beside(NEW, Some("x-one; a=1"), &["x-one"]), Ok("x-one".into()));
}
