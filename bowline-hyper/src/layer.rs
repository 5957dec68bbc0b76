use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bowline::WebSocket;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Io, Options, Outcome, is_websocket, upgrade};

/// A tower layer that takes the requests for WebSockets and passes the rest through.
///
/// The handler gets the connection and the request's head, with the extensions that outer layers have put there. What
/// asks for a WebSocket and breaks a rule, or comes from a page that may not connect, is answered with the rejection.
///
/// ```
/// use axum::{Router, routing::get};
/// use bowline::WebSocket;
/// use bowline_hyper::{Io, Options, WebSocketLayer};
///
/// let layer = WebSocketLayer::new(Options::new(), |mut ws: WebSocket<Io>, head: http::Request<()>| async move {
///     ws.send(format!("you asked for {}", head.uri())).await
/// });
/// let app: Router = Router::new().route("/", get(async || "a page")).layer(layer);
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketLayer<F> {
    options: Options,
    handler: F,
}

impl<F> WebSocketLayer<F> {
    /// A layer that accepts by these options, and runs this handler on each connection.
    pub fn new<Fut>(options: Options, handler: F) -> Self
    where
        F: Fn(WebSocket<Io>, Request<()>) -> Fut,
        Fut: Future<Output: Outcome>,
    {
        Self { options, handler }
    }
}

impl<S, F: Clone> Layer<S> for WebSocketLayer<F> {
    type Service = WebSocketService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        WebSocketService { inner, layer: self.clone() }
    }
}

/// The service that [`WebSocketLayer`] makes of another.
#[derive(Clone, Debug)]
pub struct WebSocketService<S, F> {
    inner: S,
    layer: WebSocketLayer<F>,
}

impl<S, F, Fut, B, R> Service<Request<B>> for WebSocketService<S, F>
where
    S: Service<Request<B>, Response = Response<R>>,
    F: Fn(WebSocket<Io>, Request<()>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !is_websocket(&request) {
            return ResponseFuture::Passed { inner: self.inner.call(request) };
        }
        let response = match upgrade(&mut request, &self.layer.options) {
            Ok(upgrade) => {
                let handler = self.layer.handler.clone();
                let head = request.map(drop);
                upgrade.on_upgrade(move |ws| handler(ws, head))
            }
            Err(rejection) => rejection.into(),
        };
        ResponseFuture::Taken { response: Some(response) }
    }
}

pin_project! {
    /// The future of a [`WebSocketService`]'s response.
    #[project = Projected]
    #[derive(Debug)]
    pub enum ResponseFuture<Fut> {
        /// The inner service answers.
        #[doc(hidden)]
        Passed { #[pin] inner: Fut },
        /// It was for a WebSocket, and is answered.
        #[doc(hidden)]
        Taken { response: Option<Response<Full<Bytes>>> },
    }
}

impl<Fut, R, E> Future for ResponseFuture<Fut>
where
    Fut: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Either<Full<Bytes>, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Passed { inner } => {
                Poll::Ready(ready!(inner.poll(cx)).map(|response| response.map(Either::Right)))
            }
            // A future that is polled after its end has nothing more to say.
            Projected::Taken { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(Either::Left))),
                None => Poll::Pending,
            },
        }
    }
}
