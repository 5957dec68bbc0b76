//! The loop in one call: a `Stream` forwarded to its `Sink`, which flushes only when nothing is left to read.

use std::future::ready;

use futures_util::{Sink, Stream, StreamExt as _, TryStreamExt as _};

/// Echoes the messages that are wanted: control frames are answered by the connection itself.
pub(super) async fn forward<W, M, E>(ws: W, is_wanted: impl Fn(&M) -> bool) -> Result<(), E>
where
    W: Stream<Item = Result<M, E>> + Sink<M, Error = E>,
{
    let (sink, stream) = ws.split();
    stream.try_filter(|message| ready(is_wanted(message))).forward(sink).await
}
