//! What has arrived, on standard output: with its kind for people, bare for programs.

use std::io::{self, BufWriter, IsTerminal, Write};

use bowline::{Message, MessageKind};
use tokio::{sync::mpsc, task};

use crate::{
    hex, json,
    options::{Mode, Options, TextStyle},
};

/// Under a label and the space behind it.
const INDENT: usize = 7;
/// How many messages may wait.
const BEHIND: usize = 16;

/// Standard output, written by a thread. It is behind by a few messages at most: a reader that is slow holds up the
/// connection, and the server in the end.
pub(crate) struct Output {
    chunks: mpsc::Sender<Vec<u8>>,
    writing: task::JoinHandle<io::Result<()>>,
    style: Style,
    text: TextStyle,
}

/// How messages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// All kinds, with their names.
    Labelled,
    /// Data alone, in lines.
    Lines,
    /// The same on a terminal, which obeys control characters.
    VisibleLines,
    /// The bytes of data.
    Bytes,
}

/// Nobody reads standard output any more, or it has failed.
pub(crate) struct Unread;

impl Output {
    pub(crate) fn open(options: &Options) -> Self {
        let style = match (options.mode, options.kind) {
            (Mode::Interactive, _) => Style::Labelled,
            _ if io::stdout().is_terminal() => Style::VisibleLines,
            (Mode::Pipe, MessageKind::Text) => Style::Lines,
            (Mode::Pipe, MessageKind::Binary) => Style::Bytes,
        };
        let (chunks, receiver) = mpsc::channel(BEHIND);
        let writing = task::spawn_blocking(|| write(receiver));
        Self { chunks, writing, style, text: options.text }
    }

    /// Shows a message.
    pub(crate) async fn show(&self, message: &Message) -> Result<(), Unread> {
        let Some(kind) = message.kind() else { return self.tell(labelled(message)).await };
        let text = message.as_text().unwrap_or_default();
        let pretty = match (self.text, kind) {
            (TextStyle::Json, MessageKind::Text) if self.style != Style::Bytes => pretty(text),
            _ => None,
        };
        let text = pretty.as_deref().unwrap_or(text);
        let chunk = match (self.style, kind) {
            (Style::Labelled, _) if pretty.is_some() => {
                format!("json   {}\n", visible_lines(text, INDENT)).into_bytes()
            }
            (Style::Labelled, _) => labelled(message).into_bytes(),
            (Style::VisibleLines, MessageKind::Text) => {
                format!("{}\n", visible_lines(text, 0)).into_bytes()
            }
            (Style::VisibleLines, MessageKind::Binary) => labelled(message).into_bytes(),
            (Style::Lines, MessageKind::Text) => [text.as_bytes(), b"\n"].concat(),
            (Style::Lines, MessageKind::Binary) => {
                [&message.clone().into_bytes(), &b"\n"[..]].concat()
            }
            (Style::Bytes, _) => message.clone().into_bytes().into(),
        };
        self.print(chunk).await
    }

    /// Shows what is no data: to people with everything else, and apart from it in pipes.
    pub(crate) async fn tell(&self, line: String) -> Result<(), Unread> {
        if self.style == Style::Labelled {
            return self.print(line.into_bytes()).await;
        }
        eprint!("{line}");
        Ok(())
    }

    async fn print(&self, chunk: Vec<u8>) -> Result<(), Unread> {
        self.chunks.send(chunk).await.map_err(|_| Unread)
    }

    /// Waits until all is written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.chunks);
        self.writing.await?
    }
}

fn write(mut chunks: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout());
    while let Some(chunk) = chunks.blocking_recv() {
        stdout.write_all(&chunk)?;
        if chunks.is_empty() {
            stdout.flush()?;
        }
    }
    stdout.flush()
}

fn labelled(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text   {}\n", printable(text)),
        Message::Binary(bytes) => {
            format!("binary {} bytes{}\n", bytes.len(), hex::dump(bytes, INDENT))
        }
        Message::Ping(bytes) => format!("ping   {}\n", bytes.escape_ascii()),
        Message::Pong(bytes) => format!("pong   {}\n", bytes.escape_ascii()),
        Message::Close(None) => "close  without a code\n".into(),
        Message::Close(Some(frame)) => format!("close  {frame}\n"),
    }
}

fn pretty(text: &str) -> Option<String> {
    json::pretty(text).inspect_err(|error| eprintln!("client: not JSON: {error}")).ok()
}

fn visible_lines(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join(&format!("\n{:indent$}", ""))
}

/// The text without what could move the cursor, or worse: the terminal obeys control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut printable, char| {
        if char.is_control() {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
        printable
    })
}
