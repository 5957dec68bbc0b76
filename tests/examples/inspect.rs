//! The explainer of captured bytes.

use super::*;

/// Section 5.7's masked "Hello", and a longer one.
const HELLO: &str = "81 85 37 fa 21 3d 7f 9f 4d 51 58";
const HELLO_WORLD: &str = "81 8b 04 89 e4 29 4c ec 88 45 6b a9 93 46 76 e5 80";

async fn inspect(arguments: &[&str], capture: &str) -> Run {
    let run = run("inspect", arguments, capture).await;
    let widest = run.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{}", run.stdout);
    run
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn inspect_shows_every_field() {
    let run = inspect(&[], HELLO_WORLD).await;
    run.assert_status(0);
    let expected = "\
frames from the client

offset    bytes                    field        value
frame 1
       0  81                       FIN          1, the message ends here
                                   RSV1-3       0 0 0
                                   opcode       0x1, text
       1  8b                       MASK         1, by a client
                                   length       11, in 7 bits
       2  04 89 e4 29              masking key
       6  4c ec 88 45 6b a9 93 46  payload      11 bytes, masked
      14  76 e5 80
          \"Hello world\"
          message 1 (text), whole

1 frame, 1 message, no rule broken
unclosed: end of stream between frames, Close expected
";
    assert_eq!(run.stdout, expected);
}

#[tokio::test]
async fn inspect_reads_section_5_7() {
    let run = inspect(&[], "01 03 48 65 6c 89 05 48 65 6c 6c 6f 80 02 6c 6f 88 02 03 e8 00").await;
    run.assert_status(0);
    run.assert_prints("FIN          0, more fragments follow");
    run.assert_prints("fragment 1 of message 1 (text), 3 bytes so far");
    run.assert_prints("opcode       0x9, ping");
    run.assert_prints("between the fragments of message 1 (text)");
    run.assert_prints("fragment 2, the last, of message 1 (text): 5 bytes\n          \"Hello\"\n");
    run.assert_prints("code 1000, normal closure; no reason");
    run.assert_prints("4 frames, 1 message, no rule broken\n1 byte after Close, not read\n");

    let pong = inspect(&[], "8a 85 37 fa 21 3d 7f 9f 4d 51 58").await;
    pong.assert_prints("opcode       0xa, pong");
    pong.assert_prints("          \"Hello\"\n");

    let medium = inspect(&[], &format!("827e0100{}", "07".repeat(256))).await;
    medium.assert_status(0);
    medium.assert_prints("length       126: in the next 16 bits");
    medium.assert_prints("2  01 00                    length       256");
    medium.assert_prints("... 224 bytes more");

    let long = inspect(&[], &format!("827f0000000000010000{}", "07".repeat(65536))).await;
    long.assert_status(0);
    long.assert_prints("2  00 00 00 00 00 01 00 00  length       65536");
    long.assert_prints("message 1 (binary), whole");
}

#[tokio::test]
async fn inspect_reads_hex_and_base64_in_their_spellings() {
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x82\x80\x00\x00\x00\x00";
    let plain = inspect(&[], &hex(bytes)).await;
    plain.assert_status(0);
    plain.assert_prints("\"Hello\"");
    let spellings = [
        "81:85:37:FA:21:3D:7F:9F:4D:51:58:82:80:00:00:00:00",
        "0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,\n\
         0x82, 0x80, 0x00, 0x00, 0x00, 0x00\n",
        r"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x82\x80\x00\x00\x00\x00",
        "00000000: 8185 37fa 213d 7f9f 4d51 5882 8000 0000  ..7.!=..MQX.....\n\
         00000010: 00                                       .\n",
        "00000000  81 85 37 fa 21 3d 7f 9f  4d 51 58 82 80 00 00 00  |..7.!=..MQX.....|\n\
         00000010  00                                                |.|\n00000011\n",
        "\t0x0000:  8185 37fa 213d 7f9f 4d51 5882 8000 0000  ..7.!=..MQX.....\r\n\
         \t0x0010:  00                                       .\r\n",
        &STANDARD.encode(bytes),
        "gYU3-iE9f59NUViCgAAA\nAAA",
    ];
    for spelling in spellings {
        let run = inspect(&[], spelling).await;
        assert_eq!((run.status, &run.stdout), (Some(0), &plain.stdout), "{spelling}\n{run:?}");
    }
    for bad in ["", " \n", "8", "0x8 0x1", "81 05 4", "Hello!", "00000000  81 05  |..|\n*\n"] {
        let run = inspect(&[], bad).await;
        run.assert_status(2);
        assert_eq!(run.stdout, "", "{bad}");
        run.assert_complains("inspect: ");
    }
    inspect(&["--from", "nobody"], HELLO).await.assert_status(2);
}

#[tokio::test]
async fn inspect_says_which_rule_is_broken_and_how_it_is_answered() {
    let table = [
        ("client", "81 05 48 65 6c 6c 6f", "unmasked frame from a client", 1002),
        ("server", HELLO, "masked frame from a server", 1002),
        ("server", "c1 00", "reserved bits RSV1 set", 1002),
        ("server", "b2 00", "reserved bits RSV2+RSV3 set", 1002),
        ("server", "83 00", "reserved opcode 0x3 has no meaning", 1002),
        ("server", "82 7f 80 00 00 00 00 00 00 00", "payload length 0x8000000000000000", 1002),
        ("server", "82 7e 00 7d", "payload length 125 in more bytes than it needs", 1002),
        ("server", "09 00", "ping frame without FIN", 1002),
        ("server", "8a 7e 00 7e", "control frame of more than 125 bytes", 1002),
        ("server", "80 00", "continuation frame with no message open", 1002),
        ("server", "01 00 81 00", "text frame inside a fragmented message", 1002),
        ("server", "88 01 03", "close body of 1 byte", 1002),
        ("server", "88 02 03 ed", "close code 1005", 1002),
        ("server", "88 03 03 e8 ff", "close reason is not UTF-8", 1007),
        ("server", "81 02 c3 28", "text message is not UTF-8", 1007),
        ("server", "81 01 c3", "text message ends inside a code point", 1007),
        ("server", "01 01 c3 80 01 28", "text message is not UTF-8", 1007),
    ];
    for (from, capture, error, code) in table {
        let run = inspect(&["--from", from], capture).await;
        run.assert_status(1);
        run.assert_prints(&format!("\nBROKEN: {error}"));
        run.assert_prints(&format!("\nThe answer is Close {code}, "));
    }
    let bad_text = inspect(&[], "81 04 61 c3 28 07").await;
    bad_text.assert_prints(r#""a\xc3(\u{7}""#);
    inspect(&[], "c1 00").await.assert_prints("--deflate if that was agreed");
    inspect(&["--deflate"], "c1 00").await.assert_status(0);
}

/// Wherever a capture breaks off, what is there is shown and no rule is called broken.
#[tokio::test]
async fn inspect_says_what_is_missing_at_the_end() {
    let capture = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x02\xfe\0\x7e\x01\x02\x03\x04ab";
    let header = "inside a frame header";
    let payload = "inside a frame payload";
    for (len, missing, place) in [
        (1, "missing: at least 1 byte of header", header),
        (2, "missing: 4 bytes of header", header),
        (5, "missing: 1 byte of header", header),
        (6, "missing: 5 of 5 bytes", payload),
        (10, "missing: 1 of 5 bytes", payload),
        (12, "missing: at least 1 byte of header", header),
        (14, "missing: 5 bytes of header", header),
        (18, "missing: 1 byte of header", header),
        (19, "missing: 126 of 126 bytes", payload),
        (21, "missing: 124 of 126 bytes", payload),
    ] {
        let run = inspect(&["--from", "client"], &hex(&capture[..len])).await;
        run.assert_status(0);
        run.assert_prints(missing);
        run.assert_prints(&format!("unclosed: end of stream {place}"));
    }
    let unfinished = inspect(&[], "01 01 61 00 00").await;
    unfinished.assert_prints("unfinished message 1 (text): 2 fragments, and none with FIN\n");
    unfinished.assert_prints("inside a fragmented message");
}

#[tokio::test]
async fn inspect_goes_from_the_handshake_on_to_the_frames() {
    // Section 1.2.
    let request = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let run = inspect(&[], &(hex(request.as_bytes()) + HELLO)).await;
    run.assert_status(0);
    run.assert_prints("  GET /chat HTTP/1.1\n");
    run.assert_prints("  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n");
    run.assert_prints("frames from the client\n");
    run.assert_prints(&format!("{:>8}  81   ", request.len()));
    run.assert_prints("\"Hello\"");

    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    // RFC 7692 section 7.2.3.1.
    let compressed = "c1 07 f2 48 cd c9 c9 07 00";
    let run = inspect(&[], &(hex(response.as_bytes()) + compressed)).await;
    run.assert_status(0);
    run.assert_prints("if the accept value is right for the client's key");
    run.assert_prints("RSV1-3       1 0 0, RSV1");
    run.assert_prints("frames from the server\n");

    let without = |name: &str, head: &str| {
        let kept = head.split_inclusive("\r\n").filter(|line| !line.starts_with(name));
        hex(kept.collect::<String>().as_bytes())
    };
    for (capture, expected, status) in [
        (without("Connection", request), "BROKEN: the Connection header does not", 1),
        (without("Sec-WebSocket-V", request), "The answer is 426 Upgrade Required", 1),
        (without("Upgrade", response), "BROKEN: the Upgrade header does not", 1),
        (without("Sec-WebSocket-A", response), "BROKEN: the Sec-WebSocket-Accept is missing", 1),
        (hex(&request.as_bytes()[..100]), "The head is incomplete", 0),
        (hex(&response.as_bytes()[..100]), "The capture ends inside the HTTP head", 0),
        (hex(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "something else than a WebSocket", 0),
        (hex(b"HTTP/1.1 403 Forbidden\r\n\r\nno"), "No WebSocket: 403 Forbidden", 0),
    ] {
        let run = inspect(&[], &capture).await;
        run.assert_status(status);
        run.assert_prints(expected);
        assert!(!run.stdout.contains("frame 1"), "{}", run.stdout);
    }
}
