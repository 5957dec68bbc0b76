use std::sync::Arc;

use bowline::{Client, Config, Error, HandshakeError, Proposal, WebSocket};
use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{
    body::{Body, Incoming},
    client::conn::http2::SendRequest,
    ext::Protocol,
};
use tokio::time::Instant;

use crate::{
    Io,
    deadline::{deadline, io_error, within},
};

/// How much of a refusal's body is kept.
const MAX_BODY: usize = 64 << 10;

/// Opens a WebSocket as a stream of an HTTP/2 connection that the caller drives, and of which the caller knows that the
/// server's SETTINGS allow it: "A client MUST NOT" ask before (RFC 8441 section 3). [`Http2`](super::Http2) waits for them.
///
/// Not cancel-safe: dropped, the stream is reset; the HTTP/2 connection is as it was.
///
/// # Errors
///
/// [`HandshakeError::Refused`] with the response and up to 64 KiB of its body where the server answers anything but 200;
/// other handshake errors where its answer breaks a rule or takes longer than `handshake_timeout`, 10 seconds unless set;
/// [`Error::Usage`] for a bad header or subprotocol, with nothing sent; [`Error::Io`] where the HTTP/2 connection fails.
pub async fn connect_h2<B, C>(
    send: &mut SendRequest<B>,
    client: C,
) -> Result<(WebSocket<Io>, Response<()>), Error>
where
    B: Body + Default + 'static,
    C: TryInto<Client>,
    Error: From<C::Error>,
{
    let (proposal, config) = client.try_into()?.propose_over_http2()?;
    let by = deadline(&config);
    // Boxed, because the caller's future would keep room for the handshake as long as it lives.
    Box::pin(open(send, &proposal, config, by)).await
}

pub(super) async fn open<B>(
    send: &mut SendRequest<B>,
    proposal: &Proposal,
    config: Arc<Config>,
    by: Option<Instant>,
) -> Result<(WebSocket<Io>, Response<()>), Error>
where
    B: Body + Default + 'static,
{
    let answer = async {
        send.ready().await.map_err(io_error)?;
        send.send_request(extended(proposal.request())).await.map_err(io_error)
    };
    let mut response = within(by, answer).await?;
    let on_upgrade = hyper::upgrade::on(&mut response);
    // hyper gives the stream away for 200 alone, of all the 2xx that a CONNECT may be answered with.
    if response.status() != StatusCode::OK {
        let refusal = collect(response, by).await;
        return Err(HandshakeError::Refused(Box::new(refusal)).into());
    }
    let head = response.map(|_| Bytes::new());
    let agreed = proposal.judge(&head)?;
    let upgraded = within(by, async { on_upgrade.await.map_err(io_error) }).await?;
    let (io, read) = Io::new(upgraded);
    Ok((WebSocket::agreed(io, agreed, read, config), head.map(drop)))
}

/// The request as hyper sends an extended CONNECT.
fn extended<B: Default>(head: &Request<()>) -> Request<B> {
    let mut request = head.clone().map(|()| B::default());
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request
}

/// The response with its body, as far as it comes in time and is kept.
async fn collect(response: Response<Incoming>, by: Option<Instant>) -> Response<Bytes> {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let _ = within(by, async {
        while let (Some(Ok(frame)), true) = (incoming.frame().await, body.len() < MAX_BODY) {
            let data = frame.into_data().unwrap_or_default();
            body.extend_from_slice(&data[..data.len().min(MAX_BODY - body.len())]);
        }
        Ok(())
    })
    .await;
    Response::from_parts(head, body.freeze())
}
