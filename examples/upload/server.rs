//! The end that keeps the files.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bowline::{CloseCode, Config, Reader, Server, Writer};
use http::{StatusCode, header};
use tokio::{
    fs::File,
    net::{TcpListener, TcpStream},
    signal,
    sync::watch,
    task::JoinSet,
    time,
};

use crate::{
    Failure,
    progress::Progress,
    protocol::{MAX_TEXT_SIZE, Ready, Request, SUBPROTOCOL, Sum},
    store::{Existing, check_name},
    transfer,
};

/// How long open connections get for their closing handshakes after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Settings {
    pub(crate) address: String,
    pub(crate) directory: PathBuf,
    /// The largest file, in bytes.
    pub(crate) max: Option<u64>,
}

impl Settings {
    /// Files come as streamed messages, and are held to their own limit; what comes as a whole are small
    /// texts.
    fn config(&self) -> Config {
        let max = self.max.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        Config::new().with_max_message_size(MAX_TEXT_SIZE).with_max_streamed_size(max)
    }

    fn check_size(&self, size: Option<u64>) -> Result<(), Failure> {
        match (size, self.max) {
            (Some(size), Some(max)) if size > max => {
                Err(Failure::new(format!("{size} bytes, {max} allowed")))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    if !settings.directory.is_dir() {
        return Err(Failure::new(format!("{}: not a directory", settings.directory.display())));
    }
    let failed = |error| Failure::new(format!("{}: {error}", settings.address));
    let listener = TcpListener::bind(&settings.address).await.map_err(failed)?;
    let server = Server::new().config(settings.config());
    println!("upload: ws://{}/ keeps {}", listener.local_addr()?, settings.directory.display());

    let shared = Arc::new((server, settings));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let interrupt = signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let (shared, stopping) = (shared.clone(), stopping.clone());
                    connections.spawn(async move {
                        let (server, settings) = &*shared;
                        if let Err(failure) = connection(tcp, peer, server, settings, stopping).await {
                            eprintln!("upload: {peer}: {failure}");
                        }
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: trying again at once would spin.
                    eprintln!("upload: accept: {error}");
                    time::sleep(Duration::from_millis(100)).await;
                }
            },
            // A JoinSet keeps what has finished until somebody asks.
            Some(_) = connections.join_next() => {}
            result = &mut interrupt => break result?,
        }
    }
    drop(listener);
    drop(stop);
    // Whoever is not done in time is dropped with the set.
    let _ = time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

/// One TCP connection from the first byte to the last.
async fn connection(
    tcp: TcpStream,
    peer: SocketAddr,
    server: &Server,
    settings: &Settings,
    mut stopping: watch::Receiver<()>,
) -> Result<(), Failure> {
    let pending = server.receive(tcp).await?;
    // A page of another site could fill the disk in the name of whoever looks at it; programs send none.
    if pending.headers().contains_key(header::ORIGIN) {
        return Ok(pending.reject(StatusCode::FORBIDDEN).await?);
    }
    if !pending.requested_protocols().any(|name| name == SUBPROTOCOL) {
        return Ok(pending.reject(StatusCode::BAD_REQUEST).await?);
    }
    let ws = pending.subprotocol(SUBPROTOCOL).accept().await?;
    // The reader answers pings, and has to be polled while a file goes out: hence the halves.
    let (mut reader, mut writer) = ws.split();
    let served = tokio::select! {
        served = serve(&mut reader, &mut writer, peer, settings) => served,
        _ = stopping.changed() => {
            let _ = writer.close(CloseCode::AWAY, "the server is shutting down").await;
            Ok(())
        }
    };
    if let Err(failure) = &served {
        // Where the connection is over, this is nobody's news.
        let _ = writer.send(failure).await;
        let _ = writer.close(CloseCode::POLICY, "").await;
    }
    // Past what of a refused file is on its way, up to the peer's Close; the close timeout ends it.
    while reader.next_streamed().await.is_some() {}
    served
}

/// One request after the other, until the client closes or something goes wrong.
async fn serve(
    reader: &mut Reader<TcpStream>,
    writer: &mut Writer<TcpStream>,
    peer: SocketAddr,
    settings: &Settings,
) -> Result<(), Failure> {
    while let Some(request) = next_request(reader).await? {
        let (what, name, sum) = match request {
            Request::Put { name, size, existing } => {
                check_name(&name)?;
                settings.check_size(size)?;
                let sum = put(reader, writer, &name, existing, settings).await?;
                ("put", name, sum)
            }
            Request::Get { name } => {
                check_name(&name)?;
                let sum = get(reader, writer, &name, settings).await?;
                ("get", name, sum)
            }
        };
        println!("upload: {peer}: {what} {name}, {sum}");
    }
    Ok(())
}

async fn next_request(reader: &mut Reader<TcpStream>) -> Result<Option<Request>, Failure> {
    while let Some(message) = reader.next().await {
        let message = message?;
        if message.is_data() {
            let request = message.as_text().and_then(Request::parse);
            return Ok(Some(request.ok_or_else(|| Failure::new("not a request"))?));
        }
    }
    Ok(None)
}

async fn put(
    reader: &mut Reader<TcpStream>,
    writer: &mut Writer<TcpStream>,
    name: &str,
    existing: Existing,
    settings: &Settings,
) -> Result<Sum, Failure> {
    let path = settings.directory.join(name);
    let taken = || Failure::new(format!("there is a file {name:?} already"));
    if existing == Existing::Kept && tokio::fs::try_exists(&path).await? {
        return Err(taken());
    }
    writer.send(&Ready { name: name.to_owned(), size: None }).await?;
    let directory = &settings.directory;
    let (partial, sum) = transfer::receive(reader, directory, Progress::hidden()).await?;
    partial.keep(&path, existing).await.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => error.into(),
    })?;
    writer.send(&sum).await?;
    Ok(sum)
}

async fn get(
    reader: &mut Reader<TcpStream>,
    writer: &mut Writer<TcpStream>,
    name: &str,
    settings: &Settings,
) -> Result<Sum, Failure> {
    let absent = || Failure::new(format!("there is no file {name:?}"));
    let file = File::open(settings.directory.join(name)).await.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound { absent() } else { error.into() }
    })?;
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Err(absent());
    }
    writer.send(&Ready { name: name.to_owned(), size: Some(metadata.len()) }).await?;
    tokio::select! {
        sum = transfer::send(writer, file, Progress::hidden()) => Ok(sum?),
        // Only a Close can come here, or the end.
        text = transfer::text(reader) => match text {
            Ok(_) => Err(Failure::new("a text while a file is sent")),
            Err(failure) => Err(failure),
        }
    }
}
