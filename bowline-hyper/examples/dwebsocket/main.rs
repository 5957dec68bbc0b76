//! What a Django view did with dwebsocket, done here, each in a view of its own:
//! `cargo run -p bowline-hyper --example dwebsocket [ADDR]`.
//!
//! `views.rs` has the views, with the Python that each stands for; `inbox.rs` a queue of messages for those that want one.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod inbox;
mod views;

use std::{env, io, process::ExitCode};

use axum::{Router, routing::any};
use bowline_hyper::{Options, WebSocketLayer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let address = match &words[..] {
        [] => "127.0.0.1:8000",
        [address] if !address.starts_with('-') => address,
        _ => {
            eprintln!("usage: dwebsocket [ADDR]");
            return ExitCode::from(2);
        }
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dwebsocket: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, urls()).await
}

/// `urls.py`.
fn urls() -> Router {
    Router::new()
        .route("/accept", any(views::accept_websocket))
        .route("/require", any(views::require_websocket))
        .route("/is-websocket", any(views::is_websocket))
        .nest_service("/all", accept_all())
        .route("/wait", any(views::wait))
        .route("/read", any(views::read))
        .route("/count", any(views::count_messages))
        .route("/iterate", any(views::iterate))
        .route("/send", any(views::send))
        .route("/close", any(views::close))
        .route("/closed", any(views::is_closed))
        .route("/return", any(views::returns))
        .route("/error", any(views::raises))
        .route("/panic", any(views::panics))
        .route("/frames", any(views::frames))
        .route("/subprotocol", any(views::subprotocol))
}

/// `MIDDLEWARE_CLASSES = ["dwebsocket.middleware.WebSocketMiddleware"]` and `WEBSOCKET_ACCEPT_ALL = True`: no view of these has to say
/// that it takes WebSockets.
fn accept_all() -> Router {
    let layer = WebSocketLayer::new(Options::new(), views::any_websocket);
    Router::new().fallback(async || "no WebSocket").layer(layer)
}
