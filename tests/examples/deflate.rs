//! What compresses: the echo server and the client where they are told to, the chat for whoever offers it.

use bowline::{Deflate, Frame, FrameCodec, HandshakeCodec, OpCode, ReservedBits};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

use super::*;

/// What browsers offer, and what a server answers that has been told nothing more than to compress.
const OFFER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str = "permessage-deflate; server_no_context_takeover";

/// A client that compresses with its own hands.
struct Raw {
    frames: Framed<TcpStream, FrameCodec>,
    /// The response's header; empty where it is not there.
    agreed: String,
    compress: Compress,
}

impl Raw {
    async fn connect(uri: &str, offer: Option<&str>) -> Self {
        let address = uri.trim_start_matches("ws://").split('/').next().unwrap();
        let tcp = within(TcpStream::connect(address)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut http = Framed::new(tcp, HandshakeCodec::client());
        let mut request = http::Request::get(uri).body(()).unwrap();
        if let Some(offer) = offer {
            request.headers_mut().insert("sec-websocket-extensions", offer.parse().unwrap());
        }
        within(http.send(request)).await.unwrap();
        let response = within(http.next()).await.unwrap().unwrap();
        let agreed = response.headers().get("sec-websocket-extensions");
        let agreed = agreed.map_or("", |value| value.to_str().unwrap()).to_owned();
        let frames = http.map_codec(|codec| match agreed.as_str() {
            "" => FrameCodec::from(codec),
            _ => FrameCodec::from(codec).with_reserved_bits(ReservedBits::RSV1),
        });
        Self { frames, agreed, compress: Compress::new(Compression::default(), false) }
    }

    /// Sends a compressed text, with context kept (RFC 7692 section 7.2.1); gives its length on the wire.
    async fn send_compressed(&mut self, text: &str) -> usize {
        let mut payload = Vec::with_capacity(text.len() + 64);
        self.compress.compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync).unwrap();
        assert_eq!(payload.split_off(payload.len() - 4), [0x00, 0x00, 0xff, 0xff]);
        let length = payload.len();
        let frame = Frame::new(OpCode::TEXT, payload).with_reserved(ReservedBits::RSV1);
        within(self.frames.send(frame)).await.unwrap();
        length
    }

    async fn send_as_it_is(&mut self, text: &str) {
        let frame = Frame::new(OpCode::TEXT, text.to_owned());
        within(self.frames.send(frame)).await.unwrap();
    }

    /// The next text, and how it came.
    async fn receive(&mut self) -> Received {
        let frame = within(self.frames.next()).await.unwrap().unwrap();
        assert_eq!((frame.opcode(), frame.is_final()), (OpCode::TEXT, true), "{frame:?}");
        let is_compressed = frame.reserved() == ReservedBits::RSV1;
        let length = frame.payload().len();
        let content =
            if is_compressed { inflate(frame.payload()) } else { frame.payload().to_vec() };
        Received { text: String::from_utf8(content).unwrap(), length, is_compressed }
    }
}

#[derive(Debug)]
struct Received {
    text: String,
    length: usize,
    is_compressed: bool,
}

/// Inflates a message that refers to none before it.
fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(1 << 20);
    let whole = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
    let mut decompress = Decompress::new(false);
    decompress.decompress_vec(&whole, &mut content, FlushDecompress::Sync).unwrap();
    assert_eq!(decompress.total_in(), whole.len() as u64);
    content
}

async fn compressing_echo_server() -> Service {
    Service::start_with("echo_server", &["--deflate"], "echo_server: ").await
}

#[tokio::test]
async fn echo_server_agrees_to_compression_only_if_told_and_asked() {
    let (plain, compressing) = (echo_server().await, compressing_echo_server().await);
    for (server, offer, agreed) in [
        (&compressing, Some(OFFER), AGREED),
        (&compressing, None, ""),
        (&compressing, Some("permessage-deflate; unknown"), ""),
        (&plain, Some(OFFER), ""),
        (&plain, None, ""),
    ] {
        let mut client = Raw::connect(&server.address, offer).await;
        assert_eq!(client.agreed, agreed, "{offer:?}");
        let text = "over and ".repeat(100);
        client.send_as_it_is(&text).await;
        let echo = client.receive().await;
        assert_eq!(echo.is_compressed, !agreed.is_empty(), "{offer:?}: {echo:?}");
        assert_eq!(echo.text, text);
    }
}

#[tokio::test]
async fn echo_server_compresses_what_is_long_enough_and_keeps_no_context() {
    let server = compressing_echo_server().await;
    let mut client = Raw::connect(&server.address, Some(OFFER)).await;
    let long: String = (1000..1100).map(|number| format!("{number}; ")).collect();
    let mut lengths = Vec::new();
    for (text, is_compressed) in
        [("Hello", false), ("Hello", false), ("", false), (&long, true), (&long, true)]
    {
        lengths.push(client.send_compressed(text).await);
        let echo = client.receive().await;
        assert_eq!((echo.text.as_str(), echo.is_compressed), (text, is_compressed));
        assert!(!is_compressed || echo.length < text.len() / 2, "{echo:?}");
    }
    // This end has kept its context, and the server has understood it.
    assert!(lengths[4] < lengths[3] / 4, "{lengths:?}");
}

#[tokio::test]
async fn client_shows_what_compression_was_agreed_on() {
    let (plain, compressing) = (echo_server().await, compressing_echo_server().await);
    let agreed = format!("101 Switching Protocols, subprotocol none\nextension {AGREED}\n");
    let none = "101 Switching Protocols, subprotocol none\n";
    let declined = format!("{none}no compression: the server has none to offer\n");
    for (server, arguments, stderr) in [
        (&compressing, &["--deflate"][..], agreed.as_str()),
        (&compressing, &[], none),
        (&plain, &["--deflate"], &declined),
    ] {
        let line = "all the same ".repeat(1000);
        let arguments = [&[server.address.as_str(), "--interactive"], arguments].concat();
        let run = run("client", &arguments, format!("hello\n{line}\n/ping\n{line}\n")).await;
        run.assert_status(0);
        assert_eq!(run.stderr, stderr);
        let lines: Vec<&str> =
            run.stdout.lines().filter(|line| !line.starts_with("pong")).collect();
        let echo = format!("text   {line}");
        assert_eq!(lines, ["text   hello", &echo, &echo, "close  1000"]);
    }
}

#[tokio::test]
async fn client_offers_compression_only_if_told() {
    for (arguments, expected) in [(&["--deflate"][..], Some(OFFER)), (&[], None)] {
        let (offered, run) = client::serve(arguments, async |tcp, child| {
            drop(child.stdin.take());
            let pending = Server::new().deflate(Deflate::new()).receive(tcp).await?;
            let offered = pending.headers().get("sec-websocket-extensions").cloned();
            let mut ws = pending.accept().await?;
            while let Some(message) = ws.next().await {
                message?;
            }
            Ok(offered)
        })
        .await;
        run.assert_status(0);
        assert_eq!(offered.as_ref().map(|value| value.to_str().unwrap()), expected);
    }
}

/// A large file through two ends that compress: while one message is being sent others have to be read.
#[tokio::test]
async fn client_sends_a_large_file_compressed_through_an_echo_server() {
    let server = compressing_echo_server().await;
    let line: String = (0..60_000).map(|number| format!("{number} ")).collect();
    let input = format!("{line}\n").repeat(4);
    let run = run("client", &[&server.address, "--deflate"], input).await;
    run.assert_status(0);
    assert!(run.stdout == format!("{line}\n").repeat(4));
}

async fn chat() -> Service {
    Service::start("chat", "chat: http://").await
}

/// Somebody in the chat; with an offer they compress what they say.
async fn join(chat: &Service, name: &str, offer: Option<&str>) -> Raw {
    let uri = format!("ws://{}ws", chat.address);
    let mut guest = Raw::connect(&uri, offer).await;
    assert_eq!(guest.agreed, if offer.is_some() { AGREED } else { "" });
    let request = json!({ "type": "join", "name": name }).to_string();
    say(&mut guest, &request).await;
    let welcome = read(&guest.receive().await);
    assert_eq!((&welcome["type"], &welcome["name"]), (&json!("welcome"), &json!(name)));
    assert_eq!(read(&guest.receive().await)["type"], "joined");
    guest
}

async fn say(guest: &mut Raw, text: &str) {
    if guest.agreed.is_empty() {
        guest.send_as_it_is(text).await;
    } else {
        guest.send_compressed(text).await;
    }
}

fn read(received: &Received) -> Value {
    serde_json::from_str(&received.text).unwrap_or_else(|error| panic!("{error}: {received:?}"))
}

#[tokio::test]
async fn chat_compresses_for_those_who_offer_it_and_for_nobody_else() {
    let chat = chat().await;
    let mut ada = join(&chat, "Ada", Some(OFFER)).await;
    let mut grace = join(&chat, "Grace", None).await;
    assert_eq!(read(&ada.receive().await)["type"], "joined");

    let long = "Grüße, こんにちは 👋🏽 ".repeat(50);
    for text in [long.as_str(), "short", long.as_str()] {
        let request = json!({ "type": "say", "text": text }).to_string();
        for speaker in ["Ada", "Grace"] {
            say(if speaker == "Ada" { &mut ada } else { &mut grace }, &request).await;
            let (to_ada, to_grace) = (ada.receive().await, grace.receive().await);
            for received in [&to_ada, &to_grace] {
                let said = read(received);
                assert_eq!((&said["type"], &said["name"]), (&json!("said"), &json!(speaker)));
                assert_eq!(said["text"], text);
            }
            assert_eq!(to_ada.text, to_grace.text);
            assert!(!to_grace.is_compressed, "{to_grace:?}");
            assert_eq!(to_ada.is_compressed, to_ada.text.len() >= 128, "{to_ada:?}");
            assert!(text == "short" || to_ada.length < to_grace.length / 5, "{to_ada:?}");
        }
    }
    // The history comes compressed too.
    let uri = format!("ws://{}ws", chat.address);
    let mut late = Raw::connect(&uri, Some(OFFER)).await;
    late.send_compressed(r#"{"type":"join","name":"Late"}"#).await;
    let welcome = late.receive().await;
    assert!(welcome.is_compressed && welcome.length < welcome.text.len() / 10, "{welcome:?}");
    assert_eq!(read(&welcome)["history"].as_array().unwrap().len(), 6);
}

/// RFC 7692 section 7.2.2: what can't be inflated is answered with 1007, and the room goes on without.
#[tokio::test]
async fn chat_refuses_corrupt_data_and_too_much_of_it() {
    let chat = chat().await;
    let uri = format!("ws://{}ws", chat.address);
    let corrupt: &[u8] = b"\xff\xff\xff\xff";
    let mut bomb = Vec::with_capacity(1 << 16);
    let zeros = vec![b' '; 1 << 20];
    Compress::new(Compression::best(), false)
        .compress_vec(&zeros, &mut bomb, FlushCompress::Sync)
        .unwrap();
    bomb.truncate(bomb.len() - 4);
    for (payload, code) in [(corrupt.to_vec(), 1007_u16), (bomb, 1009)] {
        let mut guest = Raw::connect(&uri, Some(OFFER)).await;
        let frame = Frame::new(OpCode::TEXT, payload).with_reserved(ReservedBits::RSV1);
        within(guest.frames.send(frame)).await.unwrap();
        let close = within(guest.frames.next()).await.unwrap().unwrap();
        assert_eq!(close.opcode(), OpCode::CLOSE);
        assert_eq!(close.payload()[..2], code.to_be_bytes());
    }
    join(&chat, "Ada", Some(OFFER)).await;
}
