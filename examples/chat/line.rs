//! One connection to a NATS server, made by the crate `async-nats`: when it is lost, it stays lost.
//!
//! The crate would connect again by itself, and send what it had kept meanwhile; here nothing is to be heard
//! late. It asks for name and password each time that a server has greeted it, and gets them once: a second
//! attempt ends before anything is sent, and what was kept goes with it.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use async_nats::{
    Auth, AuthError, Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr,
    ServerError, Subscriber,
};
use bytes::Bytes;
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;
use tokio::{sync::mpsc, time};

const SUBJECT: &str = "bowline.chat";
/// For a connection to be made, and for bytes to be taken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// The third that finds two unanswered ends the connection. They are counted, and the time is not: a process
/// that could not run for a while has yet to read what came meanwhile.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Messages that wait to be sent, beside some 64 KiB of bytes.
const MAX_OUTGOING: usize = 64;
/// Messages that have come and wait to be read. What comes beyond that is lost.
const MAX_INCOMING: usize = 4_096;

/// A connection to a server that has taken our name and password, and has heard of our subscription.
pub(crate) struct Line {
    client: Client,
    messages: Subscriber,
    events: mpsc::Receiver<Event>,
}

/// What a server brings.
pub(crate) enum Incoming {
    Message(Bytes),
    /// There was one, and no room for it.
    Lost,
}

/// Why there is no connection, or no longer.
pub(crate) enum End {
    /// The room has hung up.
    Stopped,
    Address,
    /// Its name leads nowhere.
    Dns(String),
    Io(String),
    Tls(String),
    /// The first thing it said was something else.
    NotNats,
    Password,
    Refused(ServerError),
    TimedOut,
    Closed,
}

impl Line {
    /// Connects, introduces itself and subscribes.
    pub(crate) async fn open(url: &str) -> Result<Self, End> {
        within_patience(async {
            let address = address(url).ok_or(End::Address)?;
            let auth = Arc::new(credentials(&address));
            let lent = Arc::downgrade(&auth);
            let (sender, events) = mpsc::channel(1);
            let options = ConnectOptions::with_auth_callback(move |_| {
                let auth = lent.upgrade();
                async move { auth.as_deref().cloned().ok_or_else(|| AuthError::new("connected before")) }
            });
            let client = options
                .name("bowline chat")
                // What we publish does not come back to us.
                .no_echo()
                .max_reconnects(1)
                .ignore_discovered_servers()
                .connection_timeout(PATIENCE)
                .ping_interval(PING_INTERVAL)
                .client_capacity(MAX_OUTGOING)
                .subscription_capacity(MAX_INCOMING)
                .event_callback(move |event| {
                    let sender = sender.clone();
                    async move { drop(sender.send(event).await) }
                })
                .connect(address)
                .await?;
            drop(auth);
            let messages = client.subscribe(SUBJECT).await.map_err(|_| End::Closed)?;
            client.flush().await.map_err(|_| End::Closed)?;
            Ok(Self { client, messages, events })
        })
        .await
    }

    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, End> {
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(Event::ServerError(error)) => return Err(End::Refused(error)),
                    Some(Event::SlowConsumer(_)) => return Ok(Incoming::Lost),
                    Some(Event::Disconnected | Event::Closed) | None => return Err(End::Closed),
                    Some(_) => {}
                },
                message = self.messages.next() => {
                    let message = message.ok_or(End::Closed)?;
                    return Ok(Incoming::Message(message.payload));
                }
            }
        }
    }

    /// What the server takes in one message, in bytes. For more it would end the connection.
    pub(crate) fn max_payload_length(&self) -> usize {
        self.client.max_payload()
    }

    pub(crate) async fn publish(&self, payload: String) -> Result<(), End> {
        within_patience(async {
            self.client.publish(SUBJECT, payload.into()).await.map_err(|_| End::Closed)
        })
        .await
    }

    /// Waits until everything published has gone out.
    pub(crate) async fn flush(&self) -> Result<(), End> {
        within_patience(async { self.client.flush().await.map_err(|_| End::Closed) }).await
    }
}

async fn within_patience<T>(step: impl Future<Output = Result<T, End>>) -> Result<T, End> {
    time::timeout(PATIENCE, step).await.unwrap_or(Err(End::TimedOut))
}

/// `nats://[user:password@ | token@]host[:port]`; `tls://` insists on TLS, and the scheme may be left out.
fn address(url: &str) -> Option<ServerAddr> {
    let address: ServerAddr = url.parse().ok()?;
    let is_ours = matches!(address.scheme(), "nats" | "tls") && !address.host().is_empty();
    is_ours.then_some(address)
}

fn credentials(address: &ServerAddr) -> Auth {
    let decoded = |words: &str| percent_decode_str(words).decode_utf8_lossy().into_owned();
    let (name, password) = (address.username().map(decoded), address.password().map(decoded));
    let mut auth = Auth::new();
    if password.is_some() {
        (auth.username, auth.password) = (name, password);
    } else {
        auth.token = name;
    }
    auth
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        let source = error.source();
        let words = source.map(ToString::to_string).unwrap_or_default();
        match error.kind() {
            ConnectErrorKind::ServerParse => Self::Address,
            ConnectErrorKind::Dns => Self::Dns(words),
            ConnectErrorKind::Tls => Self::Tls(words),
            ConnectErrorKind::TimedOut => Self::TimedOut,
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                Self::Password
            }
            ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => {
                let io = source.and_then(|source| source.downcast_ref::<io::Error>());
                let refusal = source.and_then(|source| source.downcast_ref::<ServerError>());
                match (io, refusal) {
                    // What the crate can't parse has this kind.
                    (Some(io), _) if io.kind() == io::ErrorKind::InvalidInput => Self::NotNats,
                    // And what TLS objects to has this one.
                    (Some(io), _) if io.kind() == io::ErrorKind::InvalidData => Self::Tls(words),
                    (Some(_), _) => Self::Io(words),
                    (None, Some(refusal)) => Self::Refused(refusal.clone()),
                    (None, None) => Self::Closed,
                }
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the chat ends"),
            Self::Address => f.write_str("this is no nats://host:port"),
            Self::Dns(why) => write!(f, "the server is not found: {why}"),
            Self::Io(why) => f.write_str(why),
            Self::Tls(why) => write!(f, "TLS fails: {why}"),
            Self::NotNats => f.write_str("this is no NATS server"),
            Self::Password => f.write_str("the server does not take this name and password"),
            Self::Refused(ServerError::Other(why)) => write!(f, "the server says \"{why}\""),
            Self::Refused(error) => write!(f, "the server says {error}"),
            Self::TimedOut => f.write_str("the server does not answer"),
            Self::Closed => f.write_str("the connection is lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, name, password, token) in [
            ("nats://example.org:4333", None, None, None),
            ("localhost", None, None, None),
            ("nats://[::1]:4222", None, None, None),
            ("tls://example.org", None, None, None),
            ("nats://secret@h", None, None, Some("secret")),
            ("nats://s%40crét@h", None, None, Some("s@crét")),
            ("nats://ada:s:e@h:5", Some("ada"), Some("s:e"), None),
            ("nats://ada:s%2Fe@h:5", Some("ada"), Some("s/e"), None),
        ] {
            let auth = credentials(&address(url).expect(url));
            assert_eq!(auth.username.as_deref(), name, "{url}");
            assert_eq!(auth.password.as_deref(), password, "{url}");
            assert_eq!(auth.token.as_deref(), token, "{url}");
        }
        for url in ["", "nats:///x", "http://example.org", "ws://h", "nats://", "a b", "h:99999"] {
            assert_eq!(address(url), None, "{url}");
        }
    }
}
