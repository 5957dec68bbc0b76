//! The examples as a user runs them: processes, with ports, pipes, signals and exit statuses.

#![allow(clippy::unwrap_used)]

#[path = "../support/authority.rs"]
mod authority;
mod broadcast;
mod client;
mod codecs;
mod deflate;
mod inspect;
#[path = "../support/program.rs"]
mod program;
mod tls;
mod tunnel;
mod upload;

use std::{env, fmt::Debug, fs, process::Output};

use base64::{Engine, engine::general_purpose::STANDARD};
use bowline::{Client, CloseCode, CloseFrame, Error, Message, MessageCodec, Server, WebSocket};
use futures_util::{SinkExt, StreamExt};
use http::{Response, StatusCode};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};
use tokio_util::codec::{Framed, LinesCodec};

use program::{Run, Service, example, run, run_command, within};

async fn echo_server() -> Service {
    Service::start("echo_server", "echo_server: ").await
}
