//! One connection, from its opening to its end; or many that `reconnect.rs` makes look like one.
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

use bowline::{CloseCode, Error, Message, UsageError};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use crate::{
    input::{Input, Item},
    options::{Mode, Options},
    output::{Output, Unread},
    ping::{Pace, Pings},
};

/// What outlives a connection.
pub(crate) struct Console {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) interrupt: Arc<Notify>,
    pub(crate) online: Online,
}

/// Since when there is a connection, while there is one.
pub(crate) type Online = watch::Sender<Option<Instant>>;

impl Console {
    pub(crate) fn open(options: &Options, interrupt: Arc<Notify>, online: Online) -> Self {
        Self { input: Input::open(options), output: Output::open(options), interrupt, online }
    }
}

/// How a connection ended.
pub(crate) enum End {
    /// By the closing handshake. The code is the server's; `None` where it has only answered.
    Closed(Option<CloseCode>),
    Failed(Error),
    /// There was more to say, and it can't be read.
    Input(io::Error),
    /// By Ctrl-C, while there was no connection.
    Interrupted,
}

/// Runs a connection, by its halves, between standard input and output until it has ended.
pub(crate) async fn run(
    (reader, writer): (impl Incoming, impl Outgoing),
    console: &mut Console,
    options: &Options,
) -> End {
    let Console { input, output, interrupt, online } = console;
    let session = Session {
        options,
        output,
        online,
        pings: Pings::default(),
        input_end: watch::Sender::new(None),
        finish: Notify::new(),
        closed_with: Cell::new(None),
    };
    let mut unreadable = None;
    let end = tokio::select! {
        end = session.receive(reader) => end,
        // Once Close is sent this branch falls silent, and what ends the program is the other one.
        end = async {
            match session.send(writer, input, interrupt).await {
                Err(End::Interrupted) => return End::Interrupted,
                last => unreadable = last.err(),
            }
            future::pending().await
        } => end,
    };
    unreadable.unwrap_or(end)
}

/// The half that is read.
pub(crate) trait Incoming: Stream<Item = Result<Message, Error>> + Unpin {}
impl<S: Stream<Item = Result<Message, Error>> + Unpin> Incoming for S {}

/// The half that is written.
pub(crate) trait Outgoing: Sink<Message, Error = Error> + Unpin {}
impl<S: Sink<Message, Error = Error> + Unpin> Outgoing for S {}

struct Session<'a> {
    options: &'a Options,
    output: &'a Output,
    online: &'a Online,
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
    async fn receive(&self, mut reader: impl Incoming) -> End {
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
                self.finish.notify_one();
                while let Some(Ok(_)) = reader.next().await {}
                return End::Closed(None);
            }
            if message.is_data() {
                heard = heard.map(|_| Instant::now());
            }
        }
    }

    async fn show(&self, message: &Message) -> Result<(), Unread> {
        if let Message::Pong(payload) = message
            && let Some(time) = self.pings.answered(payload)
        {
            let line = format!("pong   {:.2} ms\n", time.as_secs_f64() * 1e3);
            return self.output.tell(line).await;
        }
        self.output.show(message).await
    }

    /// Waits for the input's end, and then until nothing has been heard for the time that replies have, on a connection.
    async fn silence(&self, heard: Option<Instant>) {
        let (mut input_end, mut online) = (self.input_end.subscribe(), self.online.subscribe());
        let end = input_end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        let Some((heard, end)) = heard.zip(end) else { return future::pending().await };
        loop {
            let since = online.wait_for(Option::is_some).await.ok().and_then(|since| *since);
            let quiet = since.unwrap_or(end).max(heard).max(end).elapsed();
            tokio::select! {
                () = sleep(self.options.wait.saturating_sub(quiet)) => return,
                _ = online.changed() => {}
            }
        }
    }

    /// Sends what the input has until it is time for Close, and then that. Fails where the input does.
    async fn send(
        &self,
        mut writer: impl Outgoing,
        input: &mut Input,
        interrupt: &Notify,
    ) -> Result<(), End> {
        let (code, result) = tokio::select! {
            error = self.pump(&mut writer, input) => (CloseCode::AWAY, Err(End::Input(error))),
            () = interrupt.notified() => match *self.online.borrow() {
                Some(_) => (CloseCode::AWAY, Ok(())),
                None => return Err(End::Interrupted),
            },
            () = self.finish.notified() => (CloseCode::NORMAL, Ok(())),
        };
        if self.closed_with.get().is_none() {
            self.closed_with.set(Some(code));
        }
        // It waits for no room: a server that doesn't read is told all the same. What has ended the connection is the
        // reader's to tell, behind all that still arrives.
        let _ = writer.start_send_unpin(Message::close(code, ""));
        let _ = writer.flush().await;
        result
    }

    /// Sends what the input has, and pings. Comes to an end only where the input fails.
    async fn pump(&self, writer: &mut impl Outgoing, input: &mut Input) -> io::Error {
        let mut pace = Pace::new(self.options.ping);
        loop {
            let item = tokio::select! {
                item = input.next() => item,
                () = pace.next() => Ok(Item::Ping),
            };
            let message = match item {
                Ok(Item::Message(message)) => message,
                Ok(Item::Ping) => self.pings.start(),
                Ok(Item::Unknown) => {
                    eprintln!(
                        "/ping [text], /close [code [reason]], or // for a line that starts with /"
                    );
                    continue;
                }
                Ok(Item::End) => {
                    let _ = writer.flush().await;
                    self.handle_input_end();
                    continue;
                }
                Err(error) => return error,
            };
            if self.feed(writer, message).await.is_err() {
                self.handle_input_end();
                return future::pending().await;
            }
            if input.is_empty() {
                let _ = writer.flush().await;
            }
        }
    }

    /// Fails where nothing more can be sent.
    async fn feed(&self, writer: &mut impl Outgoing, message: Message) -> Result<(), Error> {
        let before = self.closed_with.get();
        if let Message::Close(Some(frame)) = &message {
            self.closed_with.set(before.or(Some(frame.code)));
        }
        match writer.feed(message).await {
            Err(Error::Usage(error)) if error != UsageError::SendAfterClose => {
                eprintln!("not sent: {error}");
                self.closed_with.set(before);
                Ok(())
            }
            result => result,
        }
    }

    fn handle_input_end(&self) {
        match self.options.mode {
            Mode::Interactive => self.finish.notify_one(),
            Mode::Pipe => drop(self.input_end.send_replace(Some(Instant::now()))),
        }
    }
}
