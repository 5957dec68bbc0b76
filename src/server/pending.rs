use std::future::Future;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    handshake::{self, Answer, Offer, Request},
    vocabulary::{Deflate, Error, HandshakeError, Role, trace},
    websocket::{Opening, WebSocket},
};

type ServerOpening<T> = Opening<T, handshake::Server>;

/// A request that has been read and waits for an answer: [`accept`](Self::accept),
/// [`reject`](Self::reject) or [`respond`](Self::respond). Dropping it closes the connection unanswered.
#[derive(Debug)]
pub struct Pending<T> {
    // Boxed, because a caller's future keeps room for each place that a value moves through.
    opening: Box<ServerOpening<T>>,
    request: Box<Request>,
    deflate: Option<Deflate>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Pending<T> {
    pub(super) fn new(
        opening: ServerOpening<T>,
        request: Request,
        deflate: Option<Deflate>,
    ) -> Self {
        Self { opening: Box::new(opening), request: Box::new(request), deflate }
    }

    /// Whether a WebSocket is asked for; otherwise it is any other HTTP request.
    pub fn is_websocket(&self) -> bool {
        matches!(*self.request, Request::WebSocket(_))
    }

    /// The request's head.
    pub fn request(&self) -> &http::Request<()> {
        match &*self.request {
            Request::WebSocket(offer) => offer.request(),
            Request::Http(request) => request,
        }
    }

    /// The method; GET where a WebSocket is asked for.
    pub fn method(&self) -> &Method {
        self.request().method()
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.request().uri().path()
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.request().uri().query()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.request().headers()
    }

    /// `Origin`: where a page that asks was loaded from. Only browsers send it, and they do so truly; a
    /// server that takes cookies for proof must look at it (RFC 6455 section 10.2).
    pub fn origin(&self) -> Option<&str> {
        handshake::origin(self.request())
    }

    /// The cookies, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        handshake::cookies(self.request())
    }

    /// The subprotocols that the client would speak, in its order of preference.
    pub fn requested_protocols(&self) -> impl Iterator<Item = &str> {
        let offer = match &*self.request {
            Request::WebSocket(offer) => Some(offer),
            Request::Http(_) => None,
        };
        offer.into_iter().flat_map(Offer::requested_protocols)
    }

    /// The transport, as for the peer's address.
    pub fn get_ref(&self) -> &T {
        self.opening.get_ref()
    }

    /// Chooses the first of these subprotocols, in the server's order, that the client requested; none
    /// where it requested none of them.
    #[must_use]
    pub fn choose_subprotocol<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.map_offer(|offer| offer.choose_subprotocol(names))
    }

    /// Chooses a subprotocol for [`accept`](Self::accept). One that was not requested fails there.
    #[must_use]
    pub fn subprotocol(self, name: &str) -> Self {
        self.map_offer(|offer| offer.subprotocol(name))
    }

    /// Accepts permessage-deflate for this connection, in place of what [`Server::deflate`](super::Server::deflate)
    /// says, where the client offers it in a way that fits. Otherwise messages stay uncompressed.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Adds a header to the response of [`accept`](Self::accept). A bad one, or one that the handshake
    /// sets itself, fails there.
    #[must_use]
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.map_offer(|offer| offer.header(name, value))
    }

    /// Accepts the WebSocket. A request for anything else is answered with 426.
    ///
    /// Not cancel-safe: the future owns the transport.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::NotWebSocket`]; [`Error::Usage`] for a subprotocol or header that can't be in
    /// the response, where the client gets 500; [`Error::Io`] and [`HandshakeError::TimedOut`].
    pub fn accept(self) -> impl Future<Output = Result<WebSocket<T>, Error>> {
        // Boxed, because the caller's future would keep room for the handshake as long as it lives.
        Box::pin(trace::handshake(Role::Server, "opened", self.accept_offer()))
    }

    async fn accept_offer(mut self) -> Result<WebSocket<T>, Error> {
        let answer = match *self.request {
            Request::WebSocket(offer) => offer.for_websocket(self.deflate).accept(),
            Request::Http(_) => {
                return Err(refuse(*self.opening, HandshakeError::NotWebSocket).await);
            }
        };
        match self.opening.send(answer).await {
            Ok(()) => Ok(self.opening.into_websocket()),
            Err(Error::Usage(error)) => {
                let answer = status_only(StatusCode::INTERNAL_SERVER_ERROR);
                // The caller's mistake is the news, not how the client takes it.
                let _ = send_final(*self.opening, answer).await;
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    fn map_offer(mut self, change: impl FnOnce(Offer) -> Offer) -> Self {
        if let Request::WebSocket(offer) = *self.request {
            *self.request = Request::WebSocket(change(offer));
        }
        self
    }

    /// Rejects the request with this status and no body, and closes the connection.
    ///
    /// Not cancel-safe: the future owns the transport.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for a status below 200; [`Error::Io`] and [`HandshakeError::TimedOut`].
    pub async fn reject(self, status: StatusCode) -> Result<(), Error> {
        self.respond(status_only(status)).await
    }

    /// Answers with an HTTP response, its length and `Connection: close` added, and closes the connection:
    /// one request each. The body is left out where the method is HEAD.
    ///
    /// Not cancel-safe: the future owns the transport.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for a status below 200; [`Error::Io`] and [`HandshakeError::TimedOut`].
    pub async fn respond(self, response: Response<impl Into<Bytes>>) -> Result<(), Error> {
        Box::pin(send_final(*self.opening, response.map(Into::into))).await
    }
}

fn status_only(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

async fn send_final<T>(
    mut opening: ServerOpening<T>,
    response: Response<Bytes>,
) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    opening.send(Answer::from(response)).await?;
    opening.finish().await
}

/// Answers what can't become a WebSocket; gives the reason back.
pub(super) async fn refuse<T>(opening: ServerOpening<T>, error: HandshakeError) -> Error
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // The client's mistake is the news, not how it takes the answer.
    let _ = send_final(opening, error.response()).await;
    error.into()
}
