//! The rules of the opening handshake over HTTP/1.1 through real hyper and the extractor: the rows that
//! `HandshakeCodec` is held to, as bytes (RFC 6455 section 4.2.1). Where hyper is of another mind, the row says so.

#[path = "../../tests/support/head_lines.rs"]
mod head_lines;
#[path = "../../tests/support/request_rules.rs"]
mod request_rules;
#[path = "support/served.rs"]
mod served;

use bowline::HandshakeError;
use head_lines::{REQUEST, head};
use request_rules::{ByHyper, OTHERS, Row, Verdict};
use served::{Answer, Arrival, PIPE, echoes, exchange, masked, read_head, rest_of, served, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The keys of the rows, and what belongs to them (section 4.2.2).
const ACCEPTS: [(&str, &str); 2] = [
    ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("AQIDBAUGBwgJCgsMDQ4PEC==", "OfS0wDaT5NoxF2gqm7Zj2YtetzM="),
];

/// Each row whole, and one byte at a time.
async fn check(rows: Vec<Row>) {
    for row in rows {
        check_row(&row, Arrival::Whole).await;
        if row.wire.len() < 4000 {
            check_row(&row, Arrival::ByteByByte).await;
        }
    }
}

async fn check_row(row: &Row, arrival: Arrival) {
    let mut io = served(echoes(), PIPE);
    let shown: String = row.wire.escape_ascii().map(char::from).take(400).collect();
    match (&row.by_hyper, &row.verdict) {
        (ByHyper::Silent, _) => {
            io.write_all(&row.wire).await.expect("taken");
            io.shutdown().await.expect("an end");
            assert_eq!(rest_of(&mut io).await, b"", "{shown}");
        }
        (ByHyper::Http2, _) => {
            let (mut from, mut to) = tokio::io::split(io);
            let mut frame = [0; 9];
            let both = async { tokio::join!(to.write_all(&row.wire), from.read_exact(&mut frame)) };
            within(both).await.1.expect("a frame");
            assert_eq!(frame[3], 4, "{shown}: SETTINGS come first");
        }
        (by_hyper, verdict) => {
            let answer = exchange(&mut io, &row.wire, arrival).await;
            let answer = answer.unwrap_or_else(|| panic!("no answer to {shown}"));
            match (by_hyper, verdict) {
                (ByHyper::Accepted, _) | (ByHyper::Same, Verdict::Accepted) => {
                    check_accepted(&answer, &shown);
                    check_echo(&mut io, &shown).await;
                }
                (ByHyper::Refused(status), _) => {
                    assert_eq!((answer.status, answer.body()), (*status, ""), "{shown}");
                }
                (ByHyper::Another(error, status), _) | (_, Verdict::Refused(error, status)) => {
                    check_refused(&answer, error, *status, &shown);
                    assert_eq!(rest_of(&mut io).await, b"", "{shown}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn check_accepted(answer: &Answer, shown: &str) {
    let Answer { status, headers, .. } = answer;
    assert_eq!(*status, 101, "{answer:?} to {shown}");
    assert_eq!(headers["upgrade"], "websocket", "{shown}");
    assert_eq!(headers["connection"], "Upgrade", "{shown}");
    let (_, accept) = ACCEPTS.iter().find(|(key, _)| shown.contains(key)).expect("a key");
    assert_eq!(headers["sec-websocket-accept"], accept, "{shown}");
    for absent in ["protocol", "extensions", "version"] {
        assert!(!headers.contains_key(format!("sec-websocket-{absent}")), "{answer:?}");
    }
}

fn check_refused(answer: &Answer, error: &HandshakeError, status: u16, shown: &str) {
    assert_eq!(answer.status, status, "{answer:?} to {shown}");
    let expected = error.response();
    for (name, value) in expected.headers() {
        assert_eq!(answer.headers.get(name), Some(value), "{name}: {shown}");
    }
    match status {
        405 => assert_eq!(answer.headers["allow"], "GET"),
        426 => {
            assert_eq!(answer.headers["sec-websocket-version"], "13");
            assert_eq!(answer.headers["upgrade"], "websocket");
            assert_eq!(answer.headers["connection"], "upgrade, close");
        }
        _ => assert_eq!(answer.headers["connection"], "close"),
    }
    let body = if shown.starts_with("HEAD") { "" } else { &format!("{error}\n") };
    assert_eq!(answer.body(), body, "{shown}");
}

/// A connection that was accepted is one.
async fn check_echo(io: &mut DuplexStream, shown: &str) {
    let (mut from, mut to) = tokio::io::split(io);
    let wire = [masked(0x81, b"Hello"), masked(0x88, b"\x03\xe8")].concat();
    let (written, rest) = tokio::join!(to.write_all(&wire), rest_of(&mut from));
    written.expect("taken");
    assert_eq!(rest, b"\x81\x05Hello\x88\x02\x03\xe8", "{shown}");
}

macro_rules! tables {
    ($($name:ident: $table:ident;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            check(request_rules::$table()).await;
        }
    )*};
}

tables! {
    section_4_2_1_headers_in_all_their_spellings: spellings;
    section_4_2_1_request_lines: request_lines;
    section_4_2_1_bytes_of_http_2: bytes_of_http2;
    section_4_2_1_host: hosts;
    section_4_2_1_upgrade_is_a_list_of_tokens: upgrades;
    section_4_2_1_connection_is_a_list_of_tokens: connections;
    section_4_2_1_key: keys;
    section_4_4_versions: versions;
    section_4_2_1_a_body_would_be_taken_for_frames: bodies;
    rfc_9112_malformed_heads: malformed;
    section_10_4_heads_of_16_kib_and_100_headers: sizes;
    section_10_4_an_endless_head_is_refused_without_its_end: endless;
}

#[tokio::test(start_paused = true)]
async fn rfc_9110_any_other_request_is_told_what_is_spoken_here() {
    for (line, wire, behind) in OTHERS {
        for arrival in [Arrival::Whole, Arrival::ByteByByte] {
            let mut io = served(echoes(), PIPE);
            let answer =
                exchange(&mut io, &[wire, behind].concat(), arrival).await.expect("an answer");
            check_refused(&answer, &HandshakeError::NotWebSocket, 426, line);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn section_4_2_2_bytes_behind_the_head_are_frames() {
    let frames = [
        masked(0x01, b"Hel"),
        masked(0x89, b"ping"),
        masked(0x80, b"lo"),
        masked(0x82, &[7; 3000]),
        masked(0x88, b"\x03\xe8"),
    ]
    .concat();
    let echoed =
        [&b"\x8a\x04ping\x81\x05Hello\x82\x7e\x0b\xb8"[..], &[7; 3000], b"\x88\x02\x03\xe8"]
            .concat();
    let wire = [head(&REQUEST), frames].concat();
    // What comes with the request, and what comes while it is being answered, at every place.
    let heads = head(&REQUEST).len();
    let splits = [heads, heads + 1, heads + 2, heads + 7, heads + 20, heads + 1000, wire.len()];
    for split in splits {
        let mut io = served(echoes(), PIPE);
        io.write_all(&wire[..split]).await.expect("taken");
        let answer = within(read_head(&mut io)).await.expect("an answer");
        check_accepted(&answer, &String::from_utf8_lossy(&head(&REQUEST)));
        io.write_all(&wire[split..]).await.expect("taken");
        let rest = rest_of(&mut io).await;
        assert!(rest == echoed, "split at {split}: {}", rest.escape_ascii());
    }
    for arrival in [Arrival::Whole, Arrival::ByteByByte] {
        let mut io = served(echoes(), PIPE);
        let answer = exchange(&mut io, &wire, arrival).await;
        assert_eq!(answer.expect("an answer").status, 101);
        assert!(rest_of(&mut io).await == echoed, "{arrival:?}");
    }
}
