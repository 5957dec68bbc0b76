//! Messages in pieces from one end to the other: what goes in comes out, however it is cut, compressed or
//! not, through whole connections and halves.

#[path = "support/deflate.rs"]
mod deflate;

use bowline::{
    Config, ContextTakeover, Deflate, Message, MessageCodec, MessageKind, Role, WebSocket,
};
use bytes::Bytes;
use deflate::handshake;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Framed};

/// What the two ends may have agreed on.
fn agreements() -> Vec<Option<Deflate>> {
    let mut all = vec![None];
    for context in [ContextTakeover::Kept, ContextTakeover::Dropped] {
        for bits in [8, 9, 12, 15] {
            let deflate = Deflate::new()
                .with_server_context_takeover(context)
                .with_client_context_takeover(context)
                .with_server_max_window_bits(bits)
                .with_client_max_window_bits(bits);
            all.push(Some(deflate));
        }
    }
    all
}

type Ends = (WebSocket<DuplexStream>, WebSocket<DuplexStream>);

fn ends(agreement: Option<Deflate>, config: &Config) -> Ends {
    let agreed = handshake(agreement, agreement);
    let (near, far) = duplex(10_000);
    let whole = |io, codec| {
        let framed: Framed<_, MessageCodec> = MessageCodec::from(codec).framed(io);
        WebSocket::from_framed(framed, config.clone())
    };
    (whole(near, agreed.server), whole(far, agreed.client))
}

/// Text that compresses, of characters with one to four bytes.
fn text(len: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        text.push_str(&format!("{n} aß€🦀 "));
        if text.len() >= len {
            return text;
        }
    }
    text
}

#[tokio::test]
async fn what_goes_in_in_pieces_comes_out_whole_and_in_pieces() {
    for agreement in agreements() {
        for len in [0, 1, 100, 5_000, 300_000] {
            let text = text(len);
            let (mut near, mut far) = ends(agreement, &Config::default());
            let sent = async {
                near.send("before").await.expect("open");
                let mut message = near.start_message(MessageKind::Text).await.expect("open");
                for piece in text.as_bytes().chunks(777) {
                    message.write_all(piece).await.expect("open");
                }
                message.finish().await.expect("open");
                near.send("between").await.expect("open");
                let pieces = text
                    .as_bytes()
                    .chunks(6_000)
                    .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
                near.send_stream(MessageKind::Text, stream::iter(pieces)).await.expect("open");
                near.send("after").await.expect("open");
            };
            let received = async {
                assert_eq!(far.next().await.expect("one").expect("fine"), Message::text("before"));
                let mut message = far.next_streamed().await.expect("one").expect("fine");
                assert_eq!(message.kind(), MessageKind::Text);
                let mut got = Vec::new();
                while let Some(piece) = message.next().await {
                    let piece = piece.expect("fine");
                    assert!(!piece.is_empty());
                    got.extend_from_slice(&piece);
                }
                assert!(got == text.as_bytes(), "{agreement:?} {len}");
                assert_eq!(far.next().await.expect("one").expect("fine"), Message::text("between"));
                let whole = far.next().await.expect("one").expect("fine");
                assert!(whole == Message::text(text.as_str()), "{agreement:?} {len}");
                assert_eq!(far.next().await.expect("one").expect("fine"), Message::text("after"));
            };
            tokio::join!(sent, received);
        }
    }
}

#[tokio::test]
async fn a_message_is_read_by_lines_and_by_bytes() {
    let (mut near, mut far) = ends(None, &Config::default());
    near.send("one\ntwo\nthree").await.expect("open");
    near.send(vec![7; 10]).await.expect("open");
    let message = far.next_streamed().await.expect("one").expect("fine");
    let mut lines = message.lines();
    let mut got = Vec::new();
    while let Some(line) = lines.next_line().await.expect("fine") {
        got.push(line);
    }
    assert_eq!(got, ["one", "two", "three"]);
    let mut bytes = Vec::new();
    let mut message = far.next_streamed().await.expect("one").expect("fine");
    message.read_to_end(&mut bytes).await.expect("fine");
    assert_eq!(bytes, [7; 10]);
    assert!(StreamExt::next(&mut message).await.is_none());
}

#[tokio::test]
async fn the_rest_of_a_message_that_is_not_read_is_skipped() {
    for agreement in agreements() {
        let (mut near, mut far) = ends(agreement, &Config::default());
        let sent = async {
            near.send(text(100_000)).await.expect("open");
            near.send(text(90_000)).await.expect("open");
            near.send(text(1_000)).await.expect("open");
            near.send("last").await.expect("open");
        };
        let received = async {
            let mut message = far.next_streamed().await.expect("one").expect("fine");
            message.next().await.expect("some").expect("fine");
            let second = far.next().await.expect("one").expect("fine");
            assert!(second == Message::text(text(90_000)), "{agreement:?}");
            drop(far.next_streamed().await.expect("one").expect("fine"));
            let mut message = far.next_streamed().await.expect("one").expect("fine");
            let mut got = String::new();
            message.read_to_string(&mut got).await.expect("fine");
            assert_eq!(got, "last", "{agreement:?}");
        };
        tokio::join!(sent, received);
    }
}

#[tokio::test]
async fn an_unfinished_message_ends_the_connection() {
    let (mut near, mut far) = ends(None, &Config::default());
    let mut message = near.start_message(MessageKind::Binary).await.expect("open");
    message.write_all(&[1; 50]).await.expect("open");
    message.flush().await.expect("open");
    drop(message);
    let received = async {
        let mut message = far.next_streamed().await.expect("one").expect("fine");
        assert_eq!(message.next().await.expect("some").expect("fine"), vec![1; 50]);
        let error = message.next().await.expect("an error").expect_err("half");
        assert!(
            matches!(error, bowline::Error::ClosedEarly(Some(ref frame)) if frame.code == 1011),
            "{error}"
        );
        assert!(far.next().await.is_none());
    };
    let closed = async {
        let close = near.next().await.expect("Close").expect("fine");
        assert!(matches!(&close, Message::Close(Some(frame)) if frame.code == 1011), "{close:?}");
        assert!(near.next().await.is_none());
    };
    tokio::join!(received, closed);
    assert_eq!(near.role(), Role::Server);
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_way_ends_on_its_own() {
    let (near, far) = ends(None, &Config::default());
    let mut near = near.into_byte_stream().with_half_close();
    let mut far = far.into_byte_stream().with_half_close();
    let data = text(500_000);
    let asks = async {
        near.write_all(data.as_bytes()).await.expect("open");
        near.shutdown().await.expect("open");
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.expect("an end");
        assert!(answer == data);
        near.close(1000, "").await.expect("a clean end");
    };
    let answers = async {
        let mut question = String::new();
        far.read_to_string(&mut question).await.expect("an end");
        far.write_all(question.as_bytes()).await.expect("open");
        far.shutdown().await.expect("open");
        far.close(1000, "").await.expect("a clean end");
    };
    tokio::join!(asks, answers);
}
