//! The grammar of `Sec-WebSocket-Extensions` and `Sec-WebSocket-Protocol` (RFC 6455 sections 9.1 and
//! 11.3), as a server and as a client.

#[path = "support/codec.rs"]
mod codec;
#[path = "support/grammar.rs"]
mod grammar;
#[path = "support/heads.rs"]
mod heads;

use bowline::HandshakeError;
use codec::Failure;
use grammar::{BAD, GOOD, PROTOCOLS_BAD, PROTOCOLS_GOOD};
use heads::{Head, REQUEST, RESPONSE, answered, head, offered, refused, serve};

const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The head with a line of this header for each value.
fn with_values(lines: &[&str], name: &str, values: &[&str]) -> Vec<u8> {
    let more: Vec<_> = values.iter().map(|value| format!("{name}: {value}")).collect();
    head(&lines.iter().copied().chain(more.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// The terms that a server reads.
#[track_caller]
fn offer(name: &str, values: &[&str]) -> Result<Vec<String>, Failure> {
    let outcome = serve(&with_values(&REQUEST, name, values));
    match (outcome.failure, &outcome.items[..]) {
        (Some(failure), []) => Err(failure),
        (None, [Head::WebSocket { terms, .. }]) => Ok(terms.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn section_9_1_offers_that_keep_the_grammar() {
    for (values, expected) in GOOD {
        let read = offer(EXTENSIONS, values).expect("good");
        assert_eq!(read, expected, "{values:?}");
    }
}

#[test]
fn section_9_1_offers_that_break_the_grammar() {
    for value in BAD {
        for values in [&[value][..], &["good", value], &[value, "good"]] {
            let expected = Failure::Handshake("InvalidExtensions".into());
            assert_eq!(offer(EXTENSIONS, values), Err(expected), "{values:?}");
        }
    }
}

#[test]
fn section_9_1_parameters_one_by_one() {
    let wire = with_values(&REQUEST, EXTENSIONS, &["a; b; c=d; b=\"\\e\"", "f"]);
    let (_, offer) = offered(&wire);
    let [a, f] = offer.extensions() else { panic!("{:?}", offer.extensions()) };
    assert_eq!((a.name(), f.name()), ("a", "f"));
    let parameters: Vec<_> = a.parameters().collect();
    assert_eq!(parameters, [("b", None), ("c", Some("d")), ("b", Some("e"))]);
    assert_eq!(f.parameters().count(), 0);
}

#[test]
fn section_9_1_responses_that_keep_the_grammar() {
    let offers = [(EXTENSIONS, "foo, a, mux, constructor, permessage-deflate, deflate-stream")];
    let chosen: [&[&str]; 7] = [
        &["foo"],
        &["FOO; bar=baz"],
        &["a; b=\"\\c\"; d", "foo"],
        &["mux; max-channels=4; flow-control, deflate-stream"],
        &["constructor; __proto__"],
        &[",, a ,"],
        &["permessage-deflate; server_max_window_bits=\"10\""],
    ];
    for values in chosen {
        let outcome = answered(&offers, &with_values(&RESPONSE, EXTENSIONS, values));
        assert_eq!((outcome.failure, outcome.items.len()), (None, 1), "{values:?}");
    }
}

#[test]
fn section_9_1_responses_that_break_the_grammar() {
    let offers = [(EXTENSIONS, "a, good")];
    for value in BAD {
        for values in [&[value][..], &["good", value], &[value, "good"]] {
            let outcome = answered(&offers, &with_values(&RESPONSE, EXTENSIONS, values));
            let expected = Failure::Handshake("InvalidExtensions".into());
            assert_eq!(outcome.failure, Some(expected), "{values:?}");
        }
    }
}

#[test]
fn section_9_1_lists_as_long_as_a_head_may_be() {
    let extensions = |value: &str| {
        let (_, offer) = offered(&with_values(&REQUEST, EXTENSIONS, &[value]));
        offer.extensions().iter().map(|extension| extension.parameters().count()).collect()
    };
    let none: Vec<usize> = extensions(&",".repeat(16_000));
    assert_eq!(none, [0; 0]);
    assert_eq!(extensions(&format!("{}a;b", ",".repeat(15_000))), [1]);
    assert_eq!(extensions(&"a;b,".repeat(4_000)), [1; 4_000]);
    assert_eq!(extensions(&format!("a{}", "; b".repeat(5_000))), [5_000]);

    let unclosed = format!("a; b=\"{}", "\\c".repeat(8_000));
    let (_, error) = refused(&with_values(&REQUEST, EXTENSIONS, &[&unclosed]));
    assert!(matches!(error, HandshakeError::InvalidExtensions));
    let (_, error) = refused(&with_values(&REQUEST, EXTENSIONS, &[&",".repeat(100_000)]));
    assert!(matches!(error, HandshakeError::HeadTooLarge(16_384)), "{error}");
}

#[test]
fn section_11_3_4_subprotocols_that_are_offered() {
    for (values, expected) in PROTOCOLS_GOOD {
        assert_eq!(offer(PROTOCOL, values).expect("good"), expected, "{values:?}");
    }
    for value in PROTOCOLS_BAD {
        let expected = Failure::Handshake("InvalidSubprotocols".into());
        assert_eq!(offer(PROTOCOL, &[value]), Err(expected.clone()), "{value:?}");
        assert_eq!(offer(PROTOCOL, &["good", value]), Err(expected), "{value:?}");
    }
}
