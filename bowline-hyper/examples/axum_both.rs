//! One route for a page and its WebSocket, on axum: `cargo run -p bowline-hyper --example axum_both [ADDR] [ORIGIN]...`.
//!
//! The page counts clicks, those of all who have it open. It may come from this server, or from the origins named, such as
//! `https://example.com` or `https://*.example.com`; pages from elsewhere are refused with a 403.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, error::Error, process::ExitCode};

use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Response},
    routing::any,
};
use bowline::{Message, WebSocket};
use bowline_hyper::{Io, Origins, axum::WebSocketUpgrade};
use tokio::{net::TcpListener, sync::watch};

const USAGE: &str = "usage: axum_both [ADDR] [ORIGIN]...";

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>axum_both</title>
<link rel="icon" href="data:,">
<style>button { font: 3rem system-ui; padding: 1rem 2rem; margin: 2rem; }</style>
<button id="clicks" disabled>…</button>
<script>
    const button = document.getElementById("clicks");
    const ws = new WebSocket(location.href.replace(/^http/, "ws"));
    ws.onmessage = ({ data }) => { button.textContent = data; button.disabled = false; };
    ws.onclose = ({ code }) => { button.textContent = `closed: ${code}`; button.disabled = true; };
    button.onclick = () => ws.send("click");
</script>
"#;

/// What all requests share.
#[derive(Clone)]
struct Shared {
    clicks: watch::Sender<u64>,
    origins: Origins,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    if address.starts_with('-') {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let origins = match Origins::list(words) {
        Ok(origins) => origins.or_same_host(),
        Err(error) => {
            eprintln!("axum_both: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&address, origins).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum_both: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str, origins: Origins) -> Result<(), Box<dyn Error>> {
    let shared = Shared { clicks: watch::Sender::new(0), origins };
    // `any`, because a WebSocket is a GET over HTTP/1.1, and a CONNECT over HTTP/2.
    let app = Router::new().route("/", any(page_or_socket)).with_state(shared);
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn page_or_socket(
    State(shared): State<Shared>,
    upgrade: Option<WebSocketUpgrade>,
) -> Response {
    match upgrade {
        Some(upgrade) => upgrade.origins(shared.origins).on_upgrade(|ws| count(ws, shared.clicks)),
        None => Html(PAGE).into_response(),
    }
}

/// Counts this one's clicks, and tells it of everybody's.
async fn count(mut ws: WebSocket<Io>, clicks: watch::Sender<u64>) -> Result<(), bowline::Error> {
    let mut changes = clicks.subscribe();
    changes.mark_changed();
    loop {
        tokio::select! {
            message = ws.next() => match message.transpose()? {
                Some(Message::Text(_)) => clicks.send_modify(|clicks| *clicks += 1),
                Some(_) => {}
                None => return Ok(()),
            },
            // It can't fail: this task holds a sender itself.
            Ok(()) = changes.changed() => {
                let now = *changes.borrow_and_update();
                ws.send(now.to_string()).await?;
            }
        }
    }
}
