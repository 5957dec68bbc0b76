//! A file into a message, and out of one: in pieces, each hashed on its way.

use std::path::Path;

use bowline::{Error, IncomingMessage, Message, MessageKind, Reader, Writer};
use bytes::BytesMut;
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
};

use crate::{Failure, progress::Progress, protocol::Sum, store::Partial};

/// How much of a file is read at once.
const CHUNK: usize = 64 << 10;

/// What has come or gone of a file so far.
struct Tally {
    size: u64,
    hash: Sha256,
    progress: Progress,
}

impl Tally {
    fn new(progress: Progress) -> Self {
        Self { size: 0, hash: Sha256::new(), progress }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        self.progress.advance(bytes.len());
    }

    fn finish(self) -> Sum {
        self.progress.finish();
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Sum { size: self.size, sha256 }
    }
}

/// Sends a file as one message, and its sum behind it. Dropped halfway, it ends the connection: half a file
/// is never taken for a whole one.
pub(crate) async fn send<T: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<T>,
    mut file: File,
    progress: Progress,
) -> Result<Sum, Error> {
    let mut tally = Tally::new(progress);
    let mut message = writer.start_message(MessageKind::Binary).await?;
    loop {
        // A new one each time, because the connection keeps it until it is written: no byte is copied.
        let mut chunk = BytesMut::with_capacity(CHUNK);
        if file.read_buf(&mut chunk).await? == 0 {
            break;
        }
        tally.add(&chunk);
        message.feed(chunk).await?;
    }
    message.finish().await?;
    let sum = tally.finish();
    writer.send(&sum).await?;
    Ok(sum)
}

/// Receives a file that is the next message, and compares what came with the sum behind it. Pings are
/// answered meanwhile, because it is the reader that does that.
pub(crate) async fn receive<T: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<T>,
    directory: &Path,
    progress: Progress,
) -> Result<(Partial, Sum), Failure> {
    let mut partial = Partial::create(directory).await?;
    let message = reader.next_streamed().await.ok_or(Error::ClosedEarly(None))??;
    let sum = keep(message, &mut partial, progress).await?;
    sum.compare(&Sum::parse(&text(reader).await?)?)?;
    Ok((partial, sum))
}

async fn keep<T: AsyncRead + AsyncWrite + Unpin>(
    mut message: IncomingMessage<'_, T>,
    partial: &mut Partial,
    progress: Progress,
) -> Result<Sum, Failure> {
    if message.kind() != MessageKind::Binary {
        return Err(Failure::new("a text where the file should be"));
    }
    let mut tally = Tally::new(progress);
    while let Some(bytes) = message.next().await {
        let bytes = bytes?;
        tally.add(&bytes);
        partial.write(&bytes).await?;
    }
    Ok(tally.finish())
}

/// The next text. A Close is a failure, and tells why.
pub(crate) async fn text<T: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<T>,
) -> Result<String, Failure> {
    while let Some(message) = reader.next().await {
        match message? {
            Message::Text(text) => return Ok(text.to_string()),
            Message::Binary(_) => return Err(Failure::new("bytes where a text should be")),
            Message::Close(Some(frame)) => {
                return Err(Failure::new(format!("closed by the other end: {frame}")));
            }
            Message::Close(None) | Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    Err(Failure::new("closed by the other end"))
}
