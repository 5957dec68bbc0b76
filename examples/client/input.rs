//! What goes out: lines or blocks of standard input, and the commands of whoever types.

use std::{
    future,
    io::{self, Read},
    iter, thread,
};

use bowline::{CloseCode, Message, MessageKind};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::options::{Mode, Options};

/// What is read at a time, where it is read in blocks.
const BLOCK: usize = 64 << 10;
/// How many messages.
const AHEAD: usize = 16;

/// Standard input, read by a thread that nobody waits for: Tokio's own would keep a program whose peer has closed from
/// ending until the next line is typed.
pub(crate) struct Input(mpsc::Receiver<io::Result<Item>>);

pub(crate) enum Item {
    Message(Message),
    /// A ping that is timed.
    Ping,
    /// A command that there isn't.
    Unknown,
    /// Nothing comes after it.
    End,
}

impl Input {
    pub(crate) fn open(options: &Options) -> Self {
        // So much is read ahead, and nothing more: whoever writes it waits for the server.
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (mode, kind) = (options.mode, options.kind);
        thread::spawn(move || {
            let mut items = items(mode, kind).chain(iter::once(Ok(Item::End)));
            items.try_for_each(|item| sender.blocking_send(item))
        });
        Self(receiver)
    }

    /// Whether the next has to be waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next; after the end there is none to wait for. Cancel-safe.
    pub(crate) async fn next(&mut self) -> io::Result<Item> {
        match self.0.recv().await {
            Some(item) => item,
            None => future::pending().await,
        }
    }
}

fn items(mode: Mode, kind: MessageKind) -> Box<dyn Iterator<Item = io::Result<Item>>> {
    let lines = io::stdin().lines();
    match (mode, kind) {
        (Mode::Interactive, _) => Box::new(lines.map(move |line| Ok(parse(&line?, kind)))),
        (Mode::Pipe, MessageKind::Text) => {
            Box::new(lines.map(|line| Ok(Item::Message(Message::text(line?)))))
        }
        (Mode::Pipe, MessageKind::Binary) => Box::new(blocks()),
    }
}

fn blocks() -> impl Iterator<Item = io::Result<Item>> {
    let (mut stdin, mut block) = (io::stdin(), vec![0; BLOCK]);
    iter::from_fn(move || match stdin.read(&mut block) {
        Ok(0) => None,
        Ok(len) => Some(Ok(Item::Message(Message::binary(Bytes::copy_from_slice(&block[..len]))))),
        Err(error) => Some(Err(error)),
    })
}

/// What a typed line stands for.
fn parse(line: &str, kind: MessageKind) -> Item {
    let data = |text: &str| match kind {
        MessageKind::Text => Item::Message(Message::text(text)),
        MessageKind::Binary => Item::Message(Message::binary(text.to_owned())),
    };
    match line.strip_prefix('/') {
        None => data(line),
        Some(slashed) if slashed.starts_with('/') => data(slashed),
        Some(command) => self::command(command).unwrap_or(Item::Unknown),
    }
}

fn command(command: &str) -> Option<Item> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let message = match name {
        "ping" if rest.is_empty() => return Some(Item::Ping),
        "ping" => Message::ping(rest.to_owned()),
        "close" if rest.is_empty() => Message::close(CloseCode::NORMAL, ""),
        "close" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Message::close(code.parse::<u16>().ok()?, reason)
        }
        _ => return None,
    };
    Some(Item::Message(message))
}
