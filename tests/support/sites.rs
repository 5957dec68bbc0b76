//! Servers on ports of their own that answer as a test tells them, and keep what they were asked.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowline::{Deflate, Error, Message, Request, Server, client::tokio_rustls::TlsAcceptor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// What a server does when it has read a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Opens the WebSocket, and echoes.
    WebSocket,
    /// The same after this.
    Interim(Vec<u8>),
    /// Says 101 with what becomes of the right accept value, with more headers, and in the same write with more bytes;
    /// and then nothing until the client hangs up.
    Upgrade(fn(String) -> String, &'static str, Vec<u8>),
    /// Writes this, and is a tunnel to there, as a proxy.
    Tunnel(Vec<u8>, SocketAddr),
    /// Writes this, and hangs up.
    Bytes(Vec<u8>),
    /// Writes this, and then nothing until the client hangs up.
    Silence(Vec<u8>),
    /// Writes this, and then the other again and again until the client hangs up, with such pauses.
    Endless(Vec<u8>, Vec<u8>, Duration),
}

impl Answer {
    /// A whole response with a body.
    pub(crate) fn response(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n");
        Self::Bytes([head.as_bytes(), body.as_bytes()].concat())
    }

    /// A redirect with a body.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::response(status, &format!("Location: {location}\r\n"), "moved")
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Site {
    /// Answers each request by its target.
    pub(crate) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::launch(None, Arc::new(answer)).await
    }

    /// The same over TLS.
    pub(crate) async fn secure(
        acceptor: TlsAcceptor,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Some(acceptor), Arc::new(answer)).await
    }

    async fn launch(
        acceptor: Option<TlsAcceptor>,
        answer: Arc<dyn Fn(&str) -> Answer + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        let task = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.expect("a connection");
                let (answer, kept, acceptor) = (answer.clone(), kept.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // How a client goes is its own affair.
                    let _ = match acceptor {
                        Some(acceptor) => match acceptor.accept(tcp).await {
                            Ok(tls) => serve(tls, &*answer, &kept).await,
                            Err(error) => Err(error.into()),
                        },
                        None => serve(tcp, &*answer, &kept).await,
                    };
                });
            }
        });
        Self { address, heads, task }
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// The heads of the requests until now.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }

    /// What the requests until now were for.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.heads().iter().map(|head| target(head).to_owned()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    mut io: T,
    answer: &(dyn Fn(&str) -> Answer + Send + Sync),
    heads: &Mutex<Vec<String>>,
) -> Result<(), Error> {
    let head = read_head(&mut io).await?;
    heads.lock().expect("no panic").push(head.clone());
    match answer(target(&head)) {
        Answer::WebSocket => return echo(&head, io).await,
        Answer::Interim(bytes) => {
            io.write_all(&bytes).await?;
            return echo(&head, io).await;
        }
        Answer::Upgrade(accept, headers, behind) => {
            let accept = accept(accept_value(&head));
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
            );
            io.write_all(&[head.as_bytes(), &behind].concat()).await?;
            io.flush().await?;
        }
        Answer::Tunnel(bytes, to) => {
            let mut tcp = TcpStream::connect(to).await?;
            io.write_all(&bytes).await?;
            tokio::io::copy_bidirectional(&mut io, &mut tcp).await?;
            return Ok(());
        }
        Answer::Bytes(bytes) => {
            io.write_all(&bytes).await?;
            io.shutdown().await?;
        }
        Answer::Silence(bytes) => {
            io.write_all(&bytes).await?;
            io.flush().await?;
        }
        Answer::Endless(bytes, more, pause) => {
            io.write_all(&bytes).await?;
            loop {
                io.write_all(&more).await?;
                io.flush().await?;
                sleep(pause).await;
            }
        }
    }
    io.read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// Byte by byte, because what comes behind it is not its own.
pub(crate) async fn read_head(io: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

/// Opens the WebSocket that this request has asked for, and echoes.
pub(crate) async fn echo<T: AsyncRead + AsyncWrite + Unpin>(
    head: &str,
    io: T,
) -> Result<(), Error> {
    let (read, write) = split(io);
    let io = tokio::io::join(head.as_bytes().chain(read), write);
    let pending = Server::new().deflate(Deflate::new()).receive(io).await?;
    let mut ws = pending.choose_subprotocol(["chat"]).accept().await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => ws.feed(text).await?,
            Message::Binary(bytes) => ws.feed(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}

/// The accept value for this request (RFC 6455 section 4.2.2).
fn accept_value(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let request = http::Request::get(target(head));
    let request = lines.fold(request, |request, (name, value)| request.header(name, value));
    match Request::over_http1(request.body(()).expect("a request")) {
        Ok(Request::WebSocket(offer)) => {
            let (response, _) = offer.agree().expect("nothing but what was offered");
            response.headers()["sec-websocket-accept"].to_str().expect("text").to_owned()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn target(head: &str) -> &str {
    head.split(' ').nth(1).expect("a request line")
}

/// The values of a header in a head.
pub(crate) fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}
