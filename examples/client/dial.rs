//! From options to a `Client`, and what came of it.

use bowline::{
    Client, Config, WebSocket,
    client::{Proxy, Stream},
};
use http::Response;

use crate::{options::Options, trust::Trust};

/// The client; what can't be, in words.
pub(crate) fn client(options: &Options) -> Result<Client, String> {
    let misuse = |error: bowline::Error| format!("{}: {error}", options.uri);
    // A filter waits for whoever is slow: here for a server that is, and for a reader of our output that holds it up.
    // That somebody is still there keepalive sees to.
    let config = Config::new().with_send_timeout(None);
    let mut client = Client::new(&options.uri)
        .map_err(misuse)?
        .config(config)
        .subprotocols(&options.subprotocols)
        .redirects(options.redirects);
    for (name, value) in &options.headers {
        client = client.header(name, value);
    }
    if let Some(deflate) = options.deflate {
        client = client.deflate(deflate);
    }
    if let Some(timeout) = options.connect_timeout {
        client = client.connect_timeout(Some(timeout));
    }
    if let Some(proxy) = &options.proxy {
        client = client.proxy(Proxy::new(proxy).map_err(|error| error.to_string())?);
    }
    if let Some(config) = options.trust.config()? {
        client = client.tls(config);
    }
    if let Trust::Anybody = options.trust {
        eprintln!("client: WARNING: --insecure takes any certificate: the server may be anybody");
    }
    over(client, options)
}

#[cfg(unix)]
fn over(client: Client, options: &Options) -> Result<Client, String> {
    Ok(match &options.unix {
        Some(path) => client.unix_socket(path),
        None => client,
    })
}

#[cfg(not(unix))]
fn over(client: Client, options: &Options) -> Result<Client, String> {
    match &options.unix {
        Some(_) => Err("there are no Unix sockets here".into()),
        None => Ok(client),
    }
}

/// Shows what was agreed on, and on which way.
pub(crate) fn greet(ws: &WebSocket<Stream>, response: &Response<()>, options: &Options) {
    eprintln!("{}, subprotocol {}", response.status(), ws.subprotocol().unwrap_or("none"));
    for extension in ws.extensions() {
        eprintln!("extension {extension}");
    }
    if options.deflate.is_some() && ws.extensions().is_empty() {
        eprintln!("no compression: the server has none to offer");
    }
    let tls = ws.get_ref().tls();
    if let Some((version, suite)) =
        tls.and_then(|tls| tls.protocol_version().zip(tls.negotiated_cipher_suite()))
    {
        // As others write it: TLSv1.3.
        let version = format!("{version:?}").replace('_', ".");
        eprintln!("{version}, {:?}", suite.suite());
    }
    if options.proxy.is_some()
        && let Some(address) = ws.get_ref().tcp().and_then(|tcp| tcp.peer_addr().ok())
    {
        eprintln!("through the proxy at {address}");
    }
}
