//! One connection, from its opening to its end.
//!
//! Sending and receiving go on side by side, over the two halves: an echo server that can't get rid of its answers stops
//! reading, and while it does a large message is never sent.
//!
//! ```text
//! standard input --> Input --> send ----> Writer ===== server
//!                               ^  Close
//!                   Ctrl-C -----+
//!                               | silence after the input's end
//! standard output <-- Output <-- receive <-- Reader ===== server
//! ```

use std::{cell::Cell, future, io, sync::Arc};

use bowline::{CloseCode, Error, Message, Reader, UsageError, WebSocket, Writer, client::Stream};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use crate::{
    input::{Input, Item},
    options::{Mode, Options},
    output::{Output, Unread},
    ping::Pings,
};

/// What outlives a connection.
pub(crate) struct Console {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) interrupt: Arc<Notify>,
}

/// How a connection ended.
pub(crate) enum End {
    /// By the closing handshake. The code is the server's; `None` where it has only answered.
    Closed(Option<CloseCode>),
    Failed(Error),
    /// There was more to say, and it can't be read.
    Input(io::Error),
}

/// Runs a connection between standard input and output until it has ended.
pub(crate) async fn run(ws: WebSocket<Stream>, console: &mut Console, options: &Options) -> End {
    let (reader, writer) = ws.split();
    let session = Session {
        options,
        output: &console.output,
        pings: Pings::default(),
        input_end: watch::Sender::new(None),
        finish: Notify::new(),
        closed_with: Cell::new(None),
    };
    let mut unreadable = None;
    let end = tokio::select! {
        end = session.receive(reader) => end,
        // Once Close is sent this branch falls silent, and what ends the program is the other one.
        never = async {
            let last = session.send(writer.clone(), &mut console.input, &console.interrupt).await;
            unreadable = last.err();
            future::pending().await
        } => never,
        never = session.pings.repeat(writer.clone(), options.ping) => never,
    };
    unreadable.map_or(end, End::Input)
}

struct Session<'a> {
    options: &'a Options,
    output: &'a Output,
    pings: Pings,
    /// When all of it was sent.
    input_end: watch::Sender<Option<Instant>>,
    /// Nothing more will come: `send` is to close.
    finish: Notify,
    /// The code of this end's Close.
    closed_with: Cell<Option<CloseCode>>,
}

impl Session<'_> {
    /// Shows messages until the connection has ended.
    async fn receive(&self, mut reader: Reader<Stream>) -> End {
        let (mut heard, mut code) = (Some(Instant::now()), None);
        loop {
            let message = tokio::select! {
                biased;
                message = reader.next() => message,
                () = self.silence(heard) => {
                    heard = None;
                    self.finish.notify_one();
                    continue;
                }
            };
            let message = match message {
                None => return End::Closed(code.filter(|_| code != self.closed_with.get())),
                Some(Err(error)) => return End::Failed(error),
                Some(Ok(message)) => message,
            };
            if let Message::Close(Some(frame)) = &message {
                code = Some(frame.code);
            }
            if self.show(&message).await.is_err() {
                // Whoever has read it has what they wanted; a server that can't be told so is no matter of theirs.
                let _ = reader.close(CloseCode::NORMAL, "").await;
                return End::Closed(None);
            }
            if message.is_data() {
                heard = heard.map(|_| Instant::now());
            }
        }
    }

    async fn show(&self, message: &Message) -> Result<(), Unread> {
        if let Message::Pong(_) = message
            && let Some(time) = self.pings.answered()
        {
            let line = format!("pong   {:.2} ms\n", time.as_secs_f64() * 1e3);
            return self.output.tell(line).await;
        }
        self.output.show(message).await
    }

    /// Waits for the input's end, and then until nothing has been heard for the time that replies have.
    async fn silence(&self, heard: Option<Instant>) {
        let mut input_end = self.input_end.subscribe();
        let end = input_end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        match heard.zip(end) {
            Some((heard, end)) => {
                sleep(self.options.wait.saturating_sub(heard.max(end).elapsed())).await;
            }
            None => future::pending().await,
        }
    }

    /// Sends what the input has until it is time for Close, and then that. Fails where the input does.
    async fn send(
        &self,
        mut writer: Writer<Stream>,
        input: &mut Input,
        interrupt: &Notify,
    ) -> io::Result<()> {
        let (code, result) = tokio::select! {
            error = self.pump(writer.clone(), input) => (CloseCode::AWAY, Err(error)),
            () = interrupt.notified() => (CloseCode::AWAY, Ok(())),
            () = self.finish.notified() => (CloseCode::NORMAL, Ok(())),
        };
        if self.closed_with.get().is_none() {
            self.closed_with.set(Some(code));
        }
        // What has ended the connection is the reader's to tell, behind all that still arrives.
        let _ = writer.close(code, "").await;
        result
    }

    /// Sends what the input has. Comes to an end only where the input fails.
    async fn pump(&self, mut writer: Writer<Stream>, input: &mut Input) -> io::Error {
        while let Some(item) = input.next().await {
            let message = match item {
                Ok(Item::Message(message)) => message,
                Ok(Item::Ping) => {
                    self.pings.send(&mut writer);
                    continue;
                }
                Ok(Item::Unknown) => {
                    eprintln!(
                        "/ping [text], /close [code [reason]], or // for a line that starts with /"
                    );
                    continue;
                }
                Err(error) => return error,
            };
            let before = self.closed_with.get();
            if let Message::Close(Some(frame)) = &message {
                self.closed_with.set(before.or(Some(frame.code)));
            }
            match writer.feed(message).await {
                Ok(()) if input.is_empty() => drop(writer.flush().await),
                Ok(()) => {}
                Err(Error::Usage(error)) if error != UsageError::SendAfterClose => {
                    eprintln!("not sent: {error}");
                    self.closed_with.set(before);
                }
                Err(_) => break,
            }
        }
        match self.options.mode {
            Mode::Interactive => self.finish.notify_one(),
            Mode::Pipe => drop(self.input_end.send_replace(Some(Instant::now()))),
        }
        future::pending().await
    }
}
