//! Several WebSockets over one HTTP/2 connection (RFC 8441), each with a conversation of its own:
//! `cargo run --release -p bowline-hyper --example h2_client -- ws://127.0.0.1:9001/ [--sockets N] [--size BYTES]
//! [--protocol NAME]... [--deflate] [--ca FILE.pem]`.
//!
//! The server echoes, as the example `hyper_echo` does. `ws://` is HTTP/2 from the first byte on, for there is nothing to
//! agree on it with; `wss://` is TLS that chooses it (ALPN), and trusts whom `--ca` names. Each socket sends a text and
//! a binary message of `--size` bytes (1 MiB), reads both back and closes with 1000.
//!
//! The exit status says whether all went so: 1 where the server refused, closed first, or sent something else.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{env, error::Error, process::ExitCode, sync::Arc, time::Duration};

use bowline::{Client, Deflate, HandshakeError, Message, WebSocket};
use bowline_hyper::{Http2, Io};
use bytes::Bytes;
use http::Uri;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

const USAGE: &str = "usage: h2_client URI [--sockets N] [--size BYTES] [--protocol NAME]... \
                     [--deflate] [--ca FILE.pem]";

/// For one conversation, and for the connection.
const PATIENCE: Duration = Duration::from_secs(20);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("h2_client: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    uri: String,
    sockets: usize,
    size: usize,
    protocols: Vec<String>,
    deflate: Option<Deflate>,
    ca: Option<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (sockets, size) = (3, 1 << 20);
        let (uri, protocols, deflate, ca) = (String::new(), Vec::new(), None, None);
        let mut arguments = Self { uri, sockets, size, protocols, deflate, ca };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--sockets" => arguments.sockets = words.next()?.parse().ok()?,
                "--size" => arguments.size = words.next()?.parse().ok()?,
                "--protocol" => arguments.protocols.push(words.next()?),
                "--deflate" => arguments.deflate = Some(Deflate::new()),
                "--ca" => arguments.ca = Some(words.next()?),
                _ if word.starts_with('-') || !arguments.uri.is_empty() => return None,
                _ => arguments.uri = word,
            }
        }
        (!arguments.uri.is_empty()).then_some(arguments)
    }

    fn client(&self) -> Result<Client, bowline::Error> {
        let client = Client::new(&self.uri)?.subprotocols(&self.protocols);
        Ok(match self.deflate {
            Some(deflate) => client.deflate(deflate),
            None => client,
        })
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut http2 = timeout(PATIENCE, dial(&arguments)).await??;
    let mut talks = JoinSet::new();
    for number in 1..=arguments.sockets {
        let (ws, response) = match http2.connect(arguments.client()?).await {
            Ok(opened) => opened,
            Err(error) => return Err(refused(number, error)),
        };
        let protocol = ws.subprotocol().unwrap_or("none");
        println!("socket {number}: open, {}, subprotocol {protocol}", response.status());
        talks.spawn(timeout(PATIENCE, talk(ws, number, arguments.size)));
    }
    while let Some(talk) = talks.join_next().await {
        talk???;
    }
    Ok(())
}

/// The connection that all sockets share.
async fn dial(arguments: &Arguments) -> Result<Http2, Failure> {
    let uri: Uri = arguments.uri.parse()?;
    let is_tls = uri.scheme_str() == Some("wss");
    let host = uri.host().ok_or("a URI without a host")?.to_owned();
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    tcp.set_nodelay(true)?;
    if !is_tls {
        return Ok(Http2::handshake(tcp).await?);
    }
    let ca = arguments.ca.as_deref().ok_or("wss:// needs --ca FILE.pem")?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(host)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    // A server that knows nothing of ALPN would be spoken to in the wrong language.
    if tls.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("the server doesn't speak HTTP/2".into());
    }
    Ok(Http2::handshake(tls).await?)
}

fn refused(number: usize, error: bowline::Error) -> Failure {
    if let bowline::Error::Handshake(reason) = &error
        && let HandshakeError::Refused(response) = &**reason
    {
        let body = String::from_utf8_lossy(response.body());
        let status = response.status();
        return format!("socket {number}: refused, {status}: {}", body.trim_end()).into();
    }
    format!("socket {number}: {error}").into()
}

async fn talk(mut ws: WebSocket<Io>, number: usize, size: usize) -> Result<(), Failure> {
    let text = format!("hello from socket {number}");
    let bytes: Bytes = (0..size).map(|at| (at * 31 + (at >> 8)) as u8).collect();
    // Both ways at once: an echo larger than what may be on its way would wait for its reader, and its writer for it.
    let (mut reader, mut writer) = ws.split();
    let sent = async {
        writer.send(text.as_str()).await?;
        writer.send(bytes.clone()).await
    };
    let received = async {
        let mut echoes = 0;
        while echoes < 2 {
            match reader.next().await.ok_or("the connection has ended")?? {
                Message::Text(echo) if echoes == 0 && *echo == *text => echoes += 1,
                Message::Binary(echo) if echoes == 1 && echo == bytes => echoes += 1,
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(Some(close)) => {
                    let (code, reason) = (u16::from(close.code), close.reason);
                    return Err(format!("closed by the server: {code} {reason}").into());
                }
                other => return Err(format!("in place of an echo: {other:?}").into()),
            }
        }
        Ok::<_, Failure>(())
    };
    let (sent, received) = tokio::join!(sent, received);
    received.map_err(|error| format!("socket {number}: {error}"))?;
    sent?;
    println!("socket {number}: {} and {size} bytes came back", text.len());
    ws = reader.reunite(writer).expect("halves of one");
    let close = ws.close(1000, "bye").await?;
    let code = close.map_or(0, |close| u16::from(close.code));
    println!("socket {number}: closed, {code}");
    Ok(())
}
