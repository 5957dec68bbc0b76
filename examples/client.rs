//! A client for the terminal: `cargo run --release --example client -- ws://127.0.0.1:9001`.
//!
//! Lines go out as text messages, and what arrives is printed with its kind. `/ping [text]` and
//! `/close [code [reason]]` send those, `//` begins a line with one slash. Ctrl-D closes with 1000,
//! Ctrl-C with 1001; both wait for what is still on its way and for the peer's Close.
//!
//! Sending and receiving go on side by side, over the two halves: an echo server that can't get rid of
//! its answers stops reading, and while it does a large message is never sent.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    env,
    io::{self, Write},
    pin::pin,
    process::ExitCode,
    thread,
};

use bowline::{
    Client, CloseCode, Deflate, Error, Message, Reader, UsageError, Writer, client::Stream,
};
use tokio::{signal, sync::mpsc};

const USAGE: &str =
    "usage: client URI [--deflate] [--subprotocol NAME]... [--header 'NAME: VALUE']...";
/// How many bytes of binary data are shown, and how many lines of a refusal's body.
const PREVIEW: usize = 24;
const BODY_LINES: usize = 10;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match talk(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&arguments.uri, &error);
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Arguments {
    uri: String,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    deflate: Option<Deflate>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--deflate" => arguments.deflate = Some(Deflate::new()),
                "--subprotocol" => arguments.subprotocols.push(words.next()?),
                "--header" => {
                    let header = words.next()?;
                    let (name, value) = header.split_once(':')?;
                    arguments.headers.push((name.trim().into(), value.trim().into()));
                }
                _ if word.starts_with('-') || !arguments.uri.is_empty() => return None,
                _ => arguments.uri = word,
            }
        }
        (!arguments.uri.is_empty()).then_some(arguments)
    }
}

async fn talk(arguments: &Arguments) -> Result<(), Error> {
    let mut client = Client::new(&arguments.uri)?.subprotocols(&arguments.subprotocols);
    for (name, value) in &arguments.headers {
        client = client.header(name, value);
    }
    if let Some(deflate) = arguments.deflate {
        client = client.deflate(deflate);
    }
    let (ws, response) = client.connect().await?;
    eprintln!("{}, subprotocol {}", response.status(), ws.subprotocol().unwrap_or("none"));
    for extension in ws.extensions() {
        eprintln!("extension {extension}");
    }

    let (reader, writer) = ws.split();
    tokio::select! {
        end = receive(reader) => end,
        // Once Close is sent this branch falls silent, and what ends the program is the other one.
        Err(error) = send(writer, stdin_lines()) => Err(error),
    }
}

/// Prints messages until the connection has ended.
async fn receive(mut reader: Reader<Stream>) -> Result<(), Error> {
    let mut stdout = io::stdout();
    while let Some(message) = reader.next().await {
        match message? {
            Message::Text(text) => writeln!(stdout, "text   {}", printable(&text))?,
            Message::Binary(bytes) => {
                let ellipsis = if bytes.len() > PREVIEW { "..." } else { "" };
                let start = &bytes[..bytes.len().min(PREVIEW)];
                writeln!(stdout, "binary {} bytes: {}{ellipsis}", bytes.len(), hex(start))?;
            }
            Message::Ping(bytes) => writeln!(stdout, "ping   {}", bytes.escape_ascii())?,
            Message::Pong(bytes) => writeln!(stdout, "pong   {}", bytes.escape_ascii())?,
            Message::Close(None) => writeln!(stdout, "close  without a code")?,
            Message::Close(Some(frame)) => writeln!(stdout, "close  {frame}")?,
        }
    }
    Ok(())
}

/// Sends lines until there are no more, and then Close.
async fn send(
    mut writer: Writer<Stream>,
    mut lines: mpsc::Receiver<io::Result<String>>,
) -> Result<(), Error> {
    let mut interrupt = pin!(signal::ctrl_c());
    loop {
        let message = tokio::select! {
            line = lines.recv() => match line {
                Some(line) => parse(&line?),
                None => Some(Message::close(CloseCode::NORMAL, "")),
            },
            result = &mut interrupt => {
                result?;
                Some(Message::close(CloseCode::AWAY, ""))
            }
        };
        let Some(message) = message else {
            eprintln!("/ping [text], /close [code [reason]], or // for a line that starts with /");
            continue;
        };
        let is_close = matches!(message, Message::Close(_));
        match writer.send(message).await {
            Err(Error::Usage(error)) if error != UsageError::SendAfterClose => {
                eprintln!("not sent: {error}");
            }
            Ok(()) if !is_close => {}
            // What has ended the connection is the reader's to tell, behind all that still arrives.
            _ => return Ok(()),
        }
    }
}

/// The message that a line stands for; `None` for a command that there isn't.
fn parse(line: &str) -> Option<Message> {
    let Some(command) = line.strip_prefix('/') else { return Some(Message::text(line)) };
    if command.starts_with('/') {
        return Some(Message::text(command));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "ping" => Some(Message::ping(rest.to_owned())),
        "close" if rest.is_empty() => Some(Message::close(CloseCode::NORMAL, "")),
        "close" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Message::close(code.parse::<u16>().ok()?, reason))
        }
        _ => None,
    }
}

/// Lines from a thread that nobody waits for: Tokio's own stdin would keep a program whose peer has
/// closed from ending until the next line is typed. Receiving from a channel is cancel-safe.
fn stdin_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        io::stdin().lines().try_for_each(|line| sender.blocking_send(line)).ok();
    });
    receiver
}

fn complain(uri: &str, error: &Error) {
    eprintln!("client: {uri}: {error}");
    if let Some(response) = error.refusal() {
        let body = String::from_utf8_lossy(response.body());
        for line in body.lines().take(BODY_LINES) {
            eprintln!("  | {}", printable(line));
        }
    }
}

/// The text without what could move the cursor, or worse: the terminal obeys control characters.
fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut printable, char| {
        if char.is_control() {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
        printable
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>().trim_end().to_owned()
}
