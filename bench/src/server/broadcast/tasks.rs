//! What one listener's connection does on the server.

use std::io;

use ::bowline::{Error, Message, Prepared, hub::Subscription};
use bytes::Bytes;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{Audience, publisher::Source};
use crate::{server::handshake, setting::Setting};

/// The floor.
pub(super) async fn write(
    mut tcp: TcpStream,
    setting: Setting,
    mut source: Source<Bytes>,
    audience: Audience,
) -> io::Result<()> {
    handshake::answer(&mut tcp, setting).await?;
    audience.join();
    while let Some(frame) = source.next().await {
        tcp.write_all(&frame).await?;
    }
    Ok(())
}

/// bowline whole: sends and reads in one task.
pub(super) async fn whole(
    tcp: TcpStream,
    server: &'static ::bowline::Server,
    mut source: Source<Prepared>,
    audience: Audience,
) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
    audience.join();
    loop {
        tokio::select! {
            Some(message) = source.next() => ws.send_prepared(&message).await?,
            message = ws.next() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}

/// bowline's halves: a task sends, another reads.
pub(super) async fn halves(
    tcp: TcpStream,
    server: &'static ::bowline::Server,
    mut source: Source<Prepared>,
    audience: Audience,
) -> Result<(), Error> {
    let ws = server.receive(tcp).await?.accept().await?;
    let (mut reader, mut writer) = ws.split();
    tokio::spawn(async move {
        while let Some(message) = source.next().await {
            writer.send_prepared(&message).await?;
        }
        Ok::<(), Error>(())
    });
    audience.join();
    while let Some(message) = reader.next().await {
        drop(message?);
    }
    Ok(())
}

/// As [`whole`], encoding and compressing each message for itself.
pub(super) async fn each(
    tcp: TcpStream,
    server: &'static ::bowline::Server,
    mut source: Source<Message>,
    audience: Audience,
) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
    audience.join();
    loop {
        tokio::select! {
            Some(message) = source.next() => ws.send(message).await?,
            message = ws.next() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}

/// The hub's own way: a task forwards, another reads.
pub(super) async fn forward(
    tcp: TcpStream,
    server: &'static ::bowline::Server,
    mut news: Subscription,
    audience: Audience,
) -> Result<(), Error> {
    let ws = server.receive(tcp).await?.accept().await?;
    let (mut reader, mut writer) = ws.split();
    tokio::spawn(async move { news.forward(&mut writer).await });
    audience.join();
    while let Some(message) = reader.next().await {
        drop(message?);
    }
    Ok(())
}

/// The hub in one task, on the whole connection.
pub(super) async fn subscribe(
    tcp: TcpStream,
    server: &'static ::bowline::Server,
    mut news: Subscription,
    audience: Audience,
) -> Result<(), Error> {
    let mut ws = server.receive(tcp).await?.accept().await?;
    audience.join();
    loop {
        tokio::select! {
            Some(message) = news.next() => ws.send_prepared(&message).await?,
            message = ws.next() => match message {
                Some(message) => drop(message?),
                None => return Ok(()),
            },
        }
    }
}
