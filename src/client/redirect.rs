//! Redirects, where they are asked for (RFC 9110 section 15.4, RFC 6455 section 4.1).

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION},
};

use super::{
    Client, Stream, dial,
    location::location,
    target::{Security, Target},
};
use crate::{
    vocabulary::{ConnectError, Error, HandshakeError, RedirectError, trace},
    websocket::WebSocket,
};

/// Connects; where the server sends the client elsewhere it goes there, as often as was asked for.
pub(super) async fn connect(
    mut client: Client,
) -> Result<(WebSocket<Stream>, Response<()>), Error> {
    let mut followed = 0;
    loop {
        let opening = open(client.clone());
        let response = match trace::connecting(&client.target.uri, opening).await {
            Ok(opened) => return Ok(opened),
            Err(error) if client.max_redirects == 0 => return Err(error),
            Err(error) => redirect(error)?,
        };
        if followed == client.max_redirects {
            let too_many = RedirectError::TooMany(followed);
            return Err(ConnectError::Redirect(too_many, response).into());
        }
        match next(&client.target, &response) {
            Ok(target) => {
                trace::redirected(&target.uri);
                go_to(&mut client, target);
            }
            Err(error) => return Err(ConnectError::Redirect(error, response).into()),
        }
        followed += 1;
    }
}

async fn open(client: Client) -> Result<(WebSocket<Stream>, Response<()>), Error> {
    // What can't be asked for is no reason to dial.
    client.request()?;
    let io = client.dialer.dial(&client.target).await?;
    client.handshake(io).await.map_err(dial::late)
}

/// The response that redirects; any other error as it is.
fn redirect(error: Error) -> Result<Box<Response<Bytes>>, Error> {
    let Error::Handshake(error) = error else { return Err(error) };
    match *error {
        HandshakeError::Refused(response) if is_redirect(response.status()) => Ok(response),
        error => Err(error.into()),
    }
}

/// Whether the status has `Location` followed, with the same method: it is GET.
fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

fn next(from: &Target, response: &Response<Bytes>) -> Result<Target, RedirectError> {
    let to = location(&from.uri, response).ok_or(RedirectError::InvalidLocation)?;
    match (from.security, to.security) {
        (Security::Tls, Security::Plain) => Err(RedirectError::Downgrade),
        _ => Ok(to),
    }
}

/// Points the client to where it was sent. What proves who its owner is goes to the same origin only.
fn go_to(client: &mut Client, mut to: Target) {
    if client.target.is_same_origin(&to) {
        to.authorization = to.authorization.or(client.target.authorization.take());
    } else {
        client.fields.retain(|name, value| !is_credential(name, value));
    }
    *client.target = to;
}

/// Whether a header is for one origin alone: what names the caller, what was marked as sensitive, and the name of
/// the host itself.
fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST].contains(name)
}
