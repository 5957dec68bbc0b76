//! Sending and closing where nothing arrives, or no acknowledgement.

use bowline::{Config, Error, WebSocket};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    ends::{Ends, SECOND, assert_takes, step, untimed},
    path::{LOSSES, Loss, Path},
};

/// More than both sockets' buffers hold, of any size that Linux gives them by itself.
const MUCH: usize = 32 << 20;

async fn assert_send_ends(mut ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin>, loss: Loss) {
    let what = format!("a send by the {:?}, {loss:?}", ws.role());
    let start = Instant::now();
    let sent = step(&what, ws.send(Bytes::from(vec![0; MUCH]))).await;
    assert_takes(&what, start.elapsed(), SECOND, SECOND);
    let Err(error) = sent else { panic!("{what}: done") };
    assert!(matches!(error, Error::SendTimeout), "{what}: {error:?}");
    assert!(error.is_disconnect());
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_send_ends_within_its_timeout() {
    join_all(LOSSES.map(|loss| async move {
        let impatient = || untimed().with_send_timeout(Some(SECOND));
        let (by_client, by_server) = (Path::new(), Path::new());
        let one = Ends::open(&by_client, impatient(), untimed()).await;
        let other = Ends::open(&by_server, untimed(), impatient()).await;
        by_client.lose(loss);
        by_server.lose(loss);
        tokio::join!(assert_send_ends(one.client, loss), assert_send_ends(other.server, loss));
    }))
    .await;
}

async fn assert_close_ends(mut ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin>, loss: Loss) {
    let what = format!("a close by the {:?}, {loss:?}", ws.role());
    let start = Instant::now();
    let closed = step(&what, ws.close(1000, "")).await;
    assert_takes(&what, start.elapsed(), SECOND, SECOND);
    let Err(error) = closed else { panic!("{what}: done with {closed:?}") };
    assert!(matches!(error, Error::CloseTimeout), "{what}: {error:?}");
    assert!(error.is_disconnect());
}

/// Where it reads, the other end answers; the answer may be what is lost.
fn read_on(mut ws: WebSocket<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>) {
    tokio::spawn(async move { while ws.next().await.is_some() {} });
}

fn closing() -> Config {
    untimed().with_close_timeout(Some(SECOND))
}

#[tokio::test]
#[ignore = "needs two network namespaces: tests/network/run"]
async fn a_close_ends_within_its_timeout() {
    join_all(LOSSES.map(|loss| async move {
        let (by_client, by_server) = (Path::new(), Path::new());
        let one = Ends::open(&by_client, closing(), untimed()).await;
        let other = Ends::open(&by_server, untimed(), closing()).await;
        by_client.lose(loss);
        by_server.lose(loss);
        read_on(one.server);
        read_on(other.client);
        tokio::join!(assert_close_ends(one.client, loss), assert_close_ends(other.server, loss));
    }))
    .await;
}
