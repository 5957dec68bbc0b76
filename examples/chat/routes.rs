//! The way in: the page for browsers, the WebSocket for the page, and nothing for anybody else.

use bowline::{
    Config, Deflate, Error, WebSocket,
    server::{Pending, Server},
};
use http::{Method, Response, StatusCode, header};

use crate::{page::page, protocol::MAX_MESSAGE_SIZE, tls::Transport};

/// Where a request is to go.
enum Route {
    Room,
    Page,
    NotAllowed,
    Refuse(StatusCode),
}

/// Reads one request. Returns the WebSocket where it asks for the room; everything else has been
/// answered when this returns `None`.
pub(crate) async fn receive(io: Transport) -> Result<Option<WebSocket<Transport>>, Error> {
    let config = Config::new().with_max_message_size(MAX_MESSAGE_SIZE);
    // Browsers offer compression. A guest's words and another's secret never share a context here: the
    // server keeps none.
    let server = Server::new().config(config).deflate(Deflate::new());
    let pending = server.receive(io).await?;
    match route(&pending) {
        Route::Room => return pending.accept().await.map(Some),
        Route::Page => pending.respond(page()).await?,
        Route::NotAllowed => pending.respond(not_allowed()).await?,
        Route::Refuse(status) => pending.reject(status).await?,
    }
    Ok(None)
}

fn route(pending: &Pending<Transport>) -> Route {
    match (pending.path(), pending.is_websocket()) {
        ("/ws", true) if is_same_origin(pending) => Route::Room,
        ("/ws", true) => Route::Refuse(StatusCode::FORBIDDEN),
        ("/", false) if matches!(*pending.method(), Method::GET | Method::HEAD) => Route::Page,
        ("/", false) => Route::NotAllowed,
        _ => Route::Refuse(StatusCode::NOT_FOUND),
    }
}

/// Browsers let any page open a WebSocket to any server, and say in `Origin` which page it is.
/// Without this check every site that somebody visits could chat in their name.
/// Programs that are not browsers send no `Origin`; they could send any, so they may come in.
fn is_same_origin(pending: &Pending<Transport>) -> bool {
    let headers = pending.headers();
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    // The header's own value, not a parsed one: what cannot be read must not count as absent.
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (authority, host) {
        (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false, // "null", for one: a sandboxed frame or a local file
    }
}

fn not_allowed() -> Response<&'static str> {
    Response::builder()
        .status(StatusCode::METHOD_NOT_ALLOWED)
        .header(header::ALLOW, "GET, HEAD")
        .body("")
        .expect("every header here is valid")
}
