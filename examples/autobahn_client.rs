//! The client that the Autobahn test suite tests: `autobahn_client ws://127.0.0.1:9001 [--deflate]`.
//!
//! It asks the suite's fuzzing server for the number of cases, echoes through each, and has the report
//! written at the end.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, sync::Arc, time::Duration};

use bowline::{Client, CloseCode, Config, Deflate, Error, Message, WebSocket, client};

const AGENT: &str = "bowline";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (flags, uris): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|word| word.starts_with('-'));
    let uri = uris.first().map_or("ws://127.0.0.1:9001", String::as_str).trim_end_matches('/');
    let is_deflated = flags.iter().any(|flag| flag == "--deflate");
    let config = Config::new().with_max_frame_size(64 << 20).with_max_message_size(64 << 20);
    let config = Arc::new(config);

    let count = case_count(uri).await?;
    for case in 1..=count {
        let uri = format!("{uri}/runCase?case={case}&agent={AGENT}");
        let mut client = Client::new(uri)?.config(config.clone());
        if is_deflated {
            client = client.deflate(Deflate::new());
        }
        let (ws, _) = client.connect().await?;
        // Most cases break a rule, so that an error is an ordinary end.
        match echo(ws).await {
            Ok(()) => println!("case {case} of {count}"),
            Err(error) => println!("case {case} of {count}: {error}"),
        }
    }
    // The suite writes all its reports before it answers.
    let config = Config::new().with_handshake_timeout(Some(Duration::from_secs(120)));
    let client = Client::new(format!("{uri}/updateReports?agent={AGENT}"))?.config(config);
    let (mut ws, _) = client.connect().await?;
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

async fn case_count(uri: &str) -> Result<u32, Error> {
    let (mut ws, _) = client::connect(format!("{uri}/getCaseCount")).await?;
    let mut count = 0;
    while let Some(message) = ws.next().await {
        if let Message::Text(text) = message? {
            count = text.parse().unwrap_or_default();
        }
    }
    Ok(count)
}

async fn echo(mut ws: WebSocket<client::Stream>) -> Result<(), Error> {
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }
    Ok(())
}
