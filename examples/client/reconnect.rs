//! One connection after another, as a session sees one: `--reconnect`.
//!
//! Which losses and refusals are worth another attempt, when it is made, and which messages have to wait for it, the
//! library knows: a `ReconnectingWebSocket`. This tells of what it does.

use std::{future::ready, sync::Arc};

use bowline::{
    Client, Message,
    client::{Backoff, Disconnect, Event, ReconnectingWebSocket, Retry},
};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::{
    dial,
    options::Options,
    session::{Incoming, Online, Outgoing},
};

/// The two halves of all connections, and whether there is one now.
pub(crate) fn halves(
    client: Client,
    backoff: Backoff,
    options: &Arc<Options>,
) -> (impl Incoming + use<>, impl Outgoing + use<>, Online) {
    let online = Online::new(None);
    let was_online = online.clone();
    let ws = client
        .reconnecting()
        .backoff(backoff)
        .on_retry(move |retry| tell(retry, was_online.send_replace(None)))
        .websocket();
    let ws = greeted(ws, Arc::clone(options), online.clone());
    let (writer, reader) = ws.split();
    let messages = reader.filter_map(|event| {
        ready(match event {
            Ok(Event::Message(message)) => Some(Ok(message)),
            Ok(Event::Disconnected(lost)) if lost.delay().is_none() => match lost.into_reason() {
                Disconnect::Closed(frame) => Some(Ok(Message::Close(frame))),
                // That one comes as an error.
                _ => None,
            },
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    });
    (messages, writer, online)
}

/// Shows what the first connection is like, and that there is another.
fn greeted(
    ws: ReconnectingWebSocket,
    options: Arc<Options>,
    online: Online,
) -> ReconnectingWebSocket {
    let mut is_first = true;
    ws.on_connect(move |ws, response| {
        online.send_replace(Some(Instant::now()));
        if is_first {
            dial::greet(ws, response, &options);
        } else {
            eprintln!("connected again");
        }
        is_first = false;
        Box::pin(ready(Ok(())))
    })
}

fn tell(retry: &Retry<'_>, since: Option<Instant>) {
    let what = if since.is_some() { "lost" } else { "no connection" };
    let seconds = retry.delay().as_secs_f64();
    match retry.reason() {
        Some(reason) => eprintln!("{what}: {reason}; again in {seconds:.1} s"),
        None => eprintln!("{what}; again in {seconds:.1} s"),
    }
}
