//! The table of cases that bowline and the peers share, and payloads.

use bowline::{CloseCode, CloseFrame, Message};
use bytes::Bytes;
use serde_json::Value;

/// What a peer says when each of its pings was answered with the same payload.
pub(crate) const PONGS_CAME: &str = "pongs came";

/// The body of the refusal at `/401`.
pub(crate) const REFUSAL: &str = "who are you?";

/// What each server adds to its response, beside `X-Interop` with its own name.
pub(crate) const COOKIES: [&str; 2] = ["a=1", "b=2"];

fn table(name: &str) -> Value {
    let mut cases: Value =
        serde_json::from_str(include_str!("cases.json")).expect("cases.json is JSON");
    cases[name].take()
}

/// Lengths of messages, in bytes.
pub(crate) fn sizes() -> Vec<usize> {
    serde_json::from_value(table("sizes")).expect("sizes")
}

/// Texts that are not ASCII.
pub(crate) fn texts() -> Vec<String> {
    serde_json::from_value(table("texts")).expect("texts")
}

/// Payloads of pings.
pub(crate) fn pings() -> Vec<Bytes> {
    let sizes: Vec<usize> = serde_json::from_value(table("pings")).expect("pings");
    sizes.into_iter().map(binary).collect()
}

/// What every peer checks as a client, in order.
pub(crate) fn client_checks() -> Vec<String> {
    serde_json::from_value(table("client_checks")).expect("client_checks")
}

/// A close as the peers note it: 1005 for a Close without a code, 1006 for none.
pub(crate) type Close = (u16, String);

/// The closes that either end makes.
pub(crate) fn closes() -> Vec<Close> {
    serde_json::from_value(table("closes")).expect("closes")
}

/// A Close's body as the peers note it.
pub(crate) fn noted(frame: Option<&CloseFrame>) -> Close {
    let no_code = (CloseCode::NO_STATUS.into(), String::new());
    frame.map_or(no_code, |frame| (frame.code.into(), frame.reason.to_string()))
}

/// The Close that is noted so.
pub(crate) fn close_message((code, reason): &Close) -> Message {
    if CloseCode::NO_STATUS == *code {
        return Message::Close(None);
    }
    Message::close(*code, reason)
}

/// Bytes of every value.
pub(crate) fn binary(size: usize) -> Bytes {
    (0..=u8::MAX).cycle().take(size).collect()
}

/// Text of this many bytes, with code points of one to four.
pub(crate) fn text(size: usize) -> String {
    "aé€😀".repeat(size / 10) + &"x".repeat(size % 10)
}

/// Messages to be sent without waiting for an answer, all of different sizes.
pub(crate) fn burst() -> Vec<Message> {
    let count: usize = serde_json::from_value(table("burst")).expect("burst");
    let message =
        |size| -> Message { if size % 2 == 0 { text(size).into() } else { binary(size).into() } };
    (0..count).map(message).collect()
}

/// The text that comes in fragments.
pub(crate) fn fragmented_text() -> String {
    serde_json::from_value(table("fragments")["text"].take()).expect("fragments.text")
}

/// Its pieces: the first is empty, and many end inside a code point.
pub(crate) fn fragments() -> Vec<Bytes> {
    let size = serde_json::from_value(table("fragments")["size"].take()).expect("fragments.size");
    let text = fragmented_text();
    let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
    std::iter::once(Bytes::new()).chain(pieces).collect()
}

/// The reason as a path's segment.
pub(crate) fn percent_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The other way round.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        decoded.push(u8::from_str_radix(digits, 16).expect("two digits after the percent sign"));
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).expect("a path in UTF-8")
}
