//! A server's opening handshake, for those who leave it to the caller.

use std::io;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::setting::Setting;

/// Answers the request with the extension that the load has offered, which is what every row wants.
///
/// In a box, so that the task of an open connection has no room for what this needs.
pub(super) async fn answer<T>(io: &mut T, setting: Setting) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    Box::pin(read_and_answer(io, setting)).await
}

async fn read_and_answer<T>(io: &mut T, setting: Setting) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if io.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let key = key.ok_or_else(|| io::Error::other("no key"))?;
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = BASE64_STANDARD.encode(digest);
    let extension = match setting {
        Setting::Dropped | Setting::Kept => setting.offer(),
        Setting::Off => None,
        Setting::Default | Setting::LowMemory => return Err(io::Error::other("no such setting")),
    };
    let extension = extension.map(|extension| format!("Sec-WebSocket-Extensions: {extension}\r\n"));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{}\r\n",
        extension.unwrap_or_default()
    );
    io.write_all(answer.as_bytes()).await?;
    io.flush().await
}
